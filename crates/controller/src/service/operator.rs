//! What the operator on the controller's own machine may do beside: nobody owns anything there.

use std::sync::Arc;

use super::Controller;
use crate::model::{Node, NodeState, Unit, Wanted};
use crate::refusal::Refusal;

impl Controller {
    /// Begins anew what is on its way in a unit: for when something seems to be stuck. Gives how many nodes and disks that are.
    ///
    /// # Errors
    /// There is no such unit.
    pub fn clear_processing(&self, vcid: &str, unit: &str) -> Result<usize, Refusal> {
        let page = self.parts.book.page();
        let found = page.groups.get(vcid).and_then(|group| group.units.get(unit));
        let unit = found.ok_or_else(|| Refusal::missing(format!("vc {vcid} has no unit {unit}")))?;
        let nodes = unit.nodes.iter().filter(|node| !node.is_settled()).map(|node| &node.id);
        let disks = unit.disks.iter().filter(|disk| disk.state.is_passing()).map(|disk| &disk.id);
        let stuck: Vec<_> = nodes.chain(disks).collect();
        stuck.iter().for_each(|id| self.kick(vcid, id));
        Ok(stuck.len())
    }

    /// Says what state a node is in, for when the controller is wrong about it. From a state in which something is on its way, it goes on.
    ///
    /// # Errors
    /// There is no such node.
    pub async fn set_node_state(
        &self,
        vcid: &str,
        unit: &str,
        node: &str,
        state: NodeState,
    ) -> Result<(), Refusal> {
        let id = self.any_node(vcid, unit, node)?.1.id.clone();
        let change = self.parts.book.change(|page, changes| {
            let found = page.node(vcid, &id).ok_or_else(|| Refusal::missing(format!("node {id} is gone")))?;
            let wanted = match state {
                NodeState::Suspending | NodeState::Suspended => Wanted::Suspended,
                NodeState::Stopping | NodeState::Stopped => Wanted::Stopped,
                NodeState::ShuttingDown | NodeState::PowerOff => Wanted::PowerOff,
                NodeState::Deleting => Wanted::Gone,
                _ => Wanted::Running,
            };
            changes.put_node(
                vcid,
                unit,
                Node { state, wanted, error: String::new(), ..Node::clone(&found.item) },
            );
            Ok::<_, Refusal>(())
        });
        change.await.map_err(Refusal::from)?;
        self.kick(vcid, &id);
        Ok(())
    }

    /// Forgets the host key of a server, for when it was installed anew: the next one that it shows is taken for its own. `false`:
    /// none was known.
    ///
    /// # Errors
    /// The store does not take it.
    pub async fn forget_host_key(&self, address: std::net::IpAddr) -> Result<bool, Refusal> {
        let change = self.parts.book.change(|page, changes| {
            let mut server = page.server(address);
            let mut known = server.host_key.take().is_some();
            if known {
                changes.put_server(server);
            }
            for (group, unit, node) in page.nodes().filter(|(_, _, node)| node.address() == Some(address)) {
                known |= node.host_key.is_some();
                changes.put_node(&group.vcid, &unit.name, Node { host_key: None, ..Node::clone(node) });
            }
            Ok::<_, Refusal>(known)
        });
        Ok(change.await?)
    }

    /// The names of the unit groups that a user owns.
    pub fn groups_of(&self, user: &str) -> Vec<String> {
        let page = self.parts.book.page();
        let theirs = page.groups.values().filter(|group| group.owner == user);
        theirs.map(|group| group.name.clone()).collect()
    }

    /// A node by its id or its number, whoever owns it.
    pub(crate) fn any_node(
        &self,
        vcid: &str,
        unit: &str,
        node: &str,
    ) -> Result<(Arc<Unit>, Arc<Node>), Refusal> {
        let page = self.parts.book.page();
        let found = page.groups.get(vcid).and_then(|group| group.units.get(unit));
        let is_it = |one: &&Arc<Node>| one.id == node || one.no.to_string() == node;
        let found = found.and_then(|unit| Some((unit.clone(), unit.nodes.iter().find(is_it)?.clone())));
        found.ok_or_else(|| Refusal::missing(format!("vc {vcid}, unit {unit}: there is no node {node}")))
    }
}

//! Nodes: shown, removed, and told what to do, alone or all of a unit.

use std::sync::Arc;

use super::units::find_unit;
use super::{Asker, Controller};
use crate::book::{Changes, Page};
use crate::jobs::Item;
use crate::model::{Disk, Group, Node, NodeState, Unit, Wanted};
use crate::refusal::Refusal;

/// What a unit or node may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Stop the base container.
    Suspend,
    /// Start it again.
    Resume,
    /// Give the machine back.
    Stop,
    /// Take a new one.
    Start,
    /// Look after it.
    Watch,
    /// Leave it alone.
    Unwatch,
    /// Start the machine.
    PowerOn,
    /// Stop the machine.
    PowerOff,
}

/// A node or a disk.
#[derive(Clone, Debug)]
pub enum Member {
    /// Of a compute unit.
    Node(Arc<Node>),
    /// Of a storage unit.
    Disk(Arc<Disk>),
}

impl Verb {
    /// The verb of this name in a path.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.name() == name)
    }

    /// As it stands in a path.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Watch => "watch",
            Self::Unwatch => "unwatch",
            Self::PowerOn => "power_on",
            Self::PowerOff => "power_off",
        }
    }

    const ALL: [Self; 8] = [
        Self::Suspend,
        Self::Resume,
        Self::Stop,
        Self::Start,
        Self::Watch,
        Self::Unwatch,
        Self::PowerOn,
        Self::PowerOff,
    ];

    /// What it wants of a node, and of which states it can be asked. What failed can be tried again.
    fn wants(self) -> Option<(Wanted, &'static [NodeState])> {
        use NodeState::{ContainerError, HostError, PowerOff, Running, Stopped, Suspended};
        Some(match self {
            Self::Suspend => (Wanted::Suspended, &[Running, ContainerError]),
            Self::Resume => (Wanted::Running, &[Suspended, ContainerError, HostError]),
            Self::Stop => (Wanted::Stopped, &[Running, Suspended, PowerOff, ContainerError, HostError]),
            Self::Start => (Wanted::Running, &[Stopped, ContainerError, HostError]),
            Self::PowerOn => (Wanted::Running, &[PowerOff, ContainerError, HostError]),
            Self::PowerOff => (Wanted::PowerOff, &[Running, Suspended, ContainerError, HostError]),
            Self::Watch | Self::Unwatch => return None,
        })
    }
}

impl Controller {
    /// One node or disk, with its unit group and unit.
    ///
    /// # Errors
    /// There is none.
    pub fn member(
        &self,
        asker: &Asker,
        vcid: &str,
        unit: &str,
        id: &str,
    ) -> Result<(Arc<Group>, Arc<Unit>, Member), Refusal> {
        let (group, unit) = self.unit(asker, vcid, unit)?;
        let node = || unit.node(id).cloned().map(Member::Node);
        let disk = || unit.disk(id).cloned().map(Member::Disk);
        let member = node().or_else(disk).ok_or_else(|| unknown(&unit, id))?;
        Ok((group, unit, member))
    }

    /// Removes a node or disk.
    ///
    /// # Errors
    /// There is none.
    pub async fn delete_member(
        &self,
        asker: &Asker,
        vcid: &str,
        unit: &str,
        id: &str,
    ) -> Result<(), Refusal> {
        asker.check_write()?;
        let change = self.parts.book.change(|page, changes| {
            let unit = find_unit(asker.group(page, vcid)?, unit)?;
            if let Some(node) = unit.node(id) {
                changes.put_node(vcid, &unit.name, node.heading(Wanted::Gone));
            } else if let Some(disk) = unit.disk(id) {
                changes.put_disk(vcid, &unit.name, disk.leaving(Wanted::Gone));
            } else {
                return Err(unknown(unit, id));
            }
            Ok(())
        });
        change.await.map_err(Refusal::from)?;
        self.kick(vcid, id);
        Ok(())
    }

    /// Tells one node, or all of a unit.
    ///
    /// # Errors
    /// There is none; it is on its way to something; the provider cannot.
    pub async fn tell(
        &self,
        asker: &Asker,
        vcid: &str,
        unit: &str,
        node_id: Option<&str>,
        verb: Verb,
    ) -> Result<(), Refusal> {
        asker.check_write()?;
        let change = self.parts.book.change(|page, changes| {
            let unit = find_unit(asker.group(page, vcid)?, unit)?;
            let nodes = match node_id {
                Some(id) => vec![unit.node(id).ok_or_else(|| unknown(unit, id))?.clone()],
                None => unit.nodes.clone(),
            };
            self.turn(page, changes, vcid, unit, &nodes, verb)
        });
        for id in change.await.map_err(Refusal::from)? {
            self.kick(vcid, &id);
        }
        Ok(())
    }

    /// Saves the base container of a node as an image. It goes on when the caller has gone.
    ///
    /// # Errors
    /// There is no such node, or it has no base container.
    pub fn backup(&self, asker: &Asker, vcid: &str, unit: &str, id: &str) -> Result<(), Refusal> {
        asker.check_write()?;
        let (_, unit, member) = self.member(asker, vcid, unit, id)?;
        let Member::Node(node) = member else { return Err(unknown(&unit, id)) };
        let login =
            self.parts.login(&self.parts.book.page(), &unit, &node).filter(|_| node.container.is_some());
        let Some(login) = login else {
            let text = format!("node {id}: it is {} and has no base container to save", node.state.name());
            return Err(Refusal::conflict(text));
        };
        let now = self.parts.clock.now().strftime("%Y%m%d%H%M%S");
        let image = format!("vcp/backup:{}-{}-{now}", unit.name.to_lowercase(), node.no);
        let (controller, id) = (self.clone(), id.to_owned());
        self.jobs.aside(async move {
            match controller.parts.hosts.backup(&login, &id, &image).await {
                Ok(()) => tracing::info!(node_id = id, image, "a base container was saved"),
                Err(fault) => tracing::error!(node_id = id, error = %fault, "a base container was not saved"),
            }
        });
        Ok(())
    }

    /// A member of the gossip says that it lost sight of a node: it is looked at at once.
    pub fn noticed(&self, vcid: &str, unit: &str, node_no: u32) {
        let page = self.parts.book.page();
        let unit = page.groups.get(vcid).and_then(|group| group.units.get(unit));
        if let Some(node) = unit.and_then(|unit| unit.nodes.iter().find(|node| node.no == node_no)) {
            self.jobs.look_at(Item { vcid: vcid.to_owned(), id: node.id.clone() });
        }
    }

    fn turn(
        &self,
        _: &Page,
        changes: &mut Changes,
        vcid: &str,
        unit: &Unit,
        nodes: &[Arc<Node>],
        verb: Verb,
    ) -> Result<Vec<String>, Refusal> {
        let Some((wanted, from)) = verb.wants() else {
            let watch = verb == Verb::Watch;
            for node in nodes.iter().filter(|node| node.watch != watch) {
                changes.put_node(vcid, &unit.name, Node { watch, ..Node::clone(node) });
            }
            return Ok(Vec::new());
        };
        let provider = self.parts.provider(&unit.spec.provider);
        let provider = provider.map_err(|fault| Refusal::invalid(fault.text))?;
        if matches!(verb, Verb::PowerOn | Verb::PowerOff) && !provider.capabilities().power {
            return Err(Refusal::invalid(provider.unsupported("power operations").text));
        }
        let mut kicked = Vec::new();
        for node in nodes {
            if node.wanted == wanted && !node.state.is_error() {
                continue;
            }
            if !from.contains(&node.state) {
                let text = format!("node {} of unit {}: it is {}", node.no, unit.name, node.state.name());
                return Err(Refusal::conflict(text));
            }
            changes.put_node(vcid, &unit.name, node.heading(wanted));
            kicked.push(node.id.clone());
        }
        Ok(kicked)
    }
}

fn unknown(unit: &Unit, id: &str) -> Refusal {
    Refusal::missing(format!("node {id}: unit {} has no such node", unit.name))
}

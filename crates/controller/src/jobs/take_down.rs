//! The end of a node: its container, its machine, its record, in this order.

use std::time::Duration;

use trustkeep_cloud::{Fault, Kind, Login};

use super::ending::remove_empty;
use super::node::Failure;
use super::{Item, Jobs};
use crate::book::Found;
use crate::model::{Node, Wanted};

/// How long a server is waited for that its user does not expect to answer.
const FORCED: Duration = Duration::from_secs(3);

/// Whether something is forgotten by force although its provider cannot be asked about it: nothing was ever seen of it, and a key that is
/// refused now made nothing either. Else a user whose key was wrong would keep the unit for ever.
pub(super) fn is_unmade(wanted: Wanted, was_seen: bool, fault: &Fault) -> bool {
    wanted == Wanted::GoneByForce && !was_seen && matches!(fault.kind, Kind::Denied | Kind::Invalid)
}

impl Jobs {
    /// Removes everything of a node; what cannot be removed is said.
    pub(super) async fn take_down(&self, item: &Item, found: &Found<Node>) -> Result<(), Failure> {
        match self.dismantle(item, found).await {
            Ok(is_left) => self.strike_out(item, found, is_left).await,
            Err(failure) => {
                Err(Failure { fault: failure.fault.during("the node is not deleted"), ..failure })
            }
        }
    }

    /// `true`: what is on the server is left behind.
    async fn dismantle(&self, item: &Item, found: &Found<Node>) -> Result<bool, Failure> {
        let (provider, place) = self.means(found).await?;
        if !provider.capabilities().existing {
            return match self.delete_machine(item, found, &**provider, &place).await {
                Err(failure)
                    if is_unmade(found.item.wanted, found.item.machine.is_some(), &failure.fault) =>
                {
                    tracing::warn!(node_id = item.id, error = %failure.fault, "forgotten by force: no machine was ever seen");
                    Ok(false)
                }
                deleted => deleted.map(|()| false),
            };
        }
        if found.item.wanted != Wanted::GoneByForce {
            self.clean(item, found, self.parts().patience().server).await?;
            return Ok(false);
        }
        match self.clean(item, found, FORCED).await {
            Ok(()) => Ok(false),
            Err(failure) => {
                tracing::warn!(node_id = item.id, error = %failure.fault, "left behind on its server by force");
                Ok(true)
            }
        }
    }

    /// Removes the base container from a server that stays.
    pub(super) async fn clean(
        &self,
        item: &Item,
        found: &Found<Node>,
        patience: Duration,
    ) -> Result<(), Failure> {
        // The host key is recorded before anything is done on a server, and may have been forgotten since.
        if found.item.host_key.is_none() && found.item.container.is_none() {
            return Ok(());
        }
        let remove = || async {
            match self.login(item, found).await? {
                Some(login) => self.parts().hosts.remove(&login, &item.id).await,
                None => Ok(()),
            }
        };
        self.persist(item, patience, "removing the base container", remove).await.map_err(Failure::host)
    }

    /// Removes what was left on a server by nodes that are forgotten.
    pub(super) async fn clear_away(&self, login: &Login, left: &[String]) -> trustkeep_cloud::Result<()> {
        for node_id in left {
            self.parts().hosts.remove(login, node_id).await?;
            let cleared = self.parts().book.change(|page, changes| {
                let mut server = page.server(login.address);
                server.left.retain(|left| left != node_id);
                changes.put_server(server);
                Ok::<_, std::convert::Infallible>(())
            });
            if let Err(error) = cleared.await {
                tracing::warn!(%error, "a server's record could not be written");
            }
        }
        Ok(())
    }

    async fn strike_out(&self, item: &Item, found: &Found<Node>, is_left: bool) -> Result<(), Failure> {
        let unit = &found.unit.name;
        let struck = self.parts().book.change(|page, changes| {
            let Some(found) = page.node(&item.vcid, &item.id) else { return Ok(false) };
            changes.remove_node(&item.vcid, unit, &item.id);
            let claimed = page.servers.values().find(|server| server.node_id.as_deref() == Some(&item.id));
            if let Some(server) = claimed {
                let mut server = crate::book::Server::clone(server);
                server.node_id = None;
                if is_left {
                    server.left.push(item.id.clone());
                }
                changes.put_server(server);
            }
            Ok::<_, std::convert::Infallible>(remove_empty(self.parts(), &found, &item.id, changes))
        });
        let is_last = struck.await.map_err(|error| Fault::new(Kind::Unavailable, error.to_string()));
        if is_last.map_err(Failure::host)? {
            self.tidy().await;
        }
        Ok(())
    }
}

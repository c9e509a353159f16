//! One node: what is to be done about it, and what came of it.

use trustkeep_cloud::{Fault, Kind, Machine, MachineState, Place, Provider};

use super::{Ended, Item, Jobs};
use crate::book::{ChangeError, Found};
use crate::model::{Node, NodeState, Wanted};

/// A fault, and the state that it leaves the node in.
pub(super) struct Failure {
    pub(super) state: NodeState,
    pub(super) fault: Fault,
}

impl Failure {
    pub(super) fn host(fault: Fault) -> Self {
        Self { state: NodeState::HostError, fault }
    }

    pub(super) fn container(fault: Fault) -> Self {
        Self { state: NodeState::ContainerError, fault }
    }
}

/// Works on a node until it is settled.
pub(super) async fn drive(jobs: &Jobs, item: &Item) -> Option<Ended> {
    let found = jobs.find(item).filter(|found| !found.item.is_settled())?;
    let wanted = found.item.wanted;
    let outcome = match wanted {
        Wanted::Running => {
            drop(found);
            jobs.bring_up(item).await
        }
        Wanted::Suspended => jobs.suspend(item, &found).await,
        Wanted::Stopped => jobs.release(item, &found).await,
        Wanted::PowerOff => jobs.power_off(item, &found).await,
        Wanted::Gone | Wanted::GoneByForce => jobs.take_down(item, &found).await,
    };
    let is_done = outcome.is_ok();
    match outcome {
        // Of what is gone there is no record left.
        Ok(()) => jobs.record(item, Node::arrived).await,
        Err(failure) => jobs.fail(item, failure).await,
    }
    Some(Ended { wanted, is_done })
}

impl Jobs {
    pub(super) fn find(&self, item: &Item) -> Option<Found<Node>> {
        self.parts().book.page().node(&item.vcid, &item.id)
    }

    /// Changes a node's record. If the store does not take it the job goes on: what is not recorded is found again.
    pub(super) async fn record(&self, item: &Item, change: impl FnOnce(&Node) -> Node) {
        let changed = self.parts().book.change(|page, changes| {
            if let Some(found) = page.node(&item.vcid, &item.id) {
                let node = change(&found.item);
                if node != *found.item {
                    changes.put_node(&item.vcid, &found.unit.name, node);
                }
            }
            Ok::<_, std::convert::Infallible>(())
        });
        if let Err(ChangeError::Store(error)) = changed.await {
            tracing::error!(%error, node_id = item.id, "a node's state could not be recorded");
        }
    }

    /// Records what went wrong, as the user is to read it.
    pub(super) async fn fail(&self, item: &Item, Failure { state, fault }: Failure) {
        tracing::warn!(node_id = item.id, state = state.name(), error = %fault, "a node failed");
        let text = self.dated(&fault.text);
        self.record(item, |node| node.failed(state, text)).await;
    }

    /// As the original dates what it reports.
    pub(super) fn dated(&self, text: &str) -> String {
        format!("{}: {text}", self.parts().clock.now().strftime("%Y/%m/%d %H:%M:%S UTC"))
    }

    async fn suspend(&self, item: &Item, found: &Found<Node>) -> Result<(), Failure> {
        let parts = self.parts();
        let stop = || async {
            match self.login(item, found).await? {
                Some(login) => parts.hosts.stop(&login, &item.id).await,
                None => Ok(()),
            }
        };
        self.persist(item, parts.patience().server, "stopping the base container", stop)
            .await
            .map_err(Failure::host)
    }

    /// Gives the machine back, and keeps the node.
    async fn release(&self, item: &Item, found: &Found<Node>) -> Result<(), Failure> {
        let (provider, place) = self.means(found).await?;
        if provider.capabilities().existing {
            self.clean(item, found, self.parts().patience().server).await?;
        } else {
            self.delete_machine(item, found, &**provider, &place).await?;
        }
        self.record(item, Node::bereft).await;
        Ok(())
    }

    async fn power_off(&self, item: &Item, found: &Found<Node>) -> Result<(), Failure> {
        let (provider, place) = self.means(found).await?;
        let patience = self.parts().patience().cloud;
        let order = self.parts().order(&found.group, &found.unit, &found.item);
        let power = || provider.power(&place, &order.token, false);
        self.persist(item, patience, "powering off", power).await.map_err(Failure::host)?;
        let is_off = || async {
            let machine = provider.settle(&place, &order).await?.ok_or_else(lost)?;
            Ok((machine.state == MachineState::Stopped).then_some(machine))
        };
        let machine = self.await_it(item, patience, "waiting for the machine to stop", is_off).await;
        let machine = machine.map_err(Failure::host)?;
        self.record(item, |node| Node { machine: Some(machine), ..node.clone() }).await;
        Ok(())
    }

    pub(super) async fn delete_machine(
        &self,
        item: &Item,
        found: &Found<Node>,
        provider: &dyn Provider,
        place: &Place,
    ) -> Result<(), Failure> {
        let token = found.item.token();
        let is_gone = || async { Ok(provider.delete(place, &token).await?.then_some(())) };
        let patience = self.parts().patience().cloud;
        self.await_it(item, patience, "removing the machine", is_gone).await.map_err(Failure::host)
    }

    /// The provider of a node, and where and as whom it works there.
    pub(super) async fn means<T>(
        &self,
        found: &Found<T>,
    ) -> Result<(&std::sync::Arc<dyn Provider>, Place), Failure> {
        let parts = self.parts();
        let provider = parts.provider(&found.unit.spec.provider).map_err(Failure::host)?;
        let place = parts.place(&found.unit).await.map_err(Failure::host)?;
        Ok((provider, place))
    }

    pub(super) async fn record_machine(&self, item: &Item, machine: Machine) {
        let now = self.parts().clock.now();
        self.record(item, |node| {
            let booted_at = machine.launched_at.or(node.booted_at).or(Some(now));
            Node { booted_at, machine: Some(machine), ..node.clone() }
        })
        .await;
    }
}

/// The fault for a machine that somebody else removed.
pub(super) fn lost() -> Fault {
    Fault::new(
        Kind::Invalid,
        "the machine is gone: it was removed at its provider, not through this controller",
    )
}

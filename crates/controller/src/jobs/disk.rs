//! One disk: made, waited for, removed.

use trustkeep_cloud::{DiskOrder, DiskState, Fault, Kind};

use super::ending::remove_empty;
use super::take_down::is_unmade;
use super::{Ended, Item, Jobs};
use crate::book::{ChangeError, Found};
use crate::model::{Disk, NodeState};
use crate::parts::instance_name;

/// Works on a disk until it is settled.
pub(super) async fn drive(jobs: &Jobs, item: &Item) -> Option<Ended> {
    let page = jobs.parts().book.page();
    let found = page.disk(&item.vcid, &item.id).filter(|found| found.item.state.is_passing())?;
    let wanted = found.item.wanted;
    let is_going = found.item.wanted.is_gone();
    let outcome =
        if is_going { jobs.remove_disk(item, &found).await } else { jobs.make_disk(item, &found).await };
    let Err(fault) = outcome else { return Some(Ended { wanted, is_done: true }) };
    tracing::warn!(disk_id = item.id, error = %fault, "a disk failed");
    // A disk that is in use stays as it is, and says why.
    let state = match fault.kind {
        Kind::Conflict if is_going => NodeState::Running,
        _ => NodeState::HostError,
    };
    let error = jobs.dated(&fault.text);
    jobs.record_disk(item, |disk| Disk { state, error, ..disk.clone() }).await;
    Some(Ended { wanted, is_done: false })
}

impl Jobs {
    async fn make_disk(&self, item: &Item, found: &Found<Disk>) -> Result<(), Fault> {
        let (provider, place) = self.means(found).await.map_err(|failure| failure.fault)?;
        let mut tags = found.unit.spec.tags.clone();
        tags.insert("VCP-vcid".into(), item.vcid.clone());
        tags.insert("VCP-unit".into(), found.unit.name.clone());
        let name = instance_name(&self.parts().identity.vcc_id, &item.vcid);
        let order = DiskOrder { token: item.id.clone(), name, tags };
        let is_ready = || async {
            let disk = provider.create_disk(&place, &order).await?;
            match disk.state {
                DiskState::Ready => Ok(Some(disk)),
                DiskState::Pending => Ok(None),
                DiskState::Gone => Err(Fault::new(Kind::Capacity, "the provider failed to make the disk")),
            }
        };
        let disk = self.await_it(item, self.parts().patience().cloud, "making the disk", is_ready).await?;
        self.record_disk(item, |old| Disk {
            state: NodeState::Running,
            disk: Some(disk),
            error: String::new(),
            ..old.clone()
        })
        .await;
        Ok(())
    }

    async fn remove_disk(&self, item: &Item, found: &Found<Disk>) -> Result<(), Fault> {
        let (provider, place) = self.means(found).await.map_err(|failure| failure.fault)?;
        let is_gone = || async { Ok(provider.delete_disk(&place, &item.id).await?.then_some(())) };
        let removed = self.await_it(item, self.parts().patience().cloud, "removing the disk", is_gone).await;
        if let Err(fault) = removed {
            if !is_unmade(found.item.wanted, found.item.disk.is_some(), &fault) {
                return Err(fault);
            }
            tracing::warn!(disk_id = item.id, error = %fault, "forgotten by force: no disk was ever seen");
        }
        let struck = self.parts().book.change(|page, changes| {
            let Some(found) = page.disk(&item.vcid, &item.id) else { return Ok(false) };
            changes.remove_disk(&item.vcid, &found.unit.name, &item.id);
            Ok::<_, std::convert::Infallible>(remove_empty(self.parts(), &found, &item.id, changes))
        });
        let is_last = struck.await.map_err(|error| Fault::new(Kind::Unavailable, error.to_string()))?;
        if is_last {
            self.tidy().await;
        }
        Ok(())
    }

    async fn record_disk(&self, item: &Item, change: impl FnOnce(&Disk) -> Disk) {
        let changed = self.parts().book.change(|page, changes| {
            if let Some(found) = page.disk(&item.vcid, &item.id) {
                let disk = change(&found.item);
                // A group whose disk stays cannot go.
                if found.item.wanted.is_gone() && disk.state == NodeState::Running {
                    let mut group = crate::model::Group::clone(&found.group);
                    let mut unit = crate::model::Unit::clone(&found.unit);
                    (group.deleting, unit.deleting) = (false, false);
                    changes.put_group(group);
                    changes.put_unit(&item.vcid, unit);
                }
                changes.put_disk(&item.vcid, &found.unit.name, disk);
            }
            Ok::<_, std::convert::Infallible>(())
        });
        if let Err(ChangeError::Store(error)) = changed.await {
            tracing::error!(%error, disk_id = item.id, "a disk's state could not be recorded");
        }
    }
}

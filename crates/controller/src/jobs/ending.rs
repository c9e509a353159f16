//! What goes with the last thing in it: units and unit groups that are being removed, and what the vault keeps for them.

use std::convert::Infallible;

use super::Jobs;
use crate::book::{Changes, Estate, Found, Stage};
use crate::parts::{Parts, is_credential};
use crate::secrets::SecretsError;

/// Removes the unit if it is to go and `id` was the last in it, and then the unit group in the same way. `true`: the unit
/// goes, and [`Jobs::tidy`] is to follow.
pub(super) fn remove_empty<T>(parts: &Parts, found: &Found<T>, id: &str, changes: &mut Changes) -> bool {
    let unit = &found.unit;
    let others = unit.nodes.iter().map(|node| &node.id).chain(unit.disks.iter().map(|disk| &disk.id));
    if !unit.deleting || others.filter(|other| *other != id).count() > 0 {
        return false;
    }
    let group = &found.group;
    changes.retire_unit(&group.vcid, unit, parts.makes_machines(&unit.spec.provider));
    if group.deleting && group.units.len() == 1 {
        changes.remove_group(&group.vcid);
    }
    true
}

impl Jobs {
    /// Has the vault forget what nothing needs any more. What it does not do now it is asked again at the next sweep.
    pub(crate) async fn tidy(&self) {
        // One after the other, so that none keeps again what another had forgotten.
        let _one = self.0.tidying.lock().await;
        let page = self.parts().book.page();
        for estate in page.estates.values() {
            if let Err(error) = self.tidy_up(estate).await {
                tracing::warn!(%error, "secrets of a unit that is gone are still in the vault");
            }
        }
    }

    async fn tidy_up(&self, estate: &Estate) -> Result<(), SecretsError> {
        let (secrets, custody) = (&self.parts().secrets, estate.custody.as_str());
        match estate.stage {
            Stage::Left => {
                let mut kept = secrets.kept(custody).await?;
                kept.retain(|name, _| is_credential(name));
                secrets.keep(custody, &kept).await?;
                let stage = Stage::Swept { clean: 0, refused: 0 };
                self.file(Estate { stage, ..estate.clone() }).await;
            }
            Stage::Coming if !self.0.interrupted.contains(custody) => {}
            Stage::Swept { .. } => {}
            Stage::Coming | Stage::Done => {
                secrets.forget(custody).await?;
                self.record_estate(|changes| changes.remove_estate(custody)).await;
            }
        }
        Ok(())
    }

    /// Records what became of what a unit left.
    pub(super) async fn file(&self, estate: Estate) {
        self.record_estate(|changes| changes.put_estate(estate)).await;
    }

    async fn record_estate(&self, change: impl FnOnce(&mut Changes)) {
        let changed = self.parts().book.change(|_, changes| {
            change(changes);
            Ok::<_, Infallible>(())
        });
        if let Err(error) = changed.await {
            tracing::warn!(%error, "what a unit left could not be recorded");
        }
    }
}

//! What clouds have that no record knows: found by the owner's tag, in one call for each place, and reported.

use std::collections::BTreeSet;

use super::{Jobs, Orphan};
use crate::book::Page;
use crate::model::Unit;

/// Asks every place that units are in. What was found is an orphan if it is there at the next sweep too: a record may be younger than the
/// answer.
pub(super) async fn sweep(jobs: &Jobs) {
    let page = jobs.parts().book.page();
    let mut found = Vec::new();
    for unit in places(&page) {
        let Ok(provider) = jobs.parts().provider(&unit.spec.provider) else { continue };
        let Ok(place) = jobs.parts().place(unit).await else { continue };
        let machines = provider.list(&place, &place.owner).await;
        let disks = provider.list_disks(&place, &place.owner).await;
        let name = provider.name();
        match (machines, disks) {
            (Ok(machines), Ok(disks)) => {
                let machines = machines.into_iter().map(|machine| (machine.id, machine.token));
                let disks = disks.into_iter().map(|disk| (disk.id, disk.token));
                let orphan = |(id, token)| Orphan { provider: name.to_owned(), id, token };
                found.extend(machines.chain(disks).map(orphan));
            }
            (Err(fault), _) | (_, Err(fault)) => {
                tracing::warn!(provider = name, error = %fault, "the provider could not be swept");
            }
        }
    }
    let known = tokens(&jobs.parts().book.page());
    found.retain(|orphan| !known.contains(&orphan.token));
    found.dedup();
    let mut suspects = jobs.0.suspects.lock();
    let orphans: Vec<_> = found.iter().filter(|orphan| suspects.contains(orphan)).cloned().collect();
    for orphan in &orphans {
        tracing::error!(
            provider = orphan.provider,
            id = orphan.id,
            token = orphan.token,
            "no record knows this machine or disk: remove it at its provider if nobody needs it"
        );
    }
    *suspects = found;
    drop(suspects);
    *jobs.0.orphans.lock() = orphans;
}

/// One unit for each place: the same provider, network and owner, who has one account there.
fn places(page: &Page) -> Vec<&Unit> {
    let mut seen = BTreeSet::new();
    let units = page.groups.values().flat_map(|group| group.units.values().map(move |unit| (group, unit)));
    let mut is_first = |owner: &str, unit: &Unit| {
        seen.insert((unit.spec.provider.clone(), unit.spec.network.clone(), owner.to_owned()))
    };
    units.filter(|(group, unit)| is_first(&group.owner, unit)).map(|(_, unit)| &**unit).collect()
}

fn tokens(page: &Page) -> BTreeSet<String> {
    let nodes = page.nodes().map(|(_, _, node)| node.token());
    nodes.chain(page.disks().map(|(_, _, disk)| disk.id.clone())).collect()
}

//! What clouds have that no record knows: found by the owner's tag, in one call for each place and account, and reported.

use std::collections::{BTreeMap, BTreeSet};

use trustkeep_cloud::{Fault, Place, Provider};
use trustkeep_crypto::hash::sha256;

use super::{Jobs, Orphan};
use crate::book::{Page, Sight, Stage};

/// A place and an account there, which is asked once however many units are in it.
type Account = (&'static str, BTreeMap<String, String>, [u8; 32]);

/// Asks every place that units are in, and those that units left. What was found is an orphan if it is there at the next sweep too: a
/// record may be younger than the answer.
pub(super) async fn sweep(jobs: &Jobs) {
    jobs.tidy().await;
    let parts = jobs.parts();
    let page = parts.book.page();
    let mut answers = BTreeMap::new();
    for (_, unit) in page.units() {
        let Some(provider) = provider(jobs, &unit.spec.provider) else { continue };
        let Ok(place) = parts.place(unit).await else { continue };
        ask(provider, &place, &mut answers).await;
    }
    let mut left = Vec::new();
    for estate in page.estates.values().filter(|estate| matches!(estate.stage, Stage::Swept { .. })) {
        let (Some(provider), Ok(place)) = (provider(jobs, &estate.provider), parts.place_left(estate).await)
        else {
            continue;
        };
        left.push((estate, ask(provider, &place, &mut answers).await));
    }
    let known = tokens(&parts.book.page());
    let is_unknown = |orphan: &&Orphan| !known.contains(&orphan.token);
    for (estate, account) in left {
        let sight = match answers.get(&account) {
            Some(Ok(found)) if found.iter().any(|orphan| is_unknown(&orphan)) => Sight::Orphans,
            Some(Ok(_)) => Sight::Clean,
            Some(Err(fault)) if !fault.is_temporary() => Sight::Refused,
            Some(Err(_)) | None => Sight::Unknown,
        };
        let after = estate.after(sight);
        if sight == Sight::Refused && after.stage == Stage::Done {
            tracing::error!(
                provider = estate.provider,
                network = ?estate.network,
                owner = parts.identity.vcc_id,
                "the provider no longer takes the credentials of a unit that is gone, and they are given up: look there yourself for \
                 machines and disks with this owner's tag"
            );
        }
        if after != **estate {
            jobs.file(after).await;
        }
    }
    jobs.tidy().await;
    report(jobs, answers.values().flatten().flatten().filter(is_unknown).cloned().collect());
}

/// Says what was seen at the sweep before, too.
fn report(jobs: &Jobs, found: BTreeSet<Orphan>) {
    let mut suspects = jobs.0.suspects.lock();
    let orphans: Vec<_> = found.intersection(&suspects).cloned().collect();
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

/// A provider that makes machines.
fn provider<'a>(jobs: &'a Jobs, name: &str) -> Option<&'a dyn Provider> {
    let parts = jobs.parts();
    parts.provider(name).ok().filter(|_| parts.makes_machines(name)).map(|provider| &**provider)
}

/// Asks, unless it was asked before, and gives under which name the answer stands.
async fn ask(
    provider: &dyn Provider,
    place: &Place,
    answers: &mut BTreeMap<Account, Result<BTreeSet<Orphan>, Fault>>,
) -> Account {
    let account = (provider.name(), place.network.clone(), fingerprint(place));
    if !answers.contains_key(&account) {
        let answer = list(provider, place).await;
        if let Err(fault) = &answer {
            tracing::warn!(provider = provider.name(), error = %fault, "the provider could not be swept");
        }
        answers.insert(account.clone(), answer);
    }
    account
}

async fn list(provider: &dyn Provider, place: &Place) -> Result<BTreeSet<Orphan>, Fault> {
    let machines = provider.list(place, &place.owner).await?;
    let disks = provider.list_disks(place, &place.owner).await?;
    let machines = machines.into_iter().map(|machine| (machine.id, machine.token));
    let found = machines.chain(disks.into_iter().map(|disk| (disk.id, disk.token)));
    Ok(found.map(|(id, token)| Orphan { provider: provider.realm().to_owned(), id, token }).collect())
}

/// Tells accounts apart without a copy of their keys.
fn fingerprint(place: &Place) -> [u8; 32] {
    let parts = place
        .credentials
        .iter()
        .flat_map(|(name, secret)| [sha256(name.as_bytes()), sha256(secret.expose().as_bytes())]);
    sha256(&parts.flatten().collect::<Vec<u8>>())
}

fn tokens(page: &Page) -> BTreeSet<String> {
    let nodes = page.nodes().map(|(_, _, node)| node.token());
    nodes.chain(page.disks().map(|(_, _, disk)| disk.id.clone())).collect()
}

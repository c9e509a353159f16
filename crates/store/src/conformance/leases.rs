//! Leases over the backend, in real time.

use std::time::Instant;

use tokio::time::sleep;

use super::{Harness, amount, table};
use crate::ColumnType::Text;
use crate::{Commit, Contender, Error, Key, Lease, LeaseSettings, SharedStore, Table, lease_table};

async fn opened<H: Harness>(harness: &H) -> (SharedStore, Table, Table) {
    let (leases, rows) = (lease_table("conformance").unwrap(), table("rows", Text, None));
    let store = harness.open().await;
    store.create_tables(&[leases.clone(), rows.clone()]).await.unwrap();
    (store, leases, rows)
}

fn settings<H: Harness>(harness: &H, leases: &Table, holder: &str) -> LeaseSettings {
    LeaseSettings::new(leases.clone(), "leader", holder)
        .ttl(harness.scale().lease_ttl)
        .note(holder.to_owned())
}

/// A lease outlasts its time to live by renewal, and nobody else gets it meanwhile.
pub async fn a_lease_is_held_and_renewed<H: Harness>(harness: &H) {
    let (store, leases, rows) = opened(harness).await;
    assert_eq!(Lease::observe(&*store, &leases, "leader").await.unwrap(), None);
    let lease = Lease::acquire(store.clone(), settings(harness, &leases, "one")).await.unwrap();
    let mut other = Contender::new(store.clone(), settings(harness, &leases, "two")).unwrap();
    let begin = Instant::now();
    while begin.elapsed() < harness.scale().lease_ttl * 2 {
        assert!(other.attempt().await.unwrap().is_none(), "a lease that is renewed was stolen");
        assert!(lease.is_held());
        let fenced = Commit::new().expect(lease.fence()).put(&rows, Key::of("a"), amount(1));
        store.commit(fenced).await.unwrap();
        sleep(harness.scale().lease_ttl / 20).await;
    }
    let seen = Lease::observe(&*store, &leases, "leader").await.unwrap().unwrap();
    assert_eq!((seen.holder.as_str(), seen.epoch, &seen.note[..]), ("one", lease.epoch(), &b"one"[..]));
    assert_eq!(seen.ttl, harness.scale().lease_ttl);
}

/// After a release the next contender need not wait, and the old fence holds no more.
pub async fn a_released_lease_passes_on_at_once<H: Harness>(harness: &H) {
    let (store, leases, rows) = opened(harness).await;
    let first = Lease::acquire(store.clone(), settings(harness, &leases, "one")).await.unwrap();
    let (fence, epoch) = (first.fence(), first.epoch());
    first.release().await.unwrap();
    assert_eq!(Lease::observe(&*store, &leases, "leader").await.unwrap(), None);
    let late = Commit::new().expect(fence).put(&rows, Key::of("a"), amount(1));
    assert!(matches!(store.commit(late).await, Err(Error::Conflict { .. })));
    let second = Lease::try_acquire(store.clone(), settings(harness, &leases, "two")).await.unwrap();
    assert!(second.expect("it is free").epoch() > epoch);
}

/// A lease whose holder went silent is taken after its time to live, not before.
pub async fn a_lease_is_stolen_only_after_its_time<H: Harness>(harness: &H) {
    let (store, leases, _) = opened(harness).await;
    let ttl = harness.scale().lease_ttl;
    let before = Instant::now();
    let first = Lease::acquire(store.clone(), settings(harness, &leases, "one")).await.unwrap();
    let epoch = first.epoch();
    drop(first);
    let none = Lease::try_acquire(store.clone(), settings(harness, &leases, "two")).await.unwrap();
    assert!(none.is_none(), "it was taken at first sight");
    let second = Lease::acquire(store.clone(), settings(harness, &leases, "two")).await.unwrap();
    assert!(before.elapsed() >= ttl, "it was taken after {:?}", before.elapsed());
    assert_eq!(second.epoch(), epoch + 1);
}

/// Whoever was stolen from cannot write, and learns of it.
pub async fn a_commit_of_a_former_holder_is_refused<H: Harness>(harness: &H) {
    let (store, leases, rows) = opened(harness).await;
    let first = Lease::acquire(store.clone(), settings(harness, &leases, "one")).await.unwrap();
    // What a contender does that saw the first holder silent for long enough.
    let record = store.get(&leases, &Key::of("leader")).await.unwrap().unwrap();
    let mut values = record.row.values().to_vec();
    values[0] = Some("two".into());
    values[1] = Some((first.epoch() + 1).into());
    loop {
        let record = store.get(&leases, &Key::of("leader")).await.unwrap().unwrap();
        let row = crate::Row::new(values.clone());
        let steal = Commit::new().expect_version(&leases, Key::of("leader"), record.version).put(
            &leases,
            Key::of("leader"),
            row,
        );
        match store.commit(steal).await {
            Ok(_) => break,
            Err(Error::Conflict { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    let late = Commit::new().expect(first.fence()).put(&rows, Key::of("a"), amount(1));
    assert!(matches!(store.commit(late).await, Err(Error::Conflict { .. })));
    assert_eq!(store.get(&rows, &Key::of("a")).await.unwrap(), None);
    first.lost().await;
    assert!(!first.is_held());
    first.release().await.unwrap();
    let seen = Lease::observe(&*store, &leases, "leader").await.unwrap().unwrap();
    assert_eq!(seen.holder, "two", "releasing a lost lease took it from its new holder");
}

/// Two that ask at once do not both get it; the other one gets it afterwards.
pub async fn one_of_two_contenders_wins<H: Harness>(harness: &H) {
    let (store, leases, _) = opened(harness).await;
    let ask = |holder: &str| Lease::try_acquire(store.clone(), settings(harness, &leases, holder));
    let (one, two) = tokio::join!(ask("one"), ask("two"));
    let mut winners: Vec<Lease> = [one.unwrap(), two.unwrap()].into_iter().flatten().collect();
    assert!(winners.len() <= 1, "both hold it: {winners:?}");
    if winners.is_empty() {
        winners.extend(ask("one").await.unwrap());
    }
    let waiting = Lease::acquire(store.clone(), settings(harness, &leases, "three"));
    let first = winners.pop().expect("it was free");
    let epoch = first.epoch();
    let (next, released) = tokio::join!(waiting, first.release());
    released.unwrap();
    assert!(next.unwrap().epoch() > epoch);
}

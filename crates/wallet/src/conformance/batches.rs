//! Batches: all or nothing, each on what those before it left.

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::{Harness, assert_same, commit, is_conflict_on, make, sorted};
use crate::queue::{Entry, Lane};
use crate::{Backend, Batch, Expect, MemoryWallet, Query, Record, Write, queue};

/// Whichever expectation fails, the first or the last, of a record that is there or not.
pub async fn what_does_not_hold_is_named_and_nothing_of_its_batch_stands<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    let stands = Record::new("c", "stands", "as it is").tagged("t", "1");
    make(&*backend, [stands.clone()]).await;
    let with = |add: &dyn Fn(&mut Batch) -> &mut Batch| {
        let mut batch = Batch::new();
        batch.insert(Record::new("c", "new", ""));
        batch.write(Write::Put(Record::new("d", "put", "")));
        batch.enqueue(
            Lane { queue: "q", name: "l".to_owned() },
            Entry { id: "e".to_owned(), payload: String::new() },
        );
        add(&mut batch).clone()
    };
    let stale = Record::new("c", "stands", "as it was");
    let missing = Record::new("c", "missing", "");
    let refused = [
        (with(&|batch| batch.insert(stands.clone())), "stands"),
        (with(&|batch| batch.replace(stale.clone(), stands.clone())), "stands"),
        (with(&|batch| batch.remove(stale.clone())), "stands"),
        (with(&|batch| batch.remove(missing.clone())), "missing"),
        (with(&|batch| batch.replace(missing.clone(), missing.clone())), "missing"),
    ];
    for (batch, named) in refused {
        let outcome = commit(&*backend, batch).await;
        assert!(is_conflict_on(&outcome, "c", named), "{outcome:?}");
        assert_same(backend.get("c", "stands").await.unwrap(), &stands);
        assert_eq!(backend.count(&Query::all("c")).await.unwrap(), 1);
        for category in ["d", queue::CATEGORY] {
            assert_eq!(backend.count(&Query::all(category)).await.unwrap(), 0);
        }
    }
}

/// Each sees what those before it wrote; those that fail leave no gap in the answers.
pub async fn a_group_is_carried_out_in_turn_without_those_that_fail<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    let one = |value: &str| Record::new("c", "1", value);
    let insert = |record: Record| {
        let mut batch = Batch::new();
        batch.insert(record);
        batch
    };
    let replace = |read: Record, record: Record| {
        let mut batch = Batch::new();
        batch.replace(read, record);
        batch
    };
    let mut remove = Batch::new();
    remove.remove(one("c"));
    let group = [
        insert(one("a")),
        insert(one("a")),
        replace(one("a"), one("b")),
        replace(one("a"), one("x")),
        replace(one("b"), one("c")),
        remove,
        replace(one("c"), one("x")),
        insert(one("d")),
    ];
    let outcomes = backend.commit(&group).await.unwrap();
    let passed: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
    assert_eq!(passed, [true, false, true, false, true, true, false, true]);
    assert_same(backend.get("c", "1").await.unwrap(), &one("d"));
    assert!(backend.commit(&[]).await.unwrap().is_empty());
}

/// Writes follow one another; expectations are of what stood before all of them.
pub async fn a_batch_sees_what_it_wrote_itself<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    let put = |value: &str| Write::Put(Record::new("c", "1", value).tagged("t", value));
    let remove = || Write::Remove { category: "c".to_owned(), name: "1".to_owned() };
    let mut batch = Batch::new();
    batch.insert(Record::new("c", "1", "a")).write(put("b")).write(remove()).write(put("c"));
    commit(&*backend, batch).await.unwrap();
    assert_same(backend.get("c", "1").await.unwrap(), &Record::new("c", "1", "c").tagged("t", "c"));
    let mut batch = Batch::new();
    batch.write(remove()).write(put("d")).write(remove());
    commit(&*backend, batch).await.unwrap();
    assert_eq!(backend.count(&Query::all("c")).await.unwrap(), 0);
    let mut batch = Batch::new();
    let absent = || Expect::Absent { category: "c".to_owned(), name: "1".to_owned() };
    batch.expect(absent()).expect(absent()).write(remove()).write(put("e"));
    commit(&*backend, batch).await.unwrap();
    assert_eq!(backend.count(&Query::tagged("c", "t", "e")).await.unwrap(), 1);
}

/// Expecting is enough to be refused.
pub async fn a_batch_that_only_expects_is_checked<H: Harness>(harness: &H) {
    let backend = harness.open().await;
    let record = Record::new("c", "1", "a");
    let mut batch = Batch::new();
    batch.expect(Expect::Is(record.clone()));
    assert!(is_conflict_on(&commit(&*backend, batch.clone()).await, "c", "1"));
    make(&*backend, [record]).await;
    commit(&*backend, batch).await.unwrap();
    commit(&*backend, Batch::new()).await.unwrap();
}

/// Groups of batches over few records: every outcome, and in the end every record, in order.
pub async fn random_groups_match_the_model<H: Harness>(harness: &H) {
    const GROUPS: usize = 60;
    let seed =
        std::env::var("TRUSTKEEP_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(rand::random);
    let mut random = StdRng::seed_from_u64(seed);
    let (backend, model) = (harness.open().await, MemoryWallet::new());
    for _ in 0..GROUPS {
        let mut group = Vec::new();
        for _ in 0..random.random_range(1..6) {
            group.push(random_batch(&mut random, &model).await);
        }
        let outcomes = backend.commit(&group).await.unwrap();
        let expected = model.commit(&group).await.unwrap();
        let passed = |outcomes: &[crate::Result<()>]| outcomes.iter().map(Result::is_ok).collect::<Vec<_>>();
        assert_eq!(passed(&outcomes), passed(&expected), "TRUSTKEEP_SEED={seed}: {outcomes:?} {expected:?}");
    }
    for category in ["a", "b", queue::CATEGORY] {
        let query = Query::all(category);
        let (found, expected) = (backend.find(&query).await.unwrap(), model.find(&query).await.unwrap());
        let shown = |records: Vec<Record>| {
            let shown = |record: Record| (record.name, record.value, record.tags);
            records.into_iter().map(sorted).map(shown).collect::<Vec<_>>()
        };
        assert_eq!(shown(found), shown(expected), "TRUSTKEEP_SEED={seed}");
    }
}

async fn random_batch(random: &mut StdRng, model: &MemoryWallet) -> Batch {
    let mut batch = Batch::new();
    for _ in 0..random.random_range(1..4) {
        let category = if random.random_bool(0.5) { "a" } else { "b" };
        let name = random.random_range(0..5).to_string();
        let value = random.random_range(0..3).to_string();
        let record = Record::new(category, name, value.clone()).tagged("value", value);
        let stands = model.get(category, &record.name).await.unwrap();
        match (random.random_range(0..8), stands) {
            (0, _) => batch.write(Write::Put(record)),
            (1, _) => batch.write(Write::Remove { category: record.category, name: record.name }),
            (2, _) => {
                let lane = Lane { queue: "q", name: record.name };
                let id = random.random::<u64>().to_string();
                batch.enqueue(lane, Entry { id, payload: record.category })
            }
            (3, Some(stands)) => batch.remove(stands),
            (_, Some(stands)) => batch.replace(stands, record),
            (_, None) => batch.insert(record),
        };
    }
    batch
}

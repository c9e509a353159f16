//! Random histories, compared answer by answer with [`MemoryStore`].

use std::collections::HashMap;

use rand::{Rng, rngs::StdRng, seq::IndexedRandom};

use super::{AMOUNT, Harness, everything, seeded, table, with_tables};
use crate::ColumnType::{Bytes, Int, Text};
use crate::{
    Commit, Error, Expect, Key, MemoryStore, Order, Range, Record, Result, Row, Scan, Store, Table, Value,
    Version,
};
use std::ops::Bound;

/// A random history has the same answers from the backend as from the model.
pub async fn random_histories_match_the_model<H: Harness>(harness: &H) {
    let (seed, mut random) = seeded();
    let tables = [
        table("nested", Text, Some(Int)),
        table("flat", Bytes, None),
        table("deep", Int, Some(Text)),
        table("raw", Bytes, Some(Bytes)),
    ];
    let store = with_tables(harness, &tables.iter().collect::<Vec<_>>()).await;
    let model = MemoryStore::new();
    model.create_tables(&tables).await.unwrap();
    let mut pair = Pair { store: &*store, model: &model, versions: HashMap::new(), seen: Vec::new() };
    for step in 0..harness.scale().steps {
        let context = format!("step {step}; replay with TRUSTKEEP_SEED={seed}");
        let table = tables.choose(&mut random).unwrap();
        match random.random_range(0..100) {
            0..20 => pair.get(table, &any_key(table, &mut random), &context).await,
            20..40 => pair.scan(table, &any_scan(table, &mut random), &context).await,
            40..43 => pair.scan_table(table, random.random_range(1..20), &context).await,
            _ => {
                let commit = pair.any_commit(&tables, &mut random);
                pair.commit(commit, &context).await;
            }
        }
    }
    for table in &tables {
        pair.scan_table(table, 50, &format!("at the end; replay with TRUSTKEEP_SEED={seed}")).await;
    }
}

/// A backend beside its model.
struct Pair<'a> {
    store: &'a dyn Store,
    model: &'a MemoryStore,
    /// The backend's version for each of the model's.
    versions: HashMap<Version, Version>,
    /// Rows that were written, with the model's version: what expectations are made of.
    seen: Vec<(Table, Key, Version)>,
}

impl Pair<'_> {
    async fn get(&self, table: &Table, key: &Key, context: &str) {
        let (found, expected) = (self.store.get(table, key).await, self.model.get(table, key).await);
        let found = found.unwrap_or_else(|error| panic!("get {key:?} failed: {error}; {context}"));
        let found: Vec<_> = found.into_iter().collect();
        self.same(&found, &expected.unwrap().into_iter().collect::<Vec<_>>(), context);
    }

    async fn scan(&self, table: &Table, scan: &Scan, context: &str) {
        let (found, expected) = (self.store.scan(table, scan).await, self.model.scan(table, scan).await);
        match (found, expected) {
            (Ok(found), Ok(expected)) => {
                let context = format!("{scan:?}; {context}");
                assert_eq!(found.more, expected.more, "`more` of {context}");
                self.same(&found.records, &expected.records, &context);
            }
            (Err(found), Err(expected)) => same_kind(&found, &expected, context),
            (found, expected) => panic!("{scan:?} gave {found:?}, expected {expected:?}; {context}"),
        }
    }

    async fn scan_table(&self, table: &Table, limit: usize, context: &str) {
        let mut found = everything(self.store, table, limit).await.unwrap();
        found.sort_by(|one, other| one.key.cmp(&other.key));
        let expected = everything(self.model, table, limit).await.unwrap();
        self.same(&found, &expected, &format!("the whole of {table:?}; {context}"));
    }

    async fn commit(&mut self, commit: Commit, context: &str) {
        let translated = self.translated(&commit);
        let (found, expected) =
            (self.store.commit(translated).await, self.model.commit(commit.clone()).await);
        match (found, expected) {
            (Ok(found), Ok(expected)) => {
                let before = self.versions.insert(expected, found);
                assert_eq!(before, None);
                for write in &commit.writes {
                    self.seen.push((write.table().clone(), write.key().clone(), expected));
                }
            }
            (Err(Error::Conflict { table, key }), Err(Error::Conflict { .. })) => {
                // Where several expectations fail, a backend may name any of them.
                let mut failing = false;
                for expectation in &commit.expectations {
                    if expectation.table().qualified() == table && *expectation.key() == key {
                        let standing = self.model.get(expectation.table(), &key).await.unwrap();
                        failing |= !expectation.holds(standing.as_deref());
                    }
                }
                assert!(failing, "the conflict names {key:?} of {table}, which is as expected; {context}");
            }
            (Err(found), Err(expected)) => same_kind(&found, &expected, context),
            (found, expected) => panic!("{commit:?} gave {found:?}, expected {expected:?}; {context}"),
        }
    }

    /// The commit with the backend's versions for the model's.
    fn translated(&self, commit: &Commit) -> Commit {
        let mut translated = commit.clone();
        for expectation in &mut translated.expectations {
            if let Expect::Version { version, .. } = expectation {
                *version = self.versions.get(version).copied().unwrap_or(Version(-77));
            }
        }
        translated
    }

    fn same(&self, found: &[std::sync::Arc<Record>], expected: &[std::sync::Arc<Record>], context: &str) {
        let expected: Vec<Record> = expected
            .iter()
            .map(|record| Record { version: self.versions[&record.version], ..(**record).clone() })
            .collect();
        let found: Vec<Record> = found.iter().map(|record| (**record).clone()).collect();
        assert_eq!(found, expected, "{context}");
    }

    fn any_commit(&self, tables: &[Table], random: &mut StdRng) -> Commit {
        let mut commit = Commit::new();
        for _ in 0..random.random_range(0..3) {
            commit = commit.expect(self.any_expectation(tables, random));
        }
        for _ in 0..random.random_range(0..5) {
            let table = tables.choose(random).unwrap();
            let key = any_key(table, random);
            if commit.writes.iter().any(|write| write.table() == table && *write.key() == key)
                && random.random_ratio(9, 10)
            {
                continue;
            }
            commit = if random.random_ratio(1, 3) {
                commit.delete(table, key)
            } else {
                commit.put(table, key, any_row(random))
            };
        }
        commit
    }

    fn any_expectation(&self, tables: &[Table], random: &mut StdRng) -> Expect {
        let recent = &self.seen[self.seen.len().saturating_sub(30)..];
        match (random.random_range(0..10), recent.choose(random)) {
            (0..6, Some((table, key, version))) => {
                Expect::Version { table: table.clone(), key: key.clone(), version: *version }
            }
            (6..8, Some((table, key, _))) => {
                let value = random.random_range(0..3).into();
                Expect::Column { table: table.clone(), key: key.clone(), column: AMOUNT, value }
            }
            _ => {
                let table = tables.choose(random).unwrap();
                Expect::Absent { table: table.clone(), key: any_key(table, random) }
            }
        }
    }
}

fn same_kind(found: &Error, expected: &Error, context: &str) {
    let (found_kind, expected_kind) = (std::mem::discriminant(found), std::mem::discriminant(expected));
    assert_eq!(found_kind, expected_kind, "{found:?} instead of {expected:?}; {context}");
}

/// A key out of few, so that histories meet; sometimes one that is refused.
fn any_key(table: &Table, random: &mut StdRng) -> Key {
    let partition = any_part(table.partition().kind, 3, random);
    let clustering = table.clustering().map(|column| any_part(column.kind, 6, random));
    Key { partition, clustering }
}

fn any_part(kind: crate::ColumnType, count: usize, random: &mut StdRng) -> Value {
    let index = random.random_range(0..count);
    match kind {
        Int => Value::Int([0, -1, i64::MAX, i64::MIN, 256, -300][index]),
        Bytes => Value::from([&[0][..], &[255, 0], &[255], &[0, 0], b"a", &[128]][index].to_vec()),
        _ => Value::from(["a", "aé", "漢🧀", "b", "B", "a!"][index]),
    }
}

fn any_row(random: &mut StdRng) -> Row {
    let words = random.random_bool(0.7).then(|| Value::from(["", "x", "wörter"][random.random_range(0..3)]));
    let data = random.random_bool(0.7).then(|| {
        let mut data = vec![0; [0, 1, 40, 3_000][random.random_range(0..4)]];
        random.fill(&mut data[..]);
        Value::from(data)
    });
    let amount = random.random_bool(0.8).then(|| Value::from(random.random_range(0..3)));
    let flag = random.random_bool(0.5).then(|| Value::from(random.random::<bool>()));
    Row::new(vec![words, data, amount, flag])
}

fn any_scan(table: &Table, random: &mut StdRng) -> Scan {
    let kind = table.clustering().map_or(Int, |column| column.kind);
    let bound = |random: &mut StdRng| match random.random_range(0..3) {
        0 => Bound::Unbounded,
        1 => Bound::Included(any_part(kind, 6, random)),
        _ => Bound::Excluded(any_part(kind, 6, random)),
    };
    let range = Range { start: bound(random), end: bound(random) };
    let order = if random.random() { Order::Ascending } else { Order::Descending };
    let partition = any_part(table.partition().kind, 3, random);
    Scan { partition, range, order, limit: random.random_range(1..7) }
}

/// The answer of a call that may fail for the network's sake, for suites that cut it.
pub fn is_outage<T>(answer: &Result<T>) -> bool {
    matches!(answer, Err(Error::Unavailable(_) | Error::OutcomeUnknown(_)))
}

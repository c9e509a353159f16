//! Mutable records beneath functions: keys, ranges, and what makes a commit fail.

use std::sync::Arc;

use trustkeep_contract::{
    Column, ColumnValue, Database, DatabaseScan, Error as ContractError, Ordering, Selection,
};
use trustkeep_store::{Commit, Error as StoreError, MemoryStore, SharedStore};

use super::{MutableRecords, Schemas, define_tables};
use trustkeep_scalar_domain::brief::Wait;

const TABLES: &str = r#"{
    "shop.single": {"partition-key": ["p"], "columns": {"p": "INT", "v": "DOUBLE"}},
    "shop.native": {"partition-key": ["p"], "clustering-key": ["c"], "columns": {"p": "TEXT", "c": "INT", "v": "TEXT"}},
    "shop.falling": {"partition-key": ["p"], "clustering-key": ["c DESC"], "columns": {"p": "TEXT", "c": "BIGINT", "v": "TEXT"}},
    "shop.joint": {"partition-key": ["p", "q"], "clustering-key": ["c", "d DESC"],
                   "columns": {"p": "TEXT", "q": "BOOLEAN", "c": "DATE", "d": "INT", "v": "BLOB"}}
}"#;

struct World {
    store: SharedStore,
    schemas: Schemas,
    wait: Wait,
}

impl World {
    async fn new() -> Self {
        let store: SharedStore = Arc::new(MemoryStore::new());
        define_tables(&store, "scalar", TABLES).await.unwrap();
        Self { schemas: Schemas::new(store.clone(), "scalar").unwrap(), store, wait: Wait::here() }
    }

    fn begin(&self) -> MutableRecords<'_> {
        MutableRecords::new(&self.store, &self.schemas, "default", &self.wait)
    }

    async fn commit(&self, records: MutableRecords<'_>) -> Result<(), StoreError> {
        self.store.commit(records.into_changes().add_to(Commit::new())).await.map(drop)
    }
}

#[tokio::test]
async fn a_range_is_of_values_whatever_the_order_of_the_keys() {
    let world = World::new().await;
    for table in ["native", "falling"] {
        let mut records = world.begin();
        for c in [-5, 0, 3, 7] {
            records.put(&at(table, c), &[text("v", &format!("v{c}"))]).unwrap();
        }
        world.commit(records).await.unwrap();
        let mut records = world.begin();
        for (start, end, ordering, limit, found) in [
            (None, None, Ordering::Ascending, 0, vec![-5, 0, 3, 7]),
            (None, None, Ordering::Descending, 0, vec![7, 3, 0, -5]),
            (None, None, Ordering::Descending, 2, vec![7, 3]),
            (Some((0, true)), Some((3, true)), Ordering::Ascending, 0, vec![0, 3]),
            (Some((0, false)), None, Ordering::Ascending, 0, vec![3, 7]),
            (None, Some((3, false)), Ordering::Descending, 0, vec![0, -5]),
            (Some((3, false)), Some((3, true)), Ordering::Ascending, 0, vec![]),
        ] {
            let bound = |edge: Option<(i64, bool)>| {
                edge.map(|(value, inclusive)| (vec![number(table, value)], inclusive))
            };
            let scan = DatabaseScan {
                namespace: "shop".into(),
                table: table.into(),
                partition_key: vec![text("p", "a")],
                start: bound(start),
                end: bound(end),
                ordering,
                limit,
            };
            let rows = records.scan(&scan).unwrap();
            let values: Vec<_> = rows.iter().map(|row| row[1].clone()).collect();
            let wanted: Vec<_> = found.iter().map(|value| number(table, *value)).collect();
            assert_eq!(values, wanted, "{table} {scan:?}");
        }
        let row = records.get(&at(table, 3)).unwrap().unwrap();
        assert_eq!(row, [text("p", "a"), number(table, 3), text("v", "v3")]);
        assert!(records.get(&at(table, 4)).unwrap().is_none());
    }
}

#[tokio::test]
async fn keys_of_several_columns_are_ranged_by_prefixes() {
    let world = World::new().await;
    let partition =
        vec![text("p", "a"), Column { name: "q".into(), value: Some(ColumnValue::Boolean(true)) }];
    let date =
        |day: u8| Column { name: "c".into(), value: Some(ColumnValue::Date(format!("2024-01-0{day}"))) };
    let int = |value: i32| Column { name: "d".into(), value: Some(ColumnValue::Int(value)) };
    let mut records = world.begin();
    for day in 1..=3 {
        for value in [1, 2] {
            let selection = Selection {
                namespace: "shop".into(),
                table: "joint".into(),
                partition_key: partition.clone(),
                clustering_key: vec![date(day), int(value)],
            };
            records.put(&selection, &[]).unwrap();
        }
    }
    world.commit(records).await.unwrap();
    let mut records = world.begin();
    let mut found =
        |start: Option<(Vec<Column>, bool)>, end: Option<(Vec<Column>, bool)>| -> Vec<Vec<Column>> {
            let scan = DatabaseScan {
                namespace: "shop".into(),
                table: "joint".into(),
                partition_key: partition.clone(),
                start,
                end,
                ordering: Ordering::Ascending,
                limit: 0,
            };
            let rows = records.scan(&scan).unwrap();
            rows.into_iter().map(|row| row.get(2..4).unwrap().to_vec()).collect()
        };
    assert_eq!(
        found(None, None),
        [1, 2, 3]
            .iter()
            .flat_map(|day| [vec![date(*day), int(2)], vec![date(*day), int(1)]])
            .collect::<Vec<_>>()
    );
    assert_eq!(
        found(Some((vec![date(2)], true)), Some((vec![date(2)], true))),
        [vec![date(2), int(2)], vec![date(2), int(1)]]
    );
    assert_eq!(found(Some((vec![date(2)], false)), None), [vec![date(3), int(2)], vec![date(3), int(1)]]);
    // The second column falls: from 2 on is 2 only, and of that day only.
    assert_eq!(found(Some((vec![date(1), int(2)], true)), None), [vec![date(1), int(2)]]);
    assert_eq!(found(None, Some((vec![date(1), int(2)], false))), [vec![date(1), int(1)]]);
    let both = (vec![date(1), int(1)], true);
    assert_eq!(found(Some(both.clone()), Some(both)), [vec![date(1), int(1)]]);
}

#[tokio::test]
async fn what_was_read_must_still_be_so() {
    let world = World::new().await;
    let put = async |table: &str, c: i64, value: &str| {
        let mut records = world.begin();
        records.put(&at(table, c), &[text("v", value)]).unwrap();
        world.commit(records).await
    };
    put("native", 1, "one").await.unwrap();
    // A record that was read has changed.
    let mut reads = world.begin();
    reads.get(&at("native", 1)).unwrap();
    put("native", 1, "two").await.unwrap();
    assert!(matches!(world.commit(reads).await, Err(StoreError::Conflict { .. })));
    // A record that was not there is.
    let mut reads = world.begin();
    assert!(reads.get(&at("native", 2)).unwrap().is_none());
    put("native", 2, "new").await.unwrap();
    assert!(matches!(world.commit(reads).await, Err(StoreError::Conflict { .. })));
    // A range has one more, or one less.
    let all = DatabaseScan {
        namespace: "shop".into(),
        table: "native".into(),
        partition_key: vec![text("p", "a")],
        start: None,
        end: None,
        ordering: Ordering::Ascending,
        limit: 0,
    };
    let mut scans = world.begin();
    assert_eq!(scans.scan(&all).unwrap().len(), 2);
    put("native", 3, "third").await.unwrap();
    assert!(matches!(world.commit(scans).await, Err(StoreError::Conflict { .. })));
    let mut scans = world.begin();
    scans.scan(&all).unwrap();
    let mut deletes = world.begin();
    deletes.delete(&at("native", 3)).unwrap();
    world.commit(deletes).await.unwrap();
    assert!(matches!(world.commit(scans).await, Err(StoreError::Conflict { .. })));
    // Nothing has changed: two that write different records of a partition do not meet.
    let (mut one, mut other) = (world.begin(), world.begin());
    one.put(&at("native", 10), &[]).unwrap();
    other.put(&at("native", 11), &[]).unwrap();
    world.commit(one).await.unwrap();
    world.commit(other).await.unwrap();
}

#[tokio::test]
async fn a_transaction_sees_its_own_writes_and_a_wrong_call_ends_it() {
    let world = World::new().await;
    let mut records = world.begin();
    records.put(&at("native", 1), &[text("v", "one")]).unwrap();
    assert_eq!(records.get(&at("native", 1)).unwrap().unwrap()[2], text("v", "one"));
    records.put(&at("native", 1), &[Column { name: "v".into(), value: None }]).unwrap();
    assert_eq!(records.get(&at("native", 1)).unwrap().unwrap()[2].value, None);
    records.delete(&at("native", 1)).unwrap();
    assert!(records.get(&at("native", 1)).unwrap().is_none());
    world.commit(records).await.unwrap();
    let double = |value: f64| Column { name: "v".into(), value: Some(ColumnValue::Double(value)) };
    let single = Selection {
        namespace: "shop".into(),
        table: "single".into(),
        partition_key: vec![Column { name: "p".into(), value: Some(ColumnValue::Int(1)) }],
        clustering_key: vec![],
    };
    let mut records = world.begin();
    records.put(&single, &[double(0.1)]).unwrap();
    world.commit(records).await.unwrap();
    let mut records = world.begin();
    assert_eq!(records.get(&single).unwrap().unwrap()[1], double(0.1));
    for (wrong, says) in [
        (Selection { table: "none".into(), ..single.clone() }, "does not exist"),
        (Selection { clustering_key: vec![text("c", "x")], ..single.clone() }, "no clustering key"),
        (Selection { partition_key: vec![text("p", "x")], ..single.clone() }, "the column p"),
        (Selection { partition_key: vec![], ..single.clone() }, "has 1 columns"),
        (
            Selection { partition_key: vec![Column { name: "p".into(), value: None }], ..single.clone() },
            "is null",
        ),
    ] {
        let mut records = world.begin();
        assert_eq!(records.get(&wrong), Err(ContractError::Interrupted));
        assert_eq!(records.get(&single), Err(ContractError::Interrupted));
        let failure = records.take_failure().unwrap();
        assert!(
            failure.message.starts_with("DL-LEDGER-412002") && failure.message.contains(says),
            "{failure}"
        );
    }
    let mut records = world.begin();
    records.put(&at("native", 1), &[]).unwrap();
    let all = DatabaseScan {
        namespace: "shop".into(),
        table: "native".into(),
        partition_key: vec![text("p", "a")],
        start: None,
        end: None,
        ordering: Ordering::Ascending,
        limit: 0,
    };
    assert_eq!(records.scan(&all), Err(ContractError::Interrupted));
    assert!(records.take_failure().unwrap().message.contains("has written"));
    for columns in [[text("w", "x")], [text("p", "x")], [double(1.0)]] {
        let mut records = world.begin();
        assert_eq!(records.put(&at("native", 1), &columns), Err(ContractError::Interrupted));
    }
}

fn at(table: &str, c: i64) -> Selection {
    Selection {
        namespace: "shop".into(),
        table: table.into(),
        partition_key: vec![text("p", "a")],
        clustering_key: vec![number(table, c)],
    }
}

/// The clustering key of `native`, an INT, or of `falling`, a BIGINT.
fn number(table: &str, value: i64) -> Column {
    let value = match table {
        "native" => ColumnValue::Int(i32::try_from(value).unwrap()),
        _ => ColumnValue::BigInt(value),
    };
    Column { name: "c".into(), value: Some(value) }
}

fn text(name: &str, value: &str) -> Column {
    Column { name: name.into(), value: Some(ColumnValue::Text(value.into())) }
}

//! Rows that somebody edits behind the Ledger's back.

use bytes::Bytes;
use serde_json::json;
use trustkeep_store::{Commit, Key, Row, SharedStore, Table, Value};

use super::World;
use crate::tables::namespace_tables;

const PROVING: &str = "scalar.dl.ledger.proof.enabled=true\nscalar.dl.ledger.auditor.enabled=false\n";

#[tokio::test]
async fn each_edited_column_has_its_code() {
    let text = |text: &str| Some(Value::from(text));
    let bytes = || Some(Value::Bytes(Bytes::from_static(&[7; 32])));
    for (column, value, code) in [
        (ARGUMENT, text("V3\u{1}n\u{3}default\u{3}\u{3}{\"id\":\"a\",\"by\":9}"), 302),
        (ARGUMENT, text("nonsense"), 302),
        (CONTRACT, text("alice/1/Put"), 302),
        (CONTRACT, text("mallory/1/Add"), 302),
        (CONTRACT, text("Add"), 302),
        (SIGNATURE, bytes(), 302),
        (OUTPUT, text(r#"{"n":1000}"#), 303),
        (INPUT, text("{}"), 303),
        (PREV_HASH, bytes(), 301),
        (PREV_HASH, None, 301),
        (HASH, bytes(), 300),
    ] {
        let world = chain().await;
        edit(&world.store, 2, |row| row[column] = value.clone()).await;
        let found = world.validate("a", (0, 9)).await.unwrap();
        assert_eq!(found.0, code, "column {column}: {value:?}");
        // Before the wrong state all is right.
        assert_eq!(world.validate("a", (0, 1)).await.unwrap().0, 200);
    }
}

#[tokio::test]
async fn no_contract_is_executed_on_a_state_that_was_changed() {
    for column in [ARGUMENT, CONTRACT, HASH, INPUT, OUTPUT, PREV_HASH, SIGNATURE] {
        let world = chain().await;
        for (age, contract) in [(3, "History"), (4, "Get"), (4, "Add")] {
            world.execute(contract, json!({ "id": "a" })).await.unwrap();
            // `Add` appended one; what is looked at is the latest each time.
            let age = if contract == "Add" { age + 1 } else { age };
            let kept = world.store.get(&table(0), &Key::of("a").at(age)).await.unwrap().unwrap();
            let other = match kept.row.value(column) {
                Some(Value::Text(_)) => Value::from("{}"),
                _ => Value::Bytes(Bytes::from_static(&[7; 32])),
            };
            edit(&world.store, age, |row| row[column] = Some(other)).await;
            let refused = world.execute(contract, json!({ "id": "a" })).await.unwrap_err();
            assert!(
                refused.message.starts_with("DL-COMMON-305001"),
                "column {column}, {contract}: {refused}"
            );
            let mend = Commit::new().put(&table(0), Key::of("a").at(age), kept.row.clone());
            world.store.commit(mend).await.unwrap();
            world.execute(contract, json!({ "id": "a" })).await.unwrap();
        }
    }
}

#[tokio::test]
async fn states_that_are_missing_or_moved_are_noticed() {
    let world = chain().await;
    let asset = table(0);
    world.store.commit(Commit::new().delete(&asset, Key::of("a").at(2))).await.unwrap();
    let missing = world.validate("a", (0, 9)).await.unwrap_err();
    assert!(missing.message.starts_with("DL-LEDGER-305002"), "{missing}");

    // The latest one: the metadata names what is not there.
    let world = chain().await;
    world.store.commit(Commit::new().delete(&asset, Key::of("a").at(4))).await.unwrap();
    for error in [
        world.validate("a", (0, 9)).await.unwrap_err(),
        world.execute("Add", json!({ "id": "a" })).await.unwrap_err(),
    ] {
        assert!(error.message.starts_with("DL-LEDGER-305001"), "{error}");
    }

    // Whichever a contract looks at, also the first one, which no other follows.
    for age in [0, 2] {
        let world = chain().await;
        world.execute("History", json!({ "id": "a" })).await.unwrap();
        world.store.commit(Commit::new().delete(&asset, Key::of("a").at(age))).await.unwrap();
        let missing = world.execute("History", json!({ "id": "a" })).await.unwrap_err();
        assert!(missing.message.starts_with("DL-COMMON-305001"), "{missing}");
        world.execute("Add", json!({ "id": "a" })).await.unwrap();
    }

    // The metadata alone is set back: what is there already is not written over.
    let world = chain().await;
    let back = Commit::new().put(&table(1), Key::of("a"), Row::of([2]));
    world.store.commit(back).await.unwrap();
    for error in [
        world.execute("Add", json!({ "id": "a" })).await.unwrap_err(),
        world.validate("a", (0, 9)).await.unwrap_err(),
    ] {
        assert!(error.message.starts_with("DL-LEDGER-305001"), "{error}");
    }

    // A state under another age: its hash says which it was.
    let world = chain().await;
    let third = world.store.get(&asset, &Key::of("a").at(3)).await.unwrap().unwrap();
    edit(&world.store, 2, |row| *row = third.row.values().to_vec()).await;
    let swapped = world.validate("a", (0, 2)).await;
    assert!(swapped.as_ref().map_or(true, |found| found.0 != 200), "{swapped:?}");
}

#[tokio::test]
async fn a_request_that_was_applied_twice_is_noticed() {
    // Two states of one request, each right in itself: only who writes behind the Ledger's back can make them.
    let world = World::new("").await;
    let request = world.request("Put", json!({ "id": "a", "data": { "n": 1 } }));
    world.ledger.execute(request.clone()).await.unwrap();
    let state = world.store.scan_table(&shared(0), None, 10).await.unwrap();
    for record in &state.records {
        world.store.commit(Commit::new().delete(&shared(0), record.key.clone())).await.unwrap();
    }
    world.ledger.execute(request).await.unwrap();
    assert_eq!(world.validate("a", (0, 9)).await.unwrap().0, 304);
}

#[tokio::test]
async fn a_contract_in_anothers_place_is_noticed_by_who_loads_it() {
    let world = chain().await;
    let contract = trustkeep_scalar_domain::tables::Tables::of("scalar", "default").unwrap().contract;
    let page = world.store.scan_table(&contract, None, 100).await.unwrap();
    for record in page.records {
        let mut values = record.row.values().to_vec();
        values[1] = Some(Value::from(r#"{"by":"mallory"}"#));
        let commit = Commit::new().put(&contract, record.key.clone(), Row::new(values));
        world.store.commit(commit).await.unwrap();
    }
    let started_again = world.again().await;
    for error in [
        started_again.execute("Add", json!({ "id": "a" })).await.unwrap_err(),
        started_again.validate("a", (0, 9)).await.unwrap_err(),
    ] {
        assert!(error.message.starts_with("DL-COMMON-302002"), "{error}");
    }
}

const ARGUMENT: usize = 0;
const CONTRACT: usize = 1;
const HASH: usize = 2;
const INPUT: usize = 3;
const OUTPUT: usize = 4;
const PREV_HASH: usize = 5;
const SIGNATURE: usize = 6;

/// An asset of five states.
async fn chain() -> World {
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem().replace('\n', "\\n");
    let world = World::new(&format!("{PROVING}scalar.dl.ledger.proof.private_key_pem={key}\n")).await;
    for _ in 0..5 {
        world.execute("Add", json!({ "id": "a" })).await.unwrap();
    }
    assert_eq!(world.validate("a", (0, 9)).await.unwrap(), (200, Some(4)));
    world
}

async fn edit(store: &SharedStore, age: i64, change: impl FnOnce(&mut Vec<Option<Value>>)) {
    let key = Key::of("a").at(age);
    let record = store.get(&table(0), &key).await.unwrap().unwrap();
    let mut values = record.row.values().to_vec();
    change(&mut values);
    store.commit(Commit::new().put(&table(0), key, Row::new(values))).await.unwrap();
}

fn table(index: usize) -> Table {
    namespace_tables("scalar", "default").unwrap()[index].clone()
}

fn shared(index: usize) -> Table {
    crate::tables::shared_tables("scalar").unwrap()[index].clone()
}

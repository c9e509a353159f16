//! Rows of the Auditor that somebody edited while it was not running: its assets, its locks, its request proofs.

use bytes::Bytes;
use trustkeep_scalar_client::Ages;
use trustkeep_store::{Key, Value};

use crate::site::state;
use crate::world::{World, balance, deposit, executed, refused};

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_a_state_counts_and_so_does_every_state() {
    let text = |text: &str| Some(Value::from(text));
    let bytes = || Some(Value::Bytes(Bytes::from_static(&[7; 32])));
    let edits = [
        ("argument", text("V3\u{1}n\u{3}default\u{3}\u{3}{\"id\":\"x\",\"amount\":10}")),
        ("contract_id", text("alice/1/transfer")),
        ("hash", bytes()),
        ("input", text("{}")),
        ("output", text(r#"{"balance":1000000}"#)),
        ("prev_hash", bytes()),
        ("prev_hash", None),
        ("signature", bytes()),
    ];
    let cases: Vec<_> = [2, 1]
        .iter()
        .flat_map(|age| edits.iter().map(move |edit| (*age, edit)))
        .enumerate()
        .map(|(index, case)| (format!("asset-{index}"), case))
        .collect();
    let gone = [("latest-gone", 2), ("middle-gone", 1)];
    let mut world = World::new().await;
    let client = world.client();
    let names = cases.iter().map(|(name, _)| name.as_str()).chain(gone.map(|(name, _)| name));
    for name in names {
        client.execute_contract("create", &format!(r#"{{"id":"{name}"}}"#)).await.unwrap();
        for _ in 0..2 {
            deposit(&client, name, 10).await.unwrap();
        }
    }
    world.auditor.stop().await;
    let rows = world.auditor.rows();
    for (name, (age, (column, value))) in &cases {
        rows.set("asset", state(name, *age), column, value.clone()).await;
    }
    for (name, age) in gone {
        rows.delete("asset", state(name, age)).await;
    }
    rows.close().await;
    world.auditor.start().await;
    let client = world.client();
    for (name, (age, (column, value))) in &cases {
        let what = format!("{column} of age {age} set to {value:?}");
        refused(&what, client.validate_ledger(None, name, Ages::ALL).await, "DL-AUDITOR-305004");
        if *age == 2 {
            refused(&what, deposit(&client, name, 1).await, "DL-AUDITOR-305004");
            refused(&what, balance(&client, name).await, "DL-AUDITOR-305004");
        }
    }
    for (name, age) in gone {
        refused(name, client.validate_ledger(None, name, Ages::ALL).await, "DL-AUDITOR-305007");
        if age == 2 {
            refused(name, deposit(&client, name, 1).await, "DL-AUDITOR-305007");
        }
    }
    world.check_others_get_on("untouched").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_that_goes_back_in_time_is_found_where_it_forgot_something() {
    let mut world = World::new().await;
    let client = world.client();
    for name in ["changed", "same"] {
        client.execute_contract("create", &format!(r#"{{"id":"{name}"}}"#)).await.unwrap();
    }
    world.auditor.stop().await;
    world.auditor.keep();
    world.auditor.start().await;
    let client = world.client();
    deposit(&client, "changed", 10).await.unwrap();
    client.execute_contract("create", r#"{"id":"new"}"#).await.unwrap();
    world.auditor.stop().await;
    world.auditor.go_back();
    world.auditor.start().await;
    let client = world.client();
    refused("read", balance(&client, "changed").await, "DL-AUDITOR-305008");
    refused("new", client.execute_contract("create", r#"{"id":"new"}"#).await, "408");
    deposit(&client, "same", 1).await.unwrap();
    world.check_others_get_on("untouched").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_was_edited_or_removed_is_found() {
    let int = |int| Some(Value::Int(int));
    let text = |text: &str| Some(Value::from(text));
    // Of a lock that nobody holds.
    let free = [
        ("age", int(0), "DL-AUDITOR-305008"),
        ("age", int(7), "DL-AUDITOR-305007"),
        ("age", int(-1), "DL-AUDITOR-305"),
        ("lock_type", int(2), "DL-AUDITOR-305008"),
        ("lock_type", int(9), "DL-AUDITOR-305009"),
        ("lock_count", int(3), "DL-AUDITOR-305008"),
        ("lock_taken_by", text(r#"["somebody"]"#), "DL-AUDITOR-305008"),
        ("gone", None, "DL-AUDITOR-305005"),
    ];
    // Of one that is held for writing, met by its holder.
    let held = [
        ("age", int(0), "DL-AUDITOR-305008"),
        ("lock_type", int(1), "DL-AUDITOR-305008"),
        ("lock_type", int(0), "DL-AUDITOR-305008"),
        ("lock_count", int(2), "DL-AUDITOR-305008"),
        ("lock_taken_by", text(r#"["somebody"]"#), "305"),
        ("input", text("{}"), "DL-AUDITOR-305008"),
        ("gone", None, "DL-AUDITOR-305005"),
    ];
    let mut world = World::with_grace(3_600_000).await;
    let client = world.client();
    let mut cases = Vec::new();
    for (index, (column, value, code)) in free.into_iter().enumerate() {
        cases.push((format!("free-{index}"), column, value, code, None));
    }
    for (index, (column, value, code)) in held.into_iter().enumerate() {
        cases.push((format!("held-{index}"), column, value, code, Some(())));
    }
    let mut under_way = Vec::new();
    for (name, _, _, _, held) in &cases {
        client.execute_contract("create", &format!(r#"{{"id":"{name}"}}"#)).await.unwrap();
        deposit(&client, name, 10).await.unwrap();
        under_way.push(match held {
            Some(()) => Some(executed(&client, name, &format!("n-{name}")).await.unwrap()),
            None => None,
        });
    }
    world.auditor.stop().await;
    let rows = world.auditor.rows();
    for (name, column, value, _, _) in &cases {
        match *column {
            "gone" => rows.delete("asset_lock", Key::of(name.as_str())).await,
            column => rows.set("asset_lock", Key::of(name.as_str()), column, value.clone()).await,
        }
    }
    rows.close().await;
    world.auditor.start().await;
    let client = world.client();
    for ((name, column, value, code, _), under_way) in cases.iter().zip(under_way) {
        let what = format!("{name}: {column} set to {value:?}");
        match under_way {
            None => drop(refused(&what, deposit(&client, name, 1).await, code)),
            Some((request, answer)) => {
                drop(refused(&what, client.validate_at_auditor(request, answer.proofs).await, code));
            }
        }
    }
    world.check_others_get_on("untouched").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_proof_that_was_edited_or_removed_is_found() {
    let text = |text: &str| Some(Value::from(text));
    let cases = [
        ("gone", None, "DL-AUDITOR-305003"),
        ("contract_id", text("get"), "DL-AUDITOR-305001"),
        ("contract_argument", text("V2\u{1}n\u{3}\u{3}{}"), "DL-AUDITOR-305001"),
        ("cert_holder_id", text("mallory"), "DL-AUDITOR-305001"),
        ("cert_version", Some(Value::Int(2)), "DL-AUDITOR-305001"),
        ("signature", Some(Value::Bytes(Bytes::from_static(b"x"))), "DL-AUDITOR-305001"),
        ("read_write_set_keys", text("[]"), "305"),
    ];
    let mut world = World::with_grace(3_600_000).await;
    let client = world.client();
    let mut under_way = Vec::new();
    for (index, case) in cases.into_iter().enumerate() {
        let name = format!("asset-{index}");
        client.execute_contract("create", &format!(r#"{{"id":"{name}"}}"#)).await.unwrap();
        let nonce = format!("nonce-{index}");
        under_way.push((executed(&client, &name, &nonce).await.unwrap(), nonce, case));
    }
    world.auditor.stop().await;
    let rows = world.auditor.rows();
    for (_, nonce, (column, value, _)) in &under_way {
        match *column {
            "gone" => rows.delete("request_proof", Key::of(nonce.as_str())).await,
            column => rows.set("request_proof", Key::of(nonce.as_str()), column, value.clone()).await,
        }
    }
    rows.close().await;
    world.auditor.start().await;
    let client = world.client();
    for ((request, answer), _, (column, _, code)) in under_way {
        refused(column, client.validate_at_auditor(request, answer.proofs).await, code);
    }
    world.check_others_get_on("untouched").await;
}

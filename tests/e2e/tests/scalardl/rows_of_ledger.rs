//! Rows of the Ledger that somebody edited while it was not running.

use bytes::Bytes;
use trustkeep_scalar_client::{Ages, Client};
use trustkeep_scalar_rpc::Result;
use trustkeep_store::{Key, Row, Value};

use crate::site::{Rows, state};
use crate::world::{Setting, World, balance, deposit, refused};

/// What a client does to find out.
#[derive(Clone, Copy, Debug)]
enum Access {
    Write,
    Read,
    Validate,
}

async fn access(client: &Client, asset: &str, how: Access) -> Result<()> {
    match how {
        Access::Write => deposit(client, asset, 1).await.map(drop),
        Access::Read => balance(client, asset).await.map(drop),
        Access::Validate => client.validate_ledger(None, asset, Ages::ALL).await.map(drop),
    }
}

/// An asset of three states, for each of `names`.
async fn accounts(client: &Client, names: impl Iterator<Item = &str>) {
    for name in names {
        client.execute_contract("create", &format!(r#"{{"id":"{name}"}}"#)).await.unwrap();
        for _ in 0..2 {
            deposit(client, name, 10).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_of_every_row_counts() {
    for setting in Setting::BOTH {
        edited_columns(setting).await;
    }
}

async fn edited_columns(setting: Setting) {
    let text = |text: &str| Some(Value::from(text));
    let bytes = || Some(Value::Bytes(Bytes::from_static(&[7; 32])));
    let edits = [
        ("argument", text("V3\u{1}n\u{3}default\u{3}\u{3}{\"id\":\"x\",\"amount\":10}")),
        ("argument", text("nonsense")),
        ("contract_id", text("alice/1/transfer")),
        ("hash", bytes()),
        ("input", text("{}")),
        ("output", text(r#"{"balance":1000000}"#)),
        ("prev_hash", bytes()),
        ("prev_hash", None),
        ("signature", bytes()),
    ];
    // The latest state is met by whatever is done; an old one by who looks at it.
    let cases: Vec<_> = [(2, Access::Write), (2, Access::Read), (2, Access::Validate), (1, Access::Validate)]
        .iter()
        .flat_map(|(age, how)| edits.iter().map(move |edit| (*age, *how, edit)))
        .enumerate()
        .map(|(index, case)| (format!("asset-{index}"), case))
        .collect();
    let mut world = World::of(setting, 0).await;
    accounts(&world.client(), cases.iter().map(|(name, _)| name.as_str())).await;
    world.ledger.stop().await;
    let rows = world.ledger.rows();
    for (name, (age, _, (column, value))) in &cases {
        rows.set("asset", state(name, *age), column, value.clone()).await;
    }
    rows.close().await;
    world.start_ledger().await;
    let client = world.client();
    for (name, (age, how, (column, value))) in &cases {
        let what = format!("{column} of age {age} set to {value:?}, then {how:?}");
        refused(&what, access(&client, name, *how).await, "305");
    }
    world.check_others_get_on("untouched").await;
}

/// What is done to an asset of three states, who meets it, and what they are told.
const DAMAGES: [(&str, &[Access], &str); 10] = [
    ("latest gone", &[Access::Write, Access::Read], "DL-LEDGER-305001"),
    ("middle gone", &[Access::Validate], "305"),
    ("cut off", &[Access::Write, Access::Read, Access::Validate], "DL-AUDITOR-305"),
    ("metadata back", &[Access::Write, Access::Read], "305"),
    ("metadata gone", &[Access::Read], "305"),
    // The contract finds no account at the Ledger, and says so: nothing is done.
    ("metadata gone", &[Access::Write], "408"),
    ("all gone", &[Access::Read, Access::Validate], "DL-AUDITOR-305002"),
    ("all gone", &[Access::Write], "408"),
    ("swapped", &[Access::Write, Access::Read, Access::Validate], "305"),
    ("another's", &[Access::Write, Access::Read, Access::Validate], "305"),
];

async fn damage(rows: &Rows, id: &str, what: &str) {
    match what {
        "latest gone" => rows.delete("asset", state(id, 2)).await,
        "middle gone" => rows.delete("asset", state(id, 1)).await,
        "cut off" => {
            rows.delete("asset", state(id, 2)).await;
            rows.put("asset_metadata", Key::of(id), Row::of([1])).await;
        }
        "metadata back" => rows.put("asset_metadata", Key::of(id), Row::of([1])).await,
        "metadata gone" => rows.delete("asset_metadata", Key::of(id)).await,
        "all gone" => {
            for age in 0..3 {
                rows.delete("asset", state(id, age)).await;
            }
            rows.delete("asset_metadata", Key::of(id)).await;
        }
        "swapped" => {
            let (one, two) = (state(id, 1), state(id, 2));
            let first = rows.get("asset", &one).await.unwrap();
            let second = rows.get("asset", &two).await.unwrap();
            rows.put("asset", one, second).await;
            rows.put("asset", two, first).await;
        }
        _ => {
            let row = rows.get("asset", &state("donor", 2)).await.unwrap();
            rows.put("asset", state(id, 2), row).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn states_that_were_cut_off_swapped_or_made_up_are_found() {
    let cases: Vec<_> = DAMAGES
        .iter()
        .flat_map(|(what, accesses, code)| accesses.iter().map(move |how| (*what, *how, *code)))
        .enumerate()
        .map(|(index, case)| (format!("asset-{index}"), case))
        .collect();
    let mut world = World::new().await;
    let names = cases.iter().map(|(name, _)| name.as_str());
    accounts(&world.client(), names.chain(["donor"])).await;
    world.ledger.stop().await;
    let rows = world.ledger.rows();
    for (name, (what, _, _)) in &cases {
        damage(&rows, name, what).await;
    }
    rows.close().await;
    world.start_ledger().await;
    let client = world.client();
    for (name, (what, how, code)) in &cases {
        refused(&format!("{what}, then {how:?}"), access(&client, name, *how).await, code);
    }
    // The one that was copied from is as it was.
    access(&client, "donor", Access::Validate).await.unwrap();
    world.check_others_get_on("untouched").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_goes_back_in_time_is_found_where_it_forgot_something() {
    let mut world = World::new().await;
    accounts(&world.client(), ["read", "written", "validated", "same"].into_iter()).await;
    world.ledger.stop().await;
    world.ledger.keep();
    world.start_ledger().await;
    let client = world.client();
    for name in ["read", "written", "validated"] {
        deposit(&client, name, 10).await.unwrap();
    }
    world.ledger.stop().await;
    world.ledger.go_back();
    world.start_ledger().await;
    let client = world.client();
    refused("read", access(&client, "read", Access::Read).await, "DL-AUDITOR-305008");
    refused("written", access(&client, "written", Access::Write).await, "DL-AUDITOR-305008");
    refused("validated", access(&client, "validated", Access::Validate).await, "DL-AUDITOR-305008");
    for how in [Access::Read, Access::Write, Access::Validate] {
        access(&client, "same", how).await.unwrap();
    }
    world.check_others_get_on("untouched").await;
}

/// A state's hash says nothing of its namespace: whole histories fit in another's place.
#[tokio::test(flavor = "multi_thread")]
async fn histories_that_changed_their_namespaces_are_found() {
    for at_ledger in [true, false] {
        let mut world = World::new().await;
        world.client().create_namespace("second").await.unwrap();
        world.admit(&world.client_in("second")).await;
        let names = ["a", "b", "c"];
        for namespace in ["default", "second"] {
            accounts(&world.client_in(namespace), names.into_iter().chain(["same"])).await;
        }
        let site = if at_ledger { &mut world.ledger } else { &mut world.auditor };
        site.stop().await;
        let mut taken = Vec::new();
        for namespace in ["default", "second"] {
            let rows = site.rows_in(namespace);
            for key in names.into_iter().flat_map(|name| (0..3).map(move |age| state(name, age))) {
                taken.push((namespace, key.clone(), rows.get("asset", &key).await.unwrap()));
            }
            rows.close().await;
        }
        for namespace in ["default", "second"] {
            let rows = site.rows_in(namespace);
            for (_, key, row) in taken.iter().filter(|(of, ..)| *of != namespace) {
                rows.put("asset", key.clone(), row.clone()).await;
            }
            rows.close().await;
        }
        site.start().await;
        let [main, ..] = world.ledger.ports;
        world.liar.point_at(main);
        for namespace in ["default", "second"] {
            let client = world.client_in(namespace);
            for (name, how) in names.into_iter().zip([Access::Write, Access::Read, Access::Validate]) {
                let what = format!("{how:?} in {namespace}, at the Ledger: {at_ledger}");
                refused(&what, access(&client, name, how).await, "DL-AUDITOR-305");
            }
            for how in [Access::Write, Access::Read, Access::Validate] {
                access(&client, "same", how).await.unwrap();
            }
        }
        world.check_others_get_on("untouched").await;
    }
}

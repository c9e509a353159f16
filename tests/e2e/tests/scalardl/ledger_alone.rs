//! A Ledger without an Auditor: what somebody edited is found by validating, each column by its code.

use bytes::Bytes;
use serde_json::json;
use trustkeep_scalar_client::{Ages, Client, ClientConfig, Target};
use trustkeep_scalar_domain::tables::contract_key;
use trustkeep_scalar_rpc::{Result, StatusCode};
use trustkeep_store::{Key, Value};

use crate::setting::{Pair, Setting};
use crate::site::{Kind, Site, state};
use crate::world::{deposit, refused};

const DEPOSIT: &str = "com.scalar.application.bankaccount.contract.Deposit";

fn client(site: &Site, pair: &Pair) -> Client {
    let [main, privileged, _] = site.ports;
    Client::new(ClientConfig::new(Target::new("127.0.0.1", main, privileged), pair.identity("alice")))
        .unwrap()
}

/// The code of a validation, of its answer or of its error.
async fn validated(client: &Client, asset: &str, ages: Ages) -> Result<u32> {
    Ok(client.validate_ledger(None, asset, ages).await?.code.number())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_column_has_its_code() {
    for setting in Setting::BOTH {
        edited(setting).await;
    }
}

async fn edited(setting: Setting) {
    let text = |text: &str| Some(Value::from(text));
    let bytes = |bytes: &'static [u8]| Some(Value::Bytes(Bytes::from_static(bytes)));
    // The form of a signature, and of none, which the original tells apart where it is of a certificate's key.
    let unformed = match setting {
        Setting::Signatures => "DL-COMMON-400002",
        Setting::Secrets => "302",
    };
    let edits = [
        ("argument", text("V3\u{1}n\u{3}default\u{3}\u{3}{\"id\":\"x\",\"amount\":10}"), "302"),
        ("argument", text("nonsense"), "302"),
        ("contract_id", text("alice/1/create"), "302"),
        ("contract_id", text("mallory/1/deposit"), "302"),
        ("contract_id", text("deposit"), "302"),
        ("signature", bytes(&[0x30, 6, 2, 1, 7, 2, 1, 8]), "302"),
        ("signature", bytes(&[7; 32]), unformed),
        ("output", text(r#"{"balance":1000000}"#), "303"),
        ("input", text("{}"), "303"),
        ("prev_hash", bytes(&[7; 32]), "301"),
        ("prev_hash", None, "301"),
        ("hash", bytes(&[7; 32]), "300"),
    ];
    let dir = tempfile::tempdir().unwrap();
    let mut site = Site::new(Kind::Ledger, dir.path(), &setting.lines("ledger"));
    site.start().await;
    let pair = setting.pair("alice");
    let alice = client(&site, &pair);
    match setting {
        Setting::Signatures => alice.register_certificate().await.unwrap(),
        Setting::Secrets => alice.register_secret().await.unwrap(),
    }
    let create = DEPOSIT.replace("Deposit", "CreateAccount");
    for (id, name) in [("create", create.as_str()), ("deposit", DEPOSIT), ("replaced", DEPOSIT)] {
        alice.register_built_in(id, name).await.unwrap();
    }
    let names: Vec<_> = (0..edits.len()).map(|index| format!("asset-{index}")).collect();
    let others = ["middle gone", "replaced", "same"];
    for name in names.iter().map(String::as_str).chain(others) {
        alice.execute_contract("create", &json!({ "id": name }).to_string()).await.unwrap();
        for _ in 0..3 {
            deposit(&alice, name, 10).await.unwrap();
        }
    }
    alice.execute_contract("replaced", r#"{"id":"replaced","amount":1}"#).await.unwrap();

    site.stop().await;
    let rows = site.rows();
    for (name, (column, value, _)) in names.iter().zip(&edits) {
        rows.set("asset", state(name, 2), column, value.clone()).await;
    }
    rows.delete("asset", state("middle gone", 1)).await;
    let place: Key = contract_key("alice", 1, "replaced");
    rows.set("contract", place, "properties", text(r#"{"by":"mallory"}"#)).await;
    rows.close().await;
    site.start().await;

    let alice = client(&site, &pair);
    let (before, after) = (Ages::new(0, 1).unwrap(), Ages::new(4, 4).unwrap());
    for (name, (column, value, code)) in names.iter().zip(&edits) {
        let what = format!("{column} set to {value:?}, with {setting:?}");
        match validated(&alice, name, Ages::ALL).await {
            Ok(found) => assert_eq!(found.to_string(), *code, "{what}"),
            error => drop(refused(&what, error, code)),
        }
        assert_eq!(validated(&alice, name, before).await, Ok(StatusCode::Ok.number()), "{what}");
        // Contracts read the latest state, which nobody edited.
        deposit(&alice, name, 1).await.unwrap();
        assert_eq!(validated(&alice, name, after).await, Ok(StatusCode::Ok.number()), "{what}");
    }
    refused("middle gone", validated(&alice, "middle gone", Ages::ALL).await, "DL-LEDGER-305002");
    let argument = r#"{"id":"replaced","amount":1}"#;
    refused("executed", alice.execute_contract("replaced", argument).await, "DL-COMMON-302002");
    refused("validated", validated(&alice, "replaced", Ages::ALL).await, "DL-COMMON-302002");
    assert_eq!(validated(&alice, "same", Ages::ALL).await, Ok(200));
    site.stop().await;
}

//! What clients should not send, to Ledger and Auditor: a clear status, nothing changed, and the same asset and nonce are
//! free for an honest request.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use serde_json::json;
use trustkeep_scalar_client::{Call, Client, ClientConfig};
use trustkeep_scalar_rpc::StatusCode;

use crate::world::{Pair, World, balance, deposit, refused};

/// A module that puts a state of asset `m` and goes on with this.
fn module(body: &str) -> Bytes {
    let wat = format!(
        r#"(module (import "trustkeep" "put" (func $put (param i32 i32 i32 i32 i32 i32)))
        (memory (export "memory") 1) (data (i32.const 0) "m{{}}")
        (func $invoke (export "invoke")
            (call $put (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1) (i32.const 2))
            {body}))"#
    );
    wat::parse_str(wat).unwrap().into()
}

fn script(body: &str) -> Bytes {
    format!("function invoke(ledger) {{ ledger.put('m', {{}}); {body} }}").into()
}

/// Contracts that put a state of asset `m` and then do what they should not; the code, and what its text says.
fn contracts() -> Vec<(&'static str, Bytes, &'static str, &'static str)> {
    vec![
        ("wasm-loops", module("(loop $l (br $l))"), "502", "units of fuel"),
        (
            "wasm-allocates",
            module("(loop $l (drop (memory.grow (i32.const 1))) (br $l))"),
            "502",
            "more memory than its",
        ),
        ("wasm-traps", module("unreachable"), "502", "unreachable code"),
        ("wasm-recurses", module("(call $invoke)"), "502", "nested deeper"),
        ("js-loops", script("for (;;) {}"), "502", "ticks"),
        ("js-allocates", script("const a = []; for (;;) a.push({ n: a.length })"), "502", "memory"),
        ("js-recurses", script("const f = () => f() + 1; f()"), "502", "nested too deeply"),
        ("js-throws", script("throw new ContractContextException('no')"), "408", "no"),
        ("js-searches", script("'a'.repeat(4e6).indexOf('a'.repeat(2e6) + 'b')"), "503", "of the processor"),
    ]
}

async fn mallory(world: &World) -> Client {
    let client = world.client_of("mallory", &Pair::new("mallory"));
    world.admit(&client).await;
    for (id, bytes, ..) in contracts() {
        client.register_contract(id, &format!("com.example.{id}"), bytes, "").await.unwrap();
    }
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn contracts_that_take_all_they_can_get() {
    let world = World::new().await;
    let (honest, mallory) = (world.client(), mallory(&world).await);
    honest.execute_contract("create", &json!({ "id": "account" }).to_string()).await.unwrap();
    for (id, _, code, text) in contracts() {
        let nonce = Some(id);
        let hostile = mallory.execute(Call { contract_id: id, nonce, ..Call::default() });
        // Others get on all the while, and at least once.
        let ended = AtomicBool::new(false);
        let others = async {
            let mut executed = 0;
            while executed == 0 || !ended.load(Ordering::SeqCst) {
                deposit(&honest, "account", 1).await.unwrap();
                executed += 1;
            }
            executed
        };
        let hostile = async {
            let outcome = hostile.await;
            ended.store(true, Ordering::SeqCst);
            outcome
        };
        let (outcome, executed) = tokio::join!(hostile, others);
        let error = refused(id, outcome, code);
        assert!(error.message.contains(text), "{id}: {}", error.message);
        if code == "503" {
            assert!(executed > 1, "it takes two seconds, and others do not wait for it");
        }
        // Nothing holds the asset or the nonce: no lock, no state.
        let state = json!({ "asset_id": "m" }).to_string();
        let call = Call { contract_id: "get", argument: &state, nonce, ..Call::default() };
        let read = mallory.execute(call).await.unwrap();
        assert!(!read.contract_result.unwrap_or_default().contains("\"output\":{}"), "{id} put nothing");
    }
    world.check_others_get_on("m").await;
}

/// The same where the Auditor has ordered and the Ledger refuses: its locks are recovered with the next request.
#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_the_ledger_alone_refuses_leaves_no_lock() {
    let mut world = World::new().await;
    let mallory = mallory(&world).await;
    // The Ledger's rows say nothing of a contract that the Auditor knows.
    let only_auditor = {
        let config = world.config("mallory-2", &Pair::new("mallory-2"));
        Client::new(config).unwrap()
    };
    world.admit(&only_auditor).await;
    world.ledger.stop().await;
    let puts = script("");
    let unregistered = only_auditor.register_contract("puts", "com.example.puts", puts.clone(), "").await;
    assert!(unregistered.is_err(), "the Ledger is not there");
    world.start_ledger().await;
    let call = Call { contract_id: "puts", nonce: Some("n"), ..Call::default() };
    refused("at the ledger", only_auditor.execute(call).await, "404");
    // Its asset is free, for others too.
    mallory.register_contract("puts", "com.example.puts", puts.clone(), "").await.unwrap();
    mallory.execute_contract("puts", "").await.unwrap();
    only_auditor.register_contract("puts", "com.example.puts", puts, "").await.unwrap();
    only_auditor.execute_contract("puts", "").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_make_no_sense() {
    let world = World::new().await;
    let client = world.client();
    client.execute_contract("create", &json!({ "id": "a" }).to_string()).await.unwrap();
    let long = "x".repeat(1 << 20);
    for (what, contract_id, argument, nonce, code) in [
        ("an id with a slash", "de/posit", "{}", None, "414"),
        ("an unknown id with an at", "de@posit", "{}", None, "404"),
        ("no id", "", "{}", None, "502"),
        ("a long nonce", "deposit", "{}", Some(long.as_str()), "414"),
        ("a long argument", "deposit", long.as_str(), None, "414"),
        ("an argument that is no JSON", "deposit", "{\"id\":", None, "502"),
        ("an asset's id that is empty", "create", "{\"id\":\"\"}", None, "502"),
    ] {
        let call = Call { contract_id, argument, nonce, ..Call::default() };
        refused(what, client.execute(call).await, code);
    }
    for entity in ["al/ice", ""] {
        let config = world.config(entity, &Pair::new("alice"));
        let client = Client::new(ClientConfig { ..config });
        if let Ok(client) = client {
            let error = client.register_certificate().await.unwrap_err();
            assert!(matches!(error.code, StatusCode::InvalidArgument | StatusCode::RuntimeError), "{error}");
        }
    }
    deposit(&client, "a", 3).await.unwrap();
    assert_eq!(balance(&client, "a").await.unwrap(), 3);
    world.check_others_get_on("b").await;
}

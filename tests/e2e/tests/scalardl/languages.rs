//! Contracts that clients wrote themselves, in both languages: lies about what they did are found by the same codes, and
//! so are contracts that are not the same at both servers.

use bytes::Bytes;
use trustkeep_scalar_client::Client;
use trustkeep_scalar_rpc::Result;
use trustkeep_scalar_rpc::messages::ContractExecutionResponse;
use trustkeep_scalar_rpc::signing::Signed as _;

use crate::liar::{Altered, Honest};
use crate::world::{Pair, World, refused};

const WAT: &str = include_str!("../../../../examples/contracts/counter.wat");
const SCRIPT: &str = include_str!("../../../../examples/contracts/counter.js");

fn module(wat: &str) -> Bytes {
    wat::parse_str(wat).unwrap().into()
}

/// Counts up the asset of that name; gives the count.
async fn count(client: &Client, contract: &str, asset: &str) -> Result<String> {
    Ok(client.execute_contract(contract, asset).await?.contract_result.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn lies_about_them_are_found() {
    type Lie = fn(&mut ContractExecutionResponse);
    let lies: [(&str, Lie, bool, &str); 5] = [
        ("hash", |answer| answer.proofs[0].hash = vec![1; 32].into(), true, "DL-AUDITOR-305004"),
        ("unsigned hash", |answer| answer.proofs[0].hash = vec![1; 32].into(), false, "DL-COMMON-400004"),
        ("age", |answer| answer.proofs[0].age += 1, true, "305"),
        ("dropped", |answer| answer.proofs.clear(), false, "DL-AUDITOR-305002"),
        ("result", |answer| answer.contract_result = "7".into(), false, "DL-CLIENT-305001"),
    ];
    let world = World::new().await;
    let client = world.client();
    for (language, code) in [("module", module(WAT)), ("script", SCRIPT.into())] {
        client.register_contract(language, language, code, "").await.unwrap();
        for (index, (what, lie, signed, code)) in lies.iter().enumerate() {
            let asset = format!("{language}-{index}");
            world.liar.becomes(Honest);
            assert_eq!(count(&client, language, &asset).await.unwrap(), "1");
            let (lie, signed, ledger) = (*lie, *signed, world.keys.ledger.clone());
            world.liar.becomes(Altered(move |answer: &mut ContractExecutionResponse| {
                lie(answer);
                if signed {
                    let proof = &mut answer.proofs[0];
                    proof.signature = ledger.sign(&proof.signing_bytes());
                }
            }));
            refused(what, count(&client, language, &asset).await, code);
            world.liar.becomes(Honest);
            assert_eq!(count(&client, language, &asset).await.unwrap(), "3", "{language}: {what}");
        }
    }
    world.check_others_get_on("untouched").await;
}

/// A client that registers one contract at the Ledger and another one, under the same id, at the Auditor: as good as one
/// that is not deterministic.
#[tokio::test(flavor = "multi_thread")]
async fn contracts_that_differ_between_the_servers_are_found() {
    let world = World::new().await;
    let client = world.client();
    let mut config = world.config("alice", &world.keys.alice);
    config.auditor = None;
    let at_ledger = Client::new(config).unwrap();
    let replaced = |from: &str, to: &str| {
        assert!(SCRIPT.contains(from));
        Bytes::from(SCRIPT.replace(from, to))
    };
    let wat = "(call $digits (i32.add (local.get $value) (i32.const 1)))";
    assert!(WAT.contains(wat));
    let cases = [
        (
            "module",
            module(WAT),
            module(&WAT.replace(wat, &wat.replace("const 1", "const 2"))),
            "DL-AUDITOR-305004",
        ),
        ("state", SCRIPT.into(), replaced("+ 1;", "+ 2;"), "DL-AUDITOR-305004"),
        ("result", SCRIPT.into(), replaced("return count;", "return -count;"), "DL-CLIENT-305001"),
        ("reads less", SCRIPT.into(), replaced("return", "ledger.get(\"other\");\n  return"), "305"),
        ("reads more", replaced("return", "ledger.get(\"other\");\n  return"), SCRIPT.into(), "305"),
        ("writes less", SCRIPT.into(), replaced("return", "ledger.put(\"more\", 1);\n  return"), "305"),
        ("writes more", replaced("return", "ledger.put(\"other\", 1);\n  return"), SCRIPT.into(), "305"),
        ("writes nothing", replaced("ledger.put(id, count);", ""), SCRIPT.into(), "305"),
        (
            "refuses",
            replaced("return", "throw new ContractContextException(\"no\");\n  return"),
            SCRIPT.into(),
            "408",
        ),
    ];
    client.execute_contract("create", r#"{"id":"other"}"#).await.unwrap();
    for (what, ledgers, auditors, code) in cases {
        at_ledger.register_contract(what, what, ledgers, "").await.unwrap();
        refused(what, client.register_contract(what, what, auditors, "").await, "406");
        refused(what, count(&client, what, what).await, code);
    }
    // Nobody else is taken for the one who did that.
    let bob = world.client_of("bob", &Pair::new("bob"));
    world.admit(&bob).await;
    bob.register_contract("count", "count", SCRIPT.into(), "").await.unwrap();
    for asset in ["result", "refuses", "bobs"] {
        count(&bob, "count", asset).await.unwrap();
    }
    refused("evidence", count(&bob, "count", "state").await, "DL-AUDITOR-305004");
    world.check_others_get_on("untouched").await;
}

//! Functions: records that change in the transaction of a contract, once, or not at all.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tokio::sync::Notify;
use trustkeep_scalar_client::{Call, Client};
use trustkeep_scalar_rpc::messages::ContractExecutionRequest;

use crate::crashes::{Stops, balance_at_last, restart};
use crate::liar::Honest;
use crate::world::{Setting, World, balance, refused};

/// Adds one to the note of the contract's account.
const NOTE: &str = r#"
function invoke(database, argument, contractArgument) {
  const key = {
    namespace: "shop", table: "notes",
    partition_key: [{ column_name: "id", value: contractArgument.id, data_type: "TEXT" }],
  };
  const known = database.get(key);
  const value = (known === null ? 0 : known.amount) + 1;
  database.put({ ...key, columns: [{ column_name: "amount", value, data_type: "INT" }] });
  if (argument === "refuse") throw new ContractContextException("not this one");
}"#;

/// A signed deposit of 1 with a note of it.
fn noted(client: &Client, asset: &str, function_argument: &str) -> ContractExecutionRequest {
    let argument = json!({ "id": asset, "amount": 1 }).to_string();
    let call = Call { contract_id: "deposit", argument: &argument, function_argument, ..Call::default() };
    client.prepare(Call { function_ids: &["note"], ..call }).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_functions_effect_comes_with_its_contracts_and_once() {
    for setting in Setting::BOTH {
        effects(setting).await;
    }
}

async fn effects(setting: Setting) {
    let mut world = World::of(setting, 0).await;
    let client = world.client();
    client.register_function("note", "note", NOTE.into()).await.unwrap();
    for asset in ["sent again", "given up", "refused", "before", "after"] {
        client.execute_contract("create", &json!({ "id": asset }).to_string()).await.unwrap();
    }

    let ordered = client.order(noted(&client, "sent again", "")).await.unwrap();
    let answer = client.execute_at_ledger(ordered.clone()).await.unwrap();
    let other = ContractExecutionRequest { function_argument: "other".into(), ..ordered.clone() };
    for request in [&ordered, &other] {
        refused("sent again", client.execute_at_ledger(request.clone()).await, "DL-LEDGER-504001");
    }
    restart(&mut world).await;
    let client = world.client();
    for request in [&ordered, &other] {
        refused("after a crash", client.execute_at_ledger(request.clone()).await, "DL-LEDGER-504001");
    }
    client.validate_at_auditor(ordered.clone(), answer.proofs).await.unwrap();
    refused("at the end", client.execute_at_ledger(ordered).await, "DL-LEDGER-504001");

    let late = client.order(noted(&client, "given up", "")).await.unwrap();
    assert_eq!(balance(&client, "given up").await.unwrap(), 0);
    refused("too late", client.execute_at_ledger(late).await, "DL-LEDGER-504001");

    let ordered = client.order(noted(&client, "refused", "refuse")).await.unwrap();
    refused("by the function", client.execute_at_ledger(ordered).await, "408");
    assert_eq!(balance(&client, "refused").await.unwrap(), 0);

    for (asset, forward) in [("before", false), ("after", true)] {
        let client = world.client();
        let reached = Arc::new(Notify::new());
        world.liar.becomes(Stops { forward, reached: reached.clone() });
        let ordered = client.order(noted(&client, asset, "")).await.unwrap();
        let (answer, ()) = tokio::join!(client.execute_at_ledger(ordered.clone()), reached.notified());
        refused("nobody knows", answer, "501");
        world.ledger.crash().await;
        world.liar.becomes(Honest);
        world.start_ledger().await;
        let client = world.client();
        assert_eq!(balance_at_last(&client, asset).await, i64::from(forward), "{asset}");
        refused("sent again", client.execute_at_ledger(ordered).await, "DL-LEDGER-504001");
    }
    world.check_others_get_on("untouched").await;
    world.ledger.stop().await;
    let rows = world.ledger.rows();
    let expected = [("after", 1), ("sent again", 1)].map(|(id, count)| (id.to_owned(), count));
    assert_eq!(rows.notes().await, BTreeMap::from(expected));
    rows.close().await;
}

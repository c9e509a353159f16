//! Requests that are sent again, signed again, or changed where no signature covers them.

use bytes::Bytes;
use serde_json::json;
use trustkeep_scalar_client::{Call, Client};
use trustkeep_scalar_rpc::Result;
use trustkeep_scalar_rpc::messages::ContractExecutionRequest;

use crate::world::{Setting, World, balance, executed, prepared, refused};

async fn account(client: &Client, asset: &str) {
    client.execute_contract("create", &json!({ "id": asset }).to_string()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_one_effect_however_often_it_is_sent() {
    for setting in Setting::BOTH {
        sent_again(setting).await;
    }
}

async fn sent_again(setting: Setting) {
    let mut world = World::of(setting, 0).await;
    let client = world.client();
    account(&client, "a").await;
    let (ordered, answer) = executed(&client, "a", "n").await.unwrap();
    // While it is under way, and after its end; to servers that were started again, too.
    refused("ordered twice", client.order(prepared(&client, "a", "n")).await, "DL-AUDITOR-304001");
    refused("executed twice", client.execute_at_ledger(ordered.clone()).await, "DL-LEDGER-504001");
    let validated = client.validate_at_auditor(ordered.clone(), answer.proofs.clone()).await.unwrap();
    for started_again in [false, true] {
        if started_again {
            world.ledger.crash().await;
            world.auditor.crash().await;
            world.auditor.start().await;
            world.start_ledger().await;
        }
        let client = world.client();
        refused("ordered again", client.order(ordered.clone()).await, "DL-AUDITOR-304001");
        refused("executed again", client.execute_at_ledger(ordered.clone()).await, "DL-LEDGER-504001");
        let again = ContractExecutionRequest { function_argument: "{}".into(), ..ordered.clone() };
        refused("executed with functions", client.execute_at_ledger(again).await, "DL-LEDGER-504001");
        // The same answer is given again to whoever lost it; both sign with fresh randomness.
        let again = client.validate_at_auditor(ordered.clone(), answer.proofs.clone()).await.unwrap();
        assert_eq!(again.contract_result, validated.contract_result);
        assert_eq!(balance(&client, "a").await.unwrap(), 1);
    }
    world.check_others_get_on("untouched").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_stands_for_one_request() {
    let world = World::new().await;
    let client = world.client();
    for asset in ["a", "b", "c"] {
        account(&client, asset).await;
    }
    let signed_again = |nonce: &str, asset: &str| {
        let argument = json!({ "id": asset, "amount": 1000 }).to_string();
        let nonce = Some(nonce);
        let call = Call { contract_id: "deposit", argument: &argument, nonce, ..Call::default() };
        client.prepare(call).unwrap()
    };
    let (first, answer) = executed(&client, "a", "n").await.unwrap();
    client.validate_at_auditor(first.clone(), answer.proofs.clone()).await.unwrap();
    let mut other = signed_again("n", "a");
    refused("ordered", client.order(other.clone()).await, "DL-AUDITOR-304001");
    other.auditor_signature = first.auditor_signature.clone();
    refused("executed", client.execute_at_ledger(other.clone()).await, "DL-LEDGER-504001");
    refused("validated", client.validate_at_auditor(other, answer.proofs).await, "DL-AUDITOR-305001");
    assert_eq!(balance(&client, "a").await.unwrap(), 1);

    // The Auditor's signature is over the nonce alone. A client that orders one thing and has another one executed is
    // found out by itself; only the assets that it may write anyway are held as evidence.
    let ordered = client.order(prepared(&client, "b", "m")).await.unwrap();
    let mut other = signed_again("m", "b");
    other.auditor_signature = ordered.auditor_signature.clone();
    let answer = client.execute_at_ledger(other.clone()).await.unwrap();
    refused("the other", client.validate_at_auditor(other, answer.proofs.clone()).await, "DL-AUDITOR-305001");
    refused("the ordered", client.validate_at_auditor(ordered, answer.proofs).await, "DL-AUDITOR-305004");
    refused("the next", balance(&client, "b").await, "DL-AUDITOR-305004");
    world.check_others_get_on("untouched").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_signature_covers_is_held_against_what_one_does() {
    for setting in Setting::BOTH {
        changed_requests(setting).await;
    }
}

async fn changed_requests(setting: Setting) {
    let world = World::of(setting, 0).await;
    let client = world.client();
    account(&client, "a").await;
    type Change = fn(&mut ContractExecutionRequest);
    let changes: [(&str, Change, &str); 9] = [
        ("nonce", |request| request.nonce = "other".into(), "414"),
        ("function_ids", |request| request.function_ids = vec!["f".into()], "414"),
        ("context_namespace", |request| request.context_namespace = "other".into(), "414"),
        ("contract_id", |request| request.contract_id = "transfer".into(), "400"),
        (
            "argument",
            |request| request.contract_argument = request.contract_argument.replace(":1}", ":9}"),
            "400",
        ),
        ("signature", |request| request.signature = vec![7; 70].into(), "400"),
        ("no signature", |request| request.signature = Bytes::new(), "502"),
        ("entity", |request| request.entity_id = "mallory".into(), setting.unknown()),
        ("key version", |request| request.key_version = 2, setting.unknown()),
    ];
    for (index, (what, change, code)) in changes.into_iter().enumerate() {
        let honest = client.order(prepared(&client, "a", &format!("n{index}"))).await.unwrap();
        let mut changed = honest.clone();
        change(&mut changed);
        refused(&format!("executed: {what}"), client.execute_at_ledger(changed.clone()).await, code);
        let proofs = client.execute_at_ledger(honest.clone()).await.unwrap().proofs;
        let validated = client.validate_at_auditor(changed.clone(), proofs.clone()).await;
        assert!(validated.is_err(), "validated: {what}");
        client.validate_at_auditor(honest, proofs).await.unwrap();
        let mut fresh = prepared(&client, "a", &format!("m{index}"));
        change(&mut fresh);
        refused(&format!("ordered: {what}"), client.order(fresh).await, code);
    }
    assert_eq!(balance(&client, "a").await.unwrap(), 9);
    // Those are not covered, but do nothing here: there is no function to be called.
    let mut request = client.order(prepared(&client, "a", "unused")).await.unwrap();
    request.function_argument = "{}".into();
    request.use_function_ids = true;
    client.execute_signed_parts(request).await.unwrap();
    world.check_others_get_on("untouched").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn anothers_request_is_nobody_elses() {
    for setting in Setting::BOTH {
        stolen_requests(setting).await;
    }
}

async fn stolen_requests(setting: Setting) {
    let world = World::of(setting, 0).await;
    let alice = world.client();
    account(&alice, "a").await;
    let pair = setting.pair("mallory");
    let mallory = world.client_of("mallory", &pair);
    world.admit(&mallory).await;
    // Mallory sends what alice signed in his own name, and signs what alice would in hers.
    let stolen = ContractExecutionRequest { entity_id: "mallory".into(), ..prepared(&alice, "a", "n") };
    refused("stolen", mallory.order(stolen).await, "DL-COMMON-400003");
    let posing = world.client_of("alice", &pair);
    refused("posing", posing.order(prepared(&posing, "a", "m")).await, "DL-COMMON-400003");
    // His own nonce is not alice's, and once it is taken, it is taken.
    executed(&mallory, "a", "taken").await.unwrap();
    refused("taken", alice.order(prepared(&alice, "a", "taken")).await, "DL-AUDITOR-304001");
    world.check_others_get_on("untouched").await;
}

/// The last two steps.
trait Parts {
    async fn execute_signed_parts(&self, ordered: ContractExecutionRequest) -> Result<()>;
}

impl Parts for Client {
    async fn execute_signed_parts(&self, ordered: ContractExecutionRequest) -> Result<()> {
        let answer = self.execute_at_ledger(ordered.clone()).await?;
        self.validate_at_auditor(ordered, answer.proofs).await.map(drop)
    }
}

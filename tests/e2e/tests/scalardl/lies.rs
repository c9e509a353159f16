//! A Ledger that does not tell its clients, or the Auditor, what it did.

use std::sync::Arc;

use async_trait::async_trait;
use trustkeep_scalar_domain::asset::AssetRow;
use trustkeep_scalar_rpc::messages::{
    AssetProof, AssetProofRetrievalRequest, AssetProofRetrievalResponse, ContractExecutionResponse,
    ExecutionAbortRequest, ExecutionAbortResponse, TransactionState,
};
use trustkeep_scalar_rpc::signing::Signed as _;
use trustkeep_scalar_rpc::{Error, StatusCode};

use crate::liar::{Altered, Answer, Honest, Real, Ways};
use crate::world::{Pair, Setting, World, balance, deposit, executed, refused};

/// The first proof of an answer, for something to be done to it.
fn first(answer: &mut ContractExecutionResponse) -> &mut AssetProof {
    answer.proofs.first_mut().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_not_what_was_done_is_refused() {
    for setting in Setting::BOTH {
        lying_answers(setting).await;
    }
}

async fn lying_answers(setting: Setting) {
    let world = World::of(setting, 0).await;
    let (client, stranger) = (world.client(), setting.pair("stranger"));
    type Lie = Box<dyn Fn(&mut ContractExecutionResponse) + Send + Sync>;
    // What is done to the answer, whether the Ledger signs it again, and what is found.
    let lies: Vec<(&str, Lie, bool, &str)> = vec![
        ("hash", Box::new(|answer| first(answer).hash = vec![1; 32].into()), false, "DL-COMMON-400004"),
        ("hash", Box::new(|answer| first(answer).hash = vec![1; 32].into()), true, "DL-AUDITOR-305004"),
        ("prev_hash", Box::new(|answer| first(answer).prev_hash = vec![1; 32].into()), true, "305"),
        ("age", Box::new(|answer| first(answer).age += 1), true, "305"),
        ("input", Box::new(|answer| first(answer).input = "{}".into()), true, "305"),
        ("nonce", Box::new(|answer| first(answer).nonce = "other".into()), true, "DL-AUDITOR-305006"),
        ("asset", Box::new(|answer| first(answer).asset_id = "other".into()), true, "DL-AUDITOR-305006"),
        ("namespace", Box::new(|answer| first(answer).namespace = "other".into()), true, "DL-AUDITOR-305006"),
        ("dropped", Box::new(|answer| answer.proofs.clear()), false, "DL-AUDITOR-305002"),
        ("twice", Box::new(|answer| answer.proofs.extend(answer.proofs.clone())), false, "305"),
        ("unsigned", Box::new(|answer| first(answer).signature.clear()), false, "DL-COMMON-400004"),
        (
            "wrong key",
            Box::new(move |answer| {
                let proof = first(answer);
                proof.signature = stranger.sign(&proof.signing_bytes());
            }),
            false,
            "DL-COMMON-400004",
        ),
        ("result", Box::new(|answer| answer.contract_result = "{}".into()), false, "DL-CLIENT-305001"),
        ("no result", Box::new(|answer| answer.contract_result.clear()), false, "DL-CLIENT-305001"),
    ];
    let ledger = Arc::new(world.keys.ledger.clone());
    for (index, (what, lie, signed, code)) in lies.into_iter().enumerate() {
        let asset = format!("asset-{index}");
        world.liar.becomes(Honest);
        client.execute_contract("create", &format!(r#"{{"id":"{asset}"}}"#)).await.unwrap();
        let ledger = ledger.clone();
        world.liar.becomes(Altered(move |answer: &mut ContractExecutionResponse| {
            lie(answer);
            if signed {
                let proof = first(answer);
                proof.signature = ledger.sign(&proof.signing_bytes());
            }
        }));
        refused(what, deposit(&client, &asset, 10).await, code);
        // The Ledger did what it was asked to, and shows it once it is honest: no effect is lost or doubled.
        world.liar.becomes(Honest);
        assert_eq!(balance(&client, &asset).await.unwrap(), 10, "{what}");
    }
    world.check_others_get_on("untouched").await;
}

/// Another contract's outcome: a state of the right age in the right chain, signed by the Ledger, and wrong.
#[tokio::test(flavor = "multi_thread")]
async fn another_contract_in_place_of_the_one_that_was_asked_for_is_found() {
    let world = World::new().await;
    let client = world.client();
    client.execute_contract("create", r#"{"id":"a"}"#).await.unwrap();
    let (ordered, honest) = executed(&client, "a", "n").await.unwrap();
    let mut proof = honest.proofs.first().unwrap().clone();
    let mut row = AssetRow {
        age: proof.age,
        argument: ordered.contract_argument.clone(),
        contract_id: "alice/1/deposit".into(),
        input: proof.input.clone(),
        output: r#"{"balance":1000}"#.into(),
        signature: ordered.signature.clone(),
        prev_hash: Some(proof.prev_hash.clone()),
        hash: proof.hash.clone(),
    };
    row.output = r#"{"balance":1}"#.into();
    assert_eq!(row.computed_hash("a"), proof.hash, "the rule by which states are hashed");
    row.output = r#"{"balance":1000}"#.into();
    proof.hash = row.computed_hash("a");
    proof.signature = world.keys.ledger.sign(&proof.signing_bytes());
    refused("validate", client.validate_at_auditor(ordered, vec![proof]).await, "DL-AUDITOR-305004");
    world.check_others_get_on("untouched").await;
}

/// Says that nothing was committed, however it is asked.
struct Denies;

#[async_trait]
impl Ways for Denies {
    async fn proof(&self, _: Real, _: AssetProofRetrievalRequest) -> Answer<AssetProofRetrievalResponse> {
        Err(Error::new(StatusCode::AssetNotFound, "DL-LEDGER-409001: There is none.").into())
    }

    async fn abort(&self, _: Real, _: ExecutionAbortRequest) -> Answer<ExecutionAbortResponse> {
        Ok(ExecutionAbortResponse { state: TransactionState::Aborted.into() })
    }
}

/// Says that it committed and shows nothing.
struct Hides;

#[async_trait]
impl Ways for Hides {
    async fn proof(&self, _: Real, _: AssetProofRetrievalRequest) -> Answer<AssetProofRetrievalResponse> {
        Err(Error::new(StatusCode::AssetNotFound, "DL-LEDGER-409001: There is none.").into())
    }
}

/// Shows a state of its own making.
struct Forges(Pair);

#[async_trait]
impl Ways for Forges {
    async fn proof(
        &self,
        mut real: Real,
        request: AssetProofRetrievalRequest,
    ) -> Answer<AssetProofRetrievalResponse> {
        let mut answer = real.retrieve_asset_proof(request).await?.into_inner();
        if let Some(proof) = &mut answer.proof {
            proof.hash = vec![9; 32].into();
            proof.signature = self.0.sign(&proof.signing_bytes());
        }
        Ok(answer)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_lies_to_the_auditor_about_a_vanished_client_is_found() {
    for setting in Setting::BOTH {
        lies_to_the_auditor(setting).await;
    }
}

async fn lies_to_the_auditor(setting: Setting) {
    let world = World::of(setting, 0).await;
    let client = world.client();
    for asset in ["hidden", "forged", "unsigned", "denied"] {
        client.execute_contract("create", &format!(r#"{{"id":"{asset}"}}"#)).await.unwrap();
    }
    // Each is executed and not validated.
    executed(&client, "hidden", "n-hidden").await.unwrap();
    world.liar.becomes(Hides);
    refused("hidden", deposit(&client, "hidden", 1).await, "DL-AUDITOR-305002");
    world.liar.becomes(Honest);
    executed(&client, "forged", "n-forged").await.unwrap();
    world.liar.becomes(Forges(world.keys.ledger.clone()));
    refused("forged", deposit(&client, "forged", 1).await, "DL-AUDITOR-305004");
    world.liar.becomes(Honest);
    executed(&client, "unsigned", "n-unsigned").await.unwrap();
    world.liar.becomes(Forges(setting.pair("stranger")));
    refused("unsigned", deposit(&client, "unsigned", 1).await, "DL-COMMON-400004");
    // They were kept as evidence, and are mended once it tells the truth.
    world.liar.becomes(Honest);
    for asset in ["hidden", "forged", "unsigned"] {
        assert_eq!(balance(&client, asset).await.unwrap(), 1, "{asset}");
    }
    // One that denies its commit is believed, since there is nothing else to see, until it meets its own state or the
    // client comes back with what it signed.
    let (request, answer) = executed(&client, "denied", "n-denied").await.unwrap();
    world.liar.becomes(Denies);
    let refusal = deposit(&client, "denied", 1).await;
    refused("denied", refusal, "DL-AUDITOR-305008");
    refused("shown", client.validate_at_auditor(request, answer.proofs).await, "DL-AUDITOR-305008");
    world.check_others_get_on("untouched").await;
}

//! Who trusts whom: keys and certificates that are not the right ones, contracts that one side replaced, and questions
//! that only the Auditor may ask.

use trustkeep_scalar_client::Client;
use trustkeep_scalar_rpc::Error;
use trustkeep_scalar_rpc::messages::{
    AssetProofRetrievalRequest, ExecutionAbortRequest, ExecutionFinishRequest, TransactionState,
};
use trustkeep_scalar_rpc::signing::Signed as _;
use trustkeep_store::Value;

use crate::world::{Pair, Setting, World, balance, deposit, executed, prepared, refused};

#[tokio::test(flavor = "multi_thread")]
async fn servers_that_hold_each_others_certificates_for_their_own_find_out() {
    let world = World::strangers(Setting::Signatures, 0).await;
    world.trust(&world.keys.auditor.certificate, &world.keys.ledger.certificate).await;
    let client = world.client();
    world.admit(&client).await;
    let ordered = client.order(prepared(&client, "a", "n")).await;
    // The contract refuses to deposit on what is not there, whoever asks.
    refused("order", ordered, "408");
    let created = client.execute_contract("create", r#"{"id":"a"}"#).await;
    refused("the Ledger on the Auditor's order", created, "DL-LEDGER-400002");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_with_another_key_than_the_auditor_knows_is_refused() {
    let world = World::strangers(Setting::Signatures, 0).await;
    world.trust(&Pair::new("ledger").certificate, &world.keys.auditor.certificate).await;
    let client = world.client();
    world.admit(&client).await;
    refused("proofs", client.execute_contract("create", r#"{"id":"a"}"#).await, "DL-COMMON-400004");
    // It committed, and cannot prove it: nobody takes it for granted.
    refused("recovery", client.execute_contract("create", r#"{"id":"a"}"#).await, "DL-COMMON-400004");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_the_right_key_or_without_the_auditor_is_refused() {
    for setting in Setting::BOTH {
        wrong_keys(setting).await;
    }
}

async fn wrong_keys(setting: Setting) {
    let world = World::of(setting, 0).await;
    let client = world.client();
    client.execute_contract("create", r#"{"id":"a"}"#).await.unwrap();
    let posing = world.client_of("alice", &setting.pair("another alice"));
    refused("another key", deposit(&posing, "a", 1).await, "DL-COMMON-400003");
    let mut config = world.config("alice", &world.keys.alice);
    config.auditor = None;
    let alone = Client::new(config).unwrap();
    let refusal = deposit(&alone, "a", 1).await;
    assert!(refused("without Auditor", refusal, "502").message.starts_with("DL-LEDGER-407003"));
    // Somebody else who orders in the Auditor's name.
    let mut request = prepared(&alone, "a", "n");
    for (what, key) in [("a stranger", &setting.pair("auditor")), ("the client itself", &world.keys.alice)] {
        request.auditor_signature = key.sign(b"n");
        refused(what, alone.execute_at_ledger(request.clone()).await, "DL-LEDGER-400002");
    }
    // A signature of the Auditor's for another request.
    let ordered = client.order(prepared(&client, "a", "m")).await.unwrap();
    request.auditor_signature = ordered.auditor_signature;
    refused("another order", alone.execute_at_ledger(request).await, "DL-LEDGER-400002");
    assert_eq!(balance(&client, "a").await.unwrap(), 0);
    world.check_others_get_on("untouched").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_auditor_asks_the_ledger_for_proofs_and_decisions() {
    for setting in Setting::BOTH {
        foreign_questions(setting).await;
    }
}

async fn foreign_questions(setting: Setting) {
    let world = World::of(setting, 0).await;
    let client = world.client();
    client.execute_contract("create", r#"{"id":"a"}"#).await.unwrap();
    let (ordered, answer) = executed(&client, "a", "n").await.unwrap();
    let later = client.order(prepared(&client, "b", "later")).await;
    assert!(later.is_err());
    let stranger = setting.pair("auditor");
    for (entity, key, code) in [("alice", &world.keys.alice, "407"), (setting.auditor(), &stranger, "400")] {
        let mut ledger = client.ledger().ordinary.clone();
        let mut abort = ExecutionAbortRequest {
            nonce: "other".into(),
            entity_id: entity.into(),
            key_version: 1,
            ..Default::default()
        };
        abort.signature = key.sign(&abort.signing_bytes());
        let answer = ledger.abort_execution(abort).await.map_err(|status| Error::from_grpc(&status));
        refused("abort", answer, code);
        let mut finish = ExecutionFinishRequest {
            nonce: "n".into(),
            entity_id: entity.into(),
            key_version: 1,
            ..Default::default()
        };
        finish.signature = key.sign(&finish.signing_bytes());
        let answer = ledger.finish_execution(finish).await.map_err(|status| Error::from_grpc(&status));
        refused("finish", answer, code);
        let mut show = AssetProofRetrievalRequest {
            asset_id: "a".into(),
            age: 1,
            entity_id: entity.into(),
            key_version: 1,
            ..Default::default()
        };
        show.signature = key.sign(&show.signing_bytes());
        let answer = ledger.retrieve_asset_proof(show).await.map_err(|status| Error::from_grpc(&status));
        refused("proof", answer, code);
    }
    // Nothing of it had an effect.
    assert_eq!(client.retrieve_state("other").await.unwrap(), TransactionState::Unknown);
    client.validate_at_auditor(ordered, answer.proofs).await.unwrap();
    world.check_others_get_on("untouched").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_one_side_replaced_is_refused_there() {
    let text = |text: &str| Some(Value::from(text));
    for (setting, at_ledger) in
        Setting::BOTH.into_iter().flat_map(|setting| [(setting, true), (setting, false)])
    {
        let mut world = World::of(setting, 0).await;
        let client = world.client();
        client.execute_contract("create", r#"{"id":"a"}"#).await.unwrap();
        deposit(&client, "a", 5).await.unwrap();
        let site = if at_ledger { &mut world.ledger } else { &mut world.auditor };
        site.stop().await;
        let rows = site.rows();
        let place = |id| trustkeep_scalar_domain::tables::contract_key("alice", 1, id);
        rows.set("contract", place("deposit"), "properties", text(r#"{"by":"mallory"}"#)).await;
        let other = "com.scalar.application.bankaccount.contract.Withdraw";
        rows.set("contract", place("transfer"), "binary_name", text(other)).await;
        rows.set("contract", place("history"), "signature", Some(Value::Bytes(vec![7; 70].into()))).await;
        rows.close().await;
        site.start().await;
        let [main, ..] = world.ledger.ports;
        world.liar.point_at(main);
        let client = world.client();
        for (contract, argument) in [
            ("deposit", r#"{"id":"a","amount":1}"#),
            ("transfer", r#"{"from":"a","to":"a","amount":1}"#),
            ("history", r#"{"id":"a"}"#),
        ] {
            let what = format!("{contract}, replaced at the Ledger: {at_ledger}");
            refused(&what, client.execute_contract(contract, argument).await, "302");
        }
        // The others are as they were.
        assert_eq!(balance(&client, "a").await.unwrap(), 5);
        let bob = world.client_of("bob", &setting.pair("bob"));
        world.admit(&bob).await;
        bob.execute_contract("create", r#"{"id":"bobs"}"#).await.unwrap();
        deposit(&bob, "bobs", 1).await.unwrap();
    }
}

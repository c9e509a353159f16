//! What an execution gives, keeps and refuses.

use serde_json::json;
use trustkeep_scalar_rpc::StatusCode;
use trustkeep_scalar_rpc::messages::{
    AssetProofRetrievalRequest, ExecutionAbortRequest, ExecutionFinishRequest, StateRetrievalRequest,
    TransactionState,
};
use trustkeep_scalar_rpc::signing::Signed as _;

use super::World;
use super::world::{AUDITED, sign, tag};

#[tokio::test]
async fn states_follow_each_other_and_validate() {
    for direct in ["", "scalar.dl.ledger.direct_asset_access.enabled=true\n"] {
        let world = World::new(direct).await;
        for n in 1..=3 {
            let answer = world.execute("Add", json!({ "id": "a" })).await.unwrap();
            assert_eq!(answer.contract_result, json!({ "n": n }).to_string());
            assert!(answer.proofs.is_empty());
        }
        assert_eq!(world.execute("Get", json!({ "id": "a" })).await.unwrap().contract_result, r#"{"n":3}"#);
        assert_eq!(world.execute("Get", json!({ "id": "b" })).await.unwrap().contract_result, "");
        let answer = world.execute("History", json!({ "id": "a" })).await.unwrap();
        assert_eq!(answer.contract_result, "[2,1,0]");
        world.execute("Nested", json!({ "id": "a" })).await.unwrap();
        // What a scan gave then is what it gives when it is validated, although there is more by now.
        for (asset, ages) in [("a", (0, u32::MAX >> 1)), ("a", (1, 2)), ("histories", (0, 9))] {
            assert_eq!(world.validate(asset, ages).await.unwrap(), (200, None), "{asset} {direct}");
        }
        assert_eq!(world.validate("nothing", (0, 9)).await.unwrap(), (409, None));
        assert_eq!(world.validate("a", (7, 9)).await.unwrap(), (409, None));
    }
}

#[tokio::test]
async fn proofs_are_of_what_was_written_and_of_what_was_only_read() {
    let world = World::new(AUDITED).await;
    let run = |request: trustkeep_scalar_rpc::messages::ContractExecutionRequest, nonce: String| {
        let ledger = world.ledger.clone();
        async move {
            let auditor_signature = tag("servers", nonce.as_bytes());
            let request =
                trustkeep_scalar_rpc::messages::ContractExecutionRequest { auditor_signature, ..request };
            ledger.execute(request).await
        }
    };
    let execute = async |contract: &str, argument| {
        let nonce = world.nonce();
        let request = super::world::request(contract, &argument, &nonce, "", &[]);
        (run(request, nonce.clone()).await.unwrap(), nonce)
    };
    let (first, wrote) = execute("Add", json!({ "id": "a" })).await;
    let [proof] = first.proofs.as_slice() else { panic!("{first:?}") };
    assert_eq!((proof.asset_id.as_str(), proof.age, proof.nonce.as_str()), ("a", 0, wrote.as_str()));
    assert_eq!((proof.input.as_str(), proof.namespace.as_str(), proof.hash.len()), ("{}", "default", 32));
    assert_eq!(proof.signature, tag("servers", &proof.signing_bytes()));
    let (read, _) = execute("Get", json!({ "id": "a" })).await;
    assert_eq!(read.proofs, first.proofs);
    assert!(execute("Get", json!({ "id": "b" })).await.0.proofs.is_empty());
    let (second, _) = execute("Add", json!({ "id": "a" })).await;
    assert_eq!(second.proofs[0].prev_hash, proof.hash);
    assert_eq!(second.proofs[0].input, r#"{"a":{"age":0}}"#);

    let retrieve = async |id: &str, age, entity: &str, secret: &str| {
        let mut request = AssetProofRetrievalRequest {
            asset_id: id.into(),
            age,
            entity_id: entity.into(),
            key_version: 1,
            ..Default::default()
        };
        request.signature = tag(secret, &request.signing_bytes());
        world.ledger.retrieve_proof(request).await
    };
    for (age, same_as) in [(0, &first), (1, &second), (-1, &second), (i32::MAX, &second)] {
        let answer = retrieve("a", age, "_AUDITOR_", "servers").await.unwrap();
        assert_eq!(
            (answer.proof.as_ref(), answer.ledger_name.as_str()),
            (same_as.proofs.first(), "Scalar Ledger")
        );
    }
    assert_eq!(retrieve("a", 2, "_AUDITOR_", "servers").await.unwrap_err().code, StatusCode::AssetNotFound);
    assert_eq!(retrieve("b", -1, "_AUDITOR_", "servers").await.unwrap_err().code, StatusCode::AssetNotFound);
    let ordinary = retrieve("a", 0, "alice", "alices").await.unwrap_err();
    assert!(ordinary.message.starts_with("DL-LEDGER-407008"), "{ordinary}");
    let forged = retrieve("a", 0, "_AUDITOR_", "alices").await.unwrap_err();
    assert!(forged.message.starts_with("DL-LEDGER-400001"), "{forged}");
}

#[tokio::test]
async fn without_its_order_nothing_is_executed() {
    let audited = World::new(AUDITED).await;
    let mut request = audited.request("Add", json!({ "id": "a" }));
    let missing = audited.ledger.execute(request.clone()).await.unwrap_err();
    assert_eq!(missing.code, StatusCode::RuntimeError);
    assert!(missing.message.starts_with("DL-LEDGER-407003"), "{missing}");
    request.auditor_signature = tag("servers", b"another nonce");
    let wrong = audited.ledger.execute(request.clone()).await.unwrap_err();
    assert!(wrong.message.starts_with("DL-LEDGER-400002"), "{wrong}");
    assert!(audited.validate("a", (0, 1)).await.unwrap_err().message.starts_with("DL-LEDGER-407002"));
    let alone = World::new("").await;
    let unexpected = alone.ledger.execute(request).await.unwrap_err();
    assert_eq!(unexpected.code, StatusCode::RuntimeError);
    assert!(unexpected.message.starts_with("DL-LEDGER-407004"), "{unexpected}");
}

#[tokio::test]
async fn a_nonce_is_executed_once_whatever_comes_between() {
    let world = World::new("").await;
    let request = world.request("Add", json!({ "id": "a" }));
    world.ledger.execute(request.clone()).await.unwrap();
    for again in [&world, &world.again().await] {
        let refused = again.ledger.execute(request.clone()).await.unwrap_err();
        assert_eq!(refused.message, "DL-LEDGER-504001: The transaction state has already been committed.");
    }
    // Reading only takes its nonce as well.
    let read = world.request("Get", json!({ "id": "a" }));
    world.ledger.execute(read.clone()).await.unwrap();
    assert_eq!(world.ledger.execute(read).await.unwrap_err().code, StatusCode::Conflict);
    assert_eq!(world.execute("Get", json!({ "id": "a" })).await.unwrap().contract_result, r#"{"n":1}"#);
}

#[tokio::test]
async fn a_transaction_is_decided_once() {
    let world =
        World::new(&format!("{AUDITED}scalar.dl.ledger.transaction_state_purge.enabled=true\n")).await;
    let abort = async |nonce: &str, entity: &str, secret: &str| {
        let mut request = ExecutionAbortRequest {
            nonce: nonce.into(),
            entity_id: entity.into(),
            key_version: 1,
            ..Default::default()
        };
        request.signature = tag(secret, &request.signing_bytes());
        world.ledger.abort(request).await.map(|answer| answer.state())
    };
    let state = async |nonce: &str| {
        let request = StateRetrievalRequest { transaction_id: nonce.into() };
        world.ledger.state(request).await.unwrap().state()
    };
    let nonce = world.nonce();
    let mut request = super::world::request("Add", &json!({ "id": "a" }), &nonce, "", &[]);
    request.auditor_signature = tag("servers", nonce.as_bytes());
    assert_eq!(state(&nonce).await, TransactionState::Unknown);
    assert_eq!(abort(&nonce, "alice", "alices").await.unwrap_err().code, StatusCode::InvalidRequest);
    assert_eq!(abort(&nonce, "_AUDITOR_", "servers").await.unwrap(), TransactionState::Aborted);
    let refused = world.ledger.execute(request).await.unwrap_err();
    assert_eq!(refused.message, "DL-LEDGER-504001: The transaction state has already been aborted.");

    let nonce = world.nonce();
    let mut request = super::world::request("Add", &json!({ "id": "a" }), &nonce, "", &[]);
    request.auditor_signature = tag("servers", nonce.as_bytes());
    world.ledger.execute(request.clone()).await.unwrap();
    assert_eq!(abort(&nonce, "_AUDITOR_", "servers").await.unwrap(), TransactionState::Committed);
    let mut finish = ExecutionFinishRequest {
        nonce: nonce.clone(),
        entity_id: "_AUDITOR_".into(),
        key_version: 1,
        ..Default::default()
    };
    finish.signature = tag("servers", &finish.signing_bytes());
    world.ledger.finish(finish.clone()).await.unwrap();
    // The purge forgets nothing that somebody could make use of.
    assert_eq!(world.ledger.execute(request).await.unwrap_err().code, StatusCode::Conflict);
    assert_eq!(state(&nonce).await, TransactionState::Committed);
    let without = World::new(AUDITED).await;
    let off = without.ledger.finish(finish).await.unwrap_err();
    assert!(off.message.starts_with("DL-LEDGER-407007"), "{off}");
}

#[tokio::test]
async fn what_is_refused_changes_nothing() {
    let world = World::new("").await;
    world.execute("Add", json!({ "id": "a", "by": 5 })).await.unwrap();
    let refused = world.execute("Move", json!({ "from": "a", "to": "b", "by": 6 })).await.unwrap_err();
    assert_eq!(
        (refused.code, refused.message.as_str()),
        (StatusCode::ContractContextualError, "there is not enough")
    );
    for (contract, argument, code) in [
        ("Unknown", json!({}), StatusCode::ContractNotFound),
        ("Put", json!({ "id": "", "data": {} }), StatusCode::RuntimeError),
        ("Put", json!({ "id": "x".repeat(5000), "data": {} }), StatusCode::InvalidArgument),
        ("Put", json!({ "id": "a", "namespace": "nowhere", "data": {} }), StatusCode::NamespaceNotFound),
        ("Put", json!({ "id": "a", "data": "x".repeat(2 << 20) }), StatusCode::InvalidArgument),
    ] {
        let refused = world.execute(contract, argument).await.unwrap_err();
        assert_eq!(refused.code, code, "{contract} {refused}");
    }
    let mut forged = world.request("Add", json!({ "id": "a" }));
    forged.signature = sign(&world.request("Add", json!({ "id": "a" })));
    let refused = world.ledger.execute(forged).await.unwrap_err();
    assert!(refused.message.starts_with("DL-COMMON-400003"), "{refused}");
    for id in ["with/slash", "at@sign", "ö ü"] {
        world.execute("Put", json!({ "id": id, "data": { "a": 1 } })).await.unwrap();
        assert_eq!(world.validate(id, (0, 0)).await.unwrap(), (200, None));
    }
    assert_eq!(world.execute("Get", json!({ "id": "a" })).await.unwrap().contract_result, r#"{"n":5}"#);
    assert_eq!(world.validate("a", (0, 9)).await.unwrap(), (200, None));
}

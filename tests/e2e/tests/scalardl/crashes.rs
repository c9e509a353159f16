//! Somebody dies between two steps: what was committed stays, what was not has no effect, nothing happens twice, and
//! others get on.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use tokio::sync::Notify;
use tonic::Status;
use trustkeep_scalar_client::{Ages, Client};
use trustkeep_scalar_rpc::messages::{
    AssetLockRecoveryResult, AssetProofRetrievalRequest, AssetProofRetrievalResponse,
    ContractExecutionRequest, ContractExecutionResponse, ExecutionAbortRequest, ExecutionAbortResponse,
    TransactionState,
};

use crate::liar::{Answer, Honest, Real, Ways};
use crate::world::{Setting, World, balance, deposit, executed, prepared, refused};

async fn account(client: &Client, asset: &str) {
    client.execute_contract("create", &json!({ "id": asset }).to_string()).await.unwrap();
}

/// The balance, once the Auditor has seen who stands in the way: a process that was started again sees it for the
/// first time at the first attempt.
pub(crate) async fn balance_at_last(client: &Client, asset: &str) -> i64 {
    match balance(client, asset).await {
        Err(error) if error.code.number() == 504 => balance(client, asset).await.unwrap(),
        answer => answer.unwrap(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanishes_leaves_all_or_nothing() {
    let mut world = World::with_grace(3_600_000).await;
    let client = world.client();
    for asset in ["never-executed", "never-validated"] {
        account(&client, asset).await;
    }
    let late = client.order(prepared(&client, "never-executed", "n1")).await.unwrap();
    let (done, shown) = executed(&client, "never-validated", "n2").await.unwrap();
    for asset in ["never-executed", "never-validated"] {
        refused("within the grace period", balance(&client, asset).await, "DL-AUDITOR-504001");
        let answer = client.recover_lock("", asset).await.unwrap();
        assert_eq!(answer, AssetLockRecoveryResult::NotRecoverable);
    }
    // The same Auditor with another setting: it waits for nobody it has seen.
    world.auditor.stop().await;
    world.auditor.set("scalar.dl.auditor.lock_recovery.grace_period_millis", "0");
    world.auditor.start().await;
    let client = world.client();
    for (asset, expected) in [("never-executed", 0), ("never-validated", 1)] {
        let first = client.recover_lock("", asset).await.unwrap();
        assert_eq!(first, AssetLockRecoveryResult::NotRecoverable, "seen for the first time");
        assert_eq!(client.recover_lock("", asset).await.unwrap(), AssetLockRecoveryResult::Succeeded);
        assert_eq!(client.recover_lock("", asset).await.unwrap(), AssetLockRecoveryResult::NotNeeded);
        assert_eq!(balance(&client, asset).await.unwrap(), expected);
    }
    // They come back: too late the one, just to be told what it is told anyway the other.
    refused("too late", client.execute_at_ledger(late.clone()).await, "DL-LEDGER-504001");
    assert_eq!(client.retrieve_state("n1").await.unwrap(), TransactionState::Aborted);
    refused("nothing to show", client.validate_at_auditor(late, vec![]).await, "DL-AUDITOR-504003");
    client.validate_at_auditor(done, shown.proofs).await.unwrap();
    assert_eq!(balance(&client, "never-executed").await.unwrap(), 0);
    assert_eq!(balance(&client, "never-validated").await.unwrap(), 1);
    world.check_others_get_on("untouched").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn either_server_may_die_between_any_two_steps() {
    for setting in Setting::BOTH {
        die_between_steps(setting).await;
    }
}

async fn die_between_steps(setting: Setting) {
    let mut world = World::of(setting, 0).await;
    let client = world.client();
    for asset in ["ordered", "executed", "validated"] {
        account(&client, asset).await;
    }
    let ordered = client.order(prepared(&client, "ordered", "n1")).await.unwrap();
    let (executed_request, shown) = executed(&client, "executed", "n2").await.unwrap();
    let (validated_request, validated_proofs) = executed(&client, "validated", "n3").await.unwrap();
    let before =
        client.validate_at_auditor(validated_request.clone(), validated_proofs.proofs.clone()).await.unwrap();
    restart(&mut world).await;
    let client = world.client();
    let answer = client.execute_at_ledger(ordered.clone()).await.unwrap();
    restart(&mut world).await;
    let client = world.client();
    client.validate_at_auditor(ordered, answer.proofs).await.unwrap();
    client.validate_at_auditor(executed_request, shown.proofs).await.unwrap();
    let again = client.validate_at_auditor(validated_request, validated_proofs.proofs).await.unwrap();
    assert_eq!(again.proofs.first().map(|proof| &proof.hash), before.proofs.first().map(|proof| &proof.hash));
    for asset in ["ordered", "executed", "validated"] {
        assert_eq!(balance(&client, asset).await.unwrap(), 1, "{asset}");
        let validation = client.validate_ledger(None, asset, Ages::ALL).await.unwrap();
        assert_eq!(validation.ledger_proof.unwrap().age, 1);
    }
    world.check_others_get_on("untouched").await;
}

/// Both die and come back.
pub(crate) async fn restart(world: &mut World) {
    world.auditor.crash().await;
    world.ledger.crash().await;
    world.auditor.start().await;
    world.start_ledger().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_purged_stays_refused_and_what_is_under_way_is_kept() {
    let mut world = World::with_grace(3_600_000).await;
    for (site, purge) in [
        (&world.ledger, "scalar.dl.ledger.transaction_state_purge.enabled"),
        (&world.auditor, "scalar.dl.auditor.transaction_state_purge.enabled"),
    ] {
        site.set(purge, "true");
    }
    let client = world.client();
    account(&client, "a").await;
    let (done, shown) = executed(&client, "a", "done").await.unwrap();
    client.validate_at_auditor(done.clone(), shown.proofs.clone()).await.unwrap();
    world.auditor.set("scalar.dl.auditor.lock_recovery.grace_period_millis", "0");
    restart(&mut world).await;
    let client = world.client();
    let held = client.order(prepared(&client, "a", "held")).await.unwrap();
    let purged = client.purge_state().await.unwrap();
    assert_eq!(purged.skipped, 1, "{purged:?}");
    assert!(purged.purged > 0 && purged.total_targets == purged.purged + 1, "{purged:?}");
    restart(&mut world).await;
    let client = world.client();
    refused("ordered", client.order(done.clone()).await, "DL-AUDITOR-304001");
    refused("executed", client.execute_at_ledger(done.clone()).await, "DL-LEDGER-504001");
    refused("validated", client.validate_at_auditor(done, shown.proofs).await, "DL-AUDITOR-304001");
    let answer = client.execute_at_ledger(held.clone()).await.unwrap();
    client.validate_at_auditor(held, answer.proofs).await.unwrap();
    assert_eq!(balance(&client, "a").await.unwrap(), 2);
    world.check_others_get_on("untouched").await;
}

/// Tells when an execution has been carried out, and never answers it.
pub(crate) struct Stops {
    /// Or has not been.
    pub(crate) forward: bool,
    pub(crate) reached: Arc<Notify>,
}

#[async_trait]
impl Ways for Stops {
    async fn execute(
        &self,
        mut real: Real,
        request: ContractExecutionRequest,
    ) -> Answer<ContractExecutionResponse> {
        if self.forward {
            real.execute_contract(request).await?;
        }
        self.reached.notify_one();
        Err(Status::unavailable("the connection broke"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_dies_before_or_after_its_commit_loses_and_doubles_nothing() {
    let mut world = World::new().await;
    for (asset, forward, expected) in [("before", false, 0), ("after", true, 1)] {
        let client = world.client();
        account(&client, asset).await;
        let reached = Arc::new(Notify::new());
        world.liar.becomes(Stops { forward, reached: reached.clone() });
        let nonce = format!("n-{asset}");
        let ordered = client.order(prepared(&client, asset, &nonce)).await.unwrap();
        let (answer, ()) = tokio::join!(client.execute_at_ledger(ordered.clone()), reached.notified());
        refused("nobody knows", answer, "501");
        world.ledger.crash().await;
        refused("while it is gone", deposit(&client, asset, 1).await, "DL-AUDITOR-503001");
        world.liar.becomes(Honest);
        world.start_ledger().await;
        let client = world.client();
        assert_eq!(balance_at_last(&client, asset).await, expected, "{asset}");
        let state = client.retrieve_state(&nonce).await.unwrap();
        let decided = if forward { TransactionState::Committed } else { TransactionState::Aborted };
        assert_eq!(state, decided);
        refused("sent again", client.execute_at_ledger(ordered).await, "DL-LEDGER-504001");
        assert_eq!(balance(&client, asset).await.unwrap(), expected);
    }
    world.check_others_get_on("untouched").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_that_dies_during_orders_has_taken_each_of_them_or_not() {
    let mut world = World::new().await;
    let client = world.client();
    let names: Vec<_> = (0..24).map(|index| format!("asset-{index}")).collect();
    for name in &names {
        account(&client, name).await;
    }
    // Killed once some of them have their answers.
    let some = Arc::new(Notify::new());
    let mut orders = tokio::task::JoinSet::new();
    for name in &names {
        let (client, request, some) = (client.clone(), prepared(&client, name, name), some.clone());
        orders.spawn(async move {
            let answer = client.order(request).await;
            some.notify_one();
            answer
        });
    }
    some.notified().await;
    world.auditor.crash().await;
    let answered: Vec<_> = orders.join_all().await.into_iter().filter_map(Result::ok).collect();
    assert!(!answered.is_empty());
    world.auditor.start().await;
    let client = world.client();
    for name in &names {
        let ordered = answered.iter().find(|request| request.nonce == *name);
        let again = client.order(prepared(&client, name, name)).await;
        let ordered = match (ordered, again) {
            // Half of those who have their answers go on.
            (Some(ordered), Err(error)) if error.code.number() == 304 => Some(ordered.clone()),
            // It was taken, and the answer is lost; or it was not, and goes its way now.
            (None, Err(error)) if error.code.number() == 304 => None,
            (None, Ok(ordered)) => Some(ordered),
            (_, again) => panic!("{name}: {again:?}"),
        };
        let goes_on = ordered.filter(|_| name.ends_with(['0', '2', '4', '6', '8']));
        if let Some(ordered) = &goes_on {
            let answer = client.execute_at_ledger(ordered.clone()).await.unwrap();
            client.validate_at_auditor(ordered.clone(), answer.proofs).await.unwrap();
        }
        assert_eq!(balance_at_last(&client, name).await, i64::from(goes_on.is_some()), "{name}");
    }
    world.check_others_get_on("untouched").await;
}

/// Does what the Auditor asks for, and tells; the Auditor does not hear of it.
struct Interrupts(Arc<Notify>);

impl Interrupts {
    async fn tell<T>(&self) -> Answer<T> {
        self.0.notify_one();
        std::future::pending().await
    }
}

#[async_trait]
impl Ways for Interrupts {
    async fn proof(
        &self,
        mut real: Real,
        request: AssetProofRetrievalRequest,
    ) -> Answer<AssetProofRetrievalResponse> {
        match real.retrieve_asset_proof(request).await {
            Ok(_) => self.tell().await,
            // Of what was not committed: it goes on to ask for the end of it.
            Err(status) => Err(status),
        }
    }

    async fn abort(&self, mut real: Real, request: ExecutionAbortRequest) -> Answer<ExecutionAbortResponse> {
        real.abort_execution(request).await?;
        self.tell().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn either_server_may_die_while_an_order_is_recovered() {
    let mut world = World::new().await;
    for (asset, committed) in [("never-executed", false), ("never-validated", true)] {
        for of_auditor in [true, false] {
            let asset = format!("{asset}-{of_auditor}");
            let client = world.client();
            account(&client, &asset).await;
            let ordered = client.order(prepared(&client, &asset, &asset)).await.unwrap();
            if committed {
                client.execute_at_ledger(ordered.clone()).await.unwrap();
            }
            let reached = Arc::new(Notify::new());
            world.liar.becomes(Interrupts(reached.clone()));
            let (other, name) = (client.clone(), asset.clone());
            let waiting = tokio::spawn(async move { balance(&other, &name).await });
            reached.notified().await;
            if of_auditor {
                world.auditor.crash().await;
                assert!(waiting.await.unwrap().is_err(), "its Auditor has gone");
                world.auditor.start().await;
            } else {
                waiting.abort();
                world.ledger.crash().await;
                world.start_ledger().await;
                world.auditor.crash().await;
                world.auditor.start().await;
            }
            world.liar.becomes(Honest);
            let client = world.client();
            assert_eq!(balance_at_last(&client, &asset).await, i64::from(committed), "{asset}");
            refused("sent again", client.execute_at_ledger(ordered).await, "DL-LEDGER-504001");
        }
    }
    world.check_others_get_on("untouched").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_that_dies_during_validations_leaves_none_of_them_by_halves() {
    let mut world = World::new().await;
    let client = world.client();
    let mut under_way = Vec::new();
    for index in 0..24 {
        let (from, to) = (format!("from-{index}"), format!("to-{index}"));
        account(&client, &from).await;
        account(&client, &to).await;
        deposit(&client, &from, 5).await.unwrap();
        let argument = json!({ "from": from, "to": to, "amount": 2 }).to_string();
        let call = trustkeep_scalar_client::Call {
            contract_id: "transfer",
            argument: &argument,
            ..Default::default()
        };
        let ordered = client.order(client.prepare(call).unwrap()).await.unwrap();
        let answer = client.execute_at_ledger(ordered.clone()).await.unwrap();
        under_way.push((from, to, ordered, answer.proofs));
    }
    // Killed once some of them have their answers.
    let some = Arc::new(Notify::new());
    let mut validations = tokio::task::JoinSet::new();
    for (index, (_, _, request, proofs)) in under_way.iter().enumerate() {
        let (client, request, proofs) = (client.clone(), request.clone(), proofs.clone());
        let some = some.clone();
        validations.spawn(async move {
            let answer = client.validate_at_auditor(request, proofs).await;
            some.notify_one();
            (index, answer)
        });
    }
    some.notified().await;
    world.auditor.crash().await;
    let mut answered = 0;
    for (_, answer) in validations.join_all().await {
        match answer {
            Ok(_) => answered += 1,
            Err(error) => assert!(matches!(error.code.number(), 501 | 503), "{error:?}"),
        }
    }
    assert!(answered > 0);
    world.auditor.start().await;
    let client = world.client();
    for (index, (from, to, request, proofs)) in under_way.into_iter().enumerate() {
        // Half of them come back for their answer, the others do not.
        if index % 2 == 0 {
            client.validate_at_auditor(request, proofs).await.unwrap();
        }
        assert_eq!(balance_at_last(&client, &from).await, 3);
        assert_eq!(balance_at_last(&client, &to).await, 2);
    }
    world.check_others_get_on("untouched").await;
}

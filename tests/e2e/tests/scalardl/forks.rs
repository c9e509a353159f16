//! A Ledger that keeps two histories and shows each to others, or none at all.

use async_trait::async_trait;
use trustkeep_scalar_rpc::messages::{ContractExecutionRequest, ContractExecutionResponse};

use crate::liar::{Answer, Real, Ways};
use crate::world::{World, balance, deposit, executed, refused};

#[tokio::test(flavor = "multi_thread")]
async fn of_two_histories_one_at_most_is_validated() {
    let mut world = World::new().await;
    let client = world.client();
    for asset in ["a", "b", "c"] {
        client.execute_contract("create", &format!(r#"{{"id":"{asset}"}}"#)).await.unwrap();
    }
    let mut fork = world.fork("fork").await;
    let [one, ..] = world.ledger.ports;
    let [other, ..] = fork.ports;

    // One client is shown the one, another the other: the second is told.
    let (first, second) = (world.client(), world.client());
    deposit(&first, "a", 1).await.unwrap();
    world.liar.point_at(other);
    refused("written in the other", deposit(&second, "a", 1).await, "DL-AUDITOR-305008");
    world.liar.point_at(one);
    deposit(&first, "b", 1).await.unwrap();
    world.liar.point_at(other);
    refused("read in the other", balance(&second, "b").await, "DL-AUDITOR-305008");
    world.liar.point_at(one);
    assert_eq!(balance(&first, "b").await.unwrap(), 1);

    // Equal age, different content: one client's request was executed in the other history only, was given up because
    // the first denied it, and now another's state stands there.
    world.liar.point_at(other);
    let (request, shown) = executed(&second, "c", "n-c").await.unwrap();
    world.liar.point_at(one);
    deposit(&first, "c", 7).await.unwrap();
    let found = second.validate_at_auditor(request, shown.proofs).await;
    refused("equal age, different content", found, "DL-AUDITOR-305008");
    assert_eq!(balance(&first, "c").await.unwrap(), 7);
    world.check_others_get_on("untouched").await;
    fork.stop().await;
}

/// Executes elsewhere than where it keeps its states.
struct Elsewhere(Real);

#[async_trait]
impl Ways for Elsewhere {
    async fn execute(&self, _: Real, request: ContractExecutionRequest) -> Answer<ContractExecutionResponse> {
        Ok(self.0.clone().execute_contract(request).await?.into_inner())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_was_only_claimed_is_found_at_the_next_access() {
    let mut world = World::new().await;
    let client = world.client();
    for asset in ["read", "written", "same"] {
        client.execute_contract("create", &format!(r#"{{"id":"{asset}"}}"#)).await.unwrap();
    }
    // All is right but that nothing was kept: nobody can tell yet.
    let mut fork = world.fork("claims").await;
    let [other, ..] = fork.ports;
    world.liar.becomes(Elsewhere(crate::liar::real(other)));
    let client = world.client();
    for asset in ["read", "written"] {
        deposit(&client, asset, 1).await.unwrap();
    }
    world.liar.becomes(crate::liar::Honest);
    refused("read", balance(&client, "read").await, "DL-AUDITOR-305008");
    refused("written", deposit(&client, "written", 1).await, "DL-AUDITOR-305008");
    deposit(&client, "same", 1).await.unwrap();
    world.check_others_get_on("untouched").await;
    fork.stop().await;
}

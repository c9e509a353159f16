//! A Ledger, or the way to it, that keeps a request or an answer back.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::Notify;
use trustkeep_scalar_client::Client;
use trustkeep_scalar_rpc::messages::{ContractExecutionRequest, ContractExecutionResponse, TransactionState};

use crate::liar::{Answer, Honest, Real, Ways};
use crate::world::{Setting, World, balance, prepared, refused};

/// Keeps requests back until it is told to let them through; or their answers.
struct Withholds {
    executes_first: bool,
    reached: Arc<Notify>,
    released: Arc<Notify>,
}

#[async_trait]
impl Ways for Withholds {
    async fn execute(
        &self,
        mut real: Real,
        request: ContractExecutionRequest,
    ) -> Answer<ContractExecutionResponse> {
        let answer = match self.executes_first {
            true => Some(real.execute_contract(request.clone()).await?),
            false => None,
        };
        self.reached.notify_one();
        self.released.notified().await;
        match answer {
            Some(answer) => Ok(answer.into_inner()),
            None => Ok(real.execute_contract(request).await?.into_inner()),
        }
    }
}

async fn ordered(client: &Client, asset: &str) -> ContractExecutionRequest {
    client.execute_contract("create", &format!(r#"{{"id":"{asset}"}}"#)).await.unwrap();
    client.order(prepared(client, asset, asset)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_back_is_decided_without_it() {
    for setting in Setting::BOTH {
        kept_back(setting).await;
    }
}

async fn kept_back(setting: Setting) {
    let world = World::of(setting, 0).await;
    let client = world.client();
    for (asset, executes_first) in [("request", false), ("answer", true)] {
        let request = ordered(&client, asset).await;
        let [reached, released] = [(); 2].map(|()| Arc::new(Notify::new()));
        world.liar.becomes(Withholds {
            executes_first,
            reached: reached.clone(),
            released: released.clone(),
        });
        let (other, sent) = (world.client(), request.clone());
        let waiting = tokio::spawn(async move { other.execute_at_ledger(sent).await });
        reached.notified().await;
        world.liar.becomes(Honest);
        // Others do not wait for it, and what they see stays so.
        assert_eq!(balance(&client, asset).await.unwrap(), i64::from(executes_first), "{asset}");
        released.notify_one();
        let answer = waiting.await.unwrap();
        if executes_first {
            client.validate_at_auditor(request, answer.unwrap().proofs).await.unwrap();
            assert_eq!(client.retrieve_state(asset).await.unwrap(), TransactionState::Committed);
        } else {
            refused("too late", answer, "DL-LEDGER-504001");
            refused(
                "nothing to show",
                client.validate_at_auditor(request, vec![]).await,
                "DL-AUDITOR-504003",
            );
            assert_eq!(client.retrieve_state(asset).await.unwrap(), TransactionState::Aborted);
        }
        assert_eq!(balance(&client, asset).await.unwrap(), i64::from(executes_first), "{asset}");
    }
    world.check_others_get_on("untouched").await;
}

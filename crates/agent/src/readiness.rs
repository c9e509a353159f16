//! Whether the agent can serve: it cannot while its wallet does not answer, and a balancer had better send elsewhere.

use std::convert::Infallible;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval, timeout};
use trustkeep_chassis::health::Component;
use trustkeep_chassis::shutdown::Shutdown;

use crate::Agent;

/// How often the wallet is asked.
const PERIOD: Duration = Duration::from_secs(2);
/// An answer that takes longer is none.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// What is asked for; nobody puts it there.
const QUESTION: &str = "trustkeep_ready";

/// Says whether the agent is ready, until the shutdown. A task for the supervisor.
///
/// # Errors
/// Never; the signature is that of a supervised task.
pub async fn watch(agent: Agent, component: Component, shutdown: Shutdown) -> Result<(), Infallible> {
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut was_ready = true;
    loop {
        tokio::select! {
            () = shutdown.wait() => return Ok(()),
            _ = ticks.tick() => {}
        }
        let reason = match timeout(ANSWER_TIME_MAX, agent.wallet().get(QUESTION, QUESTION)).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the wallet does not answer".to_owned()),
        };
        let is_ready = reason.is_none();
        match reason {
            None => component.ready(),
            Some(reason) => component.not_ready(reason),
        }
        if is_ready != std::mem::replace(&mut was_ready, is_ready) {
            if is_ready {
                tracing::info!("the wallet answers again: the agent is ready");
            } else {
                tracing::warn!("the wallet does not answer: the agent is not ready");
            }
        }
    }
}

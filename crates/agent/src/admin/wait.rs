//! Waiting for what other agents answer, as long as ACA-Py waits.

use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, interval_at, sleep_until};

use super::Admin;
use super::refusal::Refusal;

/// How often it is looked though nothing was told: what another instance commits is told here only once it knows that
/// somebody listens.
const LOOK: Duration = Duration::from_millis(500);

/// Looks, again and again, until there is something or the time is up: at once when the controller is told something that
/// names `id`.
///
/// # Errors
/// Those of looking.
pub(super) async fn until<'a, T>(
    admin: &Admin,
    id: &str,
    patience: Duration,
    look: impl Fn() -> BoxFuture<'a, Result<Option<T>, Refusal>>,
) -> Result<Option<T>, Refusal> {
    let mut events = admin.0.agent.feed().listen();
    let end = Instant::now() + patience;
    let mut looks = interval_at(Instant::now() + LOOK, LOOK);
    loop {
        if let Some(found) = look().await? {
            return Ok(Some(found));
        }
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    Ok(event) if !event.contains(id) => {}
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return Ok(None),
                },
                _ = looks.tick() => break,
                () = sleep_until(end) => return Ok(None),
                () = admin.0.shutdown.wait() => return Ok(None),
            }
        }
    }
}

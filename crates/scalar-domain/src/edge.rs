//! How a domain is reached: gRPC on three ports, metrics on a fourth.
//!
//! A service makes one [`Edge`], passes every call through [`Edge::call`], and hands its routes to [`serve()`], which
//! adds health, reflection and the administrator's port, and sees to an orderly end.

mod admin;
mod gate;
mod health;
mod histogram;
mod serve;
mod stats;
#[cfg(test)]
mod tests;
mod trailer;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures::FutureExt as _;
use tonic::{Response, Status};
use trustkeep_chassis::clock::SharedClock;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

use crate::settings::Domain;

pub use gate::{Gate, Pass, Paused, WAITING_MAX};
pub use serve::{Addresses, DRAIN, Routers, StartError, serve, stop_deadline};
pub use stats::{RequestKind, Stats};

/// What all calls of one server pass. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Edge {
    gate: Arc<Gate>,
    stats: Arc<Stats>,
}

impl Edge {
    /// An open edge.
    #[must_use]
    pub fn new(domain: Domain, clock: SharedClock) -> Self {
        Self { gate: Arc::new(Gate::new()), stats: Arc::new(Stats::new(domain.service(), clock)) }
    }

    /// Answers one call: waits at the gate, counts and times it, and turns what fails, a panic too, into an error with
    /// its trailer. If the client goes away, the work is dropped where it stands.
    ///
    /// # Errors
    /// What `work` fails with; 503 if the gate is closed and too many wait; 502 for a panic.
    pub async fn call<T>(
        &self,
        kind: RequestKind,
        work: impl Future<Output = Result<T>>,
    ) -> std::result::Result<Response<T>, Status> {
        let begun = Instant::now();
        let answer = self.pass(work).await;
        self.stats.record(kind, answer.is_ok(), begun.elapsed());
        match answer {
            Ok(answer) => Ok(Response::new(answer)),
            Err(error) => {
                log(kind, &error);
                Err(error.into())
            }
        }
    }

    /// The gate.
    #[must_use]
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The counts.
    #[must_use]
    pub fn stats(&self) -> &Arc<Stats> {
        &self.stats
    }

    async fn pass<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let _inside = self.gate.enter().await?;
        // The work is dropped after a panic, so nobody sees what it left half done.
        AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|_| {
            Err(Error::runtime("The request failed by a fault of the server; its log has the details."))
        })
    }
}

/// Faults of clients and conflicts are daily business; what points at tampering or at the server's own trouble is not.
fn log(kind: RequestKind, error: &Error) {
    let (request, code, message) = (kind.name(), error.code.number(), error.message.as_str());
    match error.code {
        StatusCode::DatabaseError
        | StatusCode::UnknownTransactionStatus
        | StatusCode::RuntimeError
        | StatusCode::Unavailable => tracing::warn!(request, code, message, "request failed"),
        error if error.number() < 400 => tracing::error!(request, code, message, "request failed"),
        _ => tracing::debug!(request, code, message, "request failed"),
    }
}

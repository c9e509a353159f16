//! The program from outside: it is started as its users start it, spoken to over HTTP and by its own command line,
//! killed, and looked at. Nothing of its crates is linked in here; tests link what an attacker would use: a client of
//! the protocol, and the store that the program keeps its rows in.
//!
//! - [`Server`]: a running `trustkeep dev`, `trustkeep vault server`, `trustkeep ledger` or `trustkeep auditor`;
//! - [`Client`] and [`Answer`]: one HTTP request and what came back, as it came;
//! - [`run`]: a command to its end;
//! - [`free_port`]: a port for a server that is told its own;
//! - [`Moto`], [`Gate`]: an emulator of AWS, and a way to it that can be closed;
//! - [`Simulated`]: servers with sshd and Docker, whose links, keys and disks can be changed.
//!
//! The program is that of `TRUSTKEEP_BIN`, else `target/debug/trustkeep`, which is built if it is missing.

mod client;
mod gate;
mod moto;
mod ports;
mod program;
mod server;
mod simulated;

use std::time::Duration;

use anyhow::Context as _;

pub use client::{Answer, Client};
pub use gate::Gate;
pub use moto::Moto;
pub use ports::free_port;
pub use program::{Finished, program, run};
pub use server::Server;
pub use simulated::Simulated;

/// How long anything may take before a test gives up: far more than it needs on a slow machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks again and again until the answer is `Some`.
///
/// # Errors
/// That of a question, or that `what` did not come about in [`PATIENCE`].
pub async fn eventually<T, F: Future<Output = anyhow::Result<Option<T>>>>(
    what: &str,
    mut question: impl FnMut() -> F,
) -> anyhow::Result<T> {
    let asking = async {
        let mut rounds = tokio::time::interval(Duration::from_millis(20));
        loop {
            rounds.tick().await;
            if let Some(answer) = question().await? {
                return Ok(answer);
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.with_context(|| format!("{what} did not come about"))?
}

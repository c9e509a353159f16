//! What agents say to each other: one file a protocol, both roles in it.

pub mod basic_message;
pub mod connections;
pub mod static_connections;
pub mod trust_ping;

use crate::{Received, Result, Work};

/// Gives a message to its protocol.
pub(crate) async fn handle(work: &mut Work, received: &Received) -> Result<()> {
    let kind = &received.message.kind;
    match (kind.protocol.as_str(), kind.version.major) {
        ("connections", 1) => connections::handle(work, received).await,
        ("trust_ping", 1) => trust_ping::handle(work, received).await,
        ("basicmessage", 1) => basic_message::handle(work, received).await,
        _ => {
            tracing::info!(kind = %kind, "a message of a protocol that is not known");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;

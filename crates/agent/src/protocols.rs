//! What agents say to each other: one file a protocol, both roles in it.

pub mod basic_message;
pub mod connections;
pub mod did_exchange;
pub mod discover_features;
pub mod mediation;
pub mod out_of_band;
mod problem_report;
pub(crate) mod routing;
pub mod static_connections;
pub mod trust_ping;

use crate::{Accept, Connection, Error, Received, Result, State, Work};

/// Gives a message to its protocol. Any minor version of a major that is spoken is taken (RFC 0003); who answers does so
/// in the lower of both.
///
/// # Errors
/// Those of the wallet. What is wrong with a message is told to its sender, and is no error.
pub(crate) async fn handle(work: &mut Work, received: &Received) -> Result<()> {
    let kind = &received.message.kind;
    // What makes connections is rare and large: kept out of the way of what is said over them.
    let handled = match (kind.protocol.as_str(), kind.version.major) {
        ("connections", 1) => Box::pin(connections::handle(work, received)).await,
        ("didexchange", 1) => Box::pin(did_exchange::handle(work, received)).await,
        ("out-of-band", 1) => Box::pin(out_of_band::handle(work, received)).await,
        ("coordinate-mediation", 1) => Box::pin(mediation::handle(work, received)).await,
        ("discover-features", 1 | 2) => Box::pin(discover_features::handle(work, received)).await,
        ("trust_ping", 1) => trust_ping::handle(work, received).await,
        ("basicmessage", 1) => basic_message::handle(work, received).await,
        ("notification" | "report-problem", 1) => Box::pin(problem_report::handle(work, received)).await,
        _ => Box::pin(problem_report::unknown(work, received)).await,
    };
    match handled {
        Err(Error::Didcomm(error)) => {
            let words = format!("Error deserializing message: {error}");
            Box::pin(problem_report::refuse(work, received, &words)).await
        }
        handled => handled,
    }
}

/// What the controller wants, or else the configuration.
fn accept(asked: Option<bool>, configured: bool) -> Accept {
    if asked.unwrap_or(configured) { Accept::Auto } else { Accept::Manual }
}

/// Lets a connection stand: both sides know that it does.
///
/// # Errors
/// Those of what waited for it.
pub(crate) async fn stand(work: &mut Work, connection: &mut Connection) -> Result<()> {
    let was_ready = connection.is_ready();
    if connection.connection_protocol.as_deref().is_some_and(|name| name.starts_with(did_exchange::PROTOCOL))
    {
        // ACA-Py 0.7 tells both names of the state, and its controllers wait for the one or the other.
        connection.tell_as(work, "completed");
    }
    connection.state = State::Active;
    connection.save(work);
    if !was_ready {
        ready(work, connection).await?;
    }
    discover_features::introduce(work, connection).await
}

/// Does what waited for a connection over which messages can be sent.
///
/// # Errors
/// Those of what waited for it.
pub(crate) async fn ready(work: &mut Work, connection: &Connection) -> Result<()> {
    mediation::ready(work, connection).await?;
    out_of_band::run_attached(work, connection).await
}

#[cfg(test)]
pub(crate) mod tests;

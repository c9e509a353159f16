//! `coordinate-mediation/1.0` (RFC 0211): another agent takes messages for us, or we for it.

mod begin;
mod client;
mod default;
mod record;
mod server;

pub use begin::{begin, note_invitation};
pub use client::{request, send_query, send_updates, update_routes};
pub use default::{clear_default_mediator, default_mediator, set_default_mediator};
pub use record::{Mediation, MediationRole, MediationState, RoutedKey};
pub use server::{deny, grant};

pub(crate) use client::{announce, ready};

use serde_json::json;
use trustkeep_didcomm::Version;
use trustkeep_wallet::Query;

use crate::{Connection, Error, Received, Result, Stored, Work, peer};

const PROTOCOL: &str = "coordinate-mediation";
const VERSION: Version = Version::new(1, 0);
/// Updates in one message.
pub const UPDATES_MAX: usize = 256;
/// Keys that are removed at once with their agreement.
const REMOVED_MAX: u64 = 10_000;

/// Removes an agreement; the keys that we took messages for by it are free for others.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn delete(work: &mut Work, mediation_id: &str) -> Result<Mediation> {
    let mediation = Mediation::get(work, mediation_id).await?;
    if mediation.role == MediationRole::Server {
        let query = RoutedKey::of_connection(MediationRole::Server, &mediation.connection_id);
        for record in work.find(&query.limited(REMOVED_MAX)).await? {
            work.remove(&record);
        }
    }
    mediation.remove(work).await?;
    // Whoever needs a mediator would look for it in vain.
    default::forget(work, mediation_id).await?;
    Ok(mediation)
}

pub(super) async fn handle(work: &mut Work, received: &Received) -> Result<()> {
    let Some(connection) = received.connection.as_ref().filter(|connection| connection.is_ready()) else {
        tracing::info!(kind = %received.message.kind, "mediation over no connection that stands");
        return Ok(());
    };
    match received.message.kind.name.as_str() {
        "mediate-request" => server::receive_request(work, connection, &received.message).await,
        "keylist-update" => server::receive_update(work, connection, &received.message).await,
        "keylist-query" => server::receive_query(work, connection, &received.message).await,
        "mediate-grant" => client::receive_grant(work, connection, &received.message).await,
        "mediate-deny" => client::receive_denial(work, connection).await,
        "keylist-update-response" => client::receive_results(work, connection, &received.message).await,
        // Nothing follows from these but that they came: the controller asked, or did something that was refused.
        "keylist" => {
            tracing::info!(connection = connection.id, "the mediator has told its keylist");
            Ok(())
        }
        "problem-report" | "problem_report" => {
            let report: trustkeep_didcomm::message::ProblemReport = received.message.body_as()?;
            let (code, words) = (report.code(), report.words());
            tracing::warn!(connection = connection.id, code, words, "mediation was refused");
            Ok(())
        }
        _ => super::problem_report::unknown(work, received).await,
    }
}

/// The agreement of a connection in which we have this role.
async fn agreement(
    work: &mut Work,
    connection: &Connection,
    role: MediationRole,
) -> Result<Option<Mediation>> {
    let found = Mediation::of_connection(work, &connection.id).await?;
    Ok(found.filter(|mediation| mediation.role == role))
}

/// Answers a message over its connection.
async fn reply(work: &mut Work, connection: &Connection, reply: &trustkeep_didcomm::Message) -> Result<()> {
    let target = peer::target(work, connection).await?;
    work.send(&connection.id, &target, reply).await
}

/// Tells the other agent by ACA-Py's code why nothing was done.
async fn refuse(
    work: &mut Work,
    connection: &Connection,
    about: &trustkeep_didcomm::Message,
    code: &str,
    words: &str,
) -> Result<()> {
    let mut report = work.reply(about, "problem-report");
    report.body.insert("description".to_owned(), json!({"en": words, "code": code}));
    reply(work, connection, &report).await
}

/// Whether a role is the one that is wanted, in ACA-Py's words.
fn check_role(mediation: &Mediation, role: MediationRole) -> Result<()> {
    if mediation.role == role {
        return Ok(());
    }
    let name = |role| if role == MediationRole::Server { "server" } else { "client" };
    Err(Error::BadRequest(format!("role({}) is not {}", name(mediation.role), name(role))))
}

/// How many keys are routed by an agreement of ours.
async fn count(work: &Work, role: MediationRole, connection_id: &str) -> Result<u64> {
    let query: Query = RoutedKey::of_connection(role, connection_id);
    Ok(work.agent().wallet().count(&query).await?)
}

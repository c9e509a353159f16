//! `out-of-band/1.0` and `1.1` (RFC 0434): invitations that reach the other agent by another way.

mod attached;
mod create;
mod handshake;
mod receive;
mod record;
mod reuse;

use trustkeep_didcomm::Version;
use trustkeep_wallet::Query;

pub use create::{AttachedKind, Created, NewInvitation, create_invitation};
pub use handshake::Handshake;
pub use receive::{ReceivedInvitation, receive_invitation};
pub use record::{OobRecord, OobRole, OobState};
pub use reuse::give_up_reuse;

pub(crate) use attached::run as run_attached;

use crate::connection::CATEGORY;
use crate::{Connection, Error, Received, Result, Stored, Work};

const PROTOCOL: &str = "out-of-band";
/// The newest that is spoken here.
pub(super) const VERSION: Version = Version::new(1, 1);

/// Removes an invitation, with the connection that waits for its answer or came of it.
///
/// # Errors
/// [`Error::NotFound`] if there is none of that id.
pub async fn delete_invitation(work: &mut Work, invi_msg_id: &str) -> Result<()> {
    let connections =
        Connection::find(work, &Query::tagged(CATEGORY, "invitation_msg_id", invi_msg_id)).await?;
    let query = Query::tagged(OobRecord::CATEGORY, "invi_msg_id", invi_msg_id);
    let records = OobRecord::find(work, &query).await?;
    if connections.is_empty() && records.is_empty() {
        return Err(Error::no_record(OobRecord::CATEGORY, invi_msg_id));
    }
    for connection in connections {
        connection.delete(work).await?;
    }
    for record in records {
        record.finish(work, OobState::Deleted).await?;
    }
    Ok(())
}

/// Notes that an invitation of ours was answered by a request: one that serves once, with nothing attached, has served.
///
/// # Errors
/// Those of the wallet.
pub(crate) async fn answered(work: &mut Work, connection: &Connection) -> Result<()> {
    let Some(id) = connection.invitation_msg_id.clone() else { return Ok(()) };
    for mut record in OobRecord::of_invitation(work, &id, OobRole::Sender).await? {
        if record.multi_use {
            continue;
        }
        record.connection_id = Some(connection.id.clone());
        if record.has_attached() {
            record.save(work);
        } else {
            record.finish(work, OobState::Done).await?;
        }
    }
    Ok(())
}

pub(super) async fn handle(work: &mut Work, received: &Received) -> Result<()> {
    match received.message.kind.name.as_str() {
        "handshake-reuse" => reuse::receive_reuse(work, received).await,
        "handshake-reuse-accepted" => reuse::receive_accepted(work, received).await,
        "problem_report" | "problem-report" => reuse::receive_problem(work, received).await,
        _ => super::problem_report::unknown(work, received).await,
    }
}

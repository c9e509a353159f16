//! A connection that stands is used again, if both agree.

use serde_json::{Value, json};
use trustkeep_didcomm::message::Thread;
use trustkeep_didcomm::{Message, Version};
use trustkeep_wallet::Query;

use super::{OobRecord, OobRole, OobState, PROTOCOL, VERSION, receive};
use crate::connection::CATEGORY;
use crate::{Connection, InvitationMode, Received, Result, State, Stored, Work, peer};

/// The code for an invitation that is not known or has served.
const NO_CONNECTION: &str = "no_existing_connection";

/// Asks the other agent to use a connection again.
///
/// # Errors
/// It cannot be reached.
pub(super) async fn ask(
    work: &mut Work,
    mut record: OobRecord,
    connection: &Connection,
    version: Version,
) -> Result<OobRecord> {
    let mut message = work.message(PROTOCOL, VERSION.agreed(version).unwrap_or(VERSION), "handshake-reuse");
    message.thread = Some(Thread {
        thid: Some(message.id.clone()),
        pthid: Some(record.invi_msg_id.clone()),
        ..Thread::default()
    });
    record.reuse_msg_id = Some(message.id.clone());
    record.state = OobState::AwaitResponse;
    record.save(work);
    let target = peer::target(work, connection).await?;
    work.send(&connection.id, &target, &message).await?;
    Ok(record)
}

/// Waits no longer for the other agent to use a connection again: a new one is made. One that was answered meanwhile
/// stays as it is.
///
/// # Errors
/// [`crate::Error::NotFound`] if it was answered and has served; those of the handshake.
pub async fn give_up_reuse(work: &mut Work, oob_id: &str) -> Result<(OobRecord, Option<Connection>)> {
    let record = OobRecord::get(work, oob_id).await?;
    if record.role != OobRole::Receiver || record.state != OobState::AwaitResponse {
        return Ok((record, None));
    }
    refused(work, record).await
}

/// Whoever invited is asked to use a connection again.
pub(super) async fn receive_reuse(work: &mut Work, received: &Received) -> Result<()> {
    let message = &received.message;
    let Some(mut connection) = received.connection.clone().filter(Connection::is_ready) else {
        tracing::info!("a connection is to be used again that does not stand");
        return Ok(());
    };
    let parent = message.parent_thread_id().unwrap_or_default().to_owned();
    let records = OobRecord::of_invitation(work, &parent, OobRole::Sender).await?;
    let open = records.into_iter().find(|record| record.state == OobState::AwaitResponse);
    let is_again = connection.invitation_msg_id.as_deref() == Some(&parent);
    let name = match open {
        Some(mut record) => {
            record.reuse_msg_id = Some(message.thread_id().to_owned());
            record.connection_id = Some(connection.id.clone());
            if record.multi_use {
                record.state = OobState::Done;
                record.tell(work);
            } else {
                record.finish(work, OobState::Done).await?;
            }
            connection.invitation_msg_id = Some(parent.clone());
            connection.save(work);
            remove_waiting(work, &parent, &connection.id).await?;
            let event = json!({
                "thread_id": message.thread_id(),
                "connection_id": connection.id,
                "comment": format!("Connection {} is being reused for invitation {parent}", connection.id),
            });
            work.tell(&connection.id, "connection_reuse", &event);
            "handshake-reuse-accepted"
        }
        // It came again: the answer is the same.
        None if is_again => "handshake-reuse-accepted",
        None => "problem_report",
    };
    let mut reply = work.reply(message, name);
    reply.kind.version = VERSION.agreed(message.kind.version).unwrap_or(VERSION);
    reply.thread =
        Some(Thread { thid: Some(message.thread_id().to_owned()), pthid: Some(parent), ..Thread::default() });
    if name == "problem_report" {
        let words = "No open invitation for the connection to be used again";
        reply.body.insert("description".to_owned(), json!({"code": NO_CONNECTION, "en": words}));
    }
    let target = peer::target(work, &connection).await?;
    work.send(&connection.id, &target, &reply).await
}

/// The other agent uses the connection again.
pub(super) async fn receive_accepted(work: &mut Work, received: &Received) -> Result<()> {
    let Some((record, mut connection)) = asked(work, received).await? else { return Ok(()) };
    connection.invitation_msg_id = Some(record.invi_msg_id.clone());
    connection.save(work);
    tell(work, &record, &connection.id, "accepted");
    record.finish(work, OobState::ReuseAccepted).await?;
    Ok(())
}

/// The other agent does not use the connection again.
pub(super) async fn receive_problem(work: &mut Work, received: &Received) -> Result<()> {
    let Some((record, _)) = asked(work, received).await? else { return Ok(()) };
    match refused(work, record).await {
        Err(error) if error.is_theirs() => {
            tracing::info!(%error, "no connection can be made of an invitation");
            Ok(())
        }
        refused => refused.map(drop),
    }
}

async fn refused(work: &mut Work, mut record: OobRecord) -> Result<(OobRecord, Option<Connection>)> {
    let connection_id = record.connection_id.take().unwrap_or_default();
    record.state = OobState::ReuseNotAccepted;
    record.save(work);
    tell(work, &record, &connection_id, "rejected");
    let message = Message::from_object(record.invitation.as_object().cloned().unwrap_or_default())?;
    if message.body.get("handshake_protocols").and_then(Value::as_array).is_none_or(Vec::is_empty) {
        return Ok((record, None));
    }
    let said = receive::noted(&record);
    receive::begin(work, record, &said).await
}

/// What was asked of this connection, in this thread.
async fn asked(work: &mut Work, received: &Received) -> Result<Option<(OobRecord, Connection)>> {
    let message = &received.message;
    let Some(connection) = received.connection.clone().filter(Connection::is_ready) else { return Ok(None) };
    let record = OobRecord::by_tag(work, "reuse_msg_id", message.thread_id()).await?;
    Ok(record
        .filter(|record| {
            record.role == OobRole::Receiver
                && record.state == OobState::AwaitResponse
                && record.connection_id.as_deref() == Some(&connection.id)
        })
        .map(|record| (record, connection)))
}

/// Removes the connection that waited for a request, which will not come.
async fn remove_waiting(work: &mut Work, invi_msg_id: &str, but: &str) -> Result<()> {
    let query = Query::tagged(CATEGORY, "invitation_msg_id", invi_msg_id);
    for waiting in Connection::find(work, &query).await? {
        let is_once = waiting.invitation_mode == InvitationMode::Once;
        if waiting.id != but && is_once && waiting.state == State::Invitation {
            waiting.delete(work).await?;
        }
    }
    Ok(())
}

fn tell(work: &mut Work, record: &OobRecord, connection_id: &str, state: &str) {
    let event = json!({
        "thread_id": record.reuse_msg_id,
        "connection_id": connection_id,
        "state": state,
        "comment": format!("Connection {connection_id} and invitation {}: {state}", record.invi_msg_id),
    });
    work.tell(connection_id, "connection_reuse_accepted", &event);
}

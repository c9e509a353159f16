//! Messages that are attached to an invitation: the first that is supported is handled, once there is a connection.

use std::pin::Pin;

use serde_json::Value;
use trustkeep_didcomm::Message;
use trustkeep_wallet::Query;

use super::{OobRecord, OobRole, OobState};
use crate::protocols::discover_features;
use crate::{Connection, Error, Received, Result, Stored, Work, protocols};

/// What may be attached. An invitation passes through many hands, so nothing that would look as if the connection itself
/// had said it.
const SUPPORTED: [(&str, u16, &str); 4] = [
    ("issue-credential", 2, "offer-credential"),
    ("present-proof", 2, "request-presentation"),
    ("issue-credential", 1, "offer-credential"),
    ("present-proof", 1, "request-presentation"),
];

/// The attached message that is handled.
///
/// # Errors
/// [`Error::BadRequest`] if none is supported.
pub(super) fn first(invitation: &Message) -> Result<Message> {
    for attachment in invitation.attachments("requests~attach")? {
        let Ok(Value::Object(object)) = serde_json::from_slice(&attachment.data()?) else { continue };
        let Ok(message) = Message::from_object(object) else { continue };
        if SUPPORTED.iter().any(|(protocol, major, name)| message.kind.is(protocol, *major, name)) {
            return Ok(message);
        }
    }
    Err(none_supported())
}

fn none_supported() -> Error {
    let names = SUPPORTED.map(|(protocol, major, name)| format!("{protocol}/{major}.0/{name}")).join(", ");
    Error::BadRequest(format!(
        "None of the oob attached messages supported. Supported message types are {names}"
    ))
}

/// The attached message, of an invitation without a handshake: there is no connection over which it could be told that its
/// protocol is not spoken here.
///
/// # Errors
/// [`Error::BadRequest`] if none can be handled.
pub(super) fn answerable(invitation: &Message) -> Result<Message> {
    let message = first(invitation)?;
    if discover_features::speaks(&message.kind) { Ok(message) } else { Err(none_supported()) }
}

/// Handles what is attached over this connection: now, if it is ready, or when it is.
///
/// # Errors
/// Those of the message's protocol.
pub(super) async fn wait(
    work: &mut Work,
    mut record: OobRecord,
    connection: &Connection,
) -> Result<OobRecord> {
    record.state = OobState::PrepareResponse;
    if connection.is_ready() {
        handle(work, &mut record, Some(connection)).await?;
        return record.finish(work, OobState::Done).await;
    }
    record.save(work);
    Ok(record)
}

/// Handles what waited for this connection.
///
/// # Errors
/// Those of the message's protocol.
pub(crate) async fn run(work: &mut Work, connection: &Connection) -> Result<()> {
    let query = Query::tagged(OobRecord::CATEGORY, "connection_id", &connection.id);
    for mut record in OobRecord::find(work, &query).await? {
        if record.role == OobRole::Receiver && record.state == OobState::PrepareResponse {
            handle(work, &mut record, Some(connection)).await?;
            record.finish(work, OobState::Done).await?;
        }
    }
    Ok(())
}

/// Gives the attached message to its protocol.
///
/// # Errors
/// Those of the message's protocol.
pub(super) async fn handle(
    work: &mut Work,
    record: &mut OobRecord,
    connection: Option<&Connection>,
) -> Result<()> {
    let invitation = Message::from_object(record.invitation.as_object().cloned().unwrap_or_default())?;
    let message = first(&invitation)?;
    record.attach_thread_id = Some(message.thread_id().to_owned());
    let received = Received { message, sender: None, recipient: None, connection: connection.cloned() };
    handled(work, &received).await
}

/// The protocols are what this is called from: the circle needs a place.
fn handled<'a>(
    work: &'a mut Work,
    received: &'a Received,
) -> Pin<Box<dyn Future<Output = Result<()>> + Send + 'a>> {
    Box::pin(protocols::handle(work, received))
}

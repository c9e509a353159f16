//! Whoever was invited: takes the invitation, sends the request, takes the response, sends `complete`.

use serde_json::Value;
use trustkeep_didcomm::message::Thread;
use trustkeep_didcomm::{Document, Message, MessageType, Verkey};

use super::own::{Method, Own};
use super::{PROTOCOL, problem, version};
use crate::protocols::{accept, ready, stand, trust_ping};
use crate::route::{Route, Wanted};
use crate::{Accept, Connection, Error, Received, Result, Role, State, Work, peer};

/// An invitation out of band, and what the controller said when it handed it in.
pub(crate) struct Taken<'a> {
    pub(crate) invitation: &'a Message,
    /// `didexchange/1.0` or `didexchange/1.1`.
    pub(crate) protocol: &'static str,
    /// The DID that invites, if a DID does.
    pub(crate) their_public_did: Option<String>,
    pub(crate) alias: Option<String>,
    pub(crate) auto_accept: Option<bool>,
    pub(crate) mediation_id: Option<&'a str>,
}

/// Takes an invitation, and answers it if that is wanted at once.
///
/// # Errors
/// [`Error::BadRequest`] if it says not how to answer.
pub(crate) async fn receive_invitation(work: &mut Work, taken: Taken<'_>) -> Result<Connection> {
    let object = Value::Object(taken.invitation.to_object());
    if let Some(did) = &taken.their_public_did {
        peer::learn(work, did).await?;
    }
    let target = peer::of_invitation(work, &object).await?;
    let key = target.recipient_keys.first();
    let key = key.ok_or_else(|| Error::BadRequest("the invitation names no recipient key".to_owned()))?;
    let mut connection = Connection::new(work, Role::Inviter, taken.protocol);
    connection.invitation_key = Some(key.to_string());
    connection.invitation_msg_id = Some(taken.invitation.id.clone());
    connection.their_label = taken.invitation.body.get("label").and_then(Value::as_str).map(str::to_owned);
    connection.their_public_did =
        taken.their_public_did.map(|did| peer::bare(peer::short_form(&did)).to_owned());
    connection.alias = taken.alias;
    connection.accept = accept(taken.auto_accept, work.settings().auto_accept_invites);
    connection.save(work);
    connection.attach_invitation(work, &object);
    let wanted = Wanted { mediation_id: taken.mediation_id, or_default: true, ..Wanted::default() };
    if connection.accept == Accept::Auto {
        let request = request(work, &mut connection, None, Method::PeerFour, wanted).await?;
        send(work, &mut connection, &request).await?;
    } else if wanted.mediation_id.is_some() {
        Route::of(work, &connection, wanted).await?;
    }
    Ok(connection)
}

/// A request for a connection, not yet sent.
///
/// # Errors
/// Those of the route.
pub(super) async fn request(
    work: &mut Work,
    connection: &mut Connection,
    my_label: Option<String>,
    method: Method,
    wanted: Wanted<'_>,
) -> Result<Message> {
    let route = Route::of(work, connection, wanted).await?;
    let own = Own::of(work, connection, method, &route).await?;
    route.announce(work, &own.did.verkey()?, None).await?;
    let mut message = work.message(PROTOCOL, version(connection), "request");
    let label = my_label.or_else(|| work.settings().label.clone());
    message.body.insert("label".to_owned(), label.unwrap_or_default().into());
    own.put_into_request(work, &mut message).await?;
    message.thread = Some(Thread {
        thid: Some(message.id.clone()),
        pthid: connection.invitation_msg_id.clone(),
        ..Thread::default()
    });
    connection.request_id = Some(message.id.clone());
    connection.state = State::Request;
    Ok(message)
}

/// Saves the connection and sends its request.
///
/// # Errors
/// The other agent cannot be reached.
pub(super) async fn send(work: &mut Work, connection: &mut Connection, request: &Message) -> Result<()> {
    connection.save(work);
    let target = peer::target(work, connection).await?;
    work.send(&connection.id, &target, request).await
}

pub(super) async fn receive_response(work: &mut Work, received: &Received) -> Result<()> {
    let message = &received.message;
    let thread = message.thread_id();
    let by_thread = Connection::by_tag(work, "request_id", thread, Some(Role::Inviter)).await?;
    let Some(mut connection) = by_thread.or_else(|| received.connection.clone()) else {
        tracing::info!(thread, "a response to no request of ours");
        return Ok(());
    };
    if connection.state != State::Request || connection.their_role != Some(Role::Inviter) {
        tracing::info!(connection = connection.id, "a response to a connection that awaits none");
        return Ok(());
    }
    let their_did = match identity(work, &connection, message).await {
        Ok(did) => did,
        Err(error) if error.is_theirs() => {
            tracing::info!(%error, connection = connection.id, "a response that is not accepted");
            return problem::report(work, &connection, message, "response_not_accepted", &error).await;
        }
        Err(error) => return Err(error),
    };
    connection.their_did = Some(peer::short_form(&their_did).to_owned());
    connection.state = State::Response;
    connection.save(work);
    ready(work, &connection).await?;
    complete(work, &connection, message).await?;
    stand(work, &mut connection).await?;
    if work.settings().auto_ping_connection {
        trust_ping::ping(work, &connection, None).await?;
    }
    Ok(())
}

/// Their DID, if the key of the invitation has signed it or its document.
async fn identity(work: &mut Work, connection: &Connection, message: &Message) -> Result<String> {
    let did = message.body.get("did").and_then(Value::as_str);
    let did = did.ok_or_else(|| Error::BadRequest("No DID in response".to_owned()))?;
    let key: Verkey = connection.invitation_key.as_deref().unwrap_or_default().parse()?;
    if let Some(attached) = message.attachments("did_doc~attach")?.first() {
        let unsigned = || Error::BadRequest("DID doc attachment signature failed verification".to_owned());
        attached.signed_by(&key).map_err(|_| unsigned())?;
        let document = super::inviter::attached_document(did, attached)?;
        Document::from_value(&document)?;
        peer::store_document(work, did, &document).await?;
        return Ok(did.to_owned());
    }
    let rotated = message.attachments("did_rotate~attach")?;
    let rotated = rotated.first().ok_or_else(|| {
        Error::BadRequest("did_rotate~attach required if no signed doc attachment".to_owned())
    })?;
    rotated
        .signed_by(&key)
        .map_err(|_| Error::BadRequest("DID rotate attachment signature failed verification".to_owned()))?;
    if rotated.data()? != did.as_bytes() {
        return Err(Error::BadRequest(format!("Connection DID {did} does not match signed DID rotate")));
    }
    peer::learn(work, did).await?;
    Ok(did.to_owned())
}

async fn complete(work: &mut Work, connection: &Connection, response: &Message) -> Result<()> {
    let kind = MessageType { version: version(connection), ..response.kind.clone() };
    let mut message = work.reply(&Message { kind, ..response.clone() }, "complete");
    if let Some(thread) = &mut message.thread
        && thread.pthid.is_none()
    {
        // ACA-Py takes no `complete` without it, and some agents leave it out of their response.
        let parent = connection.invitation_msg_id.clone();
        thread.pthid = parent.or_else(|| connection.their_public_did.clone());
    }
    let target = peer::target(work, connection).await?;
    work.send(&connection.id, &target, &message).await
}

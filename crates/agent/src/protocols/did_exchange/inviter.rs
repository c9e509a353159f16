//! Whoever invited: takes the request, sends the response, takes `complete`.

use serde_json::Value;
use trustkeep_didcomm::{Attachment, Document, Message, MessageType, Verkey};
use trustkeep_wallet::Query;

use super::own::{Method, Own};
use super::{NAME_1_0, name_of, problem, version};
use crate::connection::CATEGORY;
use crate::protocols::{accept, out_of_band, stand};
use crate::route::{Route, Wanted};
use crate::{Accept, Connection, Error, InvitationMode, LocalDid, Received, Result, Role, State, Work, peer};

pub(super) async fn receive_request(work: &mut Work, received: &Received) -> Result<()> {
    match take_request(work, received, None).await {
        Ok(_) => Ok(()),
        Err(error) if error.is_theirs() => {
            tracing::info!(%error, "a request that is not accepted");
            problem::refuse_request(work, received, &error).await
        }
        Err(error) => Err(error),
    }
}

/// Takes a request, and answers it if that is wanted at once: as its invitation says, or `auto_accept` if there is none.
///
/// # Errors
/// It is refused: [`Error::is_theirs`]; nothing was changed then.
pub(super) async fn take_request(
    work: &mut Work,
    received: &Received,
    auto_accept: Option<bool>,
) -> Result<Connection> {
    let message = &received.message;
    let key = received.recipient;
    let key = key.ok_or_else(|| Error::BadRequest("the request was not packed".to_owned()))?;
    if let Some(known) = Connection::of_request(work, &key, &message.id).await? {
        // It came again: what it led to stands or is on its way.
        return Ok(known);
    }
    let (their_did, document) = identity(work, message, received.sender.as_ref()).await?;
    let mut connection = asked_for(work, message, &key, auto_accept).await?;
    let read = match &document {
        Some(document) => Document::from_value(document)?,
        None => Document::from_value(&crate::resolve(work, &their_did).await?)?,
    };
    // There must be a way back, before anything is changed.
    peer::of_document(&read)?;
    match document {
        Some(document) => peer::store_document(work, &their_did, &document).await?,
        None => drop(peer::learn(work, &their_did).await?),
    }
    connection.their_label = message.body.get("label").and_then(Value::as_str).map(str::to_owned);
    connection.their_did = Some(peer::short_form(&their_did).to_owned());
    connection.state = State::Request;
    connection.request_id = Some(message.id.clone());
    connection.connection_protocol = Some(name_of(message.kind.version).to_owned());
    connection.save(work);
    connection.attach_request(work, &key, message);
    out_of_band::answered(work, &connection).await?;
    if connection.accept == Accept::Auto {
        respond(work, &mut connection, Wanted::default()).await?;
    }
    Ok(connection)
}

/// The connection that waits for this request: that of the invitation, a new one of an invitation for many, or a new one
/// if it came by our public DID.
async fn asked_for(
    work: &mut Work,
    message: &Message,
    key: &Verkey,
    auto_accept: Option<bool>,
) -> Result<Connection> {
    let key_name = key.to_string();
    let invited = match message.parent_thread_id() {
        Some(parent) => {
            let query = Query::tagged(CATEGORY, "invitation_msg_id", parent);
            Connection::find(work, &query).await?
        }
        None => Vec::new(),
    };
    let open = invited
        .into_iter()
        .find(|invited| invited.invitation_key.as_deref() == Some(&key_name) && invited.awaits_request());
    match open {
        Some(open) if open.invitation_mode == InvitationMode::Multi => open.derive(work, NAME_1_0).await,
        Some(open) => Ok(open),
        None => by_public_did(work, key, auto_accept).await,
    }
}

async fn by_public_did(work: &mut Work, key: &Verkey, auto_accept: Option<bool>) -> Result<Connection> {
    let mine = LocalDid::of_verkey(work, key).await?;
    if !mine.iter().any(LocalDid::is_posted) {
        let words =
            "Pairwise requests must be against explicit invitations that have not been previously consumed";
        return Err(Error::BadRequest(words.to_owned()));
    }
    let settings = work.settings();
    if !settings.public_invites {
        let words = "Public invitations are not enabled: connection request refused";
        return Err(Error::BadRequest(words.to_owned()));
    }
    if !settings.requests_through_public_did {
        let words = "Unsolicited connection requests to public DID is not enabled";
        return Err(Error::BadRequest(words.to_owned()));
    }
    let accept = accept(auto_accept, settings.auto_accept_requests);
    let mut connection = Connection::new(work, Role::Invitee, NAME_1_0);
    connection.invitation_key = Some(key.to_string());
    connection.accept = accept;
    Ok(connection)
}

/// Their DID, and its document if it was attached. Whoever asks must show that he holds a key of it: by the signature over
/// the document, or by the envelope.
async fn identity(
    work: &mut Work,
    message: &Message,
    sender: Option<&Verkey>,
) -> Result<(String, Option<Value>)> {
    let did = message.body.get("did").and_then(Value::as_str);
    let did = did.ok_or_else(|| Error::BadRequest("No DID in request".to_owned()))?;
    if let Some(attached) = message.attachments("did_doc~attach")?.first() {
        let document = attached_document(did, attached)?;
        let signers = attached
            .signers()
            .or_else(|error| {
                sender.map_or(Err(error), |sender| attached.signed_by(sender).map(|()| vec![*sender]))
            })
            .map_err(|_| Error::BadRequest("DID Doc signature failed verification".to_owned()))?;
        if !signers.iter().all(|signer| peer::holds(&document, signer)) {
            return Err(Error::BadRequest("DID Doc is not signed by a key of its own".to_owned()));
        }
        return Ok((did.to_owned(), Some(document)));
    }
    let document = crate::resolve(work, did).await?;
    if !sender.is_some_and(|sender| peer::holds(&document, sender)) {
        return Err(Error::BadRequest(format!("the request is not packed by a key of {did}")));
    }
    Ok((did.to_owned(), None))
}

/// The key that signed the document of a request, if one did.
pub(super) fn signer(message: &Message) -> Option<Verkey> {
    let attached = message.attachments("did_doc~attach").ok()?;
    attached.first()?.signers().ok()?.into_iter().next()
}

/// The document in an attachment, which has to be that of the DID.
pub(super) fn attached_document(did: &str, attached: &Attachment) -> Result<Value> {
    let document: Value = serde_json::from_slice(&attached.data()?)
        .map_err(|_| Error::BadRequest("the attached document is not JSON".to_owned()))?;
    let read = Document::from_value(&document)?;
    if read.is_named(did) {
        return Ok(document);
    }
    Err(Error::BadRequest(format!("Connection DID {did} does not match DID Doc id {}", read.id)))
}

/// Answers the request of a connection.
///
/// # Errors
/// [`Error::BadRequest`] if it has none, or is past it.
pub(super) async fn respond(work: &mut Work, connection: &mut Connection, wanted: Wanted<'_>) -> Result<()> {
    if connection.state != State::Request || connection.their_role != Some(Role::Invitee) {
        return Err(Error::BadRequest("Connection not in state request".to_owned()));
    }
    let request = connection.request(work).await?;
    let request = Message::from_object(request.as_object().cloned().unwrap_or_default())?;
    let route = Route::of(work, connection, wanted).await?;
    let their_did = connection.their_did.as_deref().unwrap_or_default();
    let method = match their_did.strip_prefix("did:peer:").and_then(|rest| rest.chars().next()) {
        Some('2' | '3') => Method::PeerTwo,
        Some('1' | '4') => Method::PeerFour,
        _ => Method::Bare,
    };
    let own = Own::of(work, connection, method, &route).await?;
    let key: Verkey = connection.invitation_key.as_deref().unwrap_or_default().parse()?;
    let spent = is_spent(work, &key).await?.then_some(&key);
    route.announce(work, &own.did.verkey()?, spent).await?;
    let kind = MessageType { version: version(connection), ..request.kind.clone() };
    let mut message = work.reply(&Message { kind, ..request }, "response");
    own.put_into_response(work, &mut message, connection).await?;
    connection.state = State::Response;
    connection.save(work);
    let target = peer::target(work, connection).await?;
    work.send(&connection.id, &target, &message).await
}

/// Whether the key of an invitation is of no more use: nobody else may come by it, and it is that of no DID of ours.
pub(crate) async fn is_spent(work: &mut Work, key: &Verkey) -> Result<bool> {
    let query = Query::tagged(CATEGORY, "invitation_key", key.to_string());
    let invited = Connection::find(work, &query).await?;
    Ok(!invited.iter().any(Connection::awaits_request) && LocalDid::of_verkey(work, key).await?.is_empty())
}

pub(super) async fn receive_complete(work: &mut Work, received: &Received) -> Result<()> {
    let thread = received.message.thread_id();
    let by_thread = Connection::by_tag(work, "request_id", thread, Some(Role::Invitee)).await?;
    // Only who asked may complete it: whoever sent this is found by his key.
    let sent = received.connection.as_ref().map(|connection| connection.id.as_str());
    let Some(mut connection) = by_thread.filter(|connection| Some(connection.id.as_str()) == sent) else {
        tracing::info!(thread, "the end of no exchange of ours");
        return Ok(());
    };
    if connection.state == State::Response {
        stand(work, &mut connection).await?;
    }
    Ok(())
}

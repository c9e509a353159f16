//! Request and response, both roles.

use serde_json::{Value, json};
use trustkeep_didcomm::message::{ProblemReport, Thread};
use trustkeep_didcomm::{Document, Message, SignatureDecorator, Verkey};
use trustkeep_wallet::Query;

use super::{NAME, PROTOCOL, VERSION};
use crate::protocols::{accept, did_exchange, out_of_band, ready, stand, trust_ping};
use crate::route::{Route, Wanted};
use crate::{
    Accept, Connection, Error, InvitationMode, LocalDid, Received, Result, Role, State, Target, Work, peer,
};

/// The codes of problem reports.
const REQUEST_NOT_ACCEPTED: &str = "request_not_accepted";
const REQUEST_PROCESSING_ERROR: &str = "request_processing_error";
const RESPONSE_NOT_ACCEPTED: &str = "response_not_accepted";

pub(super) async fn request(
    work: &mut Work,
    connection: &mut Connection,
    my_label: Option<String>,
    wanted: Wanted<'_>,
) -> Result<()> {
    let did = own_did(work, connection).await?;
    let route = Route::of(work, connection, wanted).await?;
    route.announce(work, &did.verkey()?, None).await?;
    let mut message = work.message(PROTOCOL, VERSION, "request");
    let document = peer::own_document(&did, &route)?;
    let label = my_label.or_else(|| work.settings().label.clone());
    message.body.insert("label".to_owned(), label.unwrap_or_default().into());
    message.body.insert("connection".to_owned(), json!({"DID": did.did, "DIDDoc": document}));
    message.thread = Some(Thread {
        thid: Some(message.id.clone()),
        pthid: connection.invitation_msg_id.clone(),
        ..Thread::default()
    });
    connection.request_id = Some(message.id.clone());
    connection.state = State::Request;
    connection.save(work);
    let target = peer::target(work, connection).await?;
    work.send(&connection.id, &target, &message).await
}

pub(super) async fn receive_request(work: &mut Work, received: &Received) -> Result<()> {
    let (Some(key), message) = (&received.recipient, &received.message) else { return Ok(()) };
    let sender = received.sender.as_ref();
    let (their_did, document) = match detail(message.body.get("connection")) {
        Ok((did, document)) if sender.is_some_and(|sender| peer::holds(&document, sender)) => (did, document),
        // Anyone may have seen another's document. Who he is is not known, so he is not answered.
        Ok(_) => {
            tracing::info!("a request with the document of another");
            return Ok(());
        }
        Err(error) => {
            tracing::info!(%error, "a request that cannot be read");
            let document = message.body.get("connection").and_then(|detail| detail.get("DIDDoc"));
            let document = document.filter(|document| sender.is_some_and(|key| peer::holds(document, key)));
            let Some(document) = document else { return Ok(()) };
            let words = error.to_string();
            return problem(work, message, document, Some(*key), REQUEST_PROCESSING_ERROR, &words).await;
        }
    };
    if Connection::of_request(work, key, &message.id).await?.is_some() {
        // It came again: what it led to stands or is on its way.
        return Ok(());
    }
    let Some(mut connection) = asked_for(work, key).await? else {
        tracing::info!(%key, "a request for an invitation that is not open");
        return problem(work, message, &document, Some(*key), REQUEST_NOT_ACCEPTED, "No open invitation")
            .await;
    };
    if let Err(error) = peer::store_document(work, &their_did, &document).await {
        return if error.is_theirs() {
            let words = error.to_string();
            problem(work, message, &document, Some(*key), REQUEST_NOT_ACCEPTED, &words).await
        } else {
            Err(error)
        };
    }
    connection.their_label = message.body.get("label").and_then(Value::as_str).map(str::to_owned);
    connection.their_did = Some(their_did);
    connection.state = State::Request;
    connection.connection_protocol = Some(NAME.to_owned());
    connection.save(work);
    connection.attach_request(work, key, message);
    out_of_band::answered(work, &connection).await?;
    if connection.accept == Accept::Auto {
        respond(work, &mut connection, message, Wanted::default()).await?;
    }
    Ok(())
}

/// The connection that waits for a request to this key: that of the invitation, a new one of an invitation for many, or a
/// new one if it is the key of our public DID.
async fn asked_for(work: &mut Work, key: &Verkey) -> Result<Option<Connection>> {
    let query = Query::tagged(crate::connection::CATEGORY, "invitation_key", key.to_string());
    let invited = Connection::find(work, &query).await?;
    match invited.into_iter().find(Connection::awaits_request) {
        Some(open) if open.invitation_mode == InvitationMode::Multi => {
            open.derive(work, NAME).await.map(Some)
        }
        Some(open) => Ok(Some(open)),
        None => {
            let mine = LocalDid::of_verkey(work, key).await?;
            if !work.settings().public_invites || !mine.iter().any(LocalDid::is_posted) {
                return Ok(None);
            }
            let mut connection = Connection::new(work, Role::Invitee, NAME);
            connection.invitation_key = Some(key.to_string());
            connection.accept = accept(None, work.settings().auto_accept_requests);
            Ok(Some(connection))
        }
    }
}

/// Responds to the request that a connection came from, as its controller decides.
pub(super) async fn accept_request(
    work: &mut Work,
    connection: &mut Connection,
    wanted: Wanted<'_>,
) -> Result<()> {
    if !matches!(connection.state, State::Request | State::Response)
        || connection.their_role != Some(Role::Invitee)
    {
        return Err(Error::BadRequest("Connection is not in the request or response state".to_owned()));
    }
    let request = connection.request(work).await?;
    let request = Message::from_object(request.as_object().cloned().unwrap_or_default())?;
    respond(work, connection, &request, wanted).await
}

async fn respond(
    work: &mut Work,
    connection: &mut Connection,
    request: &Message,
    wanted: Wanted<'_>,
) -> Result<()> {
    let did = own_did(work, connection).await?;
    let route = Route::of(work, connection, wanted).await?;
    let document = peer::own_document(&did, &route)?;
    let key = connection.invitation_key.as_deref().unwrap_or_default().parse::<Verkey>()?;
    let keypair = work.keypair(&key).await?;
    let spent = did_exchange::is_spent(work, &key).await?.then_some(&key);
    route.announce(work, &did.verkey()?, spent).await?;
    let now = u64::try_from(work.now().as_second()).unwrap_or_default();
    let mut message = work.reply(request, "response");
    let detail = json!({"DID": did.did, "DIDDoc": document});
    let signed = SignatureDecorator::sign(&detail, &keypair, now, message.kind.prefix);
    let signed = serde_json::to_value(signed).map_err(|error| Error::Internal(error.to_string()))?;
    message.body.insert("connection~sig".to_owned(), signed);
    connection.state = State::Response;
    connection.save(work);
    let target = peer::target(work, connection).await?;
    work.send(&connection.id, &target, &message).await
}

pub(super) async fn receive_response(work: &mut Work, received: &Received) -> Result<()> {
    let message = &received.message;
    let by_thread = Connection::by_tag(work, "request_id", message.thread_id(), Some(Role::Inviter)).await?;
    let Some(mut connection) = by_thread.or_else(|| received.connection.clone()) else {
        tracing::info!(thread = message.thread_id(), "a response to no request of ours");
        return Ok(());
    };
    if connection.state != State::Request || connection.their_role != Some(Role::Inviter) {
        tracing::info!(connection = connection.id, "a response to a connection that awaits none");
        return Ok(());
    }
    let key = connection.invitation_key.clone().unwrap_or_default();
    let signed = message.signed_member("connection~sig");
    // Who invited has signed it with the key of the invitation: nobody else may answer in his place.
    let checked = signed.map_err(Error::from).and_then(|signed| {
        if signed.signer.to_string() == key {
            detail(Some(&signed.value))
        } else {
            Err(Error::BadRequest("the response is not signed by the invitation's key".to_owned()))
        }
    });
    let (their_did, document) = match checked {
        Ok(detail) => detail,
        Err(error) => {
            tracing::info!(%error, connection = connection.id, "a response that is not accepted");
            let target = peer::target(work, &connection).await?;
            return report(work, message, &connection.id, &target, RESPONSE_NOT_ACCEPTED, &error.to_string())
                .await;
        }
    };
    peer::store_document(work, &their_did, &document).await?;
    connection.their_did = Some(their_did);
    connection.state = State::Response;
    connection.save(work);
    ready(work, &connection).await?;
    if work.settings().auto_ping_connection {
        trust_ping::ping(work, &connection, Some("ping")).await?;
        stand(work, &mut connection).await?;
    }
    Ok(())
}

pub(super) async fn receive_problem(work: &mut Work, received: &Received) -> Result<()> {
    let report: ProblemReport = received.message.body_as()?;
    let by_thread = Connection::by_tag(work, "request_id", received.message.thread_id(), None).await?;
    let Some(mut connection) = by_thread.or_else(|| received.connection.clone()) else { return Ok(()) };
    // One that stands is not undone by a report: anyone may have kept one.
    if matches!(connection.state, State::Request | State::Invitation) {
        connection.state = State::Abandoned;
        let words = [report.code(), report.words()];
        connection.error_msg = Some(words.into_iter().flatten().collect::<Vec<_>>().join(": "));
        connection.save(work);
    }
    Ok(())
}

/// Tells the sender of a request what is wrong with it, at the address that it gave.
async fn problem(
    work: &mut Work,
    message: &Message,
    document: &Value,
    sender_key: Option<Verkey>,
    code: &str,
    words: &str,
) -> Result<()> {
    let target =
        Document::from_value(document).map_err(Error::from).and_then(|read| peer::of_public_document(&read));
    match target {
        Ok(target) => {
            let target = Target { sender_key, ..target };
            report(work, message, message.thread_id(), &target, code, words).await
        }
        Err(_) => Ok(()),
    }
}

async fn report(
    work: &mut Work,
    about: &Message,
    lane: &str,
    target: &Target,
    code: &str,
    words: &str,
) -> Result<()> {
    let mut message = work.reply(about, "problem_report");
    message.body.insert("problem-code".to_owned(), code.into());
    message.body.insert("explain".to_owned(), words.into());
    work.send(lane, target, &message).await
}

/// `{DID, DIDDoc}`: the DID and its document, which has to name that DID.
fn detail(member: Option<&Value>) -> Result<(String, Value)> {
    let missing = |what: &str| Error::BadRequest(format!("the message has no {what}"));
    let member = member.ok_or_else(|| missing("connection"))?;
    let did = member.get("DID").and_then(Value::as_str).ok_or_else(|| missing("DID"))?;
    let document = member.get("DIDDoc").ok_or_else(|| missing("DIDDoc"))?;
    let read = Document::from_value(document)?;
    if !read.is_named(did) {
        return Err(Error::BadRequest("Connection DID does not match DIDDoc id".to_owned()));
    }
    Ok((did.to_owned(), document.clone()))
}

/// Our DID in a connection: a new one if there is none yet.
async fn own_did(work: &mut Work, connection: &mut Connection) -> Result<LocalDid> {
    if let Some(did) = &connection.my_did {
        return LocalDid::get(work, did).await;
    }
    let did = LocalDid::create(work)?;
    connection.my_did = Some(did.did.clone());
    Ok(did)
}

//! `connections/1.0` (RFC 0160): invitation, request, response; and what the first message afterwards shows.

use serde_json::{Value, json};
use trustkeep_didcomm::message::{ProblemReport, Thread};
use trustkeep_didcomm::{Document, Message, SignatureDecorator, Verkey, Version};
use trustkeep_wallet::Query;

use super::trust_ping;
use crate::{
    Accept, Connection, Error, InvitationMode, LocalDid, Received, Result, Role, State, Target, Work, peer,
};

const PROTOCOL: &str = "connections";
pub(crate) const NAME: &str = "connections/1.0";
const VERSION: Version = Version::new(1, 0);
/// What an error costs that is told in a problem report.
const REQUEST_NOT_ACCEPTED: &str = "request_not_accepted";
const RESPONSE_NOT_ACCEPTED: &str = "response_not_accepted";

/// What the controller asks of an invitation.
#[derive(Clone, Debug, Default)]
pub struct NewInvitation {
    /// What it calls the connection.
    pub alias: Option<String>,
    /// Whether requests are answered at once; the agent's setting if it does not say.
    pub auto_accept: Option<bool>,
    /// Whether anyone who has it may use it.
    pub multi_use: bool,
    /// Our name in it, if another than the agent's.
    pub my_label: Option<String>,
    /// Where we are reached, if elsewhere than by default.
    pub service_endpoint: Option<String>,
    /// The key to be asked by, if one that the wallet holds; a new one otherwise.
    pub recipient_keys: Vec<String>,
    /// The mediators to wrap for.
    pub routing_keys: Vec<String>,
    /// What is noted of every connection that comes of it.
    pub metadata: serde_json::Map<String, Value>,
}

/// Makes an invitation, and the connection that waits for its request.
///
/// # Errors
/// [`Error::BadRequest`] for a key that is none, or without an endpoint.
pub async fn create_invitation(work: &mut Work, asked: NewInvitation) -> Result<(Connection, Value)> {
    let key = match asked.recipient_keys.first() {
        Some(key) => Verkey::from_any_form(key).map_err(|error| Error::BadRequest(error.to_string()))?,
        None => work.new_key()?.verkey(),
    };
    let keys = if asked.recipient_keys.is_empty() { vec![key.to_string()] } else { asked.recipient_keys };
    let mut connection = Connection::new(work, Role::Invitee, NAME);
    connection.invitation_key = Some(key.to_string());
    connection.accept = accept(asked.auto_accept, work.settings().auto_accept_requests);
    connection.alias = asked.alias;
    if asked.multi_use {
        connection.invitation_mode = InvitationMode::Multi;
    }
    let mut message = work.message(PROTOCOL, VERSION, "invitation");
    let label = asked.my_label.or_else(|| work.settings().label.clone());
    let endpoint = asked.service_endpoint.or_else(|| work.settings().endpoints.first().cloned());
    message.body.insert("label".to_owned(), label.unwrap_or_default().into());
    message.body.insert("recipientKeys".to_owned(), keys.into());
    message.body.insert("serviceEndpoint".to_owned(), endpoint.map_or(Value::Null, Value::from));
    if !asked.routing_keys.is_empty() {
        message.body.insert("routingKeys".to_owned(), asked.routing_keys.into());
    }
    if let Some(image) = work.settings().image_url.clone() {
        message.body.insert("imageUrl".to_owned(), image.into());
    }
    let invitation = Value::Object(message.to_object());
    connection.save(work);
    connection.attach_invitation(work, &invitation);
    for (key, value) in &asked.metadata {
        connection.set_metadata(work, key, value).await?;
    }
    Ok((connection, invitation))
}

/// Takes an invitation, and answers it if that is wanted at once.
///
/// # Errors
/// [`Error::BadRequest`] if it names no key or no endpoint.
pub async fn receive_invitation(
    work: &mut Work,
    invitation: &Value,
    alias: Option<String>,
    auto_accept: Option<bool>,
) -> Result<Connection> {
    let object = invitation.as_object().cloned();
    let message =
        Message::from_object(object.ok_or_else(|| Error::BadRequest("not an invitation".to_owned()))?)?;
    let keys = message.body.get("recipientKeys").and_then(Value::as_array);
    let key = keys.and_then(|keys| keys.first()).and_then(Value::as_str);
    let key = key.ok_or_else(|| Error::BadRequest("Invitation must contain recipient key(s)".to_owned()))?;
    let key = Verkey::from_any_form(key)?;
    if message.body.get("serviceEndpoint").and_then(Value::as_str).is_none() {
        return Err(Error::BadRequest("Invitation must contain an endpoint".to_owned()));
    }
    let mut connection = Connection::new(work, Role::Inviter, NAME);
    connection.invitation_key = Some(key.to_string());
    connection.invitation_msg_id = Some(message.id.clone());
    connection.their_label = message.body.get("label").and_then(Value::as_str).map(str::to_owned);
    connection.accept = accept(auto_accept, work.settings().auto_accept_invites);
    connection.alias = alias;
    connection.save(work);
    connection.attach_invitation(work, invitation);
    if connection.accept == Accept::Auto {
        send_request(work, &mut connection, None, None).await?;
    }
    Ok(connection)
}

/// Answers an invitation that was taken.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::BadRequest`] if it was answered already.
pub async fn accept_invitation(
    work: &mut Work,
    connection_id: &str,
    my_label: Option<String>,
    my_endpoint: Option<String>,
) -> Result<Connection> {
    let mut connection = Connection::get(work, connection_id).await?;
    if connection.state != State::Invitation || connection.their_role != Some(Role::Inviter) {
        return Err(Error::BadRequest("Connection is not in the invitation state".to_owned()));
    }
    send_request(work, &mut connection, my_label, my_endpoint).await?;
    Ok(connection)
}

/// Answers a request that came.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::BadRequest`] if there is no request to be answered.
pub async fn accept_request(
    work: &mut Work,
    connection_id: &str,
    my_endpoint: Option<String>,
) -> Result<Connection> {
    let mut connection = Connection::get(work, connection_id).await?;
    send_response(work, &mut connection, my_endpoint).await?;
    Ok(connection)
}

pub(crate) async fn handle(work: &mut Work, received: &Received) -> Result<()> {
    match received.message.kind.name.as_str() {
        "request" => receive_request(work, received).await,
        "response" => receive_response(work, received).await,
        "problem_report" => receive_problem(work, received).await,
        _ => Ok(()),
    }
}

async fn send_request(
    work: &mut Work,
    connection: &mut Connection,
    my_label: Option<String>,
    my_endpoint: Option<String>,
) -> Result<()> {
    let did = own_did(work, connection).await?;
    let mut message = work.message(PROTOCOL, VERSION, "request");
    let document = peer::own_document(work, &did, my_endpoint.as_deref())?;
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

async fn receive_request(work: &mut Work, received: &Received) -> Result<()> {
    let (Some(key), message) = (&received.recipient, &received.message) else { return Ok(()) };
    let (their_did, document) = match detail(message.body.get("connection")) {
        Ok(detail) => detail,
        Err(error) => {
            tracing::info!(%error, "a request that cannot be read");
            return Ok(());
        }
    };
    let key_name = key.to_string();
    let query = Query::tagged(crate::connection::CATEGORY, "invitation_key", &key_name);
    let invited = Connection::find(work, &query).await?;
    let is_open = |connection: &&Connection| {
        connection.their_role == Some(Role::Invitee)
            && (connection.invitation_mode == InvitationMode::Multi || connection.state == State::Invitation)
            && connection.their_did.is_none()
    };
    let Some(invited) = invited.iter().find(is_open).cloned() else {
        tracing::info!(key = key_name, "a request for an invitation that is not open");
        return problem(work, message, &document, Some(*key), REQUEST_NOT_ACCEPTED, "No open invitation")
            .await;
    };
    let mut connection = if invited.invitation_mode == InvitationMode::Multi {
        let mut connection = Connection::new(work, Role::Invitee, NAME);
        connection.invitation_key = Some(key_name);
        connection.accept = invited.accept;
        for (key, value) in invited.all_metadata(work).await? {
            connection.set_metadata(work, &key, &value).await?;
        }
        connection
    } else {
        invited
    };
    peer::store_document(work, &their_did, &document).await?;
    connection.their_label = message.body.get("label").and_then(Value::as_str).map(str::to_owned);
    connection.their_did = Some(their_did);
    connection.state = State::Request;
    connection.save(work);
    connection.attach_request(work, &Value::Object(message.to_object()));
    if connection.accept == Accept::Auto {
        send_response(work, &mut connection, None).await?;
    }
    Ok(())
}

async fn send_response(
    work: &mut Work,
    connection: &mut Connection,
    my_endpoint: Option<String>,
) -> Result<()> {
    if !matches!(connection.state, State::Request | State::Response)
        || connection.their_role != Some(Role::Invitee)
    {
        return Err(Error::BadRequest("Connection is not in the request or response state".to_owned()));
    }
    let request = connection.request(work).await?;
    let request = Message::from_object(request.as_object().cloned().unwrap_or_default())?;
    let did = own_did(work, connection).await?;
    let document = peer::own_document(work, &did, my_endpoint.as_deref())?;
    let key = connection.invitation_key.as_deref().unwrap_or_default().parse::<Verkey>()?;
    let keypair = work.agent().keypair(&key).await?;
    let keypair =
        keypair.ok_or_else(|| Error::Internal(format!("the wallet does not hold the key {key}")))?;
    let now = u64::try_from(work.now().as_second()).unwrap_or_default();
    let mut message = work.reply(&request, "response");
    let detail = json!({"DID": did.did, "DIDDoc": document});
    let signed = SignatureDecorator::sign(&detail, &keypair, now, message.kind.prefix);
    let signed = serde_json::to_value(signed).map_err(|error| Error::Internal(error.to_string()))?;
    message.body.insert("connection~sig".to_owned(), signed);
    connection.state = State::Response;
    connection.save(work);
    let target = peer::target(work, connection).await?;
    work.send(&connection.id, &target, &message).await
}

async fn receive_response(work: &mut Work, received: &Received) -> Result<()> {
    let message = &received.message;
    let by_thread = Connection::by_tag(work, "request_id", message.thread_id(), Some(Role::Inviter)).await?;
    let Some(mut connection) = by_thread.or_else(|| received.connection.clone()) else {
        tracing::info!(thread = message.thread_id(), "a response to no request of ours");
        return Ok(());
    };
    if !matches!(connection.state, State::Request | State::Response) {
        tracing::info!(connection = connection.id, "a response to a connection that stands");
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
    let was_request = connection.state == State::Request;
    peer::store_document(work, &their_did, &document).await?;
    connection.their_did = Some(their_did);
    connection.state = State::Response;
    connection.save(work);
    if was_request && work.settings().auto_ping_connection {
        trust_ping::ping(work, &connection, Some("ping")).await?;
        connection.state = State::Active;
        connection.save(work);
    }
    Ok(())
}

async fn receive_problem(work: &mut Work, received: &Received) -> Result<()> {
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
        Document::from_value(document).map_err(Error::from).and_then(|read| peer::of_document(&read));
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

fn accept(asked: Option<bool>, configured: bool) -> Accept {
    if asked.unwrap_or(configured) { Accept::Auto } else { Accept::Manual }
}

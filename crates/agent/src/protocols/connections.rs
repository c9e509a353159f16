//! `connections/1.0` (RFC 0160): invitation, request, response; and what the first message afterwards shows.

mod exchange;

use serde_json::Value;
use trustkeep_didcomm::{Message, Verkey, Version};

use super::accept;
use crate::route::{Route, Wanted};
use crate::{Accept, Connection, Error, InvitationMode, LocalDid, Received, Result, Role, State, Work, peer};

const PROTOCOL: &str = "connections";
pub(crate) const NAME: &str = "connections/1.0";
const VERSION: Version = Version::new(1, 0);

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
    /// The mediator to go through.
    pub mediation_id: Option<String>,
    /// What is noted of every connection that comes of it.
    pub metadata: serde_json::Map<String, Value>,
}

/// Makes an invitation, and the connection that waits for its request.
///
/// # Errors
/// [`Error::BadRequest`] for a key that is none, or without an endpoint.
pub async fn create_invitation(work: &mut Work, asked: NewInvitation) -> Result<(Connection, Value)> {
    let wanted = Wanted {
        endpoint: asked.service_endpoint.as_deref(),
        mediation_id: asked.mediation_id.as_deref(),
        or_default: true,
    };
    let route = Route::find(work, wanted).await?;
    let key = match asked.recipient_keys.first() {
        Some(key) => Verkey::from_any_form(key).map_err(|error| Error::BadRequest(error.to_string()))?,
        None => work.new_key()?.verkey(),
    };
    if work.agent().keypair(&key).await?.is_none() && !asked.recipient_keys.is_empty() {
        return Err(Error::BadRequest(format!("the wallet does not hold the key {key}")));
    }
    let keys = if asked.recipient_keys.is_empty() { vec![key.to_string()] } else { asked.recipient_keys };
    let mut connection = Connection::new(work, Role::Invitee, NAME);
    connection.invitation_key = Some(key.to_string());
    connection.accept = accept(asked.auto_accept, work.settings().auto_accept_requests);
    connection.alias = asked.alias;
    if asked.multi_use {
        connection.invitation_mode = InvitationMode::Multi;
    }
    let mut message = blank(work, asked.my_label);
    message.body.insert("recipientKeys".to_owned(), keys.into());
    let endpoint = route.endpoints.first().map(String::as_str);
    message.body.insert("serviceEndpoint".to_owned(), endpoint.map_or(Value::Null, Value::from));
    let mut routing_keys = asked.routing_keys;
    routing_keys.extend(route.routing_keys.iter().map(ToString::to_string));
    if !routing_keys.is_empty() {
        message.body.insert("routingKeys".to_owned(), routing_keys.into());
    }
    let invitation = Value::Object(message.to_object());
    connection.save(work);
    connection.attach_invitation(work, &invitation);
    for (key, value) in &asked.metadata {
        connection.set_metadata(work, key, value).await?;
    }
    route.note(work, &connection).await?;
    route.announce(work, &key, None).await?;
    Ok((connection, invitation))
}

/// Makes an invitation by our public DID. There is no connection yet: anyone may ask for one.
///
/// # Errors
/// [`Error::BadRequest`] if such are not allowed, there is no public DID, or what is asked for needs a connection.
pub async fn create_public_invitation(work: &mut Work, asked: NewInvitation) -> Result<Value> {
    let did = LocalDid::public(work).await?;
    let refused = [
        (!work.settings().public_invites, "Public invitations are not enabled"),
        (did.is_none(), "Cannot create public invitation with no public DID"),
        (asked.multi_use, "Cannot use public and multi_use at the same time"),
        (!asked.metadata.is_empty(), "Cannot use public and set metadata at the same time"),
    ];
    if let Some((_, words)) = refused.iter().find(|(holds, _)| *holds) {
        return Err(Error::BadRequest((*words).to_owned()));
    }
    let did = did.map(|did| did.did).unwrap_or_default();
    let did = if did.starts_with("did:") { did } else { format!("did:sov:{did}") };
    let mut message = blank(work, asked.my_label);
    message.body.insert("did".to_owned(), did.into());
    Ok(Value::Object(message.to_object()))
}

/// An invitation that says who invites and not yet how to answer.
fn blank(work: &Work, my_label: Option<String>) -> Message {
    let mut message = work.message(PROTOCOL, VERSION, "invitation");
    let label = my_label.or_else(|| work.settings().label.clone());
    message.body.insert("label".to_owned(), label.unwrap_or_default().into());
    if let Some(image) = work.settings().image_url.clone() {
        message.body.insert("imageUrl".to_owned(), image.into());
    }
    message
}

/// What the controller says when it hands in an invitation.
#[derive(Clone, Debug, Default)]
pub struct InvitationOptions {
    /// What it calls the connection.
    pub alias: Option<String>,
    /// Whether it is answered at once; the agent's setting if it does not say.
    pub auto_accept: Option<bool>,
    /// The mediator to go through.
    pub mediation_id: Option<String>,
    /// The DID that invites, if it was a DID.
    pub their_public_did: Option<String>,
}

/// Takes an invitation, and answers it if that is wanted at once.
///
/// # Errors
/// [`Error::BadRequest`] if it names no key or no endpoint.
pub async fn receive_invitation(
    work: &mut Work,
    invitation: &Value,
    said: InvitationOptions,
) -> Result<Connection> {
    let object = invitation.as_object().cloned();
    let message =
        Message::from_object(object.ok_or_else(|| Error::BadRequest("not an invitation".to_owned()))?)?;
    let did = message.body.get("did").and_then(Value::as_str).map(str::to_owned);
    if let Some(did) = &did {
        peer::learn(work, did).await?;
    } else {
        check_invitation(&message)?;
    }
    let target = peer::of_invitation(work, invitation).await?;
    let key = target.recipient_keys.first().ok_or_else(no_key)?;
    let mut connection = Connection::new(work, Role::Inviter, NAME);
    connection.invitation_key = Some(key.to_string());
    connection.invitation_msg_id = Some(message.id.clone());
    connection.their_label = message.body.get("label").and_then(Value::as_str).map(str::to_owned);
    connection.their_public_did = said.their_public_did.or(did);
    connection.accept = accept(said.auto_accept, work.settings().auto_accept_invites);
    connection.alias = said.alias;
    connection.save(work);
    connection.attach_invitation(work, invitation);
    let wanted = Wanted { mediation_id: said.mediation_id.as_deref(), or_default: true, endpoint: None };
    if connection.accept == Accept::Auto {
        exchange::request(work, &mut connection, None, wanted).await?;
    } else if wanted.mediation_id.is_some() {
        Route::of(work, &connection, wanted).await?;
    }
    Ok(connection)
}

fn check_invitation(message: &Message) -> Result<()> {
    let keys = message.body.get("recipientKeys").and_then(Value::as_array);
    if keys.is_none_or(Vec::is_empty) {
        return Err(no_key());
    }
    if message.body.get("serviceEndpoint").and_then(Value::as_str).is_none() {
        return Err(Error::BadRequest("Invitation must contain an endpoint".to_owned()));
    }
    Ok(())
}

fn no_key() -> Error {
    Error::BadRequest("Invitation must contain recipient key(s)".to_owned())
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
    mediation_id: Option<String>,
) -> Result<Connection> {
    let mut connection = Connection::get(work, connection_id).await?;
    if connection.state != State::Invitation || connection.their_role != Some(Role::Inviter) {
        return Err(Error::BadRequest("Connection is not in the invitation state".to_owned()));
    }
    let wanted =
        Wanted { endpoint: my_endpoint.as_deref(), mediation_id: mediation_id.as_deref(), or_default: true };
    exchange::request(work, &mut connection, my_label, wanted).await?;
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
    let wanted = Wanted { endpoint: my_endpoint.as_deref(), ..Wanted::default() };
    exchange::accept_request(work, &mut connection, wanted).await?;
    Ok(connection)
}

pub(crate) async fn handle(work: &mut Work, received: &Received) -> Result<()> {
    match received.message.kind.name.as_str() {
        "request" => exchange::receive_request(work, received).await,
        "response" => exchange::receive_response(work, received).await,
        "problem_report" | "problem-report" => exchange::receive_problem(work, received).await,
        _ => super::problem_report::unknown(work, received).await,
    }
}

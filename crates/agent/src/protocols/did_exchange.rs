//! `didexchange/1.0` and `1.1` (RFC 0023): request, response, complete.
//!
//! 1.0 is spoken with bare DIDs and their documents, signed and attached; 1.1 with DIDs that hold their document. The
//! inviter's new DID or document is signed by the key of the invitation, which alone the invitee knows of it.

mod invitee;
mod inviter;
mod own;
mod problem;

use serde_json::Value;
use trustkeep_didcomm::{Message, Verkey, Version};

pub(crate) use invitee::{Taken, receive_invitation};
pub(crate) use inviter::is_spent;

use self::own::Method;
use crate::protocols::mediation::Mediation;
use crate::route::Wanted;
use crate::{Connection, Error, LocalDid, Received, Result, Role, State, Stored as _, Work, peer};

pub(super) const PROTOCOL: &str = "didexchange";
/// The newest that is spoken here.
pub(super) const VERSION: Version = Version::new(1, 1);
const NAME_1_0: &str = "didexchange/1.0";
const NAME_1_1: &str = "didexchange/1.1";

/// What the controller says when it asks for a connection by a DID that others made known.
#[derive(Clone, Debug, Default)]
pub struct NewRequest {
    /// Whom it is for.
    pub their_public_did: String,
    /// What it calls the connection.
    pub alias: Option<String>,
    /// Our name in it, if another than the agent's.
    pub my_label: Option<String>,
    /// Where we are reached, if elsewhere than by default.
    pub my_endpoint: Option<String>,
    /// The mediator to go through.
    pub mediation_id: Option<String>,
    /// Whether our public DID is used.
    pub use_public_did: bool,
    /// `didexchange/1.0`, the default, or `didexchange/1.1`.
    pub protocol: Option<String>,
    /// What it is for, in words.
    pub goal: Option<String>,
    /// What it is for, as a code.
    pub goal_code: Option<String>,
    /// What is noted of the connection: whether its next steps are taken at once.
    pub auto_accept: Option<bool>,
    /// The DID of ours that is used.
    pub use_did: Option<String>,
    /// The method of a new DID: `did:peer:2` or `did:peer:4`.
    pub use_did_method: Option<String>,
}

/// What the controller says when it answers an invitation.
#[derive(Clone, Debug, Default)]
pub struct InvitationAnswer {
    /// Our name, if another than the agent's.
    pub my_label: Option<String>,
    /// Where we are reached, if elsewhere than by default.
    pub my_endpoint: Option<String>,
    /// The mediator to go through.
    pub mediation_id: Option<String>,
    /// The DID of ours that is used.
    pub use_did: Option<String>,
    /// The method of a new DID: `did:peer:2` or `did:peer:4`.
    pub use_did_method: Option<String>,
}

/// What the controller says when it answers a request.
#[derive(Clone, Debug, Default)]
pub struct RequestAnswer {
    /// Where we are reached, if elsewhere than by default.
    pub my_endpoint: Option<String>,
    /// The mediator to go through.
    pub mediation_id: Option<String>,
    /// Whether our public DID is used.
    pub use_public_did: bool,
}

/// Asks for a connection by a DID that others made known, without an invitation.
///
/// # Errors
/// [`Error::BadRequest`] if what is asked for contradicts itself, there is such a connection, or there is no way to them;
/// [`Error::NotFound`] for a DID or a mediator that is not known.
pub async fn create_request(work: &mut Work, asked: NewRequest) -> Result<Connection> {
    let conflicts = [
        (asked.use_did.is_some() && asked.use_did_method.is_some(), "use_did and use_did_method"),
        (asked.use_public_did && asked.use_did.is_some(), "use_public_did and use_did"),
        (asked.use_public_did && asked.use_did_method.is_some(), "use_public_did and use_did_method"),
    ];
    if let Some((_, which)) = conflicts.iter().find(|(holds, _)| *holds) {
        return Err(Error::BadRequest(format!("Cannot specify both {which}")));
    }
    let method = method(asked.use_did_method.as_deref())?;
    let protocol = protocol(asked.protocol.as_deref())?;
    let their_did = peer::short_form(&asked.their_public_did).to_owned();
    let mine = match (asked.use_public_did, &asked.use_did) {
        (true, _) => Some(public_did(work).await?),
        (false, Some(did)) => Some(named_did(work, did).await?),
        (false, None) => None,
    };
    if let Some(mine) = &mine {
        if asked.use_public_did && peer::bare(&mine.did) == peer::bare(&their_did) {
            return Err(Error::BadRequest("Cannot connect to yourself through public DID".to_owned()));
        }
        let query = trustkeep_wallet::Query::tagged(crate::connection::CATEGORY, "their_did", &their_did);
        let known = Connection::find(work, &query).await?;
        if known.iter().any(|known| known.my_did.as_deref() == Some(&mine.did)) {
            let my_did = &mine.did;
            return Err(Error::BadRequest(format!(
                "Connection already exists for their_did {their_did} and my_did {my_did}"
            )));
        }
    }
    if let Some(id) = &asked.mediation_id {
        Mediation::get(work, id).await?;
    }
    let document = peer::learn(work, &asked.their_public_did).await?;
    let target = peer::of_public_document(&document)?;
    let mut connection = Connection::new(work, Role::Inviter, protocol);
    connection.my_did = mine.map(|mine| mine.did);
    connection.their_did = Some(their_did.clone());
    connection.their_public_did = Some(their_did);
    connection.invitation_key = target.recipient_keys.first().map(ToString::to_string);
    connection.alias = asked.alias;
    connection.accept = super::accept(asked.auto_accept, work.settings().auto_accept_requests);
    let parent = document.didcomm_services().first().map(|service| absolute(&document.id, &service.id));
    let wanted = Wanted {
        endpoint: asked.my_endpoint.as_deref(),
        mediation_id: asked.mediation_id.as_deref(),
        or_default: true,
    };
    let mut request = invitee::request(work, &mut connection, asked.my_label, method, wanted).await?;
    for (name, value) in [("goal", asked.goal), ("goal_code", asked.goal_code)] {
        request.body.extend(value.map(|value| (name.to_owned(), value.into())));
    }
    if let Some(thread) = &mut request.thread {
        thread.pthid = parent;
    }
    invitee::send(work, &mut connection, &request).await?;
    Ok(connection)
}

/// Answers an invitation that was taken.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::BadRequest`] if it was answered already, or what is asked for contradicts itself.
pub async fn accept_invitation(
    work: &mut Work,
    connection_id: &str,
    answer: InvitationAnswer,
) -> Result<Connection> {
    let mut connection = Connection::get(work, connection_id).await?;
    if connection.state != State::Invitation || connection.their_role != Some(Role::Inviter) {
        return Err(Error::BadRequest("Connection is not in the invitation state".to_owned()));
    }
    if answer.use_did.is_some() && answer.use_did_method.is_some() {
        let words = "use_did and use_did_method are mutually exclusive";
        return Err(Error::BadRequest(words.to_owned()));
    }
    let method = method(answer.use_did_method.as_deref())?;
    if let Some(did) = &answer.use_did {
        connection.my_did = Some(named_did(work, did).await?.did);
    }
    let wanted = Wanted {
        endpoint: answer.my_endpoint.as_deref(),
        mediation_id: answer.mediation_id.as_deref(),
        or_default: true,
    };
    let request = invitee::request(work, &mut connection, answer.my_label, method, wanted).await?;
    invitee::send(work, &mut connection, &request).await?;
    Ok(connection)
}

/// Answers a request that came.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::BadRequest`] if there is no request to be answered.
pub async fn accept_request(
    work: &mut Work,
    connection_id: &str,
    answer: RequestAnswer,
) -> Result<Connection> {
    let mut connection = Connection::get(work, connection_id).await?;
    if answer.use_public_did {
        let mine = public_did(work).await.map_err(|_| no_public_did())?;
        connection.my_did = Some(mine.did);
    }
    let wanted = Wanted {
        endpoint: answer.my_endpoint.as_deref(),
        mediation_id: answer.mediation_id.as_deref(),
        or_default: false,
    };
    inviter::respond(work, &mut connection, wanted).await?;
    Ok(connection)
}

/// Takes a request that came by another way than a transport, as ACA-Py lets its controller hand it in: for an invitation of
/// ours, or for a DID of ours that others can look up, it is answered as if it had come to us.
///
/// # Errors
/// [`Error::BadRequest`] if it is no request, or for no open invitation; [`Error::NotFound`] for a DID that is not ours.
pub async fn receive_request(
    work: &mut Work,
    request: &Value,
    alias: Option<String>,
    auto_accept: Option<bool>,
) -> Result<Connection> {
    let object = request.as_object().cloned();
    let message = Message::from_object(object.ok_or_else(|| Error::BadRequest("not a request".to_owned()))?)?;
    if !message.kind.is(PROTOCOL, VERSION.major, "request") {
        return Err(Error::BadRequest("not a request of didexchange".to_owned()));
    }
    let parent = message.parent_thread_id().unwrap_or_default().to_owned();
    let invited = Connection::by_tag(work, "invitation_msg_id", &parent, Some(Role::Invitee)).await?;
    let key = match invited.and_then(|invited| invited.invitation_key) {
        Some(key) => key.parse()?,
        None => key_of_posted(work, &parent).await?,
    };
    let sender = inviter::signer(&message);
    let received = Received { message, sender, recipient: Some(key), connection: None };
    let mut connection = inviter::take_request(work, &received, auto_accept).await?;
    if alias.is_some() {
        connection.alias = alias;
        connection.save(work);
    }
    Ok(connection)
}

/// The key of a DID of ours that others can look up.
async fn key_of_posted(work: &mut Work, did: &str) -> Result<Verkey> {
    if !work.settings().public_invites {
        let words = "Public invitations are not enabled: connection request refused";
        return Err(Error::BadRequest(words.to_owned()));
    }
    let did = did.split('#').next().unwrap_or_default();
    let mine = LocalDid::get(work, peer::bare(did)).await?;
    if mine.is_posted() {
        mine.verkey()
    } else {
        Err(Error::BadRequest(format!("Request DID {did} is not public")))
    }
}

/// Ends an exchange before it stands, and tells the other agent why.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::BadRequest`] in any other state.
pub async fn reject(work: &mut Work, connection_id: &str, reason: Option<String>) -> Result<Connection> {
    let mut connection = Connection::get(work, connection_id).await?;
    problem::reject(work, &mut connection, reason).await?;
    Ok(connection)
}

pub(super) async fn handle(work: &mut Work, received: &Received) -> Result<()> {
    match received.message.kind.name.as_str() {
        "request" => inviter::receive_request(work, received).await,
        "response" => invitee::receive_response(work, received).await,
        "complete" => inviter::receive_complete(work, received).await,
        "problem_report" | "problem-report" => problem::receive(work, received).await,
        _ => super::problem_report::unknown(work, received).await,
    }
}

/// The version that a connection is made by.
fn version(connection: &Connection) -> Version {
    match connection.connection_protocol.as_deref() {
        Some(NAME_1_1) => VERSION,
        _ => Version::new(1, 0),
    }
}

/// The name of the protocol in the highest version that both speak.
fn name_of(theirs: Version) -> &'static str {
    if VERSION.agreed(theirs) == Some(VERSION) { NAME_1_1 } else { NAME_1_0 }
}

fn protocol(name: Option<&str>) -> Result<&'static str> {
    match name {
        None | Some(NAME_1_0) => Ok(NAME_1_0),
        Some(NAME_1_1) => Ok(NAME_1_1),
        Some(other) => Err(Error::BadRequest(format!("Unexpected protocol: {other}"))),
    }
}

fn method(name: Option<&str>) -> Result<Method> {
    match name {
        None | Some("did:peer:4") => Ok(Method::PeerFour),
        Some("did:peer:2") => Ok(Method::PeerTwo),
        Some(other) => Err(Error::BadRequest(format!(
            "Unsupported use_did_method: {other}. Supported methods: ['did:peer:2', 'did:peer:4']"
        ))),
    }
}

/// A DID of ours that the controller chooses: one that is not there is wrong with what it asks.
async fn named_did(work: &mut Work, did: &str) -> Result<LocalDid> {
    LocalDid::get(work, did).await.map_err(|error| match error {
        Error::NotFound(words) => Error::BadRequest(words),
        error => error,
    })
}

async fn public_did(work: &mut Work) -> Result<LocalDid> {
    LocalDid::public(work).await?.ok_or_else(no_public_did)
}

fn no_public_did() -> Error {
    Error::BadRequest("No public DID configured".to_owned())
}

/// The name of a service with the DID that it belongs to.
fn absolute(did: &str, id: &str) -> String {
    if id.starts_with('#') { format!("{did}{id}") } else { id.to_owned() }
}

//! Invitations of ours.

use serde_json::{Map, Value, json};
use trustkeep_didcomm::{Attachment, Message, Verkey, Version};
use trustkeep_wallet::Query;

use super::{Handshake, OobRecord, OobRole, OobState, PROTOCOL, VERSION};
use crate::protocols::accept;
use crate::route::{Route, Wanted};
use crate::{
    Connection, Error, InvitationMode, LocalDid, Result, Role, Stored, Work, invitation_url, peer, resolve,
};

/// What marks a DID of ours that invitations share: ACA-Py's note.
const SHARED: &str = "invitation_reuse";

/// What the controller asks of an invitation.
#[derive(Clone, Debug, Default)]
pub struct NewInvitation {
    /// Our name in it, if another than the agent's.
    pub my_label: Option<String>,
    /// Where we are reached, if elsewhere than by default.
    pub my_endpoint: Option<String>,
    /// Whether requests are answered at once; the agent's setting if it does not say.
    pub auto_accept: Option<bool>,
    /// Whether our public DID invites.
    pub use_public_did: bool,
    /// The DID of ours that invites.
    pub use_did: Option<String>,
    /// The method of a DID that invites: `did:peer:2` or `did:peer:4`.
    pub use_did_method: Option<String>,
    /// Whether no other invitation shares that DID.
    pub create_unique_did: bool,
    /// The protocols by which it may be answered, by any of their names, the preferred first.
    pub handshake_protocols: Vec<String>,
    /// Whether anyone who has it may use it.
    pub multi_use: bool,
    /// What it calls the connection.
    pub alias: Option<String>,
    /// The exchanges whose message is attached, by the kind and id of their records.
    pub attachments: Vec<(AttachedKind, String)>,
    /// Messages that are attached.
    pub messages: Vec<Message>,
    /// What is noted of every connection that comes of it.
    pub metadata: Map<String, Value>,
    /// The mediator to go through.
    pub mediation_id: Option<String>,
    /// The media types that are taken in answer, the preferred first.
    pub accept: Vec<String>,
    /// `1.0` or `1.1`, the default.
    pub protocol_version: Option<String>,
    /// What it is for, as a code.
    pub goal_code: Option<String>,
    /// What it is for, in words.
    pub goal: Option<String>,
}

/// What may be attached by naming its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachedKind {
    /// `credential-offer`.
    CredentialOffer,
    /// `present-proof`.
    PresentProof,
}

impl AttachedKind {
    /// The categories of their records: of the protocols' versions 2.0 and 1.0.
    const fn categories(self) -> [&'static str; 2] {
        match self {
            Self::CredentialOffer => ["cred_ex_v20", "credential_exchange_v10"],
            Self::PresentProof => ["pres_ex_v20", "presentation_exchange_v10"],
        }
    }

    /// The members of those records that hold the message.
    const fn members(self) -> [&'static str; 2] {
        match self {
            Self::CredentialOffer => ["cred_offer", "credential_offer_dict"],
            Self::PresentProof => ["pres_request", "presentation_request_dict"],
        }
    }
}

/// An invitation that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Created {
    /// What is kept of it.
    pub record: OobRecord,
    /// The link to it.
    pub url: String,
}

impl Created {
    /// As the admin API answers: ACA-Py's `InvitationRecord`.
    pub fn to_view(&self) -> Value {
        json!({
            "state": "initial",
            "trace": false,
            "invi_msg_id": self.record.invi_msg_id,
            "oob_id": self.record.id,
            "invitation": self.record.invitation,
            "invitation_url": self.url,
        })
    }
}

/// Who invites.
struct Inviter {
    key: Verkey,
    /// The only member of `services`.
    service: Value,
    endpoint: String,
    routing_keys: Vec<Verkey>,
}

/// Makes an invitation and, if it may be answered by a handshake, the connection that waits for it.
///
/// # Errors
/// [`Error::BadRequest`] if what is asked for contradicts itself or is not there; [`Error::NotFound`].
pub async fn create_invitation(work: &mut Work, asked: NewInvitation) -> Result<Created> {
    let handshakes = check(work, &asked)?;
    let wanted = Wanted {
        endpoint: asked.my_endpoint.as_deref(),
        mediation_id: asked.mediation_id.as_deref(),
        or_default: true,
    };
    let route = Route::find(work, wanted).await?;
    let inviter = inviter(work, &asked, &route).await?;
    let mut message = work.message(PROTOCOL, version(&asked)?, "invitation");
    let attached = attachments(work, &asked, &message.id).await?;
    fill(work, &mut message, &asked, &handshakes, &inviter.service);
    if !attached.is_empty() {
        message.body.insert("requests~attach".to_owned(), attached.into());
    }
    let invitation = Value::Object(message.to_object());
    let mut record =
        OobRecord::new(work, OobRole::Sender, OobState::AwaitResponse, &message.id, invitation.clone());
    record.multi_use = asked.multi_use;
    record.our_recipient_key = Some(inviter.key.to_string());
    if handshakes.is_empty() {
        record.our_service = Some(json!({
            "recipientKeys": [inviter.key],
            "routingKeys": inviter.routing_keys,
            "serviceEndpoint": inviter.endpoint,
        }));
    } else {
        let connection = connection(work, &asked, &handshakes, &inviter.key, &invitation).await?;
        route.note(work, &connection).await?;
        record.connection_id = Some(connection.id);
    }
    route.announce(work, &inviter.key, None).await?;
    record.save(work);
    let url = invitation_url::to_url(&inviter.endpoint, "oob", &invitation);
    Ok(Created { record, url })
}

/// ACA-Py's checks, in its order and words.
fn check(work: &Work, asked: &NewInvitation) -> Result<Vec<Handshake>> {
    let names = asked.handshake_protocols.iter();
    let handshakes: Vec<Handshake> = names.filter_map(|name| Handshake::named(name)).collect();
    let has_attached = !asked.attachments.is_empty() || !asked.messages.is_empty();
    let (use_did, use_did_method) = (asked.use_did.is_some(), asked.use_did_method.is_some());
    let refused = [
        (
            handshakes.is_empty() && !has_attached,
            "Invitation must include handshake protocols, request attachments, or both",
        ),
        (
            handshakes.is_empty() && !asked.metadata.is_empty(),
            "Cannot store metadata without handshake protocols",
        ),
        (has_attached && asked.multi_use, "Cannot create multi use invitation with attachments"),
        (asked.use_public_did && use_did, "use_did and public are mutually exclusive"),
        (asked.use_public_did && use_did_method, "use_did_method and public are mutually exclusive"),
        (use_did && use_did_method, "use_did and use_did_method are mutually exclusive"),
        (
            asked.create_unique_did && !use_did_method,
            "create_unique_did can only be used with use_did_method",
        ),
        (asked.use_public_did && !work.settings().public_invites, "Public invitations are not enabled"),
    ];
    match refused.iter().find(|(holds, _)| *holds) {
        Some((_, words)) => Err(Error::BadRequest((*words).to_owned())),
        None => Ok(handshakes),
    }
}

fn version(asked: &NewInvitation) -> Result<Version> {
    let Some(version) = &asked.protocol_version else { return Ok(VERSION) };
    let theirs: Version = version.parse()?;
    VERSION.agreed(theirs).ok_or_else(|| Error::BadRequest(format!("out-of-band/{version} is not supported")))
}

async fn inviter(work: &mut Work, asked: &NewInvitation, route: &Route) -> Result<Inviter> {
    if let Some(did) = inviting_did(work, asked, route).await? {
        let sent = did.sent_form(work).await?;
        let service = if sent.starts_with("did:") { sent } else { format!("did:sov:{sent}") };
        // A DID on a ledger leads to our endpoint, though it cannot be looked up here.
        let document = resolve(work, &service).await.ok();
        let target = document
            .and_then(|document| trustkeep_didcomm::Document::from_value(&document).ok())
            .and_then(|document| peer::of_public_document(&document).ok());
        let endpoint = target.as_ref().map(|target| target.endpoint.clone());
        return Ok(Inviter {
            key: did.verkey()?,
            service: service.into(),
            endpoint: endpoint.map_or_else(|| first_endpoint(route), Ok)?,
            routing_keys: target.map(|target| target.routing_keys).unwrap_or_default(),
        });
    }
    let key = work.new_key()?.verkey();
    let endpoint = first_endpoint(route)?;
    let mut service = Map::new();
    service.insert("id".to_owned(), "#inline".into());
    service.insert("type".to_owned(), "did-communication".into());
    // The short form, without a fragment: ACA-Py 0.7 reads no other.
    service.insert("recipientKeys".to_owned(), json!([key.did_key()]));
    if !route.routing_keys.is_empty() {
        let keys: Vec<String> = route.routing_keys.iter().map(Verkey::did_key).collect();
        service.insert("routingKeys".to_owned(), keys.into());
    }
    service.insert("serviceEndpoint".to_owned(), endpoint.as_str().into());
    Ok(Inviter { key, service: service.into(), endpoint, routing_keys: route.routing_keys.clone() })
}

async fn inviting_did(work: &mut Work, asked: &NewInvitation, route: &Route) -> Result<Option<LocalDid>> {
    if asked.use_public_did {
        let words = "Cannot create public invitation with no public DID";
        let did = LocalDid::public(work).await?;
        return did.map(Some).ok_or_else(|| Error::BadRequest(words.to_owned()));
    }
    if let Some(did) = &asked.use_did {
        let missing = || Error::BadRequest(format!("Cannot find DID for invitation reuse: {did}"));
        return LocalDid::get(work, did).await.map(Some).map_err(|_| missing());
    }
    let Some(method) = asked.use_did_method.as_deref() else { return Ok(None) };
    if !matches!(method, "did:peer:2" | "did:peer:4") {
        return Err(Error::BadRequest(format!("Unsupported use_did_method: {method}")));
    }
    if !asked.create_unique_did {
        let query = Query::tagged(crate::did::CATEGORY, "method", method);
        let known = work.find(&query).await?;
        let known = known.iter().map(LocalDid::read).collect::<Result<Vec<_>>>()?;
        if let Some(shared) = known.into_iter().find(|did| did.metadata.contains_key(SHARED)) {
            return Ok(Some(shared));
        }
    }
    let endpoints = route.endpoints();
    let mut did = match method {
        "did:peer:2" => LocalDid::create_peer_two(work, &endpoints, &route.routing_keys)?,
        _ => LocalDid::create_peer_four(work, &endpoints, &route.routing_keys)?,
    };
    if !asked.create_unique_did {
        did.metadata.insert(SHARED.to_owned(), "true".into());
        did.save(work);
    }
    Ok(Some(did))
}

fn first_endpoint(route: &Route) -> Result<String> {
    let endpoint = route.endpoints.first().cloned();
    endpoint.ok_or_else(|| Error::BadRequest("the agent has no endpoint to be invited to".to_owned()))
}

fn fill(
    work: &Work,
    message: &mut Message,
    asked: &NewInvitation,
    handshakes: &[Handshake],
    service: &Value,
) {
    let label = asked.my_label.clone().or_else(|| work.settings().label.clone());
    message.body.insert("label".to_owned(), label.unwrap_or_default().into());
    let texts = [
        ("goal_code", asked.goal_code.clone()),
        ("goal", asked.goal.clone()),
        ("imageUrl", work.settings().image_url.clone()),
    ];
    for (name, text) in texts {
        message.body.extend(text.map(|text| (name.to_owned(), text.into())));
    }
    if !asked.accept.is_empty() && message.kind.version.minor > 0 {
        message.body.insert("accept".to_owned(), asked.accept.clone().into());
    }
    if !handshakes.is_empty() {
        let prefix = message.kind.prefix.as_str();
        let names = handshakes.iter().map(|handshake| format!("{prefix}{}", handshake.name()));
        message.body.insert("handshake_protocols".to_owned(), names.collect::<Vec<_>>().into());
    }
    message.body.insert("services".to_owned(), json!([service]));
}

/// The connection that waits for an answer.
async fn connection(
    work: &mut Work,
    asked: &NewInvitation,
    handshakes: &[Handshake],
    key: &Verkey,
    invitation: &Value,
) -> Result<Connection> {
    let first = handshakes.first().copied().unwrap_or(Handshake::DidExchange10);
    let mut connection = Connection::new(work, Role::Invitee, first.name());
    if handshakes.len() > 1 {
        // Which it will be shows the request.
        connection.connection_protocol = None;
    }
    connection.invitation_key = Some(key.to_string());
    connection.invitation_msg_id = invitation.get("@id").and_then(Value::as_str).map(str::to_owned);
    connection.accept = accept(asked.auto_accept, work.settings().auto_accept_requests);
    connection.alias.clone_from(&asked.alias);
    if asked.multi_use {
        connection.invitation_mode = InvitationMode::Multi;
    }
    connection.save(work);
    connection.attach_invitation(work, invitation);
    for (key, value) in &asked.metadata {
        connection.set_metadata(work, key, value).await?;
    }
    Ok(connection)
}

async fn attachments(work: &mut Work, asked: &NewInvitation, parent: &str) -> Result<Vec<Value>> {
    let mut messages = asked.messages.clone();
    for (kind, id) in &asked.attachments {
        messages.push(message_of(work, *kind, id).await?);
    }
    let attached = messages.into_iter().enumerate().map(|(index, mut message)| {
        let thread = message.thread.get_or_insert_default();
        thread.thid.get_or_insert_with(|| message.id.clone());
        thread.pthid = Some(parent.to_owned());
        let id = format!("request-{index}");
        Attachment::from_json(Some(id), Value::Object(message.to_object())).to_value()
    });
    Ok(attached.collect())
}

/// The message that an exchange of ours began with.
async fn message_of(work: &mut Work, kind: AttachedKind, id: &str) -> Result<Message> {
    for (category, member) in kind.categories().into_iter().zip(kind.members()) {
        let Some(record) = work.get(category, id).await? else { continue };
        let value: Value =
            serde_json::from_slice(&record.value).map_err(|error| Error::corrupt(category, id, error))?;
        let message = value.get(member).and_then(Value::as_object).cloned();
        let message =
            message.ok_or_else(|| Error::BadRequest(format!("the exchange {id} has no {member} yet")))?;
        return Ok(Message::from_object(message)?);
    }
    let [category, _] = kind.categories();
    Err(Error::no_record(category, id))
}

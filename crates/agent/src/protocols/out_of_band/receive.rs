//! Invitations of others.

use serde_json::{Value, json};
use trustkeep_didcomm::{Message, Verkey};

use super::{Handshake, OobRecord, OobRole, OobState, PROTOCOL, VERSION, attached, reuse};
use crate::connection::CATEGORY;
use crate::protocols::connections;
use crate::protocols::did_exchange::{self, Taken};
use crate::route::{Route, Wanted};
use crate::{Connection, Error, Result, State, Stored, Work, peer};

/// What the controller says when it hands in an invitation.
#[derive(Clone, Debug, Default)]
pub struct ReceivedInvitation {
    /// What it calls the connection.
    pub alias: Option<String>,
    /// Whether it is answered at once; the agent's setting if it does not say.
    pub auto_accept: Option<bool>,
    /// Whether no connection that stands is used again.
    pub always_new: bool,
    /// The mediator to go through.
    pub mediation_id: Option<String>,
}

/// Takes an invitation. With a connection that stands by the same DID, the other agent is asked to use it again: the
/// record then waits ([`OobState::AwaitResponse`]), and a refusal leads to a new one. Otherwise a connection is made. What
/// is attached is handled as soon as messages can be sent over it, or at once if the invitation offers no handshake.
///
/// # Errors
/// [`Error::BadRequest`] if it cannot be answered.
pub async fn receive_invitation(
    work: &mut Work,
    invitation: &Value,
    asked: ReceivedInvitation,
) -> Result<(OobRecord, Option<Connection>)> {
    let message = read(work, invitation)?;
    let service = only_service(&message)?;
    check_inline(&service)?;
    let has_attached = !message.attachments("requests~attach")?.is_empty();
    if handshakes(&message).next().is_none() && !has_attached {
        let words = "Invitation must specify handshake_protocols, requests_attach, or both";
        return Err(Error::BadRequest(words.to_owned()));
    }
    if has_attached {
        attached::first(&message)?;
    }
    let mut record = OobRecord::new(
        work,
        OobRole::Receiver,
        OobState::Initial,
        &message.id,
        Value::Object(message.to_object()),
    );
    let known = match service.as_str() {
        Some(did) if !asked.always_new => standing(work, did).await?,
        _ => None,
    };
    if let Some(connection) = known {
        record.connection_id = Some(connection.id.clone());
        if !has_attached {
            note(&mut record, &asked);
            let record = reuse::ask(work, record, &connection, message.kind.version).await?;
            return Ok((record, Some(connection)));
        }
        let record = attached::wait(work, record, &connection).await?;
        return Ok((record, Some(connection)));
    }
    if handshakes(&message).next().is_some() {
        return begin(work, record, &asked).await;
    }
    attached::answerable(&message)?;
    let record = connectionless(work, record, &service, &asked).await?;
    Ok((record, None))
}

/// Makes a new connection of an invitation.
///
/// # Errors
/// As [`receive_invitation`].
pub(super) async fn begin(
    work: &mut Work,
    mut record: OobRecord,
    asked: &ReceivedInvitation,
) -> Result<(OobRecord, Option<Connection>)> {
    let message = read(work, &record.invitation)?;
    let connection = answer(work, &message, asked).await?;
    record.connection_id = Some(connection.id.clone());
    let record = if record.has_attached() {
        attached::wait(work, record, &connection).await?
    } else {
        record.finish(work, OobState::Done).await?
    };
    Ok((record, Some(connection)))
}

/// Notes what the controller said, for the case that the connection is not used again.
fn note(record: &mut OobRecord, asked: &ReceivedInvitation) {
    let said = json!({
        "alias": asked.alias,
        "auto_accept": asked.auto_accept,
        "mediation_id": asked.mediation_id,
    });
    record.more.insert("asked".to_owned(), said);
}

/// What the controller said.
pub(super) fn noted(record: &OobRecord) -> ReceivedInvitation {
    let asked = record.more.get("asked");
    let text = |name: &str| asked?.get(name)?.as_str().map(str::to_owned);
    ReceivedInvitation {
        alias: text("alias"),
        auto_accept: asked.and_then(|asked| asked.get("auto_accept")).and_then(Value::as_bool),
        always_new: true,
        mediation_id: text("mediation_id"),
    }
}

/// Answers by the first protocol of the invitation that is spoken here.
async fn answer(work: &mut Work, message: &Message, asked: &ReceivedInvitation) -> Result<Connection> {
    let offered: Vec<String> = handshakes(message).map(str::to_owned).collect();
    let Some(handshake) = offered.iter().find_map(|name| Handshake::named(name)) else {
        return Err(Error::BadRequest(format!(
            "Unable to create connection. Could not perform handshake using any of the handshake_protocols (supported {offered:?})"
        )));
    };
    let their_public_did = only_service(message)?.as_str().map(str::to_owned);
    if handshake == Handshake::Connections {
        return by_connections(work, message, their_public_did.as_deref(), asked).await;
    }
    let taken = Taken {
        invitation: message,
        protocol: handshake.name(),
        their_public_did,
        alias: asked.alias.clone(),
        auto_accept: asked.auto_accept,
        mediation_id: asked.mediation_id.as_deref(),
    };
    did_exchange::receive_invitation(work, taken).await
}

/// Answers by `connections/1.0`: with an invitation of that protocol, of the same id.
async fn by_connections(
    work: &mut Work,
    message: &Message,
    their_public_did: Option<&str>,
    asked: &ReceivedInvitation,
) -> Result<Connection> {
    if let Some(did) = their_public_did {
        peer::learn(work, did).await?;
    }
    let target = peer::of_invitation(work, &Value::Object(message.to_object())).await?;
    let prefix = message.kind.prefix.as_str();
    let invitation = json!({
        "@type": format!("{prefix}connections/1.0/invitation"),
        "@id": message.id,
        "label": message.body.get("label"),
        "recipientKeys": target.recipient_keys,
        "serviceEndpoint": target.endpoint,
        "routingKeys": target.routing_keys,
    });
    let said = connections::InvitationOptions {
        alias: asked.alias.clone(),
        auto_accept: asked.auto_accept,
        mediation_id: asked.mediation_id.clone(),
        their_public_did: their_public_did.map(|did| peer::bare(peer::short_form(did)).to_owned()),
    };
    connections::receive_invitation(work, &invitation, said).await
}

/// An invitation without a handshake: what is attached is handled now, and answered from a new key.
async fn connectionless(
    work: &mut Work,
    mut record: OobRecord,
    service: &Value,
    asked: &ReceivedInvitation,
) -> Result<OobRecord> {
    let wanted =
        Wanted { mediation_id: asked.mediation_id.as_deref(), or_default: true, ..Wanted::default() };
    let route = Route::find(work, wanted).await?;
    if let Some(did) = service.as_str() {
        peer::learn(work, did).await?;
    }
    let target = peer::of_invitation(work, &record.invitation).await?;
    let key: Verkey = work.new_key()?.verkey();
    route.announce(work, &key, None).await?;
    record.our_recipient_key = Some(key.to_string());
    record.our_service = Some(json!({
        "recipientKeys": [key],
        "routingKeys": route.routing_keys,
        "serviceEndpoint": route.endpoints.first(),
    }));
    record.their_service = Some(json!({
        "recipientKeys": target.recipient_keys,
        "routingKeys": target.routing_keys,
        "serviceEndpoint": target.endpoint,
    }));
    record.state = OobState::PrepareResponse;
    attached::handle(work, &mut record, None).await?;
    record.save(work);
    Ok(record)
}

/// The connection that stands with whoever invites by this DID.
async fn standing(work: &mut Work, did: &str) -> Result<Option<Connection>> {
    let did = peer::bare(peer::short_form(did));
    // ACA-Py 0.7 has no tag for it, and with this DID alone no connection is found that was made by the pair.
    let query = trustkeep_wallet::Query::tagged(CATEGORY, "their_public_did", did);
    let known = Connection::find(work, &query).await?;
    Ok(known.into_iter().find(|known| known.state == State::Active))
}

/// Reads an invitation, which the controller may hand in without type or id as ACA-Py lets it.
fn read(work: &Work, invitation: &Value) -> Result<Message> {
    let object = invitation.as_object().cloned();
    let mut object = object.ok_or_else(|| Error::BadRequest("not an invitation".to_owned()))?;
    if !object.contains_key("@type") {
        let kind = work.message(PROTOCOL, VERSION, "invitation").kind;
        object.insert("@type".to_owned(), kind.to_string().into());
    }
    object.entry("@id").or_insert_with(|| work.new_id().into());
    let message = Message::from_object(object)?;
    if !message.kind.is(PROTOCOL, VERSION.major, "invitation") {
        return Err(Error::BadRequest(format!("not an invitation out of band: {}", message.kind)));
    }
    Ok(message)
}

fn only_service(message: &Message) -> Result<Value> {
    match message.body.get("services").and_then(Value::as_array).map(Vec::as_slice) {
        Some([service]) => Ok(service.clone()),
        _ => Err(Error::BadRequest("service array must have exactly one element".to_owned())),
    }
}

/// A service that is written out says how its agent is reached.
fn check_inline(service: &Value) -> Result<()> {
    let Some(members) = service.as_object() else { return Ok(()) };
    let has_keys =
        members.get("recipientKeys").and_then(Value::as_array).is_some_and(|keys| !keys.is_empty());
    if has_keys && members.get("serviceEndpoint").is_some_and(Value::is_string) {
        return Ok(());
    }
    let words = "All service blocks in invitation with no service DIDs must contain recipient key(s) and service endpoint(s)";
    Err(Error::BadRequest(words.to_owned()))
}

fn handshakes(message: &Message) -> impl Iterator<Item = &str> {
    let names = message.body.get("handshake_protocols").and_then(Value::as_array);
    names.into_iter().flatten().filter_map(Value::as_str)
}

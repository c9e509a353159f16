//! We take messages for another agent.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use trustkeep_didcomm::{Message, Prefix, Verkey};
use trustkeep_wallet::{Query, Record};

use super::{
    Mediation, MediationRole, MediationState, PROTOCOL, RoutedKey, UPDATES_MAX, VERSION, agreement,
    check_role, count, refuse, reply,
};
use crate::{Connection, LocalDid, Result, Stored, Work};

/// Keys of one client.
const KEYS_MAX: u64 = 10_000;
/// Keys told in one message.
const KEYS_TOLD_MAX: u64 = 1_000;
/// The category and the name of the record that names our routing DID.
const ROUTING_DID: &str = "routing_did";
/// ACA-Py's codes.
const NOT_GRANTED: (&str, &str) =
    ("mediation_not_granted", "Mediation has not been granted for this connection");
const REPEATED: (&str, &str) =
    ("request_already_exists_from_connection", "Mediation request already exists from this connection");

#[derive(Deserialize)]
struct Updates {
    #[serde(default)]
    updates: Vec<Map<String, Value>>,
}

#[derive(Deserialize)]
struct KeyQuery {
    #[serde(default)]
    filter: Option<Map<String, Value>>,
    #[serde(default)]
    paginate: Option<Paginate>,
}

/// A limit below zero is none.
#[derive(Clone, Copy, Default, Deserialize)]
struct Paginate {
    #[serde(default)]
    limit: Option<i64>,
    #[serde(default)]
    offset: Option<i64>,
}

pub(super) async fn receive_request(
    work: &mut Work,
    connection: &Connection,
    message: &Message,
) -> Result<()> {
    if Mediation::of_connection(work, &connection.id).await?.is_some() {
        return refuse(work, connection, message, REPEATED.0, REPEATED.1).await;
    }
    let mut mediation = Mediation::new(work, MediationRole::Server, &connection.id);
    // The key is noted now, in the form that this client reads: only its request shows which that is.
    let key = routing_key(work).await?;
    let is_old = message.kind.prefix == Prefix::Sov || message.body.contains_key("mediator_terms");
    mediation.routing_keys = vec![if is_old { key.to_string() } else { key.did_key() }];
    mediation.save(work);
    if work.settings().open_mediation {
        let granted = work.reply(message, "mediate-grant");
        return agree(work, connection, mediation, granted).await.map(drop);
    }
    Ok(())
}

/// Agrees to take messages for another agent.
///
/// # Errors
/// [`crate::Error::NotFound`]; [`crate::Error::BadRequest`] for an agreement in which we are the client.
pub async fn grant(work: &mut Work, mediation_id: &str) -> Result<Mediation> {
    let mediation = Mediation::get(work, mediation_id).await?;
    check_role(&mediation, MediationRole::Server)?;
    let connection = Connection::get(work, &mediation.connection_id).await?;
    let message = work.message(PROTOCOL, VERSION, "mediate-grant");
    agree(work, &connection, mediation, message).await
}

/// Refuses to take messages for another agent, from now on.
///
/// # Errors
/// [`crate::Error::NotFound`]; [`crate::Error::BadRequest`] for an agreement in which we are the client.
pub async fn deny(
    work: &mut Work,
    mediation_id: &str,
    mediator_terms: Vec<String>,
    recipient_terms: Vec<String>,
) -> Result<Mediation> {
    let mut mediation = Mediation::get(work, mediation_id).await?;
    check_role(&mediation, MediationRole::Server)?;
    let connection = Connection::get(work, &mediation.connection_id).await?;
    mediation.state = MediationState::Denied;
    mediation.save(work);
    let mut message = work.message(PROTOCOL, VERSION, "mediate-deny");
    for (name, terms) in [("mediator_terms", mediator_terms), ("recipient_terms", recipient_terms)] {
        message.body.insert(name.to_owned(), terms.into());
    }
    reply(work, &connection, &message).await?;
    Ok(mediation)
}

async fn agree(
    work: &mut Work,
    connection: &Connection,
    mut mediation: Mediation,
    mut message: Message,
) -> Result<Mediation> {
    if mediation.routing_keys.is_empty() {
        // ACA-Py noted the request.
        mediation.routing_keys = vec![routing_key(work).await?.to_string()];
    }
    mediation.state = MediationState::Granted;
    mediation.endpoint = work.settings().endpoints.first().cloned();
    mediation.save(work);
    message.body.insert("endpoint".to_owned(), json!(mediation.endpoint));
    message.body.insert("routing_keys".to_owned(), json!(mediation.routing_keys));
    reply(work, connection, &message).await?;
    Ok(mediation)
}

pub(super) async fn receive_update(
    work: &mut Work,
    connection: &Connection,
    message: &Message,
) -> Result<()> {
    if granted(work, connection).await?.is_none() {
        return refuse(work, connection, message, NOT_GRANTED.0, NOT_GRANTED.1).await;
    }
    let Updates { updates } = message.body_as()?;
    if updates.len() > UPDATES_MAX {
        let words = format!("updates is too large: at most {UPDATES_MAX}");
        return refuse(work, connection, message, "message-parse-failure", &words).await;
    }
    let mut room = None;
    let mut updated = Vec::with_capacity(updates.len());
    for mut update in updates {
        let result = carry_out(work, connection, &update, &mut room).await?;
        // Key and action as the client wrote them.
        update.retain(|name, _| matches!(name.as_str(), "recipient_key" | "action"));
        update.insert("result".to_owned(), result.into());
        updated.push(Value::Object(update));
    }
    let mut response = work.reply(message, "keylist-update-response");
    response.body.insert("updated".to_owned(), updated.into());
    reply(work, connection, &response).await
}

/// Carries an update out; gives its result in the protocol's words.
async fn carry_out(
    work: &mut Work,
    connection: &Connection,
    update: &Map<String, Value>,
    room: &mut Option<u64>,
) -> Result<&'static str> {
    let member = |name: &str| update.get(name).and_then(Value::as_str);
    let Some(key) = member("recipient_key").and_then(|key| Verkey::from_any_form(key).ok()) else {
        return Ok("client_error");
    };
    let known = RoutedKey::of_key(work, &key).await?;
    let is_theirs = |route: &&RoutedKey| {
        route.role == MediationRole::Server && route.connection_id.as_deref() == Some(&connection.id)
    };
    match member("action") {
        Some("add") if known.iter().any(|route| is_theirs(&route)) => Ok("no_change"),
        Some("add") => add(work, connection, &key, known, room).await,
        Some("remove") => {
            let mut result = "no_change";
            for route in known.iter().filter(is_theirs) {
                route.remove(work).await?;
                result = "success";
            }
            Ok(result)
        }
        _ => Ok("client_error"),
    }
}

async fn add(
    work: &mut Work,
    connection: &Connection,
    key: &Verkey,
    known: Vec<RoutedKey>,
    room: &mut Option<u64>,
) -> Result<&'static str> {
    // Nobody is given messages that are for another: a key leads to whoever named it first, and ours to us.
    if work.agent().keypair(key).await?.is_some() {
        return Ok("client_error");
    }
    for route in known {
        let is_held = match &route.connection_id {
            Some(_) if route.role == MediationRole::Client => true,
            Some(id) => work.get(crate::connection::CATEGORY, id).await?.is_some(),
            None => true,
        };
        if is_held {
            return Ok("client_error");
        }
        route.remove(work).await?;
    }
    let left = match room {
        Some(left) => left,
        None => {
            let held = count(work, MediationRole::Server, &connection.id).await?;
            room.insert(KEYS_MAX.saturating_sub(held))
        }
    };
    if *left == 0 {
        tracing::warn!(connection = connection.id, "a client has as many keys as it may have");
        return Ok("server_error");
    }
    *left -= 1;
    RoutedKey::new(work, MediationRole::Server, &connection.id, key).save(work);
    Ok("success")
}

pub(super) async fn receive_query(work: &mut Work, connection: &Connection, message: &Message) -> Result<()> {
    let Some(mediation) = granted(work, connection).await? else {
        return refuse(work, connection, message, NOT_GRANTED.0, NOT_GRANTED.1).await;
    };
    let query: KeyQuery = message.body_as()?;
    let paginate = query.paginate.unwrap_or_default();
    let offset = paginate.offset.and_then(|offset| u64::try_from(offset).ok()).unwrap_or(0);
    let limit = paginate.limit.and_then(|limit| u64::try_from(limit).ok());
    let limit = limit.map_or(KEYS_TOLD_MAX, |limit| limit.min(KEYS_TOLD_MAX));
    let wanted = query.filter.as_ref().and_then(|filter| filter.get("recipient_key"));
    let (keys, total) = match wanted.and_then(Value::as_array) {
        Some(wanted) => among(work, connection, wanted).await?,
        None => {
            let all = RoutedKey::of_connection(MediationRole::Server, &connection.id);
            let total = work.agent().wallet().count(&all).await?;
            (RoutedKey::find(work, &Query { offset, limit: Some(limit), ..all }).await?, total)
        }
    };
    let keys = keys.iter().map(|route| {
        let key = Verkey::from_any_form(&route.recipient_key);
        json!({"recipient_key": key.map_or_else(|_| route.recipient_key.clone(), |key| mediation.written(&key))})
    });
    let keys: Vec<Value> = keys.collect();
    let told = u64::try_from(keys.len()).unwrap_or(u64::MAX);
    let mut answer = work.reply(message, "keylist");
    answer.body.insert("keys".to_owned(), keys.into());
    if told < total {
        let remaining = total.saturating_sub(offset).saturating_sub(told);
        let pagination = json!({"count": told, "offset": offset, "remaining": remaining});
        answer.body.insert("pagination".to_owned(), pagination);
    }
    reply(work, connection, &answer).await
}

/// Which of these keys are the client's.
async fn among(work: &mut Work, connection: &Connection, wanted: &[Value]) -> Result<(Vec<RoutedKey>, u64)> {
    let mut keys = Vec::new();
    for key in wanted.iter().take(UPDATES_MAX).filter_map(Value::as_str) {
        let Ok(key) = Verkey::from_any_form(key) else { continue };
        let routes = RoutedKey::of_key(work, &key).await?;
        keys.extend(routes.into_iter().find(|route| route.connection_id.as_deref() == Some(&connection.id)));
    }
    let count = u64::try_from(keys.len()).unwrap_or(u64::MAX);
    Ok((keys, count))
}

async fn granted(work: &mut Work, connection: &Connection) -> Result<Option<Mediation>> {
    let found = agreement(work, connection, MediationRole::Server).await?;
    Ok(found.filter(|mediation| mediation.state == MediationState::Granted))
}

/// The key that others wrap for whose messages we are to take: one for all clients, made when the first asks.
async fn routing_key(work: &mut Work) -> Result<Verkey> {
    if let Some(record) = work.get(ROUTING_DID, ROUTING_DID).await? {
        let did = record.tag("did").unwrap_or_default().to_owned();
        return LocalDid::get(work, &did).await?.verkey();
    }
    let mut did = LocalDid::create(work)?;
    did.metadata.insert("type".to_owned(), ROUTING_DID.into());
    did.save(work);
    let value = json!({"verkey": did.verkey, "metadata": did.metadata}).to_string();
    work.put(Record::new(ROUTING_DID, ROUTING_DID, value).tagged("did", &did.did));
    did.verkey()
}

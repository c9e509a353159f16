//! Another agent takes messages for us.

use serde::Deserialize;
use serde_json::{Map, Value, json};
use trustkeep_didcomm::forward::ROUTING_KEYS_MAX;
use trustkeep_didcomm::{Message, Verkey};
use trustkeep_wallet::Query;

use super::{
    Mediation, MediationRole, MediationState, PROTOCOL, RoutedKey, UPDATES_MAX, VERSION, agreement,
    check_role, default, reply,
};
use crate::connection::CATEGORY;
use crate::protocols::did_exchange::is_spent;
use crate::route::{Announced, Route, Wanted};
use crate::{Connection, Error, LocalDid, Result, Stored, Work};

/// What a connection notes whose other side is to be asked for mediation as soon as it stands: ACA-Py's names.
pub(super) const ASK_WHEN_READY: &str = "send_mediation_request_on_connection";
/// What it notes if that is to be the default mediator.
pub(super) const DEFAULT_WHEN_GRANTED: &str = "set_to_default_on_granted";

#[derive(Deserialize)]
struct Grant {
    #[serde(default)]
    endpoint: Option<String>,
    #[serde(default)]
    routing_keys: Vec<String>,
}

#[derive(Deserialize)]
struct Results {
    #[serde(default)]
    updated: Vec<Updated>,
}

#[derive(Deserialize)]
struct Updated {
    recipient_key: String,
    action: String,
    result: String,
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// Asks the other agent of a connection to take messages for us.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::BadRequest`] if the connection does not stand, or there is an agreement already.
pub async fn request(
    work: &mut Work,
    connection_id: &str,
    mediator_terms: Vec<String>,
    recipient_terms: Vec<String>,
) -> Result<Mediation> {
    let connection = Connection::get(work, connection_id).await?;
    if !connection.is_ready() {
        return Err(Error::BadRequest("requested connection is not ready".to_owned()));
    }
    if Mediation::of_connection(work, connection_id).await?.is_some() {
        return Err(Error::BadRequest(format!(
            "MediationRecord already exists for connection {connection_id}"
        )));
    }
    ask(work, &connection, mediator_terms, recipient_terms).await
}

/// Asks for mediation over a connection that was made for that.
///
/// # Errors
/// Those of the wallet.
pub(crate) async fn ready(work: &mut Work, connection: &Connection) -> Result<()> {
    let noted = connection.take_metadata(work, ASK_WHEN_READY).await?;
    let is_wanted = noted.is_some_and(|noted| noted != Value::Bool(false));
    if is_wanted && Mediation::of_connection(work, &connection.id).await?.is_none() {
        ask(work, connection, Vec::new(), Vec::new()).await?;
    }
    Ok(())
}

async fn ask(
    work: &mut Work,
    connection: &Connection,
    mediator_terms: Vec<String>,
    recipient_terms: Vec<String>,
) -> Result<Mediation> {
    let mut mediation = Mediation::new(work, MediationRole::Client, &connection.id);
    let mut message = work.message(PROTOCOL, VERSION, "mediate-request");
    for (name, terms) in [("mediator_terms", &mediator_terms), ("recipient_terms", &recipient_terms)] {
        if !terms.is_empty() {
            message.body.insert(name.to_owned(), terms.clone().into());
        }
    }
    (mediation.mediator_terms, mediation.recipient_terms) = (mediator_terms, recipient_terms);
    mediation.save(work);
    reply(work, connection, &message).await?;
    Ok(mediation)
}

pub(super) async fn receive_grant(work: &mut Work, connection: &Connection, message: &Message) -> Result<()> {
    let Some(mut mediation) = agreement(work, connection, MediationRole::Client).await? else {
        tracing::info!(connection = connection.id, "mediation is granted that was not asked for");
        return Ok(());
    };
    let Grant { endpoint, routing_keys } = message.body_as()?;
    let is_readable = routing_keys.len() <= ROUTING_KEYS_MAX
        && routing_keys.iter().all(|key| Verkey::from_any_form(key).is_ok());
    if !is_readable {
        let words = format!("routing_keys: not up to {ROUTING_KEYS_MAX} keys");
        return super::refuse(work, connection, message, "message-parse-failure", &words).await;
    }
    let is_known = mediation.state == MediationState::Granted
        && mediation.endpoint == endpoint
        && mediation.routing_keys == routing_keys;
    if !is_known {
        mediation.state = MediationState::Granted;
        (mediation.endpoint, mediation.routing_keys) = (endpoint, routing_keys);
        mediation.save(work);
    }
    let noted = connection.take_metadata(work, DEFAULT_WHEN_GRANTED).await?;
    if noted.is_some_and(|noted| noted != Value::Bool(false)) {
        default::note(work, &mediation.id).await?;
    }
    Ok(())
}

pub(super) async fn receive_denial(work: &mut Work, connection: &Connection) -> Result<()> {
    let Some(mut mediation) = agreement(work, connection, MediationRole::Client).await? else {
        tracing::info!(connection = connection.id, "mediation is denied that was not asked for");
        return Ok(());
    };
    if mediation.state != MediationState::Denied {
        mediation.state = MediationState::Denied;
        mediation.save(work);
    }
    Ok(())
}

/// Tells our mediator which key messages for us come to, and which they no longer come to. Gives the message, if there was
/// something to tell.
///
/// # Errors
/// The mediator cannot be reached.
pub(crate) async fn announce(
    work: &mut Work,
    mediation: &Mediation,
    add: &Verkey,
    remove: Option<&Verkey>,
) -> Result<Option<Message>> {
    let known = RoutedKey::of_key(work, add).await?;
    let is_known = known.iter().any(|route| route.connection_id.as_deref() == Some(&mediation.connection_id));
    let mut updates = Vec::new();
    if !is_known {
        updates.push((add, "add"));
    }
    updates.extend(remove.map(|key| (key, "remove")));
    if updates.is_empty() {
        return Ok(None);
    }
    let updates = updates
        .into_iter()
        .map(|(key, action)| json!({"recipient_key": mediation.written(key), "action": action}))
        .collect();
    let message = send(work, mediation, updates).await?;
    if !is_known {
        work.announced(Announced { key: add.to_string(), mediator: mediation.connection_id.clone() });
    }
    Ok(Some(message))
}

/// Sends a mediator updates that the controller made: pairs of a key, in any form, and `add` or `remove`.
///
/// # Errors
/// [`Error::NotFound`]; [`Error::BadRequest`] for no updates, too many, a key that is none, or an agreement that does
/// not stand.
pub async fn send_updates(
    work: &mut Work,
    mediation_id: &str,
    updates: &[(String, String)],
) -> Result<Message> {
    if updates.is_empty() {
        return Err(Error::BadRequest("Updates cannot be empty.".to_owned()));
    }
    if updates.len() > UPDATES_MAX {
        return Err(Error::BadRequest(format!("more than {UPDATES_MAX} updates")));
    }
    let mediation = Mediation::get(work, mediation_id).await?;
    if mediation.state != MediationState::Granted {
        return Err(Error::BadRequest("mediation is not granted.".to_owned()));
    }
    check_role(&mediation, MediationRole::Client)?;
    let mut rules = Vec::with_capacity(updates.len());
    for (key, action) in updates {
        if !matches!(action.as_str(), "add" | "remove") {
            return Err(Error::BadRequest("Invalid action for keylist update.".to_owned()));
        }
        let key = Verkey::from_any_form(key)?;
        rules.push(json!({"recipient_key": mediation.written(&key), "action": action}));
    }
    send(work, &mediation, rules).await
}

/// Asks a mediator which keys it routes for us.
///
/// # Errors
/// [`Error::NotFound`].
pub async fn send_query(
    work: &mut Work,
    mediation_id: &str,
    filter: Option<Value>,
    limit: i64,
    offset: i64,
) -> Result<Message> {
    let mediation = Mediation::get(work, mediation_id).await?;
    let connection = Connection::get(work, &mediation.connection_id).await?;
    let mut message = work.message(PROTOCOL, VERSION, "keylist-query");
    message.body.extend(filter.map(|filter| ("filter".to_owned(), filter)));
    message.body.insert("paginate".to_owned(), json!({"limit": limit, "offset": offset}));
    reply(work, &connection, &message).await?;
    Ok(message)
}

/// Tells the mediator of a connection that is not answered yet which key its messages will come to. Gives the message, if
/// there was something to tell.
///
/// # Errors
/// [`Error::NotFound`] for a mediator that is not known, [`Error::BadRequest`] for one that has not granted it.
pub async fn update_routes(
    work: &mut Work,
    connection: &mut Connection,
    mediation_id: Option<&str>,
) -> Result<Option<Message>> {
    let route =
        Route::of(work, connection, Wanted { mediation_id, or_default: true, ..Wanted::default() }).await?;
    let is_invitee = match connection.rfc23_state() {
        "invitation-received" => true,
        "request-received" => false,
        _ => return Ok(None),
    };
    let did = match &connection.my_did {
        Some(did) => LocalDid::get(work, did).await?,
        None => {
            let did = LocalDid::create(work)?;
            connection.my_did = Some(did.did.clone());
            connection.save(work);
            did
        }
    };
    let spent = match connection.invitation_key.as_deref().map(str::parse::<Verkey>) {
        Some(Ok(key)) if !is_invitee && is_spent(work, &key).await? => Some(key),
        _ => None,
    };
    route.announce(work, &did.verkey()?, spent.as_ref()).await
}

async fn send(work: &mut Work, mediation: &Mediation, updates: Vec<Value>) -> Result<Message> {
    let connection = Connection::get(work, &mediation.connection_id).await?;
    let mut message = work.message(PROTOCOL, VERSION, "keylist-update");
    message.body.insert("updates".to_owned(), updates.into());
    reply(work, &connection, &message).await?;
    Ok(message)
}

pub(super) async fn receive_results(
    work: &mut Work,
    connection: &Connection,
    message: &Message,
) -> Result<()> {
    if agreement(work, connection, MediationRole::Client).await?.is_none() {
        tracing::info!(connection = connection.id, "results of updates from who is no mediator");
        return Ok(());
    }
    let Results { updated } = message.body_as()?;
    let mut mediated = Map::new();
    for updated in updated.iter().take(UPDATES_MAX) {
        let Ok(key) = Verkey::from_any_form(&updated.recipient_key) else { continue };
        note(work, connection, &key, updated).await?;
        if let Some(connection) = connection_of(work, &key).await? {
            mediated.insert(updated.recipient_key.clone(), connection.into());
        }
    }
    let shown = updated.iter().take(UPDATES_MAX).map(|updated| {
        let mut members = updated.more.clone();
        for (name, text) in [
            ("recipient_key", &updated.recipient_key),
            ("action", &updated.action),
            ("result", &updated.result),
        ] {
            members.insert(name.to_owned(), text.as_str().into());
        }
        Value::Object(members)
    });
    let told = json!({
        "connection_id": connection.id,
        "thread_id": message.thread_id(),
        "updated": shown.collect::<Vec<_>>(),
        "mediated_connections": mediated,
    });
    work.tell(&connection.id, "keylist", &told);
    Ok(())
}

/// Notes what the mediator has, by one result.
async fn note(work: &mut Work, connection: &Connection, key: &Verkey, updated: &Updated) -> Result<()> {
    let is_done = matches!(updated.result.as_str(), "success" | "no_change");
    if !is_done {
        let (action, result) = (&updated.action, &updated.result);
        tracing::warn!(connection = connection.id, %key, action, result, "the mediator refuses an update");
        return Ok(());
    }
    // Only for keys of ours: whoever is no mediator of another's keys cannot name them here.
    if work.agent().keypair(key).await?.is_none() {
        return Ok(());
    }
    let known = RoutedKey::of_key(work, key).await?;
    let theirs = |route: &&RoutedKey| route.connection_id.as_deref() == Some(&connection.id);
    match updated.action.as_str() {
        "add" if known.is_empty() => {
            RoutedKey::new(work, MediationRole::Client, &connection.id, key).save(work);
            work.routes_changed();
        }
        "remove" => {
            for route in known.iter().filter(theirs) {
                route.remove(work).await?;
            }
        }
        // Another mediator has it too: the newest counts.
        "add" => {
            for mut route in known.into_iter().filter(|route| !theirs(&route)) {
                route.connection_id = Some(connection.id.clone());
                route.role = MediationRole::Client;
                route.save(work);
                work.routes_changed();
            }
        }
        _ => {}
    }
    Ok(())
}

/// The connection that a key of ours belongs to: by its invitation, or by our DID in it.
async fn connection_of(work: &mut Work, key: &Verkey) -> Result<Option<String>> {
    let query = Query::tagged(CATEGORY, "invitation_key", key.to_string()).limited(1);
    if let Some(invited) = Connection::find(work, &query).await?.into_iter().next() {
        return Ok(Some(invited.id));
    }
    for did in LocalDid::of_verkey(work, key).await? {
        if let Some(found) = Connection::by_tag(work, "my_did", &did.did, None).await? {
            return Ok(Some(found.id));
        }
    }
    Ok(None)
}

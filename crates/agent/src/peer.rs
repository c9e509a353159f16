//! Other agents: their documents, their keys, and where messages for them go.

use serde_json::Value;
use trustkeep_didcomm::document::{Service, legacy};
use trustkeep_didcomm::{Document, Nym, Verkey};
use trustkeep_wallet::{Query, Record};

use crate::resolver::{self, DOCUMENT};
use crate::route::Route;
use crate::{Connection, Error, LocalDid, Result, Role, State, Work};

/// The category of others' keys, tagged with DID and key.
const KEY: &str = "did_key";

/// Where a message goes, and how it is packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Where it goes.
    pub endpoint: String,
    /// The keys that it is packed for.
    pub recipient_keys: Vec<Verkey>,
    /// The mediators that it is wrapped for, the recipient's own first.
    pub routing_keys: Vec<Verkey>,
    /// Our key that it is packed by; none packs it anonymously.
    pub sender_key: Option<Verkey>,
    /// Over which connection it goes.
    pub connection_id: Option<String>,
}

impl Target {
    /// Whether its endpoint can be sent to. If not, messages wait until the recipient opens a session.
    pub(crate) fn has_way(&self) -> bool {
        has_way(&self.endpoint)
    }
}

/// Whether messages can be sent to an endpoint: `didcomm:transport/queue` for one is none.
pub(crate) fn has_way(endpoint: &str) -> bool {
    let scheme = endpoint.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    scheme.is_some_and(|scheme| matches!(&*scheme, "http" | "https" | "ws" | "wss"))
        && endpoint.parse::<reqwest::Url>().is_ok()
}

/// Keeps another agent's document, and finds it by its keys from now on. One that is known keeps its keys: whoever sends
/// a document for a DID that is in use could take over its connections otherwise.
///
/// # Errors
/// [`Error::BadRequest`] if the DID is known with other keys.
pub(crate) async fn store_document(work: &mut Work, did: &str, document: &Value) -> Result<()> {
    let did = bare(did);
    let read = Document::from_value(document)?;
    let name = match resolver::stored_record(work, did).await? {
        Some(record) => {
            let is_fetched = did.starts_with("did:web:");
            if !is_fetched && Document::parse(&record.value)?.verkeys() != read.verkeys() {
                return Err(Error::BadRequest(format!("the DID {did} is known with other keys")));
            }
            work.agent().known().forget();
            record.name
        }
        None => work.new_id(),
    };
    work.put(Record::new(DOCUMENT, name, document.to_string()).tagged("did", did));
    store_keys(work, did, &read).await
}

/// Resolves another agent's DID, and finds it by its keys from now on.
///
/// # Errors
/// Those of [`crate::resolve`].
pub(crate) async fn learn(work: &mut Work, did: &str) -> Result<Document> {
    let document = resolver::learn(work, did).await?;
    if did.starts_with("did:web:") {
        store_document(work, did, &document).await?;
    } else {
        store_keys(work, short_form(did), &Document::from_value(&document)?).await?;
    }
    Ok(Document::from_value(&document)?)
}

async fn store_keys(work: &mut Work, did: &str, document: &Document) -> Result<()> {
    let verkeys = document.verkeys();
    let known = work.find(&Query::tagged(KEY, "did", did)).await?;
    let is_wanted = |record: &Record| verkeys.iter().any(|key| record.tag("key") == Some(&key.to_string()));
    for record in known.iter().filter(|record| !is_wanted(record)) {
        work.remove(record);
    }
    for verkey in verkeys {
        let key = verkey.to_string();
        if !known.iter().any(|record| record.tag("key") == Some(&key)) {
            work.put(Record::new(KEY, work.new_id(), key.clone()).tagged("did", did).tagged("key", key));
        }
    }
    Ok(())
}

/// The DIDs whose documents have this key: a `did:peer:4` by its short form, and by its long one if it is kept so.
///
/// # Errors
/// Those of the wallet.
pub(crate) async fn dids_of(work: &mut Work, verkey: &Verkey) -> Result<Vec<String>> {
    let records = work.find(&Query::tagged(KEY, "key", verkey.to_string())).await?;
    let mut dids = Vec::new();
    for did in records.iter().filter_map(|record| record.tag("did")) {
        for form in [short_form(did), did] {
            if !dids.iter().any(|known| known == form) {
                dids.push(form.to_owned());
            }
        }
    }
    Ok(dids)
}

/// The form of a DID that records name it by: the short one of a `did:peer:4`, of all others itself.
pub(crate) fn short_form(did: &str) -> &str {
    const FOUR: &str = "did:peer:4";
    let document = did.strip_prefix(FOUR).and_then(|rest| rest.find(':'));
    document.and_then(|at| did.get(..FOUR.len() + at)).unwrap_or(did)
}

/// A DID as records name it that knew nothing but `did:sov`.
pub(crate) fn bare(did: &str) -> &str {
    did.strip_prefix("did:sov:").unwrap_or(did)
}

/// Where messages over a connection go.
///
/// # Errors
/// [`Error::BadRequest`] if it is not known yet, or the other agent's document names no service.
pub(crate) async fn target(work: &mut Work, connection: &Connection) -> Result<Target> {
    let (agent, now) = (work.agent().clone(), work.agent().clock().monotonic());
    if let Some(target) = agent.known().target(connection, now).filter(|_| !work.has_changes()) {
        return Ok(target);
    }
    let my_did = connection.my_did.as_deref();
    let my_did = my_did.ok_or_else(|| unreachable_connection("has no DID of ours yet", connection))?;
    let sender = LocalDid::get(work, my_did).await?.verkey()?;
    let target = Target { sender_key: Some(sender), ..anonymous_target(work, connection).await? };
    if !work.has_changes() {
        agent.known().keep_target(connection, &target, now);
    }
    Ok(target)
}

/// The same without a key of ours.
///
/// # Errors
/// As [`target`].
pub(crate) async fn anonymous_target(work: &mut Work, connection: &Connection) -> Result<Target> {
    let is_invited = connection.their_role == Some(Role::Inviter)
        && matches!(connection.state, State::Invitation | State::Request);
    let has_invitation = connection.invitation_msg_id.is_some() || connection.their_did.is_none();
    let mut target = if is_invited && has_invitation {
        let invitation = connection.invitation(work).await?;
        of_invitation(work, &invitation).await?
    } else {
        let did = connection.their_did.as_deref();
        let did = did.ok_or_else(|| unreachable_connection("has no DID of theirs yet", connection))?;
        of_document(&document(work, did).await?)?
    };
    target.connection_id = Some(connection.id.clone());
    Ok(target)
}

/// Where the agent of a document is reached. One that names no service is reached on a session that he opens with the first
/// of his keys.
///
/// # Errors
/// [`Error::BadRequest`] if there is no key either.
pub(crate) fn of_document(document: &Document) -> Result<Target> {
    if let Some(service) = document.didcomm_services().first() {
        return of_service(service);
    }
    let key = document.verkeys().first().copied().ok_or_else(|| {
        Error::BadRequest(format!("the document of {} names neither a service nor a key", document.id))
    })?;
    Ok(Target {
        endpoint: String::new(),
        recipient_keys: vec![key],
        routing_keys: Vec::new(),
        sender_key: None,
        connection_id: None,
    })
}

/// The same of an agent who is to be spoken to first.
///
/// # Errors
/// [`Error::BadRequest`] if it names no endpoint.
pub(crate) fn of_public_document(document: &Document) -> Result<Target> {
    let target = of_document(document)?;
    if target.endpoint.is_empty() {
        let words = format!("the document of {} names no service for messages", document.id);
        return Err(Error::BadRequest(words));
    }
    Ok(target)
}

/// Where the agent of a service is reached.
///
/// # Errors
/// One of its keys leads to another document.
pub(crate) fn of_service(service: &Service) -> Result<Target> {
    Ok(Target {
        endpoint: service.endpoint.clone().unwrap_or_default(),
        recipient_keys: service.recipients()?,
        routing_keys: service.routing()?,
        sender_key: None,
        connection_id: None,
    })
}

/// Where whoever invited is reached: by `recipientKeys` and `serviceEndpoint`, by `did`, or by the first of `services`.
///
/// # Errors
/// [`Error::BadRequest`] if the invitation does not say.
pub(crate) async fn of_invitation(work: &mut Work, invitation: &Value) -> Result<Target> {
    let service = invitation.get("services").and_then(|services| services.get(0));
    match service.or_else(|| invitation.get("did").filter(|did| !did.is_null())) {
        Some(Value::String(did)) => of_public_document(&document(work, did).await?),
        Some(service) => of_inline(service),
        None => of_inline(invitation),
    }
}

/// Another agent's document, as its connection has it.
///
/// # Errors
/// Those of [`crate::resolve`].
pub(crate) async fn document(work: &mut Work, did: &str) -> Result<Document> {
    Ok(Document::from_value(&resolver::known(work, did).await?)?)
}

/// Whether a key is one of a document's.
pub(crate) fn holds(document: &Value, verkey: &Verkey) -> bool {
    Document::from_value(document).is_ok_and(|read| {
        read.verkeys().contains(verkey) || read.methods.iter().any(|method| method.verkey() == Some(*verkey))
    })
}

/// Our own document for a bare DID.
///
/// # Errors
/// The DID is none of the bare ones.
pub(crate) fn own_document(did: &LocalDid, route: &Route) -> Result<Value> {
    let nym: Nym = did.did.parse()?;
    Ok(legacy::document(nym, did.verkey()?, &route.endpoints(), &route.routing_keys))
}

/// A service that is written out in an invitation.
fn of_inline(service: &Value) -> Result<Target> {
    let keys = |member: &str| -> Result<Vec<Verkey>> {
        let keys = service.get(member).and_then(Value::as_array).into_iter().flatten();
        Ok(keys
            .filter_map(Value::as_str)
            .map(Verkey::from_any_form)
            .collect::<std::result::Result<_, _>>()?)
    };
    let endpoint = service.get("serviceEndpoint").and_then(Value::as_str);
    Ok(Target {
        endpoint: endpoint
            .ok_or_else(|| Error::BadRequest("the invitation names no endpoint".to_owned()))?
            .to_owned(),
        recipient_keys: keys("recipientKeys")?,
        routing_keys: keys("routingKeys")?,
        sender_key: None,
        connection_id: None,
    })
}

fn unreachable_connection(why: &str, connection: &Connection) -> Error {
    Error::BadRequest(format!("the connection {} {why}", connection.id))
}

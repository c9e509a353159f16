//! Other agents: their documents, their keys, and where messages for them go.

use serde_json::Value;
use trustkeep_didcomm::document::{Service, legacy};
use trustkeep_didcomm::{Document, Nym, Verkey};
use trustkeep_wallet::{Query, Record};

use crate::{Connection, Error, LocalDid, Result, Role, State, Work};

/// The categories of others' documents, tagged with the DID, and of their keys, tagged with DID and key.
const DOCUMENT: &str = "did_doc";
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

/// Keeps another agent's document, and finds it by its keys from now on.
///
/// # Errors
/// Those of the wallet.
pub(crate) async fn store_document(work: &mut Work, did: &str, document: &Value) -> Result<()> {
    let name = match document_record(work, did).await? {
        Some(record) => record.name,
        None => work.new_id(),
    };
    work.put(Record::new(DOCUMENT, name, document.to_string()).tagged("did", did));
    for record in work.find(&Query::tagged(KEY, "did", did)).await? {
        work.remove(&record);
    }
    for verkey in Document::from_value(document)?.verkeys() {
        let key = verkey.to_string();
        work.put(Record::new(KEY, work.new_id(), key.clone()).tagged("did", did).tagged("key", key));
    }
    Ok(())
}

/// The DIDs whose documents have this key.
///
/// # Errors
/// Those of the wallet.
pub(crate) async fn dids_of(work: &mut Work, verkey: &Verkey) -> Result<Vec<String>> {
    let records = work.find(&Query::tagged(KEY, "key", verkey.to_string())).await?;
    Ok(records.iter().filter_map(|record| record.tag("did").map(str::to_owned)).collect())
}

/// Where messages over a connection go.
///
/// # Errors
/// [`Error::BadRequest`] if it is not known yet, or the other agent's document names no service.
pub(crate) async fn target(work: &mut Work, connection: &Connection) -> Result<Target> {
    let my_did = connection.my_did.as_deref();
    let my_did = my_did.ok_or_else(|| unreachable_connection("has no DID of ours yet", connection))?;
    let mut target = match (connection.state, connection.their_role) {
        (State::Invitation | State::Request, Some(Role::Inviter)) => {
            of_invitation(&connection.invitation(work).await?)?
        }
        _ => {
            let did = connection.their_did.as_deref();
            let did = did.ok_or_else(|| unreachable_connection("has no DID of theirs yet", connection))?;
            of_document(&document(work, did).await?)?
        }
    };
    target.sender_key = Some(LocalDid::get(work, my_did).await?.verkey()?);
    target.connection_id = Some(connection.id.clone());
    Ok(target)
}

/// Where the agent of a document is reached.
///
/// # Errors
/// [`Error::BadRequest`] if it names no service of DIDComm v1.
pub(crate) fn of_document(document: &Document) -> Result<Target> {
    let services = document.didcomm_services();
    let service = services.first().ok_or_else(|| {
        Error::BadRequest(format!("the document of {} names no service for messages", document.id))
    })?;
    of_service(service)
}

/// Where the agent of a service is reached.
///
/// # Errors
/// [`Error::BadRequest`] if it has no endpoint.
pub(crate) fn of_service(service: &Service) -> Result<Target> {
    let endpoint = service.endpoint.clone();
    Ok(Target {
        endpoint: endpoint
            .ok_or_else(|| Error::BadRequest(format!("the service {} has no endpoint", service.id)))?,
        recipient_keys: service.recipients()?,
        routing_keys: service.routing()?,
        sender_key: None,
        connection_id: None,
    })
}

/// Another agent's document.
///
/// # Errors
/// [`Error::NotFound`].
pub(crate) async fn document(work: &mut Work, did: &str) -> Result<Document> {
    let record = document_record(work, did).await?.ok_or_else(|| Error::no_record(DOCUMENT, did))?;
    Ok(Document::parse(&record.value)?)
}

/// Our own document for a bare DID: with the endpoint that was asked for, else with all of the agent's.
///
/// # Errors
/// The DID is none of the bare ones.
pub(crate) fn own_document(work: &Work, did: &LocalDid, endpoint: Option<&str>) -> Result<Value> {
    let configured = work.settings().endpoints.iter().map(String::as_str);
    let endpoints: Vec<&str> = endpoint.map_or_else(|| configured.collect(), |endpoint| vec![endpoint]);
    let nym: Nym = did.did.parse()?;
    Ok(legacy::document(nym, did.verkey()?, &endpoints, &[]))
}

fn of_invitation(invitation: &Value) -> Result<Target> {
    let keys = |member: &str| -> Result<Vec<Verkey>> {
        let keys = invitation.get(member).and_then(Value::as_array).into_iter().flatten();
        Ok(keys
            .filter_map(Value::as_str)
            .map(Verkey::from_any_form)
            .collect::<std::result::Result<_, _>>()?)
    };
    let endpoint = invitation.get("serviceEndpoint").and_then(Value::as_str);
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

async fn document_record(work: &mut Work, did: &str) -> Result<Option<Record>> {
    work.first(Query::tagged(DOCUMENT, "did", did)).await
}

fn unreachable_connection(why: &str, connection: &Connection) -> Error {
    Error::BadRequest(format!("the connection {} {why}", connection.id))
}

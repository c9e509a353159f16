//! A service: where messages for the subject of a document go, and for which keys.

use serde_json::Value;

use super::{Document, LIST_MAX};
use crate::encoding::{Object, joined, text};
use crate::{Error, Result, Verkey};

/// The types of services that take DIDComm v1 (RFC 0067, and the older name).
const DIDCOMM_V1: [&str; 2] = ["did-communication", "IndyAgent"];
/// The type that holds its keys and media types inside the endpoint.
const ENDPOINT_MEMBERS: [&str; 2] = ["routingKeys", "accept"];

/// A service of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name, as the document writes it; empty if it has none.
    pub id: String,
    /// `did-communication`, `IndyAgent`, `DIDCommMessaging` or any other.
    pub kind: String,
    /// Lower goes first; 0 if the document says nothing.
    pub priority: i64,
    /// The keys to pack for.
    pub recipient_keys: Vec<ServiceKey>,
    /// The keys to wrap for, that of the recipient's own mediator first.
    pub routing_keys: Vec<ServiceKey>,
    /// Where to send to; none if it is in no form that is read here.
    pub endpoint: Option<String>,
    /// The media types that it takes, if it tells.
    pub accept: Vec<String>,
}

/// A key of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceKey {
    /// The verkey itself, or a reference to one in the same document, followed.
    Verkey(Verkey),
    /// A reference that leads to another document, or to a key that is no verkey.
    Reference(String),
}

impl ServiceKey {
    /// The verkey, if it is known without another document.
    pub fn verkey(&self) -> Option<Verkey> {
        if let Self::Verkey(verkey) = self { Some(*verkey) } else { None }
    }
}

impl Service {
    /// Reads the service at `index`, with the keys of `document`.
    pub(super) fn read(document: &Document, index: usize, value: &Value) -> Result<Self> {
        let path = format!("service[{index}]");
        let object = value.as_object().ok_or_else(|| Error::invalid(path.clone(), "not a JSON object"))?;
        let endpoint = endpoint(object);
        let inside = endpoint.and_then(Value::as_object);
        let keys = |members: &[&'static str]| keys(document, &path, object, inside, members);
        Ok(Self {
            id: text(object, &path, "id")?.unwrap_or_default().to_owned(),
            kind: kind(object).ok_or_else(|| Error::missing(joined(&path, "type")))?.to_owned(),
            priority: object.get("priority").and_then(Value::as_i64).unwrap_or_default(),
            recipient_keys: keys(&["recipientKeys"])?,
            routing_keys: keys(&["routingKeys", "mediatorKeys"])?,
            endpoint: match (endpoint, inside) {
                (_, Some(inside)) => inside.get("uri").and_then(Value::as_str),
                (value, None) => value.and_then(Value::as_str),
            }
            .map(str::to_owned),
            accept: strings(object, inside, "accept"),
        })
    }

    /// Whether DIDComm v1 can be sent to it.
    pub fn is_didcomm_v1(&self) -> bool {
        DIDCOMM_V1.contains(&self.kind.as_str()) && !self.recipient_keys.is_empty()
    }

    /// The verkeys to pack for.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with the field `recipientKeys` if one of them needs another document.
    pub fn recipients(&self) -> Result<Vec<Verkey>> {
        verkeys("recipientKeys", &self.recipient_keys)
    }

    /// The verkeys to wrap for, in order.
    ///
    /// # Errors
    /// [`Error::Unsupported`] with the field `routingKeys` if one of them needs another document.
    pub fn routing(&self) -> Result<Vec<Verkey>> {
        verkeys("routingKeys", &self.routing_keys)
    }
}

fn verkeys(field: &'static str, keys: &[ServiceKey]) -> Result<Vec<Verkey>> {
    let known = keys.iter().map(|key| match key {
        ServiceKey::Verkey(verkey) => Ok(*verkey),
        ServiceKey::Reference(reference) => Err(Error::unsupported(field, reference)),
    });
    known.collect()
}

fn kind(object: &Object) -> Option<&str> {
    match object.get("type")? {
        Value::Array(kinds) => kinds.first()?.as_str(),
        kind => kind.as_str(),
    }
}

/// The endpoint; the first of a list.
fn endpoint(object: &Object) -> Option<&Value> {
    match object.get("serviceEndpoint")? {
        Value::Array(endpoints) => endpoints.first(),
        endpoint => Some(endpoint),
    }
}

/// The keys in the first of these members that is there, in the service or inside its endpoint.
fn keys(
    document: &Document,
    path: &str,
    object: &Object,
    inside: Option<&Object>,
    members: &[&'static str],
) -> Result<Vec<ServiceKey>> {
    let places = members.iter().filter_map(|member| {
        let own = object.get(*member).or_else(|| {
            inside.filter(|_| ENDPOINT_MEMBERS.contains(member)).and_then(|inside| inside.get(*member))
        });
        own.filter(|value| !value.is_null()).map(|value| (*member, value))
    });
    let Some((member, value)) = places.into_iter().next() else { return Ok(Vec::new()) };
    let list = value.as_array().ok_or_else(|| Error::invalid(joined(path, member), "not a list"))?;
    if list.len() > LIST_MAX {
        return Err(Error::too_large(joined(path, member), LIST_MAX));
    }
    let read = list.iter().map(|value| {
        let text = value.as_str().ok_or_else(|| Error::invalid(joined(path, member), "not a text"))?;
        Ok(resolve(document, text))
    });
    read.collect()
}

/// Base58, `did:key`, or a reference into the document. A base58 key is not taken for a bare id of a method.
fn resolve(document: &Document, text: &str) -> ServiceKey {
    let direct = || Verkey::from_any_form(text).ok();
    let referred = || document.method(text).and_then(super::Method::verkey);
    direct().or_else(referred).map_or_else(|| ServiceKey::Reference(text.to_owned()), ServiceKey::Verkey)
}

fn strings(object: &Object, inside: Option<&Object>, member: &str) -> Vec<String> {
    let value = object.get(member).or_else(|| inside.and_then(|inside| inside.get(member)));
    let list = value.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).take(LIST_MAX).map(str::to_owned).collect()
}

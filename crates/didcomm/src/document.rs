//! DID documents, old and new, read into the one model of what DIDComm v1 needs; and written as ACA-Py writes them.
//!
//! Reading tolerates what agents have sent over the years: bare and relative ids, `publicKey` and
//! `verificationMethod`, keys embedded in `authentication`, recipient keys as base58, as `did:key` and as references,
//! services called `IndyAgent` and `did-communication`. What DIDComm v1 has no use for is passed over.

pub mod current;
pub mod legacy;
mod method;
mod service;

use serde_json::Value;

pub use method::Method;
pub use service::{Service, ServiceKey};

use crate::encoding::{Object, object, text};
use crate::{Error, Result, Verkey};

/// Bytes of a document that is read from text.
pub const DOCUMENT_BYTES_MAX: usize = 64 << 10;
/// Members of a list in a document.
const LIST_MAX: usize = 64;
const METHOD_LISTS: [&str; 2] = ["publicKey", "verificationMethod"];
const RELATIONSHIPS: [&str; 5] =
    ["authentication", "keyAgreement", "assertionMethod", "capabilityInvocation", "capabilityDelegation"];

/// A DID document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Whose document it is, as it says; a document without `id` is that of its first key.
    pub id: String,
    /// Other names of the same subject: the long or short form of a `did:peer:4`.
    pub also_known_as: Vec<String>,
    /// Its keys, in order.
    pub methods: Vec<Method>,
    /// Its services, in order; [`Self::didcomm_services`] tells those of DIDComm v1.
    pub services: Vec<Service>,
}

impl Document {
    /// Reads a document from text.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Missing`] or [`Error::TooLarge`], with the path in the document.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        Self::from_object(&object("document", bytes, DOCUMENT_BYTES_MAX)?)
    }

    /// Reads a document that was inside something else.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn from_value(value: &Value) -> Result<Self> {
        Self::from_object(value.as_object().ok_or_else(|| Error::invalid("document", "not a JSON object"))?)
    }

    fn from_object(object: &Object) -> Result<Self> {
        let methods = methods(object)?;
        let id = match text(object, "", "id")? {
            Some(id) => id.to_owned(),
            None => methods.first().and_then(Method::subject).ok_or_else(|| Error::missing("id"))?.to_owned(),
        };
        let names = object.get("alsoKnownAs").and_then(Value::as_array).into_iter().flatten();
        let also_known_as = names.filter_map(Value::as_str).take(LIST_MAX).map(str::to_owned).collect();
        let mut document = Self { id, also_known_as, methods, services: Vec::new() };
        document.services = list(object, "service")?
            .iter()
            .enumerate()
            .map(|(index, value)| Service::read(&document, index, value))
            .collect::<Result<_>>()?;
        Ok(document)
    }

    /// The services that DIDComm v1 can be sent to, those with the lowest priority number first.
    pub fn didcomm_services(&self) -> Vec<&Service> {
        let mut found: Vec<_> = self.services.iter().filter(|service| service.is_didcomm_v1()).collect();
        found.sort_by_key(|service| service.priority);
        found
    }

    /// The verkeys under which its subject sends, each once: those of its DIDComm services' recipients or, if it has
    /// no such service, those that it authenticates with. Old documents list the keys of mediators beside their own.
    pub fn verkeys(&self) -> Vec<Verkey> {
        let services = self.didcomm_services();
        let recipients =
            services.iter().flat_map(|service| &service.recipient_keys).filter_map(ServiceKey::verkey);
        let own = self.methods.iter().filter(|method| services.is_empty() && method.authentication);
        let mut found = Vec::new();
        for verkey in recipients.chain(own.filter_map(Method::verkey)) {
            if !found.contains(&verkey) {
                found.push(verkey);
            }
        }
        found
    }

    /// The key that a reference names: `#id`, `did:…#id`, or an old bare id.
    pub fn method(&self, reference: &str) -> Option<&Method> {
        let (subject, fragment) = reference.split_once('#').unwrap_or((reference, reference));
        let ours = subject.is_empty() || subject == fragment || self.is_named(subject);
        self.methods.iter().find(|method| {
            method.id == reference || (ours && method.fragment() == fragment && self.owns(method))
        })
    }

    /// Whether it is the document of this DID: by `id`, by another name, with `did:sov:` or without.
    pub fn is_named(&self, did: &str) -> bool {
        let bare = |text: &str| text.strip_prefix("did:sov:").unwrap_or(text).to_owned();
        bare(&self.id) == bare(did) || self.also_known_as.iter().any(|name| name == did)
    }

    fn owns(&self, method: &Method) -> bool {
        method.subject().is_none_or(|subject| self.is_named(subject))
    }
}

/// Gives a document that was made without a name its name (Peer DID Method Specification, "Resolving a DID").
pub(crate) fn contextualise(document: &mut Object, did: &str) {
    document.insert("id".into(), did.into());
    for member in METHOD_LISTS.iter().chain(&RELATIONSHIPS) {
        let methods = document.get_mut(*member).and_then(Value::as_array_mut).into_iter().flatten();
        for method in methods.filter_map(Value::as_object_mut) {
            let controller = method.entry("controller").or_insert_with(|| did.into());
            if *controller == "#id" {
                *controller = did.into();
            }
        }
    }
}

/// A list of a document; absent and null are empty.
fn list<'o>(object: &'o Object, member: &'static str) -> Result<&'o [Value]> {
    match object.get(member) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(list)) if list.len() > LIST_MAX => Err(Error::too_large(member, LIST_MAX)),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Error::invalid(member, "not a list")),
    }
}

/// Every key of the document, those embedded in a relationship too.
fn methods(object: &Object) -> Result<Vec<Method>> {
    let mut found: Vec<Method> = Vec::new();
    for member in METHOD_LISTS {
        for (index, value) in list(object, member)?.iter().enumerate() {
            found.push(Method::read(&format!("{member}[{index}]"), value)?);
        }
    }
    for member in RELATIONSHIPS {
        for (index, value) in list(object, member)?.iter().enumerate() {
            let reference = value.as_str().or_else(|| value.get("publicKey").and_then(Value::as_str));
            let Some(reference) = reference else {
                let mut method = Method::read(&format!("{member}[{index}]"), value)?;
                method.relate(member);
                found.push(method);
                continue;
            };
            let fragment = reference.rsplit_once('#').map_or(reference, |(_, fragment)| fragment);
            let named = |method: &&mut Method| method.id == reference || method.fragment() == fragment;
            if let Some(method) = found.iter_mut().find(named) {
                method.relate(member);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests;

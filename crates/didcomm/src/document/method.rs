//! A verification method: one key of a document.

use serde_json::Value;

use crate::encoding::{Object, from_base58, from_base64, joined, text};
use crate::{Error, KeyType, PublicKey, Result, Verkey};

/// Characters of 32 bytes in base58, at most.
const KEY_CHARS_MAX: usize = 44;

/// A key of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// Its name, as the document writes it: `#key-0`, `did:…#key-0`, or an old bare id.
    pub id: String,
    /// What suite it says it is for, for instance `Ed25519VerificationKey2018`.
    pub kind: String,
    /// The key; none if it is of a type or in a form that is not read here.
    pub key: Option<PublicKey>,
    /// Whether the subject authenticates with it.
    pub authentication: bool,
    /// Whether messages may be encrypted for it.
    pub key_agreement: bool,
}

impl Method {
    pub(super) fn read(path: &str, value: &Value) -> Result<Self> {
        let object = value
            .as_object()
            .ok_or_else(|| Error::invalid(path.to_owned(), "neither a key nor a reference"))?;
        let kind = text(object, path, "type")?.ok_or_else(|| Error::missing(joined(path, "type")))?;
        Ok(Self {
            id: text(object, path, "id")?.ok_or_else(|| Error::missing(joined(path, "id")))?.to_owned(),
            kind: kind.to_owned(),
            key: key(kind, object).ok(),
            authentication: false,
            key_agreement: false,
        })
    }

    pub(super) fn relate(&mut self, relationship: &str) {
        match relationship {
            "authentication" => self.authentication = true,
            "keyAgreement" => self.key_agreement = true,
            _ => {}
        }
    }

    /// The verkey, if it is one.
    pub fn verkey(&self) -> Option<Verkey> {
        self.key.as_ref().and_then(PublicKey::verkey)
    }

    /// The part of its name after `#`; all of a bare id.
    pub(super) fn fragment(&self) -> &str {
        self.id.rsplit_once('#').map_or(&self.id, |(_, fragment)| fragment)
    }

    /// The DID in its name, if there is one.
    pub(super) fn subject(&self) -> Option<&str> {
        self.id.split_once('#').map(|(subject, _)| subject).filter(|subject| !subject.is_empty())
    }
}

/// The key in any of the members that hold one.
fn key(kind: &str, object: &Object) -> Result<PublicKey> {
    if let Some(base58) = text(object, "", "publicKeyBase58")? {
        return PublicKey::new(suite(kind)?, &from_base58("publicKeyBase58", base58, KEY_CHARS_MAX)?);
    }
    if let Some(multibase) = text(object, "", "publicKeyMultibase")? {
        // Some agents leave the multicodec out and let the suite tell.
        return PublicKey::from_multibase(multibase).or_else(|refused| {
            let base58 = multibase.strip_prefix('z').ok_or(refused)?;
            PublicKey::new(suite(kind)?, &from_base58("publicKeyMultibase", base58, KEY_CHARS_MAX)?)
        });
    }
    let jwk = object.get("publicKeyJwk").and_then(Value::as_object);
    let jwk = jwk.ok_or_else(|| Error::missing("publicKeyMultibase"))?;
    let curve = text(jwk, "publicKeyJwk", "crv")?.unwrap_or_default();
    let bytes = from_base64("publicKeyJwk.x", text(jwk, "publicKeyJwk", "x")?.unwrap_or_default())?;
    PublicKey::new(suite(curve)?, &bytes)
}

/// The type of key of a suite or a curve.
fn suite(name: &str) -> Result<KeyType> {
    if name.starts_with("Ed25519") {
        return Ok(KeyType::Ed25519);
    }
    if name.starts_with("X25519") {
        return Ok(KeyType::X25519);
    }
    Err(Error::unsupported("type", name))
}

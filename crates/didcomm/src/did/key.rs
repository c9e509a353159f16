//! `did:key`: a public key and nothing else (RFC 0360, and the method's specification).

use std::fmt;

use askar_crypto::repr::KeyPublicBytes as _;
use serde_json::{Value, json};

use crate::encoding::to_base58;
use crate::key::agreement;
use crate::{Error, KeyType, PublicKey, Result};

/// A public key as a DID.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DidKey(PublicKey);

impl DidKey {
    /// How it begins.
    pub const PREFIX: &str = "did:key:";

    /// The DID of a key.
    pub fn new(key: PublicKey) -> Self {
        Self(key)
    }

    /// Reads `did:key:X`, and the reference `did:key:X#X` that newer agents write.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Unsupported`] or [`Error::TooLarge`] with the field `key`.
    pub fn parse(text: &str) -> Result<Self> {
        let id = text.strip_prefix(Self::PREFIX).ok_or_else(|| Error::invalid("key", "not did:key"))?;
        let (id, fragment) = id.split_once('#').map_or((id, None), |(id, fragment)| (id, Some(fragment)));
        if fragment.is_some_and(|fragment| fragment != id) {
            return Err(Error::unsupported("key", text));
        }
        PublicKey::from_multibase(id).map(Self)
    }

    /// The key.
    pub fn key(&self) -> &PublicKey {
        &self.0
    }

    /// `did:key:X#X`, the name of the key inside its document.
    pub fn reference(&self) -> String {
        let multibase = self.0.to_multibase();
        format!("{}{multibase}#{multibase}", Self::PREFIX)
    }

    /// The document, as ACA-Py writes it: for an Ed25519 key with its X25519 image for key agreement.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for keys other than Ed25519 and X25519, [`Error::Invalid`] for one that is no point.
    pub fn document(&self) -> Result<Value> {
        let (did, reference) = (self.to_string(), self.reference());
        let method = |id: &str, kind: &str, key: &[u8]| json!({"id": id, "type": kind, "controller": did, "publicKeyBase58": to_base58(key)});
        match &self.0 {
            PublicKey::Ed25519(verkey) => {
                let image =
                    agreement(verkey)?.with_public_bytes(|bytes| PublicKey::new(KeyType::X25519, bytes))?;
                let image_id = format!("{did}#{}", image.to_multibase());
                Ok(json!({
                    "@context": ["https://www.w3.org/ns/did/v1"],
                    "id": did,
                    "verificationMethod": [method(&reference, "Ed25519VerificationKey2018", verkey.as_bytes())],
                    "authentication": [reference],
                    "assertionMethod": [reference],
                    "capabilityDelegation": [reference],
                    "capabilityInvocation": [reference],
                    "keyAgreement": [method(&image_id, "X25519KeyAgreementKey2019", image.as_bytes())],
                }))
            }
            PublicKey::X25519(key) => Ok(json!({
                "@context": "https://www.w3.org/ns/did/v1",
                "id": did,
                "verificationMethod": [method(&reference, "X25519KeyAgreementKey2019", key)],
                "authentication": [],
                "assertionMethod": [],
                "capabilityDelegation": [],
                "capabilityInvocation": [],
                "keyAgreement": [reference],
            })),
            PublicKey::Other(..) => Err(Error::unsupported("key", &did)),
        }
    }
}

impl fmt::Display for DidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0.to_multibase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_name_the_key_itself() {
        let id = "z6MkmjY8GnV5i9YTDtPETC2uUAW6ejw3nk5mXF5yci5ab7th";
        let did = DidKey::parse(&format!("did:key:{id}#{id}")).unwrap();
        assert_eq!(did, DidKey::parse(&format!("did:key:{id}")).unwrap());
        assert_eq!(did.reference(), format!("did:key:{id}#{id}"));
        for text in
            [format!("did:key:{id}#"), format!("did:key:{id}#z6LS"), format!("did:kez:{id}"), id.into()]
        {
            assert!(DidKey::parse(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn only_keys_of_didcomm_have_a_document() {
        let curve = DidKey::parse("did:key:zDnaerDaTF5BXEavCrfRZEk316dpbLsfPDZ3WJ5hRTPFU2169").unwrap();
        assert!(matches!(curve.document().unwrap_err(), Error::Unsupported { .. }));
        let exchange = DidKey::parse("did:key:z6LSbysY2xFMRpGMhb7tFTLMpeuPRaqaWM1yECx2AtzE3KCc").unwrap();
        assert_eq!(exchange.document().unwrap()["keyAgreement"][0], exchange.reference());
    }
}

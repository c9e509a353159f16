//! `did:peer`: DIDs that hold their document, or its hash (Peer DID Method Specification, "Generation Method").
//!
//! | numalgo | What it is | Resolved with |
//! | --- | --- | --- |
//! | 0 | one key | itself |
//! | 1 | the hash of a document | the document |
//! | 2 | keys and services | itself |
//! | 3 | the hash of a `did:peer:2` | the `did:peer:2` |
//! | 4, long | the hash of a document, and the document | itself |
//! | 4, short | the hash alone | the long form |

mod four;
mod two;

use std::fmt;

use serde_json::{Value, json};
use trustkeep_crypto::hash::sha256;

pub use four::PeerFour;
pub use two::{PeerTwo, Purpose};

use crate::document::contextualise;
use crate::encoding::{Object, to_base58, value};
use crate::{DidKey, Error, PublicKey, Result};

/// Bytes of the document of a `did:peer:1`.
const GENESIS_BYTES_MAX: usize = 64 << 10;
/// A SHA-256 multihash in multibase: `zQm` and 44 characters.
const MULTIHASH_CHARS: usize = 47;

/// A `did:peer`, read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PeerDid {
    /// One key.
    Zero(PublicKey),
    /// The multihash of a document.
    One(String),
    /// Keys and services.
    Two(Box<PeerTwo>),
    /// The multihash of a `did:peer:2`.
    Three(String),
    /// The long form.
    Four(Box<PeerFour>),
    /// The short form: the multihash.
    FourShort(String),
}

impl PeerDid {
    /// How it begins.
    pub const PREFIX: &str = "did:peer:";

    /// Reads any form; the hash of a long `did:peer:4` is checked.
    ///
    /// # Errors
    /// [`Error::Invalid`], [`Error::Unsupported`], [`Error::TooLarge`] or [`Error::Hash`].
    pub fn parse(text: &str) -> Result<Self> {
        let id = text.strip_prefix(Self::PREFIX).ok_or_else(|| Error::invalid("did", "not did:peer"))?;
        let (numalgo, rest) = id.split_at_checked(1).ok_or_else(|| Error::invalid("did", "no numalgo"))?;
        match numalgo {
            "0" => PublicKey::from_multibase(rest).map(Self::Zero),
            "1" => multihash_text(rest).map(Self::One),
            "2" => PeerTwo::parse(text).map(|did| Self::Two(Box::new(did))),
            "3" => multihash_text(rest).map(Self::Three),
            "4" if rest.contains(':') => PeerFour::parse(text).map(|did| Self::Four(Box::new(did))),
            "4" => multihash_text(rest).map(Self::FourShort),
            _ => Err(Error::unsupported("did", text)),
        }
    }

    /// The document, if the DID holds it; a hash needs what it was made from: [`resolve_one`],
    /// [`PeerTwo::document_of_three`], [`PeerFour::document_of_short`].
    ///
    /// # Errors
    /// As [`DidKey::document`].
    pub fn document(&self) -> Result<Option<Value>> {
        match self {
            Self::Zero(key) => zero_document(key).map(Some),
            Self::Two(did) => Ok(Some(did.document())),
            Self::Four(did) => did.document().map(Some),
            Self::One(_) | Self::Three(_) | Self::FourShort(_) => Ok(None),
        }
    }
}

impl fmt::Display for PeerDid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero(key) => write!(f, "did:peer:0{}", key.to_multibase()),
            Self::One(hash) => write!(f, "did:peer:1{hash}"),
            Self::Two(did) => f.write_str(did.as_str()),
            Self::Three(hash) => write!(f, "did:peer:3{hash}"),
            Self::Four(did) => f.write_str(did.long()),
            Self::FourShort(hash) => write!(f, "did:peer:4{hash}"),
        }
    }
}

/// The `did:peer:1` of a genesis document: JSON without `id`, hashed byte for byte.
pub fn one(genesis: &[u8]) -> String {
    format!("did:peer:1{}", multihash(genesis))
}

/// The document of a `did:peer:1` from the genesis document it was made from.
///
/// # Errors
/// [`Error::Hash`] if it was made from another one; [`Error::Invalid`] if that is no JSON object.
pub fn resolve_one(did: &str, genesis: &[u8]) -> Result<Value> {
    if one(genesis) != did {
        return Err(Error::hash(did));
    }
    let Value::Object(mut document) = value("genesis", genesis, GENESIS_BYTES_MAX)? else {
        return Err(Error::invalid("genesis", "not a JSON object"));
    };
    contextualise(&mut document, did);
    Ok(Value::Object(document))
}

/// The document of a `did:peer:0`: that of the key's `did:key`, under this name.
fn zero_document(key: &PublicKey) -> Result<Value> {
    let document = DidKey::new(key.clone()).document()?.to_string();
    let renamed = document.replace(DidKey::PREFIX, "did:peer:0");
    value("did", renamed.as_bytes(), GENESIS_BYTES_MAX)
}

/// Multibase base58btc of the SHA-256 multihash.
fn multihash(bytes: &[u8]) -> String {
    let mut prefixed = vec![0x12, 0x20];
    prefixed.extend_from_slice(&sha256(bytes));
    format!("z{}", to_base58(&prefixed))
}

fn multihash_text(text: &str) -> Result<String> {
    let base58 = |byte: u8| byte.is_ascii_alphanumeric() && !matches!(byte, b'0' | b'O' | b'I' | b'l');
    if text.len() == MULTIHASH_CHARS && text.starts_with("zQm") && text.bytes().all(base58) {
        return Ok(text.to_owned());
    }
    Err(Error::invalid("did", "not a SHA-256 multihash"))
}

/// The contexts of documents that are made from multikeys.
fn contexts() -> Value {
    json!(["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"])
}

/// Puts another name of the same subject into `alsoKnownAs`.
fn also_known_as(document: &mut Object, name: String) -> Result<()> {
    match document.entry("alsoKnownAs").or_insert_with(|| Value::Array(Vec::new())) {
        Value::Array(names) => names.push(name.into()),
        _ => return Err(Error::invalid("alsoKnownAs", "not a list")),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_is_a_key_under_another_name() {
        let id = "z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH";
        let did = PeerDid::parse(&format!("did:peer:0{id}")).unwrap();
        let document = did.document().unwrap().unwrap();
        assert_eq!(document["id"], did.to_string());
        assert_eq!(document["authentication"][0], format!("did:peer:0{id}#{id}"));
    }

    #[test]
    fn one_is_the_hash_of_its_document() {
        let genesis = br##"{"verificationMethod":[{"id":"#1","type":"x","controller":"#id"}]}"##;
        let did = one(genesis);
        assert!(matches!(PeerDid::parse(&did).unwrap(), PeerDid::One(_)));
        let document = resolve_one(&did, genesis).unwrap();
        assert_eq!(document["id"], did);
        assert_eq!(document["verificationMethod"][0]["controller"], did);
        assert_eq!(resolve_one(&did, b"{}").unwrap_err(), Error::Hash { did });
    }

    #[test]
    fn hashes_have_one_form() {
        let good = "did:peer:1zQmZMygzYqNwU6Uhmewx5Xepf2VLp5S4HLSwwgf2aiKZuwa";
        assert_eq!(PeerDid::parse(good).unwrap().to_string(), good);
        for bad in [
            "did:peer:1zQmZMygzYqNwU6Uhmewx5Xepf2VLp5S4HLSwwgf2aiKZuw",
            "did:peer:1ZQmZMygzYqNwU6Uhmewx5Xepf2VLp5S4HLSwwgf2aiKZuwa",
            "did:peer:1zQmZMygzYqNwU6Uhmewx5Xepf2VLp5S4HLSwwgf2aiKZu0a",
            "did:peer:3",
            "did:peer:4zQm",
            "did:peer:é",
        ] {
            assert!(PeerDid::parse(bad).is_err(), "{bad}");
        }
    }
}

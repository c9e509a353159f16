//! Decentralized identifiers as agents exchange them.
//!
//! [`Did::parse`] reads every form; the forms that hold their document, or hash it, are made and resolved here.
//! Those that lead to a ledger or a web server are read only as far as their syntax goes.

mod key;
pub mod peer;
mod sov;
mod unqualified;
mod web;

use std::fmt;
use std::str::FromStr;

pub use key::DidKey;
pub use peer::PeerDid;
pub use sov::DidSov;
pub use unqualified::Nym;
pub use web::DidWeb;

use crate::{Error, Result};

/// Characters of a DID that is read. A long `did:peer:4` of ACA-Py has about 700.
pub const DID_CHARS_MAX: usize = 8 << 10;

/// A DID, read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Did {
    /// A bare DID of the Indy world, as in connections/1.0.
    Unqualified(Nym),
    /// `did:sov:…`.
    Sov(DidSov),
    /// `did:key:…`.
    Key(DidKey),
    /// `did:peer:…`.
    Peer(PeerDid),
    /// `did:web:…`.
    Web(DidWeb),
    /// A DID of another method, well formed.
    Other(String),
}

impl Did {
    /// Reads a DID of any form; a DID URL (with a path, a query or a fragment) is none.
    ///
    /// # Errors
    /// [`Error::TooLarge`], [`Error::Invalid`], [`Error::Unsupported`] or [`Error::Hash`] with the field `did`.
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > DID_CHARS_MAX {
            return Err(Error::too_large("did", DID_CHARS_MAX));
        }
        let Some(rest) = text.strip_prefix("did:") else { return text.parse().map(Self::Unqualified) };
        let (method, id) = rest.split_once(':').ok_or_else(|| Error::invalid("did", "no method"))?;
        match method {
            "key" if text.contains('#') => Err(Error::invalid("did", "a reference to a key, not a DID")),
            "key" => DidKey::parse(text).map(Self::Key),
            "peer" => PeerDid::parse(text).map(Self::Peer),
            "sov" => DidSov::parse(text).map(Self::Sov),
            "web" => DidWeb::parse(text).map(Self::Web),
            _ if is_method(method) && is_id(id) => Ok(Self::Other(text.to_owned())),
            _ => Err(Error::invalid("did", "not did:method:id")),
        }
    }
}

impl FromStr for Did {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unqualified(nym) => nym.fmt(f),
            Self::Sov(did) => did.fmt(f),
            Self::Key(did) => did.fmt(f),
            Self::Peer(did) => did.fmt(f),
            Self::Web(did) => did.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

/// `method-name` of DID Core, section 3.1.
fn is_method(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// `method-specific-id` of DID Core, section 3.1.
fn is_id(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'%');
    !text.is_empty() && !text.ends_with(':') && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_form_is_told_and_written_as_it_was() {
        for text in [
            "LjgpST2rjsoxYegQDRm7EL",
            "did:sov:LjgpST2rjsoxYegQDRm7EL",
            "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH",
            "did:peer:0z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH",
            "did:web:example.com",
            "did:indy:sovrin:LjgpST2rjsoxYegQDRm7EL",
        ] {
            assert_eq!(Did::parse(text).unwrap().to_string(), text);
        }
        assert!(matches!(Did::parse("did:indy:x:y").unwrap(), Did::Other(_)));
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "",
            "did:",
            "did:x",
            "did:x:",
            "did:X:y",
            "did:x:y#z",
            "did:x:y z",
            "did:sov:1",
            "x",
            "did:web:",
            "did:key:z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH#z6MkpTHR8VNsBxYAAWHut2Geadd9jSwuBV8xRoAnwWsdvktH",
            "did:peer:5z6Mk",
            "did:peer:",
        ] {
            assert!(Did::parse(text).is_err(), "{text}");
        }
        assert_eq!(Did::parse(&"x".repeat(9000)).unwrap_err(), Error::too_large("did", DID_CHARS_MAX));
    }

    proptest! {
        #[test]
        fn any_text_is_read_in_peace(text: String, method in "(sov|key|peer|web|peer:[0-4])") {
            let _ = Did::parse(&text);
            let _ = Did::parse(&format!("did:{method}:{text}"));
        }
    }
}

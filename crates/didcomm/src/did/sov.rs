//! `did:sov`: the syntax only; what it resolves to is on a ledger, or in the document of a peer.

use std::fmt;

use super::Nym;
use crate::{Error, Result};

/// `did:sov:` and a bare DID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DidSov(Nym);

impl DidSov {
    /// How it begins.
    pub const PREFIX: &str = "did:sov:";

    /// The qualified form of a bare DID.
    pub fn new(nym: Nym) -> Self {
        Self(nym)
    }

    /// Reads `did:sov:` and a bare DID.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the field `did`.
    pub fn parse(text: &str) -> Result<Self> {
        let nym = text.strip_prefix(Self::PREFIX).ok_or_else(|| Error::invalid("did", "not did:sov"))?;
        nym.parse().map(Self)
    }

    /// The bare DID.
    pub fn nym(&self) -> Nym {
        self.0
    }
}

impl fmt::Display for DidSov {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}

//! The ways in which the agent can refuse or fail.

use std::collections::BTreeMap;

/// The agent's answer.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something was not done; nothing was changed then. Texts are for whoever asked, and hold no secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// What was named is not there: 404.
    #[error("{0}")]
    NotFound(String),
    /// What was asked for does not go: 400.
    #[error("{0}")]
    BadRequest(String),
    /// Members of the request are not as they must be: 422, with what is wrong of each.
    #[error("invalid: {0:?}")]
    Invalid(BTreeMap<String, Vec<String>>),
    /// It may be done later: 503.
    #[error("{0}")]
    Full(String),
    /// Not in this configuration: 403.
    #[error("{0}")]
    Forbidden(String),
    /// The wallet.
    #[error(transparent)]
    Wallet(#[from] trustkeep_wallet::Error),
    /// A message, a DID or a document that came from outside.
    #[error(transparent)]
    Didcomm(#[from] trustkeep_didcomm::Error),
    /// A record of the wallet that is not as it must be, and what else has no reason to happen: 500.
    #[error("{0}")]
    Internal(String),
}

impl Error {
    /// One member is not as it must be.
    pub fn invalid(field: &str, reason: impl Into<String>) -> Self {
        Self::Invalid(BTreeMap::from([(field.to_owned(), vec![reason.into()])]))
    }

    /// Whether it is what was sent or asked that is wrong, and not the wallet or the agent.
    pub(crate) fn is_theirs(&self) -> bool {
        matches!(self, Self::NotFound(_) | Self::BadRequest(_) | Self::Invalid(_) | Self::Didcomm(_))
    }

    /// ACA-Py's words for a record that is not there.
    pub(crate) fn no_record(category: &str, name: &str) -> Self {
        Self::NotFound(format!("Record not found: {category}/{name}."))
    }

    pub(crate) fn corrupt(category: &str, name: &str, why: impl std::fmt::Display) -> Self {
        Self::Internal(format!("the record {category}/{name} cannot be read: {why}"))
    }
}

//! The ways in which a wallet can refuse or fail.

/// A wallet's answer.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call did not succeed. Messages carry names, never values.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// An expectation did not hold; nothing was written. Read again and decide anew.
    #[error("conflict: {category}/{name} is not as expected")]
    Conflict {
        /// The record's category; `key` for keys.
        category: String,
        /// Its name.
        name: String,
    },
    /// What was asked for does not fit; nothing was written.
    #[error("invalid: {0}")]
    Invalid(String),
    /// There is no such wallet or profile.
    #[error("wallet not found: {0}")]
    NotFound(String),
    /// The wallet's key is wrong, or the database refuses.
    #[error("denied: {0}")]
    Denied(String),
    /// The backend cannot be reached or is overloaded; nothing was written. Trying again may help.
    #[error("wallet unavailable: {0}")]
    Unavailable(String),
    /// The backend went away during a commit that may or may not have happened.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// What was read is damaged.
    #[error("damaged: {0}")]
    Corrupt(String),
}

impl Error {
    /// Whether to read again and decide anew.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Conflict { .. })
    }
}

//! The ways in which a store can refuse or fail.

use crate::Key;

/// A store's answer to a call.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a call did not succeed. Messages carry keys, never values.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// An expectation did not hold; nothing was written. Read again and decide anew.
    #[error("conflict: the row {key:?} of {table} is not as expected")]
    Conflict {
        /// `namespace.name` of the table.
        table: String,
        /// The first row that was not as expected.
        key: Key,
    },
    /// More than the backend takes; nothing was written.
    #[error("too large: {found} {what}, at most {max}")]
    Limit {
        /// What was counted, with its unit.
        what: String,
        /// How many there were.
        found: usize,
        /// How many there may be.
        max: usize,
    },
    /// A key, row or scan that does not fit its table; nothing was written.
    #[error("invalid: {0}")]
    Invalid(String),
    /// A table is missing or stands in another shape, or the store was written by a newer version.
    #[error("schema: {0}")]
    Schema(String),
    /// The backend refused for lack of a right; the message names the right.
    #[error("denied: {0}")]
    Denied(String),
    /// The backend cannot be reached or is overloaded; nothing was written. Trying again may help.
    #[error("store unavailable: {0}")]
    Unavailable(String),
    /// The backend went away during a commit that may or may not have happened.
    #[error("outcome unknown: {0}")]
    OutcomeUnknown(String),
    /// What was read is damaged.
    #[error("damaged: {0}")]
    Corrupt(String),
}

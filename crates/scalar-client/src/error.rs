//! What this side refuses, in the words and numbers of the original's client.

use trustkeep_scalar_rpc::{Error, StatusCode};

/// A wrong argument or configuration: `DL-CLIENT-414…`.
pub(crate) fn invalid(id: u32, text: &str) -> Error {
    Error::numbered(StatusCode::InvalidArgument, "CLIENT", id, text)
}

/// The client forwards what others signed, and has no identity of its own.
pub(crate) fn wrong_mode() -> Error {
    invalid(11, "The specified client mode is incorrect.")
}

/// Ledger and Auditor do not say the same.
pub(crate) fn inconsistent() -> Error {
    Error::numbered(
        StatusCode::InconsistentStates,
        "CLIENT",
        1,
        "The results from Ledger and Auditor don't match.",
    )
}

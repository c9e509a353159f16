//! The Ledger's errors by the original's numbers.

use trustkeep_scalar_domain::errors::{Access, namespace_not_found};
use trustkeep_scalar_rpc::{Error, StatusCode};
use trustkeep_store::Error as StoreError;

/// Registering a function.
pub(crate) const BIND_FUNCTION: Access = access(1, 0, "Binding the function failed");
/// Reading a function.
pub(crate) const GET_FUNCTION: Access = access(3, 0, "Getting the function failed");
/// Before anything of a transaction.
pub(crate) const START: Access = access(4, 0, "Starting a transaction failed");
/// Reading what a transaction came to.
pub(crate) const GET_STATE: Access = access(5, 0, "Getting the transaction state failed");
/// The commit of a transaction.
pub(crate) const COMMIT: Access = access(6, 4, "Committing the asset records failed");
/// Reading states of assets.
pub(crate) const GET_ASSET: Access = access(8, 2, "Retrieving the asset records failed");
/// Reading which state of an asset is the latest.
pub(crate) const GET_METADATA: Access = access(9, 5, "Retrieving the asset metadata failed");
/// Reading and writing mutable records.
pub(crate) const MUTABLE: Access = access(11, 7, "The database operation in the function failed");

const fn access(database: u32, conflict: u32, text: &'static str) -> Access {
    Access { component: "LEDGER", text, database, conflict }
}

/// An error of the Ledger with its number.
pub(crate) fn ledger(code: StatusCode, id: u32, text: impl AsRef<str>) -> Error {
    Error::numbered(code, "LEDGER", id, text)
}

/// A table that is not there means that its namespace is not.
pub(crate) fn reading(namespace: &str, access: Access) -> impl Fn(StoreError) -> Error {
    move |error| match error {
        StoreError::Schema(_) => namespace_not_found(namespace),
        error => access.error(&error),
    }
}

/// The row of an asset that its metadata names is not there, or the other way round.
pub(crate) fn inconsistent() -> Error {
    ledger(StatusCode::InconsistentStates, 1, "The specified asset and the asset metadata are inconsistent.")
}

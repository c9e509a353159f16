//! The Auditor's errors by the original's numbers.

use trustkeep_scalar_domain::asset::AssetKey;
use trustkeep_scalar_domain::errors::Access;
use trustkeep_scalar_rpc::{Error, StatusCode};

fn auditor(code: StatusCode, id: u32, text: impl AsRef<str>) -> Error {
    Error::numbered(code, "AUDITOR", id, text)
}

fn inconsistent(id: u32, text: impl AsRef<str>) -> Error {
    auditor(StatusCode::InconsistentStates, id, text)
}

fn named(key: &AssetKey) -> String {
    format!("Namespace: {}, asset: {}", key.namespace, key.id)
}

/// The nonce was ordered before.
pub(crate) fn nonce_used() -> Error {
    auditor(StatusCode::InvalidNonce, 1, "The nonce has already been used.")
}

/// The request differs from the one that was ordered under its nonce.
pub(crate) fn request_differs() -> Error {
    inconsistent(1, "The request has been tampered with.")
}

/// The Ledger has no proof of a state that it says, or must, have committed.
pub(crate) fn proof_absent(key: &AssetKey) -> Error {
    inconsistent(2, format!("The specified asset proof doesn't exist in Ledger. {}", named(key)))
}

/// Nothing was ordered under the nonce.
pub(crate) fn request_proof_absent() -> Error {
    inconsistent(3, "The specified request proof doesn't exist.")
}

/// A hash of the Ledger's, or of a row of our own, is not the one that follows from what was requested.
pub(crate) fn hash_differs(key: &AssetKey) -> Error {
    inconsistent(4, format!("Hash validation failed. {}", named(key)))
}

/// A lock that was taken is gone.
pub(crate) fn lock_absent(key: &AssetKey) -> Error {
    inconsistent(
        5,
        format!(
            "The specified lock entry doesn't exist. A bug might exist, or tampering might have occurred. {}",
            named(key)
        ),
    )
}

/// A proof that cannot be of this request.
pub(crate) fn invalid_proof(key: &AssetKey) -> Error {
    inconsistent(6, format!("An invalid asset proof is given for {}.", named(key)))
}

/// A state that the lock counts is not among our rows.
pub(crate) fn asset_absent(key: &AssetKey) -> Error {
    inconsistent(7, format!("The expected asset record doesn't exist. {}", named(key)))
}

/// Rows, locks and proofs of one asset do not fit together.
pub(crate) fn lock_inconsistent(key: &AssetKey) -> Error {
    inconsistent(8, format!("The specified asset and the asset lock are inconsistent. {}", named(key)))
}

/// A stored lock of a kind that there is not.
pub(crate) fn lock_type(kind: i64) -> Error {
    inconsistent(9, format!("The specified lock type is not supported. Type: {kind}"))
}

/// Purging is not configured.
pub(crate) fn purge_disabled() -> Error {
    auditor(StatusCode::InvalidRequest, 2, "Purging the transaction state is disabled.")
}

/// There is no such asset.
pub(crate) fn asset_not_found() -> Error {
    auditor(StatusCode::AssetNotFound, 1, "The specified asset is not found.")
}

/// Someone else writes the asset.
pub(crate) fn held_by_writer() -> Error {
    auditor(StatusCode::Conflict, 1, "The specified lock entry is currently held by a writer.")
}

/// Someone else reads the asset, or it changes too often just now.
pub(crate) fn in_use() -> Error {
    auditor(StatusCode::Conflict, 2, "The specified asset record is in use.")
}

/// What was ordered was given up meanwhile: the Ledger had not committed it.
pub(crate) fn recovered() -> Error {
    auditor(StatusCode::Conflict, 3, "The entry has already been recovered, or an issue might have occurred.")
}

/// Another process purges just now.
pub(crate) fn purge_running() -> Error {
    auditor(StatusCode::Conflict, 4, "Another purge of the transaction state is running.")
}

/// The Ledger did not answer what it was asked; its own sentence says why, if it gave one.
pub(crate) fn ledger_failed(error: &Error) -> Error {
    let details = format!("{} ({})", error.message, error.code.name());
    auditor(StatusCode::Unavailable, 1, format!("Calling Ledger failed. Details: {details}"))
}

/// The Ledger committed, the comparison held, and yet it could not be written down for the crowd of others at the
/// same locks: a retry of the validation mends it, a new execution would be a second one.
pub(crate) fn validation_unwritten() -> Error {
    Error::new(
        StatusCode::UnknownTransactionStatus,
        "The validation succeeded but could not be recorded because the assets are in heavy use: validate the same request again",
    )
}

/// Binding a request proof to its nonce, with the locks that go with it.
pub(crate) const ORDERING: Access = access(1, "Binding the request proof failed", 2);
/// Getting a request proof.
pub(crate) const PROOF_READING: Access = access(2, "Getting the request proof failed", 2);
/// Binding the rows of assets, with the release of their locks.
pub(crate) const BINDING: Access = access(3, "Binding the asset record failed", 2);
/// Reading the rows of assets.
pub(crate) const ASSET_READING: Access = access(4, "Retrieving the asset records failed", 2);
/// Reading locks.
pub(crate) const LOCK_READING: Access = access(5, "Getting the asset lock failed", 2);
/// Purging request proofs.
pub(crate) const PURGING: Access = access(6, "Purging the request proof failed", 4);

const fn access(database: u32, text: &'static str, conflict: u32) -> Access {
    Access { component: "AUDITOR", text, database, conflict }
}

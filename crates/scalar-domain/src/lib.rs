//! What the two administrative domains of tamper-evident records have alike.
//!
//! A Ledger and an Auditor keep the same kinds of identities, namespaces and contracts, run the same contracts on the
//! same kind of assets, and serve gRPC in the same way. What only one of them does is in its own crate: committing
//! and proving in `ledger`, ordering and comparing in `auditor`.
//!
//! # Invariants
//! - Both domains compute the same bytes: [`asset`] is the one place where a row is composed and hashed, and
//!   [`execution`] the one way to run a contract.
//! - A contract reaches nothing but its [`execution::AssetReader`].

pub mod asset;
pub mod blocking;
pub mod brief;
pub mod contracts;
pub mod edge;
pub mod errors;
pub mod execution;
pub mod identities;
pub mod namespaces;
pub mod requests;
pub mod settings;
pub mod tables;
#[cfg(test)]
mod testing;

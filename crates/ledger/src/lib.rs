//! The Ledger: assets that only grow, each state bound to the one before and to the request that made it.
//!
//! One of the two administrative domains of tamper-evident records, with the protocol of Scalar DL 3.14. It executes
//! contracts as optimistic transactions over a store and signs what it wrote.
//!
//! # Invariants
//! - An execution is one commit: what it read is expected unchanged, what it writes is new, and its nonce was never
//!   decided before. Several Ledgers on one store need nothing else between them.
//! - Only what can never change is kept in memory.
//! - A nonce is refused for ever once a transaction of it was committed or aborted.

mod assets;
mod execution;
mod failure;
mod functions;
pub mod grpc;

mod mutable;
mod proofs;
mod reader;
mod service;
pub mod settings;
mod states;
mod tables;
mod validation;

pub use mutable::define_tables;
pub use service::Ledger;
pub use tables::{namespace_tables, shared_tables};

#[cfg(test)]
mod tests;

//! The Auditor of tamper-evident records: the administrative domain that does not trust the other one.
//!
//! A client's request goes to the Auditor twice. Before the Ledger executes it, the Auditor executes it on rows of its
//! own to learn what it reads and writes, keeps a proof of the request, and locks those assets: `ordering`. After the
//! Ledger has committed, the Auditor holds the Ledger's proofs against what it computed itself, hash by hash, and
//! writes the same rows: `validation`. So an asset cannot change, go back, fork or vanish in one domain without the
//! other one noticing at the next access. What a client that vanished has left is ended by asking the Ledger:
//! `recovery`.
//!
//! Not here: functions and mutable records, which only the Ledger has, and what both domains share
//! (`trustkeep_scalar_domain`).
//!
//! # Invariants
//! - All locks of a request are taken in one commit together with its request proof, and released in one commit
//!   together with its rows. There is no state between.
//! - Locks are released only when what the Ledger committed was compared and held, or when the Ledger said that it will
//!   never commit. Whatever did not hold stays locked: the evidence.
//! - A row is appended only at the age after the one that its lock counts, and only where there is none.
//! - A nonce is ordered once, also after its request proof was purged.
//! - Correctness comes from the store's expectations alone, so that several processes may be one Auditor. Memory and
//!   clocks only save work and time.

mod books;
mod case;
mod claims;
mod failure;
pub mod grpc;
mod keys;
mod ledger;
mod locks;
mod metrics;
mod ordering;
mod orders;
mod purge;
mod reading;
mod recovery;
mod registration;
mod request;
mod service;
mod settings;
mod settling;
mod simulation;
mod tables;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod validation;

pub use service::Auditor;
pub use settings::{AuditorSettings, GRACE, PurgeSettings};
pub use tables::{namespace_tables, shared_tables};

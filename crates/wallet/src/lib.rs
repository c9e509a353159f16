//! The wallet contract: what an agent keeps its identity in.
//!
//! A wallet holds **records** (a category, a name in it, a value, and tags to find it by), **keys**, and **queues** of
//! work that must not be lost. It has the shape of an Askar store, so that a wallet made by ACA-Py opens as it is; a
//! [`Backend`] stands behind it, and [`Wallet`] in front, which carries many commits in one transaction.
//!
//! There is one way to change anything: [`Wallet::commit`] of a [`Batch`], carried out only if every expectation holds.
//! What a message changes, what it sends and what it tells the controller is one batch.
//!
//! **What it is not**: it knows no protocol, no connection, no database, and caches nothing.
//!
//! Invariants:
//! - A commit that was acknowledged is durable; one that gave [`Error::Conflict`] changed nothing, and whoever made it reads
//!   again. Only [`Error::OutcomeUnknown`] leaves open whether it happened.
//! - Commits of all processes on one wallet follow one another: what one expects, no other changes meanwhile.
//! - Entries of one lane of a queue are seen in the order of the commits that put them there.
//! - Secrets are cleared when dropped and never printed.

mod backend;
mod batch;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod filter;
mod group;
mod key;
pub mod lease;
mod memory;
pub mod queue;
mod record;

pub use backend::{Backend, Changes};
pub use batch::{Batch, Expect, Write};
pub use error::{Error, Result};
pub use filter::{Filter, Query};
pub use group::Wallet;
pub use key::{KeyAlgorithm, StoredKey};
pub use memory::MemoryWallet;
pub use record::{Record, Tag};

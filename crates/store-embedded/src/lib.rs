//! The [store contract](trustkeep_store) in one directory: crash-safe, with group commit.
//!
//! An ordered engine keeps the rows. One thread, the committer, owns all writes: it takes every commit that waits,
//! checks their expectations, writes the group with one disk write and answers. Readers read from memory or from
//! the engine, never waiting for a writer.
//!
//! Not here: replication, encryption (what must be secret is encrypted before it comes here) and use by several
//! processes: the directory is locked.
//!
//! # Invariants
//! - An answered commit is on disk (`fdatasync`), and the witness outside the engine knows of it. A store of which
//!   such commits are missing is not opened.
//! - A commit becomes visible whole, to single reads as to scans.
//! - After a write that failed, nothing more is acknowledged until the store is opened again.
//!
//! # Example
//! ```
//! use trustkeep_store::{ColumnType::{Int, Text}, Commit, Key, Row, Store, Table};
//! use trustkeep_store_embedded::{EmbeddedStore, Settings};
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! # let parent = tempfile::tempdir()?; let dir = parent.path().join("store");
//! let account = Table::define("bank", "account").partition("owner", Text).column("balance", Int).build()?;
//! let store = EmbeddedStore::open(Settings::new(&dir))?;
//! store.create_tables(&[account.clone()]).await?;
//! store.commit(Commit::new().put(&account, Key::of("alice"), Row::of([10]))).await?;
//! store.close().await;
//!
//! let store = EmbeddedStore::open(Settings::new(&dir))?;
//! let alice = store.get(&account, &Key::of("alice")).await?.ok_or("missing")?;
//! assert_eq!(alice.int(0), Some(10));
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backup;
mod cache;
mod catalogue;
mod chain;
mod committer;
mod core;
mod directory;
mod engine;
mod head;
mod journal;
mod key_code;
mod metrics;
mod plan;
mod queue;
mod row_code;
mod settings;
mod store;

pub use backup::{Backup, import, tables};
pub use settings::Settings;
pub use store::{EmbeddedStore, Loss};

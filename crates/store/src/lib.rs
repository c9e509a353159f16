//! The store contract: what every service keeps its state in.
//!
//! A store holds **tables of records**. A record has a partition key, an optional clustering key and typed
//! columns; records of one partition are ordered by their clustering key. That is the shape that
//! PostgreSQL, DynamoDB and an ordered embedded engine all have natively.
//!
//! There is one way to change anything: [`Store::commit`], atomic over any rows of any tables of one store,
//! carried out only if every expectation holds. Optimistic transactions, compare-and-set, leases with
//! fencing and idempotency are all built from it.
//!
//! Not here: SQL, secondary indexes, expiry, encryption, and any knowledge of a database. Those are the
//! backends' (`store-*`) or the services' own.
//!
//! # Invariants
//! - A commit that was acknowledged is durable, and is seen by every read that starts after it.
//! - A commit that answered [`Error::Conflict`], [`Error::Limit`] or [`Error::Invalid`] changed nothing.
//! - [`Error::OutcomeUnknown`] is the only answer that leaves open whether a commit happened.
//! - A row's [`Version`] differs after every change of the row and never comes back, not even when the row is
//!   deleted and made anew.
//!
//! # Example
//! ```
//! use trustkeep_store::{Commit, Key, MemoryStore, Row, Store, Table, ColumnType::{Text, Int}};
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let account = Table::define("bank", "account").partition("owner", Text).column("balance", Int).build()?;
//! let store = MemoryStore::new();
//! store.create_tables(&[account.clone()]).await?;
//!
//! let key = Key::of("alice");
//! store.commit(Commit::new().expect_absent(&account, key.clone()).put(&account, key.clone(), Row::of([10]))).await?;
//!
//! let seen = store.get(&account, &key).await?.ok_or("missing")?;
//! let spend = Commit::new()
//!     .expect_version(&account, key.clone(), seen.version)
//!     .put(&account, key.clone(), Row::of([seen.int(0).unwrap_or(0) - 3]));
//! store.commit(spend).await?;
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cache;
mod commit;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod lease;
mod limits;
mod memory;
mod record;
mod scan;
mod table;
mod value;

pub use cache::{CachedStore, RecordCache};
pub use commit::{Commit, Expect, Write};
pub use error::{Error, Result};
pub use lease::{Contender, Hold, Lease, LeaseHolder, LeaseSettings, lease_table};
pub use limits::Limits;
pub use memory::MemoryStore;
pub use record::{Key, Record, Row, Version};
pub use scan::{Order, Page, Range, Scan};
pub use table::{Column, ColumnType, Table, TableBuilder};
pub use value::Value;

use std::sync::Arc;

/// A store as services see it: `Arc<dyn Store>`.
pub type SharedStore = Arc<dyn Store>;

/// A place that keeps records. Cheap to share; every method may be called from any task.
///
/// Reads are strongly consistent. All methods answer [`Error::Unavailable`] when the backend cannot be reached
/// and [`Error::Denied`] when it refuses for lack of a right.
#[async_trait::async_trait]
pub trait Store: Send + Sync + std::fmt::Debug + 'static {
    /// What this backend accepts at most; checked before anything is written.
    fn limits(&self) -> Limits;

    /// Whether [`Store::get`] and a short [`Store::scan`] answer when they are first polled: what they read is in this
    /// process, or in one or two blocks of its disk.
    fn reads_at_once(&self) -> bool {
        false
    }

    /// Makes the tables that are missing and leaves the others as they are. Idempotent.
    /// A table that stands in another shape gives [`Error::Schema`].
    async fn create_tables(&self, tables: &[Table]) -> Result<()>;

    /// The record under `key`, or `None`. A table that was never created gives [`Error::Schema`].
    async fn get(&self, table: &Table, key: &Key) -> Result<Option<Arc<Record>>>;

    /// The records of one partition in the order of their clustering keys.
    async fn scan(&self, table: &Table, scan: &Scan) -> Result<Page>;

    /// Every record of a table, in an order the backend chooses, `limit` at a time: for export and migration.
    /// `after` is the last key of the page before.
    async fn scan_table(&self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page>;

    /// Carries out all writes if every expectation holds, else answers [`Error::Conflict`] and changes nothing.
    /// Returns, once durable, the version that each written row now has.
    ///
    /// A commit without writes checks its expectations at one point in time.
    async fn commit(&self, commit: Commit) -> Result<Version>;
}

//! The store contract of `trustkeep-store` on Amazon DynamoDB.
//!
//! Each logical table lies in a DynamoDB table of its own, or several lie within one that was made by hand
//! (see [`Layout`]). Text is S, bytes B, integers N, truth values BOOL; an empty column is an absent attribute.
//! Every row carries its version in one more attribute; items without it, written by other programs, can be
//! read and replaced and are at `Version(0)`.
//!
//! A commit is one conditional `TransactWriteItems`; commits that wait at the same time and touch disjoint rows
//! share one (at most 100 rows, 3.9 MB). Replacing one row at a version that was read is a conditional
//! `PutItem`, at half the price.
//!
//! Not here: credentials chains (any provider of the SDK's kind will do), secondary indexes, expiry, backups.
//!
//! # Invariants
//! - Every read is strongly consistent.
//! - What was acknowledged happened once. A request whose answer was lost is repeated only where DynamoDB
//!   recognises it (by its token) or where its condition can hold only once.
//! - A version is 63 fresh random bits and never zero.
//! - Rows of other logical tables in a shared DynamoDB table are neither seen nor changed.
//!
//! # Rights
//! `GetItem`, `PutItem`, `DeleteItem`, `Query`; `ConditionCheckItem`, or `UpdateItem` with
//! [`Settings::fence_by_update`]; `Scan` for exports of tables without a fixed partition; `DescribeTable`, and
//! `CreateTable` unless the tables exist.
//!
//! # Example
//! A table made by hand, keys `Path` and `Key`, that holds entries and, among them, leases and our own mark:
//! ```
//! use trustkeep_store_dynamodb::{DynamoStore, Layout, Settings};
//! use trustkeep_store::{ColumnType::{Bytes, Text}, Table};
//!
//! let shared = || Layout::within("vault-table", "Path", "Key");
//! let settings = Settings::new("eu-central-1", Settings::static_credentials("id", "secret", None))
//!     .lay_out("vault.entry", shared().attribute("value", "Value").attribute("version", "Version").into())
//!     .lay_out("vault.lease", shared().under("core", "_").into())
//!     .lay_out("trustkeep.format", shared().under("core", "_trustkeep-").into());
//!
//! let entry = Table::define("vault", "entry").partition("path", Text).clustering("key", Text);
//! let entry = entry.column("value", Bytes).build()?;
//! let text = DynamoStore::describe(&settings, &[entry])?;
//! assert!(text.contains("RANGE key  Key (S)"));
//! # Ok::<(), trustkeep_store::Error>(())
//! ```
//! With a runtime, `DynamoStore::open(settings, random).await` connects.

mod client;
mod condition;
mod failure;
mod format;
mod group;
mod item;
mod layout;
mod metrics;
mod place;
mod queue;
mod scan;
mod schema;
mod settings;
mod store;

pub use format::format_table;
pub use layout::{Layout, Own, Within};
pub use settings::{Capacity, Settings};
pub use store::DynamoStore;

//! The behavioural suite that every backend passes.
//!
//! A backend's tests write a [`Harness`] and stamp the suite with [`conformance!`](crate::conformance!):
//!
//! ```
//! use trustkeep_store::{MemoryStore, SharedStore, conformance::Harness};
//!
//! struct Memory;
//!
//! #[async_trait::async_trait]
//! impl Harness for Memory {
//!     async fn open(&self) -> SharedStore {
//!         std::sync::Arc::new(MemoryStore::new())
//!     }
//! }
//!
//! async fn memory() -> Option<Memory> {
//!     Some(Memory)
//! }
//!
//! trustkeep_store::conformance!(memory);
//! ```
//!
//! Random cases print their seed when they fail; `TRUSTKEEP_SEED=<number>` replays it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "this is a test suite: it reports by panicking"
)]

pub mod commits;
pub mod concurrency;
pub mod histories;
pub mod leases;
pub mod records;
pub mod scans;

use std::time::Duration;

use rand::{SeedableRng, rngs::StdRng};

use crate::ColumnType::{Bool, Bytes, Int, Text};
use crate::{Record, Result, Row, SharedStore, Store, Table, Value};

/// How the suite gets at a backend. One harness is made for each case.
#[async_trait::async_trait]
pub trait Harness: Send + Sync {
    /// A fresh store that shares no data with any other the harness opened.
    async fn open(&self) -> SharedStore;

    /// Closes `store` and opens its data again, or `None` where nothing outlives a store.
    async fn reopen(&self, _store: SharedStore) -> Option<SharedStore> {
        None
    }

    /// How much work a case may make.
    fn scale(&self) -> Scale {
        Scale::FULL
    }
}

/// How much work a case makes.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Rows of the paging cases.
    pub rows: usize,
    /// Steps of a random history.
    pub steps: usize,
    /// Tasks of a concurrent history.
    pub tasks: usize,
    /// Transactions of each task.
    pub transactions: usize,
    /// Time to live of leases; some cases wait for it to pass.
    pub lease_ttl: Duration,
}

impl Scale {
    /// For backends that answer in about a millisecond.
    pub const FULL: Scale = Scale {
        rows: 1_000,
        steps: 1_500,
        tasks: 12,
        transactions: 60,
        lease_ttl: Duration::from_millis(600),
    };

    /// For slow emulators.
    pub const SMALL: Scale =
        Scale { rows: 250, steps: 200, tasks: 4, transactions: 15, lease_ttl: Duration::from_millis(1_500) };
}

/// Stamps every case of the suite as a `#[tokio::test]` of its own.
///
/// Takes the path of an `async fn() -> Option<impl Harness>`, which is called for each case; where it answers
/// `None` there is nothing to test against (it says why itself) and the case ends. The calling crate needs
/// `tokio` among its dev-dependencies and this crate with the feature `conformance`.
#[macro_export]
macro_rules! conformance {
    ($harness:path) => {
        $crate::conformance!(@module $harness, records:
            a_record_reads_back_as_written,
            every_column_type_and_emptiness_is_kept,
            a_put_replaces_the_whole_row,
            a_delete_removes_only_its_row,
            tables_do_not_share_rows,
            the_largest_keys_and_rows_are_kept,
            a_missing_table_is_a_schema_error,
            making_tables_is_idempotent_and_refuses_another_shape,
            data_outlives_the_store,
        );
        $crate::conformance!(@module $harness, scans:
            text_is_ordered_by_its_bytes,
            bytes_are_ordered_bytewise,
            integers_are_ordered_numerically,
            every_bound_in_both_directions,
            empty_ranges_give_empty_pages,
            paging_visits_every_record_once,
            a_whole_table_is_visited_exactly_once,
            bad_scans_are_refused,
        );
        $crate::conformance!(@module $harness, commits:
            expectations_decide,
            a_failed_expectation_writes_nothing_anywhere,
            versions_never_come_back,
            a_commit_without_writes_checks,
            one_commit_can_look_and_write_at_the_same_row,
            several_expectations_may_look_at_one_row,
            writing_a_row_twice_is_refused,
            keys_that_do_not_fit_are_refused,
            too_much_is_refused_before_anything_is_written,
            as_many_rows_as_allowed_are_taken,
        );
        $crate::conformance!(@module $harness, histories: random_histories_match_the_model,);
        $crate::conformance!(@module $harness, concurrency:
            concurrent_histories_are_strictly_serialisable,
            money_is_neither_made_nor_lost,
            concurrent_counters_lose_no_increment,
            one_of_many_makes_a_row,
        );
        $crate::conformance!(@module $harness, leases:
            a_lease_is_held_and_renewed,
            a_released_lease_passes_on_at_once,
            a_lease_is_stolen_only_after_its_time,
            a_commit_of_a_former_holder_is_refused,
            one_of_two_contenders_wins,
        );
    };
    (@module $harness:path, $module:ident: $($case:ident,)+) => {
        mod $module {
            use super::*;

            $(
                #[::tokio::test(flavor = "multi_thread")]
                async fn $case() {
                    if let Some(harness) = $harness().await {
                        $crate::conformance::$module::$case(&harness).await;
                    }
                }
            )+
        }
    };
}

/// A table of the suite.
fn table(name: &str, partition: crate::ColumnType, clustering: Option<crate::ColumnType>) -> Table {
    let mut builder = Table::define("conformance", name).partition("part", partition);
    if let Some(clustering) = clustering {
        builder = builder.clustering("place", clustering);
    }
    builder
        .column("words", Text)
        .column("data", Bytes)
        .column("amount", Int)
        .column("flag", Bool)
        .build()
        .expect("the suite's tables are well-formed")
}

/// A row of such a table that holds `amount` only.
fn amount(amount: i64) -> Row {
    Row::new(vec![None, None, Some(Value::Int(amount)), None])
}

/// What column `amount` holds.
fn amount_of(record: &Record) -> i64 {
    record.int(AMOUNT).expect("the row has an amount")
}

const AMOUNT: usize = 2;

async fn with_tables<H: Harness + ?Sized>(harness: &H, tables: &[&Table]) -> SharedStore {
    let store = harness.open().await;
    let tables: Vec<Table> = tables.iter().map(|table| (*table).clone()).collect();
    store.create_tables(&tables).await.expect("tables are made");
    store
}

/// All records of a table by [`Store::scan_table`](crate::Store::scan_table).
async fn everything(store: &dyn Store, table: &Table, limit: usize) -> Result<Vec<std::sync::Arc<Record>>> {
    let mut records: Vec<std::sync::Arc<Record>> = Vec::new();
    loop {
        let after = records.last().map(|record| record.key.clone());
        let page = store.scan_table(table, after.as_ref(), limit).await?;
        assert!(page.records.len() <= limit, "a page holds more than its limit");
        assert!(!page.more || !page.records.is_empty(), "an empty page says that there is more");
        records.extend(page.records);
        if !page.more {
            return Ok(records);
        }
    }
}

/// A seeded generator, and the seed for the failure message.
fn seeded() -> (u64, StdRng) {
    let seed = match std::env::var("TRUSTKEEP_SEED") {
        Ok(text) => text.parse().expect("TRUSTKEEP_SEED is a number"),
        Err(_) => rand::random(),
    };
    (seed, StdRng::seed_from_u64(seed))
}

//! The suite of the store contract, on both emulators, in each layout and way of fencing.

use std::sync::Arc;

use trustkeep_store::conformance::{Harness, Scale};
use trustkeep_store::{Commit, Key, Limits, Page, Record, Result, Scan, SharedStore, Store, Table, Version};
use trustkeep_store_dynamodb::Settings;

use crate::emulator::{self, Emulator};
use crate::shared::SharedTable;

struct OnEmulator {
    emulator: Emulator,
    settings: parking_lot::Mutex<Option<Settings>>,
    shared: bool,
    fence_by_update: bool,
}

impl OnEmulator {
    fn new(emulator: Option<Emulator>, shared: bool, fence_by_update: bool) -> Option<Self> {
        Some(OnEmulator {
            emulator: emulator?,
            settings: parking_lot::Mutex::default(),
            shared,
            fence_by_update,
        })
    }

    async fn open_with(&self, settings: Settings) -> SharedStore {
        let store: SharedStore = if self.shared {
            Arc::new(SharedTable::open(settings).await)
        } else {
            Arc::new(emulator::open(settings).await)
        };
        if store.limits().commit_rows_max < CASE_ROWS { Arc::new(InPieces(store)) } else { store }
    }
}

#[async_trait::async_trait]
impl Harness for OnEmulator {
    async fn open(&self) -> SharedStore {
        let settings = Settings { fence_by_update: self.fence_by_update, ..self.emulator.settings() };
        *self.settings.lock() = Some(settings.clone());
        self.open_with(settings).await
    }

    async fn reopen(&self, store: SharedStore) -> Option<SharedStore> {
        drop(store);
        let settings = self.settings.lock().clone();
        Some(self.open_with(settings?).await)
    }

    fn scale(&self) -> Scale {
        Scale::SMALL
    }
}

/// The suite fills tables with commits of this many rows, whatever the limits are.
const CASE_ROWS: usize = 25;

/// For an emulator that takes fewer rows in a transaction than DynamoDB and the suite: fills a table in pieces.
/// Everything else, also what is to be refused as too large, goes through as it is.
#[derive(Debug)]
struct InPieces(SharedStore);

#[async_trait::async_trait]
impl Store for InPieces {
    fn limits(&self) -> Limits {
        self.0.limits()
    }

    async fn create_tables(&self, tables: &[Table]) -> Result<()> {
        self.0.create_tables(tables).await
    }

    async fn get(&self, table: &Table, key: &Key) -> Result<Option<Arc<Record>>> {
        self.0.get(table, key).await
    }

    async fn scan(&self, table: &Table, scan: &Scan) -> Result<Page> {
        self.0.scan(table, scan).await
    }

    async fn scan_table(&self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page> {
        self.0.scan_table(table, after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version> {
        if commit.writes.len() != CASE_ROWS || !commit.expectations.is_empty() {
            return self.0.commit(commit).await;
        }
        let mut last = Version(0);
        for writes in commit.writes.chunks(self.limits().commit_rows_max) {
            last = self.0.commit(Commit { expectations: Vec::new(), writes: writes.to_vec() }).await?;
        }
        Ok(last)
    }
}

mod dynamodb_local {
    use super::*;

    async fn own_tables() -> Option<OnEmulator> {
        OnEmulator::new(Emulator::dynamodb_local(), false, false)
    }

    trustkeep_store::conformance!(own_tables);
}

mod dynamodb_local_fenced_by_update {
    use super::*;

    async fn own_tables() -> Option<OnEmulator> {
        OnEmulator::new(Emulator::dynamodb_local(), false, true)
    }

    trustkeep_store::conformance!(own_tables);
}

mod dynamodb_local_shared_table {
    use super::*;

    async fn shared_table() -> Option<OnEmulator> {
        OnEmulator::new(Emulator::dynamodb_local(), true, false)
    }

    trustkeep_store::conformance!(shared_table);
}

mod moto {
    use super::*;

    async fn own_tables() -> Option<OnEmulator> {
        OnEmulator::new(Emulator::moto(), false, false)
    }

    trustkeep_store::conformance!(own_tables);
}

mod moto_shared_table_fenced_by_update {
    use super::*;

    async fn shared_table() -> Option<OnEmulator> {
        OnEmulator::new(Emulator::moto(), true, true)
    }

    trustkeep_store::conformance!(shared_table);
}

//! What readers and the committer share.

use std::ops::Bound;
use std::sync::{Arc, OnceLock};

use parking_lot::RwLock;
use trustkeep_store::{Error, Key, Limits, Order, Page, Record, Result, Scan, Table};

use crate::cache::{RecordCache, read_through};
use crate::catalogue::Catalogue;
use crate::committer::Request;
use crate::directory::Directory;
use crate::engine::{Engine, View};
use crate::metrics::Metrics;
use crate::queue::Queue;
use crate::{key_code, row_code};

/// The open store. Its fields are dropped in this order: the directory is given back last.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) queue: Queue<Request>,
    pub(crate) catalogue: RwLock<Catalogue>,
    pub(crate) cache: RecordCache,
    pub(crate) metrics: Metrics,
    /// Why no more commits are taken.
    pub(crate) broken: OnceLock<String>,
    pub(crate) reserve_bytes: u64,
    pub(crate) engine: Engine,
    pub(crate) directory: Directory,
}

impl Core {
    /// The record under a checked key.
    pub(crate) fn get(&self, table: &Table, key: &Key) -> Result<Option<Arc<Record>>> {
        let id = self.catalogue.read().id(table)?;
        let encoded = key_code::encode(id, table, key);
        let (record, hit) = read_through(&self.cache, &encoded, || self.read(table, key, &encoded))?;
        self.metrics.read(hit);
        Ok(record)
    }

    /// The record that the committer's next group stands on.
    pub(crate) fn current(&self, table: &Table, key: &Key, encoded: &[u8]) -> Result<Option<Arc<Record>>> {
        match self.cache.peek(encoded) {
            Some(record) => Ok(Some(record)),
            None => Ok(self.read(table, key, encoded)?.map(Arc::new)),
        }
    }

    fn read(&self, table: &Table, key: &Key, encoded: &[u8]) -> Result<Option<Record>> {
        let value = self.engine.get(&self.engine.view(), encoded)?;
        value.map(|value| row_code::decode(table, key.clone(), &value)).transpose()
    }

    /// The page that a checked scan asks for.
    pub(crate) fn scan(&self, table: &Table, scan: &Scan) -> Result<Page> {
        let id = self.catalogue.read().id(table)?;
        if scan.range.is_empty() {
            return Ok(Page::default());
        }
        let prefix = key_code::partition_prefix(id, table, &scan.partition);
        let start = match &scan.range.start {
            Bound::Unbounded => Bound::Included(prefix.clone()),
            bound => bound.as_ref().map(|value| key_code::within(&prefix, value)),
        };
        let end = match &scan.range.end {
            Bound::Unbounded => upper(&prefix),
            bound => bound.as_ref().map(|value| key_code::within(&prefix, value)),
        };
        let rows = self.engine.range(&self.engine.view(), (start, end));
        match scan.order {
            Order::Ascending => page(table, rows, scan.limit),
            Order::Descending => page(table, rows.rev(), scan.limit),
        }
    }

    /// A page of all records of a table behind `after`, in the order of their encoded keys.
    pub(crate) fn scan_table(&self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page> {
        let id = self.catalogue.read().id(table)?;
        if let Some(key) = after {
            table.check_key(key)?;
            Limits::WIDE.check_key(table, key)?;
        }
        let after = after.map(|key| key_code::encode(id, table, key));
        page(table, self.table_rows(&self.engine.view(), id, after), limit.max(1))
    }

    /// The encoded rows of a table behind a key.
    pub(crate) fn table_rows(
        &self,
        view: &View,
        id: u32,
        after: Option<Vec<u8>>,
    ) -> impl DoubleEndedIterator<Item = Result<(fjall::Slice, fjall::Slice)>> + use<> {
        let prefix = key_code::table_prefix(id);
        let start = after.map_or_else(|| Bound::Included(prefix.clone()), Bound::Excluded);
        self.engine.range(view, (start, upper(&prefix)))
    }

    /// Refuses once a write has failed.
    pub(crate) fn unbroken(&self) -> Result<()> {
        match self.broken.get() {
            None => Ok(()),
            Some(cause) => Err(Error::Unavailable(format!(
                "the store {} takes no commits since a write failed ({cause}). Repair the cause and start again",
                self.directory.path().display()
            ))),
        }
    }

    /// Refuses while the disk is fuller than it may be.
    pub(crate) fn check_space(&self) -> Result<()> {
        let path = self.directory.path();
        let stat = rustix::fs::statvfs(path).map_err(|error| {
            Error::Unavailable(format!("cannot look at the disk of {}: {error}", path.display()))
        })?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if free >= self.reserve_bytes {
            return Ok(());
        }
        Err(Error::Unavailable(format!(
            "the disk of {} is full: {} MiB free, {} MiB are kept in reserve. Make room",
            path.display(),
            free >> 20,
            self.reserve_bytes >> 20
        )))
    }
}

fn upper(prefix: &[u8]) -> Bound<Vec<u8>> {
    key_code::successor(prefix).map_or(Bound::Unbounded, Bound::Excluded)
}

fn page(
    table: &Table,
    rows: impl Iterator<Item = Result<(fjall::Slice, fjall::Slice)>>,
    limit: usize,
) -> Result<Page> {
    let mut page = Page::default();
    for row in rows {
        if page.records.len() == limit {
            row?;
            page.more = true;
            break;
        }
        let (key, value) = row?;
        let key = key_code::decode(table, &key)?;
        page.records.push(Arc::new(row_code::decode(table, key, &value)?));
    }
    Ok(page)
}

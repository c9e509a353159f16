//! Records kept in memory in front of a store.

use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use parking_lot::RwLock;
use quick_cache::sync::Cache;
use quick_cache::{Equivalent, Weighter};

use crate::{
    Commit, Error, Key, Limits, Page, Record, Result, Scan, SharedStore, Store, Table, Value, Version,
};

/// Records by table and key, bounded by bytes. Also remembers that a record does not exist.
pub struct RecordCache {
    entries: Cache<Place, Option<Arc<Record>>, Bytes>,
    /// Rows whose last commit may still happen: they are never kept, until [`RecordCache::clear`].
    unsettled: RwLock<HashSet<Place>>,
}

impl RecordCache {
    /// A cache of at most about `bytes` bytes, counted by what keys and values hold.
    pub fn new(bytes: u64) -> Self {
        // The number of entries is a guess for the first allocation only.
        let entries = usize::try_from(bytes / 512).unwrap_or(usize::MAX).clamp(64, 1 << 16);
        RecordCache { entries: Cache::with_weighter(entries, bytes, Bytes), unsettled: RwLock::default() }
    }

    /// What is known of a record: `None` if nothing, `Some(None)` if it does not exist.
    pub fn get(&self, table: &Table, key: &Key) -> Option<Option<Arc<Record>>> {
        self.entries.get(&PlaceRef { table, key })
    }

    /// What is known of a record, or else what `read` answers; of several that ask at once one reads.
    ///
    /// What was read is kept unless [`RecordCache::remove`] was called meanwhile.
    ///
    /// # Errors
    /// Those of `read`; nothing is kept then.
    pub async fn get_or_read<F>(&self, table: &Table, key: &Key, read: F) -> Result<Option<Arc<Record>>>
    where
        F: Future<Output = Result<Option<Arc<Record>>>>,
    {
        let place = Place { table: table.clone(), key: key.clone() };
        match self.entries.get_value_or_guard_async(&place).await {
            Ok(known) => Ok(known),
            Err(guard) => {
                let found = read.await?;
                // Asked while the guard is held: `doubt` marks a row before it removes it, so either it is seen
                // here or the guard has been put out of action.
                if !self.unsettled.read().contains(&place) {
                    // An error means that the row was removed meanwhile: then it must not be kept.
                    let _ = guard.insert(found.clone());
                }
                Ok(found)
            }
        }
    }

    /// Forgets a record, and whatever a read that is under way is going to find.
    pub fn remove(&self, table: &Table, key: &Key) {
        self.entries.remove(&PlaceRef { table, key });
    }

    /// Forgets a record that may still change without notice, and does not keep it again.
    pub fn doubt(&self, table: &Table, key: &Key) {
        self.unsettled.write().insert(Place { table: table.clone(), key: key.clone() });
        self.remove(table, key);
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.unsettled.write().clear();
        self.entries.clear();
    }

    /// How many bytes the records and keys hold.
    pub fn bytes(&self) -> u64 {
        self.entries.weight()
    }
}

impl std::fmt::Debug for RecordCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordCache").field("records", &self.entries.len()).finish_non_exhaustive()
    }
}

/// A store whose single records are cached. Scans go to the store behind.
///
/// **Valid only while this process is the only one that writes** the tables read through it: nothing tells it
/// of another's commits. A service that shares its store makes one for each term of its leadership, reads the
/// lease's own row past it ([`CachedStore::inner`]), and drops it when the lease is lost.
///
/// A commit is carried through to its end even if the caller stops waiting, and its rows are forgotten before
/// the caller hears of it. Rows of a commit whose outcome is unknown are not cached any more: it may still
/// happen.
#[derive(Debug, Clone)]
pub struct CachedStore {
    inner: SharedStore,
    cache: Arc<RecordCache>,
}

impl CachedStore {
    /// Caches about `bytes` bytes of records of `inner`.
    pub fn new(inner: SharedStore, bytes: u64) -> Self {
        CachedStore { inner, cache: Arc::new(RecordCache::new(bytes)) }
    }

    /// The store behind.
    pub fn inner(&self) -> &SharedStore {
        &self.inner
    }

    /// The cache itself.
    pub fn cache(&self) -> &RecordCache {
        &self.cache
    }
}

#[async_trait::async_trait]
impl Store for CachedStore {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn create_tables(&self, tables: &[Table]) -> Result<()> {
        self.inner.create_tables(tables).await
    }

    async fn get(&self, table: &Table, key: &Key) -> Result<Option<Arc<Record>>> {
        match self.cache.get(table, key) {
            Some(known) => Ok(known),
            None => self.cache.get_or_read(table, key, self.inner.get(table, key)).await,
        }
    }

    async fn scan(&self, table: &Table, scan: &Scan) -> Result<Page> {
        self.inner.scan(table, scan).await
    }

    async fn scan_table(&self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page> {
        self.inner.scan_table(table, after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version> {
        if commit.writes.is_empty() {
            return self.inner.commit(commit).await;
        }
        // In a task of its own: whoever asked may go away, the rows must be forgotten all the same.
        let (inner, cache) = (self.inner.clone(), self.cache.clone());
        let rows = commit.writes.iter().map(|write| (write.table().clone(), write.key().clone())).collect();
        let mut forget = Forget { cache, rows, settled: false };
        let task = tokio::spawn(async move {
            let answer = inner.commit(commit).await;
            forget.settled = !matches!(answer, Err(Error::OutcomeUnknown(_)));
            drop(forget);
            answer
        });
        task.await
            .unwrap_or_else(|error| Err(Error::OutcomeUnknown(format!("the commit broke off: {error}"))))
    }
}

/// Forgets rows when dropped, which also happens when the commit panics or the runtime ends.
struct Forget {
    cache: Arc<RecordCache>,
    rows: Vec<(Table, Key)>,
    settled: bool,
}

impl Drop for Forget {
    fn drop(&mut self) {
        for (table, key) in &self.rows {
            if self.settled {
                self.cache.remove(table, key);
            } else {
                self.cache.doubt(table, key);
            }
        }
    }
}

#[derive(Clone, Debug)]
struct Place {
    table: Table,
    key: Key,
}

/// A [`Place`] that is only looked up.
struct PlaceRef<'a> {
    table: &'a Table,
    key: &'a Key,
}

impl Place {
    fn as_ref(&self) -> PlaceRef<'_> {
        PlaceRef { table: &self.table, key: &self.key }
    }
}

impl Hash for PlaceRef<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(self.table.qualified().as_bytes());
        for part in [Some(&self.key.partition), self.key.clustering.as_ref()].into_iter().flatten() {
            match part {
                Value::Text(text) => state.write(text.as_bytes()),
                Value::Bytes(bytes) => state.write(bytes),
                Value::Int(int) => state.write_i64(*int),
                Value::Bool(bool) => state.write_u8(u8::from(*bool)),
            }
        }
    }
}

impl Hash for Place {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_ref().hash(state);
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.as_ref().equivalent(other)
    }
}

impl Eq for Place {}

impl Equivalent<Place> for PlaceRef<'_> {
    fn equivalent(&self, place: &Place) -> bool {
        *self.key == place.key && self.table.same_name(&place.table)
    }
}

/// Weighs what an entry holds, and about what holding it takes.
#[derive(Clone, Debug)]
struct Bytes;

const ENTRY_BYTES: usize = 160;

impl Weighter<Place, Option<Arc<Record>>> for Bytes {
    fn weight(&self, place: &Place, record: &Option<Arc<Record>>) -> u64 {
        let held = record.as_ref().map_or(0, |record| record.key.size() + record.row.size() + ENTRY_BYTES);
        u64::try_from(place.key.size() + held + ENTRY_BYTES).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;

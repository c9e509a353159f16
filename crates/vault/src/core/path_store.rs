//! Slash-separated paths over the store's records, in the layout of Vault's DynamoDB backend.
//!
//! `a/b/c` is the record with `path` = `a/b` and `key` = `c`; a path without slash stands under `path` = one
//! blank. For every folder a marker record (`path` = the folder's parent, `key` = `name/`, no value) makes
//! the folder show up when its parent is listed (`hashicorp/vault: physical/dynamodb/dynamodb.go`).
//!
//! A value and the markers it needs are written in one commit, so that a listed folder is never missing.
//! Markers of folders that became empty are pruned under an exclusive lock: puts hold it shared while their
//! commit runs, so no marker is removed from above a value on its way in. The lock orders tasks of this
//! process only; that suffices because one process at a time writes to a vault's storage (lease and fence).

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::RwLock;
use quick_cache::sync::Cache;
use trustkeep_store::{ColumnType, Commit, Expect, Key, Record, Row, Scan, SharedStore, Table, Version};

use crate::{Error, Result};

/// The table that holds a vault's entries.
///
/// # Errors
/// None in practice: the definition is constant.
pub fn entry_table() -> Result<Table> {
    Table::define("vault", "entry")
        .partition("path", ColumnType::Text)
        .clustering("key", ColumnType::Text)
        .column("value", ColumnType::Bytes)
        .build()
        .map_err(Error::from)
}

/// Paths over a store.
#[derive(Debug)]
pub struct PathStore {
    store: SharedStore,
    table: Table,
    fence: RwLock<Fence>,
    folders: Cache<String, ()>,
    pruning: tokio::sync::RwLock<()>,
}

/// What every write expects.
#[derive(Clone, Debug)]
enum Fence {
    /// Nothing: the store has one user.
    Open,
    /// The lease of the active node.
    Lease(Expect),
    /// There are none.
    Closed,
}

/// Changes of several paths that are carried out together or not at all.
#[derive(Debug, Default)]
pub struct PathBatch {
    /// What must hold: the version that was read, or `None` for a path that must not exist.
    pub expectations: Vec<(String, Option<Version>)>,
    /// Paths and their new values.
    pub puts: Vec<(String, Bytes)>,
    /// Paths that go away.
    pub deletes: Vec<String>,
}

impl PathStore {
    /// Paths in `table` of `store`; see [`entry_table`].
    pub fn new(store: SharedStore, table: Table) -> Self {
        PathStore {
            store,
            table,
            fence: RwLock::new(Fence::Open),
            folders: Cache::new(FOLDERS_CACHED),
            pruning: tokio::sync::RwLock::new(()),
        }
    }

    /// The store below.
    pub fn store(&self) -> &SharedStore {
        &self.store
    }

    /// From now on every write expects this to hold: the lease of the active node.
    pub fn set_fence(&self, fence: Option<Expect>) {
        *self.fence.write() = fence.map_or(Fence::Open, Fence::Lease);
        self.folders.clear();
    }

    /// From now on every write is refused: this node is not the active one.
    pub fn refuse_writes(&self) {
        *self.fence.write() = Fence::Closed;
    }

    /// The value at `path` with its version.
    ///
    /// # Errors
    /// The store's.
    pub async fn get(&self, path: &str) -> Result<Option<(Bytes, Version)>> {
        let record = self.store.get(&self.table, &record_key(path)).await?;
        Ok(record.and_then(|record| Some((record.bytes(0)?.clone(), record.version))))
    }

    /// The names below `folder` (without trailing slash, empty for the root) that sort after `after`, at most
    /// `limit`; folders end in `/`.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(&self, folder: &str, after: &str, limit: usize) -> Result<Vec<String>> {
        let mut names = BTreeSet::new();
        let mut scan = Scan::partition(partition(folder), limit.clamp(1, PAGE));
        if !after.is_empty() {
            scan = scan.after(after);
        }
        loop {
            let page = self.store.scan(&self.table, &scan).await?;
            let last = page.records.last().and_then(|record| clustering(record)).map(str::to_owned);
            let here = page.records.iter().filter_map(|record| clustering(record));
            names.extend(here.filter(|name| !is_hidden(folder, name)).map(str::to_owned));
            match last {
                Some(last) if page.more && names.len() < limit => scan = scan.after(last),
                _ => break,
            }
        }
        Ok(names.into_iter().take(limit).collect())
    }

    /// Carries out a batch; returns the version of every path it wrote.
    ///
    /// # Errors
    /// [`Error::Deposed`] where the fence does not hold: nothing was written. [`trustkeep_store::Error::Conflict`]
    /// where an expectation does not, and the store's others.
    pub async fn commit(&self, batch: PathBatch) -> Result<Version> {
        let folder = |path: &String| split(path).0.map(str::to_owned);
        // A folder that something was put into is not empty: there is no need to look.
        let filled: BTreeSet<String> = batch.puts.iter().filter_map(|(path, _)| folder(path)).collect();
        let mut touched: BTreeSet<String> = batch.deletes.iter().filter_map(folder).collect();
        touched.retain(|folder| !filled.contains(folder));
        let version = self.write(batch).await?;
        self.prune(touched).await;
        Ok(version)
    }

    async fn write(&self, batch: PathBatch) -> Result<Version> {
        let _no_pruning = self.pruning.read().await;
        let mut folders = BTreeSet::new();
        for (path, _) in &batch.puts {
            self.missing_folders(path, &mut folders).await?;
        }
        let mut commit = self.fenced()?;
        for (path, version) in &batch.expectations {
            let key = record_key(path);
            commit = match version {
                Some(version) => commit.expect_version(&self.table, key, *version),
                None => commit.expect_absent(&self.table, key),
            };
        }
        for (path, value) in batch.puts {
            commit = commit.put(&self.table, record_key(&path), Row::of([value]));
        }
        for path in &batch.deletes {
            commit = commit.delete(&self.table, record_key(path));
        }
        let rows_max = self.store.limits().commit_rows_max;
        if commit.writes.len() + commit.expectations.len() + folders.len() > rows_max {
            self.make_folders(std::mem::take(&mut folders), rows_max).await?;
        }
        for folder in &folders {
            commit = commit.put(&self.table, marker_key(folder), Row::new(vec![None]));
        }
        let version = self.carry_out(commit).await?;
        for folder in folders {
            self.folders.insert(folder, ());
        }
        Ok(version)
    }

    /// Makes folders ahead of what goes into them, where one commit does not hold both: from the root down, so
    /// that a crash in between leaves empty folders and never one that its parent does not list.
    async fn make_folders(&self, folders: BTreeSet<String>, rows_max: usize) -> Result<()> {
        let folders: Vec<_> = folders.into_iter().collect();
        for some in folders.chunks(rows_max.saturating_sub(1).max(1)) {
            let put = |commit: Commit, folder: &String| {
                commit.put(&self.table, marker_key(folder), Row::new(vec![None]))
            };
            self.carry_out(some.iter().fold(self.fenced()?, put)).await?;
            for folder in some {
                self.folders.insert(folder.clone(), ());
            }
        }
        Ok(())
    }

    fn fenced(&self) -> Result<Commit> {
        match &*self.fence.read() {
            Fence::Open => Ok(Commit::new()),
            Fence::Lease(fence) => Ok(Commit::new().expect(fence.clone())),
            Fence::Closed => Err(Error::Standby),
        }
    }

    /// Commits. A conflict with the fence is none of the caller's: to read again would not help.
    async fn carry_out(&self, commit: Commit) -> Result<Version> {
        match self.store.commit(commit).await {
            Err(trustkeep_store::Error::Conflict { table, .. }) if table != self.table.qualified() => {
                Err(Error::Deposed)
            }
            outcome => Ok(outcome?),
        }
    }

    /// Adds the folders above `path` that have no marker yet. A folder's marker implies those above it.
    async fn missing_folders(&self, path: &str, made: &mut BTreeSet<String>) -> Result<()> {
        let mut below = path;
        while let (Some(folder), _) = split(below) {
            if made.contains(folder) || self.folders.get(folder).is_some() {
                return Ok(());
            }
            if self.store.get(&self.table, &marker_key(folder)).await?.is_some() {
                self.folders.insert(folder.to_owned(), ());
                return Ok(());
            }
            made.insert(folder.to_owned());
            below = folder;
        }
        Ok(())
    }

    /// Removes the markers of folders that are empty now, upwards. A failure leaves an empty folder in a
    /// listing until the next deletion there, so it is logged and not returned.
    async fn prune(&self, folders: BTreeSet<String>) {
        for folder in folders {
            let mut folder = folder.as_str();
            loop {
                match self.prune_one(folder).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::warn!(%error, "an empty folder could not be removed");
                        break;
                    }
                }
                match split(folder) {
                    (Some(parent), _) => folder = parent,
                    (None, _) => break,
                }
            }
        }
    }

    async fn prune_one(&self, folder: &str) -> Result<bool> {
        if !self.is_empty(folder).await? {
            return Ok(false);
        }
        let _no_puts = self.pruning.write().await;
        if !self.is_empty(folder).await? {
            return Ok(false);
        }
        self.folders.remove(folder);
        self.carry_out(self.fenced()?.delete(&self.table, marker_key(folder))).await?;
        Ok(true)
    }

    async fn is_empty(&self, folder: &str) -> Result<bool> {
        let scan = Scan::partition(partition(folder), 1);
        Ok(self.store.scan(&self.table, &scan).await?.records.is_empty())
    }
}

/// Folder and name of a path: `a/b/c` → `a/b`, `c`; a folder keeps what stands before its last slash.
fn split(path: &str) -> (Option<&str>, &str) {
    match path.rsplit_once('/') {
        Some((folder, name)) => (Some(folder), name),
        None => (None, path),
    }
}

fn partition(folder: &str) -> &str {
    if folder.is_empty() { ROOT } else { folder }
}

fn record_key(path: &str) -> Key {
    let (folder, name) = split(path);
    Key::of(folder.unwrap_or(ROOT)).at(name)
}

fn marker_key(folder: &str) -> Key {
    let (parent, name) = split(folder);
    Key::of(parent.unwrap_or(ROOT)).at(format!("{name}/"))
}

fn clustering(record: &Arc<Record>) -> Option<&str> {
    record.key.clustering.as_ref().and_then(|value| value.as_text())
}

/// The store's own records beside ours in the folder `core`: leases and the format marker.
fn is_hidden(folder: &str, name: &str) -> bool {
    folder == "core" && name.starts_with('_')
}

const ROOT: &str = " ";
const PAGE: usize = 1000;
const FOLDERS_CACHED: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use trustkeep_store::{MemoryStore, Store};

    async fn empty() -> PathStore {
        let table = entry_table().unwrap();
        let store = Arc::new(MemoryStore::new());
        store.create_tables(std::slice::from_ref(&table)).await.unwrap();
        PathStore::new(store, table)
    }

    fn put(path: &str) -> PathBatch {
        PathBatch { puts: vec![(path.into(), Bytes::from_static(b"v"))], ..Default::default() }
    }

    fn delete(path: &str) -> PathBatch {
        PathBatch { deletes: vec![path.into()], ..Default::default() }
    }

    #[tokio::test]
    async fn folders_show_while_something_is_in_them() {
        let paths = empty().await;
        for path in ["a/b/c", "a/b/d", "a/x", "top"] {
            paths.commit(put(path)).await.unwrap();
        }
        assert_eq!(paths.list("", "", 10).await.unwrap(), ["a/", "top"]);
        assert_eq!(paths.list("a", "", 10).await.unwrap(), ["b/", "x"]);
        paths.commit(delete("a/b/c")).await.unwrap();
        assert_eq!(paths.list("a", "", 10).await.unwrap(), ["b/", "x"]);
        paths.commit(delete("a/b/d")).await.unwrap();
        assert_eq!(paths.list("a", "", 10).await.unwrap(), ["x"]);
        paths.commit(put("a/b/c")).await.unwrap();
        assert_eq!(paths.list("a", "", 10).await.unwrap(), ["b/", "x"]);
        paths.commit(delete("a/b/c")).await.unwrap();
        paths.commit(delete("a/x")).await.unwrap();
        assert_eq!(paths.list("", "", 10).await.unwrap(), ["top"]);
    }

    #[tokio::test]
    async fn puts_and_deletes_at_once_never_hide_a_value() {
        let paths = Arc::new(empty().await);
        let mut tasks = Vec::new();
        for worker in 0..8 {
            let paths = paths.clone();
            tasks.push(tokio::spawn(async move {
                let path = format!("dir/sub/{worker}");
                for _ in 0..50 {
                    paths.commit(put(&path)).await.unwrap();
                    assert_eq!(paths.list("dir", "", 10).await.unwrap(), ["sub/"]);
                    paths.commit(delete(&path)).await.unwrap();
                    tokio::task::yield_now().await;
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert!(paths.list("", "", 10).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_standby_reads_and_writes_nothing() {
        let paths = empty().await;
        paths.commit(put("a/b")).await.unwrap();
        paths.refuse_writes();
        for batch in [put("a/c"), put("d/e"), delete("a/b"), PathBatch::default()] {
            assert!(matches!(paths.commit(batch).await, Err(Error::Standby)));
        }
        assert!(paths.get("a/b").await.unwrap().is_some());
        assert_eq!(paths.list("", "", 10).await.unwrap(), ["a/"]);
        assert_eq!(paths.list("a", "", 10).await.unwrap(), ["b"]);
    }

    #[tokio::test]
    async fn listing_pages_by_name() {
        let paths = empty().await;
        for name in ["a", "b", "c", "d"] {
            paths.commit(put(&format!("dir/{name}"))).await.unwrap();
        }
        assert_eq!(paths.list("dir", "", 2).await.unwrap(), ["a", "b"]);
        assert_eq!(paths.list("dir", "b", 10).await.unwrap(), ["c", "d"]);
    }
}

//! A store in memory: the model that the others are held against, and Vault's `inmem`.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::{Commit, Error, Key, Limits, Order, Page, Record, Result, Scan, Store, Table, Version, Write};

/// Keeps records in ordered maps; nothing survives the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    tables: HashMap<String, Shelf>,
    last_version: i64,
}

#[derive(Debug)]
struct Shelf {
    definition: Table,
    records: BTreeMap<Key, Arc<Record>>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait::async_trait]
impl Store for MemoryStore {
    fn limits(&self) -> Limits {
        Limits::WIDE
    }

    fn reads_at_once(&self) -> bool {
        true
    }

    async fn create_tables(&self, tables: &[Table]) -> Result<()> {
        let mut state = self.state.write();
        for table in tables {
            match state.tables.get(table.qualified()) {
                Some(shelf) if shelf.definition != *table => {
                    return Err(Error::Schema(format!("{} stands in another shape", table.qualified())));
                }
                Some(_) => {}
                None => {
                    let shelf = Shelf { definition: table.clone(), records: BTreeMap::new() };
                    state.tables.insert(table.qualified().to_owned(), shelf);
                }
            }
        }
        Ok(())
    }

    async fn get(&self, table: &Table, key: &Key) -> Result<Option<Arc<Record>>> {
        table.check_key(key)?;
        self.limits().check_key(table, key)?;
        Ok(self.state.read().shelf(table)?.records.get(key).cloned())
    }

    async fn scan(&self, table: &Table, scan: &Scan) -> Result<Page> {
        scan.check(table, &self.limits())?;
        let state = self.state.read();
        let records = &state.shelf(table)?.records;
        if scan.range.is_empty() {
            return Ok(Page::default());
        }
        let within = |clustering| Key { partition: scan.partition.clone(), clustering: Some(clustering) };
        let start = match &scan.range.start {
            Bound::Unbounded => Bound::Included(Key { partition: scan.partition.clone(), clustering: None }),
            bound => bound.clone().map(within),
        };
        let end = scan.range.end.clone().map(within);
        let inside = records
            .range((start, end))
            .map(|(_, record)| record)
            .take_while(|record| record.key.partition == scan.partition);
        let mut found: Vec<_> = match scan.order {
            Order::Ascending => inside.take(scan.limit.saturating_add(1)).cloned().collect(),
            Order::Descending => {
                let all: Vec<_> = inside.cloned().collect();
                all.into_iter().rev().take(scan.limit.saturating_add(1)).collect()
            }
        };
        let more = found.len() > scan.limit;
        found.truncate(scan.limit);
        Ok(Page { records: found, more })
    }

    async fn scan_table(&self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page> {
        let limit = limit.max(1);
        after.map_or(Ok(()), |key| table.check_key(key))?;
        let state = self.state.read();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let behind = state.shelf(table)?.records.range((start, Bound::Unbounded));
        let mut records: Vec<_> = behind.take(limit + 1).map(|(_, record)| record.clone()).collect();
        let more = records.len() > limit;
        records.truncate(limit);
        Ok(Page { records, more })
    }

    async fn commit(&self, commit: Commit) -> Result<Version> {
        commit.check(&self.limits())?;
        let mut state = self.state.write();
        for write in &commit.writes {
            state.shelf(write.table())?;
        }
        for expectation in &commit.expectations {
            let found = state.shelf(expectation.table())?.records.get(expectation.key());
            if !expectation.holds(found.map(Arc::as_ref)) {
                return Err(Commit::conflict(expectation.table(), expectation.key()));
            }
        }
        state.last_version += 1;
        let version = Version(state.last_version);
        for write in commit.writes {
            let Some(shelf) = state.tables.get_mut(write.table().qualified()) else { continue };
            match write {
                Write::Put { key, row, .. } => {
                    shelf.records.insert(key.clone(), Arc::new(Record { key, version, row }));
                }
                Write::Delete { key, .. } => {
                    shelf.records.remove(&key);
                }
            }
        }
        Ok(version)
    }
}

impl State {
    fn shelf(&self, table: &Table) -> Result<&Shelf> {
        let missing = || Error::Schema(format!("the table {} does not exist", table.qualified()));
        self.tables.get(table.qualified()).ok_or_else(missing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SharedStore;
    use crate::conformance::Harness;

    struct Memory;

    #[async_trait::async_trait]
    impl Harness for Memory {
        async fn open(&self) -> SharedStore {
            Arc::new(MemoryStore::new())
        }
    }

    async fn memory() -> Option<Memory> {
        Some(Memory)
    }

    crate::conformance!(memory);
}

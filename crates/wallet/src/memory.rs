//! A wallet in memory: the model that the others are held against, and ACA-Py's type `in_memory`.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::{Backend, Batch, Changes, Error, Query, Record, Result, StoredKey, Write, queue};

/// What one process tells itself that it has not read yet.
const CHANGES_MAX: usize = 1024;

/// Keeps everything in maps; nothing survives the process.
#[derive(Debug)]
pub struct MemoryWallet {
    state: Mutex<State>,
    told: broadcast::Sender<String>,
}

#[derive(Debug, Default)]
struct State {
    /// By category and name.
    records: BTreeMap<(String, String), Kept>,
    keys: BTreeMap<String, StoredKey>,
    last: u64,
}

#[derive(Debug)]
struct Kept {
    /// When it was first put there.
    number: u64,
    record: Record,
}

impl MemoryWallet {
    /// An empty wallet.
    pub fn new() -> Self {
        Self { state: Mutex::default(), told: broadcast::channel(CHANGES_MAX).0 }
    }
}

impl Default for MemoryWallet {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait::async_trait]
impl Backend for MemoryWallet {
    async fn get(&self, category: &str, name: &str) -> Result<Option<Record>> {
        Ok(self.state.lock().record(category, name).cloned())
    }

    async fn find(&self, query: &Query) -> Result<Vec<Record>> {
        let state = self.state.lock();
        let mut found: Vec<&Kept> = state.fitting(query).collect();
        found.sort_by_key(|kept| kept.number);
        if query.is_descending {
            found.reverse();
        }
        let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
        let limit = query.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found.into_iter().skip(offset).take(limit).map(|kept| kept.record.clone()).collect())
    }

    async fn count(&self, query: &Query) -> Result<u64> {
        Ok(self.state.lock().fitting(query).count().try_into().unwrap_or(u64::MAX))
    }

    async fn key(&self, name: &str) -> Result<Option<StoredKey>> {
        Ok(self.state.lock().keys.get(name).cloned())
    }

    async fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<()>>> {
        let mut state = self.state.lock();
        let outcomes: Vec<_> = batches.iter().map(|batch| state.carry_out(batch)).collect();
        let passed = batches.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
        for segment in queue::segments(passed.map(|(batch, _)| batch)) {
            state.put(segment);
        }
        Ok(outcomes)
    }

    async fn tell(&self, what: &str) -> Result<()> {
        // That nobody listens is no error.
        let _ = self.told.send(what.to_owned());
        Ok(())
    }

    fn changes(&self) -> Changes {
        self.told.subscribe()
    }

    async fn close(&self) {}
}

impl State {
    fn record(&self, category: &str, name: &str) -> Option<&Record> {
        self.records.get(&(category.to_owned(), name.to_owned())).map(|kept| &kept.record)
    }

    fn fitting<'a>(&'a self, query: &'a Query) -> impl Iterator<Item = &'a Kept> {
        let from = (query.category.clone(), String::new());
        self.records
            .range(from..)
            .take_while(|((category, _), _)| *category == query.category)
            .map(|(_, kept)| kept)
            .filter(|kept| query.filter.as_ref().is_none_or(|filter| filter.holds(&kept.record)))
    }

    fn carry_out(&mut self, batch: &Batch) -> Result<()> {
        for expectation in batch.expectations() {
            let (category, name) = expectation.subject();
            if !expectation.holds(self.record(category, name)) {
                return Err(Error::Conflict { category: category.to_owned(), name: name.to_owned() });
            }
        }
        for write in batch.writes() {
            match write.clone() {
                Write::Put(record) => self.put(record),
                Write::Remove { category, name } => {
                    self.records.remove(&(category, name));
                }
                Write::PutKey(key) => {
                    self.keys.entry(key.name.clone()).or_insert(key);
                }
                Write::RemoveKey { name } => {
                    self.keys.remove(&name);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, record: Record) {
        let place = (record.category.clone(), record.name.clone());
        match self.records.get_mut(&place) {
            Some(kept) => kept.record = record,
            None => {
                self.last += 1;
                self.records.insert(place, Kept { number: self.last, record });
            }
        }
    }
}

#[cfg(all(test, feature = "conformance"))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::conformance::Harness;

    struct Memory(Arc<MemoryWallet>);

    #[async_trait::async_trait]
    impl Harness for Memory {
        async fn open(&self) -> Arc<dyn Backend> {
            self.0.clone()
        }
    }

    async fn memory() -> Option<Memory> {
        Some(Memory(Arc::new(MemoryWallet::new())))
    }

    crate::conformance!(memory);
}

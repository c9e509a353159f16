//! The keys of a mount in storage, one entry each, and in memory.
//!
//! A key that is used stays in memory, expanded, up to a number of keys. A change is a commit that expects the
//! entry as it was read, and puts the new key into memory before it is answered. Whoever loads a key that is
//! not in memory queues up with those who change it, so that an older one never replaces a newer one. Should
//! somebody else write all the same (another server that took over, or this mount opened anew under way), a
//! copy in memory is compared with storage when it is older than some seconds.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use quick_cache::sync::Cache;
use tokio::sync::{Mutex, MutexGuard};
use trustkeep_store::Version;

use super::key::Key;
use crate::core::{Batch, View};
use crate::{Error, Result};

/// The keys of a mount.
pub(super) struct KeyStore {
    view: View,
    cache: Cache<String, Arc<Cached>>,
    writers: Vec<Mutex<()>>,
    hasher: RandomState,
}

struct Cached {
    key: Arc<Key>,
    stored: Version,
    /// Unix nanoseconds at which storage was last seen to hold this.
    checked: AtomicI64,
}

impl KeyStore {
    /// Over a mount's storage. Nothing is read yet.
    pub(super) fn new(view: View) -> Self {
        KeyStore {
            view,
            cache: Cache::new(CACHED_MAX),
            writers: std::iter::repeat_with(|| Mutex::new(())).take(WRITERS).collect(),
            hasher: RandomState::new(),
        }
    }

    /// Keeps at most so many keys in memory; 0 for as many as there may be.
    pub(super) fn limit(&self, keys: usize) {
        let limit = if keys == 0 { CACHED_MAX } else { keys.min(CACHED_MAX) };
        self.cache.set_capacity(limit as u64);
    }

    /// The key of this name.
    ///
    /// # Errors
    /// 503 while sealed, 500 where its entry is damaged, and the store's.
    pub(super) async fn find(&self, name: &str, now: i64) -> Result<Option<Arc<Key>>> {
        if let Some(cached) = self.cache.get(name)
            && now.saturating_sub(cached.checked.load(Ordering::Relaxed)) < CHECK_AFTER
        {
            return Ok(Some(cached.key.clone()));
        }
        let _alone = self.alone(name).await;
        Ok(self.load(name, now).await?.map(|cached| cached.key.clone()))
    }

    /// Stores a new key; `None` where there is one of this name.
    ///
    /// # Errors
    /// 413 where it is larger than the store takes, and the store's others.
    pub(super) async fn create(&self, key: Key, now: i64) -> Result<Option<Arc<Key>>> {
        let name = key.settings.name.clone();
        let _alone = self.alone(&name).await;
        match self.store(key, None, now).await {
            Ok(key) => Ok(Some(key)),
            Err(Error::Store(trustkeep_store::Error::Conflict { .. })) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Changes a key. `change` may be called again, with the key as it then stands; where it returns `false`
    /// nothing is stored. `None` where there is no such key.
    ///
    /// # Errors
    /// Those of `change`, 413 where the key became larger than the store takes, and the store's others.
    pub(super) async fn change(
        &self,
        name: &str,
        now: i64,
        mut change: impl FnMut(&mut Key) -> Result<bool> + Send,
    ) -> Result<Option<Arc<Key>>> {
        let _alone = self.alone(name).await;
        for _ in 0..ATTEMPTS {
            let Some(cached) = self.load(name, now).await? else { return Ok(None) };
            let mut key = Key::clone(&cached.key);
            if !change(&mut key)? {
                return Ok(Some(cached.key.clone()));
            }
            match self.store(key, Some(&cached), now).await {
                Ok(key) => return Ok(Some(key)),
                Err(Error::Store(trustkeep_store::Error::Conflict { .. })) => self.forget(name),
                Err(error) => return Err(error),
            }
        }
        Err(Error::Unavailable("the key is being changed by others, try again".to_owned()))
    }

    /// Stores a key in whatever place its name has.
    ///
    /// # Errors
    /// As for [`Self::create`].
    pub(super) async fn overwrite(&self, key: Key, now: i64) -> Result<Arc<Key>> {
        let name = key.settings.name.clone();
        let _alone = self.alone(&name).await;
        for _ in 0..ATTEMPTS {
            let before = self.load(&name, now).await?;
            match self.store(key.clone(), before.as_deref(), now).await {
                Err(Error::Store(trustkeep_store::Error::Conflict { .. })) => self.forget(&name),
                other => return other,
            }
        }
        Err(Error::Unavailable("the key is being changed by others, try again".to_owned()))
    }

    /// Removes a key that `allowed` lets go. `None` where there is no such key.
    ///
    /// # Errors
    /// Those of `allowed`, and the store's.
    pub(super) async fn remove(
        &self,
        name: &str,
        now: i64,
        allowed: impl Fn(&Key) -> Result<()> + Send,
    ) -> Result<Option<()>> {
        let _alone = self.alone(name).await;
        for _ in 0..ATTEMPTS {
            let Some(cached) = self.load(name, now).await? else { return Ok(None) };
            allowed(&cached.key)?;
            let batch = Batch::new().expect(path(name), Some(cached.stored)).delete(path(name));
            let removed = self.view.commit(with_mark(batch, name, Some(&cached), false)).await;
            self.forget(name);
            match removed {
                Ok(_) => return Ok(Some(())),
                Err(Error::Store(trustkeep_store::Error::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::Unavailable("the key is being changed by others, try again".to_owned()))
    }

    /// All names, sorted.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub(super) async fn names(&self) -> Result<Vec<String>> {
        self.view.list(FOLDER).await
    }

    /// At most `limit` names of keys that rotate by themselves, those that sort after `after`.
    ///
    /// # Errors
    /// The same.
    pub(super) async fn rotating_after(&self, after: &str, limit: usize) -> Result<Vec<String>> {
        self.view.list_page(ROTATING, after, limit).await
    }

    /// The key of this name straight from storage, without a place in memory: for going through all of them.
    ///
    /// # Errors
    /// As for [`Self::find`].
    pub(super) async fn read(&self, name: &str) -> Result<Option<Key>> {
        match self.view.get(&path(name)).await? {
            Some(entry) => Key::decode(entry.value.expose()).map(Some),
            None => Ok(None),
        }
    }

    /// Reads the key unless memory has it as storage has; the caller is alone with the name.
    async fn load(&self, name: &str, now: i64) -> Result<Option<Arc<Cached>>> {
        let cached = self.cache.get(name);
        if let Some(cached) = &cached
            && now.saturating_sub(cached.checked.load(Ordering::Relaxed)) < CHECK_AFTER
        {
            return Ok(Some(cached.clone()));
        }
        let Some(entry) = self.view.get(&path(name)).await? else {
            self.forget(name);
            return Ok(None);
        };
        if let Some(cached) = cached.filter(|cached| cached.stored == entry.version) {
            cached.checked.store(now, Ordering::Relaxed);
            return Ok(Some(cached));
        }
        let key = Arc::new(Key::decode(entry.value.expose())?);
        Ok(Some(self.remember(name, key, entry.version, now)))
    }

    /// Stores a key in the place of `before`.
    async fn store(&self, key: Key, before: Option<&Cached>, now: i64) -> Result<Arc<Key>> {
        let name = key.settings.name.clone();
        let expected = before.map(|before| before.stored);
        let batch = Batch::new().expect(path(&name), expected).put(path(&name), key.encode()?);
        let batch = with_mark(batch, &name, before, key.settings.auto_rotate_period > 0);
        // While the commit is under way it may be durable: memory must not answer with the key before it.
        self.forget(&name);
        let stored = self.view.commit(batch).await?;
        let key = Arc::new(key);
        self.remember(&name, key.clone(), stored, now);
        Ok(key)
    }

    fn remember(&self, name: &str, key: Arc<Key>, stored: Version, now: i64) -> Arc<Cached> {
        let cached = Arc::new(Cached { key, stored, checked: AtomicI64::new(now) });
        self.cache.insert(name.to_owned(), cached.clone());
        cached
    }

    fn forget(&self, name: &str) {
        self.cache.remove(name);
    }

    /// Waits for those who load or change a key that shares the queue.
    async fn alone(&self, name: &str) -> Option<MutexGuard<'_, ()>> {
        let place = self.hasher.hash_one(name) % WRITERS as u64;
        match self.writers.get(place as usize) {
            Some(writer) => Some(writer.lock().await),
            None => None,
        }
    }
}

impl std::fmt::Debug for KeyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyStore").field("cached", &self.cache.len()).finish_non_exhaustive()
    }
}

/// The batch with what it takes to find the key, or no longer, among those that rotate by themselves: looking for
/// them does not read all keys.
fn with_mark(batch: Batch, name: &str, before: Option<&Cached>, rotates: bool) -> Batch {
    let mark = format!("{ROTATING}/{name}");
    match (before.is_some_and(|before| before.key.settings.auto_rotate_period > 0), rotates) {
        (false, true) => batch.put(mark, Vec::new()),
        (true, false) => batch.delete(mark),
        _ => batch,
    }
}

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

/// The folder of keys in the mount's storage.
const FOLDER: &str = "policy";
/// The folder of the names of keys that rotate by themselves.
const ROTATING: &str = "auto-rotate";
/// Keys kept in memory at most.
const CACHED_MAX: usize = 10_000;
/// Nanoseconds after which a key in memory is compared with storage.
const CHECK_AFTER: i64 = 10_000_000_000;
/// Queues of writers; two keys that share one only wait for each other.
const WRITERS: usize = 64;
/// How often a change is decided anew when somebody else changed the key meanwhile.
const ATTEMPTS: usize = 8;

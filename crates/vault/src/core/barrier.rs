//! The barrier: everything that engines store passes through it and is encrypted.
//!
//! An entry is term (4 bytes, big endian) ‖ version byte 2 ‖ nonce (12) ‖ ciphertext ‖ tag (16) under
//! AES-256-GCM with the entry's path as associated data, so that an entry moved to another path does not open
//! (`hashicorp/vault: vault/barrier_aes_gcm.go`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use parking_lot::RwLock;
use trustkeep_crypto::aead;
use trustkeep_crypto::{Key256, Random, SecretBytes};
use trustkeep_store::Version;

use super::keyring::Keyring;
use super::path_store::{PathBatch, PathStore};
use crate::telemetry::BarrierTimers;
use crate::{Error, Result};

/// Encrypted storage; sealed until a keyring is put in.
#[derive(Debug)]
pub struct Barrier {
    paths: Arc<PathStore>,
    random: Arc<dyn Random>,
    keyring: RwLock<Option<Arc<Keyring>>>,
    is_over: AtomicBool,
    encryptions: AtomicU64,
    timers: BarrierTimers,
    changing_keyring: tokio::sync::Mutex<()>,
    /// Whether there may be something for [`Barrier::retire_upgrades`].
    has_upgrades: AtomicBool,
}

/// What takes a root key's place, and all that is stored with it.
#[derive(Debug)]
pub struct NewRootKey {
    /// The key.
    pub root_key: Key256,
    /// Entries in the clear: what wraps the key.
    pub puts: Vec<(String, Bytes)>,
    /// Entries behind the barrier.
    pub behind: Batch,
    /// Entries that go away.
    pub deletes: Vec<String>,
}

/// A decrypted entry.
#[derive(Debug)]
pub struct Entry {
    /// Its value.
    pub value: SecretBytes,
    /// Its version, to expect in a [`Batch`].
    pub version: Version,
}

/// Changes of several entries that are carried out together or not at all.
#[derive(Debug, Default)]
pub struct Batch {
    expectations: Vec<(String, Option<Version>)>,
    puts: Vec<(String, SecretBytes)>,
    deletes: Vec<String>,
}

impl Barrier {
    /// A sealed barrier over `paths`.
    pub fn new(paths: Arc<PathStore>, random: Arc<dyn Random>) -> Self {
        Barrier {
            paths,
            random,
            keyring: RwLock::new(None),
            is_over: AtomicBool::new(false),
            encryptions: AtomicU64::new(0),
            timers: BarrierTimers::default(),
            changing_keyring: tokio::sync::Mutex::new(()),
            has_upgrades: AtomicBool::new(true),
        }
    }

    /// The paths below, for what stands outside the encryption: the seal's configuration.
    pub fn paths(&self) -> &Arc<PathStore> {
        &self.paths
    }

    /// Where randomness comes from.
    pub fn random(&self) -> &Arc<dyn Random> {
        &self.random
    }

    /// Whether the keyring is gone.
    pub fn is_sealed(&self) -> bool {
        self.keyring.read().is_none()
    }

    /// Puts the keyring in.
    pub fn unseal(&self, keyring: Keyring) {
        *self.keyring.write() = Some(Arc::new(keyring));
    }

    /// Puts in a keyring that another barrier has too.
    pub fn adopt(&self, keyring: Arc<Keyring>) {
        *self.keyring.write() = Some(keyring);
    }

    /// Puts in another keyring, unless the barrier was closed, or given another, since `known` was asked for.
    pub fn replace(&self, known: &Arc<Keyring>, other: Arc<Keyring>) {
        let mut keyring = self.keyring.write();
        if keyring.as_ref().is_some_and(|keyring| Arc::ptr_eq(keyring, known)) {
            *keyring = Some(other);
        }
    }

    /// Drops the keyring; its keys are cleared once requests under way let go of them.
    pub fn seal(&self) {
        *self.keyring.write() = None;
    }

    /// Ends the term that this barrier is of: it is closed for good.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.seal();
    }

    /// The keyring.
    ///
    /// # Errors
    /// 503 while sealed, or after the end of its term.
    pub fn keyring(&self) -> Result<Arc<Keyring>> {
        let missing = || if self.is_over.load(Ordering::SeqCst) { Error::Deposed } else { Error::Sealed };
        self.keyring.read().clone().ok_or_else(missing)
    }

    /// The stored, sealed keyring, opened with the root key.
    ///
    /// # Errors
    /// 400 where the key is wrong, 500 where the keyring is missing or damaged.
    pub async fn load_keyring(&self, root_key: &Key256) -> Result<Keyring> {
        Ok(self.stored_keyring(root_key).await?.0)
    }

    /// How many entries one batch may change, with room for a fence.
    pub fn rows_max(&self) -> usize {
        let rows = self.paths.store().limits().commit_rows_max;
        rows.saturating_sub(BATCH_MARGIN).clamp(1, BATCH_ROWS_MAX)
    }

    /// How many entries were encrypted since that was last taken, or since the last rotation.
    pub fn encryptions(&self) -> u64 {
        self.encryptions.load(Ordering::Relaxed)
    }

    /// The same; counting begins anew.
    pub fn take_encryptions(&self) -> u64 {
        self.encryptions.swap(0, Ordering::Relaxed)
    }

    /// Counts what was taken and could not be saved.
    pub fn give_back_encryptions(&self, count: u64) {
        self.encryptions.fetch_add(count, Ordering::Relaxed);
    }

    /// Adds a term to the keyring, stores it, and encrypts under it from then on.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn rotate(&self, now: i64) -> Result<()> {
        let _one_at_a_time = self.changing_keyring.lock().await;
        let (stored, version) = self.stored_keyring(self.keyring()?.root_key()).await?;
        let rotated = stored.rotated(self.random.as_ref(), now)?;
        let sealed = rotated.seal(self.random.as_ref())?;
        let expectations = vec![(KEYRING.into(), Some(version))];
        // Other nodes may not have looked by the time that a new root key closes the keyring to them.
        let upgrade = upgrade_path(stored.active_term());
        let newest = close(
            &stored,
            stored.active_cipher()?,
            self.random.as_ref(),
            &upgrade,
            rotated.newest_term()?.expose(),
        )?;
        let puts = vec![(KEYRING.into(), sealed.into()), (upgrade, newest.into())];
        self.has_upgrades.store(true, Ordering::SeqCst);
        self.paths.commit(PathBatch { expectations, puts, deletes: Vec::new() }).await?;
        self.encryptions.store(0, Ordering::Relaxed);
        self.unseal(rotated);
        Ok(())
    }

    /// The keyring with the terms that another node has added lately, without its root key.
    ///
    /// # Errors
    /// 500 where what that node left is damaged, and the store's.
    pub async fn caught_up(&self, known: &Keyring) -> Result<Keyring> {
        let mut keyring = known.under(known.root_key().duplicate())?;
        for _ in 0..UPGRADES_MAX {
            let Some(newest) = self.get_with(&keyring, &upgrade_path(keyring.active_term())).await? else {
                break;
            };
            keyring = keyring.with_term(&newest.value)?;
        }
        Ok(keyring)
    }

    /// Removes what rotations left for other nodes, once these had the time to read it: else whoever has an old
    /// key and reads the store would have the new ones too.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn retire_upgrades(&self, now: i64) -> Result<()> {
        let last = self.keyring()?.installed();
        if !self.has_upgrades.load(Ordering::SeqCst) || now.saturating_sub(last) < UPGRADE_GRACE {
            return Ok(());
        }
        let _one_at_a_time = self.changing_keyring.lock().await;
        let names = self.paths.list(UPGRADES, "", UPGRADES_MAX).await?;
        for some in names.chunks(self.rows_max()) {
            let deletes = some.iter().map(|name| format!("{UPGRADES}/{name}")).collect();
            self.paths.commit(PathBatch { deletes, ..Default::default() }).await?;
        }
        self.has_upgrades.store(names.len() == UPGRADES_MAX, Ordering::SeqCst);
        Ok(())
    }

    /// Stores the keyring under a new root key, together with what wraps that key: a crash leaves the old key or
    /// the new one. Returns the keyring, which an open barrier uses from then on; a sealed one stays sealed.
    ///
    /// # Errors
    /// A conflict where another process changed the keyring, and the store's others.
    pub async fn replace_root_key(&self, current: &Keyring, new: NewRootKey) -> Result<Keyring> {
        let _one_at_a_time = self.changing_keyring.lock().await;
        let (stored, version) = self.stored_keyring(current.root_key()).await?;
        let next = stored.under(new.root_key)?;
        let mut batch = new.behind.close(&next, self.random.as_ref())?;
        batch.expectations.push((KEYRING.into(), Some(version)));
        batch.puts.push((KEYRING.into(), next.seal(self.random.as_ref())?.into()));
        batch.puts.extend(new.puts);
        batch.deletes.extend(new.deletes);
        self.paths.commit(batch).await?;
        if !self.is_sealed() {
            self.unseal(next.under(next.root_key().duplicate())?);
        }
        Ok(next)
    }

    async fn stored_keyring(&self, root_key: &Key256) -> Result<(Keyring, Version)> {
        match self.paths.get(KEYRING).await? {
            Some((sealed, version)) => Ok((Keyring::open(root_key, &sealed)?, version)),
            None => Err(Error::internal("the keyring is missing from the store")),
        }
    }

    /// The entry at `path`.
    ///
    /// # Errors
    /// 503 while sealed, 500 where the entry does not open, and the store's.
    pub async fn get(&self, path: &str) -> Result<Option<Entry>> {
        let keyring = self.keyring()?;
        let began = Instant::now();
        let entry = self.get_with(&keyring, path).await;
        self.timers.get.record(began.elapsed());
        entry
    }

    /// The same with a keyring that was not put in (yet).
    ///
    /// # Errors
    /// 500 where the entry does not open, and the store's.
    pub async fn get_with(&self, keyring: &Keyring, path: &str) -> Result<Option<Entry>> {
        match self.paths.get(path).await? {
            Some((sealed, version)) => Ok(Some(Entry { value: open(keyring, path, &sealed)?, version })),
            None => Ok(None),
        }
    }

    /// The names below a folder; see [`PathStore::list`].
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn list(&self, folder: &str, after: &str, limit: usize) -> Result<Vec<String>> {
        self.keyring()?;
        let began = Instant::now();
        let names = self.paths.list(folder, after, limit).await;
        self.timers.list.record(began.elapsed());
        names
    }

    /// A text of the vault's own that leaves it encrypted; only `open` with the same `context` opens it,
    /// also after rotations.
    ///
    /// # Errors
    /// 503 while sealed.
    pub fn encrypt(&self, context: &str, value: &[u8]) -> Result<Vec<u8>> {
        let keyring = self.keyring()?;
        self.encryptions.fetch_add(1, Ordering::Relaxed);
        close(&keyring, keyring.active_cipher()?, self.random.as_ref(), context, value)
    }

    /// Carries out a batch.
    ///
    /// # Errors
    /// 503 while sealed, a conflict where an expectation does not hold, and the store's others.
    pub async fn commit(&self, batch: Batch) -> Result<Version> {
        let keyring = self.keyring()?;
        self.encryptions.fetch_add(batch.puts.len() as u64, Ordering::Relaxed);
        let began = Instant::now();
        let version = self.paths.commit(batch.close(&keyring, self.random.as_ref())?).await;
        self.timers.put.record(began.elapsed());
        version
    }

    /// How long its reads, commits and lists take.
    pub fn timers(&self) -> &BarrierTimers {
        &self.timers
    }
}

/// Where the key of the next term stands, encrypted under that of `term` (`hashicorp/vault: vault/barrier.go`).
fn upgrade_path(term: u32) -> String {
    format!("{UPGRADES}/{term}")
}

fn close(
    keyring: &Keyring,
    cipher: &aead::Aead,
    random: &dyn Random,
    context: &str,
    value: &[u8],
) -> Result<Vec<u8>> {
    let mut sealed = Vec::with_capacity(PREFIX + aead::OVERHEAD + value.len());
    sealed.extend_from_slice(&keyring.active_term().to_be_bytes());
    sealed.push(VERSION);
    cipher.seal_append(random, context.as_bytes(), value, &mut sealed).map_err(Error::internal)?;
    Ok(sealed)
}

pub(crate) fn open(keyring: &Keyring, path: &str, sealed: &[u8]) -> Result<SecretBytes> {
    let damaged =
        || Error::internal(format!("the entry at {path} does not open: it is damaged or was moved"));
    let (term, rest) = sealed.split_first_chunk::<4>().ok_or_else(damaged)?;
    let (version, rest) = rest.split_first().ok_or_else(damaged)?;
    if *version != VERSION {
        return Err(damaged());
    }
    keyring.cipher(u32::from_be_bytes(*term))?.open(path.as_bytes(), rest).map_err(|_| damaged())
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes or replaces an entry.
    pub fn put(mut self, path: impl Into<String>, value: impl Into<SecretBytes>) -> Self {
        self.puts.push((path.into(), value.into()));
        self
    }

    /// Makes or replaces an entry that holds a JSON document.
    ///
    /// # Errors
    /// 500 where the value has no JSON form.
    pub fn put_json(self, path: impl Into<String>, value: &impl serde::Serialize) -> Result<Self> {
        let json = serde_json::to_vec(value).map_err(Error::internal)?;
        Ok(self.put(path, SecretBytes::new(json)))
    }

    /// Removes an entry, if it is there.
    pub fn delete(mut self, path: impl Into<String>) -> Self {
        self.deletes.push(path.into());
        self
    }

    /// Expects that the entry is at the version that was read, or that there is none.
    pub fn expect(mut self, path: impl Into<String>, version: Option<Version>) -> Self {
        self.expectations.push((path.into(), version));
        self
    }

    /// The same batch below a prefix.
    pub fn below(mut self, prefix: &str) -> Self {
        let paths = self
            .expectations
            .iter_mut()
            .map(|(path, _)| path)
            .chain(self.puts.iter_mut().map(|(path, _)| path))
            .chain(&mut self.deletes);
        for path in paths {
            path.insert_str(0, prefix);
        }
        self
    }

    /// Both batches as one.
    pub fn and(mut self, other: Batch) -> Self {
        self.expectations.extend(other.expectations);
        self.puts.extend(other.puts);
        self.deletes.extend(other.deletes);
        self
    }

    /// The same batch with its values encrypted under the active term.
    ///
    /// # Errors
    /// 500 where encryption fails.
    pub fn close(self, keyring: &Keyring, random: &dyn Random) -> Result<PathBatch> {
        let cipher = keyring.active_cipher()?;
        let close = |(path, value): (String, SecretBytes)| {
            let sealed = close(keyring, cipher, random, &path, value.expose())?;
            Ok((path, Bytes::from(sealed)))
        };
        let puts = self.puts.into_iter().map(close).collect::<Result<_>>()?;
        Ok(PathBatch { expectations: self.expectations, puts, deletes: self.deletes })
    }

    /// How many entries it changes.
    pub fn len(&self) -> usize {
        self.puts.len() + self.deletes.len()
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where the keyring stands, encrypted under the root key.
pub const KEYRING: &str = "core/keyring";
const UPGRADES: &str = "core/upgrade";
/// How many rotations another node catches up with at once.
const UPGRADES_MAX: usize = 1000;
/// Nanoseconds that other nodes have to read a new term's key, many times what they need.
const UPGRADE_GRACE: i64 = 120 * super::NANOS;
const BATCH_MARGIN: usize = 2;
const BATCH_ROWS_MAX: usize = 1000;
const VERSION: u8 = 2;
const PREFIX: usize = 5;

//! The engine underneath: an ordered map on disk, and the view that readers see of it.
//!
//! All rows, table definitions and links stand in one engine key space, so that a group of commits is one batch of
//! one journal and one memory table: what is lost, is lost together.
//!
//! Readers never look at the engine's newest state, for the engine shows a batch row by row while it applies it.
//! They look through a [`View`], a snapshot that the committer takes between two batches; so a commit becomes
//! visible at once or not at all.

use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use fjall::config::{
    BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry, HashRatioPolicy,
    PinningPolicy,
};
use fjall::{
    Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode, Readable, Slice, Snapshot,
};
use parking_lot::RwLock;
use trustkeep_store::{Error, Result};

use crate::Settings;
use crate::directory::io_error;

/// A moment between two commits.
pub(crate) type View = Arc<Snapshot>;

/// The open engine.
pub(crate) struct Engine {
    view: RwLock<View>,
    rows: Keyspace,
    database: Database,
}

impl Engine {
    /// Whether an engine's files stand in `path`.
    pub(crate) fn exists(path: &Path) -> bool {
        path.join("version").exists()
    }

    /// Opens the engine in `path`, making it where there is none.
    pub(crate) fn open(path: &Path, settings: &Settings) -> Result<Engine> {
        let open = || -> fjall::Result<Engine> {
            let database = Database::builder(path)
                .cache_size(settings.block_cache_bytes)
                .journal_compression(fjall::CompressionType::None)
                .worker_threads(2)
                .open()?;
            let rows = database.keyspace("rows", || options(settings))?;
            let view = RwLock::new(Arc::new(database.snapshot()));
            Ok(Engine { view, rows, database })
        };
        // The engine asserts some of what it reads; a damaged file must not take the process down.
        match catch_unwind(AssertUnwindSafe(open)) {
            Ok(Ok(engine)) => Ok(engine),
            Ok(Err(error)) => Err(refused(path, error)),
            Err(_) => Err(Error::Corrupt(format!("the engine gave up on its files in {}", path.display()))),
        }
    }

    /// The newest view.
    pub(crate) fn view(&self) -> View {
        self.view.read().clone()
    }

    /// What stands under `key`.
    pub(crate) fn get(&self, view: &View, key: &[u8]) -> Result<Option<Slice>> {
        view.get(&self.rows, key).map_err(failed)
    }

    /// The keys and values between two bounds, from either end.
    pub(crate) fn range(
        &self,
        view: &View,
        bounds: (Bound<Vec<u8>>, Bound<Vec<u8>>),
    ) -> impl DoubleEndedIterator<Item = Result<(Slice, Slice)>> + use<> {
        view.range(&self.rows, bounds).map(|guard| guard.into_inner().map_err(failed))
    }

    /// The keys and values that begin with `prefix`.
    pub(crate) fn prefix(
        &self,
        view: &View,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(Slice, Slice)>> + use<> {
        view.prefix(&self.rows, prefix).map(|guard| guard.into_inner().map_err(failed))
    }

    /// A batch that is durable once it was applied.
    pub(crate) fn batch(&self, rows: usize) -> Batch {
        let batch = OwnedWriteBatch::with_capacity(self.database.clone(), rows);
        Batch { batch: batch.durability(Some(PersistMode::SyncData)), rows: self.rows.clone() }
    }

    /// Shows readers what was applied. Only the one who applies batches may call this, between two of them.
    pub(crate) fn publish(&self) {
        let view = Arc::new(self.database.snapshot());
        let before = std::mem::replace(&mut *self.view.write(), view);
        drop(before);
    }

    /// Begins a new memory table, so that the journal's older part can go once the full one is on disk.
    pub(crate) fn rotate(&self) -> Result<()> {
        self.rows.rotate_memtable().map(|_| ()).map_err(failed)
    }

    /// Writes out what is buffered.
    pub(crate) fn sync(&self) -> Result<()> {
        self.database.persist(PersistMode::SyncAll).map_err(failed)
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("path", &self.rows.path()).finish_non_exhaustive()
    }
}

/// Rows that are written together.
pub(crate) struct Batch {
    batch: OwnedWriteBatch,
    rows: Keyspace,
}

impl Batch {
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8]) {
        self.batch.insert(&self.rows, key, value);
    }

    pub(crate) fn delete(&mut self, key: &[u8]) {
        self.batch.remove(&self.rows, key);
    }

    /// Writes all of it to disk, or nothing that a later open would take for whole.
    pub(crate) fn apply(self) -> Result<()> {
        self.batch.commit().map_err(failed)
    }
}

fn options(settings: &Settings) -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .max_memtable_size(settings.write_buffer_bytes)
        // Values are ciphertext or small: compressing them costs reads more than it saves.
        .data_block_compression_policy(CompressionPolicy::disabled())
        .data_block_hash_ratio_policy(HashRatioPolicy::all(1.0))
        .filter_block_pinning_policy(PinningPolicy::all(true))
        .index_block_pinning_policy(PinningPolicy::all(true))
        .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(BloomConstructionPolicy::BitsPerKey(12.0))))
}

fn refused(path: &Path, error: fjall::Error) -> Error {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error)) => match error.kind() {
            std::io::ErrorKind::NotFound => {
                Error::Corrupt(format!("a file is missing in {}: {error}", path.display()))
            }
            _ => io_error("open the engine in", path, &error),
        },
        fjall::Error::InvalidVersion(version) => Error::Schema(format!(
            "the engine's files in {} have format {version:?}, this program reads 3",
            path.display()
        )),
        fjall::Error::Locked => Error::Unavailable(format!(
            "the engine's files in {} are open in another process",
            path.display()
        )),
        error => Error::Corrupt(format!("the engine's files in {}: {error}", path.display())),
    }
}

fn failed(error: fjall::Error) -> Error {
    match error {
        fjall::Error::Io(error) | fjall::Error::Storage(fjall::LsmError::Io(error))
            if !matches!(
                error.kind(),
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof
            ) =>
        {
            Error::Unavailable(format!("the engine cannot use its files: {error}"))
        }
        fjall::Error::Poisoned => {
            Error::Unavailable("the engine stopped after a failed write; the log names the cause".into())
        }
        error => Error::Corrupt(format!("the engine: {error}")),
    }
}

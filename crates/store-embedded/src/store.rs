//! Opening, closing and the contract.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use tokio::sync::{Semaphore, oneshot};
use trustkeep_store::{Commit, Error, Key, Limits, Page, Record, Result, Scan, Store, Table, Version};

use crate::Settings;
use crate::cache::RecordCache;
use crate::catalogue::{self, Catalogue};
use crate::chain::{self, Link};
use crate::committer::{Committer, Request};
use crate::core::Core;
use crate::directory::{Directory, io_error};
use crate::engine::Engine;
use crate::head::HeadFile;
use crate::journal::{self, Damage};
use crate::metrics::Metrics;
use crate::plan::Plan;
use crate::queue::Queue;

/// A store in one directory. Dropping it answers what was asked, writes everything out and gives the directory back.
#[derive(Debug)]
pub struct EmbeddedStore {
    pub(crate) core: Arc<Core>,
    /// Room in the queue, in KiB to write.
    room: Arc<Semaphore>,
    committer: Option<JoinHandle<()>>,
}

/// What [`EmbeddedStore::accept_loss`] gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The last commit that is known to have been acknowledged.
    pub acknowledged: u64,
    /// The last commit that was found. Some before it may be missing as well.
    pub found: u64,
}

/// How much may wait to be written, in KiB.
const ROOM_KIB: usize = 256 << 10;
/// Scans of more rows go to a thread for blocking work.
const INLINE_ROWS_MAX: usize = 256;

impl EmbeddedStore {
    /// Opens the store in a directory, or makes one in a missing or empty directory.
    ///
    /// Blocks: after an unclean stop for as long as reading the engine's journal takes.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if another process holds the directory, [`Error::Denied`] if it cannot be written,
    /// [`Error::Schema`] if it was written by a newer program or holds something else, [`Error::Corrupt`] if it is
    /// damaged or acknowledged commits are missing.
    pub fn open(settings: Settings) -> Result<EmbeddedStore> {
        let directory = Directory::open_or_make(&settings.dir)?;
        let (engine, head, witnessed, kept) = open_parts(&directory, &settings, Damage::Refuse)?;
        let Some(head) = head else {
            return Err(advise(
                &settings.dir,
                Error::Corrupt(
                    "the file HEAD is missing, so that nothing shows whether commits are missing".into(),
                ),
            ));
        };
        let newest = read_links(&engine)
            .and_then(|links| chain::verify(links, &witnessed))
            .map_err(|error| advise(&settings.dir, error))?;
        // All that was acknowledged is there, so what was cut was not.
        for file in kept {
            std::fs::remove_file(&file).map_err(|error| io_error("remove", &file, &error))?;
        }
        let mut catalogue = Catalogue::default();
        for row in engine.prefix(&engine.view(), &catalogue::PREFIX) {
            let (key, value) = row?;
            catalogue.load(&key, &value)?;
        }
        let core = Arc::new(Core {
            queue: Queue::default(),
            catalogue: RwLock::new(catalogue),
            cache: RecordCache::new(settings.cache_bytes),
            metrics: Metrics::new(),
            broken: OnceLock::new(),
            reserve_bytes: settings.reserve_bytes,
            engine,
            directory,
        });
        let committer = Committer::new(core.clone(), head, newest);
        let thread = std::thread::Builder::new().name("store-committer".into()).spawn({
            let core = core.clone();
            move || run(committer, &core)
        });
        let thread =
            thread.map_err(|error| Error::Unavailable(format!("cannot start the committer: {error}")))?;
        Ok(EmbeddedStore { core, room: Arc::new(Semaphore::new(ROOM_KIB)), committer: Some(thread) })
    }

    /// Makes a store usable again of which acknowledged commits are missing and no export can be restored.
    ///
    /// What was lost stays lost; versions that it used are not given out again. What is cut from a damaged journal
    /// is kept in a file beside it. Says how far the store had been acknowledged and how far it reaches.
    ///
    /// # Errors
    /// As [`EmbeddedStore::open`]; [`Error::Corrupt`] also if the engine itself cannot open its files.
    pub fn accept_loss(dir: &Path) -> Result<Loss> {
        let directory = Directory::open(dir)?;
        let (engine, _, witnessed, _) = open_parts(&directory, &Settings::new(dir), Damage::Cut)?;
        let found = read_links(&engine)?.into_iter().max_by_key(|link| link.group).unwrap_or_default();
        // After a power loss the witness may lag; the distance keeps the versions of lost commits from returning.
        let commit = found.commit.max(witnessed.commit) + (1 << 32);
        let anchor = Link::anchor(found.group.max(witnessed.group) + 1, commit);
        let mut batch = engine.batch(1);
        batch.put(&anchor.key(), &anchor.encode());
        batch.apply()?;
        engine.sync()?;
        HeadFile::create(dir, &anchor)?;
        let loss = Loss { acknowledged: witnessed.commit, found: found.commit };
        tracing::warn!(dir = %dir.display(), ?loss, "the loss of acknowledged commits was accepted");
        Ok(loss)
    }

    /// Answers what was asked, writes everything out and gives the directory back.
    pub async fn close(self) {
        // A failure here is that of the thread; the committer reports its own.
        let _ = tokio::task::spawn_blocking(move || drop(self)).await;
    }

    /// The longest that writing one group to disk has taken since the store was opened.
    pub fn longest_stall(&self) -> Duration {
        self.core.metrics.longest_stall()
    }

    fn ask(&self, request: Request) -> Result<()> {
        self.core.queue.push(request).map_err(|_| match self.core.unbroken() {
            Ok(()) => Error::Unavailable("the store is closed".into()),
            Err(error) => error,
        })
    }
}

impl Drop for EmbeddedStore {
    fn drop(&mut self) {
        self.core.queue.close();
        if let Some(committer) = self.committer.take() {
            let _ = committer.join();
        }
    }
}

#[async_trait::async_trait]
impl Store for EmbeddedStore {
    fn limits(&self) -> Limits {
        Limits::WIDE
    }

    fn reads_at_once(&self) -> bool {
        true
    }

    async fn create_tables(&self, tables: &[Table]) -> Result<()> {
        // A service asks at every start: with all tables there, that must do on a full disk too.
        let standing = |table| self.core.catalogue.read().id(table).is_ok();
        if tables.iter().all(standing) {
            return Ok(());
        }
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Tables { tables: tables.to_vec(), answer })?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Reads on the caller's thread: from memory as a rule, else one or two blocks from disk.
    async fn get(&self, table: &Table, key: &Key) -> Result<Option<Arc<Record>>> {
        table.check_key(key)?;
        Limits::WIDE.check_key(table, key)?;
        self.core.get(table, key)
    }

    async fn scan(&self, table: &Table, scan: &Scan) -> Result<Page> {
        scan.check(table, &Limits::WIDE)?;
        if scan.limit <= INLINE_ROWS_MAX {
            return self.core.scan(table, scan);
        }
        let (core, table, scan) = (self.core.clone(), table.clone(), scan.clone());
        off_thread(move || core.scan(&table, &scan)).await
    }

    async fn scan_table(&self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page> {
        if limit <= INLINE_ROWS_MAX {
            return self.core.scan_table(table, after, limit);
        }
        let (core, table, after) = (self.core.clone(), table.clone(), after.cloned());
        off_thread(move || core.scan_table(&table, after.as_ref(), limit)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version> {
        let since = Instant::now();
        commit.check(&Limits::WIDE)?;
        let plan = Plan::new(commit, &self.core.catalogue.read())?;
        let kib = plan.bytes.div_ceil(1024).clamp(1, ROOM_KIB);
        let room = self.room.clone().acquire_many_owned(kib as u32).await.map_err(|_| gone())?;
        let (answer, answered) = oneshot::channel();
        self.ask(Request::Commit { plan, since, room, answer })?;
        answered.await.unwrap_or_else(|_| Err(gone()))
    }
}

/// Opens witness and engine. Where nothing was ever acknowledged, makes what is missing; a witness that is missing
/// beside an engine that was used is left out.
fn open_parts(
    directory: &Directory,
    settings: &Settings,
    damage: Damage,
) -> Result<(Engine, Option<HeadFile>, Link, Vec<PathBuf>)> {
    let path = directory.engine();
    let (head, witnessed) = match HeadFile::open(directory.path()) {
        Ok(Some((head, link))) => (Some(head), link),
        Ok(None) if !Engine::exists(&path) => {
            (Some(HeadFile::create(directory.path(), &Link::default())?), Link::default())
        }
        Ok(None) => (None, Link::default()),
        Err(error) => return Err(advise(directory.path(), error)),
    };
    if !Engine::exists(&path) {
        if witnessed.group > 0 {
            let message = format!("the engine's files are missing in {}", path.display());
            return Err(advise(directory.path(), Error::Corrupt(message)));
        }
        // A first start that was interrupted leaves a part of an engine; nobody was told that it keeps anything.
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(io_error("clear", &path, &error));
            }
            _ => {}
        }
    }
    let kept = match Engine::exists(&path) {
        true => journal::prepare(&path, damage).map_err(|error| advise(directory.path(), error))?,
        false => Vec::new(),
    };
    let engine = Engine::open(&path, settings).map_err(|error| advise(directory.path(), error))?;
    Ok((engine, head, witnessed, kept))
}

fn read_links(engine: &Engine) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    for row in engine.prefix(&engine.view(), &chain::PREFIX) {
        let (_, value) = row?;
        let link = Link::decode(&value);
        links.push(
            link.ok_or_else(|| Error::Corrupt("a link of the chain of commits cannot be read".into()))?,
        );
    }
    Ok(links)
}

fn advise(dir: &Path, error: Error) -> Error {
    match error {
        Error::Corrupt(message) => Error::Corrupt(format!(
            "the store {}: {message}. Keep a copy of the directory, then import the newest export into a new one; or \
             accept the loss (`trustkeep store accept-loss`) to go on with what is left",
            dir.display()
        )),
        error => error,
    }
}

fn run(committer: Committer, core: &Core) {
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| committer.run()));
    core.queue.close();
    if ended.is_err() {
        let _ = core.broken.set("the committer failed; the log names the cause".into());
        // Dropping the requests answers those who wait.
        core.queue.take(&mut Vec::new());
    }
}

pub(crate) async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(Error::Unavailable(format!("the read was given up: {error}"))))
}

fn gone() -> Error {
    Error::OutcomeUnknown("the committer ended before it answered; open the store again to see".into())
}

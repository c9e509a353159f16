//! The one thread that writes.
//!
//! It takes all commits that wait, checks each against the current rows and the commits before it in the group,
//! writes what passed as one batch, and answers once that is on disk and the witness knows of it. So compare and
//! set, and many commits a disk write, come from one place.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use quick_cache::DefaultHashBuilder;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use trustkeep_store::{Commit, Error, Expect, Record, Result, Table, Version};

use crate::chain::{Digest, Link, RING};
use crate::core::Core;
use crate::head::HeadFile;
use crate::plan::{Change, Plan};
use crate::queue::Woken;
use crate::row_code;

/// What the committer is asked for.
pub(crate) enum Request {
    /// A commit.
    Commit {
        plan: Plan,
        since: Instant,
        /// The room it takes in the queue, given back when it is answered.
        room: OwnedSemaphorePermit,
        answer: oneshot::Sender<Result<Version>>,
    },
    /// Tables to be made.
    Tables { tables: Vec<Table>, answer: oneshot::Sender<Result<()>> },
}

/// A group takes no more commits than this, nor more bytes unless one commit alone has more.
const GROUP_COMMITS_MAX: usize = 1024;
const GROUP_BYTES_MAX: usize = 4 << 20;
/// After how many groups a new memory table is begun. The engine holds five at most, so that all groups of its
/// journal have their links in the ring.
const ROTATE_GROUPS: u64 = RING / 6;
/// After how many groups the witness is synced under constant load, and after how long in idleness.
const SYNC_GROUPS: u64 = 8192;
const SYNC_IDLE: Duration = Duration::from_millis(500);
/// How long to look for the next commit before sleeping, where that keeps no one else from running.
const SPIN: Duration = Duration::from_micros(40);
/// How old a look at the disk's free space may be.
const SPACE_CHECK: Duration = Duration::from_millis(200);

/// The committer's own state.
pub(crate) struct Committer {
    core: Arc<Core>,
    head: HeadFile,
    newest: Link,
    waiting: VecDeque<Request>,
    groups_since_rotation: u64,
    groups_since_sync: u64,
    last_group: usize,
    last_group_time: Duration,
    space: Option<(Instant, Result<()>)>,
    spin: Duration,
}

impl Committer {
    pub(crate) fn new(core: Arc<Core>, head: HeadFile, newest: Link) -> Committer {
        Committer {
            core,
            head,
            newest,
            waiting: VecDeque::new(),
            // The journal may hold groups from before; they count until the first rotation.
            groups_since_rotation: ROTATE_GROUPS,
            groups_since_sync: 0,
            last_group: 1,
            last_group_time: Duration::ZERO,
            space: None,
            spin: if std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1) {
                SPIN
            } else {
                Duration::ZERO
            },
        }
    }

    /// Works until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        loop {
            if self.waiting.is_empty() {
                let sleep = if self.head.is_dirty() { SYNC_IDLE } else { Duration::from_secs(3600) };
                match self.core.queue.wait(self.spin, sleep) {
                    // Those who were answered together come back together; a disk write for the first alone
                    // would make the others wait for two.
                    Woken::Ready => self.core.queue.sleep(self.last_group, self.last_group_time / 8),
                    Woken::Idle => self.sync_head(),
                    Woken::Closed => break,
                }
            }
            self.core.queue.take(&mut self.waiting);
            let group = self.next_group();
            if !group.is_empty() {
                let begin = Instant::now();
                self.last_group = group.len();
                self.carry_out(group);
                self.last_group_time = begin.elapsed();
            }
        }
        let closed = self.core.engine.sync().and_then(|()| self.head.sync());
        if let Err(error) = closed {
            tracing::error!(%error, "the store could not write out its last state; commits answered stay answered");
        }
    }

    fn next_group(&mut self) -> Vec<Request> {
        let mut bytes = 0;
        let mut count = 0;
        for request in self.waiting.iter().take(GROUP_COMMITS_MAX) {
            bytes += if let Request::Commit { plan, .. } = request { plan.bytes } else { 0 };
            if count > 0 && bytes > GROUP_BYTES_MAX {
                break;
            }
            count += 1;
        }
        self.waiting.drain(..count).collect()
    }

    fn carry_out(&mut self, requests: Vec<Request>) {
        let mut group = Group { commit: self.newest.commit, rows: HashMap::default(), tables: None };
        let mut answers = Vec::with_capacity(requests.len());
        let writable = self.writable();
        for request in requests {
            answers.push(match request {
                Request::Commit { plan, since, room, answer } => {
                    let result = match &writable {
                        Err(error) if !plan.writes.is_empty() => Err(error.clone()),
                        _ => group.add(&self.core, plan),
                    };
                    Answer::Commit { result, since, answer, _room: room }
                }
                Request::Tables { tables, answer } => {
                    let result = writable.clone().and_then(|()| group.add_tables(&self.core, &tables));
                    Answer::Tables { result, answer }
                }
            });
        }
        let count = answers.len();
        let written = if group.rows.is_empty() { Ok(()) } else { self.write(group, count) };
        for answer in answers {
            answer.send(&self.core, &written);
        }
    }

    /// Writes a group, bears witness of it and shows it.
    fn write(&mut self, mut group: Group, commits: usize) -> Result<()> {
        let begin = Instant::now();
        let mut digest = Digest::default();
        let mut batch = self.core.engine.batch(group.rows.len() + 1);
        for (key, row) in &mut group.rows {
            match &row.value {
                Some(value) => batch.put(key, value),
                None => batch.delete(key),
            }
            digest.add(key, row.value.as_deref());
            row.was_cached = self.core.cache.take_out(key);
        }
        let link = self.newest.next(group.commit, digest.finish());
        batch.put(&link.key(), &link.encode());

        let written = batch.apply().and_then(|()| self.head.write(&link));
        if written.is_ok() {
            self.core.engine.publish();
            self.newest = link;
            if let Some(tables) = group.tables {
                *self.core.catalogue.write() = tables;
            }
        }
        for (key, row) in group.rows {
            self.core.cache.put_back(key, row.record.filter(|_| row.was_cached && written.is_ok()));
        }
        if let Err(error) = written {
            tracing::error!(%error, "a write failed; the store takes no more commits until it is opened again");
            let _ = self.core.broken.set(error.to_string());
            return Err(error);
        }
        self.core.metrics.group(commits, begin.elapsed());
        self.look_after(link);
        Ok(())
    }

    /// What is due every so many groups; the group itself stands by now.
    fn look_after(&mut self, link: Link) {
        self.groups_since_sync += 1;
        if self.groups_since_sync >= SYNC_GROUPS {
            self.sync_head();
        }
        self.groups_since_rotation += 1;
        if self.groups_since_rotation >= ROTATE_GROUPS {
            self.groups_since_rotation = 0;
            if let Err(error) = self.core.engine.rotate() {
                tracing::error!(%error, group = link.group, "the engine cannot begin a new memory table");
                let _ = self.core.broken.set(error.to_string());
            }
        }
    }

    fn sync_head(&mut self) {
        self.groups_since_sync = 0;
        if let Err(error) = self.head.sync() {
            tracing::error!(%error, "the witness cannot be synced; the store takes no more commits");
            let _ = self.core.broken.set(error.to_string());
        }
    }

    fn writable(&mut self) -> Result<()> {
        self.core.unbroken()?;
        match &self.space {
            Some((when, seen)) if when.elapsed() < SPACE_CHECK => seen.clone(),
            _ => {
                let seen = self.core.check_space();
                self.space = Some((Instant::now(), seen.clone()));
                seen
            }
        }
    }
}

/// Commits that go to disk together, as far as they have passed.
struct Group {
    /// The last commit.
    commit: u64,
    /// The rows as they will stand, by encoded key.
    rows: HashMap<Vec<u8>, NewRow, DefaultHashBuilder>,
    /// The catalogue as it will stand, if it changes.
    tables: Option<crate::catalogue::Catalogue>,
}

struct NewRow {
    /// The encoded value; `None` deletes.
    value: Option<Vec<u8>>,
    /// The same as a record; the store's own rows have none.
    record: Option<Arc<Record>>,
    /// Only rows that were read before are kept in the cache: what is written once must not displace them.
    was_cached: bool,
}

impl Group {
    fn add(&mut self, core: &Core, plan: Plan) -> Result<Version> {
        for (key, expectation) in &plan.expectations {
            let found = match self.rows.get(key) {
                Some(row) => row.record.clone(),
                None => core.current(expectation.table(), expectation.key(), key)?,
            };
            if !expectation.holds(found.as_deref()) {
                core.metrics.conflict();
                return Err(Commit::conflict(Expect::table(expectation), expectation.key()));
            }
        }
        if plan.writes.is_empty() {
            return Ok(Version(self.commit as i64));
        }
        self.commit += 1;
        let version = Version(self.commit as i64);
        for (key, change) in plan.writes {
            let row = match change {
                Change::Put { key, row, mut value } => {
                    row_code::set_version(&mut value, version);
                    NewRow {
                        value: Some(value),
                        record: Some(Arc::new(Record { key, version, row })),
                        was_cached: false,
                    }
                }
                Change::Delete => NewRow { value: None, record: None, was_cached: false },
            };
            self.rows.insert(key, row);
        }
        Ok(version)
    }

    fn add_tables(&mut self, core: &Core, tables: &[Table]) -> Result<()> {
        let catalogue = self.tables.get_or_insert_with(|| core.catalogue.read().clone());
        for (key, value) in catalogue.add_missing(tables)? {
            self.rows.insert(key, NewRow { value: Some(value), record: None, was_cached: false });
        }
        Ok(())
    }
}

enum Answer {
    Commit {
        result: Result<Version>,
        since: Instant,
        answer: oneshot::Sender<Result<Version>>,
        _room: OwnedSemaphorePermit,
    },
    Tables {
        result: Result<()>,
        answer: oneshot::Sender<Result<()>>,
    },
}

impl Answer {
    /// A group that could not be written may or may not be found on disk by the next open.
    fn send(self, core: &Core, written: &Result<()>) {
        let unknown = |error: &Error| {
            Error::OutcomeUnknown(format!("{error}. Open the store again to see what it holds"))
        };
        // Those who gave up waiting have dropped the other end.
        match self {
            Answer::Commit { result, since, answer, .. } => {
                let outcome = result
                    .and_then(|version| written.clone().map(|()| version).map_err(|error| unknown(&error)));
                core.metrics.commit(since.elapsed());
                let _ = answer.send(outcome);
            }
            Answer::Tables { result, answer } => {
                let _ = answer.send(result.and_then(|()| written.clone().map_err(|error| unknown(&error))));
            }
        }
    }
}

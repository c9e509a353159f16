//! Group commit: commits that wait together travel together.
//!
//! Each writer has one connection and one group in flight; while it is, the next group fills. A group is one
//! round trip of pipelined statements: `BEGIN`; the advisory locks of all its rows, in one order for
//! everyone; its batches (see [`crate::plan`]); `COMMIT`. The locks make it safe to expect that a row is
//! absent, and keep the stores of several processes from seeing each other halfway.
//!
//! With the locks goes the writer's **mark**: a row that names the group, in the group's own transaction. When a
//! connection breaks before the answer, a new one ends the old one's session, reads the mark, and so knows
//! whether the group happened. Only if the database stays away does a commit end as
//! [`Error::OutcomeUnknown`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc, oneshot};
use trustkeep_store::{Commit, Error, Expect, Result, Version, Write};

use crate::PostgresSettings;
use crate::failure::{is_broken, is_of_server, is_passing, is_stale_plan, translate};
use crate::names::Names;
use crate::pipeline::{self, Trip};
use crate::plan::batches;
use crate::writer::Writer;

/// Commits of one group, and bytes that they may write.
const GROUP_COMMITS_MAX: usize = 512;
const GROUP_BYTES_MAX: usize = 4 << 20;

/// How often a group that is about to leave lets other tasks run: those whose commits were just answered come
/// back with the next ones, which then need not wait for a whole further trip.
const YIELDS: usize = 4;

/// How often a group is tried that the server undid, or that a broken connection kept from happening.
const TRIES: usize = 4;

/// A commit and whoever waits for it.
#[derive(Debug)]
struct Pending {
    commit: Commit,
    reply: oneshot::Sender<Result<Version>>,
}

/// Takes commits and carries them out in groups.
#[derive(Debug)]
pub(crate) struct Committer {
    queue: mpsc::Sender<Pending>,
}

impl Committer {
    pub(crate) fn start(settings: &Arc<PostgresSettings>, names: &Names) -> Self {
        let (queue, receiver) = mpsc::channel(settings.queue);
        let waiting = Arc::new(Mutex::new(Waiting { receiver, held: None }));
        for _ in 0..settings.commit_connections {
            let (settings, names, waiting) = (settings.clone(), names.clone(), waiting.clone());
            tokio::spawn(Worker { settings, names, waiting, writer: None }.run());
        }
        Committer { queue }
    }

    /// Queues a commit and waits for its outcome. It is carried out even if the caller stops waiting.
    pub(crate) async fn commit(&self, commit: Commit) -> Result<Version> {
        let (reply, answer) = oneshot::channel();
        self.queue.try_send(Pending { commit, reply }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Error::Unavailable("too many commits are waiting".into()),
            mpsc::error::TrySendError::Closed(_) => Error::Unavailable("the store is closed".into()),
        })?;
        answer.await.unwrap_or_else(|_| Err(Error::OutcomeUnknown("the store was closed meanwhile".into())))
    }
}

#[derive(Debug)]
struct Waiting {
    receiver: mpsc::Receiver<Pending>,
    /// A commit that was too large for the last group.
    held: Option<Pending>,
}

impl Waiting {
    /// What waits by now, one commit at least; `None` when the store is closed.
    async fn next_group(&mut self) -> Option<Vec<Pending>> {
        let first = match self.held.take() {
            Some(held) => held,
            None => self.receiver.recv().await?,
        };
        let mut bytes = written_bytes(&first.commit);
        let mut group = vec![first];
        let mut yields = YIELDS;
        while group.len() < GROUP_COMMITS_MAX {
            let Ok(next) = self.receiver.try_recv() else {
                if yields == 0 {
                    break;
                }
                yields -= 1;
                tokio::task::yield_now().await;
                continue;
            };
            bytes += written_bytes(&next.commit);
            if bytes > GROUP_BYTES_MAX {
                self.held = Some(next);
                break;
            }
            group.push(next);
        }
        Some(group)
    }
}

fn written_bytes(commit: &Commit) -> usize {
    let bytes = |write: &Write| match write {
        Write::Put { key, row, .. } => key.size() + row.size(),
        Write::Delete { key, .. } => key.size(),
    };
    commit.writes.iter().map(bytes).sum()
}

/// One connection's worth of committing.
struct Worker {
    settings: Arc<PostgresSettings>,
    names: Names,
    waiting: Arc<Mutex<Waiting>>,
    writer: Option<Writer>,
}

/// What became of a group.
enum Outcome {
    /// It took effect; for each commit its version, or the ordinal of the expectation that failed.
    Done(Vec<std::result::Result<Version, usize>>),
    /// The server undid it for something in it; each commit may fare otherwise alone.
    Refused(Error),
    /// The server takes nothing at all, so that it did not happen.
    Down(Error),
    /// It did not happen, and may be tried again.
    Again(Error),
    /// Whether it happened is not known.
    Unknown(Error),
}

impl Worker {
    async fn run(mut self) {
        loop {
            let group = self.waiting.lock().await.next_group().await;
            let Some(group) = group else { return };
            metrics::histogram!("trustkeep_store_postgres_group_commits").record(group.len() as f64);
            self.carry_out(group).await;
        }
    }

    /// Carries out a group; if the server refuses it, each of its commits alone.
    async fn carry_out(&mut self, group: Vec<Pending>) {
        let mut left = vec![(group, 1)];
        while let Some((group, tries)) = left.pop() {
            match self.attempt(&group).await {
                Outcome::Done(answers) => answer_all(group, answers),
                Outcome::Refused(_) if group.len() > 1 => {
                    left.extend(group.into_iter().rev().map(|pending| (vec![pending], 1)));
                }
                Outcome::Again(error) if tries < TRIES => {
                    tracing::info!(%error, tries, "a group of commits is tried again");
                    tokio::time::sleep(PAUSE * u32::try_from(tries).unwrap_or(1)).await;
                    left.push((group, tries + 1));
                }
                Outcome::Refused(error) | Outcome::Down(error) | Outcome::Again(error) => {
                    for pending in group {
                        let _ = pending.reply.send(Err(error.clone()));
                    }
                }
                Outcome::Unknown(error) => {
                    for pending in group {
                        let answer = match pending.commit.writes.is_empty() {
                            true => Error::Unavailable(error.to_string()),
                            false => Error::OutcomeUnknown(error.to_string()),
                        };
                        let _ = pending.reply.send(Err(answer));
                    }
                }
            }
        }
    }

    async fn attempt(&mut self, group: &[Pending]) -> Outcome {
        let mut writer = match self.writer.take() {
            Some(writer) if !writer.session.client.is_closed() => writer,
            _ => match Writer::connect(&self.settings, &self.names).await {
                Ok(writer) => writer,
                Err(error) => return Outcome::Down(error),
            },
        };
        // One version for each commit, and one that names the group.
        let versions = match writer.versions(&self.names, group.len() + 1).await {
            Ok(versions) => versions,
            Err(error) => return Outcome::Again(error),
        };
        let mark = versions.end - 1;
        let commits: Vec<(usize, &Commit, i64)> = group
            .iter()
            .zip(versions.clone())
            .enumerate()
            .map(|(index, (pending, version))| (index, &pending.commit, version))
            .collect();
        let reads_only = group.iter().all(|pending| pending.commit.writes.is_empty());
        let batches = batches(&self.names, &commits, !reads_only);
        let locks = if reads_only { BTreeMap::new() } else { locks(&self.names, group) };
        let limit = self.settings.statement_timeout + Duration::from_secs(2);
        let slot = writer.slot;
        let mark_sent = (!reads_only).then_some(mark);
        let trip = pipeline::run(&writer, &self.names, &locks, &batches, mark_sent, limit).await;
        let object = || described(group);
        let failed: Vec<(usize, usize)> = match trip {
            Trip::Committed(failed) => {
                self.writer = Some(writer);
                failed
            }
            Trip::RolledBack(error) => {
                if is_stale_plan(&error) {
                    writer.session.forget_statements();
                }
                if is_broken(&error) || is_passing(&error) {
                    return Outcome::Again(translate(&error, RIGHTS, &object()));
                }
                self.writer = Some(writer);
                let translated = translate(&error, RIGHTS, &object());
                return if is_of_server(&error) {
                    Outcome::Down(translated)
                } else {
                    Outcome::Refused(translated)
                };
            }
            Trip::Lost(reason) if reads_only => return Outcome::Again(Error::Unavailable(reason)),
            Trip::Lost(reason) => {
                drop(writer);
                metrics::counter!("trustkeep_store_postgres_settled_total").increment(1);
                match self.settle(slot, mark).await {
                    Ok(Some(failed)) => failed,
                    Ok(None) => return Outcome::Again(Error::Unavailable(reason)),
                    Err(error) => return Outcome::Unknown(error),
                }
            }
        };
        let mut answers: Vec<_> = versions.map(Version).map(Ok).take(group.len()).collect();
        for (index, ordinal) in failed {
            if let Some(answer) = answers.get_mut(index) {
                *answer = Err(ordinal);
            }
        }
        Outcome::Done(answers)
    }

    /// Finds out whether a group happened whose connection broke: `Some` with what failed in it, or `None`.
    async fn settle(&mut self, slot: i64, mark: i64) -> Result<Option<Vec<(usize, usize)>>> {
        let deadline = tokio::time::Instant::now() + self.settings.settle_timeout;
        let mut pause = PAUSE;
        loop {
            let found = async {
                let writer = Writer::connect(&self.settings, &self.names).await?;
                let found = writer.outcome_of(&self.names, slot, mark).await?;
                Ok((writer, found))
            };
            match tokio::time::timeout_at(deadline, found).await {
                Ok(Ok((writer, found))) => {
                    self.writer = Some(writer);
                    return Ok(found);
                }
                Ok(Err(error)) if tokio::time::Instant::now() + pause >= deadline => return Err(error),
                Ok(Err(_)) => tokio::time::sleep(pause).await,
                Err(_) => return Err(Error::Unavailable("PostgreSQL does not answer".into())),
            }
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }
}

const PAUSE: Duration = Duration::from_millis(50);
const RIGHTS: &str = "SELECT, INSERT, UPDATE and DELETE";

fn answer_all(group: Vec<Pending>, answers: Vec<std::result::Result<Version, usize>>) {
    for (pending, answer) in group.into_iter().zip(answers) {
        let answer = answer.map_err(|ordinal| {
            let failed = pending.commit.expectations.get(ordinal).or(pending.commit.expectations.first());
            match failed {
                Some(expectation) => Commit::conflict(expectation.table(), expectation.key()),
                None => Error::Corrupt("the database refused a commit that expects nothing".into()),
            }
        });
        // Whoever stopped waiting does not hear of it.
        let _ = pending.reply.send(answer);
    }
}

/// The tables of a group, for messages.
fn described(group: &[Pending]) -> String {
    let mut names: Vec<&str> = group
        .iter()
        .flat_map(|pending| {
            let looked_at = pending.commit.expectations.iter().map(Expect::table);
            looked_at.chain(pending.commit.writes.iter().map(Write::table))
        })
        .map(trustkeep_store::Table::qualified)
        .collect();
    names.sort_unstable();
    names.dedup();
    names.join(", ")
}

/// The advisory locks of all rows, in order; `true` for those that are written.
fn locks(names: &Names, group: &[Pending]) -> BTreeMap<i64, bool> {
    let mut locks = BTreeMap::new();
    for pending in group {
        for expectation in &pending.commit.expectations {
            locks.entry(names.row_lock(expectation.table(), expectation.key())).or_insert(false);
        }
        for write in &pending.commit.writes {
            locks.insert(names.row_lock(write.table(), write.key()), true);
        }
    }
    locks
}

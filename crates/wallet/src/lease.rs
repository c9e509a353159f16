//! Who works off which shard when many instances share a wallet.
//!
//! Each instance is a **member** with one record in the wallet that it renews. Each shard has a record that names its
//! holder. Whoever's record did not change for a term, **by the observer's own monotonic clock**, is gone; no two
//! machines' clocks are ever compared. Members share the shards evenly: who has more than its part gives back, who has
//! less takes what is free.
//!
//! A holder that was stopped for longer than a term may not know that it holds nothing any more. So what it removes from
//! a shard it removes with a batch that expects the shard's record, [`Holding::fence`]: once another has taken the shard,
//! such a batch is refused.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::{Batch, Error, Expect, Query, Record, Result, Wallet, Write};

/// The category of members and shards.
pub const CATEGORY: &str = "trustkeep_lease";
/// What is told when others should look.
const NEWS: &str = "lease";
/// How long a member counts as living after its record changed for the last time.
pub const TERM: Duration = Duration::from_secs(15);
/// A term has so many rounds.
const ROUNDS: u32 = 5;
/// How often a round is begun anew whose records others change meanwhile.
const ATTEMPTS_MAX: u32 = 10;

/// The shards that this instance holds, by name.
pub type Held = Arc<BTreeMap<String, Arc<Holding>>>;

/// An instance's part in the work of all.
#[derive(Debug)]
pub struct Membership {
    held: watch::Receiver<Held>,
    end: CancellationToken,
    work: JoinHandle<()>,
}

/// A shard that this instance holds. Whoever works it off keeps this until he has stopped: only then, or after a term,
/// it is given to another.
#[derive(Debug)]
pub struct Holding {
    record: Record,
    released: Arc<Notify>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Member {
    beat: u64,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Shard {
    member: Option<String>,
    epoch: u64,
}

impl Membership {
    /// Joins those who share these shards. `me` is unique for ever; `term` is the same for all, [`TERM`] mostly.
    pub fn join(
        wallet: Wallet,
        me: String,
        shards: impl IntoIterator<Item = String>,
        term: Duration,
    ) -> Self {
        let (sender, held) = watch::channel(Held::default());
        let end = CancellationToken::new();
        let now = Instant::now();
        let instance = Instance {
            wallet,
            me,
            shards: shards.into_iter().collect(),
            term,
            seen: BTreeMap::new(),
            held: BTreeMap::new(),
            leaving: BTreeMap::new(),
            renewed: now,
            has_joined: false,
            sender,
            released: Arc::new(Notify::new()),
        };
        let work = tokio::spawn(instance.work(end.clone()));
        Self { held, end, work }
    }

    /// What is held, and when that changes.
    pub fn held(&self) -> watch::Receiver<Held> {
        self.held.clone()
    }

    /// Gives everything back, as soon as nobody works on it any more, so that others take it at once.
    pub async fn leave(self) {
        self.end.cancel();
        // It does not panic.
        let _ = self.work.await;
    }
}

impl Holding {
    fn new(record: Record, released: &Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { record, released: released.clone() })
    }

    /// What a batch expects so that it is refused once another holds the shard.
    pub fn fence(&self) -> Expect {
        Expect::Is(self.record.clone())
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.released.notify_one();
    }
}

struct Instance {
    wallet: Wallet,
    me: String,
    shards: BTreeSet<String>,
    term: Duration,
    /// Members' records as they were seen last, and since when.
    seen: BTreeMap<String, (Vec<u8>, Instant)>,
    held: BTreeMap<String, Arc<Holding>>,
    /// What is given back when nobody works on it any more, at the latest then.
    leaving: BTreeMap<String, Leaving>,
    renewed: Instant,
    has_joined: bool,
    sender: watch::Sender<Held>,
    released: Arc<Notify>,
}

struct Leaving {
    record: Record,
    holding: Weak<Holding>,
    until: Instant,
}

/// What the wallet says.
struct Sight {
    members: BTreeMap<String, Record>,
    shards: BTreeMap<String, (Record, Shard)>,
}

impl Instance {
    async fn work(mut self, end: CancellationToken) {
        let mut changes = self.wallet.changes();
        while !end.is_cancelled() {
            self.round(false).await;
            let next = Instant::now() + self.term / ROUNDS;
            tokio::select! {
                () = sleep_until(next) => {}
                () = self.released.notified() => {}
                () = news(&mut changes) => {}
                () = end.cancelled() => {}
            }
        }
        let until = Instant::now() + self.term;
        loop {
            self.round(true).await;
            if self.leaving.is_empty() || Instant::now() >= until {
                return;
            }
            tokio::select! {
                () = sleep_until(until.min(Instant::now() + self.term / ROUNDS)) => {}
                () = self.released.notified() => {}
            }
        }
    }

    async fn round(&mut self, is_last: bool) {
        for _ in 0..ATTEMPTS_MAX {
            let sent = Instant::now();
            // A wallet that says nothing must not keep what was held from ending with its term.
            let left = self.term.saturating_sub(self.renewed.elapsed());
            let patience = if left.is_zero() { self.term } else { left };
            let outcome = timeout(patience, self.attempt(is_last)).await;
            self.publish();
            match outcome {
                Ok(Ok(())) => {
                    self.renewed = sent;
                    return;
                }
                Ok(Err(Error::Conflict { .. })) => {}
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the share of the work could not be renewed");
                    break;
                }
                Err(_) => {
                    tracing::warn!("the share of the work could not be renewed: the wallet does not answer");
                    break;
                }
            }
        }
        if self.renewed.elapsed() >= self.term {
            // By now others may hold what was held here.
            self.held.clear();
            self.publish();
        }
    }

    /// Looks, decides, and writes it in one batch.
    async fn attempt(&mut self, is_last: bool) -> Result<()> {
        let sight = Sight::of(self.wallet.find(&Query::all(CATEGORY)).await?)?;
        let now = Instant::now();
        self.observe(&sight, now);
        let living = self.living(&sight, now, is_last);
        let part = part(&self.me, &living, self.shards.len());
        self.retire(part, now);

        let mut batch = Batch::new();
        let given = self.give(&mut batch, now);
        let has_left = is_last && given.len() == self.leaving.len();
        for (name, record) in sight.members.iter().filter(|(name, _)| !living.contains(*name)) {
            if *name != self.me || has_left {
                batch.remove(record.clone());
            }
        }
        let taken = self.take(&mut batch, &sight, &living, part)?;
        let is_due = !self.has_joined || now.duration_since(self.renewed) * ROUNDS >= self.term;
        if !is_last && (is_due || batch.changes() || !sight.members.contains_key(&self.me)) {
            self.beat(&mut batch, &sight)?;
        }
        if batch.is_empty() {
            return Ok(());
        }
        self.wallet.commit(batch).await?;
        for record in taken {
            self.held.insert(shard_of(&record).to_owned(), Holding::new(record, &self.released));
        }
        for shard in &given {
            self.leaving.remove(shard);
        }
        if !given.is_empty() || !std::mem::replace(&mut self.has_joined, true) {
            self.wallet.tell(NEWS).await?;
        }
        Ok(())
    }

    /// Notes who has changed, and what is not held any more.
    fn observe(&mut self, sight: &Sight, now: Instant) {
        self.seen.retain(|name, _| sight.members.contains_key(name));
        for (name, record) in &sight.members {
            match self.seen.get(name) {
                Some((value, _)) if *value == record.value => {}
                _ => {
                    self.seen.insert(name.clone(), (record.value.clone(), now));
                }
            }
        }
        let stands = |name: &str, mine: &Record| {
            sight.shards.get(name).is_some_and(|(record, _)| record.value == mine.value)
        };
        self.held.retain(|name, holding| stands(name, &holding.record));
        self.leaving.retain(|name, leaving| stands(name, &leaving.record));
    }

    fn living(&self, sight: &Sight, now: Instant, is_last: bool) -> BTreeSet<String> {
        let lives = |name: &&String| {
            let since = self.seen.get(*name).map_or(now, |(_, since)| *since);
            **name != self.me && now.duration_since(since) < self.term
        };
        let mut living: BTreeSet<String> = sight.members.keys().filter(lives).cloned().collect();
        if !is_last {
            living.insert(self.me.clone());
        }
        living
    }

    /// Stops holding what is more than its part.
    fn retire(&mut self, part: usize, now: Instant) {
        while self.held.len() > part {
            let Some((shard, holding)) = self.held.pop_last() else { return };
            let leaving = Leaving {
                record: holding.record.clone(),
                holding: Arc::downgrade(&holding),
                until: now + self.term,
            };
            self.leaving.insert(shard, leaving);
        }
        self.publish();
    }

    fn give(&self, batch: &mut Batch, now: Instant) -> Vec<String> {
        let is_idle = |leaving: &Leaving| leaving.holding.strong_count() == 0 || now >= leaving.until;
        let mut given = Vec::new();
        for (shard, leaving) in self.leaving.iter().filter(|(_, leaving)| is_idle(leaving)) {
            let epoch = serde_json::from_slice::<Shard>(&leaving.record.value).unwrap_or_default().epoch;
            if let Ok(record) = shard_record(shard, &Shard { member: None, epoch }) {
                batch.replace(leaving.record.clone(), record);
                given.push(shard.clone());
            }
        }
        given
    }

    fn take(
        &self,
        batch: &mut Batch,
        sight: &Sight,
        living: &BTreeSet<String>,
        part: usize,
    ) -> Result<Vec<Record>> {
        let mut taken = Vec::new();
        let mine = |shard: &String| self.held.contains_key(shard) || self.leaving.contains_key(shard);
        for shard in self.shards.iter().filter(|shard| !mine(shard)) {
            if self.held.len() + taken.len() >= part {
                break;
            }
            let read = sight.shards.get(shard);
            let holder = read.and_then(|(_, shard)| shard.member.as_ref());
            if holder.is_some_and(|holder| *holder != self.me && living.contains(holder)) {
                continue;
            }
            let epoch = read.map_or(0, |(_, shard)| shard.epoch) + 1;
            let record = shard_record(shard, &Shard { member: Some(self.me.clone()), epoch })?;
            match read {
                Some((read, _)) => batch.replace(read.clone(), record.clone()),
                None => batch.insert(record.clone()),
            };
            taken.push(record);
        }
        Ok(taken)
    }

    fn beat(&self, batch: &mut Batch, sight: &Sight) -> Result<()> {
        let before = sight.members.get(&self.me);
        let beat = match before {
            Some(record) => read::<Member>(record)?.beat + 1,
            None => 0,
        };
        let record = Record::new(CATEGORY, format!("member/{}", self.me), encode(&Member { beat })?);
        match before {
            Some(before) => batch.expect(Expect::Is(before.clone())).write(Write::Put(record)),
            None => batch.insert(record),
        };
        Ok(())
    }

    fn publish(&self) {
        self.sender.send_if_modified(|published| {
            let is_same = published.len() == self.held.len()
                && published.iter().zip(&self.held).all(|((_, one), (_, other))| Arc::ptr_eq(one, other));
            if !is_same {
                *published = Arc::new(self.held.clone());
            }
            !is_same
        });
    }
}

impl Sight {
    fn of(records: Vec<Record>) -> Result<Self> {
        let mut sight = Self { members: BTreeMap::new(), shards: BTreeMap::new() };
        for record in records {
            if let Some(name) = record.name.strip_prefix("member/") {
                sight.members.insert(name.to_owned(), record);
            } else if let Some(name) = record.name.strip_prefix("shard/") {
                let (name, shard) = (name.to_owned(), read(&record)?);
                sight.shards.insert(name, (record, shard));
            }
        }
        Ok(sight)
    }
}

/// How many shards a member should hold: as many as the others, the first ones one more.
fn part(me: &str, living: &BTreeSet<String>, shards: usize) -> usize {
    let Some(place) = living.iter().position(|member| member == me) else { return 0 };
    shards / living.len() + usize::from(place < shards % living.len())
}

/// Waits until others have news.
async fn news(changes: &mut crate::Changes) {
    loop {
        match changes.recv().await {
            Ok(what) if what != NEWS => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn shard_record(shard: &str, content: &Shard) -> Result<Record> {
    Ok(Record::new(CATEGORY, format!("shard/{shard}"), encode(content)?))
}

fn shard_of(record: &Record) -> &str {
    record.name.strip_prefix("shard/").unwrap_or(&record.name)
}

fn encode<T: Serialize>(content: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(content).map_err(|error| Error::Invalid(error.to_string()))
}

fn read<T: for<'de> Deserialize<'de>>(record: &Record) -> Result<T> {
    serde_json::from_slice(&record.value)
        .map_err(|error| Error::Corrupt(format!("the lease {}: {error}", record.name)))
}

#[cfg(test)]
mod tests;

//! Works off one shard of a queue: lanes at the same time, the entries of a lane one after the other.
//!
//! In memory are the shard's first segments, exactly as they stand in the wallet. One operation on the wallet runs at a
//! time: read more, take out what is done, or set aside what would fill memory while its peer is away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::{BoxFuture, abortable};
use futures::stream::{FuturesUnordered, StreamExt as _};
use futures::{FutureExt as _, future};
use tokio::time::{MissedTickBehavior, interval};
use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_crypto::random::below;
use trustkeep_wallet::lease::Holding;
use trustkeep_wallet::queue::{Queued, Segment, shard_name};
use trustkeep_wallet::{Batch, Expect};

use super::aside::{self, Drained};
use super::courier::{Courier, Outcome};
use super::lanes::{Lanes, Piece, Track};
use super::shelf::Shelf;
use crate::Agent;

/// How long one try may take.
pub(super) const SEND_TIME_MAX: Duration = Duration::from_secs(30);
/// How long one may still take when the process ends, in ticks; it is tried again later.
const STOP_TICKS_MAX: u32 = 30;
/// Tries at the same time.
const ALOFT_MAX: usize = 256;
/// Entries in memory, and their bytes; above, no more are read.
const LOADED_MAX: usize = 8192;
const LOADED_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Segments read at once: as many as give about so many bytes.
const READ_MIN: u64 = 16;
const READ_MAX: u64 = 256;
const READ_BYTES: usize = 1024 * 1024;
/// Of a track that does not get on, so many entries stay in memory when it is short.
const KEPT: usize = 32;
/// A try that has taken so long does not get on.
const SLOW: Duration = Duration::from_secs(2);
/// After so many failures a track's entries are set aside: then they can be fetched over a session.
const FAILURES_KEPT: u32 = 3;
/// The rest after a failure doubles from the first to the second.
const REST_MIN: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_secs(60);
/// How exact times are, and how long something done may wait to be taken out together with more.
const TICK: Duration = Duration::from_millis(100);
/// How often a shard is looked at though nobody said that there is something new.
const POLL: Duration = Duration::from_secs(5);

pub(super) struct Worker<C> {
    courier: Arc<C>,
    agent: Agent,
    /// Kept until nothing is done here any more: only then another may begin.
    holding: Arc<Holding>,
    number: u16,
    shard: String,
    shelf: Shelf,
    lanes: Lanes,
    flights: FuturesUnordered<BoxFuture<'static, Landed>>,
    operation: Option<BoxFuture<'static, Operated>>,
    /// Whether there may be more to read.
    is_stale: bool,
    knows_aside: bool,
    /// Whether there may be something to set aside.
    is_crowded: bool,
    /// What is done of a segment is taken out even if not all of it is.
    is_due: bool,
    read_limit: u64,
    /// After the wallet failed, nothing is asked of it until then.
    wallet_rests_until: Option<Duration>,
    reads_next: bool,
    is_stopping: bool,
    stop_ticks: u32,
}

/// A try that has ended.
struct Landed {
    track: Track,
    /// What was tried; none if it was what is set aside.
    piece: Option<Arc<Piece>>,
    landing: Landing,
}

enum Landing {
    Tried(Outcome),
    /// The try was cut.
    Cut,
    Drained(Drained),
}

enum Operated {
    Read(trustkeep_wallet::Result<(Vec<Segment>, Vec<Track>)>),
    Removed(trustkeep_wallet::Result<Vec<(u64, Option<Segment>)>>),
    SetAside(trustkeep_wallet::Result<()>, Vec<(Track, Vec<Arc<Piece>>)>, BTreeSet<String>),
}

impl<C: Courier> Worker<C> {
    pub(super) fn new(courier: Arc<C>, agent: Agent, holding: Arc<Holding>, number: u16) -> Self {
        Self {
            shard: shard_name(courier.queue(), number),
            courier,
            agent,
            holding,
            number,
            shelf: Shelf::default(),
            lanes: Lanes::default(),
            flights: FuturesUnordered::new(),
            operation: None,
            is_stale: true,
            knows_aside: false,
            is_crowded: false,
            is_due: false,
            read_limit: READ_MIN,
            wallet_rests_until: None,
            reads_next: false,
            is_stopping: false,
            stop_ticks: 0,
        }
    }

    /// Works until it is told to stop; what flies then lands first, and what is done is taken out.
    pub(super) async fn run(mut self, stop: Shutdown) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut polls = interval(POLL);
        polls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (queue, agent) = (self.courier.queue(), self.agent.clone());
        loop {
            self.begin_flights();
            self.begin_operation();
            if self.is_stopping && self.flights.is_empty() && self.operation.is_none() {
                return;
            }
            let operation = async {
                match &mut self.operation {
                    Some(operation) => operation.await,
                    None => future::pending().await,
                }
            };
            let has_deadlines =
                self.lanes.has_deadlines() || self.wallet_rests_until.is_some() || self.shelf.has_done();
            tokio::select! {
                operated = operation => {
                    self.operation = None;
                    self.operated(operated);
                }
                Some(landed) = self.flights.next() => {
                    self.landed(landed).await;
                    // What has landed meanwhile is taken together: the wallet is asked once.
                    while let Some(Some(landed)) = self.flights.next().now_or_never() {
                        self.landed(landed).await;
                    }
                }
                () = agent.wakes().wait(queue, self.number) => self.is_stale = true,
                _ = ticks.tick(), if has_deadlines => self.tick(),
                _ = polls.tick() => self.is_stale = true,
                () = stop.wait(), if !self.is_stopping => self.is_stopping = true,
            }
        }
    }

    fn now(&self) -> Duration {
        self.agent.clock().monotonic()
    }

    fn tick(&mut self) {
        let now = self.now();
        self.lanes.rise(now);
        self.stop_ticks += u32::from(self.is_stopping);
        let must_end = self.stop_ticks > STOP_TICKS_MAX;
        self.lanes.cut(now, if must_end { Duration::ZERO } else { SEND_TIME_MAX }, must_end);
        self.is_due = true;
        self.is_crowded |= self.is_short();
        if self.wallet_rests_until.is_some_and(|until| until <= now) {
            self.wallet_rests_until = None;
        }
    }

    fn begin_flights(&mut self) {
        while !self.is_stopping && self.lanes.aloft < ALOFT_MAX {
            let Some(track) = self.lanes.next() else { return };
            while let Some(piece) = self.lanes.ahead(&track)
                && self.shelf.was_delivered(&piece, track.way)
            {
                self.lanes.pop(&track, &piece);
                self.shelf.done(&piece);
            }
            let piece = self.lanes.ahead(&track);
            let (flight, abort) = match &piece {
                Some(piece) => {
                    let delivery = self.courier.deliver(&piece.queued, track.way);
                    abortable(delivery.map(Landing::Tried).boxed())
                }
                None if self.lanes.get(&track).is_some_and(|lane| lane.is_aside) => {
                    abortable(self.drain(&track))
                }
                None => {
                    self.lanes.wake(&track);
                    continue;
                }
            };
            self.lanes.depart(&track, abort, self.agent.clock().monotonic(), piece.is_none());
            let landed = flight.map(|landing| {
                let landing = landing.unwrap_or(Landing::Cut);
                Landed { track, piece, landing }
            });
            self.flights.push(landed.boxed());
        }
    }

    fn drain(&self, track: &Track) -> BoxFuture<'static, Landing> {
        let (courier, wallet) = (self.courier.clone(), self.agent.wallet().clone());
        let (shard, track, fence) = (self.shard.clone(), track.clone(), self.fence());
        let oldest = self.oldest();
        async move {
            let is_old = |queued: &Queued| courier.queued_at(queued).is_some_and(|at| at < oldest);
            Landing::Drained(aside::drain(&*courier, &wallet, &shard, &track, fence, is_old).await)
        }
        .boxed()
    }

    async fn landed(&mut self, Landed { track, piece, landing }: Landed) {
        self.lanes.land(&track);
        let reason = match (landing, &piece) {
            (Landing::Tried(Outcome::Delivered), Some(piece)) => return self.arrived(&track, piece),
            (Landing::Drained(Drained::Empty), _) => return self.lanes.drained(&track),
            // The next operation sets it aside.
            (Landing::Tried(Outcome::Waits), _) => {
                self.is_crowded = true;
                return;
            }
            (
                Landing::Tried(Outcome::Failed(reason))
                | Landing::Drained(Drained::Failed(reason) | Drained::Broken(reason)),
                _,
            ) => reason,
            (Landing::Cut | Landing::Tried(Outcome::Delivered), _) => "no answer in time".to_owned(),
        };
        let failures = self.lanes.failed(&track);
        tracing::debug!(shard = self.shard, lane = &*track.lane, failures, reason, "not delivered");
        metrics::counter!("agent_deliveries_failed_total", "queue" => self.courier.queue()).increment(1);
        if let Some(piece) = piece
            && self.courier.queued_at(&piece.queued).is_some_and(|at| at < self.oldest())
        {
            self.courier.give_up(&piece.queued, &reason).await;
            return self.arrived(&track, &piece);
        }
        self.is_crowded |= failures >= FAILURES_KEPT || self.is_short();
        let until = self.now() + self.rest(failures);
        self.lanes.rest(&track, until);
    }

    /// An entry needs no more tries.
    fn arrived(&mut self, track: &Track, piece: &Arc<Piece>) {
        self.shelf.deliver(piece, track.way);
        // It may have been read anew while it flew, or be gone.
        if let Some(piece) = self.lanes.pop(track, piece) {
            self.shelf.done(&piece);
        }
        self.lanes.arrived(track);
    }

    /// One to two times the power of two that belongs to so many failures, at most the longest.
    fn rest(&self, failures: u32) -> Duration {
        let base = REST_MIN.saturating_mul(1 << failures.saturating_sub(1).min(6));
        let millis = u32::try_from(base.as_millis()).unwrap_or(u32::MAX);
        let jitter = Duration::from_millis(below(self.agent.random(), millis.max(1)).into());
        (base + jitter).min(REST_MAX)
    }

    /// What was queued before this second is given up.
    fn oldest(&self) -> i64 {
        let tried = i64::try_from(self.agent.settings().transport.deliver_for.as_secs()).unwrap_or(i64::MAX);
        self.agent.clock().now().as_second().saturating_sub(tried)
    }

    fn is_short(&self) -> bool {
        self.shelf.count >= LOADED_MAX / 2 || self.shelf.bytes >= LOADED_BYTES_MAX / 2
    }

    fn begin_operation(&mut self) {
        if self.operation.is_some() || self.wallet_rests_until.is_some() {
            return;
        }
        // Reading and taking out take turns, so that neither waits for ever.
        self.reads_next = !self.reads_next;
        self.operation = if self.reads_next {
            self.set_aside().or_else(|| self.read()).or_else(|| self.remove())
        } else {
            self.set_aside().or_else(|| self.remove()).or_else(|| self.read())
        };
    }

    /// Reads what comes after what is known.
    fn read(&mut self) -> Option<BoxFuture<'static, Operated>> {
        let is_full = self.shelf.count >= LOADED_MAX || self.shelf.bytes >= LOADED_BYTES_MAX;
        if self.is_stopping || !self.is_stale || (is_full && self.knows_aside) {
            return None;
        }
        self.is_stale = false;
        let (wallet, shard) = (self.agent.wallet().clone(), self.shard.clone());
        let (known, limit, knows_aside) = (self.shelf.len(), self.read_limit, self.knows_aside);
        let read = async move {
            let tracks = if knows_aside { Vec::new() } else { aside::tracks(&wallet, &shard).await? };
            Ok((Segment::after(&wallet, &shard, known, limit).await?, tracks))
        };
        Some(read.map(Operated::Read).boxed())
    }

    /// Takes out what is done: segments of which nothing is left, and at times also parts.
    fn remove(&mut self) -> Option<BoxFuture<'static, Operated>> {
        if !self.shelf.has_done() {
            return None;
        }
        let is_due = std::mem::take(&mut self.is_due) || self.is_stopping;
        let taken = self.shelf.take(is_due);
        if taken.is_empty() {
            return None;
        }
        let (wallet, mut batch) = (self.agent.wallet().clone(), self.fenced());
        let removed = async move {
            let change = |(number, mut segment, done): (u64, Segment, BTreeSet<String>)| {
                let is_empty = segment.finish(&done, &mut batch);
                (number, (!is_empty).then_some(segment))
            };
            let left: Vec<_> = taken.into_iter().map(change).collect();
            wallet.commit(batch).await.map(|()| left)
        };
        Some(removed.map(Operated::Removed).boxed())
    }

    /// Sets aside what would fill memory, what waits for a session, and what belongs behind something that is set aside.
    fn set_aside(&mut self) -> Option<BoxFuture<'static, Operated>> {
        if self.is_stopping || !std::mem::take(&mut self.is_crowded) {
            return None;
        }
        let (now, is_short, courier) = (self.now(), self.is_short(), self.courier.clone());
        let waits = |piece: &Piece| courier.session_key(&piece.queued).is_some_and(|(_, waits)| waits);
        let mut taken = Vec::new();
        for (track, lane) in self.lanes.iter() {
            let is_slow = lane.flight.as_ref().is_some_and(|(_, since)| now.saturating_sub(*since) > SLOW);
            let kept = match (&lane.flight, lane.rests_until) {
                (Some(_), _) if is_slow && is_short => KEPT,
                (None, Some(_)) if is_short || lane.failures >= FAILURES_KEPT => 0,
                _ => usize::MAX,
            };
            let pieces = lane.set_aside(kept, waits);
            if !pieces.is_empty() {
                taken.push((track.clone(), pieces));
            }
        }
        if taken.is_empty() {
            return None;
        }
        let (wallet, mut batch) = (self.agent.wallet().clone(), self.fenced());
        let mut keys = BTreeSet::new();
        // What is done by that leaves its segment in the same commit.
        let mut changes: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
        for (track, pieces) in &taken {
            let queued: Vec<Queued> = pieces.iter().map(|piece| piece.queued.clone()).collect();
            keys.append(&mut aside::put(&mut batch, &*courier, &self.shard, track, &queued));
            for piece in pieces.iter().filter(|piece| piece.open.load(Ordering::Acquire) == 1) {
                changes.entry(piece.segment).or_default().insert(piece.queued.id.clone());
            }
        }
        self.shelf.finish(changes, &mut batch);
        let aside = async move { Operated::SetAside(wallet.commit(batch).await, taken, keys) };
        Some(aside.boxed())
    }

    fn operated(&mut self, operated: Operated) {
        match operated {
            Operated::Read(Ok((segments, tracks))) => {
                self.knows_aside = true;
                tracks.into_iter().for_each(|track| self.lanes.note_aside(track));
                self.load(segments);
            }
            Operated::Removed(Ok(left)) => {
                for (number, segment) in left {
                    self.shelf.changed(number, segment, self.courier.ways());
                }
            }
            Operated::SetAside(Ok(()), taken, keys) => {
                let mut changed = BTreeSet::new();
                for (track, pieces) in taken {
                    for piece in pieces {
                        self.shelf.done(&piece);
                        changed.insert(piece.segment);
                    }
                    self.lanes.wake(&track);
                }
                self.shelf.finished(changed, self.courier.ways());
                keys.iter().for_each(|key| self.courier.set_aside(key));
            }
            Operated::Read(Err(error))
            | Operated::Removed(Err(error))
            | Operated::SetAside(Err(error), ..) => {
                tracing::warn!(shard = self.shard, %error, "the wallet does not answer a worker as it should");
                self.forget();
            }
        }
    }

    fn load(&mut self, segments: Vec<Segment>) {
        let before = self.shelf.bytes;
        self.is_stale |= u64::try_from(segments.len()).is_ok_and(|count| count >= self.read_limit);
        for segment in segments {
            for (track, piece) in self.shelf.push(segment, self.courier.ways()) {
                self.is_crowded |= self.lanes.push(&track, piece);
            }
        }
        self.is_crowded |= self.is_short();
        let bytes = self.shelf.bytes.saturating_sub(before);
        self.read_limit = if bytes < READ_BYTES { self.read_limit * 2 } else { self.read_limit / 2 };
        self.read_limit = self.read_limit.clamp(READ_MIN, READ_MAX);
    }

    /// Begins anew with what the wallet has; what was delivered is remembered.
    fn forget(&mut self) {
        self.shelf.forget();
        self.lanes.forget();
        (self.is_stale, self.knows_aside) = (true, false);
        self.wallet_rests_until = Some(self.now() + self.rest(1));
    }

    fn fence(&self) -> Expect {
        self.holding.fence()
    }

    fn fenced(&self) -> Batch {
        let mut batch = Batch::new();
        batch.expect(self.fence());
        batch
    }
}

//! The lanes of a shard as its worker sees them: what is ahead, what flies, what rests.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use futures::future::AbortHandle;
use trustkeep_wallet::queue::Queued;

/// A lane and one of those to whom its entries are brought.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Track {
    pub(super) lane: Arc<str>,
    pub(super) way: usize,
}

/// An entry that is to be delivered.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) queued: Queued,
    /// The number of its segment.
    pub(super) segment: u64,
    /// On how many ways it is not delivered yet.
    pub(super) open: AtomicUsize,
}

/// What is to be done on a track.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// What comes first.
    pub(super) ahead: VecDeque<Arc<Piece>>,
    /// Whether entries of it are set aside, which come next.
    pub(super) is_aside: bool,
    /// What comes after those.
    pub(super) behind: VecDeque<Arc<Piece>>,
    /// What is being tried, and since when.
    pub(super) flight: Option<(AbortHandle, Duration)>,
    /// Whether what is being tried is what is set aside.
    pub(super) is_draining: bool,
    /// Tries that failed, one after the other.
    pub(super) failures: u32,
    /// Until when nothing is tried.
    pub(super) rests_until: Option<Duration>,
    is_ready: bool,
}

/// All tracks of a shard.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    lanes: HashMap<Track, Lane>,
    ready: VecDeque<Track>,
    resting: BTreeSet<(Duration, Track)>,
    pub(super) aloft: usize,
}

impl Lane {
    pub(super) fn is_empty(&self) -> bool {
        self.ahead.is_empty() && !self.is_aside && self.behind.is_empty() && self.flight.is_none()
    }

    /// Takes what is to be set aside: what is behind something that is; of the rest what `waits` first, and all that goes
    /// beyond `kept`, unless something is set aside that it would come before.
    pub(super) fn set_aside(&mut self, kept: usize, waits: impl Fn(&Piece) -> bool) -> Vec<Arc<Piece>> {
        if self.is_draining {
            return Vec::new();
        }
        let mut taken: Vec<Arc<Piece>> = self.behind.drain(..).collect();
        if !self.is_aside && self.ahead.len() > kept {
            taken.extend(self.ahead.drain(kept..));
        }
        self.is_aside |= !taken.is_empty();
        if self.flight.is_none() && taken.is_empty() {
            let count = self.ahead.iter().take_while(|piece| waits(piece)).count();
            taken.extend(self.ahead.drain(..count));
        }
        taken
    }
}

impl Lanes {
    pub(super) fn get(&mut self, track: &Track) -> Option<&mut Lane> {
        self.lanes.get_mut(track)
    }

    pub(super) fn iter(&mut self) -> impl Iterator<Item = (&Track, &mut Lane)> {
        self.lanes.iter_mut()
    }

    /// Puts an entry at the end of a track. Whether it belongs behind something that is set aside.
    pub(super) fn push(&mut self, track: &Track, piece: Arc<Piece>) -> bool {
        let lane = self.lanes.entry(track.clone()).or_default();
        let is_behind = lane.is_aside;
        if is_behind {
            lane.behind.push_back(piece)
        } else {
            lane.ahead.push_back(piece)
        }
        self.wake(track);
        is_behind
    }

    /// The first entry of a track.
    pub(super) fn ahead(&self, track: &Track) -> Option<Arc<Piece>> {
        self.lanes.get(track)?.ahead.front().cloned()
    }

    /// Takes an entry, if it is the first of its track.
    pub(super) fn pop(&mut self, track: &Track, piece: &Piece) -> Option<Arc<Piece>> {
        let lane = self.lanes.get_mut(track)?;
        if lane.ahead.front()?.queued.id == piece.queued.id { lane.ahead.pop_front() } else { None }
    }

    /// Something is being tried.
    pub(super) fn depart(&mut self, track: &Track, abort: AbortHandle, now: Duration, is_draining: bool) {
        self.aloft += 1;
        if let Some(lane) = self.lanes.get_mut(track) {
            lane.flight = Some((abort, now));
            lane.is_draining = is_draining;
        }
    }

    /// The try has ended.
    pub(super) fn land(&mut self, track: &Track) {
        self.aloft = self.aloft.saturating_sub(1);
        if let Some(lane) = self.lanes.get_mut(track) {
            lane.flight = None;
            lane.is_draining = false;
        }
    }

    /// Counts a failure.
    pub(super) fn failed(&mut self, track: &Track) -> u32 {
        let Some(lane) = self.lanes.get_mut(track) else { return 1 };
        lane.failures = lane.failures.saturating_add(1);
        lane.failures
    }

    /// The try did not fail.
    pub(super) fn arrived(&mut self, track: &Track) {
        if let Some(lane) = self.lanes.get_mut(track) {
            lane.failures = 0;
        }
        self.wake(track);
    }

    /// Nothing is set aside any more.
    pub(super) fn drained(&mut self, track: &Track) {
        if let Some(lane) = self.lanes.get_mut(track) {
            lane.is_aside = false;
            let mut behind = std::mem::take(&mut lane.behind);
            lane.ahead.append(&mut behind);
        }
        self.arrived(track);
    }

    /// Notes that entries of a track are set aside.
    pub(super) fn note_aside(&mut self, track: Track) {
        self.lanes.entry(track.clone()).or_default().is_aside = true;
        self.wake(&track);
    }

    /// Lets a track have its turn, if there is something to do on it, and forgets it if there never is.
    pub(super) fn wake(&mut self, track: &Track) {
        let Some(lane) = self.lanes.get_mut(track) else { return };
        if lane.is_empty() {
            self.lanes.remove(track);
        } else if lane.flight.is_none() && lane.rests_until.is_none() && !lane.is_ready {
            lane.is_ready = true;
            self.ready.push_back(track.clone());
        }
    }

    /// Lets a track rest.
    pub(super) fn rest(&mut self, track: &Track, until: Duration) {
        if let Some(lane) = self.lanes.get_mut(track) {
            lane.rests_until = Some(until);
            self.resting.insert((until, track.clone()));
        }
    }

    /// Ends the rest of those whose time has come.
    pub(super) fn rise(&mut self, now: Duration) {
        while let Some((until, _)) = self.resting.first()
            && *until <= now
            && let Some((_, track)) = self.resting.pop_first()
        {
            if let Some(lane) = self.lanes.get_mut(&track) {
                lane.rests_until = None;
            }
            self.wake(&track);
        }
    }

    /// The next track whose turn it is.
    pub(super) fn next(&mut self) -> Option<Track> {
        while let Some(track) = self.ready.pop_front() {
            if let Some(lane) = self.lanes.get_mut(&track) {
                lane.is_ready = false;
                if lane.flight.is_none() && lane.rests_until.is_none() {
                    return Some(track);
                }
            }
        }
        None
    }

    /// Whether any track rests or flies: time matters then.
    pub(super) fn has_deadlines(&self) -> bool {
        !self.resting.is_empty() || self.aloft > 0
    }

    /// Cuts what has flown for longer than that; what empties a place takes its time, unless that is to end too.
    pub(super) fn cut(&mut self, now: Duration, longest: Duration, ends_draining: bool) {
        if self.aloft == 0 {
            return;
        }
        for lane in self.lanes.values() {
            if let Some((abort, since)) = &lane.flight
                && if lane.is_draining { ends_draining } else { now.saturating_sub(*since) >= longest }
            {
                abort.abort();
            }
        }
    }

    /// Forgets everything but what flies, and who rests for how long.
    pub(super) fn forget(&mut self) {
        self.ready.clear();
        for lane in self.lanes.values_mut() {
            lane.ahead.clear();
            lane.behind.clear();
            lane.is_ready = false;
        }
        self.lanes.retain(|_, lane| lane.flight.is_some() || lane.rests_until.is_some());
    }
}

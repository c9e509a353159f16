//! Who is woken by what was committed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use trustkeep_wallet::queue::{Lane, SHARDS, shard_name};

use crate::{EVENTS, OUTBOUND};

/// The queues that are worked off here.
const QUEUES: [&str; 2] = [OUTBOUND, EVENTS];
const PLACES: usize = QUEUES.len() * SHARDS as usize;
/// The bit, and what others are told, of what our mediators know.
const ROUTES: u32 = 1 << 31;
const ROUTED: &str = "routed";
const _: () = assert!(PLACES < 31);

/// Others are told by this and a key that something is set aside for its owner.
pub(crate) const WAITING: &str = "waiting/";
/// Keys that others are told of at once.
const KEYS_MAX: usize = 10_000;

/// A set of shards of all queues, and what our mediators know: a bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places(u32);

/// Wakes the workers of this process at once, and has the others told.
#[derive(Debug)]
pub(crate) struct Wakes {
    workers: [Notify; PLACES],
    routed: Notify,
    /// The shards that are worked off here.
    held: AtomicU32,
    /// The shards of others that they are to be told of.
    untold: AtomicU32,
    /// The keys for whose owners something was set aside.
    keys: Mutex<BTreeSet<String>>,
    teller: Notify,
}

impl Places {
    pub(crate) fn insert(&mut self, lane: &Lane) {
        self.0 |= bit(place(lane.queue, lane.shard()));
    }

    /// A mediator knows another key than before.
    pub(crate) fn insert_routes(&mut self) {
        self.0 |= ROUTES;
    }
}

impl Default for Wakes {
    fn default() -> Self {
        Self {
            workers: std::array::from_fn(|_| Notify::new()),
            routed: Notify::new(),
            held: AtomicU32::new(0),
            untold: AtomicU32::new(0),
            keys: Mutex::default(),
            teller: Notify::new(),
        }
    }
}

impl Wakes {
    /// There is something new in these shards.
    pub(crate) fn committed(&self, places: Places) {
        for (index, worker) in self.workers.iter().enumerate() {
            if places.0 & bit(index) != 0 {
                worker.notify_one();
            }
        }
        if places.0 & ROUTES != 0 {
            self.routed.notify_waiters();
        }
        let others = places.0 & !self.held.load(Ordering::Relaxed);
        if others != 0 {
            self.untold.fetch_or(others, Ordering::AcqRel);
            self.teller.notify_one();
        }
    }

    /// Another process says that there is something new in a shard, `outbound/3`, or that a mediator knows another key.
    pub(crate) fn told(&self, shard: &str) {
        if shard == ROUTED {
            self.routed.notify_waiters();
        }
        let Some((queue, number)) = shard.rsplit_once('/') else { return };
        if !QUEUES.contains(&queue) {
            return;
        }
        if let Ok(number) = number.parse::<u16>() {
            self.wake(queue, number);
        }
    }

    /// Whoever works is to look.
    pub(crate) fn wake_all(&self) {
        self.workers.iter().for_each(Notify::notify_one);
        self.routed.notify_waiters();
    }

    /// Told when a mediator knows another key than at this call.
    pub(crate) fn routed(&self) -> Notified<'_> {
        self.routed.notified()
    }

    pub(crate) fn wake(&self, queue: &str, shard: u16) {
        if let Some(worker) = self.workers.get(place(queue, shard)) {
            worker.notify_one();
        }
    }

    /// Waits until there is something new in a shard, or was since the last time.
    pub(crate) async fn wait(&self, queue: &str, shard: u16) {
        match self.workers.get(place(queue, shard)) {
            Some(worker) => worker.notified().await,
            None => std::future::pending().await,
        }
    }

    /// Notes that a shard is worked off here, or is no longer.
    pub(crate) fn hold(&self, queue: &str, shard: u16, is_held: bool) {
        let bit = bit(place(queue, shard));
        if is_held {
            self.held.fetch_or(bit, Ordering::Relaxed);
        } else {
            self.held.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    /// Something was set aside for the owner of a key, who may be connected to another process.
    pub(crate) fn say(&self, key: &str) {
        let mut keys = self.keys.lock();
        // Who is not told looks by himself from time to time.
        if keys.len() < KEYS_MAX {
            keys.insert(key.to_owned());
        }
        drop(keys);
        self.teller.notify_one();
    }

    /// Waits for something that other processes have to know, and gives what they are to be told.
    pub(crate) async fn untold(&self) -> Vec<String> {
        loop {
            self.teller.notified().await;
            let keys = std::mem::take(&mut *self.keys.lock());
            let untold = self.untold.swap(0, Ordering::AcqRel);
            let names = QUEUES.iter().flat_map(|queue| (0..SHARDS).map(move |shard| (*queue, shard)));
            let names = names.filter(|(queue, shard)| untold & bit(place(queue, *shard)) != 0);
            let names = names.map(|(queue, shard)| shard_name(queue, shard));
            let names = names.chain((untold & ROUTES != 0).then(|| ROUTED.to_owned()));
            let names: Vec<_> = names.chain(keys.iter().map(|key| format!("{WAITING}{key}"))).collect();
            if !names.is_empty() {
                return names;
            }
        }
    }
}

fn place(queue: &str, shard: u16) -> usize {
    let queue = QUEUES.iter().position(|known| *known == queue).unwrap_or(QUEUES.len());
    queue * usize::from(SHARDS) + usize::from(shard)
}

fn bit(place: usize) -> u32 {
    u32::try_from(place).ok().and_then(|place| 1_u32.checked_shl(place)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn who_waits_for_a_mediator_is_told_here_and_by_others() {
        let (here, there) = (Wakes::default(), Wakes::default());
        let (waits_here, waits_there) = (here.routed(), there.routed());
        let mut places = Places::default();
        places.insert_routes();
        here.committed(places);
        assert!(waits_here.now_or_never().is_some());
        let told = here.untold().await;
        there.told(&told[0]);
        assert!(waits_there.now_or_never().is_some());
    }

    #[tokio::test]
    async fn who_works_here_is_woken_and_others_are_told_of_what_is_theirs() {
        let wakes = Wakes::default();
        let lane = Lane { queue: EVENTS, name: "alice".to_owned() };
        let mut places = Places::default();
        places.insert(&lane);
        wakes.committed(places);
        wakes.wait(EVENTS, lane.shard()).await;
        assert_eq!(wakes.untold().await, [shard_name(EVENTS, lane.shard())]);

        wakes.hold(EVENTS, lane.shard(), true);
        wakes.committed(places);
        wakes.wait(EVENTS, lane.shard()).await;
        assert!(wakes.untold().now_or_never().is_none());
        wakes.told(&shard_name(EVENTS, lane.shard()));
        wakes.wait(EVENTS, lane.shard()).await;
    }
}

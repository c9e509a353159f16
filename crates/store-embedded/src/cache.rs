//! Records in memory, never older than what the newest view shows.
//!
//! The committer marks the rows of a group as moving before it applies the group, and replaces the marks after it
//! has published the view that shows it. Readers that meet a mark read the view and keep nothing. A reader that
//! found nothing here holds a place in the cache while it reads; the committer's mark takes that place away, so
//! that what it read cannot come in late. Marks are pinned: eviction cannot reopen that gap.

use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::{Cache, GuardResult, PlaceholderGuard};
use quick_cache::{DefaultHashBuilder, Lifecycle, OptionsBuilder, Weighter};
use trustkeep_store::{Record, Result};

/// Records by their encoded keys.
pub(crate) struct RecordCache(Option<Records>);

type Records = Cache<Vec<u8>, Slot, Weight, DefaultHashBuilder, Pin>;

#[derive(Clone)]
enum Slot {
    /// A commit that changes it is on its way to disk.
    Moving,
    Held(Arc<Record>),
}

/// What the cache says of a key.
pub(crate) enum Lookup<'a> {
    /// The record.
    Hit(Arc<Record>),
    /// Nothing; what is read now may be kept.
    Miss(Place<'a>),
    /// Nothing; what is read now must not be kept.
    Bypass,
}

/// The right to keep what was read for a key.
pub(crate) struct Place<'a>(PlaceholderGuard<'a, Vec<u8>, Slot, Weight, DefaultHashBuilder, Pin>);

impl Place<'_> {
    /// Keeps the record, unless a commit of its row began since.
    pub(crate) fn keep(self, record: Arc<Record>) {
        let _ = self.0.insert(Slot::Held(record));
    }
}

impl RecordCache {
    /// A cache of records that together take about `bytes`; none for 0.
    pub(crate) fn new(bytes: u64) -> RecordCache {
        let mut options = OptionsBuilder::new();
        options.weight_capacity(bytes).estimated_items_capacity((bytes / 512) as usize);
        let options = options.build().ok().filter(|_| bytes > 0);
        RecordCache(
            options.map(|options| Cache::with_options(options, Weight, DefaultHashBuilder::default(), Pin)),
        )
    }

    /// Looks a key up, to read it where it is not here.
    pub(crate) fn look_up(&self, key: &[u8]) -> Lookup<'_> {
        let Some(records) = &self.0 else { return Lookup::Bypass };
        match records.get(key) {
            Some(Slot::Held(record)) => return Lookup::Hit(record),
            Some(Slot::Moving) => return Lookup::Bypass,
            None => {}
        }
        match records.get_value_or_guard(key, Some(Duration::ZERO)) {
            GuardResult::Value(Slot::Held(record)) => Lookup::Hit(record),
            GuardResult::Guard(place) => Lookup::Miss(Place(place)),
            GuardResult::Value(Slot::Moving) | GuardResult::Timeout => Lookup::Bypass,
        }
    }

    /// The record, if it is here; for the committer, which never meets its own marks.
    pub(crate) fn peek(&self, key: &[u8]) -> Option<Arc<Record>> {
        match self.0.as_ref()?.peek(key)? {
            Slot::Held(record) => Some(record),
            Slot::Moving => None,
        }
    }

    /// Marks a row whose change is about to be applied.
    pub(crate) fn mark(&self, key: &[u8]) {
        if let Some(records) = &self.0 {
            records.insert(key.into(), Slot::Moving);
        }
    }

    /// Replaces a mark, once the view shows the change or the change was given up.
    pub(crate) fn unmark(&self, key: Vec<u8>, record: Option<Arc<Record>>) {
        match (&self.0, record) {
            (Some(records), Some(record)) => records.insert(key.into(), Slot::Held(record)),
            (Some(records), None) => drop(records.remove(key.as_slice())),
            (None, _) => {}
        }
    }
}

/// Reads a record through the cache.
pub(crate) fn read_through(
    cache: &RecordCache,
    key: &[u8],
    read: impl FnOnce() -> Result<Option<Record>>,
) -> Result<(Option<Arc<Record>>, bool)> {
    match cache.look_up(key) {
        Lookup::Hit(record) => Ok((Some(record), true)),
        Lookup::Bypass => Ok((read()?.map(Arc::new), false)),
        Lookup::Miss(place) => {
            let record = read()?.map(Arc::new);
            if let Some(record) = &record {
                place.keep(record.clone());
            }
            Ok((record, false))
        }
    }
}

#[derive(Clone)]
struct Weight;

impl Weighter<Vec<u8>, Slot> for Weight {
    fn weight(&self, key: &Vec<u8>, slot: &Slot) -> u64 {
        // What the maps, the reference counts and the values' own headers take.
        const OVERHEAD: usize = 160;
        let record = match slot {
            Slot::Moving => 0,
            Slot::Held(record) => record.key.size() + record.row.size() + 40 * record.row.values().len(),
        };
        (OVERHEAD + key.len() + record) as u64
    }
}

#[derive(Clone)]
struct Pin;

impl Lifecycle<Vec<u8>, Slot> for Pin {
    type RequestState = ();

    fn is_pinned(&self, _key: &Vec<u8>, slot: &Slot) -> bool {
        matches!(slot, Slot::Moving)
    }
}

impl std::fmt::Debug for RecordCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordCache").field("weight", &self.0.as_ref().map(Cache::weight)).finish()
    }
}

#[cfg(test)]
mod tests {
    use trustkeep_store::{Key, Row, Version};

    use super::*;

    fn record(version: i64) -> Record {
        Record { key: Key::of("k"), version: Version(version), row: Row::of(["value"]) }
    }

    fn version(cache: &RecordCache) -> Option<i64> {
        cache.peek(b"k").map(|record| record.version.0)
    }

    #[test]
    fn what_was_read_before_a_commit_does_not_come_in_after_it() {
        let cache = RecordCache::new(1 << 20);
        let Lookup::Miss(place) = cache.look_up(b"k") else { panic!("something in an empty cache") };
        cache.mark(b"k");
        assert!(matches!(cache.look_up(b"k"), Lookup::Bypass));
        place.keep(Arc::new(record(1)));
        assert_eq!(version(&cache), None, "a read from before the commit was kept");
        cache.unmark(b"k".to_vec(), Some(Arc::new(record(2))));
        assert_eq!(version(&cache), Some(2));
        cache.mark(b"k");
        cache.unmark(b"k".to_vec(), None);
        assert_eq!(version(&cache), None);
    }

    #[test]
    fn a_miss_is_read_once_and_kept() {
        let cache = RecordCache::new(1 << 20);
        let first = read_through(&cache, b"k", || Ok(Some(record(1)))).unwrap();
        assert_eq!(first, (Some(Arc::new(record(1))), false));
        let second = read_through(&cache, b"k", || panic!("read again")).unwrap();
        assert_eq!(second, (Some(Arc::new(record(1))), true));
        let off = RecordCache::new(0);
        assert!(!read_through(&off, b"k", || Ok(Some(record(1)))).unwrap().1);
        assert!(!read_through(&off, b"k", || Ok(Some(record(1)))).unwrap().1);
    }

    #[test]
    fn it_stays_within_its_size_and_never_evicts_a_mark() {
        let cache = RecordCache::new(64 << 10);
        cache.mark(b"k");
        for index in 0..10_000u32 {
            let key = index.to_be_bytes();
            read_through(&cache, &key, || Ok(Some(record(1)))).unwrap();
        }
        assert!(cache.0.as_ref().unwrap().weight() <= 64 << 10);
        assert!(matches!(cache.look_up(b"k"), Lookup::Bypass));
    }
}

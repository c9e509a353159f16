//! Records in memory, never older than what the newest view shows.
//!
//! Before the committer applies a group, it marks its rows as moving and takes them out; after it has published the
//! view that shows the group, it puts back those that were here and lifts the marks. A reader that finds nothing
//! here holds a place in the cache while it reads the view, and keeps what it read only if its row is not moving;
//! taking a row out takes such places away too. So nothing read before a commit can come in after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use quick_cache::sync::{Cache, DefaultLifecycle, GuardResult, PlaceholderGuard};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};
use trustkeep_store::{Record, Result};
use xxhash_rust::xxh3::xxh3_64;

/// Records by their encoded keys.
pub(crate) struct RecordCache(Option<Inner>);

struct Inner {
    records: Records,
    /// How many moving rows there are among those whose hash falls here.
    moving: Vec<AtomicU32>,
}

type Records = Cache<Vec<u8>, Arc<Record>, Weight, DefaultHashBuilder, Life>;
type Life = DefaultLifecycle<Vec<u8>, Arc<Record>>;

/// Few enough for the processor's cache, many enough that a group moves few rows but its own.
const STRIPES: usize = 1 << 13;

/// What the cache says of a key.
enum Lookup<'a> {
    /// The record.
    Hit(Arc<Record>),
    /// Nothing; what is read now may be kept.
    Miss(Place<'a>),
    /// Nothing; what is read now must not be kept.
    Bypass,
}

/// The right to keep what was read for a key.
struct Place<'a>(PlaceholderGuard<'a, Vec<u8>, Arc<Record>, Weight, DefaultHashBuilder, Life>);

impl Place<'_> {
    /// Keeps the record, unless a commit of its row began since.
    fn keep(self, record: Arc<Record>) {
        let _ = self.0.insert(record);
    }
}

impl RecordCache {
    /// A cache of records that together take about `bytes`; none for 0.
    pub(crate) fn new(bytes: u64) -> RecordCache {
        let mut options = OptionsBuilder::new();
        options.weight_capacity(bytes).estimated_items_capacity((bytes / 512) as usize);
        let options = options.build().ok().filter(|_| bytes > 0);
        RecordCache(options.map(|options| Inner {
            records: Cache::with_options(options, Weight, DefaultHashBuilder::default(), Life::default()),
            moving: (0..STRIPES).map(|_| AtomicU32::new(0)).collect(),
        }))
    }

    /// The record, if it is here.
    pub(crate) fn peek(&self, key: &[u8]) -> Option<Arc<Record>> {
        self.0.as_ref()?.records.peek(key)
    }

    /// Takes out a row whose change is about to be applied; says whether it was here.
    pub(crate) fn take_out(&self, key: &[u8]) -> bool {
        let Some(inner) = &self.0 else { return false };
        inner.mark(key, |mark| mark.fetch_add(1, Ordering::SeqCst));
        inner.records.remove(key).is_some()
    }

    /// Lets a row in again that was taken out, once the view shows its change or the change was given up.
    pub(crate) fn put_back(&self, key: Vec<u8>, record: Option<Arc<Record>>) {
        let Some(inner) = &self.0 else { return };
        let stripe = stripe(&key);
        if let Some(record) = record {
            inner.records.insert(key, record);
        }
        if let Some(mark) = inner.moving.get(stripe) {
            mark.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn look_up(&self, key: &[u8]) -> Lookup<'_> {
        let Some(inner) = &self.0 else { return Lookup::Bypass };
        match inner.records.get_value_or_guard(key, Some(Duration::ZERO)) {
            GuardResult::Value(record) => Lookup::Hit(record),
            // The place stands by now: a commit that begins after this look takes it away.
            GuardResult::Guard(place) if inner.mark(key, |mark| mark.load(Ordering::SeqCst)) == 0 => {
                Lookup::Miss(Place(place))
            }
            GuardResult::Guard(_) | GuardResult::Timeout => Lookup::Bypass,
        }
    }
}

impl Inner {
    fn mark(&self, key: &[u8], with: impl FnOnce(&AtomicU32) -> u32) -> u32 {
        self.moving.get(stripe(key)).map_or(0, with)
    }
}

fn stripe(key: &[u8]) -> usize {
    xxh3_64(key) as usize % STRIPES
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

impl Weighter<Vec<u8>, Arc<Record>> for Weight {
    fn weight(&self, key: &Vec<u8>, record: &Arc<Record>) -> u64 {
        // What the maps, the reference counts and the values' own headers take.
        const OVERHEAD: usize = 160;
        (OVERHEAD + key.len() + record.key.size() + record.row.size() + 40 * record.row.values().len()) as u64
    }
}

impl std::fmt::Debug for RecordCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordCache")
            .field("weight", &self.0.as_ref().map(|inner| inner.records.weight()))
            .finish()
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
        assert!(!cache.take_out(b"k"));
        assert!(matches!(cache.look_up(b"k"), Lookup::Bypass));
        place.keep(Arc::new(record(1)));
        assert_eq!(version(&cache), None, "a read from before the commit was kept");
        cache.put_back(b"k".to_vec(), Some(Arc::new(record(2))));
        assert_eq!(version(&cache), Some(2));
        assert!(cache.take_out(b"k"));
        assert_eq!(version(&cache), None);
        cache.put_back(b"k".to_vec(), None);
        assert!(matches!(cache.look_up(b"k"), Lookup::Miss(_)), "the mark stayed");
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
    fn it_stays_within_its_size() {
        let cache = RecordCache::new(64 << 10);
        for index in 0..10_000u32 {
            let key = index.to_be_bytes();
            read_through(&cache, &key, || Ok(Some(record(1)))).unwrap();
        }
        let records = &cache.0.as_ref().unwrap().records;
        assert!(records.weight() <= 64 << 10 && records.len() > 100);
    }
}

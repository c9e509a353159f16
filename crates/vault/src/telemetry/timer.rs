use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use parking_lot::Mutex;

/// Counts how long something takes.
pub struct Timer {
    buckets: [AtomicU64; BUCKETS],
    sum_ns: AtomicU64,
    min_ns: AtomicU64,
    max_ns: AtomicU64,
    past: Mutex<Past>,
}

#[derive(Default)]
struct Past {
    /// All until the last rotation.
    total: Interval,
    /// What lay between the last two.
    interval: Interval,
}

/// What was counted in a span of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Interval {
    /// How often.
    pub count: u64,
    /// How long the span was.
    pub seconds: f64,
    sum_ns: u64,
    min_ns: u64,
    max_ns: u64,
    buckets: Vec<u64>,
}

impl Timer {
    /// Counts one that took this long.
    pub fn record(&self, took: Duration) {
        // 2^64 ns are 584 years.
        let ns = took.as_nanos() as u64;
        if let Some(bucket) = self.buckets.get(bucket_of(ns)) {
            bucket.fetch_add(1, Relaxed);
        }
        self.sum_ns.fetch_add(ns, Relaxed);
        // Read first: most are neither, and reading costs other threads nothing.
        if ns < self.min_ns.load(Relaxed) {
            self.min_ns.fetch_min(ns, Relaxed);
        }
        if ns > self.max_ns.load(Relaxed) {
            self.max_ns.fetch_max(ns, Relaxed);
        }
    }

    /// All that was ever counted.
    pub fn total(&self) -> Interval {
        let buckets: Vec<u64> = self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect();
        Interval {
            count: buckets.iter().sum(),
            sum_ns: self.sum_ns.load(Relaxed),
            buckets,
            ..Interval::default()
        }
    }

    /// What was counted between the last two rotations.
    pub fn interval(&self) -> Interval {
        self.past.lock().interval.clone()
    }

    /// Closes an interval that lasted `since`.
    pub fn rotate(&self, since: Duration) {
        let mut past = self.past.lock();
        let total = self.total();
        let before = past.total.buckets.iter().copied().chain(std::iter::repeat(0));
        past.interval = Interval {
            count: total.count.saturating_sub(past.total.count),
            seconds: since.as_secs_f64(),
            sum_ns: total.sum_ns.saturating_sub(past.total.sum_ns),
            min_ns: self.min_ns.swap(u64::MAX, Relaxed),
            max_ns: self.max_ns.swap(0, Relaxed),
            buckets: total
                .buckets
                .iter()
                .zip(before)
                .map(|(now, before)| now.saturating_sub(before))
                .collect(),
        };
        past.total = total;
    }
}

impl Default for Timer {
    fn default() -> Self {
        Timer {
            buckets: std::array::from_fn(|_| AtomicU64::new(0)),
            sum_ns: AtomicU64::new(0),
            min_ns: AtomicU64::new(u64::MAX),
            max_ns: AtomicU64::new(0),
            past: Mutex::default(),
        }
    }
}

impl std::fmt::Debug for Timer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Timer").field("count", &self.total().count).finish_non_exhaustive()
    }
}

impl Interval {
    /// Milliseconds in all.
    pub fn sum_ms(&self) -> f64 {
        ms(self.sum_ns)
    }

    /// The shortest, milliseconds.
    pub fn min_ms(&self) -> f64 {
        ms(self.min_ns.min(self.max_ns))
    }

    /// The longest, milliseconds.
    pub fn max_ms(&self) -> f64 {
        ms(self.max_ns)
    }

    /// What this share (0 to 1) stayed below, milliseconds; `None` where there is nothing.
    pub fn quantile_ms(&self, share: f64) -> Option<f64> {
        let rank = (self.count as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += count;
            if *count > 0 && seen >= rank {
                return Some(ms(upper_bound(index)));
            }
        }
        None
    }

    /// The standard deviation, from the buckets' middles, milliseconds.
    pub fn deviation_ms(&self) -> f64 {
        if self.count < 2 {
            return 0.0;
        }
        let mean = self.sum_ms() / self.count as f64;
        let squares: f64 = self
            .buckets
            .iter()
            .enumerate()
            .map(|(index, count)| {
                let below = if index == 0 { 0 } else { upper_bound(index - 1) };
                let middle = (ms(below) + ms(upper_bound(index))) / 2.0;
                (middle - mean).powi(2) * *count as f64
            })
            .sum();
        (squares / (self.count - 1) as f64).sqrt()
    }
}

fn ms(ns: u64) -> f64 {
    ns as f64 / 1e6
}

/// Four buckets to each doubling.
fn bucket_of(ns: u64) -> usize {
    if ns < 4 {
        return ns as usize;
    }
    let doubling = ns.ilog2();
    let quarter = (ns >> (doubling - 2)) & 3;
    (doubling as usize - 1) * 4 + quarter as usize
}

/// One more than the largest that falls into a bucket.
fn upper_bound(bucket: usize) -> u64 {
    if bucket < 4 {
        return bucket as u64 + 1;
    }
    let (doubling, quarter) = (bucket as u32 / 4 + 1, bucket as u64 % 4);
    (4 + quarter + 1).checked_shl(doubling - 2).filter(|bound| *bound > 0).unwrap_or(u64::MAX)
}

const BUCKETS: usize = 252;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_time_falls_below_its_bound_and_not_below_the_one_before() {
        for shift in 0..63 {
            for add in [0, 1, 3, 5, 1 << 20] {
                let ns = (1_u64 << shift).saturating_add(add);
                let bucket = bucket_of(ns);
                assert!(bucket < BUCKETS, "{ns}");
                assert!(ns < upper_bound(bucket), "{ns} {bucket}");
                assert!(bucket == 0 || ns >= upper_bound(bucket - 1), "{ns} {bucket}");
            }
        }
        assert!(bucket_of(u64::MAX) < BUCKETS);
    }

    #[test]
    fn an_interval_shows_what_lay_between_rotations() {
        let timer = Timer::default();
        timer.record(Duration::from_millis(500));
        timer.rotate(Duration::from_secs(10));
        for ms in 1..=100 {
            timer.record(Duration::from_millis(ms));
        }
        timer.rotate(Duration::from_secs(10));
        let interval = timer.interval();
        assert_eq!((interval.count, interval.min_ms(), interval.max_ms()), (100, 1.0, 100.0));
        assert_eq!(interval.sum_ms(), 5050.0);
        let half = interval.quantile_ms(0.5).unwrap();
        assert!((50.0..63.0).contains(&half), "{half}");
        assert!((20.0..40.0).contains(&interval.deviation_ms()), "{}", interval.deviation_ms());
        assert_eq!(timer.total().count, 101);
        timer.rotate(Duration::from_secs(10));
        assert_eq!((timer.interval().count, timer.interval().quantile_ms(0.5)), (0, None));
    }
}

//! A histogram of durations that is written to without a lock and precise to three percent.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// Counts of durations, by their size: 32 steps to each doubling, from a microsecond to twenty minutes.
#[derive(Debug)]
pub(super) struct Histogram {
    buckets: Box<[AtomicU64]>,
}

/// What a histogram held at one moment.
#[derive(Clone, Debug)]
pub(super) struct Counts(Box<[u64]>);

impl Histogram {
    pub(super) fn new() -> Self {
        Self { buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Counts one duration. Threads meet here only where they count alike durations at the same moment.
    pub(super) fn record(&self, duration: Duration) {
        if let Some(bucket) = self.buckets.get(bucket_of(duration)) {
            bucket.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn counts(&self) -> Counts {
        Counts(self.buckets.iter().map(|bucket| bucket.load(Relaxed)).collect())
    }
}

impl Counts {
    /// What came since `before`.
    pub(super) fn since(&self, before: &Counts) -> Counts {
        Counts(self.0.iter().zip(&before.0).map(|(now, then)| now.wrapping_sub(*then)).collect())
    }

    pub(super) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The duration below which this share of all lies, in seconds; 0 if there is none.
    pub(super) fn quantile(&self, share: f64) -> f64 {
        let total = self.total();
        let wanted = (share * total as f64).ceil().max(1.0) as u64;
        let mut below = 0;
        for (index, count) in self.0.iter().enumerate() {
            below += count;
            if below >= wanted {
                return seconds_of(index);
            }
        }
        0.0
    }
}

/// Steps to a doubling, as a power of two.
const STEP_BITS: u32 = 5;
const STEPS: usize = 1 << STEP_BITS;
/// Doublings above the first [`STEPS`] units of 2^[`UNIT_BITS`] nanoseconds.
const DOUBLINGS: usize = 26;
const BUCKETS: usize = STEPS * (DOUBLINGS + 1);
const UNIT_BITS: u32 = 10;

fn bucket_of(duration: Duration) -> usize {
    let units = (duration.as_nanos() >> UNIT_BITS).min(u128::from(u64::MAX)) as u64;
    if units < STEPS as u64 {
        return units as usize;
    }
    let doubling = units.ilog2() - STEP_BITS;
    let step = (units >> doubling) as usize - STEPS;
    (STEPS * (doubling as usize + 1) + step).min(BUCKETS - 1)
}

/// The middle of a bucket.
fn seconds_of(bucket: usize) -> f64 {
    let unit_seconds = (1_u64 << UNIT_BITS) as f64 / 1e9;
    if bucket < STEPS {
        return (bucket as f64 + 0.5) * unit_seconds;
    }
    let (doubling, step) = (bucket / STEPS - 1, bucket % STEPS);
    ((STEPS + step) as f64 + 0.5) * 2_f64.powi(doubling as i32) * unit_seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_comes_back_within_three_percent() {
        let mut nanos = 50_000_u64;
        while nanos < 1_000_000_000_000 {
            let seconds = seconds_of(bucket_of(Duration::from_nanos(nanos)));
            let off = (seconds * 1e9 / nanos as f64 - 1.0).abs();
            assert!(off < 0.033, "{nanos} ns: {seconds} s");
            nanos += nanos / 7;
        }
        assert_eq!(bucket_of(Duration::ZERO), 0);
        assert_eq!(bucket_of(Duration::MAX), BUCKETS - 1);
    }

    #[test]
    fn quantiles_are_those_of_what_was_recorded() {
        let histogram = Histogram::new();
        assert_eq!(histogram.counts().quantile(0.5), 0.0);
        let before = histogram.counts();
        for millis in 1..=1000 {
            histogram.record(Duration::from_millis(millis));
        }
        let counts = histogram.counts().since(&before);
        assert_eq!(counts.total(), 1000);
        for (share, seconds) in [(0.5, 0.5), (0.99, 0.99), (0.999, 0.999)] {
            assert!((counts.quantile(share) / seconds - 1.0).abs() < 0.04);
        }
        assert_eq!(histogram.counts().since(&counts).total(), 0);
    }
}

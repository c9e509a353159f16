//! What the store publishes about itself.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};

/// Handles of the recorder that was installed when the store was opened.
pub(crate) struct Metrics {
    commit_seconds: Histogram,
    group_seconds: Histogram,
    group_commits: Histogram,
    conflicts: Counter,
    stall_seconds: Gauge,
    stall_micros: AtomicU64,
    hits: Counter,
    misses: Counter,
}

impl Metrics {
    pub(crate) fn new() -> Metrics {
        use metrics::{
            Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram,
        };
        describe_histogram!("store_commit_seconds", Unit::Seconds, "From a commit's call to its answer");
        describe_histogram!("store_group_seconds", Unit::Seconds, "Writing one group of commits to disk");
        describe_histogram!("store_group_commits", "Requests answered by one write to disk");
        describe_counter!("store_conflicts_total", "Commits refused because a row was not as expected");
        describe_gauge!(
            "store_stall_seconds_max",
            Unit::Seconds,
            "The longest write to disk since the start"
        );
        describe_counter!("store_cache_hits_total", "Point reads answered from the record cache");
        describe_counter!("store_cache_misses_total", "Point reads that went to the engine");
        Metrics {
            commit_seconds: histogram!("store_commit_seconds", "backend" => "embedded"),
            group_seconds: histogram!("store_group_seconds", "backend" => "embedded"),
            group_commits: histogram!("store_group_commits", "backend" => "embedded"),
            conflicts: counter!("store_conflicts_total", "backend" => "embedded"),
            stall_seconds: gauge!("store_stall_seconds_max", "backend" => "embedded"),
            stall_micros: AtomicU64::new(0),
            hits: counter!("store_cache_hits_total", "backend" => "embedded"),
            misses: counter!("store_cache_misses_total", "backend" => "embedded"),
        }
    }

    pub(crate) fn commit(&self, took: Duration) {
        self.commit_seconds.record(took);
    }

    pub(crate) fn conflict(&self) {
        self.conflicts.increment(1);
    }

    pub(crate) fn group(&self, commits: usize, took: Duration) {
        self.group_seconds.record(took);
        self.group_commits.record(commits as f64);
        let micros = took.as_micros() as u64;
        if self.stall_micros.fetch_max(micros, Ordering::Relaxed) < micros {
            self.stall_seconds.set(took.as_secs_f64());
        }
    }

    pub(crate) fn read(&self, hit: bool) {
        if hit { &self.hits } else { &self.misses }.increment(1);
    }

    /// The longest write so far.
    pub(crate) fn longest_stall(&self) -> Duration {
        Duration::from_micros(self.stall_micros.load(Ordering::Relaxed))
    }
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("longest_stall", &self.longest_stall()).finish_non_exhaustive()
    }
}

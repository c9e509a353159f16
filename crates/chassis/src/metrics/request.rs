use std::fmt::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::StatusCode;
use parking_lot::Mutex;

use super::LATENCY_BUCKETS_SECONDS;

/// The first digit of a status code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum StatusClass {
    /// 1xx
    Informational,
    /// 2xx
    Success,
    /// 3xx
    Redirection,
    /// 4xx
    ClientError,
    /// 5xx
    ServerError,
}

impl From<StatusCode> for StatusClass {
    fn from(status: StatusCode) -> Self {
        match status.as_u16() {
            ..200 => Self::Informational,
            200..300 => Self::Success,
            300..400 => Self::Redirection,
            400..500 => Self::ClientError,
            500.. => Self::ServerError,
        }
    }
}

/// Counts the requests of one service: how many with which class of status, how long until the response began.
///
/// Two atomic additions to a cache line that, with few threads, no other thread touches. Rendered as
/// `http_requests_total{service,code}` and the histogram `http_request_duration_seconds{service}`.
#[derive(Debug, Clone)]
pub struct RequestMetrics {
    counts: Arc<Counts>,
}

impl RequestMetrics {
    /// The counters of a service; the same ones at each call with the same name.
    pub fn of(service: &str) -> Self {
        let mut registry = registry().lock();
        if let Some(counts) = registry.iter().find(|counts| counts.service == service) {
            return Self { counts: Arc::clone(counts) };
        }
        let metrics = Self::unlisted(service);
        registry.push(Arc::clone(&metrics.counts));
        metrics
    }

    /// Counters that appear in no rendering.
    pub(crate) fn unlisted(service: &str) -> Self {
        Self { counts: Arc::new(Counts { service: service.to_owned(), shards: Default::default() }) }
    }

    /// Counts one answered request.
    pub fn record(&self, status: StatusClass, latency: Duration) {
        let Some(shard) = self.counts.shards.get(shard_index()) else { return };
        // 2^64 ns are 584 years.
        let nanos = latency.as_nanos() as u64;
        let bucket = BUCKET_BOUNDS_NS.iter().position(|bound| nanos <= *bound).unwrap_or(BUCKETS - 1);
        if let Some(counter) = shard.buckets.get(bucket) {
            counter.fetch_add(1, Relaxed);
        }
        if let Some(counter) = shard.classes.get(status as usize) {
            counter.fetch_add(1, Relaxed);
        }
        shard.sum_ns.fetch_add(nanos, Relaxed);
    }

    /// Requests counted so far with this class of status.
    pub fn count(&self, status: StatusClass) -> u64 {
        self.counts.sum(|shard| shard.classes.get(status as usize))
    }
}

#[derive(Debug)]
struct Counts {
    service: String,
    shards: [Shard; SHARDS],
}

impl Counts {
    fn sum(&self, counter: impl Fn(&Shard) -> Option<&AtomicU64>) -> u64 {
        self.shards.iter().filter_map(counter).map(|counter| counter.load(Relaxed)).fold(0, u64::wrapping_add)
    }
}

/// Aligned so that two threads do not write to the same cache line (128: neighbouring lines are fetched in pairs).
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    buckets: [AtomicU64; BUCKETS],
    classes: [AtomicU64; CLASSES.len()],
    sum_ns: AtomicU64,
}

pub(super) fn render(text: &mut String) {
    let registry = registry().lock();
    if registry.is_empty() {
        return;
    }
    // Writing into a String cannot fail, hence the ignored results.
    let _ = writeln!(text, "# TYPE http_requests_total counter");
    for counts in registry.iter() {
        for (index, class) in CLASSES.iter().enumerate() {
            let count = counts.sum(|shard| shard.classes.get(index));
            let _ = writeln!(
                text,
                "http_requests_total{{service=\"{}\",code=\"{class}\"}} {count}",
                counts.service
            );
        }
    }
    let _ = writeln!(text, "# TYPE http_request_duration_seconds histogram");
    for counts in registry.iter() {
        let service = &counts.service;
        let mut below = 0u64;
        for index in 0..BUCKETS {
            below = below.wrapping_add(counts.sum(|shard| shard.buckets.get(index)));
            let bound = LATENCY_BUCKETS_SECONDS.get(index).map_or("+Inf".to_owned(), f64::to_string);
            let _ = writeln!(
                text,
                "http_request_duration_seconds_bucket{{service=\"{service}\",le=\"{bound}\"}} {below}"
            );
        }
        let sum = Duration::from_nanos(counts.sum(|shard| Some(&shard.sum_ns))).as_secs_f64();
        let _ = writeln!(text, "http_request_duration_seconds_sum{{service=\"{service}\"}} {sum}");
        let _ = writeln!(text, "http_request_duration_seconds_count{{service=\"{service}\"}} {below}");
    }
}

/// Every thread keeps to one shard.
fn shard_index() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static INDEX: usize = NEXT.fetch_add(1, Relaxed) % SHARDS;
    }
    INDEX.with(|index| *index)
}

fn registry() -> &'static Mutex<Vec<Arc<Counts>>> {
    static REGISTRY: OnceLock<Mutex<Vec<Arc<Counts>>>> = OnceLock::new();
    REGISTRY.get_or_init(Mutex::default)
}

const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
const SHARDS: usize = 16;
/// One more than the bounds, for what is slower than the last.
const BUCKETS: usize = LATENCY_BUCKETS_SECONDS.len() + 1;
static BUCKET_BOUNDS_NS: [u64; LATENCY_BUCKETS_SECONDS.len()] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    1_000_000_000,
    5_000_000_000,
    30_000_000_000,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_tables_of_bounds_agree() {
        for (seconds, nanos) in LATENCY_BUCKETS_SECONDS.iter().zip(BUCKET_BOUNDS_NS) {
            assert_eq!((seconds * 1e9).round() as u64, nanos);
        }
    }

    #[test]
    fn requests_of_all_threads_are_counted_by_service_class_and_latency() {
        let metrics = RequestMetrics::of("test-a");
        std::thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        RequestMetrics::of("test-a")
                            .record(StatusCode::OK.into(), Duration::from_micros(200));
                    }
                });
            }
        });
        metrics.record(StatusCode::NOT_FOUND.into(), Duration::from_secs(60));
        assert_eq!(metrics.count(StatusClass::Success), 1000);
        let mut text = String::new();
        render(&mut text);
        for line in [
            "http_requests_total{service=\"test-a\",code=\"2xx\"} 1000",
            "http_requests_total{service=\"test-a\",code=\"4xx\"} 1",
            "http_request_duration_seconds_bucket{service=\"test-a\",le=\"0.0001\"} 0",
            "http_request_duration_seconds_bucket{service=\"test-a\",le=\"0.00025\"} 1000",
            "http_request_duration_seconds_bucket{service=\"test-a\",le=\"+Inf\"} 1001",
            "http_request_duration_seconds_count{service=\"test-a\"} 1001",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
    }
}

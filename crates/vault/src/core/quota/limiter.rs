//! Counts by address: so many requests an interval, which begins with an address's first request.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

/// One rule's counts. Addresses that did nothing for an interval are forgotten.
pub(super) struct Limiter {
    /// Requests an interval, at least 1.
    limit: u64,
    interval: Duration,
    block: Duration,
    counts: Mutex<HashMap<IpAddr, Count>>,
}

/// How an address stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether the request may pass.
    pub allowed: bool,
    /// Requests an interval.
    pub limit: u64,
    /// Requests left in this interval.
    pub remaining: u64,
    /// Seconds until the interval ends.
    pub reset: u64,
    /// Seconds until another request may pass, where this one may not.
    pub retry_after: u64,
}

struct Count {
    start: Duration,
    used: u64,
    blocked_until: Duration,
}

impl Limiter {
    pub(super) fn new(rate: f64, interval: i64, block: i64) -> Self {
        let seconds = |seconds: i64| Duration::from_secs(u64::try_from(seconds).unwrap_or_default());
        Limiter {
            limit: (rate.round() as u64).max(1),
            interval: seconds(interval.max(1)),
            block: seconds(block),
            counts: Mutex::default(),
        }
    }

    /// Counts a request at `now`, a monotonic time.
    pub(super) fn count(&self, from: IpAddr, now: Duration) -> Standing {
        let mut counts = self.counts.lock();
        if counts.len() >= ADDRESSES_MAX && !counts.contains_key(&from) {
            self.forget(&mut counts, now);
        }
        let count =
            counts.entry(from).or_insert(Count { start: now, used: 0, blocked_until: Duration::ZERO });
        if self.ended(count, now) {
            *count = Count { start: now, used: 0, blocked_until: count.blocked_until };
        }
        let reset = (count.start + self.interval).saturating_sub(now);
        let standing = |allowed, remaining, wait: Duration| Standing {
            allowed,
            limit: self.limit,
            remaining,
            reset: reset.as_secs(),
            // Whole seconds, rounded up: whoever waits that long is let through.
            retry_after: wait.as_millis().div_ceil(1000) as u64,
        };
        if count.blocked_until > now {
            return standing(false, 0, count.blocked_until - now);
        }
        if count.used < self.limit {
            count.used += 1;
            return standing(true, self.limit - count.used, Duration::ZERO);
        }
        if self.block.is_zero() {
            return standing(false, 0, reset);
        }
        count.blocked_until = now + self.block;
        standing(false, 0, self.block)
    }

    fn ended(&self, count: &Count, now: Duration) -> bool {
        now >= count.start + self.interval
    }

    /// Makes room: of addresses that have all their requests left again, else of the one that has waited longest.
    fn forget(&self, counts: &mut HashMap<IpAddr, Count>, now: Duration) {
        counts.retain(|_, count| !self.ended(count, now) || count.blocked_until > now);
        if counts.len() >= ADDRESSES_MAX {
            let oldest = counts.iter().min_by_key(|(_, count)| count.start).map(|(address, _)| *address);
            oldest.map(|address| counts.remove(&address));
        }
    }
}

const ADDRESSES_MAX: usize = 16_384;

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    #[test]
    fn each_address_has_its_own_count_that_starts_over() {
        let limiter = Limiter::new(2.4, 10, 0);
        assert_eq!(limiter.count(A, at(100.0)).remaining, 1);
        assert!(limiter.count(A, at(101.0)).allowed);
        let refused = limiter.count(A, at(105.5));
        assert_eq!((refused.allowed, refused.limit, refused.reset, refused.retry_after), (false, 2, 4, 5));
        assert!(limiter.count(B, at(105.5)).allowed);
        assert!(limiter.count(A, at(110.0)).allowed);
    }

    #[test]
    fn a_blocked_address_waits_longer() {
        let limiter = Limiter::new(1.0, 1, 60);
        assert!(limiter.count(A, at(1.0)).allowed);
        assert_eq!(limiter.count(A, at(1.5)).retry_after, 60);
        assert_eq!(limiter.count(A, at(51.5)).retry_after, 10);
        assert!(limiter.count(A, at(61.5)).allowed);
    }

    #[test]
    fn the_table_is_bounded() {
        let limiter = Limiter::new(1.0, 3600, 0);
        for n in 0..(ADDRESSES_MAX as u32 + 100) {
            assert!(limiter.count(IpAddr::V4(n.into()), at(f64::from(n) / 1000.0)).allowed);
        }
        assert_eq!(limiter.counts.lock().len(), ADDRESSES_MAX);
        assert!(!limiter.count(IpAddr::V4((ADDRESSES_MAX as u32).into()), at(100.0)).allowed);
    }
}

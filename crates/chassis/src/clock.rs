//! Time as a parameter: the wall clock and the monotonic clock behind one trait.
//!
//! Whoever needs the time takes a [`SharedClock`], so that a test replays it with a [`ManualClock`].
//! This module is the only place that asks the operating system.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

pub use jiff::Timestamp;
use parking_lot::Mutex;

/// A clock that many parts share.
pub type SharedClock = Arc<dyn Clock>;

/// A source of time.
pub trait Clock: Send + Sync {
    /// The time of day (UTC, nanosecond resolution). It may jump, in both directions.
    fn now(&self) -> Timestamp;

    /// Time since a fixed, arbitrary point. It never goes back; only differences mean something.
    fn monotonic(&self) -> Duration;
}

/// The operating system's clocks.
#[derive(Debug, Clone)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose monotonic reading starts at zero now.
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }

    /// The same, ready to be passed around.
    pub fn shared() -> SharedClock {
        Arc::new(Self::new())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "the one place that asks the operating system for the time"
        )]
        let now = SystemTime::now();
        // Fails only for years beyond 9999, which is a broken hardware clock.
        Timestamp::try_from(now).unwrap_or(Timestamp::MAX)
    }

    fn monotonic(&self) -> Duration {
        self.origin.elapsed()
    }
}

/// A clock that stands still until it is told to move, for tests and simulations.
#[derive(Debug)]
pub struct ManualClock {
    reading: Mutex<Reading>,
}

#[derive(Debug, Clone, Copy)]
struct Reading {
    now: Timestamp,
    monotonic: Duration,
}

impl ManualClock {
    /// A clock that shows `now`; its monotonic reading is zero.
    pub fn new(now: Timestamp) -> Self {
        Self { reading: Mutex::new(Reading { now, monotonic: Duration::ZERO }) }
    }

    /// Moves both clocks forward. The time of day stops at its maximum (year 9999).
    pub fn advance(&self, by: Duration) {
        let mut reading = self.reading.lock();
        reading.now = reading.now.checked_add(by).unwrap_or(Timestamp::MAX);
        reading.monotonic = reading.monotonic.saturating_add(by);
    }

    /// Sets the time of day alone, as an administrator or NTP would; the monotonic clock does not notice.
    pub fn set_now(&self, now: Timestamp) {
        self.reading.lock().now = now;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.reading.lock().now
    }

    fn monotonic(&self) -> Duration {
        self.reading.lock().monotonic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let start = Timestamp::from_second(1_700_000_000).unwrap();
        let clock = ManualClock::new(start);
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_millis(1500));
        assert_eq!(clock.now().as_nanosecond() - start.as_nanosecond(), 1_500_000_000);
        assert_eq!(clock.monotonic(), Duration::from_millis(1500));
        clock.set_now(start);
        assert_eq!(clock.now(), start);
        assert_eq!(clock.monotonic(), Duration::from_millis(1500));
    }

    #[test]
    fn the_system_clock_shows_this_century_and_never_goes_back() {
        let clock = SystemClock::new();
        assert!(clock.now().as_second() > 1_700_000_000);
        let before = clock.monotonic();
        assert!(clock.monotonic() >= before);
    }
}

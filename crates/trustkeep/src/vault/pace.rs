//! No more requests in a time than `VAULT_RATE_LIMIT` allows.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::error::Error;

/// Requests a second, and how many may come at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Rate {
    between: Duration,
    burst: u32,
}

impl Rate {
    /// Reads `RATE` or `RATE:BURST`, as in `2.5:10`; without a burst it is the rate. `None`: 0, no limit.
    ///
    /// # Errors
    ///
    /// If it is neither.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, Error> {
        let wrong =
            || Error::Usage("VAULT_RATE_LIMIT must be RATE or RATE:BURST, as in 10 or 2.5:10".to_owned());
        let (rate, burst) = match text.split_once(':') {
            Some((rate, burst)) => (rate, Some(burst.trim().parse::<u32>().map_err(|_| wrong())?)),
            None => (text, None),
        };
        let rate: f64 = rate.trim().parse().map_err(|_| wrong())?;
        if rate == 0.0 {
            return Ok(None);
        }
        // Fails for what is negative, not a number, or so rare that it is never.
        let between = Duration::try_from_secs_f64(rate.recip()).map_err(|_| wrong())?;
        let by_itself = || u32::try_from(Duration::from_secs(1).as_nanos() / between.as_nanos().max(1));
        let burst = burst.unwrap_or_else(|| by_itself().unwrap_or(u32::MAX)).max(1);
        Ok(Some(Self { between, burst }))
    }
}

/// Holds requests to a rate.
#[derive(Debug)]
pub(crate) struct Pace {
    rate: Rate,
    /// When all that was let through so far would have gone out, one by one.
    done: Mutex<Option<Instant>>,
}

impl Pace {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, done: Mutex::new(None) }
    }

    /// Returns when the next request may go.
    pub(crate) async fn wait(&self) {
        tokio::time::sleep_until(self.turn(Instant::now())).await;
    }

    fn turn(&self, now: Instant) -> Instant {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let start = done.map_or(now, |done| done.max(now));
        *done = Some(start + self.rate.between);
        let ahead = self.rate.between.saturating_mul(self.rate.burst - 1);
        start.checked_sub(ahead).map_or(now, |turn| turn.max(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(text: &str) -> Rate {
        Rate::parse(text).unwrap().unwrap()
    }

    #[test]
    fn rates_are_read() {
        assert_eq!(rate("4:2"), Rate { between: Duration::from_millis(250), burst: 2 });
        assert_eq!(rate("4.0"), Rate { between: Duration::from_millis(250), burst: 4 });
        assert_eq!(rate("0.5"), Rate { between: Duration::from_secs(2), burst: 1 });
        assert_eq!(Rate::parse("0").unwrap(), None);
        for wrong in ["", "x", "1:x", "1:-1", "-1", "nan", "1e-300", ":"] {
            assert!(Rate::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_burst_goes_at_once_and_the_rest_in_turn() {
        let (pace, now) = (Pace::new(rate("10:2")), Instant::now());
        let waits: Vec<u128> = (0..4).map(|_| pace.turn(now).duration_since(now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 100, 200]);
        let later = now + Duration::from_secs(9);
        assert_eq!(pace.turn(later), later);
    }
}

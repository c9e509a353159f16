use std::time::Duration;

use trustkeep_crypto::{Random, random};

/// Repeating with exponential back-off and full jitter: the n-th delay is uniform between zero and
/// `base × 2ⁿ⁻¹`, at most `delay_max`, so that many clients do not come back at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Attempts in all; 1 repeats nothing.
    pub attempts_max: u32,
    /// The bound of the first delay.
    pub base: Duration,
    /// The bound of every delay.
    pub delay_max: Duration,
}

impl Default for Retry {
    /// Four attempts, delays below 100, 200 and 400 ms.
    fn default() -> Self {
        Self { attempts_max: 4, base: Duration::from_millis(100), delay_max: Duration::from_secs(5) }
    }
}

impl Retry {
    /// The delay after attempt number `attempt`, counted from 1.
    pub(super) fn delay(&self, attempt: u32, source: &dyn Random) -> Duration {
        let factor = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
        let bound = self.base.saturating_mul(factor).min(self.delay_max);
        let bound_us = u32::try_from(bound.as_micros()).unwrap_or(u32::MAX - 1);
        Duration::from_micros(random::below(source, bound_us + 1).into())
    }
}

#[cfg(test)]
mod tests {
    use trustkeep_crypto::random::Seeded;

    use super::*;

    #[test]
    fn delays_spread_below_a_doubling_bound() {
        let retry = Retry {
            attempts_max: 9,
            base: Duration::from_millis(100),
            delay_max: Duration::from_millis(350),
        };
        let random = Seeded::new(1);
        for (attempt, bound_ms) in [(1, 100), (2, 200), (3, 350), (40, 350)] {
            let delays: Vec<_> = (0..1_000).map(|_| retry.delay(attempt, &random)).collect();
            assert!(delays.iter().all(|delay| *delay <= Duration::from_millis(bound_ms)));
            assert!(delays.iter().any(|delay| *delay > Duration::from_millis(bound_ms * 9 / 10)));
            assert!(delays.iter().any(|delay| *delay < Duration::from_millis(bound_ms / 10)));
        }
    }
}

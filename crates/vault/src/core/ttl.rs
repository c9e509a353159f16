//! How long a token or lease lives (`hashicorp/vault: sdk/framework/lease.go`).

use super::mount::MountEntry;
use super::{Core, CoreSettings};
use crate::duration::go_duration;
use crate::{Error, Result};

/// What a mount bounds its tokens and leases by, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Where nothing else is said.
    pub default: i64,
    /// What nothing may pass.
    pub max: i64,
}

/// What was asked for, in seconds; 0 is nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// By whoever renews.
    pub increment: i64,
    /// By the engine, role or creator.
    pub ttl: i64,
    /// What each renewal sets, whatever else was asked for.
    pub period: i64,
    /// What the engine or role does not let it pass.
    pub max_ttl: i64,
    /// What not even a period lets it pass, counted from the issue.
    pub explicit_max_ttl: i64,
}

impl Bounds {
    /// A mount's own settings, or the system's.
    pub fn of(settings: &CoreSettings, mount: &MountEntry) -> Self {
        let or = |value: i64, otherwise: i64| if value > 0 { value } else { otherwise };
        let max = or(mount.config.max_lease_ttl, settings.max_lease_ttl);
        let default = or(mount.config.default_lease_ttl, settings.default_lease_ttl);
        Bounds { default: default.min(max), max }
    }

    /// Seconds from `now` on for what was issued at `issued` (both unix seconds), with a warning where they are
    /// fewer than asked for.
    ///
    /// # Errors
    /// 400 where its time is over already.
    pub fn ttl(self, wanted: Wanted, issued: i64, now: i64) -> Result<(i64, Option<String>)> {
        let bounds = [wanted.max_ttl, wanted.explicit_max_ttl];
        let max = bounds.into_iter().filter(|bound| *bound > 0).fold(self.max, i64::min);
        let mut warning = None;
        let (ttl, end) = if wanted.period > 0 {
            if wanted.period > max {
                warning = Some(capped("Period", wanted.period, max));
            }
            let end = (wanted.explicit_max_ttl > 0).then(|| issued.saturating_add(wanted.explicit_max_ttl));
            (wanted.period.min(max), end)
        } else {
            let asked = [wanted.increment, wanted.ttl].into_iter().find(|seconds| *seconds > 0);
            (asked.unwrap_or(self.default), Some(issued.saturating_add(max)))
        };
        let Some(left) = end.map(|end| end.saturating_sub(now)) else { return Ok((ttl, warning)) };
        if left <= 0 {
            return Err(Error::invalid("past the max TTL, cannot renew"));
        }
        if ttl > left {
            warning = Some(capped("TTL", ttl, left));
        }
        Ok((ttl.min(left), warning))
    }
}

/// Nanoseconds of a second.
pub const NANOS: i64 = 1_000_000_000;

impl Core {
    /// What a mount bounds its tokens and leases by.
    pub fn bounds(&self, mount: &MountEntry) -> Bounds {
        Bounds::of(self.settings(), mount)
    }
}

fn capped(what: &str, asked: i64, max: i64) -> String {
    format!(
        "{what} of {:?} exceeded the effective max_ttl of {:?}; {what} value is capped accordingly",
        go_duration(asked),
        go_duration(max)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNT: Bounds = Bounds { default: 100, max: 1000 };

    fn ttl(wanted: Wanted, issued: i64, now: i64) -> (i64, bool) {
        let (ttl, warning) = MOUNT.ttl(wanted, issued, now).unwrap();
        (ttl, warning.is_some())
    }

    #[test]
    fn what_was_asked_for_is_held_to_the_closest_bound() {
        assert_eq!(ttl(Wanted::default(), 0, 0), (100, false));
        assert_eq!(ttl(Wanted { ttl: 50, ..Wanted::default() }, 0, 0), (50, false));
        assert_eq!(ttl(Wanted { increment: 70, ttl: 50, ..Wanted::default() }, 0, 0), (70, false));
        assert_eq!(ttl(Wanted { ttl: 5000, ..Wanted::default() }, 0, 0), (1000, true));
        assert_eq!(ttl(Wanted { ttl: 500, max_ttl: 200, ..Wanted::default() }, 0, 0), (200, true));
        assert_eq!(ttl(Wanted { ttl: 500, explicit_max_ttl: 60, ..Wanted::default() }, 0, 50), (10, true));
        assert!(MOUNT.ttl(Wanted { increment: 5, ..Wanted::default() }, 0, 1000).is_err());
    }

    #[test]
    fn a_period_starts_anew_until_the_explicit_maximum() {
        let period = Wanted { period: 60, increment: 900, ..Wanted::default() };
        assert_eq!(ttl(period, 0, 1_000_000), (60, false));
        assert_eq!(ttl(Wanted { period: 5000, ..Wanted::default() }, 0, 0), (1000, true));
        assert_eq!(ttl(Wanted { explicit_max_ttl: 90, ..period }, 0, 50), (40, true));
        assert!(MOUNT.ttl(Wanted { explicit_max_ttl: 90, ..period }, 0, 90).is_err());
    }

    #[test]
    fn warnings_print_durations_as_go_does() {
        let (_, warning) = MOUNT.ttl(Wanted { ttl: 7200, ..Wanted::default() }, 0, 0).unwrap();
        let text =
            r#"TTL of "2h0m0s" exceeded the effective max_ttl of "16m40s"; TTL value is capped accordingly"#;
        assert_eq!(warning.unwrap(), text);
    }
}

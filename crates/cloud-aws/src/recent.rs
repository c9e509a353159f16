//! Instances that were just made. For some seconds EC2 may not list one, and it must not be taken for gone meanwhile.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use trustkeep_aws::Clock;

use crate::ec2::Instance;

/// After this long whatever is not listed is not there.
const UNLISTED: SignedDuration = SignedDuration::from_mins(2);
/// With more than this the oldest are forgotten first.
const MADE_MAX: usize = 4_096;

pub(crate) struct Recent {
    clock: Clock,
    made: Mutex<VecDeque<Made>>,
}

struct Made {
    at: Timestamp,
    owner: String,
    token: String,
    instance: Instance,
}

impl Recent {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, made: Mutex::default() }
    }

    /// This token of this owner's has this instance from now on.
    pub(crate) fn add(&self, owner: &str, token: &str, instance: &Instance) {
        let now = (self.clock)();
        let mut made = self.made.lock();
        while made
            .front()
            .is_some_and(|oldest| made.len() >= MADE_MAX || now.duration_since(oldest.at) > UNLISTED)
        {
            made.pop_front();
        }
        made.push_back(Made {
            at: now,
            owner: owner.to_owned(),
            token: token.to_owned(),
            instance: instance.clone(),
        });
    }

    /// The token's that is none of `listed`.
    pub(crate) fn unlisted(&self, owner: &str, token: &str, listed: &[Instance]) -> Option<Instance> {
        let now = (self.clock)();
        let made = self.made.lock();
        let is_its = |made: &&Made| made.token == token && made.owner == owner;
        let last = made.iter().rev().find(is_its).filter(|made| now.duration_since(made.at) <= UNLISTED)?;
        let is_listed = listed.iter().any(|known| known.instance_id == last.instance.instance_id);
        (!is_listed).then(|| last.instance.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[test]
    fn what_was_made_counts_until_it_is_listed_or_two_minutes_old() {
        let now = Arc::new(AtomicI64::new(1_000));
        let clock: Clock = {
            let now = now.clone();
            Arc::new(move || Timestamp::from_second(now.load(Ordering::Relaxed)).unwrap())
        };
        let recent = Recent::new(clock);
        let instance = |id: &str| Instance { instance_id: id.to_owned(), ..Default::default() };
        let id = |listed: &[Instance]| recent.unlisted("o", "a", listed).map(|instance| instance.instance_id);
        assert_eq!(id(&[]), None);
        recent.add("o", "a", &instance("i-1"));
        recent.add("o", "b", &instance("i-2"));
        recent.add("other", "a", &instance("i-6"));
        assert_eq!(id(&[]).as_deref(), Some("i-1"));
        assert_eq!(id(&[instance("i-1")]), None);
        recent.add("o", "a", &instance("i-3"));
        assert_eq!(id(&[instance("i-1")]).as_deref(), Some("i-3"), "the last one counts");
        now.fetch_add(121, Ordering::Relaxed);
        assert_eq!(id(&[]), None);
        recent.add("o", "c", &instance("i-4"));
        assert_eq!(recent.made.lock().len(), 1);
        for _ in 0..MADE_MAX {
            recent.add("o", "d", &instance("i-5"));
        }
        assert_eq!(recent.made.lock().len(), MADE_MAX);
    }
}

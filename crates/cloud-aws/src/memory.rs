//! Answers that stay true for a while, asked for once however many wait for them.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Mutex as Turn;
use trustkeep_aws::Clock;
use trustkeep_cloud::Result;

/// How long an answer counts.
const KEPT: SignedDuration = SignedDuration::from_mins(10);
/// When there are more than this, all are forgotten.
const ANSWERS_MAX: usize = 1_000;

/// Answers by what was asked.
pub(crate) struct Memory<K, V> {
    clock: Clock,
    slots: Mutex<HashMap<K, Slot<V>>>,
}

/// One after the other asks, so that the next may find an answer.
type Slot<V> = Arc<Turn<Option<Answer<V>>>>;

struct Answer<V> {
    at: Timestamp,
    answer: Result<V>,
}

impl<K: Hash + Eq, V: Clone> Memory<K, V> {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { clock, slots: Mutex::default() }
    }

    /// What is remembered, or else what `ask` finds. A fault is not remembered, but shared by those who were waiting for it.
    pub(crate) async fn get(&self, key: K, ask: impl Future<Output = Result<V>>) -> Result<V> {
        let began = (self.clock)();
        let slot = {
            let mut slots = self.slots.lock();
            if slots.len() >= ANSWERS_MAX {
                slots.clear();
            }
            slots.entry(key).or_default().clone()
        };
        let mut slot = slot.lock().await;
        if let Some(known) = &*slot {
            let counts = match &known.answer {
                Ok(_) => began.duration_since(known.at) < KEPT,
                Err(_) => known.at >= began,
            };
            if counts {
                return known.answer.clone();
            }
        }
        let answer = ask.await;
        *slot = Some(Answer { at: (self.clock)(), answer: answer.clone() });
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

    use trustkeep_cloud::{Fault, Kind};

    use super::*;

    #[tokio::test]
    async fn many_ask_once_and_again_when_it_is_old() {
        let now = Arc::new(AtomicI64::new(1_000));
        let clock: Clock = {
            let now = now.clone();
            Arc::new(move || Timestamp::from_second(now.load(Ordering::Relaxed)).unwrap())
        };
        let memory = Memory::new(clock);
        let asked = AtomicUsize::new(0);
        let get = |answer: Result<u32>| {
            let (memory, asked) = (&memory, &asked);
            memory.get("key", async move {
                tokio::task::yield_now().await;
                asked.fetch_add(1, Ordering::Relaxed);
                answer
            })
        };
        let failing = || get(Err(Fault::new(Kind::Unavailable, "no")));
        let (one, two) = tokio::join!(failing(), failing());
        assert!(one.is_err() && two.is_err());
        assert_eq!(asked.load(Ordering::Relaxed), 1, "who waited shares the fault");
        now.fetch_add(1, Ordering::Relaxed);
        assert_eq!(get(Ok(1)).await, Ok(1));
        now.fetch_add(599, Ordering::Relaxed);
        assert_eq!(get(Ok(2)).await, Ok(1));
        now.fetch_add(1, Ordering::Relaxed);
        assert_eq!(get(Ok(3)).await, Ok(3));
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}

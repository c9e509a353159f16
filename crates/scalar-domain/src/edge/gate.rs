//! The gate that every call passes, and that an administrator can close to get a point in time at which nothing runs.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::Instant;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

/// Calls that may wait at a closed gate; further ones are refused with 503.
pub const WAITING_MAX: usize = 65_536;

/// Open, or closed with calls queueing before it (`GateKeeper` of Scalar DL).
#[derive(Debug, Default)]
pub struct Gate {
    /// [`CLOSED`], and how many calls are inside: one number, so that who enters and who closes agree.
    state: AtomicU64,
    waiting: AtomicUsize,
    opened: Notify,
    drained: Notify,
    /// Held by a pause that waits for the calls inside.
    pausing: Mutex<()>,
}

/// What came of a pause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paused {
    /// The gate is closed; nothing runs, if that was to be waited for.
    Paused,
    /// Calls went on running for too long, so the gate was opened again.
    TimedOut,
    /// Calls went on running for too long; the gate stays closed by an earlier pause.
    TimedOutStillPaused,
    /// Somebody opened the gate meanwhile.
    GateOpen,
    /// Another pause waits for the calls inside.
    PauseInProgress,
}

/// Being inside; ends when dropped.
#[derive(Debug)]
pub struct Pass<'a>(&'a Gate);

impl Gate {
    /// An open gate.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes in, after waiting while the gate is closed.
    ///
    /// # Errors
    /// 503 if [`WAITING_MAX`] others wait.
    pub async fn enter(&self) -> Result<Pass<'_>> {
        loop {
            if self.state.fetch_add(1, Ordering::AcqRel) & CLOSED == 0 {
                return Ok(Pass(self));
            }
            self.leave();
            let place = Waiting::of(self)?;
            let mut opened = std::pin::pin!(self.opened.notified());
            // From here on an opening is not missed.
            opened.as_mut().enable();
            if !self.is_open() {
                opened.await;
            }
            drop(place);
        }
    }

    /// Opens the gate.
    pub fn open(&self) {
        self.state.fetch_and(!CLOSED, Ordering::AcqRel);
        self.opened.notify_waiters();
        self.drained.notify_waiters();
    }

    /// Closes the gate and waits for nothing.
    pub fn pause(&self) -> Paused {
        if self.pausing.try_lock().is_err() {
            return Paused::PauseInProgress;
        }
        self.close();
        Paused::Paused
    }

    /// Closes the gate and waits until nobody is inside, for `wait_max` at most. If that fails, or the caller gives up,
    /// the gate is as it was before.
    pub async fn pause_and_drain(&self, wait_max: Duration) -> Paused {
        let deadline = Instant::now() + wait_max;
        let Ok(_pausing) = tokio::time::timeout_at(deadline, self.pausing.lock()).await else {
            return Paused::PauseInProgress;
        };
        let closing = Closing { gate: self, is_mine: self.close() };
        let outcome = self.drain(deadline).await;
        match outcome {
            Paused::Paused => closing.keep(),
            Paused::TimedOut if !closing.is_mine => return Paused::TimedOutStillPaused,
            _ => {}
        }
        outcome
    }

    /// Whether calls go in.
    pub fn is_open(&self) -> bool {
        self.state.load(Ordering::Acquire) & CLOSED == 0
    }

    /// How many calls are inside.
    pub fn outstanding(&self) -> u64 {
        self.state.load(Ordering::Acquire) & !CLOSED
    }

    /// Whether it was open.
    fn close(&self) -> bool {
        self.state.fetch_or(CLOSED, Ordering::AcqRel) & CLOSED == 0
    }

    async fn drain(&self, deadline: Instant) -> Paused {
        loop {
            let mut drained = std::pin::pin!(self.drained.notified());
            drained.as_mut().enable();
            match self.state.load(Ordering::Acquire) {
                CLOSED => return Paused::Paused,
                state if state & CLOSED == 0 => return Paused::GateOpen,
                _ if Instant::now() >= deadline => return Paused::TimedOut,
                // Over in time or not, the state tells.
                _ => drop(tokio::time::timeout_at(deadline, drained).await),
            }
        }
    }

    fn leave(&self) {
        if self.state.fetch_sub(1, Ordering::AcqRel) == CLOSED | 1 {
            self.drained.notify_waiters();
        }
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

const CLOSED: u64 = 1 << 63;

/// A place in the queue.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn of(gate: &'a Gate) -> Result<Self> {
        let place = Self(&gate.waiting);
        if gate.waiting.fetch_add(1, Ordering::AcqRel) >= WAITING_MAX {
            let text = "The server is paused and too many calls wait for it already.";
            return Err(Error::new(StatusCode::Unavailable, text));
        }
        Ok(place)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Opens the gate again unless it is kept closed, also where the call that closed it was given up.
struct Closing<'a> {
    gate: &'a Gate,
    is_mine: bool,
}

impl Closing<'_> {
    fn keep(mut self) {
        self.is_mine = false;
    }
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        if self.is_mine {
            self.gate.open();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[tokio::test(start_paused = true)]
    async fn a_pause_waits_for_who_is_inside_and_keeps_others_out() -> Result<()> {
        let gate = Arc::new(Gate::new());
        let inside = gate.enter().await?;
        let wait = Duration::from_secs(1);
        assert_eq!(gate.pause_and_drain(wait).await, Paused::TimedOut);
        assert!(gate.is_open());

        let pausing = tokio::spawn({
            let gate = gate.clone();
            async move { gate.pause_and_drain(Duration::from_secs(60)).await }
        });
        tokio::task::yield_now().await;
        assert!(!gate.is_open());
        assert_eq!(
            (gate.pause(), gate.pause_and_drain(wait).await),
            (Paused::PauseInProgress, Paused::PauseInProgress)
        );
        drop(inside);
        assert_eq!(pausing.await.unwrap(), Paused::Paused);
        assert_eq!(gate.outstanding(), 0);

        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.enter().await.map(drop) }
        });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        assert_eq!(gate.pause_and_drain(wait).await, Paused::Paused);
        gate.open();
        waiting.await.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_kept_waiting_learns_why() -> Result<()> {
        let gate = Arc::new(Gate::new());
        let inside = gate.enter().await?;
        assert_eq!(gate.pause(), Paused::Paused);
        assert_eq!(gate.pause_and_drain(Duration::from_secs(1)).await, Paused::TimedOutStillPaused);
        assert!(!gate.is_open());
        let pausing = tokio::spawn({
            let gate = gate.clone();
            async move { gate.pause_and_drain(Duration::from_secs(60)).await }
        });
        tokio::task::yield_now().await;
        gate.open();
        assert_eq!(pausing.await.unwrap(), Paused::GateOpen);
        drop(inside);
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_was_given_up_leaves_the_gate_open() -> Result<()> {
        let gate = Gate::new();
        let _inside = gate.enter().await?;
        let pausing = gate.pause_and_drain(Duration::from_secs(60));
        assert!(tokio::time::timeout(Duration::from_secs(1), pausing).await.is_err());
        assert!(gate.is_open());
        Ok(())
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn nobody_is_inside_a_drained_gate() {
        let gate = Arc::new(Gate::new());
        let busy = Arc::new(AtomicUsize::new(0));
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let (gate, busy) = (gate.clone(), busy.clone());
                tokio::spawn(async move {
                    for _ in 0..2_000 {
                        let _pass = gate.enter().await.unwrap();
                        busy.fetch_add(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        busy.fetch_sub(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        for _ in 0..200 {
            assert_eq!(gate.pause_and_drain(Duration::from_secs(30)).await, Paused::Paused);
            for _ in 0..4 {
                assert_eq!(busy.load(Ordering::SeqCst), 0);
                tokio::task::yield_now().await;
            }
            gate.open();
            tokio::task::yield_now().await;
        }
        for worker in workers {
            worker.await.unwrap();
        }
        assert_eq!(gate.outstanding(), 0);
    }
}

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::connection::{Connection, Waiting};
use super::settings::Limits;

/// Knows a listener's connections and ends those that take too long.
#[derive(Debug)]
pub(super) struct Watchdog {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    is_closing: bool,
    connections: HashMap<u64, Entry>,
}

#[derive(Debug)]
struct Entry {
    connection: Arc<Connection>,
    seen: (u64, Waiting),
    since: Instant,
}

impl Watchdog {
    pub(super) fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self { limits, state: Mutex::default() })
    }

    /// Watches a connection until the result is dropped.
    pub(super) fn watch(self: &Arc<Self>, connection: &Arc<Connection>) -> Watch {
        let mut state = self.state.lock();
        state.next += 1;
        let id = state.next;
        let entry = Entry {
            connection: Arc::clone(connection),
            seen: connection.activity.look(),
            since: Instant::now(),
        };
        state.connections.insert(id, entry);
        if state.is_closing {
            connection.activity.close();
        }
        Watch { watchdog: Arc::clone(self), id }
    }

    /// Looks after the connections for ever; dropped when the listener ends.
    pub(super) async fn run(&self) {
        let mut ticks = tokio::time::interval(self.period());
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.sweep(Instant::now());
        }
    }

    /// Asks every connection, also those yet to come, to finish and close.
    pub(super) fn close_all(&self) {
        let mut state = self.state.lock();
        state.is_closing = true;
        state.connections.values().for_each(|entry| entry.connection.activity.close());
    }

    /// Cuts every connection and returns how many there were.
    pub(super) fn abort_all(&self) -> usize {
        let state = self.state.lock();
        state.connections.values().for_each(|entry| entry.connection.activity.abort());
        state.connections.len()
    }

    fn sweep(&self, now: Instant) {
        for entry in self.state.lock().connections.values_mut() {
            let activity = &entry.connection.activity;
            let seen = activity.look();
            if seen != entry.seen {
                (entry.seen, entry.since) = (seen, now);
                continue;
            }
            let age = now.saturating_duration_since(entry.since);
            match seen.1 {
                Waiting::Service => {}
                Waiting::Head if age >= self.limits.header_timeout => {
                    tracing::debug!(peer = %entry.connection.peer(), "no complete request headers in time, connection cut");
                    activity.abort();
                }
                Waiting::Write if age >= self.limits.idle_timeout => {
                    tracing::debug!(peer = %entry.connection.peer(), "client takes nothing of the answer, connection cut");
                    activity.abort();
                }
                // Half a request that came in one piece with the one before it looks idle, and waits for its rest though
                // asked to close.
                Waiting::Idle if age >= self.limits.idle_timeout + self.limits.header_timeout => {
                    activity.abort()
                }
                Waiting::Idle if age >= self.limits.idle_timeout => activity.close(),
                Waiting::Head | Waiting::Write | Waiting::Idle => {}
            }
        }
    }

    /// A quarter of the shortest limit, so that each is kept to within that.
    fn period(&self) -> Duration {
        let shortest = self.limits.header_timeout.min(self.limits.idle_timeout);
        (shortest / 4).clamp(Duration::from_millis(10), Duration::from_secs(5))
    }
}

/// Ends the watching when dropped.
pub(super) struct Watch {
    watchdog: Arc<Watchdog>,
    id: u64,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watchdog.state.lock().connections.remove(&self.id);
    }
}

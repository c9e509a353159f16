//! The end of the process, and the signals that ask for it.
//!
//! One [`Shutdown`] is made at start and handed to everything that runs for long. SIGTERM or SIGINT triggers it:
//! listeners stop accepting, finish what they have accepted, tasks return. A second such signal ends the process at once.
//! SIGHUP does not end anything: it is passed on to those who subscribed to [`Reload`].

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Tells everything that runs for long to finish. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
    reason: Arc<Mutex<Option<String>>>,
}

impl Shutdown {
    /// Not triggered yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the shutdown. The first reason given is kept.
    pub fn trigger(&self, reason: impl Into<String>) {
        self.reason.lock().get_or_insert_with(|| reason.into());
        self.token.cancel();
    }

    /// Whether it has begun.
    pub fn is_triggered(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Why it has begun.
    pub fn reason(&self) -> Option<String> {
        self.reason.lock().clone()
    }

    /// Waits until it begins. Safe to drop and to call again.
    pub async fn wait(&self) {
        self.token.cancelled().await;
    }

    /// A shutdown of a part: it begins with this one, or earlier by itself without touching this one.
    pub fn child(&self) -> Self {
        Self { token: self.token.child_token(), reason: Arc::default() }
    }
}

/// Passes on the request to read the configuration files and certificates again. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Reload {
    count: watch::Sender<u64>,
}

impl Reload {
    /// No request yet.
    pub fn new() -> Self {
        Self { count: watch::Sender::new(0) }
    }

    /// Asks all subscribers to reload; SIGHUP does the same.
    pub fn trigger(&self) {
        self.count.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Requests from now on. Several that arrive while the subscriber is busy are delivered as one.
    pub fn subscribe(&self) -> ReloadRequests {
        ReloadRequests { count: self.count.subscribe() }
    }
}

impl Default for Reload {
    fn default() -> Self {
        Self::new()
    }
}

/// One subscriber's view of [`Reload`].
#[derive(Debug)]
pub struct ReloadRequests {
    count: watch::Receiver<u64>,
}

impl ReloadRequests {
    /// Waits for the next request; waits for ever once every [`Reload`] is gone.
    pub async fn next(&mut self) {
        if self.count.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The signals cannot be caught.
#[derive(Debug, thiserror::Error)]
#[error("cannot catch signals: {0}")]
pub struct SignalError(#[from] std::io::Error);

/// Catches SIGTERM, SIGINT and SIGHUP from now on and translates them for `shutdown` and `reload`. Needs a tokio runtime.
///
/// The catching task is the one detached task of the process: it must outlive everything else, so that the second
/// signal works however badly the rest hangs.
///
/// # Errors
/// If the operating system refuses the handlers.
pub fn catch_signals(shutdown: &Shutdown, reload: &Reload) -> Result<(), SignalError> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let (shutdown, reload) = (shutdown.clone(), reload.clone());
    tokio::spawn(async move {
        loop {
            let (name, number) = tokio::select! {
                Some(()) = terminate.recv() => ("SIGTERM", 15),
                Some(()) = interrupt.recv() => ("SIGINT", 2),
                Some(()) = hangup.recv() => {
                    tracing::info!("SIGHUP received, reloading");
                    reload.trigger();
                    continue;
                }
                else => return,
            };
            if shutdown.is_triggered() {
                tracing::warn!(signal = name, "second signal, ending at once");
                std::process::exit(128 + number);
            }
            tracing::info!(signal = name, "shutting down; a second signal ends the process at once");
            shutdown.trigger(format!("{name} received"));
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_reason_is_kept_and_children_follow() {
        let shutdown = Shutdown::new();
        let child = shutdown.child();
        let other = shutdown.child();
        other.trigger("only a part");
        assert!(other.is_triggered() && !shutdown.is_triggered() && !child.is_triggered());
        shutdown.trigger("first");
        shutdown.trigger("second");
        child.wait().await;
        assert_eq!(shutdown.reason().as_deref(), Some("first"));
    }

    #[tokio::test]
    async fn a_reload_reaches_every_subscriber() {
        let reload = Reload::new();
        let (mut one, mut two) = (reload.subscribe(), reload.subscribe());
        reload.trigger();
        one.next().await;
        two.next().await;
    }
}

//! The owner of every long-running task: none is detached, none dies unnoticed, all are joined at the end.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::task::AbortHandle;
use tokio_util::task::TaskTracker;

use crate::shutdown::Shutdown;

/// What went wrong with the tasks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A critical task panicked, failed, or returned while nobody had asked it to. It began the shutdown.
    #[error("task \"{task}\" {cause}")]
    TaskFailed {
        /// The name it was spawned under.
        task: String,
        /// "panicked: …", "failed: …" or "ended early".
        cause: String,
    },
    /// Tasks did not return within the deadline after the shutdown began; they were aborted.
    #[error("these tasks did not end within {} s and were aborted: {}", deadline.as_secs_f64(), tasks.join(", "))]
    Hung {
        /// Their names, sorted.
        tasks: Vec<String>,
        /// The deadline they missed.
        deadline: Duration,
    },
}

/// Owns tasks. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Supervisor {
    shutdown: Shutdown,
    tracker: TaskTracker,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    running: BTreeMap<u64, (String, AbortHandle)>,
    failure: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The process cannot do without it.
    Critical,
    /// It may end whenever its work is done; a panic or an error is still the end of the process.
    Finite,
}

impl Supervisor {
    /// A supervisor that begins `shutdown` when a task fails.
    pub fn new(shutdown: Shutdown) -> Self {
        Self { shutdown, tracker: TaskTracker::new(), state: Arc::default() }
    }

    /// The shutdown that the tasks wait for.
    pub fn shutdown(&self) -> &Shutdown {
        &self.shutdown
    }

    /// Runs a task that must live as long as the process: if it panics, returns an error, or returns at all before the shutdown
    /// has begun, the shutdown begins and [`Self::join`] names the task.
    pub fn spawn<E: Display + Send + 'static>(
        &self,
        name: impl Into<String>,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        self.spawn_kind(name.into(), Kind::Critical, task);
    }

    /// Runs a task that may end by itself, successfully. A panic or an error still begins the shutdown.
    pub fn spawn_finite<E: Display + Send + 'static>(
        &self,
        name: impl Into<String>,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        self.spawn_kind(name.into(), Kind::Finite, task);
    }

    /// Waits for the shutdown to begin, then for every task to return, at most `deadline` long, and aborts the rest.
    ///
    /// # Errors
    /// The failure that began the shutdown if there was one, else the tasks that hung.
    pub async fn join(&self, deadline: Duration) -> Result<(), Error> {
        self.shutdown.wait().await;
        self.tracker.close();
        let in_time = tokio::time::timeout(deadline, self.tracker.wait()).await.is_ok();
        let hung: Vec<String> = if in_time { Vec::new() } else { self.abort_all() };
        if !hung.is_empty() {
            tracing::error!(tasks = hung.join(", "), "tasks did not end in time and were aborted");
        }
        let failure = self.state.lock().failure.clone();
        match failure {
            Some(failure) => Err(failure),
            None if hung.is_empty() => Ok(()),
            None => Err(Error::Hung { tasks: hung, deadline }),
        }
    }

    fn spawn_kind<E: Display + Send + 'static>(
        &self,
        name: String,
        kind: Kind,
        task: impl Future<Output = Result<(), E>> + Send + 'static,
    ) {
        // A task inside a task: the outer one sees how the inner one ended, also by a panic or an abort.
        let handle = tokio::spawn(task);
        let id = {
            let mut state = self.state.lock();
            state.next += 1;
            let id = state.next;
            state.running.insert(id, (name.clone(), handle.abort_handle()));
            id
        };
        let this = self.clone();
        self.tracker.spawn(async move {
            let cause = match handle.await {
                Ok(Ok(())) if kind == Kind::Finite || this.shutdown.is_triggered() => None,
                Ok(Ok(())) => Some("ended early".to_owned()),
                Ok(Err(error)) => Some(format!("failed: {error}")),
                Err(error) if error.is_cancelled() => None,
                Err(error) => Some(format!("panicked: {}", panic_message(error))),
            };
            this.finished(id, name, cause);
        });
    }

    fn finished(&self, id: u64, task: String, cause: Option<String>) {
        let mut state = self.state.lock();
        state.running.remove(&id);
        if let Some(cause) = cause {
            tracing::error!(task, cause, "task failed");
            let reason = format!("task \"{task}\" {cause}");
            state.failure.get_or_insert(Error::TaskFailed { task, cause });
            drop(state);
            self.shutdown.trigger(reason);
        }
    }

    /// Aborts what still runs and returns the names.
    fn abort_all(&self) -> Vec<String> {
        let state = self.state.lock();
        let mut names: Vec<String> = state
            .running
            .values()
            .map(|(name, handle)| {
                handle.abort();
                name.clone()
            })
            .collect();
        names.sort();
        names
    }
}

fn panic_message(error: tokio::task::JoinError) -> String {
    match error.try_into_panic() {
        Ok(payload) => payload_text(payload.as_ref()).to_owned(),
        Err(error) => error.to_string(),
    }
}

/// The text of a panic, for the log. Panics carry one of the two string types unless somebody went out of the way.
pub(crate) fn payload_text(payload: &(dyn std::any::Any + Send)) -> &str {
    payload
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[tokio::test]
    async fn a_panicking_task_begins_the_shutdown_and_is_named() {
        let supervisor = Supervisor::new(Shutdown::new());
        let shutdown = supervisor.shutdown().clone();
        supervisor.spawn("patient", async move {
            shutdown.wait().await;
            Ok::<_, Infallible>(())
        });
        supervisor.spawn("lease-expiry", async {
            if true { panic!("index {}", 7) } else { Ok::<(), Infallible>(()) }
        });
        let error = supervisor.join(Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(error.to_string(), "task \"lease-expiry\" panicked: index 7");
        assert_eq!(
            supervisor.shutdown().reason().as_deref(),
            Some("task \"lease-expiry\" panicked: index 7")
        );
    }

    #[tokio::test]
    async fn a_critical_task_must_not_end_early_but_a_finite_one_may() {
        let supervisor = Supervisor::new(Shutdown::new());
        supervisor.spawn_finite("migration", async { Ok::<_, Infallible>(()) });
        supervisor.spawn("listener", async { Ok::<_, Infallible>(()) });
        let error = supervisor.join(Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(error, Error::TaskFailed { task: "listener".into(), cause: "ended early".into() });
    }

    #[tokio::test]
    async fn an_error_is_passed_on() {
        let supervisor = Supervisor::new(Shutdown::new());
        supervisor.spawn("store", async { Err::<(), _>("disk full") });
        let error = supervisor.join(Duration::from_secs(10)).await.unwrap_err();
        assert_eq!(error.to_string(), "task \"store\" failed: disk full");
    }

    #[tokio::test]
    async fn tasks_that_hang_are_named() {
        let supervisor = Supervisor::new(Shutdown::new());
        supervisor.spawn("stuck", std::future::pending::<Result<(), Infallible>>());
        supervisor.shutdown().trigger("test");
        let error = supervisor.join(Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error, Error::Hung { tasks: vec!["stuck".into()], deadline: Duration::from_millis(20) });
    }
}

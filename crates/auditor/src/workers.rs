//! Threads that may block: where contracts run.

use std::sync::Arc;

use tokio::sync::Semaphore;
use trustkeep_scalar_rpc::{Error, Result};

/// Runs what blocks or computes for long, so many at a time.
#[derive(Clone, Debug)]
pub(crate) struct Workers(Arc<Semaphore>);

/// How many executions run at a time; more wait. Each waits for the store most of its time.
const RUNNING_MAX: usize = 256;

impl Workers {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(RUNNING_MAX)))
    }

    /// Runs `work` on a thread that may block.
    ///
    /// # Errors
    /// 502 if it panicked, 503 while the server is stopping.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T> {
        let Ok(permit) = self.0.clone().acquire_owned().await else {
            return Err(Error::runtime("the server is stopping"));
        };
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.map_err(|_| Error::runtime("the execution failed; the server's log has the details"))
    }
}

//! Threads for contracts: a contract is synchronous and may wait for its store, so it must not run where calls are
//! answered.

use std::sync::Arc;

use tokio::sync::Semaphore;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

/// A bounded number of threads that may block. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Blocking {
    room: Arc<Semaphore>,
}

impl Blocking {
    /// At most `max` at one time, at least one; further work waits for its turn. The runtime must have as many blocking
    /// threads, and some more for others.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { room: Arc::new(Semaphore::new(max.clamp(1, Semaphore::MAX_PERMITS))) }
    }

    /// Runs `work` on such a thread. Once begun it runs to its end, even if nobody waits for it any more.
    ///
    /// # Errors
    /// What `work` fails with; 502 if it panics, 503 if the server is ending.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let ending = |_| Error::new(StatusCode::Unavailable, "The server is ending.");
        let permit = Arc::clone(&self.room).acquire_owned().await.map_err(ending)?;
        let work = move || {
            let _permit = permit;
            work()
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) if error.is_panic() => {
                Err(Error::runtime("The execution failed by a fault of the server; its log has the details."))
            }
            Err(_) => Err(Error::new(StatusCode::Unavailable, "The server is ending.")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn no_more_run_at_once_than_there_is_room_for() {
        let blocking = Blocking::new(2);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        // Two meet here each time: so at least two run at once, and the counter shows that no third does.
        let barrier = Arc::new(Barrier::new(2));
        let runs = (0..8).map(|_| {
            let (now, most, barrier) = (now.clone(), most.clone(), barrier.clone());
            blocking.run(move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                barrier.wait();
                now.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        });
        for done in futures::future::join_all(runs).await {
            done.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_panic_costs_one_answer() {
        let blocking = Blocking::new(1);
        let failed = blocking.run(|| -> Result<()> { panic!("a fault") }).await.unwrap_err();
        assert_eq!(failed.code, StatusCode::RuntimeError);
        assert_eq!(blocking.run(|| Ok(1)).await.unwrap(), 1);
    }
}

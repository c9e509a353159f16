//! A bounded queue in front of what is written to, with a thread of its own behind it: entries that came while
//! the last ones were written are written together, and whoever waits for an entry waits no longer than the bound.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::device::{Device, DeviceError};

/// Whether one entry was written.
pub(super) type Written = Result<(), DeviceError>;

/// What is written to. Called from one thread, which it may block: the queue in front keeps the bound.
pub(super) trait Sink: Send + 'static {
    /// Writes entries in their order; one result for each.
    fn write(&mut self, entries: &[Bytes]) -> Vec<Written>;

    /// Opens anew.
    fn reopen(&mut self) -> Written;
}

/// A device that is a queue in front of a [`Sink`].
pub(super) struct Queue {
    jobs: mpsc::Sender<Job>,
    bytes: Arc<Semaphore>,
    state: Arc<State>,
    timeout: Duration,
}

enum Job {
    Write { entry: Bytes, answer: oneshot::Sender<Written>, _room: OwnedSemaphorePermit },
    Reopen(oneshot::Sender<Written>),
}

/// A device that missed its bound is late until it writes again. Only one entry at a time tries it meanwhile;
/// all others fail at once, so that a second device carries the load undisturbed.
#[derive(Default)]
struct State {
    late: AtomicBool,
    probing: AtomicBool,
}

impl Queue {
    /// Starts the thread, which ends once the queue is dropped and written out.
    pub(super) fn start(name: &str, timeout: Duration, sink: impl Sink) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel(ENTRIES_MAX);
        let state = Arc::new(State::default());
        let shared = state.clone();
        std::thread::Builder::new()
            .name(format!("audit {name}"))
            .spawn(move || work(queue, sink, &shared))?;
        Ok(Queue { jobs, bytes: Arc::new(Semaphore::new(KIBIBYTES_MAX as usize)), state, timeout })
    }

    async fn hand_over(&self, entry: Bytes) -> Written {
        let kibibytes = u32::try_from(entry.len() / 1024 + 1).unwrap_or(KIBIBYTES_MAX).min(KIBIBYTES_MAX);
        let room = self.bytes.clone().acquire_many_owned(kibibytes).await.map_err(DeviceError::new)?;
        let (answer, written) = oneshot::channel();
        self.ask(Job::Write { entry, answer, _room: room }, written).await
    }

    async fn ask(&self, job: Job, answer: oneshot::Receiver<Written>) -> Written {
        let ended = || DeviceError::new("the device's thread has ended");
        self.jobs.send(job).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    fn is_late(&self) -> DeviceError {
        DeviceError::new(format!(
            "nothing was written for {} s: the device hangs",
            self.timeout.as_secs_f32()
        ))
    }
}

#[async_trait::async_trait]
impl Device for Queue {
    async fn write(&self, entry: Bytes) -> Written {
        let _probe = if self.state.late.load(Ordering::Acquire) {
            Some(Probe::take(&self.state).ok_or_else(|| self.is_late())?)
        } else {
            None
        };
        match tokio::time::timeout(self.timeout, self.hand_over(entry)).await {
            Ok(written) => written,
            Err(_) => {
                self.state.late.store(true, Ordering::Release);
                Err(self.is_late())
            }
        }
    }

    async fn reopen(&self) -> Written {
        let (answer, reopened) = oneshot::channel();
        let asked = self.ask(Job::Reopen(answer), reopened);
        tokio::time::timeout(self.timeout, asked).await.unwrap_or_else(|_| Err(self.is_late()))
    }
}

/// The one try at a late device.
struct Probe<'s>(&'s State);

impl<'s> Probe<'s> {
    fn take(state: &'s State) -> Option<Self> {
        // Only what was taken is given back when it is dropped.
        if state.probing.swap(true, Ordering::AcqRel) { None } else { Some(Probe(state)) }
    }
}

impl Drop for Probe<'_> {
    fn drop(&mut self) {
        self.0.probing.store(false, Ordering::Release);
    }
}

fn work(mut queue: mpsc::Receiver<Job>, mut sink: impl Sink, state: &State) {
    let mut jobs = Vec::with_capacity(BATCH_MAX);
    while queue.blocking_recv_many(&mut jobs, BATCH_MAX) > 0 {
        let (mut entries, mut waiting) = (Vec::with_capacity(jobs.len()), Vec::with_capacity(jobs.len()));
        for job in jobs.drain(..) {
            match job {
                Job::Write { entry, answer, _room } => {
                    entries.push(entry);
                    waiting.push((answer, _room));
                }
                Job::Reopen(answer) => {
                    write(&mut sink, &mut entries, &mut waiting, state);
                    // Nobody may wait for it any more; it was done all the same.
                    let _ = answer.send(sink.reopen());
                }
            }
        }
        write(&mut sink, &mut entries, &mut waiting, state);
    }
}

fn write(
    sink: &mut impl Sink,
    entries: &mut Vec<Bytes>,
    waiting: &mut Vec<(oneshot::Sender<Written>, OwnedSemaphorePermit)>,
    state: &State,
) {
    if entries.is_empty() {
        return;
    }
    let mut results = sink.write(entries);
    entries.clear();
    results.resize_with(waiting.len(), || Err(DeviceError::new("the device gave no answer")));
    if results.iter().any(Result::is_ok) {
        state.late.store(false, Ordering::Release);
    }
    for ((answer, _room), written) in waiting.drain(..).zip(results) {
        // Whoever does not wait any more counted it as failed.
        let _ = answer.send(written);
    }
}

/// The results of entries of which the first `count` were written.
pub(super) fn first_written(count: usize, entries: &[Bytes], error: &io::Error) -> Vec<Written> {
    let error = DeviceError::new(error);
    (0..entries.len()).map(|index| if index < count { Ok(()) } else { Err(error.clone()) }).collect()
}

/// Entries that wait; whoever comes then waits for room.
const ENTRIES_MAX: usize = 4096;
/// Entries of one write.
const BATCH_MAX: usize = 512;
/// Room for entries that wait, in KiB; a larger one takes all of it.
const KIBIBYTES_MAX: u32 = 64 * 1024;

#[cfg(test)]
mod tests {
    use std::sync::mpsc as blocking;

    use futures::FutureExt as _;

    use super::*;

    /// A sink that writes when it is told to, and tells how many entries it got.
    struct Gate {
        open: blocking::Receiver<()>,
        sizes: blocking::Sender<usize>,
    }

    impl Sink for Gate {
        fn write(&mut self, entries: &[Bytes]) -> Vec<Written> {
            let _ = self.sizes.send(entries.len());
            let _ = self.open.recv();
            vec![Ok(()); entries.len()]
        }

        fn reopen(&mut self) -> Written {
            Ok(())
        }
    }

    fn gate(timeout: Duration) -> (Arc<Queue>, blocking::Sender<()>, blocking::Receiver<usize>) {
        let (opener, open) = blocking::channel();
        let (sizes, seen) = blocking::channel();
        (Arc::new(Queue::start("test", timeout, Gate { open, sizes }).unwrap()), opener, seen)
    }

    fn entry() -> Bytes {
        Bytes::from_static(b"{}\n")
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn entries_that_came_meanwhile_are_written_together() {
        let (queue, opener, seen) = gate(Duration::from_secs(60));
        let spawn = || {
            let queue = queue.clone();
            tokio::spawn(async move { queue.write(entry()).await })
        };
        let first = spawn();
        assert_eq!(seen.recv().unwrap(), 1);
        let rest: Vec<_> = (0..100).map(|_| spawn()).collect();
        while queue.jobs.max_capacity() - queue.jobs.capacity() < 100 {
            tokio::task::yield_now().await;
        }
        opener.send(()).unwrap();
        first.await.unwrap().unwrap();
        assert_eq!(seen.recv().unwrap(), 100, "one write for all that waited");
        opener.send(()).unwrap();
        for written in rest {
            written.await.unwrap().unwrap();
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_device_that_hangs_fails_within_its_bound_and_then_at_once() {
        let (queue, opener, _seen) = gate(Duration::from_millis(200));
        assert!(queue.write(entry()).await.is_err());
        let probe = Probe::take(&queue.state).unwrap();
        // While one tries, all others are refused without waiting.
        for _ in 0..1000 {
            assert!(queue.write(entry()).now_or_never().unwrap().is_err());
        }
        drop(probe);
        drop(opener);
        // One of the next finds the device writing again.
        while queue.write(entry()).await.is_err() {}
        assert!(!queue.state.late.load(Ordering::Acquire));
    }
}

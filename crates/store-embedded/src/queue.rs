//! Where commits wait for the committer.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Many push, one thread takes everything that waits at once. That thread looks for a while before it sleeps, for
/// waking it costs as much as a tenth of a disk write.
pub(crate) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    count: AtomicUsize,
    asleep: AtomicBool,
    taker: OnceLock<Thread>,
}

struct Waiting<T> {
    items: Vec<T>,
    closed: bool,
}

/// Why [`Queue::wait`] returned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Woken {
    /// Something waits.
    Ready,
    /// Nothing came in the time given.
    Idle,
    /// Nothing waits and nothing will come.
    Closed,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue {
            waiting: Mutex::new(Waiting { items: Vec::new(), closed: false }),
            count: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            taker: OnceLock::new(),
        }
    }
}

impl<T> Queue<T> {
    /// Adds an item; gives it back if the queue is closed.
    pub(crate) fn push(&self, item: T) -> Result<(), T> {
        {
            let mut waiting = self.waiting.lock();
            if waiting.closed {
                return Err(item);
            }
            waiting.items.push(item);
            self.count.store(waiting.items.len(), Ordering::SeqCst);
        }
        self.wake();
        Ok(())
    }

    /// Lets nothing more in.
    pub(crate) fn close(&self) {
        self.waiting.lock().closed = true;
        self.wake();
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Moves all that wait into `taken`.
    pub(crate) fn take(&self, taken: &mut impl Extend<T>) {
        let mut waiting = self.waiting.lock();
        taken.extend(waiting.items.drain(..));
        self.count.store(0, Ordering::SeqCst);
    }

    /// Waits for an item: looks for `spin`, then sleeps for at most `sleep`. One thread only.
    pub(crate) fn wait(&self, spin: Duration, sleep: Duration) -> Woken {
        self.gather(1, spin);
        if self.len() > 0 {
            return Woken::Ready;
        }
        self.taker.get_or_init(std::thread::current);
        self.asleep.store(true, Ordering::SeqCst);
        // Whoever pushes after this look sees `asleep`; whoever pushed before it is seen here.
        let closed = self.waiting.lock().closed;
        if self.len() == 0 && !closed {
            std::thread::park_timeout(sleep);
        }
        self.asleep.store(false, Ordering::SeqCst);
        match self.len() {
            0 if self.waiting.lock().closed => Woken::Closed,
            0 => Woken::Idle,
            _ => Woken::Ready,
        }
    }

    /// Waits until `count` items wait, for at most `patience`, giving way to other threads.
    pub(crate) fn gather(&self, count: usize, patience: Duration) {
        if self.len() >= count || patience.is_zero() {
            return;
        }
        let end = Instant::now() + patience;
        while self.len() < count && Instant::now() < end {
            std::thread::yield_now();
        }
    }

    fn wake(&self) {
        if self.asleep.swap(false, Ordering::SeqCst)
            && let Some(taker) = self.taker.get()
        {
            taker.unpark();
        }
    }
}

impl<T> std::fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("waiting", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn everything_pushed_by_many_arrives_once() {
        let queue = Arc::new(Queue::default());
        let pushers = (0..4).map(|pusher: usize| {
            let queue = queue.clone();
            std::thread::spawn(move || {
                for item in 0..10_000 {
                    queue.push(pusher * 10_000 + item).unwrap();
                }
            })
        });
        let pushers: Vec<_> = pushers.collect();
        let mut seen = Vec::new();
        while seen.len() < 40_000 {
            assert_ne!(queue.wait(Duration::ZERO, Duration::from_secs(60)), Woken::Closed);
            queue.take(&mut seen);
        }
        for pusher in pushers {
            pusher.join().unwrap();
        }
        seen.sort_unstable();
        assert!(seen.iter().enumerate().all(|(index, item)| index == *item));
    }

    #[test]
    fn closing_refuses_new_items_and_lets_the_old_ones_out() {
        let queue = Queue::default();
        queue.push(1).unwrap();
        queue.close();
        assert_eq!(queue.push(2), Err(2));
        assert_eq!(queue.wait(Duration::ZERO, Duration::from_secs(60)), Woken::Ready);
        let mut taken = vec![];
        queue.take(&mut taken);
        assert_eq!(taken, [1]);
        assert_eq!(queue.wait(Duration::ZERO, Duration::from_secs(60)), Woken::Closed);
        assert_eq!(Queue::<u8>::default().wait(Duration::ZERO, Duration::from_millis(1)), Woken::Idle);
    }
}

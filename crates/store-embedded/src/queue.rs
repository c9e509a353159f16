//! Where commits wait for the committer.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Many push, one thread takes everything that waits at once. That thread looks for a while before it sleeps, for
/// waking it costs as much as a tenth of a disk write.
pub(crate) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    count: AtomicUsize,
    /// The sleeping thread is to be woken when so many wait.
    wanted: AtomicUsize,
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
            wanted: AtomicUsize::new(usize::MAX),
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
        if self.len() >= self.wanted.load(Ordering::SeqCst) {
            self.wanted.store(usize::MAX, Ordering::SeqCst);
            self.wake();
        }
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
        if self.len() == 0 && !spin.is_zero() {
            let end = Instant::now() + spin;
            while self.len() == 0 && Instant::now() < end {
                std::hint::spin_loop();
            }
        }
        self.sleep(1, sleep);
        match self.len() {
            0 if self.waiting.lock().closed => Woken::Closed,
            0 => Woken::Idle,
            _ => Woken::Ready,
        }
    }

    /// Sleeps until `count` items wait or the queue is closed, for at most `patience`. One thread only.
    pub(crate) fn sleep(&self, count: usize, patience: Duration) {
        if self.len() >= count || patience.is_zero() {
            return;
        }
        self.taker.get_or_init(std::thread::current);
        let end = Instant::now() + patience;
        loop {
            self.wanted.store(count, Ordering::SeqCst);
            // Whoever pushes after this look sees `wanted`; whoever pushed before it is seen here.
            let closed = self.waiting.lock().closed;
            let left = end.saturating_duration_since(Instant::now());
            if self.len() >= count || closed || left.is_zero() {
                break;
            }
            // May return early, for a wake of an earlier sleep.
            std::thread::park_timeout(left);
        }
        self.wanted.store(usize::MAX, Ordering::SeqCst);
    }

    fn wake(&self) {
        if let Some(taker) = self.taker.get() {
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

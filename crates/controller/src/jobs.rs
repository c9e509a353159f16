//! Jobs: what brings nodes and disks to what is wanted of them.
//!
//! Each node that is on its way has one task. What it does next follows from the record alone, and everything that it does may be done
//! again: so it can be ended at any point, by a change of what is wanted or by the end of the process, and a new task goes on.

mod bring_up;
mod disk;
mod ending;
mod node;
mod patience;
mod sweep;
mod take_down;
#[cfg(test)]
mod tests;
mod watch;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use trustkeep_chassis::shutdown::Shutdown;

use crate::book::Stage;
use crate::metrics;
use crate::model::Wanted;
use crate::parts::Parts;

/// How many nodes and disks are worked on at once; the others wait. Each may hold an SSH session, which takes 130 KiB. A hundred nodes are to
/// take no longer than the slowest of them.
const AT_ONCE_MAX: usize = 104;

/// The tasks. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Jobs(Arc<Inner>);

struct Inner {
    parts: Arc<Parts>,
    shutdown: Shutdown,
    tracker: TaskTracker,
    slots: Semaphore,
    running: Mutex<HashMap<String, Running>>,
    progress: Mutex<HashMap<String, String>>,
    /// Nodes to look at now, whenever they were looked at last.
    hurry: Mutex<Vec<Item>>,
    hurried: Notify,
    suspects: Mutex<BTreeSet<Orphan>>,
    orphans: Mutex<Vec<Orphan>>,
    tidying: tokio::sync::Mutex<()>,
    /// The custody of units that the former process was adding when it died.
    interrupted: BTreeSet<String>,
}

/// Something that a cloud has of this controller's, and no record knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Orphan {
    /// The cloud: [`trustkeep_cloud::Provider::realm`].
    pub provider: String,
    /// The provider's identifier of the machine or disk.
    pub id: String,
    /// The node or disk that it was made for.
    pub token: String,
}

/// What came of what was wanted of an item.
struct Ended {
    wanted: Wanted,
    is_done: bool,
}

struct Running {
    cancel: CancellationToken,
    again: bool,
}

/// A node or a disk that something is to be done about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its unit group.
    pub vcid: String,
    /// `node_id` or `disk_id`.
    pub id: String,
}

impl Jobs {
    /// Nothing runs yet.
    pub fn new(parts: Arc<Parts>, shutdown: Shutdown) -> Self {
        let page = parts.book.page();
        let coming = page.estates.values().filter(|estate| estate.stage == Stage::Coming);
        let interrupted = coming.map(|estate| estate.custody.clone()).collect();
        Self(Arc::new(Inner {
            parts,
            shutdown,
            tracker: TaskTracker::new(),
            slots: Semaphore::new(AT_ONCE_MAX),
            running: Mutex::default(),
            progress: Mutex::default(),
            hurry: Mutex::default(),
            hurried: Notify::new(),
            suspects: Mutex::default(),
            orphans: Mutex::default(),
            tidying: tokio::sync::Mutex::default(),
            interrupted,
        }))
    }

    /// Goes on with everything that an earlier process left on its way.
    pub fn resume(&self) {
        let page = self.0.parts.book.page();
        for (group, _, node) in page.nodes().filter(|(_, _, node)| !node.is_settled()) {
            self.kick(Item { vcid: group.vcid.clone(), id: node.id.clone() });
        }
        for (group, _, disk) in page.disks().filter(|(_, _, disk)| disk.state.is_passing()) {
            self.kick(Item { vcid: group.vcid.clone(), id: disk.id.clone() });
        }
    }

    /// Sees to it that what the record wants is worked on: ends what is being done about the item and begins anew.
    pub fn kick(&self, item: Item) {
        let mut running = self.0.running.lock();
        if let Some(running) = running.get_mut(&item.id) {
            running.again = true;
            running.cancel.cancel();
            return;
        }
        let cancel = CancellationToken::new();
        running.insert(item.id.clone(), Running { cancel: cancel.clone(), again: false });
        drop(running);
        let jobs = self.clone();
        self.0.tracker.spawn(async move { jobs.work(item, cancel).await });
    }

    /// Looks at a node at once: somebody noticed something.
    pub fn look_at(&self, item: Item) {
        self.0.hurry.lock().push(item);
        self.0.hurried.notify_one();
    }

    /// Does something beside, which is waited for at the end.
    pub(crate) fn aside(&self, work: impl Future<Output = ()> + Send + 'static) {
        let shutdown = self.0.shutdown.clone();
        self.0.tracker.spawn(async move {
            tokio::select! {
                () = work => {}
                () = shutdown.wait() => {}
            }
        });
    }

    /// What is being done about a node or disk; empty if nothing is.
    pub fn progress(&self, id: &str) -> String {
        self.0.progress.lock().get(id).cloned().unwrap_or_default()
    }

    /// What the last two sweeps found that no record knows: it costs money, and somebody has to decide about it.
    pub fn orphans(&self) -> Vec<Orphan> {
        self.0.orphans.lock().clone()
    }

    /// How many nodes and disks are being worked on.
    pub fn running(&self) -> usize {
        self.0.running.lock().len()
    }

    /// Looks after nodes until the shutdown, then waits for the jobs, which end where they are. A task for the supervisor.
    ///
    /// # Errors
    /// Never; the signature is that of a supervised task.
    pub async fn serve(self) -> Result<(), std::convert::Infallible> {
        watch::watch(&self).await;
        for running in self.0.running.lock().values() {
            running.cancel.cancel();
        }
        self.0.tracker.close();
        self.0.tracker.wait().await;
        Ok(())
    }

    async fn work(self, item: Item, mut cancel: CancellationToken) {
        loop {
            let began = Instant::now();
            let done = async {
                let Ok(_slot) = self.0.slots.acquire().await else { return None };
                // Boxed: those that wait for their turn take no room for it.
                Box::pin(self.drive(&item)).await
            };
            let ended = tokio::select! {
                ended = done => ended,
                () = cancel.cancelled() => None,
            };
            if let Some(Ended { wanted, is_done }) = ended {
                metrics::job(wanted.name(), is_done, began.elapsed());
            }
            self.0.progress.lock().remove(&item.id);
            let mut running = self.0.running.lock();
            match running.get_mut(&item.id) {
                Some(running) if running.again && !self.0.shutdown.is_triggered() => {
                    running.again = false;
                    cancel = CancellationToken::new();
                    running.cancel = cancel.clone();
                }
                _ => {
                    running.remove(&item.id);
                    return;
                }
            }
        }
    }

    async fn drive(&self, item: &Item) -> Option<Ended> {
        // What was read is let go before the work begins, here and in all that takes long: a hundred jobs would keep as many pages.
        let is_node = self.0.parts.book.page().node(&item.vcid, &item.id).is_some();
        if is_node { node::drive(self, item).await } else { disk::drive(self, item).await }
    }

    fn parts(&self) -> &Parts {
        &self.0.parts
    }

    fn note(&self, id: &str, what: impl Into<String>) {
        self.0.progress.lock().insert(id.to_owned(), what.into());
    }
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Jobs").field("running", &self.running()).finish_non_exhaustive()
    }
}

//! Sessions: WebSockets over which their clients want messages back (RFC 0092).

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use trustkeep_didcomm::message::ReturnRoute;
use trustkeep_wallet::Wallet;

use super::aside;
use crate::{Outgoing, Receipt};

/// Messages on their way to a socket.
const FRAMES_MAX: usize = 64;
/// Keys of one client, and threads that it waits for.
const KEYS_MAX: usize = 64;

/// All sessions of this process. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sessions(Arc<Mutex<HashMap<String, Vec<Weak<Session>>>>>);

/// One socket.
#[derive(Debug)]
pub(super) struct Session {
    sessions: Sessions,
    frames: mpsc::Sender<Frame>,
    asked: Mutex<Asked>,
    /// Counts what was set aside for it, and how much of that it has looked at.
    told: AtomicU64,
    seen: AtomicU64,
    wake: Notify,
    closed: CancellationToken,
}

/// A message for a socket.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) envelope: String,
    /// Told when it was written.
    pub(super) written: oneshot::Sender<()>,
}

/// What its client asked for.
#[derive(Debug, Default)]
struct Asked {
    keys: BTreeSet<String>,
    is_all: bool,
    threads: BTreeSet<String>,
}

impl Sessions {
    /// A session that nothing was asked for yet, and what is to be written to its socket.
    pub(super) fn open(&self) -> (Arc<Session>, mpsc::Receiver<Frame>) {
        let (frames, to_write) = mpsc::channel(FRAMES_MAX);
        let session = Session {
            sessions: self.clone(),
            frames,
            asked: Mutex::default(),
            told: AtomicU64::new(1),
            seen: AtomicU64::new(0),
            wake: Notify::new(),
            closed: CancellationToken::new(),
        };
        (Arc::new(session), to_write)
    }

    /// Hands a message to a session that wants it and has had all that came before. Told when it was written.
    pub(super) fn offer(&self, outgoing: &Outgoing) -> Option<oneshot::Receiver<()>> {
        let sessions = self.of(&outgoing.recipient);
        let session =
            sessions.into_iter().rev().find(|session| session.wants(outgoing) && session.is_even())?;
        let (written, told) = oneshot::channel();
        let frame = Frame { envelope: outgoing.envelope.clone(), written };
        session.frames.try_send(frame).ok().map(|()| told)
    }

    /// Something was set aside for the owner of a key.
    pub(crate) fn told(&self, key: &str) {
        self.of(key).iter().for_each(|session| session.look());
    }

    /// Nobody knows for whom something was set aside.
    pub(crate) fn told_all(&self) {
        let sessions: Vec<_> = self.0.lock().values().flatten().filter_map(Weak::upgrade).collect();
        sessions.iter().for_each(|session| session.look());
    }

    fn of(&self, key: &str) -> Vec<Arc<Session>> {
        let sessions = self.0.lock();
        sessions.get(key).into_iter().flatten().filter_map(Weak::upgrade).collect()
    }
}

impl Session {
    /// Notes what the sender of a message asked for.
    pub(super) fn took(self: &Arc<Self>, receipt: &Receipt) {
        let Some(sender) = receipt.sender.map(|sender| sender.to_string()) else { return };
        let mut asked = self.asked.lock();
        let (was_all, threads) = (asked.is_all, asked.threads.len());
        match &receipt.return_route {
            ReturnRoute::All => asked.is_all = true,
            ReturnRoute::Thread(thread) => {
                asked.is_all = false;
                if asked.threads.len() < KEYS_MAX {
                    asked.threads.insert(thread.clone());
                }
            }
            ReturnRoute::None => {
                asked.is_all = false;
                asked.threads.clear();
                return;
            }
        }
        let is_new = asked.keys.len() < KEYS_MAX && asked.keys.insert(sender.clone());
        let wants_more = is_new || (asked.is_all && !was_all) || asked.threads.len() > threads;
        drop(asked);
        if is_new {
            self.sessions.0.lock().entry(sender).or_default().push(Arc::downgrade(self));
        }
        if wants_more {
            self.look();
        }
    }

    /// Delivers what is set aside for its client, whenever there is something, until it is closed.
    pub(super) async fn pump(self: Arc<Self>, wallet: Wallet) {
        loop {
            tokio::select! {
                () = self.closed.cancelled() => return,
                () = self.wake.notified() => {}
            }
            tokio::select! {
                () = self.closed.cancelled() => return,
                outcome = self.catch_up(&wallet) => if let Err(error) = outcome {
                    tracing::warn!(%error, "what is set aside for a session cannot be read");
                }
            }
        }
    }

    /// Ends the session's pump when dropped, however its socket ends.
    pub(super) fn closes(&self) -> DropGuard {
        self.closed.clone().drop_guard()
    }

    /// It is over.
    pub(super) fn close(&self) {
        self.closed.cancel();
        let mut sessions = self.sessions.0.lock();
        for key in &self.asked.lock().keys {
            if let Some(theirs) = sessions.get_mut(key) {
                theirs.retain(|session| !std::ptr::eq(session.as_ptr(), self) && session.strong_count() > 0);
                if theirs.is_empty() {
                    sessions.remove(key);
                }
            }
        }
    }

    async fn catch_up(&self, wallet: &Wallet) -> trustkeep_wallet::Result<()> {
        let told = self.told.load(Ordering::Acquire);
        let keys = self.asked.lock().keys.clone();
        for key in keys {
            while self.deliver(wallet, &key).await? {}
        }
        self.seen.fetch_max(told, Ordering::AcqRel);
        Ok(())
    }

    /// Delivers some of what is set aside for a key. Whether there may be more.
    async fn deliver(&self, wallet: &Wallet, key: &str) -> trustkeep_wallet::Result<bool> {
        let mut is_progress = false;
        for mut segment in aside::for_key(wallet, key).await? {
            let mut done = BTreeSet::new();
            for queued in segment.queued() {
                let Ok(outgoing) = serde_json::from_str::<Outgoing>(&queued.payload) else { continue };
                if outgoing.recipient != key || !self.wants(&outgoing) {
                    continue;
                }
                let (written, told) = oneshot::channel();
                let frame = Frame { envelope: outgoing.envelope, written };
                if self.frames.send(frame).await.is_err() || told.await.is_err() {
                    break;
                }
                done.insert(queued.id.clone());
            }
            is_progress |= !done.is_empty();
            aside::remove(wallet, &mut segment, &done).await?;
        }
        Ok(is_progress)
    }

    fn wants(&self, outgoing: &Outgoing) -> bool {
        let asked = self.asked.lock();
        let is_asked_for =
            asked.is_all || outgoing.thread.as_ref().is_some_and(|thread| asked.threads.contains(thread));
        is_asked_for && !outgoing.is_wrapped && asked.keys.contains(&outgoing.recipient)
    }

    /// Whether nothing is set aside for it that it has not had.
    fn is_even(&self) -> bool {
        self.seen.load(Ordering::Acquire) == self.told.load(Ordering::Acquire)
    }

    fn look(&self) {
        self.told.fetch_add(1, Ordering::AcqRel);
        self.wake.notify_one();
    }
}

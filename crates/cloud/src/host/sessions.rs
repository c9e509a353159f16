//! The SSH sessions that are open: one a machine, shared by what is done there, closed when nothing is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::Instant;

use super::Login;
use super::key::ControllerKey;
use super::session::Session;
use crate::fault::Result;

/// A session that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(10);
/// Sessions that are kept open although nobody uses them. Beyond it the longest idle are closed within a second.
const IDLE_SESSIONS_MAX: usize = 64;
/// Handshakes at once: their arithmetic is what a check of very many machines costs.
const HANDSHAKES_MAX: usize = 32;

/// All sessions of one controller.
pub(super) struct Sessions {
    key: ControllerKey,
    handshakes: Semaphore,
    slots: Mutex<HashMap<(IpAddr, u16, String), Arc<Slot>>>,
}

/// The place of one machine's session.
struct Slot {
    /// Held while a session is opened, so that there is only one.
    session: AsyncMutex<Option<Arc<Session>>>,
    used: Mutex<Instant>,
}

impl Sessions {
    /// No session yet. Those that fall idle are closed by a task that ends with this.
    pub(super) fn new(key: ControllerKey) -> Arc<Self> {
        let sessions = Arc::new(Self {
            key,
            handshakes: Semaphore::new(HANDSHAKES_MAX),
            slots: Mutex::new(HashMap::new()),
        });
        tokio::spawn(close_idle(Arc::downgrade(&sessions)));
        sessions
    }

    pub(super) fn key(&self) -> &ControllerKey {
        &self.key
    }

    /// The open session with a machine, or a new one. An open one whose machine may have gone is only given away if it answers.
    pub(super) async fn with(&self, login: &Login) -> Result<Arc<Session>> {
        let slot = self.slot(login);
        let mut place = slot.session.lock().await;
        if let Some(session) = place.take() {
            if session.serves(login) && session.is_answering().await {
                *slot.used.lock() = Instant::now();
                *place = Some(Arc::clone(&session));
                return Ok(session);
            }
            session.close().await;
        }
        let session = Arc::new(Session::open(login, &self.key, &self.handshakes).await?);
        *slot.used.lock() = Instant::now();
        *place = Some(Arc::clone(&session));
        Ok(session)
    }

    fn slot(&self, login: &Login) -> Arc<Slot> {
        let key = (login.address, login.port, login.user.clone());
        Arc::clone(self.slots.lock().entry(key).or_insert_with(|| {
            Arc::new(Slot { session: AsyncMutex::new(None), used: Mutex::new(Instant::now()) })
        }))
    }

    /// Takes out what is idle for long, and the longest idle beyond what may be kept.
    fn take_idle(&self) -> Vec<Arc<Session>> {
        let mut idle = Vec::new();
        let mut slots = self.slots.lock();
        slots.retain(|_, slot| {
            // Somebody holds the slot: it is being used this moment.
            if Arc::strong_count(slot) > 1 {
                return true;
            }
            let Ok(place) = slot.session.try_lock() else { return true };
            match place.as_ref() {
                Some(session) if Arc::strong_count(session) > 1 => {
                    *slot.used.lock() = Instant::now();
                    true
                }
                Some(session) => {
                    idle.push((*slot.used.lock(), Arc::clone(session)));
                    true
                }
                None => false,
            }
        });
        idle.sort_unstable_by_key(|(used, _)| *used);
        let surplus = idle.len().saturating_sub(IDLE_SESSIONS_MAX);
        let closing: Vec<Arc<Session>> = idle
            .into_iter()
            .enumerate()
            .filter(|(at, (used, _))| *at < surplus || used.elapsed() >= IDLE)
            .map(|(_, (_, session))| session)
            .collect();
        slots.retain(|_, slot| match slot.session.try_lock() {
            Ok(place) => {
                !place.as_ref().is_some_and(|session| closing.iter().any(|one| Arc::ptr_eq(one, session)))
            }
            Err(_) => true,
        });
        closing
    }
}

async fn close_idle(sessions: Weak<Sessions>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let Some(sessions) = sessions.upgrade() else { return };
        let closing = sessions.take_idle();
        drop(sessions);
        futures::future::join_all(closing.iter().map(|session| session.close())).await;
    }
}

//! The SSH sessions that are open: one a machine, shared by what is done there, closed when nothing is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Mutex as AsyncMutex, Notify, Semaphore};
use tokio::time::Instant;

use super::Login;
use super::key::ControllerKey;
use super::session::Session;
use crate::fault::Result;

/// A session that nobody used for so long is closed.
const IDLE: Duration = Duration::from_secs(10);
/// Sessions that are kept open although nobody uses them. Beyond it the longest idle are closed at once: each takes 100 KiB and more.
const IDLE_SESSIONS_MAX: usize = 16;
/// How long a session does not count as idle whose user said that more follows.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(2);
/// The age from which a session is not given away any more: only a new one shows a host key that changed.
const AGE_MAX: Duration = Duration::from_secs(60);
/// Handshakes at once: their arithmetic is what a check of very many machines costs.
const HANDSHAKES_MAX: usize = 32;

/// All sessions of one controller.
pub(super) struct Sessions {
    key: ControllerKey,
    handshakes: Semaphore,
    slots: Mutex<HashMap<(IpAddr, u16, String), Arc<Slot>>>,
    /// Somebody has done with a session.
    returned: Arc<Notify>,
}

/// The place of one machine's session. Whoever uses the session, or opens it, holds the place too.
struct Slot {
    /// Held while a session is opened, so that there is only one.
    session: AsyncMutex<Option<Arc<Session>>>,
    /// Since when nobody uses it.
    idle_from: Mutex<Instant>,
}

/// The use of a session.
pub(super) struct Lease {
    session: Arc<Session>,
    slot: Arc<Slot>,
    pause: Duration,
    // Last: it tells when the others are given back.
    _returned: Returned,
}

struct Returned(Arc<Notify>);

impl Sessions {
    /// No session yet. Those that fall idle are closed by a task that ends with this.
    pub(super) fn new(key: ControllerKey) -> Arc<Self> {
        let sessions = Arc::new(Self {
            key,
            handshakes: Semaphore::new(HANDSHAKES_MAX),
            slots: Mutex::new(HashMap::new()),
            returned: Arc::default(),
        });
        tokio::spawn(close_idle(Arc::downgrade(&sessions)));
        sessions
    }

    pub(super) fn key(&self) -> &ControllerKey {
        &self.key
    }

    /// The open session with a machine, or a new one. An open one whose machine may have gone is only given away if it answers.
    pub(super) async fn with(&self, login: &Login) -> Result<Lease> {
        let slot = self.slot(login);
        let session = {
            let mut place = slot.session.lock().await;
            let open = match place.take() {
                Some(session) => usable(session, login).await,
                None => None,
            };
            let session = match open {
                Some(session) => session,
                None => Arc::new(Session::open(login, &self.key, &self.handshakes).await?),
            };
            Arc::clone(place.insert(session))
        };
        Ok(Lease { session, slot, pause: Duration::ZERO, _returned: Returned(Arc::clone(&self.returned)) })
    }

    fn slot(&self, login: &Login) -> Arc<Slot> {
        let key = (login.address, login.port, login.user.clone());
        Arc::clone(self.slots.lock().entry(key).or_insert_with(|| {
            Arc::new(Slot { session: AsyncMutex::new(None), idle_from: Mutex::new(Instant::now()) })
        }))
    }

    /// Takes out what is idle for long, and the longest idle beyond what may be kept.
    fn take_idle(&self) -> Vec<Arc<Session>> {
        let now = Instant::now();
        let mut idle = Vec::new();
        let mut slots = self.slots.lock();
        slots.retain(|key, slot| {
            if Arc::strong_count(slot) > 1 {
                return true;
            }
            let is_open = slot.session.try_lock().is_ok_and(|place| place.is_some());
            let from = *slot.idle_from.lock();
            if is_open && from <= now {
                idle.push((from, key.clone()));
            }
            is_open
        });
        idle.sort_unstable();
        let surplus = idle.len().saturating_sub(IDLE_SESSIONS_MAX);
        let closing =
            idle.into_iter().enumerate().filter(|(at, (from, _))| *at < surplus || now - *from >= IDLE);
        closing.filter_map(|(_, (_, key))| slots.remove(&key)?.session.try_lock().ok()?.take()).collect()
    }
}

impl Lease {
    /// More is about to be done on this machine: the session is worth keeping for a moment.
    pub(super) fn keep(mut self) {
        self.pause = FOLLOWED_WITHIN;
    }
}

impl Deref for Lease {
    type Target = Session;

    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        *self.slot.idle_from.lock() = Instant::now() + self.pause;
    }
}

impl Drop for Returned {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// An open session, if it is still good for something new; else it ends.
async fn usable(session: Arc<Session>, login: &Login) -> Option<Arc<Session>> {
    if session.age() >= AGE_MAX {
        // Others who use it do so to their end, and it ends with them.
        if let Some(session) = Arc::into_inner(session) {
            session.close().await;
        }
        return None;
    }
    if session.serves(login) && session.is_answering().await {
        return Some(session);
    }
    session.close().await;
    None
}

async fn close_idle(sessions: Weak<Sessions>) {
    let Some(returned) = sessions.upgrade().map(|sessions| Arc::clone(&sessions.returned)) else { return };
    loop {
        drop(tokio::time::timeout(Duration::from_secs(1), returned.notified()).await);
        let Some(sessions) = sessions.upgrade() else { return };
        let closing = sessions.take_idle();
        drop(sessions);
        futures::future::join_all(closing.iter().map(|session| session.close())).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use russh::keys::PrivateKey;
    use russh::keys::ssh_key::private::{Ed25519Keypair, Ed25519PrivateKey, KeypairData};
    use russh::server::{Auth, Config, Handler, VerifiedPublicKey};
    use tokio::net::TcpListener;
    use trustkeep_crypto::random::SystemRandom;

    use super::*;
    use crate::fault::Kind;

    /// An sshd that lets everybody in, on every address of the loopback interface; its host key is made of a number.
    struct Sshd {
        port: u16,
        key: Arc<Mutex<u8>>,
        open: Arc<Mutex<usize>>,
    }

    struct Guest;

    impl Handler for Guest {
        type Error = russh::Error;

        async fn auth_publickey(
            &mut self,
            _: &str,
            _: VerifiedPublicKey<'_>,
        ) -> std::result::Result<Auth, Self::Error> {
            Ok(Auth::Accept)
        }
    }

    impl Sshd {
        async fn start() -> Self {
            let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let sshd = Self { port, key: Arc::new(Mutex::new(1)), open: Arc::default() };
            let (key, open) = (Arc::clone(&sshd.key), Arc::clone(&sshd.open));
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let pair = Ed25519Keypair::from(Ed25519PrivateKey::from_bytes(&[*key.lock(); 32]));
                    let key = PrivateKey::new(KeypairData::Ed25519(pair), "").unwrap();
                    let config = Config { keys: vec![key], ..Config::default() };
                    let open = Arc::clone(&open);
                    tokio::spawn(async move {
                        *open.lock() += 1;
                        if let Ok(session) = russh::server::run_stream(Arc::new(config), stream, Guest).await
                        {
                            drop(session.await);
                        }
                        *open.lock() -= 1;
                    });
                }
            });
            sshd
        }

        fn login(&self, number: usize) -> Login {
            let last = u8::try_from(number).unwrap();
            let address = Ipv4Addr::new(127, 16, 0, last).into();
            Login { address, port: self.port, user: "root".into(), host_key: None }
        }

        /// Waits until so many connections are open.
        async fn await_open(&self, count: usize) {
            let reached = async {
                while *self.open.lock() != count {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            };
            let seen = || *self.open.lock();
            assert!(
                tokio::time::timeout(IDLE / 2, reached).await.is_ok(),
                "{} instead of {count} open",
                seen()
            );
        }
    }

    fn sessions() -> Arc<Sessions> {
        let directory = tempfile::tempdir().unwrap();
        Sessions::new(ControllerKey::load_or_create(directory.path(), &SystemRandom).unwrap())
    }

    #[tokio::test]
    async fn of_those_that_nobody_uses_few_stay_open() {
        let (sshd, sessions) = (Sshd::start().await, sessions());
        let mut leases = Vec::new();
        for number in 0..2 * IDLE_SESSIONS_MAX {
            leases.push(sessions.with(&sshd.login(number + 1)).await.unwrap());
        }
        // What more follows on is kept.
        leases.pop().unwrap().keep();
        sshd.await_open(2 * IDLE_SESSIONS_MAX).await;
        drop(leases);
        sshd.await_open(IDLE_SESSIONS_MAX + 1).await;
        let newest = sshd.login(2 * IDLE_SESSIONS_MAX - 1);
        assert_eq!(sessions.with(&newest).await.unwrap().host_key().split(' ').next(), Some("ssh-ed25519"));
        assert_eq!(*sshd.open.lock(), IDLE_SESSIONS_MAX + 1, "it was one of those that are open");
    }

    #[tokio::test]
    async fn another_host_key_is_noticed_while_a_session_is_in_use() {
        let (sshd, sessions) = (Sshd::start().await, sessions());
        let mut login = sshd.login(1);
        let lease = sessions.with(&login).await.unwrap();
        login.host_key = Some(lease.host_key().to_owned());
        *sshd.key.lock() = 2;
        assert!(Arc::ptr_eq(&sessions.with(&login).await.unwrap().session, &lease.session));
        tokio::time::pause();
        tokio::time::advance(AGE_MAX).await;
        tokio::time::resume();
        assert_eq!(sessions.with(&login).await.err().map(|fault| fault.kind), Some(Kind::HostKeyChanged));
        assert!(lease.is_answering().await, "what is being done goes on");
        drop(lease);
        sshd.await_open(0).await;
    }
}

//! One SSH connection to a machine.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use russh::client::{self, Handle};
use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{AlgorithmKind, Disconnect, Preferred};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::Login;
use super::key::ControllerKey;
use super::pipe::{Ending, Pipe};
use crate::fault::{Fault, Kind, Result};

/// How long a machine may take to accept a connection.
pub(super) const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// How long keys and the login may take together.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(10);
/// How long an open session may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Silence after which a session asks whether anybody is there; after three times of it, it is over.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Channels at once; OpenSSH allows ten sessions a connection unless it is told otherwise.
const CHANNELS_MAX: usize = 8;
/// Bytes that a machine may send before they were taken from it.
const WINDOW_BYTES: u32 = 1024 * 1024;

/// What of a machine's host keys is accepted. RSA is not: a server that has nothing else is told to make an Ed25519 key.
const HOST_KEYS: [Algorithm; 4] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
];

/// A connection whose login succeeded.
pub(super) struct Session {
    handle: Handle<HostKeyCheck>,
    host_key: String,
    channels: Arc<Semaphore>,
    opened: Instant,
    /// How Docker was reached last time on this session.
    pub(super) docker: Mutex<Option<super::engine::Way>>,
}

impl Session {
    /// Connects, compares the host key and logs in. Of handshakes there are never more than `handshakes` has permits.
    pub(super) async fn open(login: &Login, key: &ControllerKey, handshakes: &Semaphore) -> Result<Self> {
        let to = (login.address, login.port);
        let stream = match timeout(CONNECT_WITHIN, TcpStream::connect(to)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(unavailable(login.port, &error.to_string())),
            Err(_) => return Err(unavailable(login.port, &format!("no answer within {CONNECT_WITHIN:?}"))),
        };
        drop(stream.set_nodelay(true));
        let _permit =
            handshakes.acquire().await.map_err(|_| unavailable(login.port, "the controller is stopping"))?;
        match timeout(HANDSHAKE_WITHIN, Self::log_in(login, key, stream)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(unavailable(
                login.port,
                &format!("it accepts connections, but no SSH login was done within {HANDSHAKE_WITHIN:?}"),
            )),
        }
    }

    async fn log_in(login: &Login, key: &ControllerKey, stream: TcpStream) -> Result<Self> {
        let expected = login.host_key.as_deref().map(parse_host_key).transpose()?;
        let seen = Arc::new(Mutex::new(None));
        let check = HostKeyCheck { expected: expected.clone(), seen: Arc::clone(&seen) };
        let connected = client::connect_stream(Arc::new(config(expected.as_ref())), stream, check).await;
        let seen = seen.lock().take();
        let mut handle =
            connected.map_err(|error| refused(login, expected.as_ref(), seen.as_ref(), error))?;
        let host_key = seen
            .and_then(|key| plain(&key))
            .ok_or_else(|| unavailable(login.port, "it showed no host key"))?;
        let accepted = handle
            .authenticate_publickey(login.user.clone(), key.identity())
            .await
            .map_err(|error| refused(login, None, None, error))?;
        if !accepted.success() {
            return Err(Fault::new(
                Kind::Denied,
                format!(
                    "the server does not let the user {} log in with the controller's key: add the line that \
                     `trustkeep vcc publickey` prints to this user's ~/.ssh/authorized_keys there",
                    login.user
                ),
            ));
        }
        Ok(Self {
            handle,
            host_key,
            channels: Arc::new(Semaphore::new(CHANNELS_MAX)),
            opened: Instant::now(),
            docker: Mutex::new(None),
        })
    }

    /// The key that the machine proved to have.
    pub(super) fn host_key(&self) -> &str {
        &self.host_key
    }

    /// How long it is open.
    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// Whether it is the session of a machine with this host key, and nothing ended it yet.
    pub(super) fn serves(&self, login: &Login) -> bool {
        !self.handle.is_closed() && login.host_key.as_deref().is_none_or(|key| same_key(key, &self.host_key))
    }

    /// Asks the machine whether it is still there.
    pub(super) async fn is_answering(&self) -> bool {
        matches!(timeout(ANSWER_WITHIN, self.handle.send_ping()).await, Ok(Ok(())))
            && !self.handle.is_closed()
    }

    /// Runs a command. It is one of this program's own constants: a shell on the machine reads it.
    pub(super) async fn run(&self, command: &'static str) -> Result<(Pipe, Ending)> {
        let lost = |what: &str| Fault::new(Kind::Unavailable, format!("the SSH session was lost: {what}"));
        let permit = Arc::clone(&self.channels).acquire_owned().await.map_err(|_| lost("it is closed"))?;
        let opening = async {
            let channel = self.handle.channel_open_session().await?;
            channel.exec(true, command).await?;
            Ok::<_, russh::Error>(channel)
        };
        match timeout(ANSWER_WITHIN, opening).await {
            Ok(Ok(channel)) => Ok(Pipe::follow(channel, permit)),
            Ok(Err(error)) => Err(lost(&error.to_string())),
            Err(_) => Err(lost(&format!("no answer within {ANSWER_WITHIN:?}"))),
        }
    }

    /// Ends it in good order.
    pub(super) async fn close(&self) {
        drop(timeout(ANSWER_WITHIN, self.handle.disconnect(Disconnect::ByApplication, "", "")).await);
    }
}

/// A host key in the form in which it is remembered: kind and base64, without a comment.
fn plain(key: &PublicKey) -> Option<String> {
    let text = key.to_openssh().ok()?;
    let mut parts = text.split_ascii_whitespace();
    Some(format!("{} {}", parts.next()?, parts.next()?))
}

fn same_key(one: &str, other: &str) -> bool {
    one.split_ascii_whitespace().take(2).eq(other.split_ascii_whitespace().take(2))
}

fn parse_host_key(text: &str) -> Result<PublicKey> {
    PublicKey::from_openssh(text)
        .map_err(|error| Fault::new(Kind::Invalid, format!("the recorded host key cannot be read: {error}")))
}

/// Accepts the one host key that is expected, or notes the one that is shown.
struct HostKeyCheck {
    expected: Option<PublicKey>,
    seen: Arc<Mutex<Option<PublicKey>>>,
}

impl client::Handler for HostKeyCheck {
    type Error = russh::Error;

    async fn check_server_key(
        &mut self,
        shown: &PublicKeyOrCertificate,
    ) -> std::result::Result<bool, Self::Error> {
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        *self.seen.lock() = Some(key.clone());
        Ok(self.expected.as_ref().is_none_or(|expected| expected.key_data() == key.key_data()))
    }
}

fn config(expected: Option<&PublicKey>) -> client::Config {
    // The kind of key that is known comes first, so that a server with several shows that one.
    let known = expected.map(PublicKey::algorithm);
    let mut keys: Vec<Algorithm> = known.into_iter().filter(|kind| HOST_KEYS.contains(kind)).collect();
    for kind in HOST_KEYS {
        if !keys.contains(&kind) {
            keys.push(kind);
        }
    }
    client::Config {
        preferred: Preferred { key: Cow::Owned(keys), ..Preferred::default() },
        window_size: WINDOW_BYTES,
        keepalive_interval: Some(KEEP_ALIVE),
        ..client::Config::default()
    }
}

fn refused(
    login: &Login,
    expected: Option<&PublicKey>,
    seen: Option<&PublicKey>,
    error: russh::Error,
) -> Fault {
    match (expected, seen, error) {
        (Some(expected), Some(seen), _) if expected.key_data() != seen.key_data() => {
            host_key_changed(expected, &format!("{} {}", seen.algorithm(), seen.fingerprint(HashAlg::Sha256)))
        }
        (Some(expected), None, russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, theirs, .. }) => {
            host_key_changed(expected, &format!("only keys of the kinds {}", theirs.join(", ")))
        }
        (_, _, russh::Error::NoCommonAlgo { kind: AlgorithmKind::Key, theirs, .. }) => Fault::new(
            Kind::Invalid,
            format!(
                "its sshd has host keys of the kinds {} only; ssh-ed25519 or ecdsa is needed: run `ssh-keygen -A` there and \
                 restart sshd",
                theirs.join(", ")
            ),
        ),
        (_, _, error) => unavailable(login.port, &error.to_string()),
    }
}

fn host_key_changed(expected: &PublicKey, now: &str) -> Fault {
    Fault::new(
        Kind::HostKeyChanged,
        format!(
            "the server shows another SSH host key than when it was first used (then {} {}, now {now}). If it was installed \
             anew, delete this node and add it again; if not, somebody else may be answering at its address. Nothing was \
             sent to it",
            expected.algorithm(),
            expected.fingerprint(HashAlg::Sha256),
        ),
    )
}

fn unavailable(port: u16, what: &str) -> Fault {
    Fault::new(Kind::Unavailable, format!("SSH on port {port}: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    #[test]
    fn a_comment_makes_no_other_key() {
        assert!(same_key(KEY, &format!("{KEY} root@server")));
        assert!(!same_key(KEY, "ssh-ed25519 AAAA"));
        assert_eq!(plain(&parse_host_key(&format!("{KEY} root@server")).unwrap()).unwrap(), KEY);
    }

    #[test]
    fn the_known_kind_of_host_key_is_asked_for_first() {
        let ecdsa = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };
        assert_eq!(config(None).preferred.key.first(), Some(&Algorithm::Ed25519));
        let key = parse_host_key(
            "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBHwf2HMM5TRXvo2SQJjsNkiDD5KqiiNjrGVv3UUh+mMT5RHxiRtOnlqvjhQtBq0VpmpCV/PwUdhOig4vkbqAcEc=",
        )
        .unwrap();
        assert_eq!(config(Some(&key)).preferred.key.first(), Some(&ecdsa));
        assert_eq!(config(Some(&key)).preferred.key.len(), HOST_KEYS.len());
    }
}

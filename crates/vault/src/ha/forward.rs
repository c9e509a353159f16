//! A client's request on its way from a standby to the active node.
//!
//! It goes there once. Where it surely was not taken (no connection, or a node that says that it is not active and
//! did nothing) it may go again; where nobody knows, the client is told so, because a write must not happen twice.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri};
use tokio::time::{Instant, timeout_at};
use trustkeep_chassis::tls::NodeIdentity;

use super::address::host_and_port;
use super::not_active::NotActive;
use super::peers::Node;
use super::{Ha, Leader};
use crate::core::{Core, Standing};
use crate::{Error, Result};

/// Connections to one active node.
pub(crate) struct Line {
    http: reqwest::Client,
    /// `https://host:port`
    base: String,
}

impl Line {
    /// To the node at `cluster_addr`, showing its certificate and taking no other.
    pub(super) fn to(cluster_addr: &str, identity: &NodeIdentity) -> Result<Self> {
        let (host, port) = host_and_port(cluster_addr)?;
        let tls = identity.client_config().map_err(Error::internal)?;
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(CONNECT_MAX)
            .pool_idle_timeout(IDLE_MAX)
            .http2_keep_alive_interval(KEEP_ALIVE)
            .http2_keep_alive_timeout(KEEP_ALIVE)
            .build()
            .map_err(Error::internal)?;
        Ok(Line { http, base: format!("https://{host}:{port}") })
    }

    async fn send(&self, request: &Outgoing) -> Trip {
        let url = format!("{}{}", self.base, request.uri.path_and_query().map_or("/", |path| path.as_str()));
        let sending = self.http.request(request.method.clone(), url).headers(request.headers_to_send());
        let mut answer = match sending.body(request.body.clone()).send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() || error.is_builder() => {
                return Trip::NotTaken(innermost(&error));
            }
            Err(error) => return Trip::Unknown(innermost(&error)),
        };
        if NotActive::of(answer.headers()) == Some(NotActive::Untouched) {
            return Trip::NotTaken("it is not active".into());
        }
        let mut body = BytesMut::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_BYTES_MAX => {
                    body.extend_from_slice(&chunk)
                }
                Ok(Some(_)) => return Trip::Unknown("its answer is too large".into()),
                Ok(None) => break,
                Err(error) => return Trip::Unknown(innermost(&error)),
            }
        }
        let mut response = Response::new(body.freeze());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        drop_headers_of_connection(response.headers_mut());
        Trip::Answered(response)
    }
}

/// What became of one sending.
enum Trip {
    Answered(Response<Bytes>),
    NotTaken(String),
    Unknown(String),
}

/// A client's request, ready to be sent more than once.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) remote: Option<SocketAddr>,
}

impl Outgoing {
    fn headers_to_send(&self) -> HeaderMap {
        let mut headers = self.headers.clone();
        drop_headers_of_connection(&mut headers);
        headers.remove(HOST);
        headers.remove(FORWARDED_FOR);
        let remote = self.remote.and_then(|remote| HeaderValue::from_str(&remote.to_string()).ok());
        if let Some(remote) = remote {
            headers.insert(FORWARDED_FOR, remote);
        }
        headers
    }
}

/// What became of a request that came to a standby.
pub(crate) enum Forwarded {
    /// The active node answered.
    Answer(Response<Bytes>),
    /// The client is to ask there.
    Redirect(String),
    /// This node became active meanwhile: it is to answer.
    Here,
}

impl Ha {
    /// Sends a request to the active node, waiting a little where there is none at the moment.
    ///
    /// # Errors
    /// 500 or 503 where there is none, 502 where nobody knows whether the request was carried out.
    pub(crate) async fn forward(&self, core: &Core, request: &Outgoing) -> Result<Forwarded> {
        let wants_redirect = request.headers.contains_key("x-vault-no-request-forwarding")
            || super::is_of_one_node(request.uri.path().trim_start_matches("/v1/"));
        if wants_redirect {
            return self.redirect(request);
        }
        let _room = self.forwarding.acquire().await.map_err(Error::internal)?;
        let deadline = Instant::now() + LEADER_PATIENCE;
        let mut leaders = self.leader.subscribe();
        loop {
            match core.standing() {
                Standing::Active => return Ok(Forwarded::Here),
                Standing::Sealed => return Err(Error::Sealed),
                Standing::Standby => {}
            }
            let leader = leaders.borrow_and_update().clone();
            let Some(leader) = leader else {
                if self.is_leaving.load(Ordering::SeqCst) {
                    return Err(Error::Unavailable("this node is shutting down".into()));
                }
                if timeout_at(deadline, leaders.changed()).await.is_err() {
                    return Err(Error::Unable(NO_LEADER.into()));
                }
                continue;
            };
            let Some(line) = &leader.line else {
                // Itself, which is active or about to stand by; or a node that takes nothing from others.
                if leader.cluster_addr.is_empty() {
                    return self.redirect(request);
                }
                self.pause(&mut leaders, deadline).await?;
                continue;
            };
            let trip = tokio::select! {
                trip = line.send(request) => trip,
                () = gone(self.leader.subscribe(), &leader) => {
                    Trip::Unknown("another node became active meanwhile".into())
                }
            };
            match trip {
                Trip::Answered(response) => return Ok(Forwarded::Answer(response)),
                Trip::Unknown(reason) => return Err(unknown(&reason)),
                Trip::NotTaken(reason) => {
                    tracing::debug!(
                        reason,
                        address = leader.cluster_addr,
                        "the active node did not take a request"
                    );
                    if Instant::now() + PAUSE > deadline {
                        return self.redirect(request);
                    }
                    self.pause(&mut leaders, deadline).await?;
                }
            }
        }
    }

    /// Tells the active node that this one is there; in the background, since nothing depends on it.
    pub(super) fn speak_up(&self) {
        let Some(leader) = self.leader.borrow().clone() else { return };
        let Ok(body) = serde_json::to_vec(&Node::of(&self.settings, Some(String::new()))) else { return };
        tokio::spawn(async move {
            if let Some(line) = &leader.line {
                let request = Outgoing {
                    method: Method::POST,
                    uri: Uri::from_static(ECHO_PATH),
                    headers: HeaderMap::new(),
                    body: body.into(),
                    remote: None,
                };
                // It stands in no list until the next time, then.
                let _ = tokio::time::timeout(CONNECT_MAX, line.send(&request)).await;
            }
        });
    }

    /// Where the client finds the active node.
    fn redirect(&self, request: &Outgoing) -> Result<Forwarded> {
        let leader = self.leader.borrow().clone();
        let leader = leader.filter(|leader| !leader.api_addr.is_empty());
        let leader = leader.ok_or_else(|| Error::Unavailable("no active Vault instance found".into()))?;
        let path = request.uri.path_and_query().map_or("/", |path| path.as_str());
        Ok(Forwarded::Redirect(format!("{}{path}", leader.api_addr.trim_end_matches('/'))))
    }

    /// Until there is another leader, or a moment.
    async fn pause(
        &self,
        leaders: &mut tokio::sync::watch::Receiver<Option<Arc<Leader>>>,
        deadline: Instant,
    ) -> Result<()> {
        if Instant::now() > deadline {
            return Err(Error::Unable(NO_LEADER.into()));
        }
        // Over is over, whichever came first.
        let _ = timeout_at(deadline.min(Instant::now() + PAUSE), leaders.changed()).await;
        Ok(())
    }
}

/// Waits until another node than this is the leader.
async fn gone(mut leaders: tokio::sync::watch::Receiver<Option<Arc<Leader>>>, leader: &Leader) {
    let other = |now: &Option<Arc<Leader>>| now.as_ref().is_some_and(|now| now.id != leader.id);
    // The sender lives as long as this node's part.
    let _ = leaders.wait_for(other).await;
}

fn unknown(reason: &str) -> Error {
    Error::OutcomeUnknown(format!(
        "the active node did not answer ({reason}): the request may or may not have been carried out"
    ))
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// What concerns one connection only (RFC 9110 section 7.6.1).
fn drop_headers_of_connection(headers: &mut HeaderMap) {
    for name in [CONNECTION, TRANSFER_ENCODING, UPGRADE, TE, CONTENT_LENGTH] {
        headers.remove(name);
    }
    for name in ["keep-alive", "proxy-connection", "trailer"] {
        headers.remove(name);
    }
}

/// The client's address, on requests between nodes.
pub(crate) const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-trustkeep-forwarded-for");
/// Where standbys make themselves known.
pub(crate) const ECHO_PATH: &str = "/cluster/echo";
/// How long a request waits for a node to become active.
const LEADER_PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_millis(100);
const CONNECT_MAX: Duration = Duration::from_secs(2);
const IDLE_MAX: Duration = Duration::from_secs(60);
const KEEP_ALIVE: Duration = Duration::from_secs(5);
const ANSWER_BYTES_MAX: usize = 64 << 20;
const NO_LEADER: &str = "local node not active but active cluster node not found";

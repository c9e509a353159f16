//! Messages to other agents: over a session that the recipient has open here, else by HTTP or WebSocket to his endpoint.

use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::header::CONTENT_TYPE;
use reqwest::Url;
use trustkeep_wallet::queue::Queued;

use super::courier::{Courier, Outcome};
use super::sessions::Sessions;
use super::{dial, mime_type};
use crate::{Agent, Connection, Error, OUTBOUND, Outgoing, Work, peer};

/// How long a peer may take to take a connection.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);
/// Connections to one host that are kept, and for how long.
const IDLE_MAX: usize = 50;
const IDLE_TIME_MAX: Duration = Duration::from_secs(30);
/// Hosts that a message may be sent on to.
const REDIRECTS_MAX: usize = 3;
/// How often the note on a connection is written anew that others change meanwhile.
const ATTEMPTS_MAX: u32 = 10;

/// Brings messages to other agents.
#[derive(Debug)]
pub(super) struct Outbound {
    agent: Agent,
    sessions: Sessions,
    http: reqwest::Client,
    /// Speaks HTTP/1.1 alone, from which a WebSocket begins.
    upgrades: reqwest::Client,
}

impl Outbound {
    pub(super) fn new(agent: Agent, sessions: Sessions) -> Result<Self, Error> {
        let http = client(reqwest::Client::builder())?;
        let upgrades = client(reqwest::Client::builder().http1_only())?;
        Ok(Self { agent, sessions, http, upgrades })
    }
}

impl Courier for Outbound {
    fn queue(&self) -> &'static str {
        OUTBOUND
    }

    fn ways(&self) -> usize {
        1
    }

    fn deliver(&self, queued: &Queued, _way: usize) -> BoxFuture<'static, Outcome> {
        let outgoing: Outgoing = match serde_json::from_str(&queued.payload) {
            Ok(outgoing) => outgoing,
            Err(error) => return futures::future::ready(Outcome::Failed(error.to_string())).boxed(),
        };
        let (agent, sessions) = (self.agent.clone(), self.sessions.clone());
        let (http, upgrades) = (self.http.clone(), self.upgrades.clone());
        async move {
            if let Some(announced) = &outgoing.after {
                announced.wait(&agent).await;
            }
            if let Some(written) = sessions.offer(&outgoing)
                && written.await.is_ok()
            {
                metrics::counter!("agent_messages_sent_total", "transport" => "session").increment(1);
                return Outcome::Delivered;
            }
            let Ok(url) = outgoing.endpoint.parse::<Url>() else { return Outcome::Waits };
            let (transport, sent) = match url.scheme() {
                "http" | "https" => ("http", post(&agent, &http, url, outgoing.envelope).await),
                "ws" | "wss" => ("ws", dial::send(&agent, &upgrades, url, outgoing.envelope).await),
                _ => return Outcome::Waits,
            };
            match sent {
                Ok(()) => {
                    metrics::counter!("agent_messages_sent_total", "transport" => transport).increment(1);
                    Outcome::Delivered
                }
                Err(reason) => Outcome::Failed(reason),
            }
        }
        .boxed()
    }

    fn session_key(&self, queued: &Queued) -> Option<(String, bool)> {
        let outgoing: Outgoing = serde_json::from_str(&queued.payload).ok()?;
        let has_way = peer::has_way(&outgoing.endpoint);
        (!outgoing.is_wrapped || !has_way).then_some((outgoing.recipient, !has_way))
    }

    fn queued_at(&self, queued: &Queued) -> Option<i64> {
        serde_json::from_str::<Outgoing>(&queued.payload).ok().map(|outgoing| outgoing.queued_at)
    }

    fn set_aside(&self, key: &str) {
        self.sessions.told(key);
        self.agent.wakes().say(key);
    }

    fn give_up(&self, queued: &Queued, reason: &str) -> BoxFuture<'static, ()> {
        let outgoing = serde_json::from_str::<Outgoing>(&queued.payload).ok();
        let (agent, reason) = (self.agent.clone(), reason.to_owned());
        async move {
            metrics::counter!("agent_messages_given_up_total").increment(1);
            let connection = outgoing.and_then(|outgoing| outgoing.connection_id);
            tracing::warn!(connection, reason, "a message could not be delivered in time and is given up");
            if let Some(connection) = connection
                && let Err(error) = note(&agent, &connection, &reason).await
            {
                tracing::warn!(connection, %error, "that a message is given up could not be noted");
            }
        }
        .boxed()
    }
}

/// Notes on a connection that a message over it is given up.
async fn note(agent: &Agent, connection: &str, reason: &str) -> Result<(), Error> {
    for _ in 0..ATTEMPTS_MAX {
        let mut work = Work::new(agent);
        let mut connection = match Connection::get(&mut work, connection).await {
            Err(Error::NotFound(_)) => return Ok(()),
            found => found?,
        };
        connection.error_msg = Some(format!("a message could not be delivered: {reason}"));
        connection.save(&mut work);
        match work.commit().await {
            Err(Error::Wallet(error)) if error.is_conflict() => {}
            outcome => return outcome,
        }
    }
    Ok(())
}

async fn post(agent: &Agent, http: &reqwest::Client, url: Url, envelope: String) -> Result<(), String> {
    let request = http.post(url).header(CONTENT_TYPE, mime_type(agent.settings())).body(envelope);
    let response = request.send().await.map_err(|error| words(&error))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("Unexpected response status {}", status.as_u16()));
    }
    let length_max = agent.settings().transport.message_bytes_max;
    // The body has to be read for the connection to be used again; one that says how long it is, and is empty, has been.
    if response.content_length() == Some(0) {
        return Ok(());
    }
    let body = match read(response, length_max).await {
        Ok(body) if !body.is_empty() => body,
        // The message was taken, whatever came afterwards.
        _ => return Ok(()),
    };
    // We may have asked for an answer the same way.
    if let Err(error) = agent.receive(&body).await {
        tracing::debug!(%error, "an answer that is no message for us");
    }
    Ok(())
}

async fn read(mut response: reqwest::Response, length_max: usize) -> Result<Bytes, ()> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(drop)? {
        if body.len() + chunk.len() > length_max {
            return Err(());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.into())
}

/// A client that reuses connections and is sent on only where the same message arrives in the same manner.
pub(super) fn client(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, Error> {
    trustkeep_chassis::tls::install_provider();
    let redirects = reqwest::redirect::Policy::custom(|attempt| {
        let is_kept = matches!(attempt.status().as_u16(), 307 | 308);
        let scheme = attempt.previous().last().map(Url::scheme);
        if is_kept && scheme == Some(attempt.url().scheme()) && attempt.previous().len() <= REDIRECTS_MAX {
            attempt.follow()
        } else {
            attempt.stop()
        }
    });
    builder
        .connect_timeout(CONNECT_TIME_MAX)
        .pool_max_idle_per_host(IDLE_MAX)
        .pool_idle_timeout(IDLE_TIME_MAX)
        .tcp_nodelay(true)
        .redirect(redirects)
        .build()
        .map_err(|error| Error::Internal(format!("no HTTP client: {error}")))
}

/// What went wrong, without the address: who reads it knows that, and it may hold secrets.
pub(super) fn words(error: &reqwest::Error) -> String {
    let mut words = if error.is_timeout() {
        "no answer in time"
    } else if error.is_connect() {
        "cannot connect"
    } else {
        "the connection broke"
    }
    .to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        cause = error.source();
        if cause.is_none() {
            words = format!("{words}: {error}");
        }
    }
    words
}

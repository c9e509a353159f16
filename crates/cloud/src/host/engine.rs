//! Docker's API on a machine: HTTP over the input and output of `docker system dial-stdio`.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_TYPE, HOST, UPGRADE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::pipe::Ending;
use super::refusal;
use super::session::Session;
use crate::fault::{Fault, Kind, Result};

/// How Docker is asked for, best first. Constants, because a shell on the machine reads them.
const COMMANDS: [&str; 2] = ["docker system dial-stdio", "sudo -n docker system dial-stdio"];
/// How long a call may take that does not say otherwise.
pub(super) const CALL_WITHIN: Duration = Duration::from_secs(30);
/// Silence after which a stream of data in either direction counts as stuck.
pub(super) const STALLED_AFTER: Duration = Duration::from_secs(60);
/// Bytes of an answer that is not a stream.
const ANSWER_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The oldest Docker that is supported, and its API. Newer ones still speak it, or say which is the oldest that they do.
const VERSION_MIN: (u32, u32) = (20, 10);
const API: (u32, u32) = (1, 41);

/// What a request carries.
pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// How a machine's Docker is reached and which version of its API it is spoken to in.
#[derive(Clone, Debug)]
pub(super) struct Way {
    command: &'static str,
    api: String,
}

/// One connection to a Docker.
pub(super) struct Engine {
    requests: SendRequest<Body>,
    api: String,
    ending: Ending,
    _connection: AbortOnDropHandle<()>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Versions {
    version: String,
    api_version: String,
    #[serde(default, rename = "MinAPIVersion")]
    min_api_version: Option<String>,
}

impl Engine {
    /// Connects, as the user or else as root, and checks the version.
    pub(super) async fn open(session: &Session) -> Result<Self> {
        let known = session.docker.lock().clone();
        if let Some(way) = known {
            return Self::connect(session, way.command, way.api).await;
        }
        let mut first = None;
        for command in COMMANDS {
            let mut engine = Self::connect(session, command, String::new()).await?;
            let fault = match engine.call::<Versions>(Method::GET, "/version", None, CALL_WITHIN).await {
                Ok(versions) => {
                    engine.api = api_of(&versions)?;
                    *session.docker.lock() = Some(Way { command, api: engine.api.clone() });
                    return Ok(engine);
                }
                Err(fault) => fault,
            };
            if fault.kind != Kind::Denied {
                return Err(fault);
            }
            first.get_or_insert(fault);
        }
        Err(first.unwrap_or_else(|| Fault::new(Kind::Denied, "Docker cannot be used")))
    }

    async fn connect(session: &Session, command: &'static str, api: String) -> Result<Self> {
        let (pipe, ending) = session.run(command).await?;
        let (requests, connection) = http1::handshake(TokioIo::new(pipe))
            .await
            .map_err(|error| Fault::new(Kind::Unavailable, format!("Docker: {error}")))?;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            drop(connection.with_upgrades().await);
        }));
        Ok(Self { requests, api, ending, _connection: connection })
    }

    /// A call with a JSON answer.
    pub(super) async fn call<T: serde::de::DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        within: Duration,
    ) -> Result<T> {
        let answer = self.bytes(method, path, body, within).await?;
        serde_json::from_slice(&answer).map_err(|error| {
            Fault::new(Kind::Unavailable, format!("Docker's answer is not understood: {error}"))
        })
    }

    /// Makes something that has an id, and gives it.
    pub(super) async fn create(&mut self, path: &str, wanted: Bytes) -> Result<String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Created {
            id: String,
        }
        Ok(self.call::<Created>(Method::POST, path, Some(wanted), CALL_WITHIN).await?.id)
    }

    /// A call whose answer says nothing.
    pub(super) async fn tell(&mut self, method: Method, path: &str, within: Duration) -> Result<()> {
        self.bytes(method, path, None, within).await.map(drop)
    }

    /// A call that may find nothing.
    pub(super) async fn find<T: serde::de::DeserializeOwned>(&mut self, path: &str) -> Result<Option<T>> {
        match self.call(Method::GET, path, None, CALL_WITHIN).await {
            Ok(found) => Ok(Some(found)),
            Err(fault) if refusal::is_missing(&fault) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    async fn bytes(
        &mut self,
        method: Method,
        path: &str,
        body: Option<Bytes>,
        within: Duration,
    ) -> Result<Bytes> {
        let asking = async {
            let response = self.send(method, path, json_body(body), false).await?;
            whole(response).await
        };
        match timeout(within, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(Fault::new(Kind::Unavailable, format!("Docker did not answer within {within:?}"))),
        }
    }

    /// A call whose answer is a stream. The time is the caller's to watch.
    pub(super) async fn stream(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
    ) -> Result<Response<Incoming>> {
        self.send(method, path, body, false).await
    }

    /// A call that turns the connection into the input and output of a process.
    pub(super) async fn upgrade(mut self, path: &str, body: Bytes) -> Result<(Upgraded, Self)> {
        let upgrading = async {
            let response = self.send(Method::POST, path, json_body(Some(body)), true).await?;
            hyper::upgrade::on(response)
                .await
                .map_err(|error| Fault::new(Kind::Unavailable, format!("Docker: {error}")))
        };
        match timeout(CALL_WITHIN, upgrading).await {
            Ok(Ok(upgraded)) => Ok((upgraded, self)),
            Ok(Err(fault)) => Err(fault),
            Err(_) => {
                Err(Fault::new(Kind::Unavailable, format!("Docker did not answer within {CALL_WITHIN:?}")))
            }
        }
    }

    async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Body,
        upgrades: bool,
    ) -> Result<Response<Incoming>> {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = format!("{}{path}", self.api)
            .parse()
            .map_err(|error| Fault::new(Kind::Invalid, format!("{path:?} cannot be asked for: {error}")))?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("docker"));
        let kind = if path.starts_with("/images/load") { "application/x-tar" } else { "application/json" };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if upgrades {
            headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(UPGRADE, HeaderValue::from_static("tcp"));
        }
        let sent = match self.requests.ready().await {
            Ok(()) => self.requests.send_request(request).await,
            Err(error) => Err(error),
        };
        let response = match sent {
            Ok(response) => response,
            Err(error) => {
                let words = self.ending.words().await;
                return Err(if words.is_empty() {
                    Fault::new(Kind::Unavailable, format!("Docker: {error}"))
                } else {
                    refusal::of_command(&words)
                });
            }
        };
        let status = response.status();
        if status.is_client_error() || status.is_server_error() {
            return Err(match timeout(CALL_WITHIN, whole(response)).await {
                Ok(Ok(answer)) => refusal::of_docker(status, &message(status, &answer)),
                Ok(Err(fault)) => fault,
                Err(_) => refusal::of_docker(status, status.as_str()),
            });
        }
        Ok(response)
    }
}

/// A body of JSON.
pub(super) fn json_body(body: Option<Bytes>) -> Body {
    let body = body.unwrap_or_default();
    Full::new(body).map_err(|never: Infallible| match never {}).boxed_unsync()
}

/// Escapes what goes into a path or a query, but not the slashes of an image's name.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

async fn whole(response: Response<Incoming>) -> Result<Bytes> {
    let mut body = response.into_body();
    let mut answer = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Fault::new(Kind::Unavailable, format!("Docker: {error}")))?;
        if let Some(data) = frame.data_ref() {
            if answer.len() + data.len() > ANSWER_BYTES_MAX {
                return Err(Fault::new(Kind::Unavailable, "Docker's answer is too long"));
            }
            answer.extend_from_slice(data);
        }
    }
    Ok(answer.freeze())
}

fn message(status: StatusCode, answer: &[u8]) -> String {
    serde_json::from_slice::<Value>(answer)
        .ok()
        .and_then(|value| value.get("message").and_then(Value::as_str).map(str::to_owned))
        .unwrap_or_else(|| format!("{status} {}", String::from_utf8_lossy(answer)))
}

fn api_of(versions: &Versions) -> Result<String> {
    if number(&versions.version).is_none_or(|version| version < VERSION_MIN) {
        return Err(Fault::new(
            Kind::Invalid,
            format!(
                "Docker {} is too old; {}.{} or newer is needed",
                versions.version, VERSION_MIN.0, VERSION_MIN.1
            ),
        ));
    }
    let newest = number(&versions.api_version).unwrap_or(API);
    let oldest = versions.min_api_version.as_deref().and_then(number).unwrap_or(API);
    let api = API.max(oldest).min(newest);
    Ok(format!("/v{}.{}", api.0, api.1))
}

fn number(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split(['.', '-', '+']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn versions(version: &str, api: &str, oldest: Option<&str>) -> Versions {
        Versions { version: version.into(), api_version: api.into(), min_api_version: oldest.map(Into::into) }
    }

    #[test]
    fn an_api_is_chosen_that_both_know() {
        assert_eq!(api_of(&versions("20.10.24+dfsg1", "1.41", Some("1.12"))).unwrap(), "/v1.41");
        assert_eq!(api_of(&versions("29.0.1", "1.52", Some("1.44"))).unwrap(), "/v1.44");
        assert_eq!(api_of(&versions("28.2.2", "1.50", None)).unwrap(), "/v1.41");
    }

    #[test]
    fn an_old_docker_is_refused_with_its_version() {
        let fault = api_of(&versions("19.03.15", "1.40", None)).unwrap_err();
        assert_eq!(fault.kind, Kind::Invalid);
        assert!(fault.text.contains("19.03.15") && fault.text.contains("20.10"), "{fault}");
    }

    #[test]
    fn what_goes_into_a_path_stays_one_segment_of_it() {
        assert_eq!(escaped("vcp/base:2.1@sha256:ab"), "vcp/base:2.1@sha256:ab");
        assert_eq!(escaped("a?b=c&d#e f"), "a%3Fb%3Dc%26d%23e%20f");
    }
}

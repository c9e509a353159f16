//! The few calls of Docker's API that the controller makes, answered by a simulated server.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::server::Server;

/// The base container of a server.
pub(crate) struct Container {
    id: String,
    name: String,
    labels: Value,
    image: Value,
    env: Value,
    started_at: Option<jiff::Timestamp>,
}

impl Container {
    pub(crate) fn is_running(&self) -> bool {
        self.started_at.is_some()
    }

    fn state(&self) -> &'static str {
        if self.is_running() { "running" } else { "exited" }
    }

    /// As `GET /containers/json` lists it.
    fn listed(&self) -> Value {
        json!({ "Id": self.id, "Names": [format!("/{}", self.name)], "Labels": self.labels, "State": self.state() })
    }

    /// As `GET /containers/{id}/json` gives it.
    fn inspected(&self) -> Value {
        let started_at = self.started_at.map_or("0001-01-01T00:00:00Z".to_owned(), |at| at.to_string());
        json!({
            "Id": self.id,
            "Name": format!("/{}", self.name),
            "Image": self.image,
            "Config": { "Image": self.image, "Env": self.env, "Labels": self.labels },
            "State": {
                "Status": self.state(),
                "Running": self.is_running(),
                "Paused": false,
                "OOMKilled": false,
                "ExitCode": 0,
                "Error": "",
                "StartedAt": started_at,
            },
        })
    }
}

/// Answers on the channel of a `docker system dial-stdio` until the other side closes it.
pub(crate) async fn serve<S>(server: Arc<Server>, delay: Duration, stream: S)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let server = server.clone();
        async move { Ok::<_, Infallible>(answer(&server, delay, request).await) }
    });
    // A channel that breaks is the controller's to notice.
    drop(http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(server: &Server, delay: Duration, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    // `/v1.41/containers/json`: every version is spoken.
    let path = match path.strip_prefix("/v").and_then(|rest| rest.find('/').and_then(|at| rest.get(at..))) {
        Some(rest) if path.as_bytes().get(2).is_some_and(u8::is_ascii_digit) => rest,
        _ => path,
    };
    let words: Vec<&str> = path.trim_matches('/').split('/').collect();
    let outcome = match (&head.method, words.as_slice()) {
        (&Method::GET, ["_ping"]) => Ok((StatusCode::OK, json!("OK"))),
        (&Method::GET, ["version"]) => Ok((
            StatusCode::OK,
            json!({ "Version": "28.0.0", "ApiVersion": "1.48", "MinAPIVersion": "1.24" }),
        )),
        (&Method::GET, ["info"]) => Ok((StatusCode::OK, json!({ "DockerRootDir": "/var/lib/docker" }))),
        (&Method::GET, ["images", .., "json"]) => {
            Ok((StatusCode::OK, json!({ "Id": "sha256:0", "Config": {} })))
        }
        (&Method::GET, ["containers", "json"]) => {
            let listed: Vec<Value> = server.container().iter().map(Container::listed).collect();
            Ok((StatusCode::OK, json!(listed)))
        }
        (&Method::POST, ["containers", "create"]) => match body.collect().await {
            Ok(body) => create(server, head.uri.query().unwrap_or_default(), &body.to_bytes()),
            Err(_) => Err(StatusCode::BAD_REQUEST),
        },
        (&Method::GET, ["containers", id, "json"]) => {
            with(server, id, |container| (StatusCode::OK, container.inspected()))
        }
        (&Method::POST, ["containers", id, "start"]) => {
            // What an engine needs for a base container: nothing of this machine's is used meanwhile.
            tokio::time::sleep(delay).await;
            with(server, id, |container| {
                container.started_at = Some(now());
                (StatusCode::NO_CONTENT, Value::Null)
            })
        }
        (&Method::POST, ["containers", id, "stop"]) => with(server, id, |container| {
            container.started_at = None;
            (StatusCode::NO_CONTENT, Value::Null)
        }),
        (&Method::DELETE, ["containers", id]) => {
            let gone = with(server, id, |_| (StatusCode::NO_CONTENT, Value::Null));
            if gone.is_ok() {
                *server.container() = None;
            }
            gone
        }
        _ => Err(StatusCode::NOT_FOUND),
    };
    let (status, value) = outcome
        .unwrap_or_else(|status| (status, json!({ "message": format!("simulated: {path}: {status}") })));
    let body = if value.is_null() { Bytes::new() } else { Bytes::from(value.to_string()) };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
}

type Outcome = Result<(StatusCode, Value), StatusCode>;

fn create(server: &Server, query: &str, body: &[u8]) -> Outcome {
    let mut container = server.container();
    if container.is_some() {
        return Err(StatusCode::CONFLICT);
    }
    let body: Value = serde_json::from_slice(body).map_err(|_| StatusCode::BAD_REQUEST)?;
    let member = |name: &str| body.get(name).cloned().unwrap_or_default();
    let id = format!("{:0>64}", server.address().to_string().replace('.', ""));
    let name = query.split('&').find_map(|pair| pair.strip_prefix("name=")).unwrap_or_default().to_owned();
    let (labels, image, env) = (member("Labels"), member("Image"), member("Env"));
    *container = Some(Container { id: id.clone(), name, labels, image, env, started_at: None });
    Ok((StatusCode::CREATED, json!({ "Id": id, "Warnings": [] })))
}

fn with(server: &Server, id: &str, act: impl FnOnce(&mut Container) -> (StatusCode, Value)) -> Outcome {
    match &mut *server.container() {
        Some(container) if container.id == id || container.name == id => Ok(act(container)),
        _ => Err(StatusCode::NOT_FOUND),
    }
}

#[expect(clippy::disallowed_methods, reason = "a container's start is a date, and nothing here is replayed")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::try_from(std::time::SystemTime::now()).unwrap_or_default()
}

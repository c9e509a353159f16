//! Vault's wire rules: paths, verbs, bodies, envelopes, errors
//! (`hashicorp/vault: http/handler.go`, `http/logical.go`).

mod answer;
mod cluster;
mod cors;
mod forwarded;
mod json;
mod parse;

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Response};
use http_body_util::Full;
use trustkeep_chassis::http::{Body, BodyError, Incoming, Refusal, collect};

use crate::core::{Core, Unsealed};
use crate::engines::system;
use crate::ha::NotActive;
use crate::request::{Operation, Request};
use crate::settings::{ForwardedFor, ResponseHeaders};
use crate::{Error, Result};

pub use answer::VaultResponse;

/// What one listener allows.
#[derive(Clone, Debug)]
pub struct EdgeSettings {
    /// Bytes of a body; more is answered with 413.
    pub request_bytes_max: usize,
    /// Whether `sys/metrics` asks for no token.
    pub unauthenticated_metrics: bool,
    /// Whether the holders of keys may come here to initialise, to unseal, to rekey or for a root token. Their requests carry no
    /// token, so that a port for users alone has none of it: 403.
    pub key_holders: bool,
    /// Headers of some or all answers.
    pub headers: Vec<ResponseHeaders>,
    /// Whose word on a request's origin is taken; `None`: nobody's.
    pub forwarded_for: Option<ForwardedFor>,
}

impl Default for EdgeSettings {
    fn default() -> Self {
        EdgeSettings {
            request_bytes_max: 32 << 20,
            unauthenticated_metrics: false,
            key_holders: true,
            headers: Vec::new(),
            forwarded_for: None,
        }
    }
}

/// The HTTP edge of a vault: one a listener, cheap to clone.
#[derive(Clone)]
pub struct Edge {
    core: Arc<Core>,
    settings: Arc<EdgeSettings>,
    /// Whether other nodes, and not clients, send what comes.
    is_between_nodes: bool,
}

impl Edge {
    /// An edge in front of `core`.
    pub fn new(core: Arc<Core>, settings: EdgeSettings) -> Self {
        Edge { core, settings: Arc::new(settings), is_between_nodes: false }
    }

    /// The same for the port that other nodes of the group connect to, and nobody else can.
    pub fn between_nodes(self) -> Self {
        Edge { is_between_nodes: true, ..self }
    }

    /// Answers one HTTP request.
    pub async fn answer(&self, request: http::Request<Incoming>) -> Response<VaultResponse> {
        if !self.is_between_nodes
            && let Some(mut answer) = parse::outside_api(&request, self.core.settings().ui)
        {
            if answer.status() == http::StatusCode::OK {
                answer.headers_mut().extend(self.core.ui_headers().iter().cloned());
            }
            return answer;
        }
        let cors_headers = match cors::judge(self.core.cors().as_deref(), request.method(), request.headers())
        {
            cors::Verdict::Answer(answer) => return answer,
            cors::Verdict::Pass(headers) => headers,
        };
        if self.settings.unauthenticated_metrics && request.uri().path() == "/v1/sys/metrics" {
            return answer::metrics(&self.core, &request);
        }
        let is_head = request.method() == http::Method::HEAD;
        let namespace = request.headers().get("x-vault-namespace").cloned();
        let (mut parts, body) = request.into_parts();
        let origin =
            if self.is_between_nodes { Ok(()) } else { forwarded::settle(&self.settings, &mut parts) };
        let mut response = match (origin, self.core.ha()) {
            (Err(error), _) => answer::error(&error),
            (Ok(()), None) => self.answer_here(None, &parts, body).await,
            (Ok(()), Some(ha)) if self.is_between_nodes => Box::pin(self.answer_node(ha, parts, body)).await,
            (Ok(()), Some(ha)) => Box::pin(self.answer_among(ha, parts, body)).await,
        };
        if !self.is_between_nodes {
            NotActive::hide(response.headers_mut());
        }
        if let Some(namespace) = namespace {
            response.headers_mut().insert("x-vault-namespace", namespace);
        }
        response.headers_mut().extend(cors_headers);
        answer::add_headers(&mut response, &self.settings.headers);
        if is_head {
            *response.body_mut() = Full::new(Bytes::new());
        }
        response
    }

    /// Answers a request in this process: within a term, where there is one. What is not done at its end, for example
    /// because the store is silent, is given up.
    async fn answer_here<B>(&self, term: Option<&Unsealed>, parts: &Parts, body: B) -> Response<VaultResponse>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut limits = HeaderMap::new();
        let parsed = within(term, pin!(self.parse(parts, body, &mut limits)), Error::Standby).await;
        let mut response = match parsed {
            Ok(request) => {
                let (all, method) = (self.core.in_flight(), parts.method.as_str());
                let _underway =
                    all.enter(&request.id, self.core.now(), request.remote, method, &request.path);
                let is_login = request.path.starts_with("auth/") && request.path.contains("/login");
                let (id, legacy) = (request.id.clone(), answer::repeats_data_at_top(&request.path));
                let began = Instant::now();
                let answered = within(term, pin!(self.handle(request)), Error::Deposed).await;
                let response = match answered {
                    Ok(response) => answer::success(&id, response, legacy),
                    Err(error) => answer::error(&error),
                };
                self.core.telemetry().request(is_login, began.elapsed());
                response
            }
            Err(error) => answer::error(&error),
        };
        response.headers_mut().extend(limits);
        response
    }

    /// Reads a request whose origin may make one more. `limits` are the headers that tell how many.
    async fn parse<B>(&self, parts: &Parts, body: B, limits: &mut HeaderMap) -> Result<Request>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut parsed = parse::head(parts)?;
        parsed.remote = self.remote(parts);
        if !self.settings.key_holders && is_of_key_holders(&parsed) {
            return Err(Error::PermissionDenied);
        }
        self.core.count_for_quotas(&parsed, limits).await?;
        if parse::takes_body(parsed.operation) {
            let body = collect(body, self.settings.request_bytes_max).await.map_err(refused_body)?;
            parse::body(&mut parsed, &parts.headers, body)?;
        }
        Ok(parsed)
    }

    async fn handle(&self, request: Request) -> Result<Option<crate::response::Response>> {
        match request.operation {
            Operation::Read | Operation::List | Operation::Help => self.core.handle(request).await,
            // A change is carried out to its end even if the client goes away in the middle of it.
            _ => {
                // A node that steps down waits until the answer is here, not only until it is made there.
                let _visit = self.core.enter();
                let core = self.core.clone();
                let task = tokio::spawn(async move { core.handle(request).await });
                task.await.unwrap_or_else(|_| Err(Error::internal("the request's handler ended early")))
            }
        }
    }
}

/// Whether only the holders of keys have a use for it.
fn is_of_key_holders(request: &Request) -> bool {
    let is_first = matches!(request.path.as_str(), "sys/init" | "sys/unseal") && request.operation.is_write();
    is_first || system::is_ceremony(request)
}

/// What is done in a term, or `too_late` at the term's end.
async fn within<T>(
    term: Option<&Unsealed>,
    doing: Pin<&mut impl Future<Output = Result<T>>>,
    too_late: Error,
) -> Result<T> {
    let Some(term) = term else { return doing.await };
    tokio::select! {
        biased;
        done = doing => done,
        () = term.over() => Err(too_late),
    }
}

/// Reads a request and its body without answering it.
///
/// # Errors
/// What the edge would refuse.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) fn read(parts: &Parts, whole: Bytes) -> Result<Request> {
    let mut request = parse::head(parts)?;
    if parse::takes_body(request.operation) {
        parse::body(&mut request, &parts.headers, whole)?;
    }
    Ok(request)
}

/// How the listener itself refuses, in Vault's shape.
pub fn refusal(refusal: Refusal) -> Response<Bytes> {
    let body = serde_json::json!({ "errors": [refusal.message()] }).to_string();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = refusal.status();
    answer::common_headers(response.headers_mut());
    response
}

fn refused_body(error: BodyError) -> Error {
    match error {
        BodyError::TooLarge { .. } => Error::TooLarge("http: request body too large".into()),
        _ => Error::invalid("the request's body could not be read"),
    }
}

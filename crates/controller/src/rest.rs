//! The REST API `/vcp/v1/occtr`, as the SDK speaks it (`vcplib.occtr`): routes, statuses and fields to the letter.
//!
//! Every route but the health check asks for a token first; what the token may do is checked before what it asks for is looked at.

mod call;
mod reading;
mod route;
#[cfg(test)]
mod tests;
mod view;
mod writing;

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ALLOW, CONNECTION, CONTENT_TYPE};
use http::request::Parts as Head;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body_util::Full;
use serde::Serialize;
use serde_json::{Map, Value, json};
use trustkeep_chassis::http::{
    Body, BodyError, Incoming, Listener, Refusal as ListenerRefusal, RequestContext, collect, service_fn,
};
use trustkeep_chassis::shutdown::Shutdown;

use self::call::Call;
use self::route::{Found, Route};
use crate::cci::excerpt;
use crate::metrics::{self, OperationOutcome};
use crate::refusal::{Refusal, RefusalKind};
use crate::service::{Asker, Controller};

/// The largest body of a request, in bytes: a unit's document of 1 MiB in base64, and what is around it.
pub const BODY_BYTES_MAX: usize = 2 << 20;
/// Where the API stands.
pub const BASE: &str = "/vcp/v1/occtr";

/// The API of a controller. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rest(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    controller: Controller,
    version: Version,
}

/// What `GET /version` says.
#[derive(Clone, Debug)]
pub struct Version {
    /// The level of the original that this stands for: `25.10.0+20251001`. Templates take it apart at `+` and `.`.
    pub level: String,
    /// Our own version.
    pub tag: String,
}

type Answer = Response<Full<Bytes>>;

/// A request that its caller may make, but for what it is about.
struct Admitted<'a> {
    route: &'static Route,
    words: Vec<&'a str>,
    asker: Asker,
    token: &'a str,
}

impl Rest {
    /// The API of this controller.
    pub fn new(controller: Controller, version: Version) -> Self {
        Self(Arc::new(Inner { controller, version }))
    }

    /// Answers what comes to a listener, until the shutdown. A task for the supervisor.
    ///
    /// # Errors
    /// Never; the signature is that of a supervised task.
    pub async fn serve(self, listener: Listener, shutdown: Shutdown) -> Result<(), Infallible> {
        let service = service_fn(move |request: Request<Incoming>| {
            let rest = self.clone();
            async move { Ok::<_, Infallible>(rest.answer(request).await) }
        });
        listener.serve(service, shutdown).await
    }

    /// A node as `GET /vcs/{vcid}/{unit}/{node}` gives it, for the operator, to whom every node may be shown.
    ///
    /// # Errors
    /// There is no such node.
    pub fn node(controller: &Controller, vcid: &str, unit: &str, node: &str) -> Result<Value, Refusal> {
        let (unit, node) = controller.any_node(vcid, unit, node)?;
        let shown = serde_json::to_value(view::node(controller, &unit, &node));
        shown.map_err(|error| Refusal::new(RefusalKind::Unavailable, format!("the node: {error}")))
    }

    /// Answers one request.
    pub async fn answer<B>(&self, request: Request<B>) -> Answer
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let (head, body) = request.into_parts();
        let found = route::find(&head.method, head.uri.path());
        if found.as_ref().is_some_and(|found| found.route.is_open) {
            return answer(StatusCode::OK, Bytes::from_static(b"{}"));
        }
        let operation = found.as_ref().and_then(Found::operation);
        let (outcome, is_unread) = match self.admit(&head, found).await {
            Ok(admitted) => (self.carry_out(admitted, body).await, false),
            Err(refusal) => (Err(refusal), !body.is_end_stream()),
        };
        if let Some(operation) = operation {
            metrics::operation(operation, ended(&outcome));
        }
        let mut response = outcome.unwrap_or_else(|refusal| self.refuse(&head, &refusal));
        // What is not read of a body cannot be told from the next request.
        if is_unread {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    /// Whether the caller may ask for this at all; nothing of the body is read for it.
    async fn admit<'a>(&self, head: &'a Head, found: Option<Found<'a>>) -> Result<Admitted<'a>, Refusal> {
        let token = token(&head.headers)?;
        let caller = self.0.controller.parts().secrets.who(token).await?;
        let asker = Asker { caller, privileged: is_privileged(&head.headers) };
        asker.check()?;
        let Some(Found { route, words }) = found else {
            let (path, methods) = (excerpt(head.uri.path()), route::methods(head.uri.path()));
            return Err(if methods.is_empty() {
                Refusal::missing(format!("{path}: there is no such path"))
            } else {
                let method = excerpt(head.method.as_str());
                let text = format!("{path}: the method {method} is not allowed; {methods} are");
                Refusal::new(RefusalKind::Method, text)
            });
        };
        if route.is_change() {
            asker.check_write()?;
        }
        Ok(Admitted { route, words, asker, token })
    }

    async fn carry_out<B>(&self, admitted: Admitted<'_>, body: B) -> Result<Answer, Refusal>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let Admitted { route, words, asker, token } = admitted;
        let body = read(body).await?;
        let body = if body.is_empty() { Map::new() } else { object(&body)? };
        let version = &self.0.version;
        let call = Call { controller: &self.0.controller, version, asker, token, words, body };
        let json = (route.handler)(&call).await?;
        Ok(answer(route.status, json))
    }

    /// `{"message": "<date>: <exception>: <id>:<text>"}`, as the original words it.
    fn refuse(&self, head: &Head, refusal: &Refusal) -> Answer {
        let id = head.extensions.get::<RequestContext>().map(|context| context.id().to_string());
        let now = self.0.controller.parts().clock.now().strftime("%Y/%m/%d %H:%M:%S UTC").to_string();
        let (id, exception) = (id.unwrap_or_default(), refusal.kind.exception());
        let message = format!("{now}: {exception}: {id}:{}", refusal.text);
        let status = StatusCode::from_u16(refusal.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = answer(status, Bytes::from(json!({ "message": message }).to_string()));
        if refusal.kind == RefusalKind::TooLarge {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if refusal.kind == RefusalKind::Method
            && let Ok(methods) = HeaderValue::from_str(&route::methods(head.uri.path()))
        {
            response.headers_mut().insert(ALLOW, methods);
        }
        response
    }
}

/// How the listener itself refuses.
pub fn refusal(refused: ListenerRefusal) -> Response<Bytes> {
    let body = json!({ "message": refused.message() }).to_string();
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = refused.status();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn ended(outcome: &Result<Answer, Refusal>) -> OperationOutcome {
    match outcome {
        Ok(_) => OperationOutcome::Accepted,
        Err(refusal) if refusal.kind == RefusalKind::Unavailable => OperationOutcome::Failed,
        Err(_) => OperationOutcome::Refused,
    }
}

/// An answer's JSON.
fn written(value: &impl Serialize) -> Result<Bytes, Refusal> {
    let bytes = serde_json::to_vec(value).map(Bytes::from);
    bytes.map_err(|error| Refusal::new(RefusalKind::Unavailable, format!("the answer: {error}")))
}

fn answer(status: StatusCode, json: Bytes) -> Answer {
    let mut response = Response::new(Full::new(json));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// The SDK's header, or, for Prometheus, a bearer token.
fn token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let own = headers.get("x-vcc-access-token").and_then(|value| value.to_str().ok());
    let bearer = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = own.or_else(|| bearer.and_then(|value| value.strip_prefix("Bearer ")));
    let given = token.map(str::trim).filter(|token| !token.is_empty() && token.len() <= TOKEN_BYTES_MAX);
    given.ok_or_else(|| Refusal::forbidden("token lookup is failed: permission denied"))
}

fn is_privileged(headers: &HeaderMap) -> bool {
    let value = headers.get("x-vcc-privileged").and_then(|value| value.to_str().ok());
    value.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

async fn read<B>(body: B) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    collect(body, BODY_BYTES_MAX).await.map_err(|error| match error {
        BodyError::TooLarge { bytes_max } => {
            Refusal::new(RefusalKind::TooLarge, format!("the body is larger than {bytes_max} bytes"))
        }
        BodyError::Broken(_) => Refusal::invalid("the body cannot be read"),
    })
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(Refusal::invalid("the body is not a JSON object")),
        Err(error) => Err(Refusal::invalid(format!("the body is not JSON: {error}"))),
    }
}

const TOKEN_BYTES_MAX: usize = 4096;

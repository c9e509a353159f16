//! The admin API: what ACA-Py's controllers speak, in JSON over HTTP.
//!
//! Every operation is a row of one table: the request is matched, checked and documented by it, and carried out
//! as one unit of work that begins anew when another change comes between. Errors have ACA-Py's statuses and words.
//!
//! Where ACA-Py 0.7.3 and 1.x answer differently, the call decides ([`Generation`]): the header `acapy-version` says it,
//! else a parameter that only 1.x has does, else [`AdminSettings::generation`].

mod call;
mod check;
mod connections;
mod cors;
mod did_exchange;
mod discovery;
mod field;
mod invitations;
mod json;
mod jwt;
mod keys;
mod mediation;
mod messages;
mod out_of_band;
mod page;
mod refusal;
mod resolver;
mod route;
mod scan;
mod server;
mod settings;
mod socket;
mod swagger;
#[cfg(test)]
mod tests;
mod validate;
mod wait;
mod wallet;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::header::CONNECTION;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;
use trustkeep_chassis::health::Health;
use trustkeep_chassis::http::{Body, BodyError, Listener, Refusal as ListenerRefusal, collect, service_fn};
use trustkeep_chassis::shutdown::Shutdown;

use self::call::Call;
use self::field::Field;
use self::refusal::{AdminResponse, Refusal};
use self::route::{Handler, Match, Route};
use crate::{Agent, Work};

pub use self::call::Generation;
pub use self::settings::AdminSettings;

/// How often a unit is done anew whose records others change meanwhile.
const ATTEMPTS_MAX: u32 = 100;
/// The header by which a controller says which ACA-Py it was written for.
const VERSION_HEADER: &str = "acapy-version";

/// The admin API of an agent. Cheap to clone.
#[derive(Clone)]
pub struct Admin(Arc<Inner>);

struct Inner {
    agent: Agent,
    settings: AdminSettings,
    routes: Vec<Route>,
    health: Health,
    shutdown: Shutdown,
    counts: Counts,
    sockets: TaskTracker,
    socket_room: Arc<Semaphore>,
}

/// Requests so far.
#[derive(Debug, Default)]
struct Counts {
    active: AtomicU64,
    done: AtomicU64,
    failed: AtomicU64,
}

impl Admin {
    /// The API of an agent. Its readiness is that of `health`; `GET /shutdown` triggers `shutdown`.
    pub fn new(agent: Agent, settings: AdminSettings, health: Health, shutdown: Shutdown) -> Self {
        Self(Arc::new(Inner {
            agent,
            settings,
            routes: routes(),
            health,
            shutdown,
            counts: Counts::default(),
            sockets: TaskTracker::new(),
            socket_room: Arc::new(Semaphore::new(socket::SOCKETS_MAX)),
        }))
    }

    /// Answers what comes to a listener, until the shutdown. A task for the supervisor.
    ///
    /// # Errors
    /// Never; the signature is that of a supervised task.
    pub async fn serve(self, listener: Listener) -> Result<(), Infallible> {
        let (sockets, shutdown) = (self.0.sockets.clone(), self.0.shutdown.clone());
        let service = service_fn(move |request| {
            let admin = self.clone();
            async move { Ok::<_, Infallible>(admin.answer(request).await) }
        });
        listener.serve(service, shutdown).await?;
        // Each has seen the shutdown and says good-bye.
        sockets.close();
        sockets.wait().await;
        Ok(())
    }

    /// Answers a request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        if request.method() == Method::GET && request.uri().path() == socket::PATH {
            return socket::begin(self, request);
        }
        let (parts, body) = request.into_parts();
        if let Some(answer) = cors::preflight(&parts, &self.0.routes) {
            return answer;
        }
        let counts = &self.0.counts;
        counts.active.fetch_add(1, Ordering::Relaxed);
        let mut response = self.of_parts(&parts, body).await;
        counts.active.fetch_sub(1, Ordering::Relaxed);
        let outcome = if response.status().is_success() { &counts.done } else { &counts.failed };
        outcome.fetch_add(1, Ordering::Relaxed);
        cors::allow(&parts, &mut response);
        response
    }

    /// Whether a request says the key, or none is asked for.
    fn is_authenticated(&self, headers: &HeaderMap) -> bool {
        let Some(key) = &self.0.settings.api_key else { return true };
        headers.get("x-api-key").and_then(|given| given.to_str().ok()).is_some_and(|given| key.ct_eq(given))
    }

    async fn of_parts<B>(&self, parts: &Parts, body: B) -> AdminResponse
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let path = parts.uri.path();
        let found = route::find(&self.0.routes, &parts.method, path);
        let is_page = parts.method == Method::GET && page::is_open(path);
        let is_open = is_page || matches!(&found, Match::Route(route, _) if route.is_open);
        if !is_open && !self.is_authenticated(&parts.headers) {
            return refusal::plain(StatusCode::UNAUTHORIZED, "API Key invalid or missing");
        }
        let is_probe = path.starts_with("/status/live") || path.starts_with("/status/ready");
        if self.0.shutdown.is_triggered() && !is_probe {
            return refusal::plain(StatusCode::SERVICE_UNAVAILABLE, "Shutdown in progress");
        }
        if parts.method == Method::GET
            && let Some(answer) = self.page(path)
        {
            return answer;
        }
        let mut generation = self.said_generation(&parts.headers).unwrap_or(self.0.settings.generation);
        let outcome = match found {
            Match::Route(route, values) => self.carry_out(route, &values, parts, body, &mut generation).await,
            Match::Method(allowed) => Err(Refusal::Method(allowed)),
            Match::None => Err(Refusal::Plain(StatusCode::NOT_FOUND, "Not Found".to_owned())),
        };
        match outcome {
            Ok(answer) => answer,
            Err(refused) => {
                let mut response = refused.to_response(generation);
                if matches!(refused, Refusal::TooLarge(_)) {
                    // The rest of the body is not read: a client must not send on this connection again.
                    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                response
            }
        }
    }

    /// What is no operation: the document of the API and the page that shows it.
    fn page(&self, path: &str) -> Option<AdminResponse> {
        match path {
            "/" => Some(refusal::redirect("/api/doc")),
            "/api/doc" => Some(page::show()),
            "/api/docs/swagger.json" => {
                let title = self.0.agent.settings().label.as_deref().unwrap_or_default();
                let document = swagger::document(&self.0.routes, title, self.0.settings.api_key.is_some());
                Some(refusal::json_response(StatusCode::OK, &document))
            }
            _ => None,
        }
    }

    async fn carry_out<B>(
        &self,
        route: &Route,
        values: &[&str],
        parts: &Parts,
        body: B,
        generation: &mut Generation,
    ) -> Result<AdminResponse, Refusal>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let given = query(parts.uri.query().unwrap_or_default());
        let whole = match route.body {
            Some(_) => json::object(read(body, self.0.settings.request_bytes_max).await?)?,
            None => Map::new(),
        };
        let fields = route.body.map_or(&[][..], |shape| shape.fields);
        if self.said_generation(&parts.headers).is_none()
            && (route.is_new || is_new(route.query, &given) || is_new(fields, &whole))
        {
            *generation = Generation::New;
        }
        let path: Vec<String> = values.iter().map(|value| decoded(value)).collect();
        let refused = |place| move |problems| Refusal::Fields { place, problems };
        let query = validate::members(route.query, &given).map_err(refused("querystring"))?;
        let body = validate::members(fields, &whole).map_err(refused("json"))?;
        let call = Call { admin: self.clone(), path, query, body, whole, generation: *generation };
        let answer = self.in_one_unit(route.handler, &call).await?;
        let answer = match route.follow {
            Some(follow) => follow(&call, answer).await?,
            None => answer,
        };
        Ok(refusal::json_response(route.status, &answer))
    }

    async fn in_one_unit(&self, handler: Handler, call: &Call) -> Result<Value, Refusal> {
        let mut attempts = 1;
        loop {
            let mut work = Work::new(&self.0.agent);
            let outcome = match handler(&mut work, call).await {
                Ok(answer) => {
                    let announced = work.unawaited();
                    let committed = work.commit().await;
                    // What is answered may lead others to the key at once.
                    if let (Ok(()), Some(announced)) = (&committed, announced) {
                        announced.wait(&self.0.agent).await;
                    }
                    committed.map(|()| answer).map_err(Refusal::from)
                }
                Err(refused) => Err(refused),
            };
            match outcome {
                Err(refused) if refused.is_conflict() && attempts < ATTEMPTS_MAX => attempts += 1,
                outcome => return outcome,
            }
        }
    }

    fn said_generation(&self, headers: &HeaderMap) -> Option<Generation> {
        Generation::of_version(headers.get(VERSION_HEADER)?.to_str().ok()?)
    }
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

/// How the listener itself refuses.
pub fn refusal(refused: ListenerRefusal) -> Response<Bytes> {
    let mut response =
        Response::new(Bytes::from(format!("{}: {}", refused.status().as_u16(), refused.message())));
    *response.status_mut() = refused.status();
    response
}

/// The table.
fn routes() -> Vec<Route> {
    [
        server::ROUTES,
        connections::ROUTES,
        invitations::ROUTES,
        mediation::ROUTES,
        messages::ROUTES,
        out_of_band::ROUTES,
        did_exchange::ROUTES,
        discovery::ROUTES,
        resolver::ROUTES,
        wallet::ROUTES,
        keys::ROUTES,
        jwt::ROUTES,
    ]
    .concat()
}

async fn read<B>(body: B, bytes_max: usize) -> Result<Bytes, Refusal>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    collect(body, bytes_max).await.map_err(|error| match error {
        BodyError::TooLarge { bytes_max } => Refusal::TooLarge(bytes_max),
        BodyError::Broken(_) => Refusal::bad("the body cannot be read"),
    })
}

/// The parameters of a query; of one that is given several times the first.
fn query(text: &str) -> Map<String, Value> {
    let mut given = Map::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        if !given.contains_key(name.as_ref()) {
            given.insert(name.into_owned(), value.into_owned().into());
        }
    }
    given
}

fn decoded(value: &str) -> String {
    percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned()
}

fn is_new(fields: &[Field], given: &Map<String, Value>) -> bool {
    fields.iter().any(|field| field.is_new && given.contains_key(field.name))
}

//! The listeners of a server, from the first port to the last call.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use tonic::service::RoutesBuilder;
use tonic_health::pb::health_server::HealthServer;
use tower::Service;
use trustkeep_chassis::http::{BindError, Body, Incoming, Limits, ListenSettings, Listener, service_fn};
use trustkeep_chassis::metrics;
use trustkeep_chassis::shutdown::{Reload, Shutdown};
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_chassis::tls::{self, ServerTls};
use trustkeep_scalar_rpc::DESCRIPTORS;
use trustkeep_scalar_rpc::services::AdminServer;

use super::Edge;
use super::admin::AdminService;
use super::health::HealthService;
use super::trailer::{Trailing, refuse};
use crate::settings::{Domain, ServerSettings};

/// How long calls may take to finish once the server accepts no more.
pub const DRAIN: Duration = Duration::from_secs(60);

/// The service's own part of two ports. Set `max_decoding_message_size` of each server to
/// [`ServerSettings::message_bytes_max`].
#[derive(Default)]
pub struct Routers {
    /// For clients: `Ledger` or `Auditor`.
    pub main: RoutesBuilder,
    /// For administrators: `LedgerPrivileged` or `AuditorPrivileged`.
    pub privileged: RoutesBuilder,
}

/// Where a server listens: the real ports if 0 was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// For clients.
    pub main: SocketAddr,
    /// For administrators' registrations.
    pub privileged: SocketAddr,
    /// For pausing.
    pub admin: SocketAddr,
    /// For Prometheus.
    pub prometheus: Option<SocketAddr>,
}

/// Why a server cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// A certificate or key.
    #[error(transparent)]
    Tls(#[from] tls::Error),
    /// The descriptions of the services.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
}

/// Listens on the ports of `settings` and answers until the supervisor's shutdown: then health says NOT_SERVING for the
/// time of decommissioning while calls are answered as before, then what was accepted is finished within [`DRAIN`].
/// Join the supervisor with [`stop_deadline`].
///
/// # Errors
/// If a port is taken or a certificate is of no use; nothing listens then.
pub async fn serve(
    settings: &ServerSettings,
    edge: &Edge,
    routers: Routers,
    supervisor: &Supervisor,
    reload: &Reload,
) -> Result<Addresses, StartError> {
    let tls = settings.tls.clone().map(ServerTls::load).transpose()?;
    let health = HealthService::default();
    let [main, privileged] = services_of(settings.domain);
    let mut admin = RoutesBuilder::default();
    admin.add_service(AdminServer::new(AdminService(edge.gate().clone())));
    let ports = [
        ("main", main, settings.port, routers.main),
        ("privileged", privileged, settings.privileged_port, routers.privileged),
        ("admin", "rpc.Admin", settings.admin_port, admin),
    ];
    let listen = |name: &str, port: u16, limits: Limits| {
        let name = format!("{}-{name}", settings.domain.service());
        let mut listen = ListenSettings::new(name, SocketAddr::new(settings.host, port)).with_limits(limits);
        listen.tls = tls.clone();
        listen
    };
    let mut listeners = Vec::with_capacity(ports.len());
    for (name, service, port, mut routes) in ports {
        routes.add_service(HealthServer::new(health.clone()));
        let reflection = || {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
                .with_service_name(service)
                .with_service_name("grpc.health.v1.Health")
        };
        routes.add_service(reflection().build_v1alpha()?);
        routes.add_service(reflection().build_v1()?);
        let calls = Trailing::new(routes.routes(), settings.metadata_bytes_max);
        let listener = Listener::bind(listen(name, port, limits(settings)).with_refusals(refuse)).await?;
        listeners.push((listener, calls));
    }
    let exporter = match settings.prometheus_port {
        None => None,
        Some(port) => Some(Listener::bind(listen("metrics", port, Limits::default())).await?),
    };
    let prometheus = exporter.as_ref().map(Listener::local_address);
    let mut addresses = listeners.iter().map(|(listener, _)| listener.local_address());
    let mut next = || addresses.next().unwrap_or_else(|| SocketAddr::new(settings.host, 0));
    let addresses = Addresses { main: next(), privileged: next(), admin: next(), prometheus };

    let stopping = decommission(settings, health, supervisor);
    for (listener, calls) in listeners {
        spawn(supervisor, settings.domain, listener, calls, &stopping);
    }
    if let Some(exporter) = exporter {
        let stats = edge.stats().clone();
        let scrape = service_fn(move |request: Request<Incoming>| {
            let answer = exported(request.uri().path(), || stats.render() + &metrics::render());
            async move { Ok::<_, Infallible>(answer) }
        });
        spawn(supervisor, settings.domain, exporter, scrape, &stopping);
    }
    if let Some(tls) = tls {
        let shutdown = supervisor.shutdown().clone();
        let task = tls.reload_on_request(reload.subscribe(), shutdown);
        supervisor.spawn(format!("{} certificates", settings.domain.service()), task);
    }
    Ok(addresses)
}

/// How long a server may take from the shutdown's beginning to its end.
#[must_use]
pub fn stop_deadline(settings: &ServerSettings) -> Duration {
    settings.decommissioning + DRAIN + Duration::from_secs(5)
}

/// Calls at one time on one connection: a client's threads share one.
const STREAMS_MAX: u32 = 1_024;
/// What a listener itself bounds; metadata within it that is too large is refused as a call.
const HEADER_BYTES_SPARE: usize = 64 << 10;

fn limits(settings: &ServerSettings) -> Limits {
    Limits {
        header_bytes_max: settings.metadata_bytes_max.saturating_add(HEADER_BYTES_SPARE),
        http2_streams_max: STREAMS_MAX,
        // A call waits as long as its client does: at the gate, and for a store.
        request_timeout: None,
        drain_timeout: DRAIN,
        ..Limits::default()
    }
}

fn services_of(domain: Domain) -> [&'static str; 2] {
    match domain {
        Domain::Ledger => ["rpc.Ledger", "rpc.LedgerPrivileged"],
        Domain::Auditor => ["rpc.Auditor", "rpc.AuditorPrivileged"],
    }
}

/// The shutdown of the listeners: later than the server's own by the time of decommissioning.
fn decommission(settings: &ServerSettings, health: HealthService, supervisor: &Supervisor) -> Shutdown {
    let stopping = Shutdown::new();
    let (shutdown, time) = (supervisor.shutdown().clone(), settings.decommissioning);
    let trigger = stopping.clone();
    supervisor.spawn(format!("{} decommissioning", settings.domain.service()), async move {
        shutdown.wait().await;
        health.decommission();
        if !time.is_zero() {
            tracing::info!(seconds = time.as_secs(), "decommissioning");
            tokio::time::sleep(time).await;
        }
        trigger.trigger("decommissioned");
        Ok::<_, Infallible>(())
    });
    stopping
}

fn spawn<S, B>(supervisor: &Supervisor, domain: Domain, listener: Listener, service: S, stopping: &Shutdown)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let name = format!("{} listener on {}", domain.service(), listener.local_address());
    supervisor.spawn(name, listener.serve(service, stopping.clone()));
}

fn exported(path: &str, render: impl FnOnce() -> String) -> Response<Full> {
    let mut answer = match path {
        "/stats/prometheus" => Response::new(Full::from(render())),
        _ => {
            let mut answer =
                Response::new(Full::from("not found; the metrics are at /stats/prometheus\n".to_owned()));
            *answer.status_mut() = StatusCode::NOT_FOUND;
            answer
        }
    };
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, kind);
    answer
}

type Full = http_body_util::Full<Bytes>;

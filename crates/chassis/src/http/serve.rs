use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceExt};

use super::body::ResponseBody;
use super::connection::{Connection, InFlight, Shared, Watched};
use super::request::RequestContext;
use super::settings::{ListenSettings, Refusal};
use super::watchdog::Watchdog;
use super::{Listener, RequestId, Socket};
use crate::shutdown::Shutdown;
use crate::supervisor::payload_text;
use crate::tls::TlsPeer;

impl Listener {
    /// Answers requests with `service` until the shutdown begins; then accepts no more, finishes what was accepted (at most
    /// [`super::Limits::drain_timeout`] long) and returns. A task for the supervisor.
    ///
    /// The service is cloned for every request, so it should be a handle. It is asked for readiness as tower demands, but
    /// one that is never ready stalls only its own requests.
    ///
    /// # Errors
    /// Never; the signature is that of a supervised task. Failures to accept (too many open files) are logged and retried.
    pub async fn serve<S, B>(self, service: S, shutdown: Shutdown) -> Result<(), Infallible>
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Self { socket, address, settings } = self;
        let drain_timeout = settings.limits.drain_timeout;
        tracing::info!(service = settings.name, %address, tls = settings.tls.is_some(), "listening");
        let watchdog = Watchdog::new(settings.limits);
        let connections = TaskTracker::new();
        let room = Arc::new(Semaphore::new(settings.limits.connections_max.min(Semaphore::MAX_PERMITS)));
        let server = Arc::new(Server::new(settings, Arc::clone(&watchdog)));

        let accept = async {
            loop {
                // The semaphore is never closed, so there is always a permit to wait for.
                let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
                let (server, service) = (Arc::clone(&server), service.clone());
                let accepted = match &socket {
                    Socket::Tcp(socket) => socket.accept().await.map(|(stream, peer)| {
                        connections.spawn(async move {
                            server.connection(stream, peer, service).await;
                            drop(permit);
                        });
                    }),
                    Socket::Unix(socket) => socket.accept().await.map(|(stream, _)| {
                        connections.spawn(async move {
                            let shared = Arc::clone(&server.shared);
                            let connection = Arc::new(Connection::new(address, address, None, shared));
                            server.drive(stream, connection, service).await;
                            drop(permit);
                        });
                    }),
                };
                if let Err(error) = accepted {
                    pause_after(&error).await;
                }
            }
        };
        tokio::select! {
            biased;
            () = shutdown.wait() => {}
            () = watchdog.run() => {}
            () = accept => {}
        }
        drop(socket);
        connections.close();
        watchdog.close_all();
        if tokio::time::timeout(drain_timeout, connections.wait()).await.is_err() {
            let count = watchdog.abort_all();
            tracing::warn!(
                service = server.settings.name,
                count,
                "connections cut: they did not finish in time"
            );
            connections.wait().await;
        }
        Ok(())
    }
}

/// What all connections of a listener share.
struct Server {
    settings: ListenSettings,
    watchdog: Arc<Watchdog>,
    protocol: auto::Builder<TokioExecutor>,
    shared: Arc<Shared>,
}

impl Server {
    fn new(settings: ListenSettings, watchdog: Arc<Watchdog>) -> Self {
        let limits = &settings.limits;
        let mut protocol = auto::Builder::new(TokioExecutor::new());
        // The watchdog keeps the time for the headers; hyper's own way is a new timer for every request.
        protocol
            .http1()
            .header_read_timeout(None)
            .max_buf_size(limits.header_bytes_max.max(HEADER_BYTES_MIN));
        protocol
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(limits.http2_streams_max)
            .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX));
        let shared = Shared::of(&settings);
        Self { settings, watchdog, protocol, shared }
    }

    async fn connection<S, B>(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, service: S)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        // Answers are written whole, so waiting for more to send only costs time. Both calls fail only if the client is gone.
        let (Ok(()), Ok(local)) = (stream.set_nodelay(true), stream.local_addr()) else { return };
        let Some(tls) = &self.settings.tls else {
            let connection = Arc::new(Connection::new(peer, local, None, Arc::clone(&self.shared)));
            return self.drive(stream, connection, service).await;
        };
        let acceptor = TlsAcceptor::from(tls.config());
        match tokio::time::timeout(self.settings.limits.handshake_timeout, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                let tls_peer = TlsPeer::of(stream.get_ref().1);
                let connection =
                    Arc::new(Connection::new(peer, local, Some(tls_peer), Arc::clone(&self.shared)));
                self.drive(stream, connection, service).await;
            }
            Ok(Err(error)) => tracing::debug!(%peer, %error, "TLS handshake failed"),
            Err(_) => tracing::debug!(%peer, "TLS handshake took too long"),
        }
    }

    async fn drive<T, S, B>(self: Arc<Self>, stream: T, connection: Arc<Connection>, service: S)
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let _watch = self.watchdog.watch(&connection);
        let io = TokioIo::new(Watched::new(stream, Arc::clone(&connection)));
        let requests_of = Arc::clone(&connection);
        let answer = hyper::service::service_fn(move |request: Request<Incoming>| {
            let (id, in_flight) = requests_of.begin(request.version() == Version::HTTP_2);
            answer(request, id, in_flight, service.clone())
        });
        let mut protocol = pin!(self.protocol.serve_connection_with_upgrades(io, answer));
        let activity = &connection.activity;
        let (mut has_waker, mut is_closing) = (false, false);
        std::future::poll_fn(|cx| {
            if !has_waker {
                activity.set_waker(cx.waker());
                has_waker = true;
            }
            if activity.must_abort() {
                return Poll::Ready(());
            }
            if activity.must_close() && !is_closing {
                is_closing = true;
                protocol.as_mut().graceful_shutdown();
            }
            protocol.as_mut().poll(cx).map(|result| {
                if let Err(error) = result {
                    tracing::debug!(peer = %connection.peer(), error, "connection ended");
                }
            })
        })
        .await;
    }
}

async fn answer<S, B>(
    mut request: Request<Incoming>,
    id: RequestId,
    in_flight: InFlight,
    service: S,
) -> Result<Response<ResponseBody<B>>, Infallible>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
{
    let begun = Instant::now();
    let connection = in_flight.connection();
    let access = tracing::enabled!(target: ACCESS_TARGET, tracing::Level::DEBUG).then(|| Access {
        method: request.method().clone(),
        uri: request.uri().clone(),
        peer: connection.peer(),
    });
    request.extensions_mut().insert(RequestContext::new(id, Arc::clone(connection)));

    let shared = in_flight.shared();
    let outcome = id.scope(guarded(service.oneshot(request), shared.request_timeout)).await;
    let answered = |status: StatusCode| {
        let latency = begun.elapsed();
        shared.metrics.record(status.into(), latency);
        if let Some(access) = &access {
            access.log(id, status, latency);
        }
    };
    Ok(match outcome {
        Ok(response) => {
            answered(response.status());
            response.map(|body| ResponseBody::service(body, in_flight))
        }
        Err(refusal) => {
            let response = (shared.refuse)(refusal);
            answered(response.status());
            response.map(|bytes| ResponseBody::refusal(bytes, in_flight))
        }
    })
}

/// Runs the service's future within the time limit; a panic is caught, so that it costs one answer and not
/// the connection with all other streams on it.
async fn guarded<T>(
    future: impl Future<Output = Result<T, Infallible>>,
    time_max: Option<Duration>,
) -> Result<T, Refusal> {
    let mut future = pin!(future);
    let mut caught = pin!(std::future::poll_fn(move |cx| {
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(cx))) {
            Ok(poll) => poll.map(|Ok(response)| Ok(response)),
            Err(payload) => {
                tracing::error!(panic = payload_text(payload.as_ref()), "a request handler panicked");
                Poll::Ready(Err(Refusal::Panicked))
            }
        }
    }));
    // Most answers are there at once; only for those that are not a timer is made.
    let first = std::future::poll_fn(|cx| Poll::Ready(caught.as_mut().poll(cx))).await;
    match (first, time_max) {
        (Poll::Ready(outcome), _) => outcome,
        (Poll::Pending, None) => caught.await,
        (Poll::Pending, Some(time_max)) => {
            tokio::time::timeout(time_max, caught).await.unwrap_or_else(|_| {
                tracing::warn!(seconds = time_max.as_secs_f64(), "a request took too long and was given up");
                Err(Refusal::TimedOut)
            })
        }
    }
}

/// A line of the access log. The query is left out: it may hold what must not be in a log.
struct Access {
    method: Method,
    uri: Uri,
    peer: SocketAddr,
}

impl Access {
    fn log(&self, id: RequestId, status: StatusCode, latency: Duration) {
        tracing::debug!(
            target: ACCESS_TARGET,
            request_id = %id,
            peer = %self.peer,
            method = %self.method,
            path = self.uri.path(),
            status = status.as_u16(),
            micros = latency.as_micros() as u64,
            "answered"
        );
    }
}

/// An accept that fails because of the client is nothing; one that fails for lack of descriptors or memory would fail again
/// at once, so wait for connections to end.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted) {
        tracing::error!(%error, "cannot accept connections; trying again");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(200);
const ACCESS_TARGET: &str = "trustkeep::access";
/// Below it hyper refuses to work.
const HEADER_BYTES_MIN: usize = 8192;

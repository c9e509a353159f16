use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode};

use crate::tls::ServerTls;

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct ListenSettings {
    /// The service's name, in metrics, logs and errors.
    pub name: String,
    /// Address and port; port 0 lets the system choose.
    pub address: SocketAddr,
    /// Certificates, or none for plain text.
    pub tls: Option<ServerTls>,
    /// Bounds.
    pub limits: Limits,
    /// The answer where the service gave none, in the service's own form (a JSON body, say).
    pub refuse: fn(Refusal) -> Response<Bytes>,
}

impl ListenSettings {
    /// Plain text, default limits, refusals as plain text.
    pub fn new(name: impl Into<String>, address: SocketAddr) -> Self {
        Self {
            name: name.into(),
            address,
            tls: None,
            limits: Limits::default(),
            refuse: refuse_in_plain_text,
        }
    }

    /// The same with TLS.
    pub fn with_tls(mut self, tls: ServerTls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// The same with other limits.
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// The same with another form of refusals.
    pub fn with_refusals(mut self, refuse: fn(Refusal) -> Response<Bytes>) -> Self {
        self.refuse = refuse;
        self
    }
}

/// Bounds of a listener. Time limits on connections are kept to within a quarter of their length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at one time; further ones wait in the system's backlog.
    pub connections_max: usize,
    /// Bytes of a request's line and headers together, at least 8192. More is answered with 431.
    pub header_bytes_max: usize,
    /// From the first byte of a request (or from the connection's beginning) to the end of its headers.
    pub header_timeout: Duration,
    /// For the TLS handshake.
    pub handshake_timeout: Duration,
    /// A connection without a request, or whose client reads nothing of what is sent, is closed after this time.
    pub idle_timeout: Duration,
    /// From the end of the headers to the beginning of the response; `None` for no limit. When it is over, the service's
    /// future is dropped, so what must not be torn apart has to run in a task of its own.
    pub request_timeout: Option<Duration>,
    /// Requests at one time on one HTTP/2 connection.
    pub http2_streams_max: u32,
    /// After the shutdown has begun: how long accepted requests may take to finish.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            header_bytes_max: 64 * 1024,
            header_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            request_timeout: Some(Duration::from_secs(90)),
            http2_streams_max: 256,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Why the listener answers in place of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The service took longer than [`Limits::request_timeout`]: 503.
    TimedOut,
    /// The service panicked: 500. The log has the message.
    Panicked,
}

impl Refusal {
    /// The status code to answer with.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TimedOut => StatusCode::SERVICE_UNAVAILABLE,
            Self::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A sentence for the client.
    pub fn message(self) -> &'static str {
        match self {
            Self::TimedOut => "the request took longer than the server allows; try again or ask for less",
            Self::Panicked => "internal error; the server's log has the details",
        }
    }
}

fn refuse_in_plain_text(refusal: Refusal) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(refusal.message().as_bytes()));
    *response.status_mut() = refusal.status();
    response
}

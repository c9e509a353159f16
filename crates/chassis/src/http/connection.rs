use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::request::{RequestId, RequestIds};
use super::settings::{ListenSettings, Refusal};
use crate::metrics::RequestMetrics;
use crate::tls::TlsPeer;

/// One accepted connection: who is at the other end.
#[derive(Debug)]
pub struct Connection {
    peer: SocketAddr,
    local: SocketAddr,
    tls: Option<TlsPeer>,
    ids: RequestIds,
    pub(super) activity: Activity,
    /// Reached through the connection, whose reference count only its own requests touch; a count that all cores write to
    /// for every request would be felt.
    shared: Arc<Shared>,
}

/// What answering needs and all connections of a listener share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) metrics: RequestMetrics,
    pub(super) request_timeout: Option<Duration>,
    pub(super) refuse: fn(Refusal) -> Response<Bytes>,
}

impl Shared {
    pub(super) fn of(settings: &ListenSettings) -> Arc<Self> {
        Arc::new(Self {
            metrics: RequestMetrics::of(&settings.name),
            request_timeout: settings.limits.request_timeout,
            refuse: settings.refuse,
        })
    }

    /// For a connection without a listener.
    pub(super) fn detached(peer: SocketAddr) -> Arc<Self> {
        let ListenSettings { limits, refuse, .. } = ListenSettings::new("detached", peer);
        let metrics = RequestMetrics::unlisted("detached");
        Arc::new(Self { metrics, request_timeout: limits.request_timeout, refuse })
    }
}

impl Connection {
    pub(super) fn new(
        peer: SocketAddr,
        local: SocketAddr,
        tls: Option<TlsPeer>,
        shared: Arc<Shared>,
    ) -> Self {
        Self { peer, local, tls, ids: RequestIds::new(), activity: Activity::default(), shared }
    }

    /// The client's address.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// The address the client connected to.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// What the TLS handshake told, or `None` on a plain connection.
    pub fn tls(&self) -> Option<&TlsPeer> {
        self.tls.as_ref()
    }

    /// Counts a request as begun.
    pub(super) fn begin(self: &Arc<Self>, is_http2: bool) -> (RequestId, InFlight) {
        let activity = &self.activity;
        let count = activity.requests.fetch_add(1, Relaxed);
        activity.in_flight.fetch_add(1, Relaxed);
        activity.is_reading_head.store(false, Relaxed);
        if is_http2 && count == 0 {
            activity.is_http2.store(true, Relaxed);
        }
        (self.ids.nth(count), InFlight(Arc::clone(self)))
    }
}

/// A request that is being answered; counts as ended when dropped.
pub(super) struct InFlight(Arc<Connection>);

impl InFlight {
    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.0
    }

    pub(super) fn shared(&self) -> &Shared {
        &self.0.shared
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.activity.in_flight.fetch_sub(1, Relaxed);
    }
}

/// What the watchdog looks at, written by the connection's own task. Nothing here needs to be exact to the microsecond, so
/// all of it is relaxed.
#[derive(Debug, Default)]
pub(super) struct Activity {
    requests: AtomicU64,
    in_flight: AtomicU32,
    is_reading_head: AtomicBool,
    is_write_stalled: AtomicBool,
    /// Tells a client that reads slowly from one that reads nothing.
    stall_changes: AtomicU64,
    is_http2: AtomicBool,
    order: AtomicU8,
    waker: Mutex<Option<Waker>>,
}

/// What a connection is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// For the client to take what is being sent.
    Write,
    /// For the service.
    Service,
    /// For the rest of a request's headers.
    Head,
    /// For a next request.
    Idle,
}

impl Activity {
    /// A count that tells whether anything happened since the last look, and the present state.
    pub(super) fn look(&self) -> (u64, Waiting) {
        let requests = self.requests.load(Relaxed);
        let waiting = if self.is_write_stalled.load(Relaxed) {
            Waiting::Write
        } else if self.in_flight.load(Relaxed) > 0 {
            Waiting::Service
        } else if requests == 0 || (self.is_reading_head.load(Relaxed) && !self.is_http2.load(Relaxed)) {
            Waiting::Head
        } else {
            Waiting::Idle
        };
        (requests.wrapping_add(self.stall_changes.load(Relaxed)), waiting)
    }

    /// Lets the connection finish what it is doing and then close.
    pub(super) fn close(&self) {
        self.give(CLOSE);
    }

    /// Cuts the connection.
    pub(super) fn abort(&self) {
        self.give(ABORT);
    }

    pub(super) fn must_close(&self) -> bool {
        self.order.load(Relaxed) >= CLOSE
    }

    pub(super) fn must_abort(&self) -> bool {
        self.order.load(Relaxed) == ABORT
    }

    /// Called by the connection's task before it looks at its orders for the first time: the lock makes sure that
    /// either it sees the order or the order's giver sees the waker. A task's waker stays valid for its life.
    pub(super) fn set_waker(&self, waker: &Waker) {
        *self.waker.lock() = Some(waker.clone());
    }

    fn give(&self, order: u8) {
        self.order.fetch_max(order, Relaxed);
        if let Some(waker) = self.waker.lock().as_ref() {
            waker.wake_by_ref();
        }
    }
}

const CLOSE: u8 = 1;
const ABORT: u8 = 2;

/// A stream that notes in the connection's [`Activity`] what happens on it.
pub(super) struct Watched<T> {
    stream: T,
    connection: Arc<Connection>,
}

impl<T> Watched<T> {
    pub(super) fn new(stream: T, connection: Arc<Connection>) -> Self {
        Self { stream, connection }
    }

    fn note_write(&self, is_pending: bool) {
        let stalled = &self.connection.activity.is_write_stalled;
        if stalled.load(Relaxed) != is_pending {
            stalled.store(is_pending, Relaxed);
            self.connection.activity.stall_changes.fetch_add(1, Relaxed);
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Watched<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let result = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            let activity = &self.connection.activity;
            if activity.in_flight.load(Relaxed) == 0 {
                activity.is_reading_head.store(true, Relaxed);
            }
        }
        result
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Watched<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.note_write(result.is_pending());
        result
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.note_write(result.is_pending());
        result
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let result = Pin::new(&mut self.stream).poll_flush(cx);
        self.note_write(result.is_pending());
        result
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

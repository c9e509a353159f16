use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use uuid::Uuid;

use super::connection::{Connection, Shared};

tokio::task_local! {
    static CURRENT: RequestId;
}

/// Names one request in logs, audit records and answers. Printed as a version 4 UUID.
///
/// The upper half is random for each connection and the lower half a permuted count, so that an id costs an addition and
/// not a call for randomness. Unique, but no secret: do not use it as one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(u128);

impl RequestId {
    /// The id of the request that the current task is answering. Tasks that the service spawned have none.
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|id| *id).ok()
    }

    /// Runs a future as part of this request, for its logs; the listener does it for the service itself.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// The same as a UUID.
    pub fn as_uuid(self) -> Uuid {
        Uuid::from_u128(self.0)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_uuid().as_hyphenated(), f)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

/// A connection's ids: `count` must not repeat.
#[derive(Debug)]
pub(super) struct RequestIds {
    high: u64,
    base: u64,
}

impl RequestIds {
    pub(super) fn new() -> Self {
        let (high, base) = Uuid::new_v4().as_u64_pair();
        Self { high, base }
    }

    pub(super) fn nth(&self, count: u64) -> RequestId {
        // Multiplication by an odd number permutes the numbers below 2^62, which is the room that RFC 9562 section 5.4
        // leaves beside the variant. The upper half has its version bits from Uuid::new_v4.
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        const MASK: u64 = (1 << 62) - 1;
        let low = self.base.wrapping_add(count.wrapping_mul(ODD)) & MASK;
        RequestId(u128::from(self.high) << 64 | u128::from(1u64 << 63 | low))
    }
}

/// What the listener knows of a request; it is among the request's extensions.
#[derive(Debug, Clone)]
pub struct RequestContext {
    id: RequestId,
    connection: Arc<Connection>,
}

impl RequestContext {
    pub(super) fn new(id: RequestId, connection: Arc<Connection>) -> Self {
        Self { id, connection }
    }

    /// A context for requests that did not come through a listener: tests, calls inside the process.
    pub fn detached(peer: SocketAddr) -> Self {
        let shared = Shared::detached(peer);
        Self::new(RequestIds::new().nth(0), Arc::new(Connection::new(peer, peer, None, shared)))
    }

    /// The request's id.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// The connection it came on: addresses, client certificates.
    pub fn connection(&self) -> &Connection {
        &self.connection
    }

    /// The client's address, as the system sees it (a proxy's, behind one).
    pub fn peer(&self) -> SocketAddr {
        self.connection.peer()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_distinct_version_4_uuids() {
        let mut seen = HashSet::new();
        for ids in [RequestIds::new(), RequestIds::new()] {
            for count in 0..10_000 {
                let id = ids.nth(count);
                assert_eq!(id.as_uuid().get_version_num(), 4);
                assert_eq!(id.as_uuid().get_variant(), uuid::Variant::RFC4122);
                assert!(seen.insert(id.to_string()));
            }
        }
    }
}

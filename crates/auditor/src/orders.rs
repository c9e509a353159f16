//! What this process has ordered and not yet seen validated, in memory: saves signatures, reads and an execution.
//!
//! Nothing depends on it. An order that is not here was made by another process, or long ago, or was crowded out: it
//! is read from the books and executed again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use trustkeep_scalar_domain::asset::AssetKey;
use trustkeep_store::Version;

use crate::case::Case;
use crate::locks::SeenLock;

/// Bytes of orders kept in memory.
const BYTES_MAX: u64 = 64 << 20;
/// About how many orders that is.
const ORDERS_GUESS: usize = 16_384;
/// Nonces whose first sight is remembered.
const NONCES_MAX: usize = 65_536;

/// An order as it was committed.
#[derive(Debug)]
pub(crate) struct Order {
    /// The request whose signature was checked, and its execution on rows that are locked since.
    pub(crate) case: Case,
    /// Its locks as they were written.
    pub(crate) locks: BTreeMap<AssetKey, SeenLock>,
    /// The version of its request proof.
    pub(crate) proof: Version,
    /// Our signature over its nonce.
    pub(crate) signature: Bytes,
    /// By this process's monotonic clock.
    pub(crate) since: Duration,
}

/// The orders of this process, and since when it knows those of others.
#[derive(Debug)]
pub(crate) struct Orders {
    own: Cache<String, Arc<Order>, OrderBytes>,
    seen: Cache<String, Duration>,
}

impl Default for Orders {
    fn default() -> Self {
        Self { own: Cache::with_weighter(ORDERS_GUESS, BYTES_MAX, OrderBytes), seen: Cache::new(NONCES_MAX) }
    }
}

impl Orders {
    /// Keeps an order.
    pub(crate) fn keep(&self, order: Order) {
        self.own.insert(order.case.request.nonce.clone(), Arc::new(order));
    }

    /// The order under a nonce.
    pub(crate) fn of(&self, nonce: &str) -> Option<Arc<Order>> {
        self.own.get(nonce)
    }

    /// Forgets an order that has come to its end.
    pub(crate) fn forget(&self, nonce: &str) {
        self.own.remove(nonce);
        self.seen.remove(nonce);
    }

    /// Since when this process knows that the nonce holds locks; `None` if it does not know it yet.
    pub(crate) fn since(&self, nonce: &str) -> Option<Duration> {
        self.own.get(nonce).map(|order| order.since).or_else(|| self.seen.get(nonce))
    }

    /// Remembers that the nonce was seen to hold locks.
    pub(crate) fn see(&self, nonce: &str, now: Duration) {
        self.seen.insert(nonce.to_owned(), now);
    }
}

#[derive(Clone, Debug)]
struct OrderBytes;

impl Weighter<String, Arc<Order>> for OrderBytes {
    fn weight(&self, _nonce: &String, order: &Arc<Order>) -> u64 {
        u64::try_from(order.case.bytes()).unwrap_or(u64::MAX)
    }
}

//! High availability: several nodes on one store, one of them active, the others standing by.
//!
//! The store's lease `leader` says which node is active; every commit of that node expects that it holds the lease
//! still ([`crate::core::Exclusive`] and the terms of [`crate::core::Standing`]), so a node that was paused or cut
//! off cannot write. A node that loses the lease stands by and contends again; it does not end.
//!
//! The active node leaves its addresses and a certificate of this term behind the barrier, where only nodes with
//! the keys can read them. Standbys send clients' requests to it over mutual TLS with that certificate, or send
//! the clients there themselves.
//!
//! - [`Ha`]: what the rest of the vault knows and asks;
//! - `term`: contending, leading, letting go;
//! - `leader`: the entry that the active node leaves;
//! - `forward`: a request on its way to the active node; `not_active`: the answer that it was another by then;
//! - `peers`: which nodes there are.

mod address;
mod forward;
mod leader;
mod not_active;
mod peers;
mod term;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore, watch};
use trustkeep_chassis::tls::{NodeIdentity, ServerTls};
use trustkeep_crypto::random::{SystemRandom, uuid};
use trustkeep_store::{Contender, Lease, LeaseSettings, SharedStore, Table, lease_table};

use crate::{Error, Result};

pub use address::cluster_address;
pub(crate) use forward::{ECHO_PATH, FORWARDED_FOR, Forwarded, Outgoing};
pub(crate) use leader::Leader;
pub(crate) use not_active::NotActive;
pub use peers::Node;
pub(crate) use peers::Peers;
pub use term::run;

/// How a node takes part.
#[derive(Clone, Debug)]
pub struct HaSettings {
    /// Where clients reach this node: a URL.
    pub api_addr: String,
    /// Where other nodes reach this node: a URL; `None` where nodes do not forward to each other.
    pub cluster_addr: Option<String>,
    /// This machine's name.
    pub hostname: String,
    /// How long the lease lasts without renewal: the longest part of a failover after a crash.
    pub lease_ttl: Duration,
    /// How often a standby looks at the lease: the longest part of a failover after an orderly end.
    pub watch_every: Duration,
    /// Bytes of the active node's cache in front of the store.
    pub cache_bytes: u64,
}

impl HaSettings {
    /// 6 s until a silent node's lease may be taken, looked at every 0.75 s; 16 MiB of cache.
    pub fn new(api_addr: impl Into<String>, cluster_addr: Option<String>) -> Self {
        HaSettings {
            api_addr: api_addr.into(),
            cluster_addr,
            hostname: String::new(),
            lease_ttl: Duration::from_secs(6),
            watch_every: Duration::from_millis(750),
            cache_bytes: 16 << 20,
        }
    }
}

/// One node's part in the group.
pub struct Ha {
    settings: HaSettings,
    store: SharedStore,
    leases: Table,
    /// Whom this node takes for the active one; it may be itself.
    leader: watch::Sender<Option<Arc<Leader>>>,
    /// Counts the seal's openings and closings.
    seal_changes: watch::Sender<u64>,
    step_down: Notify,
    /// What the port for other nodes shows and asks for: nobody's certificate on a standby.
    tls: ServerTls,
    active_since: Mutex<Option<Timestamp>>,
    peers: Mutex<Peers>,
    /// Whether this process ends and follows nobody any more.
    is_leaving: AtomicBool,
    /// Room for requests on their way to the active node.
    forwarding: Semaphore,
}

impl std::fmt::Debug for Ha {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ha").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Ha {
    /// A node on a store whose tables exist ([`lease_table`] of `vault`, and
    /// [`entry_table`](crate::core::entry_table)). The store is without a cache.
    ///
    /// # Errors
    /// 500 where no certificate can be made.
    pub fn new(store: SharedStore, settings: HaSettings) -> Result<Arc<Self>> {
        let nobody = NodeIdentity::generate("nobody", "nobody").map_err(Error::internal)?;
        let nobody = nobody.server_config().map_err(Error::internal)?;
        Ok(Arc::new(Ha {
            settings,
            store,
            leases: lease_table("vault")?,
            leader: watch::Sender::new(None),
            seal_changes: watch::Sender::new(0),
            step_down: Notify::new(),
            tls: ServerTls::of(nobody),
            active_since: Mutex::new(None),
            peers: Mutex::default(),
            is_leaving: AtomicBool::new(false),
            forwarding: Semaphore::new(FORWARDED_AT_ONCE_MAX),
        }))
    }

    /// How it takes part.
    pub fn settings(&self) -> &HaSettings {
        &self.settings
    }

    /// The TLS of the port for other nodes.
    pub fn tls(&self) -> ServerTls {
        self.tls.clone()
    }

    /// The addresses of the active node for clients and for nodes, as far as known; the second is empty where it
    /// takes nothing from nodes.
    pub fn leader_addresses(&self) -> Option<(String, String)> {
        let leader = self.leader.borrow();
        leader.as_ref().map(|leader| (leader.api_addr.clone(), leader.cluster_addr.clone()))
    }

    /// Since when this node is active; `None` if it is not.
    pub fn active_since(&self) -> Option<Timestamp> {
        *self.active_since.lock()
    }

    /// The nodes that this one, which is active, has heard of lately; itself comes first.
    pub fn nodes(&self, now: Timestamp) -> Vec<Node> {
        let mut nodes = vec![Node::of(&self.settings, None)];
        nodes.extend(self.peers.lock().living(now));
        nodes
    }

    /// Lets go of the lease, if this node has it, and does not contend for a while.
    pub fn step_down(&self) {
        self.step_down.notify_one();
    }

    /// The node was sealed or unsealed.
    pub(crate) fn seal_changed(&self) {
        self.seal_changes.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Waits until it is known who is active, but not for ever.
    pub(crate) async fn settled(&self) {
        let mut leader = self.leader.subscribe();
        let known = leader.wait_for(Option::is_some);
        // In vain where another node's lease has to run out first: the node stands by until then.
        let _ = tokio::time::timeout(SETTLING_MAX, known).await;
    }

    /// The lease for something short, such as initialisation; waits out that of a node that died over it.
    ///
    /// # Errors
    /// 503 where another node keeps it, and the store's.
    pub(crate) async fn borrow_lease(&self) -> Result<Lease> {
        let mut contender = Contender::new(self.store.clone(), self.lease_settings().1)?;
        let end = tokio::time::Instant::now() + self.settings.lease_ttl * 3;
        loop {
            if let Some(lease) = contender.attempt().await? {
                return Ok(lease);
            }
            if tokio::time::Instant::now() > end {
                return Err(Error::Unavailable("another node holds the lease on the storage".into()));
            }
            tokio::time::sleep(self.settings.watch_every).await;
        }
    }

    /// A new holder's id, and the lease as it asks for it.
    fn lease_settings(&self) -> (String, LeaseSettings) {
        let id = uuid(&SystemRandom).to_string();
        let mut lease =
            LeaseSettings::new(self.leases.clone(), LEASE, id.clone()).ttl(self.settings.lease_ttl);
        lease.watch_every = self.settings.watch_every;
        (id, lease)
    }

    /// A standby spoke up; `body` is what it said.
    pub(crate) fn heard(&self, body: &[u8], now: Timestamp) {
        if let Ok(node) = serde_json::from_slice(body) {
            self.peers.lock().heard(node, now);
        }
    }

    fn set_leader(&self, leader: Option<Arc<Leader>>) {
        let id = |leader: &Option<Arc<Leader>>| leader.as_ref().map(|leader| leader.id.clone());
        self.leader.send_if_modified(|known| {
            let differs = id(known) != id(&leader);
            *known = leader;
            differs
        });
    }
}

/// Whether a standby answers this path (below `/v1/`) by itself.
pub(crate) fn is_local(path: &str) -> bool {
    let local = ["sys/init", "sys/seal-status", "sys/seal", "sys/unseal", "sys/leader", "sys/health"];
    local.contains(&path.trim_end_matches('/'))
}

/// Whether a path is about the node that is asked, so that it is never forwarded; a standby sends the client on.
pub(crate) fn is_of_one_node(path: &str) -> bool {
    let paths = ["sys/metrics", "sys/host-info", "sys/monitor", "sys/in-flight-req"];
    paths.contains(&path) || path.starts_with("sys/pprof") || path.starts_with("sys/config/state/")
}

/// Why a standby is not sealed.
pub(crate) fn seal_on_standby() -> Error {
    Error::Unable("vault cannot seal when in standby mode; please restart instead".into())
}

const LEASE: &str = "leader";
const SETTLING_MAX: Duration = Duration::from_secs(3);
const FORWARDED_AT_ONCE_MAX: usize = 1024;

//! The running vault: its listeners and its clockwork.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use trustkeep_chassis::http::{BindError, ListenSettings, Listener, service_fn};
use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_chassis::supervisor::Supervisor;

use crate::core::Core;
use crate::http::{Edge, EdgeSettings, refusal};

/// Ports that are bound and not yet served: clients connect and wait.
pub struct Ports {
    listeners: Vec<(Listener, EdgeSettings)>,
    between_nodes: Vec<(Listener, EdgeSettings)>,
}

impl Ports {
    /// Binds every listener: before the store is opened, so that a port that is taken leaves nothing behind.
    ///
    /// # Errors
    /// The first port that cannot be had, with what to do.
    pub async fn bind(wanted: Vec<(ListenSettings, EdgeSettings)>) -> Result<Self, BindError> {
        Ok(Ports { listeners: bind(wanted).await?, between_nodes: Vec::new() })
    }

    /// Binds the ports that other nodes of the group connect to; their settings have the TLS of
    /// [`Ha::tls`](crate::ha::Ha::tls).
    ///
    /// # Errors
    /// The first port that cannot be had, with what to do.
    pub async fn with_nodes(
        mut self,
        wanted: Vec<(ListenSettings, EdgeSettings)>,
    ) -> Result<Self, BindError> {
        self.between_nodes = bind(wanted).await?;
        Ok(self)
    }
}

async fn bind(
    wanted: Vec<(ListenSettings, EdgeSettings)>,
) -> Result<Vec<(Listener, EdgeSettings)>, BindError> {
    let mut listeners = Vec::with_capacity(wanted.len());
    for (settings, edge) in wanted {
        listeners.push((Listener::bind(settings.with_refusals(refusal)).await?, edge));
    }
    Ok(listeners)
}

/// A vault behind its ports.
pub struct Service {
    core: Arc<Core>,
    listeners: Vec<(Listener, Edge)>,
    between_nodes: Vec<(Listener, Edge)>,
}

impl Service {
    /// `core`, to be served at `ports`.
    pub fn new(core: Arc<Core>, ports: Ports) -> Self {
        let edge = |(listener, settings)| (listener, Edge::new(core.clone(), settings));
        let listeners = ports.listeners.into_iter().map(edge).collect();
        let inner = |(listener, settings)| (listener, Edge::new(core.clone(), settings).between_nodes());
        let between_nodes = ports.between_nodes.into_iter().map(inner).collect();
        Service { core, listeners, between_nodes }
    }

    /// The address of each listener with its scheme, `http` or `https`.
    pub fn addresses(&self) -> Vec<(&'static str, SocketAddr)> {
        self.listeners.iter().map(|(listener, _)| (listener.scheme(), listener.local_address())).collect()
    }

    /// Serves until the supervisor's shutdown.
    pub fn spawn(self, supervisor: &Supervisor) {
        let shutdown = supervisor.shutdown().clone();
        for (listener, edge) in self.listeners.into_iter().chain(self.between_nodes) {
            let name = format!("vault listener {}", listener.local_address());
            let answer = service_fn(move |request| {
                let edge = edge.clone();
                // On the heap: the listener's layers would each move the whole of it.
                Box::pin(async move { Ok::<_, Infallible>(edge.answer(request).await) })
            });
            supervisor.spawn(name, listener.serve(answer, shutdown.clone()));
        }
        supervisor.spawn("vault seal", self.core.clone().keep_seal(shutdown.clone()));
        supervisor.spawn("vault key rotation", rotate(self.core.clone(), shutdown.clone()));
        if self.core.ha().is_some() {
            supervisor.spawn("vault leadership", crate::ha::run(self.core.clone(), shutdown.clone()));
        }
        supervisor.spawn("vault expiry", sweep(self.core, shutdown));
    }
}

/// Revokes tokens as they end. A failure is tried again at the next round.
async fn sweep(core: Arc<Core>, shutdown: Shutdown) -> Result<(), Infallible> {
    let mut rounds = tokio::time::interval(SWEEP_INTERVAL);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.wait() => return Ok(()),
            _ = rounds.tick() => {}
        }
        match core.sweep().await {
            Ok(0) => {}
            Ok(revoked) => tracing::debug!(revoked, "tokens that ended were revoked"),
            Err(crate::Error::Sealed | crate::Error::Standby | crate::Error::Deposed) => {}
            Err(error) => tracing::warn!(%error, "tokens that ended could not be revoked; trying again"),
        }
    }
}

/// Rotates the key that encrypts entries when that is due, and saves how often it was used.
async fn rotate(core: Arc<Core>, shutdown: Shutdown) -> Result<(), Infallible> {
    let mut rounds = tokio::time::interval(ROTATION_INTERVAL);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.wait() => return Ok(()),
            _ = rounds.tick() => {}
        }
        match core.rotate_if_due().await {
            Ok(_) | Err(crate::Error::Sealed) => {}
            Err(error) => tracing::warn!(%error, "the encryption key could not be rotated; trying again"),
        }
    }
}

/// As Vault has it.
const ROTATION_INTERVAL: Duration = Duration::from_secs(300);
const SWEEP_INTERVAL: Duration = Duration::from_secs(5);

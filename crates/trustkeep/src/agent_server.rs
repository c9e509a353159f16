//! An agent: its wallet, its listeners, its admin API, and what brings its messages and events where they belong.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use trustkeep_agent::admin::{self, Admin};
use trustkeep_agent::protocols::mediation;
use trustkeep_agent::transport::{self, Transport};
use trustkeep_agent::{Agent, Error as AgentError, provision_did, readiness};
use trustkeep_chassis::clock::SystemClock;
use trustkeep_chassis::health::{self, Health};
use trustkeep_chassis::http::{ListenSettings, Listener};
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_wallet::{MemoryWallet, Wallet};
use trustkeep_wallet_askar::{AskarSettings, AskarWallet, Opening, Options};

use crate::agent::{Inbound, Settings, WalletSettings, fetch_key};
use crate::did_web::WebDocuments;
use crate::host::Host;
use crate::notify;

/// Runs until interrupted.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let host = Host::start(settings.log_level, settings.log_format.as_deref(), false)?;
    for note in &settings.notes {
        tracing::warn!("{note}");
    }
    let bound = Bound::bind(&settings).await?;
    let server = start(settings, bound, &host.supervisor).await?;
    for (what, address) in &server.addresses {
        tracing::info!(%address, "the agent answers: {what}");
    }
    notify::follow(&host.supervisor);
    let outcome = host.run().await;
    server.close().await;
    outcome
}

/// Makes the wallet and what belongs into it.
pub(crate) async fn provision(settings: Settings) -> anyhow::Result<ExitCode> {
    let host = Host::start(settings.log_level, settings.log_format.as_deref(), false)?;
    for note in &settings.notes {
        tracing::warn!("{note}");
    }
    let wallet = open(&settings.wallet).await?;
    let agent = agent(&settings, wallet.clone()).await?;
    Box::pin(mediation::note_invitation(&agent)).await?;
    let name = settings.wallet.name.as_deref().unwrap_or("in memory");
    writeln!(
        std::io::stdout(),
        "Wallet: {name}, label: {}",
        agent.settings().label.as_deref().unwrap_or("none")
    )?;
    host.supervisor.shutdown().trigger("the wallet is made");
    let outcome = host.run().await;
    wallet.close().await;
    outcome
}

/// An agent that answers.
pub(crate) struct Server {
    /// What listens where.
    pub(crate) addresses: Vec<(&'static str, SocketAddr)>,
    wallet: Wallet,
}

impl Server {
    /// Closes the wallet, once the supervisor has ended the service.
    pub(crate) async fn close(self) {
        self.wallet.close().await;
    }
}

/// The ports of an agent, taken and not yet served.
pub(crate) struct Bound {
    inbound: Vec<(Inbound, Listener)>,
    admin: Option<Listener>,
    metrics: Option<Listener>,
}

impl Bound {
    /// Takes them: who cannot have them need not wait for the wallet.
    ///
    /// # Errors
    /// A port is taken.
    pub(crate) async fn bind(settings: &Settings) -> anyhow::Result<Self> {
        let mut inbound = Vec::with_capacity(settings.inbound.len());
        for (kind, address) in &settings.inbound {
            inbound.push((*kind, Listener::bind(ListenSettings::new("agent", *address)).await?));
        }
        let admin = match &settings.admin {
            Some((address, _)) => {
                let listen = ListenSettings::new("agent admin", *address).with_refusals(admin::refusal);
                Some(Listener::bind(listen).await?)
            }
            None => None,
        };
        let metrics = match settings.metrics {
            Some(address) => Some(Listener::bind(ListenSettings::new("agent metrics", address)).await?),
            None => None,
        };
        Ok(Self { inbound, admin, metrics })
    }

    /// Where messages come in, the first place.
    pub(crate) fn inbound(&self) -> Option<SocketAddr> {
        self.inbound.first().map(|(_, listener)| listener.local_address())
    }

    /// Where the admin API is.
    pub(crate) fn admin(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Listener::local_address)
    }
}

/// Starts an agent, which ends with the supervisor's shutdown.
///
/// # Errors
/// The wallet does not open.
pub(crate) async fn start(
    settings: Settings,
    bound: Bound,
    supervisor: &Supervisor,
) -> anyhow::Result<Server> {
    let Bound { inbound, admin: api, metrics } = bound;
    let health = Health::new();
    let ready = health.register("agent");
    let wallet = open(&settings.wallet).await?;
    let agent = agent(&settings, wallet.clone()).await?;
    let transport = Transport::new(agent.clone())?;
    transport.spawn(supervisor);
    let watch = readiness::watch(agent.clone(), ready.clone(), supervisor.shutdown().clone());
    match Box::pin(mediation::begin(&agent)).await {
        Ok(()) => {}
        // As ACA-Py does: its connections, and its admin API, are of use without.
        Err(error @ (AgentError::NotFound(_) | AgentError::BadRequest(_) | AgentError::Didcomm(_))) => {
            tracing::error!(%error, "the mediator of the configuration cannot be taken");
        }
        Err(error) => return Err(error).context("the mediator of the configuration"),
    }
    let mut addresses = Vec::new();
    for (kind, listener) in inbound {
        let (address, shutdown) = (listener.local_address(), supervisor.shutdown().clone());
        match kind {
            Inbound::Http => {
                addresses.push(("messages by HTTP", address));
                supervisor.spawn("agent listener", transport::http::serve(agent.clone(), listener, shutdown));
            }
            Inbound::WebSocket => {
                addresses.push(("messages by WebSocket", address));
                let serve = transport.clone().serve_websockets(listener, shutdown);
                supervisor.spawn("agent WebSocket listener", serve);
            }
        }
    }
    if let (Some(listener), Some((_, api))) = (api, settings.admin) {
        addresses.push(("admin API", listener.local_address()));
        let admin = Admin::new(agent.clone(), api, health.clone(), supervisor.shutdown().clone());
        supervisor.spawn("agent admin listener", admin.serve(listener));
    }
    if let Some(listener) = metrics {
        addresses.push(("metrics", listener.local_address()));
        let serve = listener.serve(health::router(health), supervisor.shutdown().clone());
        supervisor.spawn("agent metrics listener", serve);
    }
    if let Some(invitation) = &settings.invitation
        && let Err(error) = Box::pin(invitation.print(&agent)).await
    {
        tracing::error!(%error, "no invitation could be made");
    }
    ready.ready();
    supervisor.spawn("agent readiness", watch);
    Ok(Server { addresses, wallet })
}

async fn agent(settings: &Settings, wallet: Wallet) -> anyhow::Result<Agent> {
    let agent = Agent::new(settings.agent.clone(), wallet, SystemClock::shared(), Arc::new(SystemRandom))
        .with_documents(Arc::new(WebDocuments::new(settings.has_private_web)?));
    if let Some(seed) = &settings.seed {
        provision_did(&agent, seed.text.expose(), !seed.is_local, seed.may_replace)
            .await
            .context("the DID of --seed")?;
    }
    Ok(agent)
}

async fn open(settings: &WalletSettings) -> anyhow::Result<Wallet> {
    if settings.is_in_memory {
        tracing::warn!("the wallet is in memory: what is in it is gone with the process");
        return Ok(Wallet::new(Arc::new(MemoryWallet::new())));
    }
    let key = match &settings.key {
        Some(source) => Some(fetch_key(source).await?),
        None => None,
    };
    let (home, acapy_home) = (std::env::var_os("HOME"), std::env::var_os("ACAPY_HOME"));
    let acapy_home = settings.folder.as_ref().map(|folder| folder.as_os_str().to_owned()).or(acapy_home);
    let options = Options {
        name: settings.name.as_deref(),
        key: key.as_ref(),
        key_derivation: settings.key_derivation.as_deref(),
        storage_type: settings.storage_type.as_deref(),
        storage_config: settings.storage_config.as_deref(),
        storage_creds: settings.storage_creds.as_ref(),
        profile: None,
        home: home.as_deref().map(Path::new),
        acapy_home: acapy_home.as_deref().map(Path::new),
    };
    let opening = match (settings.is_recreated, settings.is_provisioned) {
        (true, _) => Opening::Recreated,
        (false, true) => Opening::Provisioned,
        (false, false) => Opening::Existing,
    };
    let backend = AskarWallet::open(&AskarSettings::from_options(&options)?, opening).await?;
    Ok(Wallet::new(Arc::new(backend)))
}

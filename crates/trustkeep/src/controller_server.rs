//! `trustkeep controller`: runs the portable VC controller on a directory of configuration.

pub(crate) mod administrators;
mod certificates;
mod members;
mod operations;
mod parts;
mod secrets;
mod vault;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use trustkeep_chassis::clock::SystemClock;
use trustkeep_chassis::health::{self, Health};
use trustkeep_chassis::http::{ListenSettings, Listener};
use trustkeep_chassis::shutdown::{Reload, ReloadRequests, Shutdown};
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_controller::accounts::Accounts;
use trustkeep_controller::administration::Administration;
use trustkeep_controller::book::Book;
use trustkeep_controller::configuration::Configuration;
use trustkeep_controller::rest::{self, Rest, Version};
use trustkeep_controller::service::Controller;
use trustkeep_store::SharedStore;

use self::certificates::Certificates;
use self::operations::Desk;
use self::secrets::VaultSecrets;
use self::vault::Vault;
use crate::host::Host;
use crate::notify;

/// Where the configuration is, and what is not in it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trustkeep controller --config /etc/vcc                        REST API on port 443, vault on port 8443\n  \
    trustkeep controller --config . --port 7443 --vault-port 7444   on ports that need no privilege\n\n\
    The directory holds .env, config/vpn_catalog.yml and cert/ as the original's does; what is missing in cert/ is made.\n\
    Users and tokens: `trustkeep vcc --help`.")]
pub(crate) struct Args {
    /// Directory of the configuration: .env, config/, cert/, and volume/ with the data unless --data-dir says otherwise
    #[arg(long, value_name = "DIR")]
    pub(crate) config: PathBuf,
    /// Port of the REST API [default: VCC_API_PORT, or 443]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Port of the vault [default: VCC_VAULT_PORT, or 8443]
    #[arg(long, value_name = "PORT")]
    pub(crate) vault_port: Option<u16>,
    /// Address to listen on [default: VCC_LISTEN_ADDRESS, or all of this machine]
    #[arg(long, value_name = "ADDR")]
    pub(crate) listen: Option<IpAddr>,
    /// Port for health and metrics, on this machine alone: /healthz, /readyz, /metrics
    #[arg(long, value_name = "PORT")]
    pub(crate) metrics_port: Option<u16>,
    /// Directory of the data, made at the first start [default: VCC_DATA_DIR, or volume/ in the directory of the configuration]
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// How much to log: trace, debug, info, warn or error
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: String,
    /// Form of the log: standard or json
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
}

/// Runs until interrupted.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let host = Host::start(&args.log_level, args.log_format.as_deref(), false)?;
    let server = Box::pin(start(&args, &host.supervisor, &host.reload)).await?;
    let ca_file = server.ca_file.canonicalize().unwrap_or_else(|_| server.ca_file.clone());
    tracing::info!(
        api = %server.api,
        vault = server.vault_url,
        "the controller answers; clients trust {ca}: REQUESTS_CA_BUNDLE={ca}",
        ca = ca_file.display()
    );
    notify::follow(&host.supervisor);
    let outcome = host.run().await;
    server.close().await;
    outcome
}

/// A controller that answers.
pub(crate) struct Server {
    /// Where its REST API is.
    pub(crate) api: SocketAddr,
    /// Where its users' vault is: `https://10.0.2.15:8443`.
    pub(crate) vault_url: String,
    /// What its clients trust.
    pub(crate) ca_file: PathBuf,
    /// For the administrator in this process.
    pub(crate) administration: Arc<Administration<Arc<VaultSecrets>, Arc<Desk>>>,
    vault: Vault,
}

impl Server {
    /// Closes the store, once the supervisor has ended the service.
    pub(crate) async fn close(self) {
        drop(self.administration);
        self.vault.close().await;
    }
}

/// Starts a controller, which ends with the supervisor's shutdown.
///
/// # Errors
/// Configuration that is wrong, a port that is taken, a store that does not open, a vault that does not answer.
pub(crate) async fn start(args: &Args, supervisor: &Supervisor, reload: &Reload) -> anyhow::Result<Server> {
    let clock = SystemClock::shared();
    let configuration = Arc::new(Configuration::load(&args.config)?);
    for warning in configuration.warnings() {
        tracing::warn!("{warning}");
    }
    let settings = configuration.settings();
    let data_dir = args.data_dir.clone().unwrap_or_else(|| settings.data_dir.clone());
    make_private(&data_dir)?;
    let hosts =
        [settings.address.to_string(), crate::host::name()].into_iter().chain(settings.public_name.clone());
    let hosts = hosts.filter(|host| !host.is_empty()).collect();
    let certificates = Certificates::open(&args.config.join("cert"), &data_dir, hosts, clock.clone())?;
    let at = |port| SocketAddr::new(args.listen.unwrap_or(settings.listen), port);
    let api = ListenSettings::new("controller", at(args.port.unwrap_or(settings.api_port)))
        .with_tls(certificates.tls.clone())
        .with_refusals(rest::refusal);
    let api = Listener::bind(api).await?;
    let vault_at = at(args.vault_port.unwrap_or(settings.vault_port));
    let metrics = match args.metrics_port {
        Some(port) => {
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            Some(Listener::bind(ListenSettings::new("controller metrics", address)).await?)
        }
        None => None,
    };
    let health = Health::new();
    let ready = health.register("controller");
    let vault = Vault::open(&settings, &data_dir, vault_at, &certificates, supervisor).await?;
    let store = vault.store();
    let accounts = open_accounts(&store).await?;
    let token = vault.token();
    let secrets = VaultSecrets::open(&vault.place(), token, accounts.clone(), clock.clone()).await?;
    let secrets = Arc::new(secrets);
    let keepers: parts::Keepers = (store, accounts.clone(), secrets.clone());
    let (parts, images) = parts::assemble(&configuration, &data_dir, keepers, clock).await?;
    let controller = Controller::new(parts, supervisor.shutdown().clone());
    supervisor.spawn("controller jobs", controller.jobs().clone().serve());
    members::follow(&controller, &data_dir, supervisor);
    let desk = Desk { controller: controller.clone(), images, configuration: configuration.clone() };
    let administration = Administration { accounts, secrets, operations: Arc::new(desk) };
    let administration = Arc::new(administration);
    administrators::serve(administration.clone(), &data_dir, supervisor)?;
    let server = Server {
        api: api.local_address(),
        vault_url: vault.url(&settings),
        ca_file: certificates.ca_file.clone(),
        administration,
        vault,
    };
    let shutdown = supervisor.shutdown();
    let version = Version { level: LEVEL.to_owned(), tag: env!("CARGO_PKG_VERSION").to_owned() };
    let api_serve = Rest::new(controller, version).serve(api, shutdown.clone());
    supervisor.spawn("controller certificates", certificates.follow(reload.subscribe(), shutdown.clone()));
    supervisor.spawn("controller reload", follow(configuration, reload.subscribe(), shutdown.clone()));
    // Last: who sees it answer may ask it to reload.
    supervisor.spawn("controller API listener", api_serve);
    if let Some(listener) = metrics {
        supervisor
            .spawn("controller metrics listener", listener.serve(health::router(health), shutdown.clone()));
    }
    ready.ready();
    Ok(server)
}

async fn open_accounts(store: &SharedStore) -> anyhow::Result<Accounts> {
    let mut tables = Book::tables()?;
    tables.push(Accounts::table()?);
    store.create_tables(&tables).await?;
    Ok(Accounts::open(store.clone(), SystemClock::shared()).await?)
}

/// Reads the configuration again at every request. What is wrong leaves the former in force.
async fn follow(
    configuration: Arc<Configuration>,
    mut requests: ReloadRequests,
    shutdown: Shutdown,
) -> Result<(), Infallible> {
    loop {
        tokio::select! {
            () = shutdown.wait() => return Ok(()),
            () = requests.next() => {}
        }
        let configuration = configuration.clone();
        match tokio::task::spawn_blocking(move || configuration.reload()).await {
            Ok(Ok(())) => tracing::info!("configuration read again"),
            Ok(Err(problems)) => {
                tracing::error!("configuration not read again, the former stays in force: {problems:#}")
            }
            Err(error) => tracing::error!(%error, "configuration not read again"),
        }
    }
}

/// Makes a directory for this process's user alone, if it is missing.
fn make_private(dir: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.with_context(|| format!("cannot make {}", dir.display()))
}

/// The version of the original that the API stands for; templates compare it.
const LEVEL: &str = "25.10.0+20251001";

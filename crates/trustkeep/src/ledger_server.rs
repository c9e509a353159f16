//! `trustkeep ledger`: runs a Ledger from a `.properties` file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use trustkeep_chassis::clock::SystemClock;
use trustkeep_chassis::shutdown::Reload;
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_contract::{BuiltIns, Engines};
use trustkeep_contract_js::JsEngine;
use trustkeep_contract_wasm::WasmEngine;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_ledger::settings::Settings;
use trustkeep_ledger::{Ledger, grpc};
use trustkeep_scalar_domain::edge::{Addresses, Edge, serve, stop_deadline};
use trustkeep_scalar_domain::settings::Domain;
use trustkeep_scalar_rpc::properties::Properties;

use crate::host::Host;
use crate::notify;
use crate::stores::scalar::ScalarStore;

/// Configuration file and logging.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trustkeep ledger --config /etc/trustkeep/ledger.properties\n  \
    trustkeep schema --config /etc/trustkeep/ledger.properties    make its tables first")]
pub(crate) struct Args {
    /// Configuration file with the keys of Scalar DL's Ledger
    #[arg(long, visible_alias = "properties", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// How much to log: trace, debug, info, warn or error
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: String,
    /// Form of the log: standard or json
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
}

/// A Ledger that answers.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) addresses: Addresses,
    ledger: Arc<Ledger>,
    store: ScalarStore,
}

/// Runs until interrupted.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let properties = load(&args.config)?;
    let host = Host::start(&args.log_level, args.log_format.as_deref(), false)?;
    let server = start(&properties, &host.supervisor, &host.reload).await?;
    let Addresses { main, privileged, admin, .. } = server.addresses;
    tracing::info!(ledger = %main, %privileged, %admin, "the Ledger answers");
    let patience = stop_deadline(&server.ledger.settings().server);
    notify::follow(&host.supervisor);
    let outcome = host.run_until(patience).await;
    server.close().await;
    outcome
}

/// Starts a Ledger, which ends with the supervisor's shutdown.
///
/// # Errors
/// Properties that are wrong, a store that does not open, a port that is taken.
pub(crate) async fn start(
    properties: &Properties,
    supervisor: &Supervisor,
    reload: &Reload,
) -> anyhow::Result<Server> {
    let settings = Settings::read(properties)?;
    let store = ScalarStore::open(properties).await?;
    let clock = SystemClock::shared();
    let ledger =
        Ledger::open(store.store.clone(), settings, engines(), clock.clone(), Arc::new(SystemRandom)).await?;
    let ledger = Arc::new(ledger);
    let edge = Edge::new(Domain::Ledger, clock);
    let routers = grpc::routers(&ledger, &edge);
    let addresses = serve(&ledger.settings().server, &edge, routers, supervisor, reload).await?;
    Ok(Server { addresses, ledger, store })
}

impl Server {
    /// Closes the store, once the supervisor has ended the service.
    pub(crate) async fn close(self) {
        drop(self.ledger);
        self.store.close().await;
    }
}

/// Reads a `.properties` file, with the environment's variables where it names them.
pub(crate) fn load(path: &Path) -> anyhow::Result<Properties> {
    Ok(Properties::load(path, &|name| std::env::var(name).ok())?)
}

/// Of which the interpreters of JavaScript are made too: even if its file was replaced meanwhile.
fn this_program() -> PathBuf {
    if cfg!(target_os = "linux") {
        return "/proc/self/exe".into();
    }
    std::env::current_exe().unwrap_or_else(|_| "trustkeep".into())
}

/// What runs contracts and functions.
pub(crate) fn engines() -> Engines {
    Engines::new().with(BuiltIns).with(WasmEngine::new()).with(JsEngine::apart(this_program(), Vec::new()))
}

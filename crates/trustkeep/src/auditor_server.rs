//! `trustkeep auditor`: runs an Auditor from a `.properties` file.

use std::convert::Infallible;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use trustkeep_auditor::{Auditor, AuditorSettings, grpc};
use trustkeep_chassis::clock::SystemClock;
use trustkeep_chassis::shutdown::Reload;
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_scalar_domain::edge::{Addresses, Edge, serve, stop_deadline};
use trustkeep_scalar_domain::settings::Domain;
use trustkeep_scalar_rpc::properties::Properties;

use crate::host::Host;
use crate::ledger_server::{engines, load};
use crate::notify;
use crate::stores::scalar::ScalarStore;

/// Configuration file and logging.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trustkeep auditor --config /etc/trustkeep/auditor.properties\n  \
    trustkeep schema --config /etc/trustkeep/auditor.properties    make its tables first")]
pub(crate) struct Args {
    /// Configuration file with the keys of Scalar DL's Auditor
    #[arg(long, visible_alias = "properties", value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// How much to log: trace, debug, info, warn or error
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    pub(crate) log_level: String,
    /// Form of the log: standard or json
    #[arg(long, value_name = "FORMAT")]
    pub(crate) log_format: Option<String>,
}

/// An Auditor that answers.
pub(crate) struct Server {
    /// Where it listens.
    pub(crate) addresses: Addresses,
    /// How long it may take to end.
    stop_deadline: Duration,
    store: ScalarStore,
}

/// Runs until interrupted.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let properties = load(&args.config)?;
    let host = Host::start(&args.log_level, args.log_format.as_deref(), false)?;
    let server = start(&properties, &host.supervisor, &host.reload).await?;
    let Addresses { main, privileged, admin, .. } = server.addresses;
    tracing::info!(auditor = %main, %privileged, %admin, "the Auditor answers");
    notify::follow(&host.supervisor);
    let outcome = host.run_until(server.stop_deadline).await;
    server.close().await;
    outcome
}

/// Starts an Auditor, which ends with the supervisor's shutdown.
///
/// # Errors
/// Properties that are wrong, a store that does not open, a port that is taken.
pub(crate) async fn start(
    properties: &Properties,
    supervisor: &Supervisor,
    reload: &Reload,
) -> anyhow::Result<Server> {
    let settings = AuditorSettings::read(properties)?;
    let store = ScalarStore::open(properties).await?;
    let clock = SystemClock::shared();
    let auditor =
        Auditor::open(store.store.clone(), &settings, engines(), clock.clone(), Arc::new(SystemRandom));
    let auditor = Arc::new(auditor.await?);
    let settings = settings.server;
    let edge = Edge::new(Domain::Auditor, clock);
    let routers = grpc::routers(&auditor, &settings, &edge);
    let addresses = serve(&settings, &edge, routers, supervisor, reload).await?;
    let shutdown = supervisor.shutdown().clone();
    supervisor.spawn_finite("auditor purge", async move {
        auditor.run_purges(shutdown).await;
        Ok::<_, Infallible>(())
    });
    Ok(Server { addresses, stop_deadline: stop_deadline(&settings), store })
}

impl Server {
    /// Closes the store, once the supervisor has ended the service.
    pub(crate) async fn close(self) {
        self.store.close().await;
    }
}

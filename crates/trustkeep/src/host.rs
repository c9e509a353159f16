//! The process that hosts services: logs, protections, signals, and an orderly end.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use trustkeep_chassis::shutdown::{Reload, Shutdown, catch_signals};
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_chassis::{logs, metrics, process, tls};
use trustkeep_crypto::Random as _;
use trustkeep_crypto::random::SystemRandom;

/// What hosts services for the life of the process.
pub(crate) struct Host {
    /// Owns every task.
    pub(crate) supervisor: Supervisor,
    /// Asked for by SIGHUP.
    pub(crate) reload: Reload,
    /// Changes the log level.
    pub(crate) logs: logs::Handle,
}

impl Host {
    /// Sets the process up.
    ///
    /// # Errors
    /// An unknown log level or format, or a protection that the operating system refused.
    pub(crate) fn start(level: &str, format: Option<&str>, lock_memory: bool) -> anyhow::Result<Self> {
        // Gathering the first entropy takes the library tens of milliseconds, which pass while the store is opened.
        std::thread::spawn(|| SystemRandom.fill(&mut [0]));
        let level = level.parse()?;
        let format = format.map(str::parse).transpose()?.unwrap_or_default();
        let logs = logs::init(logs::Settings { level, format });
        process::harden(process::Hardening { lock_memory })?;
        tls::install_provider();
        metrics::install()?;
        let (shutdown, reload) = (Shutdown::new(), Reload::new());
        catch_signals(&shutdown, &reload)?;
        let supervisor = Supervisor::new(shutdown.clone());
        supervisor.spawn("metrics upkeep", metrics::run_upkeep(shutdown));
        Ok(Host { supervisor, reload, logs })
    }

    /// Waits until the process is told to stop and everything accepted is done.
    ///
    /// # Errors
    /// The task that failed and so ended the process, or those that did not end in time.
    pub(crate) async fn run(self) -> anyhow::Result<ExitCode> {
        self.run_until(DRAIN).await
    }

    /// The same, with `patience` from being told to stop to the end.
    ///
    /// # Errors
    /// As [`Host::run`].
    pub(crate) async fn run_until(self, patience: Duration) -> anyhow::Result<ExitCode> {
        self.supervisor.join(patience).await.context("the server stopped")?;
        Ok(ExitCode::SUCCESS)
    }
}

const DRAIN: Duration = Duration::from_secs(30);

/// The machine's name; empty where it has none that can be read.
pub(crate) fn name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .unwrap_or_default()
}

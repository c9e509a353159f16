//! `vault server`: runs a vault from configuration files, or a throw-away one with `-dev`.

mod cluster;
mod throw_away;

use std::convert::Infallible;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use trustkeep_chassis::clock::SystemClock;
use trustkeep_chassis::http::{Limits, ListenSettings};
use trustkeep_chassis::logs;
use trustkeep_chassis::shutdown::{ReloadRequests, Shutdown};
use trustkeep_chassis::tls::ServerTls;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_vault::VAULT_VERSION;
use trustkeep_vault::core::{Core, CoreSettings, audit};
use trustkeep_vault::ha::Ha;
use trustkeep_vault::http::EdgeSettings;
use trustkeep_vault::service::{Ports, Service};
use trustkeep_vault::settings::{Listener, Postgresql, Settings, Storage};

use crate::audit_ledger;
use crate::host::Host;
use crate::notify;
use crate::stores::VaultStore;

/// Configuration files, development mode, logging.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    vault server -config=/etc/vault.d/vault.hcl\n  \
    vault server -config=/etc/vault.d                      every .hcl and .json file of a directory\n  \
    vault server -dev -dev-root-token-id=root              in memory, unsealed, for trying things")]
pub(crate) struct Args {
    /// Configuration file, or directory of them, in HCL or JSON; may be given several times, later ones win
    #[arg(long, value_name = "PATH")]
    pub(crate) config: Vec<PathBuf>,
    /// Development mode: in memory, initialised, unsealed, without TLS. Never for real secrets
    #[arg(long)]
    pub(crate) dev: bool,
    /// Development mode: the root token to use instead of a random one
    #[arg(long, value_name = "TOKEN", env = "VAULT_DEV_ROOT_TOKEN_ID", hide_env_values = true)]
    pub(crate) dev_root_token_id: Option<String>,
    /// Development mode: address to listen on
    #[arg(long, value_name = "ADDR", env = "VAULT_DEV_LISTEN_ADDRESS", default_value = "127.0.0.1:8200")]
    pub(crate) dev_listen_address: SocketAddr,
    /// Development mode: do not write the root token to ~/.vault-token
    #[arg(long)]
    pub(crate) dev_no_store_token: bool,
    /// Development mode: serve TLS with a certificate made at start
    #[arg(long)]
    pub(crate) dev_tls: bool,
    /// Development mode: directory to write that certificate to
    #[arg(long, value_name = "DIR")]
    pub(crate) dev_tls_cert_dir: Option<PathBuf>,
    /// Development mode: version 1 of the key/value engine at secret/ instead of version 2
    #[arg(long)]
    pub(crate) dev_kv_v1: bool,
    /// Development mode: an in-memory store that takes part in high availability
    #[arg(long)]
    pub(crate) dev_ha: bool,
    /// How much to log: trace, debug, info, warn or error
    #[arg(long, value_name = "LEVEL", env = "VAULT_LOG_LEVEL")]
    pub(crate) log_level: Option<String>,
    /// Form of the log: standard or json
    #[arg(long, value_name = "FORMAT", env = "VAULT_LOG_FORMAT")]
    pub(crate) log_format: Option<String>,
}

/// Runs until interrupted.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.dev {
        return throw_away::run(args).await;
    }
    if args.config.is_empty() {
        anyhow::bail!("no configuration: name a file or directory with -config=PATH, or try -dev");
    }
    let settings = Settings::load(&args.config, &|name| std::env::var(name).ok())?;
    let level = args.log_level.as_deref().unwrap_or(settings.log_level.as_str()).to_owned();
    let format = args.log_format.as_deref().unwrap_or(settings.log_format.as_str()).to_owned();
    let host = Host::start(&level, Some(&format), !settings.disable_mlock)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    refuse_what_is_not_there(&settings)?;
    let seals = crate::seals::seals(&settings).await?;
    let _pid_file = write_pid(settings.pid_file.as_deref())?;
    let listeners = settings.listeners.iter().map(listener).collect::<anyhow::Result<Vec<_>>>()?;
    let tls: Vec<ServerTls> = listeners.iter().filter_map(|(_, _, tls)| tls.clone()).collect();
    let cluster = cluster::settings(&settings)?;
    let ports = Ports::bind(listeners.into_iter().map(|(listen, edge, _)| (listen, edge)).collect()).await?;
    let store = VaultStore::open(&settings.storage).await?;
    let mut core = Core::new(
        store.store.clone(),
        core_settings(&settings),
        Arc::new(SystemRandom),
        SystemClock::shared(),
    )?;
    let audit_kinds = audit::builtin(SystemClock::shared(), own_places(&settings, &args.config))
        .with("ledger", audit_ledger::kind());
    core = core.with_seals(seals).with_audit_kinds(audit_kinds);
    let mut ports = ports;
    if let Some(cluster) = cluster {
        let ha = Ha::new(store.store.clone(), cluster)?;
        ports = ports.with_nodes(cluster::listeners(&settings, &ha)).await?;
        core = core.among(ha);
    }
    let core = Arc::new(core);
    if let Some(lease) = &store.lease {
        core.fence(lease.fence());
    }
    let service = Service::new(core.clone(), ports);
    let cluster_addr = core.ha().and_then(|ha| ha.settings().cluster_addr.clone());
    // Before anybody is told that it serves: from then on no request to reload may be missed.
    let requests = host.reload.subscribe();
    banner(&settings, &service, cluster_addr)?;
    service.spawn(&host.supervisor);
    notify::follow(&host.supervisor);
    let reload = reload_on_hangup(requests, host.logs.clone(), args.config.clone(), tls, core.clone());
    host.supervisor.spawn("reload", until(host.supervisor.shutdown().clone(), reload));
    let lost = match &store.lease {
        Some(lease) => {
            let shutdown = host.supervisor.shutdown().clone();
            tokio::select! {
                () = lease.lost() => {
                    tracing::error!("{LEASE_LOST}");
                    shutdown.trigger(LEASE_LOST);
                    true
                }
                () = shutdown.wait() => false,
            }
        }
        None => false,
    };
    let outcome = host.run().await;
    drop(core);
    store.close().await;
    anyhow::ensure!(!lost, LEASE_LOST);
    outcome
}

fn core_settings(settings: &Settings) -> CoreSettings {
    let seconds = |duration: std::time::Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    CoreSettings {
        default_lease_ttl: seconds(settings.default_lease_ttl),
        max_lease_ttl: seconds(settings.max_lease_ttl),
        storage_type: settings.storage.kind().into(),
        cluster_name: settings.cluster_name.clone().unwrap_or_default(),
        api_addr: settings.api_addr.clone().unwrap_or_default(),
        ui: settings.ui,
        user_lockout: settings.user_lockout.clone(),
        raw_storage_endpoint: settings.raw_storage_endpoint,
        prometheus: !settings.telemetry.prometheus_retention_time.is_zero(),
        log_level: settings.log_level.as_str().parse().unwrap_or_default(),
        sanitized: settings.sanitized(),
    }
}

/// Where the server keeps files of its own: no audit log may be written there.
fn own_places(settings: &Settings, config: &[PathBuf]) -> Vec<PathBuf> {
    let data = match &settings.storage {
        Storage::File { path } => Some(path.clone()),
        _ => None,
    };
    config.iter().cloned().chain(data).chain(settings.plugin_directory.clone()).collect()
}

/// Writes the process number where the configuration asks for it; gone again with the value returned.
fn write_pid(file: Option<&Path>) -> anyhow::Result<Option<PidFile>> {
    let Some(path) = file else { return Ok(None) };
    std::fs::write(path, std::process::id().to_string())
        .with_context(|| format!("pid_file: cannot write {}", path.display()))?;
    Ok(Some(PidFile(path.to_owned())))
}

struct PidFile(PathBuf);

impl Drop for PidFile {
    fn drop(&mut self) {
        // Nothing depends on it; whoever reads it finds no such process.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What the file may ask for and this version does not have: better not to start than to start without it.
fn refuse_what_is_not_there(settings: &Settings) -> anyhow::Result<()> {
    if settings.ha_storage.is_some() {
        anyhow::bail!(
            "ha_storage: leadership kept in another storage than the data cannot keep a former leader from writing; remove the stanza, and set ha_enabled = \"true\" in the storage stanza"
        );
    }
    if let Storage::Postgresql(Postgresql { table: Some(table), .. }) = &settings.storage {
        anyhow::bail!(
            "storage \"postgresql\": the table is vault.entry in this version: remove table = {table:?}"
        );
    }
    Ok(())
}

fn listener(listener: &Listener) -> anyhow::Result<(ListenSettings, EdgeSettings, Option<ServerTls>)> {
    let limits = Limits {
        header_timeout: listener.http_read_header_timeout,
        idle_timeout: listener.http_idle_timeout,
        request_timeout: Some(listener.max_request_duration),
        ..Limits::default()
    };
    let mut listen = ListenSettings::new("vault", listener.address).with_limits(limits);
    let tls = listener.tls.clone().map(ServerTls::load).transpose()?;
    if let Some(tls) = &tls {
        listen = listen.with_tls(tls.clone());
    }
    let request_bytes_max = usize::try_from(listener.max_request_size)?;
    let edge = EdgeSettings {
        request_bytes_max,
        unauthenticated_metrics: listener.unauthenticated_metrics_access,
        key_holders: true,
        headers: listener.custom_response_headers.clone(),
        forwarded_for: listener.x_forwarded_for.clone(),
    };
    Ok((listen, edge, tls))
}

/// At SIGHUP: audit files, certificates and the log level anew. What cannot be read leaves the old in place.
async fn reload_on_hangup(
    mut requests: ReloadRequests,
    logs: logs::Handle,
    config: Vec<PathBuf>,
    tls: Vec<ServerTls>,
    core: Arc<Core>,
) {
    loop {
        requests.next().await;
        tracing::info!("reload triggered");
        core.reopen_audit().await;
        for tls in &tls {
            if let Err(error) = tls.reload() {
                tracing::error!(%error, "a certificate could not be reloaded; the old one stays");
            }
        }
        match Settings::load(&config, &|name| std::env::var(name).ok()) {
            Ok(settings) => {
                if let Ok(level) = settings.log_level.as_str().parse() {
                    logs.set_level(level);
                }
            }
            Err(problems) => {
                tracing::error!(%problems, "the configuration could not be reloaded; the old one stays")
            }
        }
    }
}

async fn until(shutdown: Shutdown, work: impl Future<Output = ()>) -> Result<(), Infallible> {
    tokio::select! {
        () = shutdown.wait() => {}
        () = work => {}
    }
    Ok(())
}

fn banner(settings: &Settings, service: &Service, cluster_addr: Option<String>) -> anyhow::Result<()> {
    let mut lines = vec![
        ("Log Level", settings.log_level.as_str().to_owned()),
        ("Storage", settings.storage.kind().to_owned()),
        ("Version", format!("Vault v{VAULT_VERSION}, Trustkeep {}", env!("CARGO_PKG_VERSION"))),
    ];
    if let Some(api_addr) = &settings.api_addr {
        lines.push(("Api Address", api_addr.clone()));
    }
    if let Some(cluster_addr) = cluster_addr {
        lines.push(("Cluster Address", cluster_addr));
    }
    for (scheme, address) in service.addresses() {
        let tls = if scheme == "https" { "enabled" } else { "disabled" };
        lines.push(("Listener", format!("tcp (addr: \"{address}\", tls: \"{tls}\")")));
    }
    lines.sort();
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let mut out = std::io::stdout().lock();
    writeln!(out, "==> Vault server configuration:\n")?;
    for (name, value) in lines {
        writeln!(out, "{name:>width$}: {value}", width = width + 8)?;
    }
    writeln!(out, "\n==> Vault server started! Log data will stream in below:\n")?;
    out.flush()?;
    Ok(())
}

const LEASE_LOST: &str = "the storage could not be reached for longer than the lease on it lasts, or another server has taken it: this one stops; start it again";

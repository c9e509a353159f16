//! `trustkeep dev`: every service on this machine, on one embedded store.

mod keys;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::json;
use trustkeep_chassis::clock::SystemClock;
use trustkeep_chassis::http::ListenSettings;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_vault::core::{Core, CoreSettings, InitRequest};
use trustkeep_vault::http::EdgeSettings;
use trustkeep_vault::request::{Operation, Request};
use trustkeep_vault::service::{Ports, Service};

use self::keys::DevKeys;
use crate::host::Host;
use crate::stores::VaultStore;

/// Where to keep data and where to listen.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trustkeep dev                          start, and print what to do next\n  \
    trustkeep dev --data-dir /tmp/try      keep the data elsewhere\n  \
    trustkeep dev --json                   print addresses and tokens as one line of JSON, for programs")]
pub(crate) struct Args {
    /// Directory of the store; it is created, and found again at the next start
    #[arg(long, value_name = "DIR", default_value = "./trustkeep-data")]
    pub(crate) data_dir: PathBuf,
    /// Print one line with one JSON object once everything answers, instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// Address of the vault
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8200")]
    pub(crate) listen: SocketAddr,
    /// How much to log: trace, debug, info, warn or error
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    pub(crate) log_level: String,
}

/// Runs until interrupted.
pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    if !args.listen.ip().is_loopback() {
        anyhow::bail!(
            "{} is not a loopback address: `trustkeep dev` serves without TLS and keeps its unseal key beside the data; use `trustkeep vault server -config=FILE` for other machines to reach it",
            args.listen
        );
    }
    let host = Host::start(&args.log_level, None, false)?;
    let listener = ListenSettings::new("vault", args.listen);
    let ports = Ports::bind(vec![(listener, EdgeSettings::default())]).await;
    let ports = ports.with_context(|| format!("cannot start on the data in {}", args.data_dir.display()))?;
    let store = VaultStore::embedded(&args.data_dir.join("store")).await?;
    let settings = CoreSettings {
        storage_type: "file".into(),
        cluster_name: "trustkeep-dev".into(),
        ..Default::default()
    };
    let core =
        Arc::new(Core::new(store.store.clone(), settings, Arc::new(SystemRandom), SystemClock::shared())?);
    let service = Service::new(core.clone(), ports);
    let address = service
        .addresses()
        .first()
        .map(|(scheme, address)| format!("{scheme}://{address}"))
        .unwrap_or_default();
    let keys = open(&core, &args.data_dir).await?;
    service.spawn(&host.supervisor);
    announce(&args, &address, keys.root_token.expose())?;
    let outcome = host.run().await;
    drop(core);
    store.close().await;
    outcome
}

/// Unseals the vault; at the first start makes it, with a KV engine of version 2 at `secret/`.
async fn open(core: &Arc<Core>, data_dir: &Path) -> anyhow::Result<DevKeys> {
    let mut keys = if core.seal_config().await?.is_some() {
        DevKeys::load(data_dir)?
    } else {
        let made = core.initialize(InitRequest::shamir(1, 1)).await?;
        let [share] = made.shares.as_slice() else { anyhow::bail!("one unseal key was expected") };
        let keys = DevKeys::new(share.to_base64(), made.root_token.into());
        keys.save(data_dir)?;
        keys
    };
    core.unseal(keys.unseal_key.expose()).await.context("the unseal key beside the data does not open it")?;
    if !keys.set_up {
        enable_kv(core, keys.root_token.expose(), "2").await?;
        keys.set_up = true;
        keys.save(data_dir)?;
    }
    Ok(keys)
}

/// Mounts a KV engine at `secret/`, unless an earlier, interrupted start did.
pub(crate) async fn enable_kv(core: &Arc<Core>, token: &str, version: &str) -> anyhow::Result<()> {
    if core.unsealed()?.mounts().get("secret/").is_some() {
        return Ok(());
    }
    let mount =
        json!({ "type": "kv", "description": "key/value secret storage", "options": { "version": version } });
    let data = mount.as_object().cloned().unwrap_or_default();
    core.handle(Request::internal(Operation::Update, "sys/mounts/secret", data, token)).await?;
    Ok(())
}

fn announce(args: &Args, address: &str, token: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", json!({ "vault": { "address": address, "token": token } }))?;
    } else {
        write!(out, "{}", greeting(&args.data_dir, address, token))?;
    }
    out.flush()?;
    Ok(())
}

fn greeting(data_dir: &Path, address: &str, token: &str) -> String {
    let data_dir = data_dir.display();
    format!(
        "Trustkeep is running, for development: on this machine only, without TLS, unsealed.\n\
         \n\
         vault    {address}\n\
         token    {token}\n\
         data     {data_dir}   (kept for the next start; remove it to start anew)\n\
         \n\
         Try, in another terminal:\n\
         \n\
         curl -H 'X-Vault-Token: {token}' -d '{{\"data\":{{\"colour\":\"green\"}}}}' {address}/v1/secret/data/first\n\
         \n\
         export VAULT_ADDR={address} VAULT_TOKEN={token}\n\
         trustkeep vault kv put secret/first colour=blue     (or: cargo run --release -- vault kv put …)\n\
         \n\
         python3 -c \"import hvac; print(hvac.Client('{address}', token='{token}').secrets.kv.v2.read_secret_version('first', raise_on_deleted_version=True)['data']['data'])\"     (pip install hvac)\n\
         \n\
         Stop it with Ctrl-C.\n"
    )
}

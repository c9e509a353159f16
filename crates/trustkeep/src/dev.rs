//! `trustkeep dev`: every service on this machine, each on an embedded store of its own.

pub(crate) mod agent;
pub(crate) mod controller;
pub(crate) mod identity;
pub(crate) mod records;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Value, json};
use trustkeep_chassis::http::ListenSettings;
use trustkeep_scalar_domain::edge::Addresses;
use trustkeep_vault::http::EdgeSettings;

use self::agent::DevAgent;
use self::controller::DevController;
use self::records::{Place, Ports};
use crate::host::Host;
use crate::own_vault::{self, OwnVault};

/// Where to keep data and where to listen.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    trustkeep dev                          start, and print what to do next\n  \
    trustkeep dev --data-dir /tmp/try      keep the data elsewhere\n  \
    trustkeep dev --json                   print addresses and tokens as one line of JSON, for programs\n  \
    trustkeep dev --listen 127.0.0.1:0 --ledger-port 0 --auditor-port 0 --agent-port 0 --controller-port 0   on ports that are free")]
pub(crate) struct Args {
    /// Directory of the stores and keys; it is created, and found again at the next start
    #[arg(long, value_name = "DIR", default_value = "./trustkeep-data")]
    pub(crate) data_dir: PathBuf,
    /// Print one line with one JSON object once everything answers, instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// Address of the vault
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8200")]
    pub(crate) listen: SocketAddr,
    /// Port of the ledger; the three after it are for privileged clients, administration and metrics. 0: any free ones
    #[arg(long, value_name = "PORT", default_value_t = 50051)]
    pub(crate) ledger_port: u16,
    /// Port of the auditor; the three after it likewise
    #[arg(long, value_name = "PORT", default_value_t = 40051)]
    pub(crate) auditor_port: u16,
    /// Port of the agent; the one after it is for its controller
    #[arg(long, value_name = "PORT", default_value_t = 8020)]
    pub(crate) agent_port: u16,
    /// Port of the VC controller; the one after it is for its users' vault
    #[arg(long, value_name = "PORT", default_value_t = 7443)]
    pub(crate) controller_port: u16,
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
    let (ledger_ports, auditor_ports) = (Ports::from(args.ledger_port)?, Ports::from(args.auditor_port)?);
    let (agent_ports, controller_ports) =
        (two("--agent-port", args.agent_port)?, two("--controller-port", args.controller_port)?);
    let host = Host::start(&args.log_level, None, false)?;
    let vault = OwnVault::start(
        own_vault::Place::development(&args.data_dir),
        vec![(ListenSettings::new("vault", args.listen), EdgeSettings::default())],
        &host.supervisor,
    )
    .await?;
    let place = Place::prepare(&args.data_dir)?;
    let ledger = place.start_ledger(ledger_ports, &host.supervisor, &host.reload).await?;
    let ledger_ports = Ports::of(&ledger.addresses);
    let auditor = place.start_auditor(auditor_ports, ledger_ports, &host.supervisor, &host.reload).await?;
    let auditor_ports = Ports::of(&auditor.addresses);
    let (client, properties) = place.client("demo", CLIENT_FILE, ledger_ports, auditor_ports).await?;
    place.acquaint(&client).await?;
    records::bootstrap(&client).await?;
    let (_, audit_properties) = place.client("vault", AUDIT_FILE, ledger_ports, auditor_ports).await?;
    let agent =
        DevAgent::start(&args.data_dir.join("agent"), "agent", agent_ports, &vault, &host.supervisor).await?;
    let dir = args.data_dir.join("controller");
    let controller = DevController::start(&dir, controller_ports, &host.supervisor, &host.reload).await?;
    let running = Running {
        vault: &vault,
        agent: &agent,
        controller: &controller,
        ledger: ledger.addresses,
        auditor: auditor.addresses,
        properties: &properties,
        audit_properties: &audit_properties,
    };
    let mut out = std::io::stdout().lock();
    if args.json {
        writeln!(out, "{}", running.json())?;
    } else {
        out.write_all(running.greeting(&args.data_dir).as_bytes())?;
    }
    out.flush()?;
    drop(out);
    let outcome = host.run().await;
    controller.close().await;
    agent.close().await;
    auditor.close().await;
    ledger.close().await;
    vault.close().await;
    outcome
}

/// A port and the one after it; 0: any two.
fn two(option: &str, port: u16) -> anyhow::Result<[u16; 2]> {
    match port {
        0 => Ok([0, 0]),
        port => {
            let next = port.checked_add(1);
            Ok([port, next.with_context(|| format!("{option}: the port after it must be at most 65535"))?])
        }
    }
}

/// What users are told.
struct Running<'a> {
    vault: &'a OwnVault,
    agent: &'a DevAgent,
    controller: &'a DevController,
    ledger: Addresses,
    auditor: Addresses,
    properties: &'a Path,
    audit_properties: &'a Path,
}

impl Running<'_> {
    fn json(&self) -> Value {
        let server = |addresses: Addresses| {
            let metrics = addresses.prometheus.map(|address| format!("http://{address}/stats/prometheus"));
            json!({
                "address": addresses.main,
                "privileged_address": addresses.privileged,
                "admin_address": addresses.admin,
                "metrics": metrics,
            })
        };
        json!({
            "vault": { "address": self.vault.address, "token": self.vault.root_token.expose() },
            "ledger": server(self.ledger),
            "auditor": server(self.auditor),
            "agent": {
                "endpoint": self.agent.endpoint,
                "admin": self.agent.admin,
                "api_key": self.agent.api_key.expose(),
            },
            "controller": {
                "address": self.controller.address,
                "vault": self.controller.vault,
                "ca": self.controller.ca_file,
                "config": self.controller.config,
                "token": self.controller.token.expose(),
            },
            "client": {
                "properties": self.properties,
                "audit_properties": self.audit_properties,
            },
        })
    }

    fn greeting(&self, data_dir: &Path) -> String {
        let (address, token) = (&self.vault.address, self.vault.root_token.expose());
        let (ledger, auditor) = (self.ledger.main, self.auditor.main);
        let (data_dir, properties) = (data_dir.display(), self.properties.display());
        let audit_properties = self.audit_properties.display();
        let (endpoint, admin, api_key) =
            (&self.agent.endpoint, &self.agent.admin, self.agent.api_key.expose());
        let controller = self.controller;
        let (vcc, vcc_vault, vcc_token) = (&controller.address, &controller.vault, controller.token.expose());
        let (vcc_ca, vcc_config) = (controller.ca_file.display(), controller.config.display());
        format!(
            "Trustkeep is running, for development: on this machine only, without TLS, unsealed.\n\
             \n\
             vault    {address}\n\
             token    {token}\n\
             ledger   {ledger}   (Scalar DL's protocol; privileged, admin and metrics ports follow it)\n\
             auditor  {auditor}   (the same; in earnest somebody else runs it, elsewhere)\n\
             client   {properties}\n\
             agent    {endpoint}   (other agents send here; its keys are in the vault at secret/trustkeep/agent)\n\
             admin    {admin}/api/doc   (ACA-Py's admin API; x-api-key: {api_key})\n\
             vcc      {vcc}   (VC controller, by TLS; its users' vault: {vcc_vault}; token: {vcc_token})\n\
             data     {data_dir}   (kept for the next start; remove it to start anew)\n\
             \n\
             Try, in another terminal (`trustkeep` may be: cargo run --release --):\n\
             \n\
             curl -H 'X-Vault-Token: {token}' -d '{{\"data\":{{\"colour\":\"green\"}}}}' {address}/v1/secret/data/first\n\
             \n\
             export VAULT_ADDR={address} VAULT_TOKEN={token}\n\
             trustkeep vault kv put secret/first colour=blue\n\
             trustkeep vault audit enable ledger properties_file={audit_properties}\n\
             \n\
             trustkeep ledger-client hashstore put-object --properties {properties} --object-id first --hash e3b0c442\n\
             trustkeep ledger-client hashstore get-object --properties {properties} --object-id first\n\
             trustkeep ledger-client hashstore validate-ledger --properties {properties} --object-id first\n\
             \n\
             curl -X POST -H 'x-api-key: {api_key}' {admin}/connections/create-invitation\n\
             \n\
             curl --cacert {vcc_ca} -H 'x-vcc-access-token: {vcc_token}' {vcc}/vcp/v1/occtr/accounts/authority\n\
             trustkeep vcc --config {vcc_config} user list\n\
             \n\
             trustkeep demo     shows in seconds how a record that was changed behind the ledger's back is found\n\
             \n\
             python3 -c \"import hvac; print(hvac.Client('{address}', token='{token}').secrets.kv.v2.read_secret_version('first', raise_on_deleted_version=True)['data']['data'])\"     (pip install hvac)\n\
             \n\
             Stop it with Ctrl-C.\n"
        )
    }
}

const CLIENT_FILE: &str = "client.properties";
const AUDIT_FILE: &str = "vault-audit.properties";

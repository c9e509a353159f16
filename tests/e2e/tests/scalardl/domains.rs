//! Two servers and a client of both.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use trustkeep_e2e::{eventually, program};
use trustkeep_scalar_client::{Call, Client, ClientConfig};
use trustkeep_scalar_rpc::messages::ContractExecutionRequest;
use trustkeep_scalar_rpc::properties::Properties;
use trustkeep_scalar_rpc::{Error, Result};

/// How long an order may wait before others ask the Ledger about it.
pub(crate) const GRACE_MS: u64 = 700;

/// One server: its configuration, its store, and its process while it runs.
pub(crate) struct Domain {
    kind: &'static str,
    dir: PathBuf,
    ports: [u16; 4],
    process: Option<Child>,
}

/// Both, in a directory that goes with them.
pub(crate) struct Domains {
    pub(crate) ledger: Domain,
    pub(crate) auditor: Domain,
    pub(crate) client: Client,
    _dir: TempDir,
}

impl Domains {
    /// Starts both with HMAC and registers a client with contracts `put` and `get`.
    pub(crate) async fn start() -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let mut ledger = Domain::new("ledger", dir.path())?;
        let mut auditor = Domain::new("auditor", dir.path())?;
        ledger.configure(
            "scalar.dl.ledger.proof.enabled=true\n\
             scalar.dl.ledger.auditor.enabled=true\n\
             scalar.dl.ledger.transaction_state_purge.enabled=true\n",
        )?;
        auditor.configure(&format!(
            "scalar.dl.auditor.ledger.host=127.0.0.1\n\
             scalar.dl.auditor.ledger.port={}\n\
             scalar.dl.auditor.lock_recovery.grace_period_millis={GRACE_MS}\n\
             scalar.dl.auditor.transaction_state_purge.enabled=true\n",
            ledger.ports[0]
        ))?;
        ledger.start().await?;
        auditor.start().await?;
        let client = client(&ledger, &auditor)?;
        client.register_secret().await?;
        client.register_built_in("put", "com.org1.contract.StateUpdater").await?;
        client.register_built_in("get", "com.org1.contract.StateReader").await?;
        Ok(Self { ledger, auditor, client, _dir: dir })
    }

    /// Executes: all three steps.
    pub(crate) async fn put(&self, id: &str, state: u32) -> Result<()> {
        self.client.execute_contract("put", &argument(id, state)).await.map(drop)
    }

    /// An asset's age and state, validated.
    pub(crate) async fn get(&self, id: &str) -> Result<(u64, u64)> {
        let execution = self.client.execute_contract("get", &format!(r#"{{"asset_id":"{id}"}}"#)).await?;
        let text = execution.contract_result.unwrap_or_default();
        let result: serde_json::Value = serde_json::from_str(&text).unwrap();
        Ok((result["age"].as_u64().unwrap(), result["output"]["state"].as_u64().unwrap()))
    }

    /// The first step of a `put`.
    pub(crate) async fn order(&self, id: &str, state: u32) -> Result<ContractExecutionRequest> {
        let call = Call { contract_id: "put", argument: &argument(id, state), ..Call::default() };
        self.client.order(self.client.prepare(call)?).await
    }

    /// Tries until nobody else holds the asset any more; the servers may be away meanwhile.
    pub(crate) async fn put_at_last(&self, id: &str, state: u32) -> anyhow::Result<()> {
        let put = || async {
            match self.put(id, state).await {
                Ok(()) => Ok(Some(())),
                Err(error) if error.code.number() == 504 => Ok(None),
                Err(error) => Err(error.into()),
            }
        };
        eventually("the lock's recovery", put).await
    }
}

impl Domain {
    fn new(kind: &'static str, within: &Path) -> anyhow::Result<Self> {
        let dir = within.join(kind);
        std::fs::create_dir(&dir)?;
        // Kept open together, so that no two are the same.
        let free = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0"));
        let mut ports = [0; 4];
        for (port, listener) in ports.iter_mut().zip(free) {
            *port = listener?.local_addr()?.port();
        }
        Ok(Self { kind, dir, ports, process: None })
    }

    fn configure(&self, more: &str) -> anyhow::Result<()> {
        let (kind, [main, privileged, admin, metrics]) = (self.kind, self.ports);
        let text = format!(
            "scalar.db.storage=embedded\n\
             scalar.db.contact_points={}\n\
             scalar.dl.{kind}.server.host=127.0.0.1\n\
             scalar.dl.{kind}.server.port={main}\n\
             scalar.dl.{kind}.server.privileged_port={privileged}\n\
             scalar.dl.{kind}.server.admin_port={admin}\n\
             scalar.dl.{kind}.server.prometheus_exporter_port={metrics}\n\
             scalar.dl.{kind}.server.decommissioning_duration_secs=0\n\
             scalar.dl.{kind}.authentication.method=hmac\n\
             scalar.dl.{kind}.authentication.hmac.cipher_key=cipher-of-{kind}\n\
             scalar.dl.{kind}.servers.authentication.hmac.secret_key=between-servers\n\
             {more}",
            self.store().display()
        );
        std::fs::write(self.dir.join("server.properties"), text)?;
        Ok(())
    }

    /// The directory of its store.
    pub(crate) fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    /// Starts it and waits until it listens.
    pub(crate) async fn start(&mut self) -> anyhow::Result<()> {
        let log = std::fs::File::options().create(true).append(true).open(self.dir.join("log"))?;
        let mut command = Command::new(program());
        command.args([self.kind, "--config"]).arg(self.dir.join("server.properties"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        let process = self.process.insert(command.spawn()?);
        let connect = || async {
            anyhow::ensure!(process.id().is_some(), "it ended");
            Ok(tokio::net::TcpStream::connect(("127.0.0.1", self.ports[1])).await.ok())
        };
        eventually("its port", connect).await.with_context(|| self.log()).map(drop)
    }

    /// Kills it as a loss of power would, as far as the process goes.
    pub(crate) async fn kill(&mut self) -> anyhow::Result<()> {
        self.process.take().context("it does not run")?.kill().await?;
        Ok(())
    }

    /// Kills and starts it.
    pub(crate) async fn restart(&mut self) -> anyhow::Result<()> {
        self.kill().await?;
        self.start().await
    }

    /// What it logged.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("log")).unwrap_or_default()
    }
}

/// That an execution failed with this code.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T>, code: &str) {
    let error: Error = result.unwrap_err();
    assert!(error.message.contains(code), "{error} instead of {code}");
}

fn argument(id: &str, state: u32) -> String {
    format!(r#"{{"asset_id":"{id}","state":{state}}}"#)
}

fn client(ledger: &Domain, auditor: &Domain) -> anyhow::Result<Client> {
    let ([ledger, ledger_privileged, ..], [auditor, auditor_privileged, ..]) = (ledger.ports, auditor.ports);
    let text = format!(
        "scalar.dl.client.server.host=127.0.0.1\n\
         scalar.dl.client.server.port={ledger}\n\
         scalar.dl.client.server.privileged_port={ledger_privileged}\n\
         scalar.dl.client.auditor.enabled=true\n\
         scalar.dl.client.auditor.host=127.0.0.1\n\
         scalar.dl.client.auditor.port={auditor}\n\
         scalar.dl.client.auditor.privileged_port={auditor_privileged}\n\
         scalar.dl.client.authentication.method=hmac\n\
         scalar.dl.client.entity.id=alice\n\
         scalar.dl.client.entity.identity.hmac.secret_key=of-alice\n"
    );
    Ok(Client::new(ClientConfig::from_properties(&Properties::parse(&text, &|_| None)?)?)?)
}

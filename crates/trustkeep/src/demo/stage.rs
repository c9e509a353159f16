//! Vault, ledger, auditor and their clients, for the length of a demo.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;
use trustkeep_chassis::http::ListenSettings;
use trustkeep_chassis::shutdown::Reload;
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_scalar_client::Client;
use trustkeep_vault::http::EdgeSettings;

use crate::dev::records::{self, Place, Ports};
use crate::own_vault::{self, OwnVault};
use crate::{auditor_server, ledger_server};

/// Everything that runs.
pub(super) struct Stage {
    pub(super) vault: OwnVault,
    /// Registered at both servers.
    pub(super) client: Client,
    /// As whom the vault writes its audit log.
    pub(super) audit_properties: PathBuf,
    place: Place,
    supervisor: Supervisor,
    reload: Reload,
    ledger: Option<(ledger_server::Server, Supervisor)>,
    ledger_ports: Ports,
    auditor: auditor_server::Server,
    http: reqwest::Client,
}

impl Stage {
    /// Starts everything on free ports, with its data in `dir`.
    ///
    /// # Errors
    /// Something does not start.
    pub(super) async fn set(dir: &Path, supervisor: &Supervisor, reload: &Reload) -> anyhow::Result<Self> {
        let listener = ListenSettings::new("vault", SocketAddr::from(([127, 0, 0, 1], 0)));
        let vault_dir = dir.join("vault");
        let place = own_vault::Place::development(&vault_dir);
        let vault = OwnVault::start(place, vec![(listener, EdgeSettings::default())], supervisor).await?;
        let place = Place::prepare(dir)?;
        let own = part(supervisor);
        let ledger = place.start_ledger(Ports::from(0)?, &own, reload).await?;
        let ledger_ports = Ports::of(&ledger.addresses);
        let auditor = place.start_auditor(Ports::from(0)?, ledger_ports, supervisor, reload).await?;
        let auditor_ports = Ports::of(&auditor.addresses);
        let (client, _) = place.client("demo", "client.properties", ledger_ports, auditor_ports).await?;
        place.acquaint(&client).await?;
        records::bootstrap(&client).await?;
        let (_, audit_properties) =
            place.client("vault-audit", "vault-audit.properties", ledger_ports, auditor_ports).await?;
        Ok(Stage {
            vault,
            client,
            audit_properties,
            place,
            supervisor: supervisor.clone(),
            reload: reload.clone(),
            ledger: Some((ledger, own)),
            ledger_ports,
            auditor,
            http: reqwest::Client::builder().no_proxy().build()?,
        })
    }

    /// Where the ledger listens.
    pub(super) fn ledger_address(&self) -> SocketAddr {
        let [port, ..] = self.ledger_ports.0;
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// Where the auditor listens.
    pub(super) fn auditor_address(&self) -> SocketAddr {
        self.auditor.addresses.main
    }

    /// Where the ledger's administrator finds its records.
    pub(super) fn ledger_store(&self) -> PathBuf {
        self.place.ledger_store()
    }

    /// Asks the vault as root; gives the body of its answer.
    ///
    /// # Errors
    /// It refuses.
    pub(super) async fn vault_request(
        &self,
        method: &str,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let url = format!("{}/v1/{path}", self.vault.address);
        let mut request = self.http.request(method.parse()?, url);
        request = request.header("x-vault-token", self.vault.root_token.expose());
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.context("the vault does not answer")?;
        let (status, text) = (answer.status(), answer.text().await?);
        anyhow::ensure!(status.is_success(), "{method} {path}: the vault answers {status}: {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Stops the ledger as its administrator would: what it acknowledged is in its store.
    ///
    /// # Errors
    /// It does not end well.
    pub(super) async fn stop_ledger(&mut self) -> anyhow::Result<()> {
        let (ledger, own) = self.ledger.take().context("the ledger has ended")?;
        own.shutdown().trigger("its administrator stops it");
        own.join(DRAIN).await?;
        ledger.close().await;
        Ok(())
    }

    /// Starts it again where it was.
    ///
    /// # Errors
    /// It does not start.
    pub(super) async fn start_ledger(&mut self) -> anyhow::Result<()> {
        let own = part(&self.supervisor);
        let ledger = self.place.start_ledger(self.ledger_ports, &own, &self.reload).await?;
        self.ledger = Some((ledger, own));
        Ok(())
    }

    /// Ends everything.
    ///
    /// # Errors
    /// Something does not end well.
    pub(super) async fn strike(mut self) -> anyhow::Result<()> {
        self.stop_ledger().await?;
        self.supervisor.shutdown().trigger("the demo is over");
        self.supervisor.join(DRAIN).await?;
        self.auditor.close().await;
        self.vault.close().await;
        Ok(())
    }
}

/// What ends with the whole, or earlier by itself.
pub(super) fn part(supervisor: &Supervisor) -> Supervisor {
    Supervisor::new(supervisor.shutdown().child())
}

pub(super) const DRAIN: Duration = Duration::from_secs(10);

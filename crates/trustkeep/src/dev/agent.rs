//! An agent of a development deployment: its wallet in a directory, its keys in the vault.

use std::path::Path;

use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_crypto::{SecretBytes, SecretString};

use crate::agent;
use crate::agent_server::{self, Bound, Server};
use crate::own_vault::OwnVault;

/// An agent that answers.
pub(crate) struct DevAgent {
    /// Where other agents send messages: `http://127.0.0.1:8020`.
    pub(crate) endpoint: String,
    /// Where its controller calls it: `http://127.0.0.1:8021`.
    pub(crate) admin: String,
    /// What its controller says as `x-api-key`.
    pub(crate) api_key: SecretString,
    ports: [u16; 2],
    server: Server,
}

impl DevAgent {
    /// Starts the agent of a name whose wallet lies in `dir`; at the first start makes it. The first port is for other
    /// agents, the second for the controller; 0 for any that is free.
    ///
    /// # Errors
    /// A port that is taken; a vault that does not give the keys; a wallet that they do not open.
    pub(crate) async fn start(
        dir: &Path,
        name: &str,
        [port, admin_port]: [u16; 2],
        vault: &OwnVault,
        supervisor: &Supervisor,
    ) -> anyhow::Result<Self> {
        let path = format!("secret/data/trustkeep/{name}");
        let [wallet_key, api_key] = vault.keep(&path, ["wallet_key", "api_key"], new_key).await?;
        let words = [
            "--label",
            name,
            "--endpoint",
            "http://127.0.0.1",
            "--outbound-transport",
            "http",
            "--inbound-transport",
            "http",
            "127.0.0.1",
            &port.to_string(),
            "--admin",
            "127.0.0.1",
            &admin_port.to_string(),
            "--admin-api-key",
            api_key.expose(),
            "--auto-accept-invites",
            "--auto-accept-requests",
            "--auto-ping-connection",
            "--no-ledger",
            "--wallet-name",
            name,
            "--wallet-key",
            wallet_key.expose(),
            "--auto-provision",
        ];
        let mut settings = agent::settings(&words.map(str::to_owned))?;
        settings.wallet.folder = Some(dir.to_owned());
        let bound = Bound::bind(&settings).await?;
        let (Some(inbound), Some(admin)) = (bound.inbound(), bound.admin()) else {
            anyhow::bail!("the agent has no listeners")
        };
        let ports = [inbound.port(), admin.port()];
        let (endpoint, admin) = (format!("http://{inbound}"), format!("http://{admin}"));
        settings.agent.endpoints = vec![endpoint.clone()];
        let server = agent_server::start(settings, bound, supervisor).await?;
        Ok(Self { endpoint, admin, api_key, ports, server })
    }

    /// Where it listens.
    pub(crate) fn ports(&self) -> [u16; 2] {
        self.ports
    }

    /// Closes the wallet, once the supervisor has ended the service.
    pub(crate) async fn close(self) {
        self.server.close().await;
    }
}

fn new_key() -> SecretString {
    SecretBytes::random(&SystemRandom, KEY_BYTES).to_hex()
}

const KEY_BYTES: usize = 32;

//! A VC controller of a development deployment: over a catalogue of existing servers, with a vault of its own as in earnest.

use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::Value;
use trustkeep_chassis::shutdown::Reload;
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_controller::administration::Command;
use trustkeep_controller::secrets::TokenForm;
use trustkeep_crypto::SecretString;

use super::identity::write_whole;
use crate::controller_server::{self, Args, Server};

/// A controller that answers.
pub(crate) struct DevController {
    /// `https://127.0.0.1:7443`
    pub(crate) address: String,
    /// Where its users' vault is.
    pub(crate) vault: String,
    /// What clients trust.
    pub(crate) ca_file: PathBuf,
    /// What `vcc --config` takes.
    pub(crate) config: PathBuf,
    /// Of the user `nobody`.
    pub(crate) token: SecretString,
    server: Server,
}

impl DevController {
    /// Starts the controller whose configuration and data lie in a directory; at the first start makes it. Its ports are for the API and
    /// for the vault; 0 for any that is free.
    ///
    /// # Errors
    /// A port that is taken; a configuration that somebody wrote something wrong into.
    pub(crate) async fn start(
        dir: &Path,
        [port, vault_port]: [u16; 2],
        supervisor: &Supervisor,
        reload: &Reload,
    ) -> anyhow::Result<Self> {
        let folder = dir.join("config");
        std::fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        for (file, text) in [(dir.join(".env"), ENV), (folder.join("vpn_catalog.yml"), CATALOGUE)] {
            if !file.exists() {
                write_whole(&file, text)?;
            }
        }
        let args = Args {
            config: dir.to_owned(),
            port: Some(port),
            vault_port: Some(vault_port),
            listen: Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
            metrics_port: None,
            data_dir: Some(dir.join("volume")),
            log_level: String::new(),
            log_format: None,
        };
        let server = Box::pin(controller_server::start(&args, supervisor, reload)).await?;
        let token = token(&server, &dir.join("token")).await.context("the controller's token")?;
        let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
        Ok(Self {
            address: format!("https://{}", server.api),
            vault: server.vault_url.clone(),
            ca_file: absolute(&server.ca_file),
            config: absolute(dir),
            token,
            server,
        })
    }

    /// Carries out what its administrator orders.
    ///
    /// # Errors
    /// It cannot be done.
    pub(crate) async fn order(&self, command: Command) -> anyhow::Result<Value> {
        Ok(self.server.administration.execute(command).await?)
    }

    /// Closes its store, once the supervisor has ended the service.
    pub(crate) async fn close(self) {
        self.server.close().await;
    }
}

/// The token that an earlier start made, if it is one still.
async fn token(server: &Server, file: &Path) -> anyhow::Result<SecretString> {
    if let Ok(text) = std::fs::read_to_string(file) {
        let token = SecretString::new(text);
        if server.administration.execute(Command::TokenCheck { token: token.duplicate() }).await.is_ok() {
            return Ok(token);
        }
    }
    let order = Command::TokenCreate { user_name: None, readonly: false, form: TokenForm::Vault };
    let made = server.administration.execute(order).await?;
    let token = SecretString::from(made.get("token").and_then(Value::as_str).unwrap_or_default());
    write_whole(file, token.expose())?;
    Ok(token)
}

const ENV: &str = "VCP_VCC_PRIVATE_IPMASK=127.0.0.1/8\n";
const CATALOGUE: &str = "cci_version: '1.0'\nonpremises:\n  default: {}\n";

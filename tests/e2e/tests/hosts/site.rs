use std::path::Path;

use anyhow::Context as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tempfile::TempDir;
use trustkeep_cloud::{BaseContainer, ControllerKey, Hosts as _, ImageStore, Login, SshHosts};
use trustkeep_crypto::SecretString;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_e2e::Simulated;

/// Simulated servers and a controller's hands on them.
pub(crate) struct Site {
    pub(crate) servers: Simulated,
    pub(crate) hosts: SshHosts,
    pub(crate) dir: TempDir,
}

impl Site {
    /// The image of the servers is in the store.
    pub(crate) async fn start(count: u8, options: &[&str]) -> anyhow::Result<Self> {
        let dir = tempfile::tempdir()?;
        let keys = dir.path().join(".ssh");
        let key = ControllerKey::load_or_create(&keys, &SystemRandom)?;
        let servers =
            Simulated::start(&dir.path().join("sim"), &keys.join("id_ed25519.pub"), count, options).await?;
        let images = ImageStore::new(dir.path().join("images"));
        images.add(&servers.image()?.1).await?;
        Ok(Self { servers, hosts: SshHosts::new(key, images), dir })
    }

    /// A server that was never used before.
    pub(crate) fn stranger(&self, number: usize) -> anyhow::Result<Login> {
        let address = self.servers.server(number)?["address"].as_str().context("no address")?.parse()?;
        Ok(Login { address, port: 20022, user: "root".into(), host_key: None })
    }

    /// A server whose host key is known.
    pub(crate) async fn login(&self, number: usize) -> anyhow::Result<Login> {
        let mut login = self.stranger(number)?;
        login.host_key = Some(self.hosts.reach(&login).await?);
        Ok(login)
    }

    /// A base container of the servers' own image that lets the controller in.
    pub(crate) fn wanted(&self, node: char) -> anyhow::Result<BaseContainer> {
        let key = STANDARD.encode(self.hosts.public_line());
        Ok(BaseContainer {
            node_id: node.to_string().repeat(32),
            vcid: "f".repeat(32),
            form: "standard".into(),
            name: format!("base-{node}"),
            image: self.servers.image()?.0.into(),
            env: vec![("AUTHORIZED_KEYS".into(), SecretString::new(key))],
            binds: vec![],
            restart: true,
            hostname: Some(format!("node-{node}")),
            dns: vec!["10.0.0.53".into()],
            dns_search: vec!["example.com".into()],
            dns_options: vec!["ndots:2".into()],
            extra_hosts: vec!["peer:10.0.0.2".into()],
            gpus: None,
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// The fault of what had to fail.
pub(crate) fn refused<T: std::fmt::Debug>(outcome: trustkeep_cloud::Result<T>) -> trustkeep_cloud::Fault {
    match outcome {
        Err(fault) => fault,
        Ok(done) => panic!("this had to fail: {done:?}"),
    }
}

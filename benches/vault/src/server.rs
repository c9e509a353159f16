//! The server under load: a process of its own, pinned to core 0, initialised and open.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use trustkeep_bench_rig::http::Connection;
use trustkeep_bench_rig::{Process, free_ports, pin_myself};

use crate::client;
use crate::setting::Setting;

/// A running server; killed when dropped.
pub(crate) struct Server<'a> {
    pub(crate) setting: &'a Setting,
    pub(crate) port: u16,
    /// Of root.
    pub(crate) token: String,
    /// From the start of the process to its first answer to a token: opened in between.
    pub(crate) started_in: Duration,
    key: String,
    pub(crate) process: Process,
    folder: PathBuf,
}

impl<'a> Server<'a> {
    pub(crate) async fn start(setting: &'a Setting, folder: &Path) -> anyhow::Result<Self> {
        pin_myself(Some(1))?;
        let data = folder.join("data");
        std::fs::create_dir_all(&data)?;
        let mut server = Self::launch(setting, folder, String::new(), String::new()).await?;
        let mut connection = Connection::open(server.port).await?;
        let body = json!({"secret_shares": 1, "secret_threshold": 1});
        let made = connection.ask(&client::post("", "sys/init", &body)).await;
        let made = made.context("the storage must be empty")?;
        let text = |pointer: &str| made.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        server.key = text("/keys_base64/0").context("no key")?;
        server.token = text("/root_token").context("no token")?;
        server.open().await?;
        Ok(server)
    }

    /// Stops it in good order and starts it on the same data.
    pub(crate) async fn restart(self) -> anyhow::Result<Self> {
        self.process.stop().await?;
        let mut server = Self::launch(self.setting, &self.folder, self.key, self.token).await?;
        server.open().await?;
        Ok(server)
    }

    async fn launch(setting: &'a Setting, folder: &Path, key: String, token: String) -> anyhow::Result<Self> {
        let [port] = free_ports()?;
        let config = folder.join("server.hcl");
        std::fs::write(&config, setting.configuration(folder, port))?;
        let began = Instant::now();
        let config = format!("-config={}", config.display());
        let words = setting.words.iter().copied().chain([config.as_str()]);
        let process = Process::start(&setting.program, words, folder, Some(0), &[])?;
        let mut server =
            Server { setting, port, token, started_in: Duration::ZERO, key, process, folder: folder.into() };
        server.until_status(began, &["200", "429", "501", "503"]).await?;
        server.started_in = began.elapsed();
        Ok(server)
    }

    /// Unseals it, and waits until it serves.
    async fn open(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        let body = json!({"key": self.key});
        Connection::open(self.port).await?.send(&client::post("", "sys/unseal", &body)).await?;
        self.until_status(began, &["200"]).await?;
        let own = client::get(&self.token, "auth/token/lookup-self");
        Connection::open(self.port).await?.send(&own).await?;
        self.started_in += began.elapsed();
        Ok(())
    }

    async fn until_status(&mut self, began: Instant, wanted: &[&str]) -> anyhow::Result<()> {
        let health = client::get("", "sys/health");
        loop {
            if let Ok(mut connection) = Connection::open(self.port).await
                && let Ok(status) = connection.status(&health).await
                && wanted.contains(&status.as_str())
            {
                return Ok(());
            }
            self.process.is_alive()?;
            ensure!(began.elapsed() < PATIENCE, "the server does not answer:\n{}", self.process.log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// A start with much data may take a peer long.
const PATIENCE: Duration = Duration::from_secs(600);

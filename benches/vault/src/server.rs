//! The server under load: a process of its own, pinned to core 0, initialised and open.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::client::{Connection, Request};
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
    child: Child,
    folder: PathBuf,
}

impl<'a> Server<'a> {
    pub(crate) async fn start(setting: &'a Setting, folder: &Path) -> anyhow::Result<Self> {
        pin_to_core_1()?;
        let data = folder.join("data");
        std::fs::create_dir_all(&data)?;
        let mut server = Self::launch(setting, folder, String::new(), String::new()).await?;
        let mut connection = Connection::open(server.port).await?;
        let body = json!({"secret_shares": 1, "secret_threshold": 1});
        let made = connection.ask(&Request::post("", "sys/init", &body)).await;
        let made = made.context("the storage must be empty")?;
        let text = |pointer: &str| made.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        server.key = text("/keys_base64/0").context("no key")?;
        server.token = text("/root_token").context("no token")?;
        server.open().await?;
        Ok(server)
    }

    /// Stops it in good order and starts it on the same data.
    pub(crate) async fn restart(mut self) -> anyhow::Result<Self> {
        let id = self.child.id().context("the server is gone")?.to_string();
        ensure!(Command::new("kill").args(["-TERM", &id]).status().await?.success(), "kill");
        ensure!(self.child.wait().await?.success(), "the server did not stop in good order");
        let mut server = Self::launch(self.setting, &self.folder, self.key, self.token).await?;
        server.open().await?;
        Ok(server)
    }

    async fn launch(setting: &'a Setting, folder: &Path, key: String, token: String) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let config = folder.join("server.hcl");
        std::fs::write(&config, setting.configuration(folder, port))?;
        let log = std::fs::File::create(folder.join("server.log"))?;
        let began = Instant::now();
        let child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(&setting.program)
            .args(setting.words)
            .arg(format!("-config={}", config.display()))
            .stdout(log.try_clone()?)
            .stderr(log)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("taskset (package util-linux) starts the server on core 0")?;
        let mut server =
            Server { setting, port, token, started_in: Duration::ZERO, key, child, folder: folder.into() };
        server.until_status(began, &["200", "429", "501", "503"]).await?;
        server.started_in = began.elapsed();
        Ok(server)
    }

    /// Unseals it, and waits until it serves.
    async fn open(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        let body = json!({"key": self.key});
        Connection::open(self.port).await?.send(&Request::post("", "sys/unseal", &body)).await?;
        self.until_status(began, &["200"]).await?;
        let own = Request::get(&self.token, "auth/token/lookup-self");
        Connection::open(self.port).await?.send(&own).await?;
        self.started_in += began.elapsed();
        Ok(())
    }

    async fn until_status(&mut self, began: Instant, wanted: &[&str]) -> anyhow::Result<()> {
        let health = Request::get("", "sys/health");
        loop {
            if let Ok(mut connection) = Connection::open(self.port).await
                && let Ok(status) = connection.status(&health).await
                && wanted.contains(&status.as_str())
            {
                return Ok(());
            }
            let log = || std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended with {status}:\n{}", log());
            }
            ensure!(began.elapsed() < PATIENCE, "the server does not answer:\n{}", log());
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Bytes of memory in use.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().context("gone")?))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
        let kib: u64 = line.split_whitespace().nth(1).context("VmRSS")?.parse()?;
        Ok(kib << 10)
    }

    /// Seconds of processor time used so far, all threads.
    pub(crate) fn cpu_seconds(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id().context("gone")?))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
        match (ticks(11), ticks(12)) {
            (Some(user), Some(system)) => Ok((user + system) / 100.0),
            _ => bail!("/proc/<pid>/stat is not as expected"),
        }
    }
}

fn pin_to_core_1() -> anyhow::Result<()> {
    let me = std::process::id().to_string();
    let pinned =
        std::process::Command::new("taskset").args(["-cp", "1", &me]).stdout(Stdio::null()).status()?;
    ensure!(pinned.success(), "taskset could not pin the load generator to core 1");
    Ok(())
}

/// A start with much data may take a peer long.
const PATIENCE: Duration = Duration::from_secs(600);

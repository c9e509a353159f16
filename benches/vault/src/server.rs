//! The server under load: a process of its own, pinned to core 0.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::client::{Connection, Request};

/// A running `trustkeep dev`; killed when dropped.
pub(crate) struct Server {
    pub(crate) address: String,
    pub(crate) token: String,
    /// From the start of the process to its first answer.
    pub(crate) started_in: Duration,
    child: Child,
    data_dir: PathBuf,
}

impl Server {
    pub(crate) async fn start(data_dir: &Path) -> anyhow::Result<Self> {
        let program = std::env::var("TRUSTKEEP_BIN").map(PathBuf::from).unwrap_or_else(|_| built());
        ensure!(program.exists(), "{} is missing: run `cargo build --release` first", program.display());
        pin_to_core_1()?;
        let began = Instant::now();
        let mut child = Command::new("taskset")
            .args(["-c", "0"])
            .arg(&program)
            .args(["dev", "--json", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("taskset (package util-linux) starts the server on core 0")?;
        let stdout = child.stdout.take().context("the server's output")?;
        let line =
            BufReader::new(stdout).lines().next_line().await?.context("the server ended at its start")?;
        let document: Value = serde_json::from_str(&line)?;
        let field = |name: &str| {
            document.pointer(&format!("/vault/{name}")).and_then(Value::as_str).map(str::to_owned)
        };
        let address = field("address").context("no address")?;
        let address = address.strip_prefix("http://").context("an http address")?.to_owned();
        let token = field("token").context("no token")?;
        let mut server =
            Server { address, token, started_in: Duration::ZERO, child, data_dir: data_dir.into() };
        Connection::open(&server).await?.send(&Request::get(&server, "sys/health")).await?;
        server.started_in = began.elapsed();
        Ok(server)
    }

    /// Stops it in good order and starts it on the same data.
    pub(crate) async fn restart(mut self) -> anyhow::Result<Self> {
        let id = self.child.id().context("the server is gone")?.to_string();
        ensure!(Command::new("kill").args(["-TERM", &id]).status().await?.success(), "kill");
        ensure!(self.child.wait().await?.success(), "the server did not stop in good order");
        Self::start(&self.data_dir).await
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

fn built() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/release/trustkeep")
}

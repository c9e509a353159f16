//! A server under load: a process of its own, pinned to a core or not.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A running server; killed when dropped.
pub(crate) struct Server {
    child: Child,
    folder: PathBuf,
    /// For clients, for registrations, for administrators.
    ports: [u16; 3],
}

/// The three ports of one server.
pub(crate) fn free_ports() -> anyhow::Result<[u16; 3]> {
    let mut held = Vec::new();
    let mut port = || {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        // Held until all are found, so that they differ.
        held.push(listener);
        anyhow::Ok(port)
    };
    Ok([port()?, port()?, port()?])
}

impl Server {
    /// Starts `program word --config folder/server.properties` and waits until its ports are open.
    pub(crate) async fn start(
        program: &Path,
        word: &str,
        folder: &Path,
        ports: [u16; 3],
        core: Option<usize>,
    ) -> anyhow::Result<Self> {
        let log = std::fs::File::create(folder.join("server.log"))?;
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(program);
                command
            }
            None => Command::new(program),
        };
        let child = command
            .arg(word)
            .arg("--config")
            .arg(folder.join("server.properties"))
            .stdout(log.try_clone()?)
            .stderr(log)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {} (with taskset, of util-linux)", program.display()))?;
        let mut server = Self { child, folder: folder.into(), ports };
        server.until_open().await?;
        Ok(server)
    }

    /// Ends it in good order.
    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        let id = self.child.id().context("the server is gone")?.to_string();
        ensure!(Command::new("kill").args(["-TERM", &id]).status().await?.success(), "kill");
        self.child.wait().await?;
        Ok(())
    }

    async fn until_open(&mut self) -> anyhow::Result<()> {
        let began = Instant::now();
        for port in self.ports {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                if let Some(status) = self.child.try_wait()? {
                    bail!("the server ended with {status}:\n{}", self.log());
                }
                ensure!(began.elapsed() < PATIENCE, "the server does not answer:\n{}", self.log());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(())
    }

    /// What it wrote, the end of it.
    pub(crate) fn log(&self) -> String {
        let text = std::fs::read_to_string(self.folder.join("server.log")).unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(40).collect();
        lines.into_iter().rev().map(|line| format!("{line}\n")).collect()
    }

    /// Bytes of memory in use.
    pub(crate) fn resident(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().context("gone")?))?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
        let kib: u64 = line.split_whitespace().nth(1).context("VmRSS")?.parse()?;
        Ok(kib << 10)
    }

    /// Processor time used so far, all threads.
    pub(crate) fn cpu(&self) -> anyhow::Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id().context("gone")?))?;
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<u64>().ok());
        match (ticks(11), ticks(12)) {
            // A tick is ten milliseconds on every Linux.
            (Some(user), Some(system)) => Ok(Duration::from_millis((user + system) * 10)),
            _ => bail!("/proc/<pid>/stat is not as expected"),
        }
    }
}

/// Keeps the load generator off the ledger's core.
pub(crate) fn pin_myself(core: Option<usize>) -> anyhow::Result<()> {
    let me = std::process::id().to_string();
    let cores = core.map_or_else(|| "0-1".to_owned(), |core| core.to_string());
    let pinned =
        std::process::Command::new("taskset").args(["-acp", &cores, &me]).stdout(Stdio::null()).status()?;
    ensure!(pinned.success(), "taskset could not pin the load generator to core {cores}");
    Ok(())
}

/// A peer makes its tables at the first start.
const PATIENCE: Duration = Duration::from_secs(120);

//! A server under load: a process of its own, pinned to a core or not.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// A running server; killed when dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
}

/// So many ports, all different, that nobody listens on.
///
/// # Errors
/// There are none.
pub fn free_ports<const N: usize>() -> anyhow::Result<[u16; N]> {
    let mut held = Vec::new();
    let mut ports = [0; N];
    for port in &mut ports {
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        *port = listener.local_addr()?.port();
        // Held until all are found, so that they differ.
        held.push(listener);
    }
    Ok(ports)
}

impl Process {
    /// Starts a program with these words; what it writes goes to `folder/server.log`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start<'a>(
        program: &Path,
        words: impl IntoIterator<Item = &'a str>,
        folder: &Path,
        core: Option<usize>,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let log = folder.join("server.log");
        let file = std::fs::File::create(&log)?;
        let mut command = match core {
            Some(core) => {
                let mut command = Command::new("taskset");
                command.args(["-c", &core.to_string()]).arg(program);
                command
            }
            None => Command::new(program),
        };
        let child = command
            .args(words)
            .envs(environment.iter().copied())
            .stdout(file.try_clone()?)
            .stderr(file)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {} (with taskset, of util-linux)", program.display()))?;
        Ok(Self { child, log })
    }

    /// Waits until it listens on these ports.
    ///
    /// # Errors
    /// It ended, or does not listen within two minutes: a peer may make its tables at the first start.
    pub async fn until_open(&mut self, ports: &[u16]) -> anyhow::Result<()> {
        let began = Instant::now();
        for port in ports {
            while TcpStream::connect(("127.0.0.1", *port)).await.is_err() {
                self.is_alive()?;
                ensure!(began.elapsed() < PATIENCE, "the server does not answer:\n{}", self.log());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(())
    }

    /// Ends it in good order; with which status is its own matter.
    ///
    /// # Errors
    /// It ended before.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let id = self.child.id().context("the server is gone")?.to_string();
        ensure!(Command::new("kill").args(["-TERM", &id]).status().await?.success(), "kill");
        self.child.wait().await?;
        Ok(())
    }

    /// Says so if it has ended by itself.
    ///
    /// # Errors
    /// It has.
    pub fn is_alive(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("the server ended with {status}:\n{}", self.log()),
            None => Ok(()),
        }
    }

    /// What it wrote, the end of it.
    pub fn log(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().rev().take(40).collect();
        lines.into_iter().rev().map(|line| format!("{line}\n")).collect()
    }

    /// Bytes of memory in use.
    ///
    /// # Errors
    /// It has ended.
    pub fn resident(&self) -> anyhow::Result<u64> {
        self.memory("VmRSS:")
    }

    /// Bytes of it that are its own: without the pages of the program's file, which the system may drop.
    ///
    /// # Errors
    /// It has ended.
    pub fn anonymous(&self) -> anyhow::Result<u64> {
        self.memory("RssAnon:")
    }

    /// The most bytes of memory that were ever in use.
    ///
    /// # Errors
    /// It has ended.
    pub fn peak(&self) -> anyhow::Result<u64> {
        self.memory("VmHWM:")
    }

    /// Itself and what it started, by their names.
    ///
    /// # Errors
    /// It has ended.
    pub fn family(&self) -> anyhow::Result<Vec<String>> {
        let mut waiting = vec![self.child.id().context("gone")?.to_string()];
        let mut names = Vec::new();
        while let Some(id) = waiting.pop() {
            let place = format!("/proc/{id}");
            names.push(field(&std::fs::read_to_string(format!("{place}/status"))?, "Name:")?);
            for task in std::fs::read_dir(format!("{place}/task"))? {
                let children = std::fs::read_to_string(task?.path().join("children")).unwrap_or_default();
                waiting.extend(children.split_whitespace().map(str::to_owned));
            }
        }
        Ok(names)
    }

    fn memory(&self, name: &str) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().context("gone")?))?;
        let kib: u64 = field(&status, name)?.parse()?;
        Ok(kib << 10)
    }

    /// Processor time used so far, all threads.
    ///
    /// # Errors
    /// It has ended.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
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

/// Keeps the load generator off the server's core; `None` lets it have the first two.
///
/// # Errors
/// `taskset` is missing, or the core.
pub fn pin_myself(core: Option<usize>) -> anyhow::Result<()> {
    let me = std::process::id().to_string();
    let cores = core.map_or_else(|| "0-1".to_owned(), |core| core.to_string());
    let pinned =
        std::process::Command::new("taskset").args(["-acp", &cores, &me]).stdout(Stdio::null()).status()?;
    ensure!(pinned.success(), "taskset could not pin the load generator to core {cores}");
    Ok(())
}

/// The first word after a name in `/proc/<pid>/status`.
fn field(status: &str, name: &str) -> anyhow::Result<String> {
    let line = status.lines().find(|line| line.starts_with(name)).context("/proc/<pid>/status")?;
    Ok(line.split_whitespace().nth(1).context("/proc/<pid>/status")?.to_owned())
}

const PATIENCE: Duration = Duration::from_secs(120);

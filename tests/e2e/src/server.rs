use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

use crate::{Client, PATIENCE, program};

/// A server that answers. Dropped, it is killed.
pub struct Server {
    /// `http://127.0.0.1:port`
    pub address: String,
    /// Of root; empty where the server did not say.
    pub token: String,
    /// The line of JSON that `trustkeep dev` printed.
    pub said: Value,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Server {
    /// Starts `trustkeep dev --json` on a directory.
    ///
    /// # Errors
    /// It did not start; with what it said.
    pub async fn dev(data_dir: &Path) -> anyhow::Result<Self> {
        let arguments = [
            "dev",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--ledger-port",
            "0",
            "--auditor-port",
            "0",
            "--agent-port",
            "0",
            "--controller-port",
            "0",
            "--data-dir",
        ];
        let arguments = arguments.map(OsStr::new);
        let mut server = Self::start(&[&arguments[..], &[data_dir.as_os_str()]].concat(), data_dir).await?;
        let line = server.line("{").await?;
        server.said = serde_json::from_str(&line)?;
        let text = |pointer| server.said.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        let (address, token) = (text("/vault/address"), text("/vault/token"));
        server.address = address.with_context(|| line.clone())?;
        server.token = token.with_context(|| line.clone())?;
        Ok(server)
    }

    /// Starts `trustkeep vault server` with a configuration file; it logs beside that.
    ///
    /// # Errors
    /// It did not start; with what it said.
    pub async fn configured(config: &Path, more: &[&str]) -> anyhow::Result<Self> {
        let given = format!("-config={}", config.display());
        let arguments: Vec<_> =
            ["vault", "server", &given].into_iter().chain(more.iter().copied()).map(OsStr::new).collect();
        let mut server = Self::start(&arguments, config).await?;
        let line = server.line("Listener: tcp").await?;
        let address = line.split('"').nth(1).with_context(|| line.clone())?;
        let scheme = if line.contains("tls: \"enabled\"") { "https" } else { "http" };
        server.address = format!("{scheme}://{address}");
        Ok(server)
    }

    /// Starts `trustkeep ledger` or `trustkeep auditor` with a configuration; it logs beside that. All of `ports`
    /// accept connections then.
    ///
    /// # Errors
    /// It did not start; with what it said.
    pub async fn scalar(kind: &str, config: &Path, ports: &[u16]) -> anyhow::Result<Self> {
        let arguments = [OsStr::new(kind), OsStr::new("--config"), config.as_os_str()];
        let mut server = Self::start(&arguments, config).await?;
        server.address = format!("http://127.0.0.1:{}", ports.first().context("no ports")?);
        for port in ports {
            let connecting = async {
                let mut rounds = tokio::time::interval(Duration::from_millis(10));
                loop {
                    rounds.tick().await;
                    if TcpStream::connect(("127.0.0.1", *port)).await.is_ok() {
                        return Ok(());
                    }
                    if let Some(status) = server.child.try_wait()? {
                        bail!("the server ended with {status} before it answered:\n{}", server.log());
                    }
                }
            };
            let connected = tokio::time::timeout(PATIENCE, connecting).await;
            connected.with_context(|| format!("nothing answers on port {port}"))??;
        }
        Ok(server)
    }

    async fn start(arguments: &[&OsStr], beside: &Path) -> anyhow::Result<Self> {
        let log = beside.with_extension("log");
        let errors = File::options().create(true).append(true).open(&log)?;
        let mut command = Command::new(program());
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).kill_on_drop(true);
        let mut child = command.spawn().context("the program does not start")?;
        let stdout = child.stdout.take().context("no standard output")?;
        let lines = BufReader::new(stdout).lines();
        Ok(Server { address: String::new(), token: String::new(), said: Value::Null, child, lines, log })
    }

    /// The next line of its standard output that holds `text`.
    async fn line(&mut self, text: &str) -> anyhow::Result<String> {
        let reading = async {
            while let Some(line) = self.lines.next_line().await? {
                if line.contains(text) {
                    return Ok(Some(line));
                }
            }
            anyhow::Ok(None)
        };
        match tokio::time::timeout(PATIENCE, reading).await.context("the server says nothing")?? {
            Some(line) => Ok(line),
            None => bail!("the server ended before it answered:\n{}", self.log()),
        }
    }

    /// A client with the root token, if that is known.
    pub fn client(&self) -> Client {
        Client::new(&self.address, Some(self.token.as_str()).filter(|token| !token.is_empty()))
    }

    /// Initialises and unseals it with one share; gives that.
    ///
    /// # Errors
    /// It refused.
    pub async fn open(&mut self) -> anyhow::Result<String> {
        let made =
            self.client().post("sys/init", json!({ "secret_shares": 1, "secret_threshold": 1 })).await?;
        let text = |pointer| made.at(pointer).as_str().map(str::to_owned).with_context(|| made.text.clone());
        self.token = text("/root_token")?;
        let share = text("/keys_base64/0")?;
        let unsealed = self.client().post("sys/unseal", json!({ "key": share })).await?;
        anyhow::ensure!(unsealed.at("/sealed") == &json!(false), "{}", unsealed.text);
        Ok(share)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// It has ended.
    pub fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        let id = self.child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?)).context("it has ended")?;
        kill_process(id, signal)?;
        Ok(())
    }

    /// Waits for its end and gives what it printed meanwhile.
    ///
    /// # Errors
    /// It goes on.
    pub async fn ended(&mut self) -> anyhow::Result<(ExitStatus, Vec<String>)> {
        let mut printed = Vec::new();
        let reading = async {
            while let Some(line) = self.lines.next_line().await? {
                printed.push(line);
            }
            anyhow::Ok(self.child.wait().await?)
        };
        let status = tokio::time::timeout(PATIENCE, reading).await.context("the server does not end")??;
        Ok((status, printed))
    }

    /// Ends it with SIGTERM.
    ///
    /// # Errors
    /// It ended with another exit code than 0.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        self.signal(Signal::TERM)?;
        let (status, _) = self.ended().await?;
        anyhow::ensure!(status.success(), "the server ended with {status}:\n{}", self.log());
        Ok(())
    }

    /// Ends it with SIGKILL, as a crash would.
    ///
    /// # Errors
    /// It had ended before.
    pub async fn crash(&mut self) -> anyhow::Result<()> {
        self.signal(Signal::KILL)?;
        let (status, _) = self.ended().await?;
        anyhow::ensure!(status.code().is_none(), "the server ended by itself with {status}:\n{}", self.log());
        Ok(())
    }

    /// Everything it logged.
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::{PATIENCE, program};

/// Servers that `trustkeep simulate` makes: they end with this.
#[derive(Debug)]
pub struct Simulated {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
    /// What it said of itself.
    pub described: Value,
}

impl Simulated {
    /// Starts so many servers, with the files in `dir`, that let the keys in `authorized_key` in.
    ///
    /// # Errors
    /// They did not start in [`PATIENCE`], for want of root or of a program perhaps.
    pub async fn start(
        dir: &Path,
        authorized_key: &Path,
        count: u8,
        options: &[&str],
    ) -> anyhow::Result<Self> {
        let mut command = Command::new(program());
        command.args(["simulate", "--json", "--attached", "--count", &count.to_string()]).args(options);
        command.arg("--dir").arg(dir).arg("--authorized-key").arg(authorized_key);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("simulate does not start")?;
        let input = child.stdin.take().context("no input")?;
        let mut output = BufReader::new(child.stdout.take().context("no output")?).lines();
        let line =
            tokio::time::timeout(PATIENCE, output.next_line()).await.context("simulate says nothing")??;
        let described = serde_json::from_str(&line.context("simulate ended; see what it says above")?)?;
        Ok(Self { child, input, output, described })
    }

    /// Changes a server, as `trustkeep simulate --help` lists it.
    ///
    /// # Errors
    /// It could not be done.
    pub async fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        let answer =
            tokio::time::timeout(PATIENCE, self.output.next_line()).await.context("simulate hangs")??;
        let answer: Value = serde_json::from_str(&answer.context("simulate ended")?)?;
        ensure!(answer.get("ok") == Some(&Value::Bool(true)), "{line}: {answer}");
        Ok(())
    }

    /// A server, from 1.
    ///
    /// # Errors
    /// There are not so many.
    pub fn server(&self, number: usize) -> anyhow::Result<&Value> {
        let servers = self.described.get("servers").context("no servers")?;
        servers.get(number.wrapping_sub(1)).with_context(|| format!("no server {number}"))
    }

    /// What `docker` prints when it is asked about a server from outside.
    ///
    /// # Errors
    /// `docker` fails.
    pub async fn docker(&self, number: usize, arguments: &[&str]) -> anyhow::Result<String> {
        let socket =
            self.server(number)?.get("docker_socket").and_then(Value::as_str).context("no socket")?;
        let output =
            Command::new("docker").args(["-H", &format!("unix://{socket}")]).args(arguments).output().await?;
        ensure!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// The image that comes with them: its name and its archive.
    ///
    /// # Errors
    /// It has none.
    pub fn image(&self) -> anyhow::Result<(&str, PathBuf)> {
        let text = |key| self.described.get(key).and_then(Value::as_str).context("no image");
        Ok((text("image")?, text("image_file")?.into()))
    }

    /// Ends them in good order.
    ///
    /// # Errors
    /// They did not end well.
    pub async fn end(mut self) -> anyhow::Result<()> {
        drop(self.input);
        let status =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.context("simulate does not end")??;
        ensure!(status.success(), "simulate ended with {status}");
        Ok(())
    }
}

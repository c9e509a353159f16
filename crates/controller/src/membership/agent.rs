//! The agent of Serf as a child of this process: started with its configuration on its standard input, logged, ended with us however we
//! end.

use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;

use serde_json::json;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use trustkeep_crypto::SecretString;

use super::Settings;

/// A running agent. Dropping it ends it.
pub(super) struct Agent {
    /// Cancelled: kill it.
    stop: CancellationToken,
    /// True once its RPC listens.
    is_ready: watch::Receiver<bool>,
    /// How it ended.
    ended: oneshot::Receiver<String>,
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum StartError {
    #[error("{0} is not installed")]
    Missing(String),
    #[error("{0}")]
    Refused(#[from] io::Error),
}

impl Agent {
    /// Starts it. Whether it can listen where it is told to is seen by its end.
    pub(super) fn start(settings: &Settings, key: &SecretString) -> Result<Self, StartError> {
        let serf = find(&settings.program)?;
        let leash = find(Path::new(LEASH))?;
        let mut command = Command::new(leash);
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(serf)
            .args(["agent", "-config-file=/dev/stdin"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let configuration = SecretString::new(configuration(settings, key));
        let stop = CancellationToken::new();
        let (ready, is_ready) = watch::channel(false);
        let (end, ended) = oneshot::channel();
        let stopped = stop.clone();
        // The kernel ends the agent with the *thread* that started it, so this thread lives as long as the agent.
        thread::Builder::new().name("serf".into()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let how =
                runtime.and_then(|runtime| runtime.block_on(live(command, configuration, &ready, stopped)));
            // Nobody waits any more if the agent was dropped.
            let _ = end.send(how.unwrap_or_else(|error| error.to_string()));
        })?;
        Ok(Self { stop, is_ready, ended })
    }

    /// Waits until its RPC listens; for ever if it ends before that.
    pub(super) fn readiness(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut is_ready = self.is_ready.clone();
        async move {
            if is_ready.wait_for(|is_ready| *is_ready).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// Waits until it ends by itself; says how.
    pub(super) async fn ended(&mut self) -> String {
        (&mut self.ended).await.unwrap_or_else(|_| "its thread is gone".to_owned())
    }

    /// Ends it and waits until it is gone. It does not say goodbye to the nodes: they go on looking for it, and it comes back.
    pub(super) async fn stop(mut self) {
        self.stop.cancel();
        if !self.ended.is_terminated() {
            self.ended().await;
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn live(
    mut command: Command,
    configuration: SecretString,
    ready: &watch::Sender<bool>,
    stop: CancellationToken,
) -> io::Result<String> {
    let mut child = command.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(configuration.expose().as_bytes()).await?;
    }
    drop(configuration);
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let ((), (), how) = tokio::join!(log(out, Some(ready)), log(err, None), end(&mut child, stop));
    how
}

async fn end(child: &mut Child, stop: CancellationToken) -> io::Result<String> {
    tokio::select! {
        status = child.wait() => Ok(status?.to_string()),
        () = stop.cancelled() => child.kill().await.map(|()| "stopped".to_owned()),
    }
}

/// Passes its lines on, and notices when it is ready.
async fn log(output: Option<impl AsyncRead + Unpin>, ready: Option<&watch::Sender<bool>>) {
    let Some(output) = output else { return };
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    while let Ok(true) = next_line(&mut output, &mut line).await {
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if let Some(ready) = ready.filter(|_| text.contains("Serf agent running")) {
            ready.send_replace(true);
        }
        // It marks its complaints in two ways.
        if text.contains("[ERR]") || text.starts_with("==> Fail") || text.starts_with("==> Error") {
            tracing::warn!(line = %text.escape_debug(), "serf");
        } else if !text.is_empty() {
            tracing::debug!(line = %text.escape_debug(), "serf");
        }
    }
}

/// Reads a line and keeps its beginning; false at the end.
async fn next_line(output: &mut (impl AsyncBufRead + Unpin), line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    loop {
        let piece = output.fill_buf().await?;
        if piece.is_empty() {
            return Ok(!line.is_empty());
        }
        let end = piece.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(piece.len(), |end| end + 1);
        let room = LINE_BYTES_MAX.saturating_sub(line.len());
        line.extend(piece.iter().take(used.min(room)));
        output.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// The file of `serf agent`. It is on no command line, where every user of the machine could read the key.
fn configuration(settings: &Settings, key: &SecretString) -> String {
    let mut members = json!({
        "node_name": settings.name,
        "tags": { "role": "pvcc" },
        "bind": settings.bind.to_string(),
        "advertise": settings.advertise.map(|address| address.to_string()),
        "rpc_addr": settings.rpc.to_string(),
        "rpc_auth": key.expose(),
        "log_level": "INFO",
        "profile": PROFILE,
        "discover": settings.discover,
        "snapshot_path": settings.snapshot,
    });
    if let Some(members) = members.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    members.to_string()
}

fn find(program: &Path) -> Result<PathBuf, StartError> {
    let missing = || StartError::Missing(program.display().to_string());
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned()).ok_or_else(missing);
    }
    let folders = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| path.is_file());
    found.ok_or_else(missing)
}

/// How soon a member that does not answer is given up. With serf's own choice, `lan`, that took up to 13 seconds where there are few
/// members; with this one at the controller alone it took 4 to 9 with 1 to 40 nodes. What it costs is more hints that prove wrong.
const PROFILE: &str = "local";

/// util-linux, which every Debian has: has the kernel end a child with its parent.
const LEASH: &str = "setpriv";

/// What is kept of a line: names in it are chosen by others.
const LINE_BYTES_MAX: usize = 1024;

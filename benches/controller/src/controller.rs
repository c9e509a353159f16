//! The controller under load: a process of its own, on a directory of its own.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::json;
use tempfile::TempDir;
use tokio::net::UnixStream;
use trustkeep_bench_rig::http::{Connection, Request};
use trustkeep_bench_rig::{Process, free_ports};

use crate::api::{Api, BASE};

/// A running controller; it and its records end with it.
pub(crate) struct Controller {
    pub(crate) process: Process,
    /// From the start of the process to the first 200.
    pub(crate) ready_in: Duration,
    program: PathBuf,
    folder: TempDir,
    ports: [u16; 2],
}

impl Controller {
    /// Starts it on a new directory.
    pub(crate) async fn start(program: &Path, dir: Option<&Path>) -> anyhow::Result<Self> {
        ensure!(program.exists(), "{} is missing: run `cargo build --release` first", program.display());
        let folder = dir.map_or_else(tempfile::tempdir, tempfile::tempdir_in)?;
        std::fs::create_dir(folder.path().join("config"))?;
        std::fs::write(folder.path().join(".env"), "VCP_VCC_PRIVATE_IPMASK=127.0.0.1/8\n")?;
        std::fs::write(folder.path().join("config/vpn_catalog.yml"), CATALOGUE)?;
        Self::launch(program.to_owned(), folder, free_ports()?).await
    }

    /// Ends it in good order and starts it on what it has.
    pub(crate) async fn restart(self) -> anyhow::Result<Self> {
        self.process.stop().await?;
        Self::launch(self.program, self.folder, self.ports).await
    }

    /// The REST API, as a user with a token of full access.
    pub(crate) async fn api(&self) -> anyhow::Result<Api> {
        let socket = self.folder.path().join("volume/vcc.sock");
        let socket = UnixStream::connect(&socket).await.with_context(|| socket.display().to_string())?;
        let order =
            json!({ "command": "token-create", "user_name": null, "readonly": false, "form": "uuid" });
        let answer = Connection::over(socket).ask(&Request::post("/", &[], &order)).await?;
        let token = answer.pointer("/result/token").and_then(|token| token.as_str()).context("a token")?;
        Api::new(self.ports[0], &self.authority(), token.to_owned())
    }

    /// The bytes that its records take on disk.
    pub(crate) fn stored(&self) -> u64 {
        size(&self.folder.path().join("volume"))
    }

    async fn launch(program: PathBuf, folder: TempDir, ports: [u16; 2]) -> anyhow::Result<Self> {
        let [port, vault] = ports.map(|port| port.to_string());
        let config = folder.path().display().to_string();
        let words = ["controller", "--config", &config, "--port", &port, "--vault-port", &vault];
        let began = Instant::now();
        let process = Process::start(&program, words, folder.path(), None, &[])?;
        let mut controller = Self { process, ready_in: Duration::ZERO, program, folder, ports };
        let health = Request::get(&format!("{BASE}/"), &[]);
        while !controller.answers(&health).await {
            controller.process.is_alive()?;
            ensure!(began.elapsed() < PATIENCE, "no answer:\n{}", controller.process.log());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        controller.ready_in = began.elapsed();
        Ok(controller)
    }

    async fn answers(&self, health: &Request) -> bool {
        let Ok(api) = Api::new(self.ports[0], &self.authority(), String::new()) else { return false };
        let Ok(mut connection) = api.connect().await else { return false };
        connection.status(health).await.is_ok_and(|status| status == "200")
    }

    fn authority(&self) -> PathBuf {
        self.folder.path().join("cert/ca.pem")
    }
}

fn size(path: &Path) -> u64 {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return 0 };
    if !metadata.is_dir() {
        return std::os::unix::fs::MetadataExt::blocks(&metadata) * 512;
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| size(&entry.path())).sum()
}

const CATALOGUE: &str =
    "cci_version: '1.0'\nonpremises:\n  default:\n    private_network_ipmask: 127.0.0.0/8\n";
const PATIENCE: Duration = Duration::from_secs(60);

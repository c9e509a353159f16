//! The agent under load: a process of its own, on core 0 if nothing else needs that core.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::Value;
use tempfile::TempDir;
use trustkeep_bench_rig::http::{Connection, Request};
use trustkeep_bench_rig::{Process, free_ports, pin_myself};

use crate::setting::{Setting, Storage};
use crate::world::World;

/// A running agent; it and its wallet end with it.
pub(crate) struct Agent<'a> {
    pub(crate) setting: &'a Setting,
    pub(crate) process: Process,
    /// From the start of the process until it said that it is ready.
    pub(crate) ready_in: Duration,
    /// Where other agents send.
    pub(crate) port: u16,
    admin_port: u16,
    wallet: String,
    folder: TempDir,
}

impl<'a> Agent<'a> {
    /// Starts it on an empty wallet; what it tells goes to the world.
    pub(crate) async fn start(
        setting: &'a Setting,
        dir: Option<&Path>,
        world: &World,
    ) -> anyhow::Result<Self> {
        // A database needs a core as well, so there everyone shares both.
        pin_myself((setting.storage == Storage::Sqlite).then_some(1))?;
        let folder = dir.map_or_else(tempfile::tempdir, tempfile::tempdir_in)?;
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let wallet = format!("bench_{}_{number}", std::process::id());
        let [port, admin_port] = free_ports()?;
        Self::launch(setting, folder, wallet, [port, admin_port], world).await
    }

    /// Ends it and starts it on the same wallet.
    pub(crate) async fn restart(self, world: &World) -> anyhow::Result<Self> {
        self.process.stop().await?;
        Self::launch(self.setting, self.folder, self.wallet, [self.port, self.admin_port], world).await
    }

    async fn launch(
        setting: &'a Setting,
        folder: TempDir,
        wallet: String,
        [port, admin_port]: [u16; 2],
        world: &World,
    ) -> anyhow::Result<Self> {
        let (own, admin) = (port.to_string(), admin_port.to_string());
        let (endpoint, webhooks) =
            (format!("http://127.0.0.1:{port}"), format!("http://127.0.0.1:{}/w", world.port));
        let options = setting.wallet(&wallet)?;
        let words = [
            "--label",
            "bench",
            "--inbound-transport",
            "http",
            "127.0.0.1",
            &own,
            "--outbound-transport",
            "http",
            "--endpoint",
            &endpoint,
            "--admin",
            "127.0.0.1",
            &admin,
            "--admin-insecure-mode",
            "--webhook-url",
            &webhooks,
            "--auto-accept-requests",
            "--auto-accept-invites",
            "--no-ledger",
            "--log-level",
            "error",
        ];
        let words = setting.words.iter().copied().chain(words).chain(options.iter().map(String::as_str));
        let home = folder.path().display().to_string();
        let core = (setting.storage == Storage::Sqlite).then_some(0);
        let began = Instant::now();
        let mut process = Process::start(&setting.program, words, folder.path(), core, &[("HOME", &home)])?;
        let ready = Request::get("/status/ready", &[]);
        loop {
            if let Ok(mut connection) = Connection::open(admin_port).await
                && connection.status(&ready).await.is_ok_and(|status| status == "200")
            {
                break;
            }
            process.is_alive()?;
            ensure!(began.elapsed() < PATIENCE, "the agent is not ready:\n{}", process.log());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let ready_in = began.elapsed();
        Ok(Self { setting, process, ready_in, port, admin_port, wallet, folder })
    }

    /// A connection to its admin API.
    pub(crate) async fn admin(&self) -> anyhow::Result<Connection> {
        Connection::open(self.admin_port).await
    }

    /// A connection to its endpoint.
    pub(crate) async fn inbound(&self) -> anyhow::Result<Connection> {
        Connection::open(self.port).await
    }
}

/// A call of the admin API.
pub(crate) fn call(path: &str, body: &Value) -> Request {
    Request::post(path, &[], body)
}

/// A packed message on its way to an agent.
pub(crate) fn packed(envelope: &[u8]) -> Request {
    Request::new("POST", "/", &[("Content-Type", "application/didcomm-envelope-enc")], envelope)
}

static NUMBERS: AtomicUsize = AtomicUsize::new(0);
const PATIENCE: Duration = Duration::from_secs(120);

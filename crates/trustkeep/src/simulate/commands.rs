//! What can be done to a simulated server while it lives.

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::network::Network;
use super::server::Server;

/// Carries out one line and says how it went.
pub(super) async fn obey(line: &str, network: &Network, servers: &mut [Server]) -> Value {
    match change(line, network, servers).await {
        Ok(()) => json!({ "ok": true }),
        Err(error) => json!({ "ok": false, "error": format!("{error:#}") }),
    }
}

async fn change(line: &str, network: &Network, servers: &mut [Server]) -> anyhow::Result<()> {
    let (verb, number) = line.split_once(' ').context("a line is a command and the number of a server")?;
    let number: u8 = number.trim().parse().with_context(|| format!("{number:?} is no number of a server"))?;
    let server = servers
        .iter_mut()
        .find(|server| server.number() == number)
        .with_context(|| format!("there is no server {number}"))?;
    match verb {
        "cut" => network.set_link(number, false).await,
        "heal" => network.set_link(number, true).await,
        "kill-docker" => server.kill_docker().await,
        "start-docker" => server.restart_docker().await,
        "kill-ssh" => server.kill_sshd().await,
        "start-ssh" => server.restart_sshd().await,
        "hang-ssh" => server.hang_sshd(true).await,
        "resume-ssh" => server.hang_sshd(false).await,
        "new-host-key" => server.change_host_key().await,
        "fill" => server.fill_disk(true).await,
        "empty" => server.fill_disk(false).await,
        _ => bail!("there is no command {verb:?}; see `trustkeep simulate --help`"),
    }
}

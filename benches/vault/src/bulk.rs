//! A vault with much in it: a million secrets, a hundred thousand leases. How long its start takes, what memory it needs.

use std::time::Instant;

use anyhow::Context as _;
use serde_json::json;

use crate::client;
use crate::print;
use crate::server::Server;
use crate::workload::drive;

pub(crate) const HEAD: &str = "\n| product | storage | secrets | leases | filled in | memory when filled | start | memory after it |\n\
     | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |";

/// Fills the server, starts it anew, prints a row. A lease is that of a token: every server has those.
pub(crate) async fn run(server: Server<'_>, scale: usize) -> anyhow::Result<()> {
    let token = server.token.clone();
    let (secrets, leases) = (SECRETS / scale, LEASES / scale);
    let setup = ["sys/mounts/secret", "sys/policies/acl/app"];
    let bodies = [
        json!({"type": "kv", "options": {"version": "1"}}),
        json!({"policy": "path \"secret/*\" { capabilities = [\"read\"] }"}),
    ];
    for (path, body) in setup.iter().zip(&bodies) {
        drive(server.port, 1, vec![client::post(&token, path, body)]).await.context("preparing")?;
    }
    let began = Instant::now();
    let value = json!({ "user": "app", "password": "correct horse battery staple" });
    for start in (0..secrets).step_by(BATCH) {
        let batch = start..(start + BATCH).min(secrets);
        let path = |n: usize| format!("secret/bulk/{}/{n}", n / 1000);
        drive(server.port, 64, batch.map(|n| client::post(&token, &path(n), &value)).collect()).await?;
    }
    let body = json!({"policies": ["app"], "ttl": "24h", "no_parent": true});
    for start in (0..leases).step_by(BATCH) {
        let batch = start..(start + BATCH).min(leases);
        drive(server.port, 64, batch.map(|_| client::post(&token, "auth/token/create", &body)).collect())
            .await?;
    }
    let (filled, full) = (began.elapsed(), server.process.resident()?);
    let server = server.restart().await?;
    // Whoever loads its leases in the background has them now.
    let last = format!("secret/bulk/{}/{}", (secrets - 1) / 1000, secrets - 1);
    drive(server.port, 1, vec![client::get(&token, &last)]).await.context("the last secret")?;
    tokio::time::sleep(SETTLES).await;
    print(&format!(
        "| {} | {} | {secrets} | {leases} | {:.0} s | {} MiB | {} ms | {} MiB |",
        server.setting.product,
        server.setting.storage,
        filled.as_secs_f64(),
        full >> 20,
        server.started_in.as_millis(),
        server.process.resident()? >> 20,
    ));
    Ok(())
}

const SECRETS: usize = 1_000_000;
const LEASES: usize = 100_000;
/// Requests made beforehand at a time.
const BATCH: usize = 10_000;
/// After the start, before memory is read.
const SETTLES: std::time::Duration = std::time::Duration::from_secs(10);

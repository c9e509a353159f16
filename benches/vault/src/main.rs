//! The vault over HTTP: `cargo build --release && cargo run --release -p trustkeep-bench-vault`.
//!
//! Starts `trustkeep dev` on core 0 and loads it from core 1, a fixed number of requests a row, keep-alive, and
//! prints a table in Markdown: requests/s, latency, the server's processor time a request, its memory. Beside
//! them stands the machine's limit: a bare answer of the same size by the same listener code is what
//! `cargo run --release -p trustkeep-chassis --example bare_answer` measures.

mod client;
mod server;

use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::json;

use crate::client::{Connection, Request};
use crate::server::Server;

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = Server::start(folder.path()).await?;
    print("| what | connections | requests | requests/s | p50 | p99 | server CPU a request |");
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    let secret = json!({ "data": { "user": "app", "password": "correct horse battery staple" } });
    for key in 0..KEYS {
        let mut connection = Connection::open(&server).await?;
        connection.send(&Request::post(&server, &data(key), &secret)).await.context("preparing secrets")?;
    }
    measure(&server, "health (no token, no store)", 64, 100_000, |_| Request::get(&server, "sys/health"))
        .await?;
    measure(&server, "token lookup-self", 64, 100_000, |_| Request::get(&server, "auth/token/lookup-self"))
        .await?;
    for connections in [1, 16, 64] {
        let count = 20_000 * connections.min(5);
        measure(&server, "KV v2 read", connections, count, |n| Request::get(&server, &data(n % KEYS)))
            .await?;
    }
    for (connections, count) in [(1, 3_000), (16, 20_000), (64, 60_000)] {
        measure(&server, "KV v2 write", connections, count, |n| {
            Request::post(&server, &data(n % KEYS), &secret)
        })
        .await?;
    }
    let before = server.resident()?;
    let mut new = 0;
    measure(&server, "KV v2 write, new secrets", 64, NEW_SECRETS, |n| {
        new = n;
        Request::post(&server, &format!("secret/data/bulk/{}/{n}", n / 1000), &secret)
    })
    .await?;
    print(&format!(
        "\nresident memory: {} MiB before and {} MiB after {NEW_SECRETS} new secrets",
        before >> 20,
        server.resident()? >> 20
    ));
    let server = server.restart().await?;
    print(&format!("start to first answer, with those secrets: {} ms", server.started_in.as_millis()));
    print(&format!("resident memory after that start: {} MiB", server.resident()? >> 20));
    let fresh = tempfile::tempdir()?;
    drop(server);
    let empty = Server::start(fresh.path()).await?;
    print(&format!(
        "start to first answer, first start (makes the store): {} ms",
        empty.started_in.as_millis()
    ));
    Ok(())
}

/// One row: `count` requests over `connections`, each sent when the one before it on its connection was answered.
async fn measure(
    server: &Server,
    what: &str,
    connections: usize,
    count: usize,
    mut request: impl FnMut(usize) -> Request,
) -> anyhow::Result<()> {
    let requests: Vec<Request> = (0..count).map(&mut request).collect();
    let requests = std::sync::Arc::new(requests);
    let cpu = server.cpu_seconds()?;
    let began = Instant::now();
    let mut tasks = Vec::new();
    for first in 0..connections {
        let mut connection = Connection::open(server).await?;
        let requests = requests.clone();
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(requests.len() / connections + 1);
            for request in requests.iter().skip(first).step_by(connections) {
                let sent = Instant::now();
                connection.send(request).await?;
                latencies.push(sent.elapsed());
            }
            anyhow::Ok(latencies)
        }));
    }
    let mut latencies = Vec::with_capacity(count);
    for task in tasks {
        latencies.extend(task.await??);
    }
    let elapsed = began.elapsed();
    let cpu = server.cpu_seconds()? - cpu;
    latencies.sort_unstable();
    let at = |share: f64| {
        latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or(Duration::ZERO)
    };
    print(&format!(
        "| {what} | {connections} | {count} | {:.0} | {} µs | {} µs | {:.1} µs |",
        count as f64 / elapsed.as_secs_f64(),
        at(0.5).as_micros(),
        at(0.99).as_micros(),
        cpu * 1e6 / count as f64,
    ));
    Ok(())
}

fn data(key: usize) -> String {
    format!("secret/data/app/{key}")
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its table")]
fn print(line: &str) {
    println!("{line}");
}

const KEYS: usize = 1000;
const NEW_SECRETS: usize = 100_000;

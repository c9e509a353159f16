//! Requests a second, a row for each kind of request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use trustkeep_bench_rig::http::{Connection, Request};
use trustkeep_bench_rig::quantile;

use crate::client;
use crate::print;
use crate::server::Server;

pub(crate) const HEAD: &str = "| product | storage | what | connections | requests | requests/s | p50 | p99 | server CPU a request | memory |\n\
     | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |";

/// Prepares a server and prints its rows; counts are divided by `scale`.
pub(crate) async fn run(server: &mut Server<'_>, scale: usize) -> anyhow::Result<()> {
    let root = server.token.clone();
    let mut setup = Connection::open(server.port).await?;
    let mut post = async |path: &str, body: Value| {
        setup.ask(&client::post(&root, path, &body)).await.with_context(|| format!("preparing {path}"))
    };
    post("sys/mounts/secret", json!({"type": "kv", "options": {"version": "2"}})).await?;
    post("sys/mounts/transit", json!({"type": "transit"})).await?;
    post("sys/auth/approle", json!({"type": "approle"})).await?;
    post("transit/keys/aes", json!({})).await?;
    post("transit/keys/ed25519", json!({"type": "ed25519"})).await?;
    post("transit/keys/ecdsa", json!({"type": "ecdsa-p256"})).await?;
    let rules = "path \"secret/*\" { capabilities = [\"create\", \"read\", \"update\", \"list\"] }\n\
                 path \"transit/*\" { capabilities = [\"create\", \"read\", \"update\"] }";
    post("sys/policies/acl/app", json!({"policy": rules})).await?;
    for (role, kind) in [("app", "service"), ("light", "batch")] {
        let body = json!({"token_policies": "app", "token_ttl": "20m", "token_type": kind});
        post(&format!("auth/approle/role/{role}"), body).await?;
    }
    let mut logins = Vec::new();
    for role in ["app", "light"] {
        let id = setup.ask(&client::get(&root, &format!("auth/approle/role/{role}/role-id"))).await?;
        let path = format!("auth/approle/role/{role}/secret-id");
        let secret = setup.ask(&client::post(&root, &path, &json!({}))).await?;
        logins.push(
            json!({"role_id": id.pointer("/data/role_id"), "secret_id": secret.pointer("/data/secret_id")}),
        );
    }
    let body = json!({"policies": ["app"], "ttl": "24h"});
    let made = setup.ask(&client::post(&root, "auth/token/create", &body)).await?;
    let token = made.pointer("/auth/client_token").and_then(Value::as_str).context("no token")?.to_owned();
    let secret = json!({ "data": { "user": "app", "password": "correct horse battery staple" } });
    for key in 0..KEYS {
        setup.send(&client::post(&root, &data(key), &secret)).await.context("preparing secrets")?;
    }

    let count = |full: usize| (full / scale).max(64);
    let get = |path: &str| client::get(&token, path);
    let text = json!({"plaintext": "dGhlIHF1aWNrIGJyb3duIGZveA=="});
    let input = json!({"input": "dGhlIHF1aWNrIGJyb3duIGZveA=="});
    let row = async |what: &str, connections: usize, full: usize, make: &dyn Fn(usize) -> Request| {
        measure(server, what, connections, count(full), make).await
    };
    row("health (no token, no store)", 64, 100_000, &|_| client::get("", "sys/health")).await?;
    row("token lookup-self", 64, 60_000, &|_| get("auth/token/lookup-self")).await?;
    row("KV v2 read", 1, 20_000, &|n| get(&data(n % KEYS))).await?;
    row("KV v2 read", 64, 60_000, &|n| get(&data(n % KEYS))).await?;
    row("KV v2 write", 1, 3_000, &|n| client::post(&token, &data(n % KEYS), &secret)).await?;
    row("KV v2 write", 64, 30_000, &|n| client::post(&token, &data(n % KEYS), &secret)).await?;
    row("transit encrypt, AES-256-GCM", 64, 60_000, &|_| client::post(&token, "transit/encrypt/aes", &text))
        .await?;
    row("transit sign, Ed25519", 64, 30_000, &|_| client::post(&token, "transit/sign/ed25519", &input))
        .await?;
    row("transit sign, ECDSA P-256", 64, 30_000, &|_| client::post(&token, "transit/sign/ecdsa", &input))
        .await?;
    for (login, what) in logins.iter().zip(["AppRole login, service token", "AppRole login, batch token"]) {
        row(what, 64, 20_000, &|_| client::post("", "auth/approle/login", login)).await?;
    }
    Ok(())
}

/// One row: `count` requests over `connections`, each sent when the one before it on its connection was answered.
async fn measure(
    server: &Server<'_>,
    what: &str,
    connections: usize,
    count: usize,
    make: &dyn Fn(usize) -> Request,
) -> anyhow::Result<()> {
    let cpu = server.process.cpu()?;
    let began = Instant::now();
    let mut latencies =
        drive(server.port, connections, (0..count).map(make).collect()).await.context(what.to_owned())?;
    let elapsed = began.elapsed();
    let cpu = server.process.cpu()? - cpu;
    latencies.sort_unstable();
    print(&format!(
        "| {} | {} | {what} | {connections} | {count} | {:.0} | {} µs | {} µs | {:.1} µs | {} MiB |",
        server.setting.product,
        server.setting.storage,
        count as f64 / elapsed.as_secs_f64(),
        quantile(&latencies, 0.5).as_micros(),
        quantile(&latencies, 0.99).as_micros(),
        cpu.as_secs_f64() * 1e6 / count as f64,
        server.process.resident()? >> 20,
    ));
    Ok(())
}

/// Sends all requests over so many connections; gives how long each took.
pub(crate) async fn drive(
    port: u16,
    connections: usize,
    requests: Vec<Request>,
) -> anyhow::Result<Vec<Duration>> {
    let requests = Arc::new(requests);
    let mut tasks = Vec::new();
    for first in 0..connections {
        let mut connection = Connection::open(port).await?;
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
    let mut latencies = Vec::with_capacity(requests.len());
    for task in tasks {
        latencies.extend(task.await??);
    }
    Ok(latencies)
}

fn data(key: usize) -> String {
    format!("secret/data/app/{key}")
}

const KEYS: usize = 1000;

//! The process: start, second start, end, signals.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use trustkeep_e2e::{Client, Server, eventually, free_port, program, run};

use super::configuration;

#[tokio::test]
async fn dev_prints_one_line_of_json_and_finds_its_data_again() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = Server::dev(&data).await.unwrap();
    assert!(server.address.starts_with("http://127.0.0.1:"), "{}", server.address);
    assert!(server.token.starts_with("hvs.") && server.token.len() == 28, "the token's form");
    let written = server.client().post("secret/data/a", json!({ "data": { "k": "v" } })).await.unwrap();
    assert_eq!(written.status, 200, "{written:?}");
    let token = server.token.clone();
    server.signal(Signal::TERM).unwrap();
    let (status, more) = server.ended().await.unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(more, [""; 0], "nothing follows the line of JSON");
    let again = Server::dev(&data).await.unwrap();
    assert_eq!(again.token, token);
    assert_eq!(again.client().get("secret/data/a").await.unwrap().at("/data/data/k"), "v");
    again.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_dev_on_the_same_directory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::dev(&data).await.unwrap();
    let same_port = server.address.trim_start_matches("http://").to_owned();
    for listen in ["127.0.0.1:0", &same_port] {
        let ports =
            ["--ledger-port", "0", "--auditor-port", "0", "--agent-port", "0", "--controller-port", "0"];
        let arguments = ["dev", "--json", "--listen", listen, "--data-dir", data.to_str().unwrap()];
        let arguments = [&arguments[..], &ports].concat();
        let second = run(program(), &arguments, &[]).await.unwrap();
        assert_eq!(second.code, 1, "{second:?}");
        assert!(second.stderr.contains(data.to_str().unwrap()), "{}", second.stderr);
        assert_eq!(second.stdout, "");
    }
    assert_eq!(server.client().get("sys/health").await.unwrap().status, 200);
    let written = server.client().post("secret/data/a", json!({ "data": { "k": "v" } })).await.unwrap();
    assert_eq!(written.status, 200);
    server.stop().await.unwrap();
}

#[tokio::test]
async fn dev_stays_on_this_machine() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let arguments = ["dev", "--listen", "0.0.0.0:0", "--data-dir", data.to_str().unwrap()];
    let refused = run(program(), &arguments, &[]).await.unwrap();
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("loopback"), "{}", refused.stderr);
    assert!(!data.exists());
}

#[tokio::test]
async fn termination_finishes_what_was_begun() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let mut server = Server::dev(&data).await.unwrap();
    let client = server.client();
    let mut stream = client.connect().await.unwrap();
    let body = json!({ "data": { "begun": "before the end" } }).to_string();
    let head = format!(
        "POST /v1/secret/data/begun HTTP/1.1\r\nHost: vault\r\nX-Vault-Token: {}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        server.token,
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server asks for the body: the request has begun.
    let mut asked = vec![0; 25];
    stream.read_exact(&mut asked).await.unwrap();
    assert!(asked.starts_with(b"HTTP/1.1 100 "), "{}", String::from_utf8_lossy(&asked));
    server.signal(Signal::TERM).unwrap();
    eventually("the refusal of new connections", async || Ok(client.connect().await.err())).await.unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let (status, _) = server.ended().await.unwrap();
    assert!(status.success(), "{status}: {}", server.log());
    let again = Server::dev(&data).await.unwrap();
    assert_eq!(
        again.client().get("secret/data/begun").await.unwrap().at("/data/data/begun"),
        "before the end"
    );
    again.stop().await.unwrap();
}

/// Writes a new certificate for 127.0.0.1 and gives it.
fn new_certificate(dir: &Path) -> String {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    fs::write(dir.join("cert.pem"), made.cert.pem()).unwrap();
    fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    made.cert.pem()
}

/// The status of sys/health for a client that trusts one certificate; `None` if it does not trust the server's.
async fn health(address: &str, trusted: &str) -> anyhow::Result<Option<u16>> {
    let trusted = reqwest::Certificate::from_pem(trusted.as_bytes())?;
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([trusted]).build()?;
    match client.get(format!("{address}/v1/sys/health")).send().await {
        Ok(answer) => Ok(Some(answer.status().as_u16())),
        Err(error) if error.is_connect() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[tokio::test]
async fn hangup_reloads_the_log_level_and_the_certificate() {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().display();
    let listener = format!("tls_cert_file = \"{path}/cert.pem\"\n  tls_key_file = \"{path}/key.pem\"");
    let first = new_certificate(dir.path());
    let config = configuration(dir.path(), &listener, "log_level = \"info\"");
    let server = Server::configured(&config, &[]).await.unwrap();
    let address = server.address.clone();
    assert!(address.starts_with("https://"));
    assert_eq!(health(&address, &first).await.unwrap(), Some(501));
    assert!(!server.log().contains("DEBUG"), "{}", server.log());

    let second = new_certificate(dir.path());
    assert_eq!(health(&address, &second).await.unwrap(), None, "nothing is reloaded without being told");
    configuration(dir.path(), &listener, "log_level = \"debug\"");
    server.signal(Signal::HUP).unwrap();
    eventually("the new certificate", || health(&address, &second)).await.unwrap();
    eventually("a line of level debug", async || {
        health(&address, &second).await?;
        Ok(server.log().contains("DEBUG").then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(health(&address, &first).await.unwrap(), None);

    // What cannot be read changes nothing.
    fs::write(dir.path().join("cert.pem"), "damaged").unwrap();
    fs::write(&config, "damaged {").unwrap();
    server.signal(Signal::HUP).unwrap();
    eventually("both complaints", async || {
        let log = server.log();
        Ok((log.contains("cert.pem") && log.contains("vault.hcl")).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(health(&address, &second).await.unwrap(), Some(501));
    server.stop().await.unwrap();
}

#[tokio::test]
async fn a_throw_away_vault_leaves_nothing_behind() {
    let home = tempfile::tempdir().unwrap();
    let listen = format!("127.0.0.1:{}", free_port().unwrap());
    let arguments =
        ["server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token", "-dev-listen-address", &listen];
    let mut child = tokio::process::Command::new(program());
    let child = child.arg("vault").args(arguments).current_dir(home.path()).env("HOME", home.path());
    let mut child = child
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let client = Client::new(&format!("http://{listen}"), Some("root"));
    eventually("the vault", async || {
        Ok(client.get("sys/health").await.ok().filter(|answer| answer.status == 200))
    })
    .await
    .unwrap();
    assert_eq!(client.post("secret/data/a", json!({ "data": { "k": "v" } })).await.unwrap().status, 200);
    let id = rustix::process::Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    rustix::process::kill_process(id, Signal::INT).unwrap();
    assert!(child.wait().await.unwrap().success());
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
}

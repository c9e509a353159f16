use std::path::PathBuf;
use std::time::Instant;

use serde_json::Value;
use trustkeep_e2e::Server;

use crate::client;

fn properties(dev: &Server, pointer: &str) -> PathBuf {
    dev.said.pointer(pointer).and_then(Value::as_str).unwrap().into()
}

/// Calls the agent's admin API as its controller.
async fn agent(dev: &Server, method: reqwest::Method, path: &str) -> Value {
    let text = |pointer: &str| dev.said.pointer(pointer).and_then(Value::as_str).unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request =
        http.request(method, format!("{}/{path}", text("/agent/admin"))).json(&serde_json::json!({}));
    let answer = request.header("x-api-key", text("/agent/api_key")).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn dev_runs_ledger_and_auditor_and_finds_them_again() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let dev = Server::dev(&data).await.unwrap();
    let demo = properties(&dev, "/client/properties");
    let put = client(&demo, &["hashstore", "put-object"], &["--object-id", "a", "--hash", "h1"]).await;
    assert_eq!((put.code, put.stdout.as_str()), (0, ""), "{put:?}");
    let table = "CREATE TABLE t (k STRING PRIMARY KEY)";
    let made = client(&demo, &["tablestore", "execute-statement"], &["--statement", table]).await;
    assert_eq!(made.code, 0, "{made:?}");
    for service in ["ledger", "auditor"] {
        let metrics = dev.said.pointer(&format!("/{service}/metrics")).and_then(Value::as_str).unwrap();
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        let text = http.get(metrics).send().await.unwrap().text().await.unwrap();
        assert!(text.contains(&format!("scalardl_stats_{service}_total_success")), "{text}");
    }
    let made = agent(&dev, reqwest::Method::POST, "connections/create-invitation").await;
    let endpoint = dev.said.pointer("/agent/endpoint").unwrap();
    assert_eq!(made.pointer("/invitation/serviceEndpoint"), Some(endpoint), "{made}");
    dev.stop().await.unwrap();

    let begun = Instant::now();
    let dev = Server::dev(&data).await.unwrap();
    assert!(begun.elapsed().as_secs() < 10, "the second start takes {:?}", begun.elapsed());
    let demo = properties(&dev, "/client/properties");
    let got = client(&demo, &["hashstore", "get-object"], &["--object-id", "a"]).await;
    assert!(got.code == 0 && got.stdout.contains("\"h1\""), "{got:?}");
    let valid = client(&demo, &["hashstore", "validate-ledger"], &["--object-id", "a"]).await;
    assert!(valid.code == 0 && valid.stdout.contains("\"OK\""), "{valid:?}");
    assert!(valid.stdout.contains("Auditor") || valid.stdout.contains("auditor"), "both proofs: {valid:?}");
    let found = agent(&dev, reqwest::Method::GET, "connections").await;
    assert_eq!(found.pointer("/results/0/connection_id"), made.get("connection_id"), "{found}");
    let keys = dev.client().get("secret/data/trustkeep/agent").await.unwrap();
    assert_eq!(keys.body.pointer("/data/data/api_key"), dev.said.pointer("/agent/api_key"));
    dev.stop().await.unwrap();
}

#[tokio::test]
async fn the_vault_of_dev_can_write_its_audit_log_into_the_ledger() {
    let dir = tempfile::tempdir().unwrap();
    let dev = Server::dev(&dir.path().join("data")).await.unwrap();
    let file = properties(&dev, "/client/audit_properties");
    let device = serde_json::json!({ "type": "ledger", "options": { "properties_file": file } });
    let enabled = dev.client().post("sys/audit/ledger", device).await.unwrap();
    assert_eq!(enabled.status, 204, "{enabled:?}");
    let demo = properties(&dev, "/client/properties");
    let valid = client(&demo, &["validate-ledger"], &["--asset-id", "o_vault-audit"]).await;
    assert!(valid.code == 0 && valid.stdout.contains("\"OK\""), "{valid:?}");
    dev.stop().await.unwrap();
}

//! Sealed: nothing answers, and nothing that is written anywhere tells a secret.

use std::fs;
use std::path::Path;

use serde_json::json;
use trustkeep_e2e::Server;

use super::configuration;

const PLANTED: [&str; 4] =
    ["planted-secret-7f1c", "planted-name-91ab", "planted-meta-22e0", "planted-cubby-5c5c"];

#[tokio::test]
async fn a_sealed_vault_tells_nothing_and_writes_nothing_in_the_clear() {
    let dir = tempfile::tempdir().unwrap();
    let config = configuration(dir.path(), "tls_disable = true", "");
    let mut server = Server::configured(&config, &["-log-level=trace"]).await.unwrap();
    let share = server.open().await.unwrap();
    let root = server.client();
    let [value, name, meta, cubby] = PLANTED;
    for (path, body) in [
        ("sys/mounts/secret", json!({ "type": "kv", "options": { "version": "2" } })),
        ("sys/mounts/first", json!({ "type": "kv", "options": { "version": "1" } })),
        (&format!("secret/data/{name}"), json!({ "data": { "k": value } })),
        (&format!("secret/metadata/{name}"), json!({ "custom_metadata": { "m": meta } })),
        ("first/plain", json!({ "k": value })),
        ("cubbyhole/x", json!({ "k": cubby })),
    ] {
        let answer = root.post(path, body).await.unwrap();
        assert!(answer.status < 300, "{path}: {answer:?}");
    }
    let child = root
        .post("auth/token/create", json!({ "policies": ["default"], "meta": { "m": meta } }))
        .await
        .unwrap();
    let child = child.at("/auth/client_token").as_str().unwrap().to_owned();
    // Mistakes are where secrets are most easily told.
    root.post("sys/unseal", json!({ "key": value })).await.unwrap();
    root.post(&format!("secret/data/{name}"), json!({ "data": value })).await.unwrap();
    root.send_bytes("POST", "secret/data/x", format!("{{{value}").into_bytes(), &[]).await.unwrap();
    root.post("sys/policies/acl/x", json!({ "policy": format!("path \"{value}") })).await.unwrap();
    root.get(&format!("secret/data/{name}?version={value}")).await.unwrap();

    assert_eq!(root.send("PUT", "sys/seal", None).await.unwrap().status, 204);
    for (method, path) in [
        ("GET", "secret/data/planted-name-91ab"),
        ("GET", "first/plain"),
        ("LIST", "secret/metadata"),
        ("POST", "secret/data/new"),
        ("DELETE", "secret/data/planted-name-91ab"),
        ("GET", "cubbyhole/x"),
        ("GET", "sys/mounts"),
        ("POST", "sys/mounts/more"),
        ("GET", "sys/auth"),
        ("GET", "sys/policies/acl/default"),
        ("POST", "sys/capabilities-self"),
        ("GET", "sys/internal/ui/mounts"),
        ("GET", "sys/internal/ui/mounts/secret"),
        ("GET", "sys/key-status"),
        ("POST", "sys/rotate"),
        ("PUT", "sys/seal"),
        ("GET", "auth/token/lookup-self"),
        ("POST", "auth/token/create"),
        ("LIST", "auth/token/accessors"),
        ("POST", "auth/token/revoke-self"),
        ("GET", "no/such/route"),
    ] {
        for client in [root.clone(), root.with_token(None), root.with_token(Some("hvs.unknown"))] {
            let answer = client.send(method, path, None).await.unwrap();
            assert_eq!(answer.status, 503, "{method} {path}: {answer:?}");
            assert_eq!(answer.body, json!({ "errors": ["Vault is sealed"] }), "{method} {path}");
        }
    }
    let status = root.get("sys/seal-status").await.unwrap();
    assert_eq!((status.status, status.at("/sealed")), (200, &json!(true)));
    assert_eq!(root.get("sys/health").await.unwrap().status, 503);

    let unsealed = root.post("sys/unseal", json!({ "key": share })).await.unwrap();
    assert_eq!(unsealed.at("/sealed"), &json!(false), "{unsealed:?}");
    let read = root.get(&format!("secret/data/{name}")).await.unwrap();
    assert_eq!(read.at("/data/data/k"), value);
    let log = server.log();
    let token = server.token.clone();
    server.stop().await.unwrap();

    assert!(log.contains("DEBUG") || log.contains("TRACE"), "{log}");
    let mut seen = 0;
    for secret in PLANTED.into_iter().chain([token.as_str(), &child, &share]) {
        // The names of secrets are in the paths of requests, so logs may have them; stores may not.
        if secret != name {
            assert!(!log.contains(secret), "the log tells {secret}");
        }
        seen += search(&dir.path().join("data"), secret.as_bytes());
    }
    assert!(seen > 0, "no file was searched");
}

/// Searches every file below a directory; gives their number.
fn search(dir: &Path, secret: &[u8]) -> usize {
    let mut seen = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            seen += search(&path, secret);
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(secret.len()).any(|window| window == secret);
        assert!(!found, "{} tells {}", path.display(), String::from_utf8_lossy(secret));
        seen += usize::from(!bytes.is_empty());
    }
    seen
}

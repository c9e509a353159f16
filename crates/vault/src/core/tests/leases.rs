//! Leases from outside, with the leases of KV version 1 as their source.

use super::*;

impl Vault {
    /// A mount whose reads give leases, with a secret that holds for ten minutes.
    async fn leased(&self, path: &str) {
        let mount = json!({ "type": "kv", "options": { "version": "1", "leased_passthrough": "true" } });
        self.write(&self.root, &format!("sys/mounts/{path}"), mount).await.unwrap();
        self.write(&self.root, &format!("{path}/a/s"), json!({ "k": "v", "ttl": "10m" })).await.unwrap();
        self.write(&self.root, &format!("{path}/endless"), json!({ "k": "v" })).await.unwrap();
    }

    async fn lease(&self, token: &str, path: &str) -> String {
        self.ask(token, Operation::Read, path, json!({})).await.unwrap().unwrap().lease_id
    }

    async fn lease_stands(&self, id: &str) -> bool {
        self.write(&self.root, "sys/leases/lookup", json!({ "lease_id": id })).await.is_ok()
    }

    /// The paths of all that is stored, but for the history of versions, which is written in the background.
    async fn paths(&self) -> Vec<String> {
        let page = self.store.scan_table(&entry_table().unwrap(), None, 10_000).await.unwrap();
        let paths = page.records.iter().map(|record| format!("{:?}", record.key));
        paths.filter(|path| !path.contains("versions")).collect()
    }

    async fn has_leases(&self, prefix: &str) -> bool {
        let path = format!("sys/leases/lookup/{prefix}");
        self.ask(&self.root, Operation::List, &path, json!({})).await.is_ok()
    }
}

#[tokio::test]
async fn a_lease_is_looked_up_renewed_and_revoked() {
    let vault = Vault::new().await;
    vault.leased("kv").await;
    let before = vault.paths().await;
    let read = vault.ask(&vault.root, Operation::Read, "kv/a/s", json!({})).await.unwrap().unwrap();
    assert!(read.lease_id.starts_with("kv/a/s/") && read.lease_id.len() == 31, "{}", read.lease_id);
    assert_eq!((read.lease_duration, read.renewable), (600, true));
    let id = json!({ "lease_id": read.lease_id });
    let shown = vault.write(&vault.root, "sys/leases/lookup", id.clone()).await.unwrap().unwrap();
    let shown = serde_json::to_value(&shown.data).unwrap();
    assert_eq!(
        (&shown["ttl"], &shown["renewable"], &shown["last_renewal"]),
        (&json!(600), &json!(true), &Value::Null)
    );
    vault.clock.advance(Duration::from_secs(500));
    let increment = json!({ "lease_id": read.lease_id, "increment": 1000 });
    let renewed = vault.write(&vault.root, "sys/leases/renew", increment).await.unwrap().unwrap();
    assert_eq!((renewed.lease_id.as_str(), renewed.lease_duration), (read.lease_id.as_str(), 1000));
    vault.clock.advance(Duration::from_secs(999));
    vault.core.sweep().await.unwrap();
    assert!(vault.lease_stands(&read.lease_id).await);
    assert!(vault.write(&vault.root, "sys/leases/revoke", id.clone()).await.unwrap().is_none());
    for (path, text) in [
        ("sys/leases/lookup", "invalid lease"),
        ("sys/leases/renew", "lease not found"),
        ("sys/renew", "lease not found"),
    ] {
        let error = vault.write(&vault.root, path, id.clone()).await.unwrap_err();
        assert_eq!((error.to_string().as_str(), error.status()), (text, 400));
    }
    assert!(
        vault.write(&vault.root, "sys/leases/revoke", id).await.unwrap().is_none(),
        "revoking twice is no error"
    );
    assert_eq!(vault.paths().await, before, "something of the lease stayed behind");
    let endless = vault.lease(&vault.root, "kv/endless").await;
    let refused =
        vault.write(&vault.root, "sys/leases/renew", json!({ "lease_id": endless })).await.unwrap_err();
    assert_eq!(refused.to_string(), "lease is not renewable");
    let missing = vault.write(&vault.root, "sys/leases/renew", json!({})).await.unwrap_err();
    assert_eq!(missing.to_string(), "lease_id must be specified");
}

#[tokio::test]
async fn leases_end_by_themselves() {
    let vault = Vault::new().await;
    vault.leased("kv").await;
    let before = vault.paths().await;
    let first = vault.lease(&vault.root, "kv/a/s").await;
    vault.clock.advance(Duration::from_secs(300));
    let second = vault.lease(&vault.root, "kv/a/s").await;
    vault.clock.advance(Duration::from_secs(300));
    let expired =
        vault.write(&vault.root, "sys/leases/renew", json!({ "lease_id": first })).await.unwrap_err();
    assert_eq!(expired.to_string(), "lease expired");
    assert_eq!(vault.core.sweep().await.unwrap(), 1);
    assert!(!vault.lease_stands(&first).await && vault.lease_stands(&second).await);
    vault.core.seal();
    vault.unseal().await;
    vault.clock.advance(Duration::from_secs(300));
    vault.core.sweep().await.unwrap();
    assert_eq!(vault.paths().await, before);
}

#[tokio::test]
async fn leases_go_with_their_token() {
    let vault = Vault::new().await;
    vault.leased("kv").await;
    let policy =
        r#"path "kv/*" { capabilities = ["read"] } path "auth/token/create" { capabilities = ["update"] }"#;
    vault.write(&vault.root, "sys/policies/acl/r", json!({ "policy": policy })).await.unwrap();
    let before = vault.paths().await;
    let parent = vault.token(&vault.root, json!({ "policies": ["r"] })).await;
    let child = vault.token(&parent, json!({})).await;
    let batch = vault.token(&parent, json!({ "type": "batch", "ttl": "1m" })).await;
    let mut leases = Vec::new();
    for token in [&parent, &child, &batch] {
        leases.push(vault.lease(token, "kv/a/s").await);
    }
    let of_batch = json!({ "lease_id": leases[2] });
    let shown = vault.write(&vault.root, "sys/leases/lookup", of_batch).await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(&shown.data).unwrap()["ttl"], 60, "no longer than the batch token");
    vault.write(&vault.root, "auth/token/revoke", json!({ "token": parent })).await.unwrap();
    vault.core.sweep().await.unwrap();
    for lease in &leases {
        assert!(!vault.lease_stands(lease).await, "{lease}");
    }
    assert_eq!(vault.paths().await, before, "something stayed behind");
}

#[tokio::test]
async fn tokens_are_leases_too() {
    let vault = Vault::new().await;
    let token = vault.token(&vault.root, json!({ "policies": ["default"], "ttl": "1h" })).await;
    let listed =
        vault.ask(&vault.root, Operation::List, "sys/leases/lookup/auth/token/create/", json!({})).await;
    let keys = serde_json::to_value(&listed.unwrap().unwrap().data).unwrap()["keys"].clone();
    let id = format!("auth/token/create/{}", keys[0].as_str().unwrap());
    let shown =
        vault.write(&vault.root, "sys/leases/lookup", json!({ "lease_id": id })).await.unwrap().unwrap();
    assert_eq!(serde_json::to_value(&shown.data).unwrap()["ttl"], 3600);
    let refused = vault.write(&vault.root, "sys/leases/renew", json!({ "lease_id": id })).await.unwrap_err();
    assert_eq!(refused.to_string(), "tokens cannot be renewed through this endpoint");
    vault.write(&vault.root, "sys/leases/revoke", json!({ "lease_id": id })).await.unwrap();
    assert!(!vault.is_alive(&token).await && !vault.has_leases("auth/").await);
    let tokens = [
        vault.token(&vault.root, json!({ "policies": ["default"] })).await,
        vault.token(&vault.root, json!({ "policies": ["default"] })).await,
    ];
    vault.write(&vault.root, "sys/leases/revoke-prefix/auth/token/create", json!({})).await.unwrap();
    for token in &tokens {
        assert!(!vault.is_alive(token).await);
    }
    assert!(vault.is_alive(&vault.root).await, "the first root token is no lease");
}

#[tokio::test]
async fn a_prefix_is_revoked_whole_at_once_or_later() {
    let vault = Vault::new().await;
    for path in ["one", "two"] {
        vault.leased(path).await;
    }
    let before = vault.paths().await;
    let mut of_one = Vec::new();
    for _ in 0..450 {
        of_one.push(vault.lease(&vault.root, "one/a/s").await);
    }
    let at_once = vault.lease(&vault.root, "one/endless").await;
    let of_two = vault.lease(&vault.root, "two/a/s").await;
    vault.write(&vault.root, "sys/leases/revoke-prefix/one/endless", json!({ "sync": true })).await.unwrap();
    assert!(!vault.lease_stands(&at_once).await && vault.lease_stands(&of_one[0]).await);
    let later =
        vault.write(&vault.root, "sys/revoke-prefix/one", json!({ "sync": false })).await.unwrap().unwrap();
    assert_eq!(later.raw.unwrap().status, 202);
    // Sealed before anything was done in the background: what was promised is kept.
    vault.core.seal();
    vault.unseal().await;
    vault.core.sweep().await.unwrap();
    assert!(!vault.has_leases("one/").await && vault.lease_stands(&of_two).await);
    vault.write(&vault.root, "sys/leases/revoke-force/two", json!({})).await.unwrap();
    let mut after = vault.paths().await;
    after.retain(|path| !before.contains(path));
    assert_eq!(after, Vec::<String>::new(), "something stayed behind");
}

#[tokio::test]
async fn unmounting_revokes_the_leases() {
    let vault = Vault::new().await;
    let before = vault.paths().await;
    vault.leased("kv").await;
    let lease = vault.lease(&vault.root, "kv/a/s").await;
    vault.ask(&vault.root, Operation::Delete, "sys/mounts/kv", json!({})).await.unwrap();
    assert!(!vault.lease_stands(&lease).await);
    vault.core.unsealed().unwrap().finish_unmounting().await;
    assert_eq!(vault.paths().await, before);
}

#[tokio::test]
async fn what_is_irrevocable_is_counted_and_tidying_is_answered_at_once() {
    let vault = Vault::new().await;
    let count = vault.ask(&vault.root, Operation::Read, "sys/leases/count", json!({ "type": "irrevocable" }));
    let count = serde_json::to_value(&count.await.unwrap().unwrap().data).unwrap();
    assert_eq!(count, json!({ "counts": {}, "lease_count": 0 }));
    let bad = json!({ "type": "irrevocable", "limit": "0" });
    assert_eq!(vault.ask(&vault.root, Operation::Read, "sys/leases", bad).await.unwrap_err().status(), 400);
    for path in ["sys/leases/tidy", "auth/token/tidy"] {
        let started = vault.write(&vault.root, path, json!({})).await.unwrap().unwrap();
        assert_eq!((started.status, started.warnings.len()), (Some(202), 1));
    }
}

//! The core from outside: requests in, answers out, over the memory store and a clock that the test moves.

mod audit;
mod identity;
mod leases;
mod seals;
mod system;
mod tokens;
mod wrapping;

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use trustkeep_chassis::clock::{ManualClock, Timestamp};
use trustkeep_crypto::random::SystemRandom;
use trustkeep_store::{Commit, Key, MemoryStore, Row, SharedStore};

use super::{Core, CoreSettings, InitRequest, entry_table};
use crate::request::{Operation, Request};
use crate::response::{Data, Response};
use crate::{Error, Result};

struct Vault {
    core: Arc<Core>,
    clock: Arc<ManualClock>,
    store: SharedStore,
    root: String,
    shares: Vec<String>,
}

impl Vault {
    async fn new() -> Self {
        Self::with(CoreSettings::default()).await
    }

    async fn with(settings: CoreSettings) -> Self {
        let store: SharedStore = Arc::new(MemoryStore::new());
        store.create_tables(&[entry_table().unwrap()]).await.unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp::from_second(1_000_000).unwrap()));
        let core = Core::new(store.clone(), settings, Arc::new(SystemRandom), clock.clone()).unwrap();
        let core = Arc::new(core);
        let made = core.initialize(InitRequest::shamir(3, 2)).await.unwrap();
        let shares = made.shares.iter().map(|share| share.to_base64().expose().to_owned()).collect();
        let vault = Vault { core, clock, store, root: made.root_token, shares };
        vault.unseal().await;
        vault
    }

    async fn unseal(&self) {
        for share in &self.shares[..2] {
            self.core.unseal(share).await.unwrap();
        }
    }

    async fn ask(
        &self,
        token: &str,
        operation: Operation,
        path: &str,
        data: Value,
    ) -> Result<Option<Response>> {
        let mut request =
            Request::internal(operation, path, data.as_object().cloned().unwrap_or_default(), token);
        request.body = data.to_string().into();
        self.core.handle(request).await
    }

    async fn write(&self, token: &str, path: &str, data: Value) -> Result<Option<Response>> {
        self.ask(token, Operation::Update, path, data).await
    }

    async fn read(&self, token: &str, path: &str) -> Result<Value> {
        let response = self.ask(token, Operation::Read, path, json!({})).await?.unwrap();
        Ok(match response.data {
            Some(Data::Map(map)) => Value::Object(map),
            Some(Data::Text(text)) => serde_json::from_str(text.get()).unwrap(),
            None => Value::Null,
        })
    }

    async fn token(&self, parent: &str, fields: Value) -> String {
        let response = self.write(parent, "auth/token/create", fields).await.unwrap().unwrap();
        response.auth.unwrap().client_token
    }

    async fn is_alive(&self, token: &str) -> bool {
        match self.read(token, "auth/token/lookup-self").await {
            Ok(_) => true,
            Err(Error::BadToken) => false,
            Err(error) => panic!("{error}"),
        }
    }

    async fn rows(&self) -> usize {
        self.store.scan_table(&entry_table().unwrap(), None, 10_000).await.unwrap().records.len()
    }
}

#[tokio::test]
async fn shares_unseal_and_wrong_ones_do_not() {
    let vault = Vault::new().await;
    vault.write(&vault.root, "cubbyhole/mine", json!({ "a": 1 })).await.unwrap();
    vault.core.seal();
    assert!(matches!(vault.read(&vault.root, "cubbyhole/mine").await, Err(Error::Sealed)));
    vault.core.unseal(&vault.shares[0]).await.unwrap();
    assert_eq!(vault.core.seal_status().await.unwrap().progress, 1);
    let stranger = Vault::new().await;
    let error = vault.core.unseal(&stranger.shares[1]).await.unwrap_err();
    assert_eq!(error.status(), 400, "{error}");
    assert!(vault.core.is_sealed());
    assert_eq!(vault.core.seal_status().await.unwrap().progress, 0, "a wrong share starts over");
    vault.unseal().await;
    assert_eq!(vault.read(&vault.root, "cubbyhole/mine").await.unwrap()["a"], 1);
}

#[tokio::test]
async fn it_is_initialised_once() {
    let vault = Vault::new().await;
    let rows = vault.rows().await;
    let again = vault.core.initialize(InitRequest::shamir(1, 1)).await;
    assert_eq!(again.unwrap_err().to_string(), "Vault is already initialized");
    assert_eq!(vault.rows().await, rows);
}

#[tokio::test]
async fn revoking_a_parent_revokes_its_children_and_leaves_nothing_behind() {
    let vault = Vault::new().await;
    let before = vault.rows().await;
    let parent = vault.token(&vault.root, json!({ "policies": ["default"], "ttl": "1h" })).await;
    vault
        .write(
            &vault.root,
            "sys/policies/acl/maker",
            json!({ "policy": "path \"auth/token/create\" { capabilities = [\"update\"] }" }),
        )
        .await
        .unwrap();
    let maker = vault.token(&vault.root, json!({ "policies": ["maker"], "ttl": "1h" })).await;
    let child = vault.token(&maker, json!({ "ttl": "30m" })).await;
    let grandchild = vault.token(&child, json!({ "ttl": "10m" })).await;
    vault.write(&grandchild, "cubbyhole/own", json!({ "x": "y" })).await.unwrap();
    assert!(vault.is_alive(&grandchild).await);
    vault.write(&vault.root, "auth/token/revoke", json!({ "token": maker })).await.unwrap();
    for token in [&maker, &child, &grandchild] {
        assert!(!vault.is_alive(token).await);
    }
    assert!(vault.is_alive(&parent).await);
    vault.write(&vault.root, "auth/token/revoke", json!({ "token": parent })).await.unwrap();
    vault.ask(&vault.root, Operation::Delete, "sys/policies/acl/maker", json!({})).await.unwrap();
    assert_eq!(vault.rows().await, before, "entries of revoked tokens stayed behind");
}

#[tokio::test]
async fn revoking_an_orphan_maker_spares_its_children() {
    let vault = Vault::new().await;
    let parent = vault.token(&vault.root, json!({ "policies": ["root"] })).await;
    let child = vault.token(&parent, json!({ "policies": ["default"] })).await;
    vault.write(&vault.root, "auth/token/revoke-orphan", json!({ "token": parent })).await.unwrap();
    assert!(!vault.is_alive(&parent).await);
    assert!(vault.is_alive(&child).await);
    assert_eq!(vault.read(&child, "auth/token/lookup-self").await.unwrap()["orphan"], true);
}

#[tokio::test]
async fn tokens_end_with_their_ttl_and_take_their_children_along() {
    let vault = Vault::new().await;
    let before = vault.rows().await;
    let parent = vault.token(&vault.root, json!({ "policies": ["root"], "ttl": "60s" })).await;
    let child = vault.token(&parent, json!({ "policies": ["default"], "ttl": "1h" })).await;
    vault.clock.advance(Duration::from_secs(59));
    assert!(vault.is_alive(&parent).await);
    assert_eq!(vault.core.sweep().await.unwrap(), 0);
    vault.clock.advance(Duration::from_secs(1));
    assert!(!vault.is_alive(&parent).await);
    assert_eq!(vault.core.sweep().await.unwrap(), 1);
    assert!(!vault.is_alive(&child).await);
    assert_eq!(vault.rows().await, before);
}

#[tokio::test]
async fn renewal_is_capped_and_periodic_tokens_live_on() {
    let vault = Vault::new().await;
    let capped = vault
        .token(&vault.root, json!({ "policies": ["default"], "ttl": "60s", "explicit_max_ttl": "90s" }))
        .await;
    vault.clock.advance(Duration::from_secs(50));
    let renewed =
        vault.write(&capped, "auth/token/renew-self", json!({ "increment": "1h" })).await.unwrap().unwrap();
    assert_eq!(renewed.auth.unwrap().lease_duration, 40);
    assert_eq!(renewed.warnings.len(), 1);
    let periodic = vault.token(&vault.root, json!({ "policies": ["default"], "period": "60s" })).await;
    for _ in 0..5 {
        vault.clock.advance(Duration::from_secs(50));
        let renewed = vault.write(&periodic, "auth/token/renew-self", json!({})).await.unwrap().unwrap();
        assert_eq!(renewed.auth.unwrap().lease_duration, 60);
        vault.core.sweep().await.unwrap();
    }
    assert!(vault.is_alive(&periodic).await);
    assert!(!vault.is_alive(&capped).await);
    let root = vault.write(&vault.root, "auth/token/renew-self", json!({})).await.unwrap_err();
    assert_eq!(root.to_string(), "lease is not renewable");
}

#[tokio::test]
async fn limited_uses_are_counted_down_to_the_end() {
    let vault = Vault::new().await;
    let token = vault.token(&vault.root, json!({ "policies": ["root"], "num_uses": 3 })).await;
    let child = vault.write(&token, "auth/token/create", json!({})).await.unwrap_err();
    assert_eq!(child.to_string(), "restricted use token cannot generate child tokens");
    assert!(vault.is_alive(&token).await);
    assert!(vault.is_alive(&token).await);
    assert!(!vault.is_alive(&token).await);
}

#[tokio::test]
async fn policies_bound_what_a_token_does_from_the_next_request_on() {
    let vault = Vault::new().await;
    vault
        .write(&vault.root, "sys/mounts/kv", json!({ "type": "kv", "options": { "version": "1" } }))
        .await
        .unwrap();
    vault.write(&vault.root, "kv/app/a", json!({ "x": 1 })).await.unwrap();
    let policy = |text: &str| json!({ "policy": text });
    vault
        .write(
            &vault.root,
            "sys/policies/acl/app",
            policy("path \"kv/app/*\" { capabilities = [\"read\", \"create\"] }"),
        )
        .await
        .unwrap();
    let token = vault.token(&vault.root, json!({ "policies": ["app"] })).await;
    assert_eq!(vault.read(&token, "kv/app/a").await.unwrap()["x"], 1);
    vault.write(&token, "kv/app/new", json!({ "x": 2 })).await.unwrap();
    for refused in [
        vault.write(&token, "kv/app/a", json!({ "x": 3 })).await,
        vault.ask(&token, Operation::Delete, "kv/app/a", json!({})).await,
        vault.ask(&token, Operation::List, "kv/app/", json!({})).await,
        vault.ask(&token, Operation::Read, "kv/other", json!({})).await,
        vault.ask(&token, Operation::Read, "sys/mounts", json!({})).await,
        vault.ask(&token, Operation::Read, "nowhere/x", json!({})).await,
    ] {
        assert!(matches!(refused, Err(Error::PermissionDenied)), "{refused:?}");
    }
    vault
        .write(
            &vault.root,
            "sys/policies/acl/app",
            policy("path \"kv/app/a\" { capabilities = [\"update\"] }"),
        )
        .await
        .unwrap();
    vault.write(&token, "kv/app/a", json!({ "x": 3 })).await.unwrap();
    assert!(vault.read(&token, "kv/app/a").await.is_err());
    let preflight = vault.read(&token, "sys/internal/ui/mounts/kv/app/a").await.unwrap();
    assert_eq!((&preflight["path"], &preflight["type"]), (&json!("kv/"), &json!("kv")));
    let hidden = vault.read(&token, "sys/internal/ui/mounts/secret/x").await.unwrap_err();
    assert_eq!(hidden.status(), 403);
    let wider = vault.write(&token, "auth/token/create", json!({ "policies": ["root"] })).await;
    assert!(wider.is_err());
}

#[tokio::test]
async fn mounts_do_not_overlap_and_take_their_secrets_with_them() {
    let vault = Vault::new().await;
    let kv = json!({ "type": "kv-v2" });
    vault.write(&vault.root, "sys/mounts/team/kv", kv.clone()).await.unwrap();
    for taken in ["team/kv", "team", "team/kv/below"] {
        let error = vault.write(&vault.root, &format!("sys/mounts/{taken}"), kv.clone()).await.unwrap_err();
        assert_eq!(error.to_string(), "path is already in use at team/kv/", "{taken}");
        assert_eq!(error.status(), 400);
    }
    for reserved in ["sys", "auth/x", "cubbyhole", "audit"] {
        assert!(
            vault.write(&vault.root, &format!("sys/mounts/{reserved}"), kv.clone()).await.is_err(),
            "{reserved}"
        );
    }
    let unknown = vault.write(&vault.root, "sys/mounts/x", json!({ "type": "pki" })).await.unwrap_err();
    assert_eq!(unknown.to_string(), "plugin not found in the catalog: pki");
    let before = vault.rows().await;
    vault.write(&vault.root, "team/kv/data/s", json!({ "data": { "k": "v" } })).await.unwrap();
    vault.ask(&vault.root, Operation::Delete, "sys/mounts/team/kv", json!({})).await.unwrap();
    assert!(matches!(vault.read(&vault.root, "team/kv/data/s").await, Err(Error::NoHandler(_))));
    // Another removal waits for the one under way, so that everything is gone when it answers.
    vault.core.unsealed().unwrap().finish_unmounting().await;
    assert!(vault.rows().await < before, "the mount's entry and its secrets stayed behind");
}

#[tokio::test]
async fn tuning_kv_to_version_2_keeps_its_secrets() {
    let vault = Vault::new().await;
    vault.write(&vault.root, "sys/mounts/kv", json!({ "type": "kv" })).await.unwrap();
    vault.write(&vault.root, "kv/a/b", json!({ "x": 1 })).await.unwrap();
    vault.write(&vault.root, "sys/mounts/kv/tune", json!({ "options": { "version": "2" } })).await.unwrap();
    vault.core.unsealed().unwrap().finish_upgrading((1, 1)).await;
    assert_eq!(vault.read(&vault.root, "kv/data/a/b").await.unwrap()["data"]["x"], 1);
    let back = vault
        .write(&vault.root, "sys/mounts/kv/tune", json!({ "options": { "version": "1" } }))
        .await
        .unwrap_err();
    assert_eq!(back.to_string(), "cannot downgrade mount from version 2");
}

#[tokio::test]
async fn an_entry_moved_or_damaged_in_the_store_does_not_open() {
    let vault = Vault::new().await;
    let root = vault.root.clone();
    vault
        .write(
            &root,
            "sys/policies/acl/weak",
            json!({ "policy": "path \"a\" { capabilities = [\"deny\"] }" }),
        )
        .await
        .unwrap();
    vault
        .write(
            &root,
            "sys/policies/acl/strong",
            json!({ "policy": "path \"*\" { capabilities = [\"read\"] }" }),
        )
        .await
        .unwrap();
    let table = entry_table().unwrap();
    let strong = vault.store.get(&table, &Key::of("sys/policy").at("strong")).await.unwrap().unwrap();
    let moved = Commit::new().put(&table, Key::of("sys/policy").at("weak"), strong.row.clone());
    vault.store.commit(moved).await.unwrap();
    let error = vault.read(&root, "sys/policies/acl/weak").await.unwrap_err();
    assert_eq!(error.status(), 500);
    let mut bytes = strong.bytes(0).unwrap().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    let damaged = Commit::new().put(&table, Key::of("sys/policy").at("strong"), Row::of([bytes]));
    vault.store.commit(damaged).await.unwrap();
    assert_eq!(vault.read(&root, "sys/policies/acl/strong").await.unwrap_err().status(), 500);
}

#[tokio::test]
async fn rotation_keeps_old_entries_readable() {
    let vault = Vault::new().await;
    vault.write(&vault.root, "cubbyhole/a", json!({ "x": 1 })).await.unwrap();
    vault.write(&vault.root, "sys/rotate", json!({})).await.unwrap();
    assert_eq!(vault.read(&vault.root, "sys/key-status").await.unwrap()["term"], 2);
    assert_eq!(vault.read(&vault.root, "cubbyhole/a").await.unwrap()["x"], 1);
    vault.core.seal();
    vault.unseal().await;
    assert_eq!(vault.read(&vault.root, "sys/key-status").await.unwrap()["term"], 2);
    assert_eq!(vault.read(&vault.root, "cubbyhole/a").await.unwrap()["x"], 1);
}

//! Logins, who stands behind them, and what that gives them.

use serde_json::{Value, json};

use super::Vault;
use crate::request::Operation;
use crate::response::Auth;
use crate::{Error, Result};

impl Vault {
    async fn put(&self, path: &str, data: Value) -> Value {
        let answer = self.write(&self.root, path, data).await;
        let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}"));
        answer.map_or(Value::Null, |answer| serde_json::to_value(answer.data).unwrap())
    }

    async fn refused(&self, path: &str, data: Value) -> Error {
        self.write(&self.root, path, data).await.expect_err(path)
    }

    /// A userpass mount with a user each, whose password is its name. Returns the mount's accessor.
    async fn users(&self, names: &[&str]) -> String {
        self.put("sys/auth/userpass", json!({ "type": "userpass" })).await;
        for name in names {
            let user = json!({ "password": name, "token_policies": ["own"] });
            self.put(&format!("auth/userpass/users/{name}"), user).await;
        }
        let mounts = self.read(&self.root, "sys/auth").await.unwrap();
        mounts["userpass/"]["accessor"].as_str().unwrap().to_owned()
    }

    async fn log_in(&self, name: &str, password: &str) -> Result<Auth> {
        let path = format!("auth/userpass/login/{name}");
        Ok(self.write("", &path, json!({ "password": password })).await?.unwrap().auth.unwrap())
    }

    async fn delete(&self, path: &str) {
        self.ask(&self.root, Operation::Delete, path, json!({})).await.unwrap();
    }

    async fn policy(&self, name: &str, path: &str) {
        let text = format!("path \"{path}\" {{ capabilities = [\"create\", \"update\", \"read\"] }}");
        self.put(&format!("sys/policies/acl/{name}"), json!({ "policy": text })).await;
    }

    async fn may(&self, token: &str, path: &str) -> bool {
        match self.write(token, path, json!({ "a": 1 })).await {
            Ok(_) => true,
            Err(Error::PermissionDenied) => false,
            Err(error) => panic!("{path}: {error}"),
        }
    }

    async fn kv(&self) {
        self.put("sys/mounts/kv", json!({ "type": "kv" })).await;
    }
}

#[tokio::test]
async fn a_login_has_one_entity_for_ever_and_its_policies_at_every_request() {
    let vault = Vault::new().await;
    vault.kv().await;
    let accessor = vault.users(&["alice"]).await;
    let auth = vault.log_in("Alice", "alice").await.unwrap();
    assert_eq!(auth.token_policies, ["default", "own"]);
    let again = vault.log_in("alice", "alice").await.unwrap();
    assert!(!auth.entity_id.is_empty() && auth.entity_id == again.entity_id);
    let entity = vault.read(&vault.root, &format!("identity/entity/id/{}", auth.entity_id)).await.unwrap();
    assert_eq!(
        (&entity["aliases"][0]["name"], &entity["aliases"][0]["mount_accessor"]),
        (&json!("alice"), &json!(accessor))
    );
    assert_eq!(entity["aliases"][0]["mount_path"], "auth/userpass/");

    vault.policy("extra", "kv/extra").await;
    assert!(!vault.may(&auth.client_token, "kv/extra").await);
    let path = format!("identity/entity/id/{}", auth.entity_id);
    vault.put(&path, json!({ "policies": "Extra" })).await;
    assert!(vault.may(&auth.client_token, "kv/extra").await, "also for tokens from before");
    let auth = vault.log_in("alice", "alice").await.unwrap();
    assert_eq!(auth.identity_policies, ["extra"]);
    assert_eq!(auth.policies, ["default", "extra", "own"]);
    vault.put(&path, json!({ "policies": [] })).await;
    assert!(!vault.may(&auth.client_token, "kv/extra").await);

    vault.put(&path, json!({ "disabled": true })).await;
    assert!(matches!(
        vault.read(&auth.client_token, "auth/token/lookup-self").await,
        Err(Error::PermissionDenied)
    ));
    assert_eq!(vault.log_in("alice", "alice").await.unwrap_err().status(), 403);
    vault.put(&path, json!({ "disabled": false })).await;
    assert!(vault.read(&auth.client_token, "auth/token/lookup-self").await.is_ok());
    vault.delete(&path).await;
    assert!(vault.read(&auth.client_token, "auth/token/lookup-self").await.is_err(), "its entity is gone");
    assert_ne!(vault.log_in("alice", "alice").await.unwrap().entity_id, auth.entity_id);
}

#[tokio::test]
async fn first_logins_at_once_make_one_entity() {
    let vault = std::sync::Arc::new(Vault::new().await);
    vault.put("sys/auth/approle", json!({ "type": "approle" })).await;
    vault.put("auth/approle/role/r", json!({ "role_id": "r" })).await;
    let secret = vault.put("auth/approle/role/r/secret-id", json!({})).await["secret_id"].clone();
    let mut logins = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (vault, secret) = (vault.clone(), secret.clone());
        logins.spawn(async move {
            let body = json!({ "role_id": "r", "secret_id": secret });
            vault.write("", "auth/approle/login", body).await.unwrap().unwrap().auth.unwrap().entity_id
        });
    }
    let entities: std::collections::BTreeSet<String> = logins.join_all().await.into_iter().collect();
    assert_eq!(entities.len(), 1);
    let token = || vault.token(&vault.root, json!({ "no_parent": true, "ttl": "768h" }));
    token().await;
    let before = vault.rows().await;
    token().await;
    let of_a_token = vault.rows().await - before;
    let body = json!({ "role_id": "r", "secret_id": secret });
    for round in 0..2 {
        let before = vault.rows().await;
        vault.write("", "auth/approle/login", body.clone()).await.unwrap();
        let added = vault.rows().await - before;
        assert!(round == 0 || added <= of_a_token, "a later login stores its token alone: {added} entries");
    }
}

#[tokio::test]
async fn templates_reach_the_holders_own_paths_and_never_more() {
    let vault = Vault::new().await;
    vault.kv().await;
    let accessor = vault.users(&["alice"]).await;
    vault.policy("own", "kv/by-name/{{identity.entity.name}}/*").await;
    vault.policy("meta", "kv/by-team/{{identity.entity.metadata.team}}").await;
    vault.policy("alias", &format!("kv/by-alias/{{{{identity.entity.aliases.{accessor}.name}}}}")).await;
    vault.policy("group", "kv/by-group/{{identity.groups.names.eng.metadata.room}}").await;
    let auth = vault.log_in("alice", "alice").await.unwrap();
    let path = format!("identity/entity/id/{}", auth.entity_id);
    let entity =
        json!({ "name": "Alice", "metadata": { "team": "red" }, "policies": ["meta", "alias", "group"] });
    vault.put(&path, entity).await;
    vault
        .put(
            "identity/group",
            json!({ "name": "eng", "metadata": ["room=7"], "member_entity_ids": [auth.entity_id] }),
        )
        .await;
    for path in ["kv/by-name/Alice/x", "kv/by-team/red", "kv/by-alias/alice", "kv/by-group/7"] {
        assert!(vault.may(&auth.client_token, path).await, "{path}");
    }
    for path in
        ["kv/by-name/alice/x", "kv/by-name/bob/x", "kv/by-team/blue", "kv/by-alias/bob", "kv/by-group/8"]
    {
        assert!(!vault.may(&auth.client_token, path).await, "{path}");
    }
    vault.put(&path, json!({ "metadata": { "team": "blue" } })).await;
    assert!(
        vault.may(&auth.client_token, "kv/by-team/blue").await
            && !vault.may(&auth.client_token, "kv/by-team/red").await
    );
    // Values that would mean other paths drop the rule (GHSA-59w7-v8rr-pr4p).
    for name in ["+", "*", "a/../b", "Alice/*"] {
        vault.put(&path, json!({ "name": name, "metadata": { "team": name } })).await;
        for path in
            ["kv/by-name/bob/x", "kv/by-name/+/x", "kv/by-name/a/x", "kv/by-team/blue", "kv/by-team/+"]
        {
            assert!(!vault.may(&auth.client_token, path).await, "{name}: {path}");
        }
    }
}

#[tokio::test]
async fn groups_give_their_policies_to_members_of_members() {
    let vault = Vault::new().await;
    vault.kv().await;
    vault.users(&["alice"]).await;
    vault.policy("top", "kv/top").await;
    let auth = vault.log_in("alice", "alice").await.unwrap();
    let inner =
        vault.put("identity/group", json!({ "name": "inner", "member_entity_ids": [auth.entity_id] })).await;
    let outer = json!({ "name": "outer", "policies": "top", "member_group_ids": [inner["id"]] });
    let outer = vault.put("identity/group", outer).await;
    assert!(vault.may(&auth.client_token, "kv/top").await);
    let entity = vault.read(&vault.root, &format!("identity/entity/id/{}", auth.entity_id)).await.unwrap();
    assert_eq!(
        (&entity["direct_group_ids"], &entity["inherited_group_ids"]),
        (&json!([inner["id"]]), &json!([outer["id"]]))
    );
    let inner_path = format!("identity/group/id/{}", inner["id"].as_str().unwrap());
    let cycle = vault.refused(&inner_path, json!({ "member_group_ids": [outer["id"]] })).await;
    assert!(cycle.to_string().starts_with("cyclic relationship detected for member group ID"), "{cycle}");
    for (data, message) in [
        (json!({ "name": "x", "member_entity_ids": ["nobody"] }), "invalid entity ID \"nobody\""),
        (json!({ "name": "x", "type": "odd" }), "invalid group type \"odd\""),
        (json!({ "name": "outer", "type": "external" }), "group type cannot be changed"),
        (
            json!({ "name": "x", "type": "external", "member_entity_ids": "e" }),
            "member entities can't be set manually for external groups",
        ),
    ] {
        assert_eq!(vault.refused("identity/group", data).await.to_string(), message);
    }
    // Groups and memberships survive a restart.
    vault.core.seal();
    vault.unseal().await;
    assert!(vault.may(&auth.client_token, "kv/top").await);
    vault.delete(&inner_path).await;
    assert!(!vault.may(&auth.client_token, "kv/top").await);
    let outer = vault.read(&vault.root, "identity/group/name/OUTER").await.unwrap();
    assert_eq!(outer["member_group_ids"], Value::Null);
}

#[tokio::test]
async fn nobody_becomes_root_by_identity() {
    let vault = Vault::new().await;
    vault.users(&["alice"]).await;
    let auth = vault.log_in("alice", "alice").await.unwrap();
    for policies in [json!("root"), json!(["ROOT"]), json!([" Root "]), json!("default,rOOt")] {
        for path in [
            format!("identity/entity/id/{}", auth.entity_id),
            "identity/entity".into(),
            "identity/group".into(),
        ] {
            let error = vault.refused(&path, json!({ "policies": policies })).await;
            assert_eq!(error.to_string(), "policies cannot contain root", "{path} {policies}");
        }
    }
    assert!(vault.read(&auth.client_token, "sys/mounts").await.is_err());
    vault.put("auth/userpass/users/alice", json!({ "token_policies": ["ROOT"] })).await;
    assert!(vault.log_in("alice", "alice").await.is_err());
}

#[tokio::test]
async fn merged_entities_are_one() {
    let vault = Vault::new().await;
    vault.kv().await;
    let accessor = vault.users(&["alice", "bob"]).await;
    vault.policy("team", "kv/team").await;
    let (alice, bob) =
        (vault.log_in("alice", "alice").await.unwrap(), vault.log_in("bob", "bob").await.unwrap());
    vault
        .put(
            "identity/group",
            json!({ "name": "team", "policies": "team", "member_entity_ids": [bob.entity_id] }),
        )
        .await;
    let merge = json!({ "to_entity_id": alice.entity_id, "from_entity_ids": bob.entity_id });
    let clash = vault.refused("identity/entity/merge", merge.clone()).await;
    assert!(clash.to_string().contains("aliases with the same mount accessor"), "{clash}");
    let lookup = json!({ "alias_name": "bob", "alias_mount_accessor": accessor });
    let of_bob = vault.put("identity/lookup/entity", lookup.clone()).await["aliases"][0]["id"].clone();
    let mut keep = merge;
    keep["conflicting_alias_ids_to_keep"] = json!([of_bob]);
    vault.put("identity/entity/merge", keep).await;
    let entity = vault.put("identity/lookup/entity", lookup).await;
    assert_eq!(
        (&entity["id"], &entity["merged_entity_ids"]),
        (&json!(alice.entity_id), &json!([bob.entity_id]))
    );
    assert_eq!(entity["aliases"].as_array().unwrap().len(), 1);
    for token in [&alice.client_token, &bob.client_token] {
        assert!(vault.may(token, "kv/team").await, "tokens of both are alice's, who is in bob's group");
    }
    assert_eq!(vault.log_in("bob", "bob").await.unwrap().entity_id, alice.entity_id);
    assert_ne!(vault.log_in("alice", "alice").await.unwrap().entity_id, alice.entity_id, "that alias went");
}

#[tokio::test]
async fn aliases_are_one_a_mount_and_go_with_it() {
    let vault = Vault::new().await;
    let accessor = vault.users(&["alice"]).await;
    let entity = vault.put("identity/entity", json!({ "name": "ops" })).await;
    let alias = json!({ "name": "Carol", "mount_accessor": accessor, "canonical_id": entity["id"] });
    let made = vault.put("identity/entity-alias", alias.clone()).await;
    assert_eq!(made["canonical_id"], entity["id"]);
    assert_eq!(vault.put("identity/entity-alias", alias).await, Value::Null, "nothing to do");
    let second = json!({ "name": "dave", "mount_accessor": accessor, "canonical_id": entity["id"] });
    let second = vault.refused("identity/entity-alias", second).await;
    assert_eq!(second.to_string(), "Alias already exists for requested entity and mount accessor");
    let nowhere = json!({ "name": "x", "mount_accessor": "userpass_0" });
    let nowhere = vault.refused("identity/entity-alias", nowhere).await;
    assert_eq!(nowhere.to_string(), "invalid mount accessor \"userpass_0\"");
    vault.put("auth/userpass/users/carol", json!({ "password": "carol" })).await;
    let auth = vault.log_in("carol", "carol").await.unwrap();
    assert_eq!(json!(auth.entity_id), entity["id"], "known by the alias that was made before");
    vault.log_in("alice", "alice").await.unwrap();
    let ids = vault
        .ask(&vault.root, Operation::List, "identity/entity-alias/id", json!({}))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(serde_json::to_value(ids.data).unwrap()["keys"].as_array().unwrap().len(), 2);

    vault.delete("sys/auth/userpass").await;
    let unsealed = vault.core.unsealed().unwrap();
    unsealed.identity.forget_leaving().await.unwrap();
    let gone = vault.ask(&vault.root, Operation::List, "identity/entity-alias/id", json!({})).await;
    assert_eq!(gone.unwrap_err().status(), 404);
    let path = format!("identity/entity/id/{}", entity["id"].as_str().unwrap());
    assert_eq!(vault.read(&vault.root, &path).await.unwrap()["aliases"], json!([]));
    vault.users(&["carol"]).await;
    assert_ne!(vault.log_in("carol", "carol").await.unwrap().entity_id, auth.entity_id);
}

#[tokio::test]
async fn a_vault_from_before_gets_the_identity_store_at_its_unseal() {
    let vault = Vault::new().await;
    let unsealed = vault.core.unsealed().unwrap();
    let entry = unsealed.mounts().get("identity/").unwrap().entry.clone();
    let without = crate::core::Batch::new().delete(entry.storage_path());
    unsealed.barrier.commit(without).await.unwrap();
    drop(unsealed);
    for _ in 0..2 {
        vault.core.seal();
        vault.unseal().await;
        let mounts = vault.read(&vault.root, "sys/mounts").await.unwrap();
        assert_eq!(mounts["identity/"]["type"], "identity");
    }
    vault.put("identity/entity", json!({ "name": "x" })).await;
    vault.core.seal();
    vault.unseal().await;
    assert_eq!(vault.read(&vault.root, "identity/entity/name/X").await.unwrap()["name"], "x");
}

#[tokio::test]
async fn who_fails_too_often_waits_in_whatever_case() {
    let vault = Vault::new().await;
    let accessor = vault.users(&["alice", "bob"]).await;
    for name in ["alice", "Alice", "ALICE", "aLice", "alicE"] {
        assert_eq!(vault.log_in(name, "wrong").await.unwrap_err().status(), 400);
    }
    for name in ["alice", "Alice", "ALICe"] {
        // CVE-2025-6004: no spelling has tries of its own.
        assert!(matches!(vault.log_in(name, "alice").await, Err(Error::PermissionDenied)), "{name}");
    }
    vault.log_in("bob", "bob").await.unwrap();
    for _ in 0..9 {
        assert_eq!(
            vault.log_in("nobody", "wrong").await.unwrap_err().status(),
            400,
            "nobody is never locked out"
        );
    }
    let locked = vault.read(&vault.root, "sys/locked-users").await.unwrap();
    assert_eq!(
        (&locked["total"], &locked["by_namespace"][0]["mount_accessors"][0]["alias_identifiers"]),
        (&json!(1), &json!(["alice"]))
    );
    // A restart does not unlock.
    vault.core.seal();
    vault.unseal().await;
    assert_eq!(vault.log_in("alice", "alice").await.unwrap_err().status(), 403);
    vault.put(&format!("sys/locked-users/{accessor}/unlock/alice"), json!({})).await;
    vault.log_in("alice", "alice").await.unwrap();

    for _ in 0..5 {
        vault.log_in("alice", "wrong").await.unwrap_err();
    }
    vault.clock.advance(std::time::Duration::from_secs(15 * 60 - 1));
    assert_eq!(vault.log_in("alice", "alice").await.unwrap_err().status(), 403);
    vault.clock.advance(std::time::Duration::from_secs(2));
    vault.log_in("alice", "alice").await.unwrap();

    let tune = json!({ "user_lockout_config": { "lockout_threshold": "2", "lockout_duration": "1m" } });
    vault.put("sys/auth/userpass/tune", tune).await;
    assert_eq!(vault.read(&vault.root, "sys/auth/userpass/tune").await.unwrap()["user_lockout_threshold"], 2);
    for _ in 0..2 {
        vault.log_in("alice", "wrong").await.unwrap_err();
    }
    assert_eq!(vault.log_in("alice", "alice").await.unwrap_err().status(), 403);
    let disable = json!({ "user_lockout_config": { "lockout_disable": true } });
    vault.put("sys/auth/userpass/tune", disable.clone()).await;
    vault.log_in("alice", "alice").await.unwrap();
    let error = vault.refused("sys/auth/token/tune", disable).await;
    assert_eq!(error.to_string(), "tuning of user lockout configuration for auth type \"token\" not allowed");
}

#[tokio::test]
async fn failures_long_apart_do_not_add_up() {
    let vault = Vault::new().await;
    vault.users(&["alice"]).await;
    for _ in 0..3 {
        for _ in 0..4 {
            vault.log_in("alice", "wrong").await.unwrap_err();
        }
        vault.clock.advance(std::time::Duration::from_secs(15 * 60 + 1));
        vault.core.sweep().await.unwrap();
    }
    for _ in 0..4 {
        vault.log_in("alice", "wrong").await.unwrap_err();
    }
    vault.log_in("alice", "alice").await.unwrap();
    for _ in 0..4 {
        vault.log_in("alice", "wrong").await.unwrap_err();
    }
    vault.log_in("alice", "alice").await.expect("a login forgives");
}

//! Token roles and batch tokens from outside.

use super::*;
use crate::response::Auth;

impl Vault {
    async fn made(&self, parent: &str, path: &str, fields: Value) -> Result<Auth> {
        Ok(self.write(parent, path, fields).await?.unwrap().auth.unwrap())
    }

    /// How many rows stand for tokens.
    async fn rows_of_tokens(&self) -> usize {
        let rows = self.store.scan_table(&entry_table().unwrap(), None, 10_000).await.unwrap();
        rows.records.iter().filter(|row| format!("{:?}", row.key).contains("\"sys/token")).count()
    }
}

#[tokio::test]
async fn a_role_says_what_its_tokens_are_like() {
    let vault = Vault::new().await;
    let root = vault.root.clone();
    let none = vault.ask(&root, Operation::List, "auth/token/roles/", json!({})).await;
    assert!(matches!(none, Err(Error::NotFound)));
    let role = json!({
        "allowed_policies": ["app", "other"], "orphan": true, "renewable": false, "path_suffix": "v-1",
        "token_period": "5m", "token_explicit_max_ttl": 600, "token_num_uses": 7, "token_bound_cidrs": ["127.0.0.1"],
    });
    assert!(vault.write(&root, "auth/token/roles/r", role).await.unwrap().is_none());
    let read = vault.read(&root, "auth/token/roles/r").await.unwrap();
    assert_eq!(
        (&read["token_type"], &read["token_period"], &read["period"]),
        (&json!("default-service"), &json!(300), &json!(0))
    );
    let made = vault.made(&root, "auth/token/create/r", json!({ "policies": ["app"] })).await.unwrap();
    assert_eq!(made.policies, ["app", "default"]);
    assert!(made.orphan && !made.renewable);
    assert_eq!((made.lease_duration, made.num_uses), (300, 7));
    let shown = vault
        .write(&root, "auth/token/lookup", json!({ "token": made.client_token }))
        .await
        .unwrap()
        .unwrap();
    let shown = serde_json::to_value(&shown.data).unwrap();
    assert_eq!((&shown["path"], &shown["role"]), (&json!("auth/token/create/r/v-1"), &json!("r")));
    assert_eq!(shown["bound_cidrs"], json!(["127.0.0.1"]));
    let refused =
        vault.made(&root, "auth/token/create/r", json!({ "policies": ["root"] })).await.unwrap_err();
    assert!(refused.to_string().contains("must be subset of the role's allowed policies"), "{refused}");
    let unknown = vault.made(&root, "auth/token/create/none", json!({})).await.unwrap_err();
    assert_eq!(unknown.to_string(), "unknown role none");
    // By the older names, and what is not given stays.
    vault.write(&root, "auth/token/roles/r", json!({ "period": "1m", "renewable": true })).await.unwrap();
    let read = vault.read(&root, "auth/token/roles/r").await.unwrap();
    assert_eq!(
        (&read["token_period"], &read["period"], &read["path_suffix"]),
        (&json!(60), &json!(60), &json!("v-1"))
    );
    vault.ask(&root, Operation::Delete, "auth/token/roles/r", json!({})).await.unwrap();
    assert!(vault.made(&root, "auth/token/create/r", json!({})).await.is_err());
}

#[tokio::test]
async fn a_role_lets_whoever_may_use_it_make_more_than_he_has_but_never_root() {
    let vault = Vault::new().await;
    let policy = r#"path "auth/token/create/*" { capabilities = ["update", "create"] }"#;
    vault.write(&vault.root, "sys/policies/acl/maker", json!({ "policy": policy })).await.unwrap();
    let role = json!({ "allowed_policies_glob": ["*"], "disallowed_policies_glob": ["admin*"] });
    vault.write(&vault.root, "auth/token/roles/any", role).await.unwrap();
    let maker = vault.token(&vault.root, json!({ "policies": ["maker"] })).await;
    let made = vault.made(&maker, "auth/token/create/any", json!({ "policies": ["team"] })).await.unwrap();
    assert_eq!(made.policies, ["default", "team"]);
    for policy in ["root", "ROOT", " Root ", "admin-1", "response-wrapping"] {
        let refused = vault.made(&maker, "auth/token/create/any", json!({ "policies": [policy] })).await;
        assert_eq!(refused.unwrap_err().status(), 400, "{policy}");
    }
    let alias = json!({ "entity_alias": "somebody" });
    let refused = vault.made(&maker, "auth/token/create/any", alias).await.unwrap_err();
    assert_eq!(refused.to_string(), "invalid 'entity_alias' value");
}

#[tokio::test]
async fn batch_roles_are_held_to_what_batch_tokens_can_be() {
    let vault = Vault::new().await;
    let write = |fields| vault.write(&vault.root, "auth/token/roles/b", fields);
    let refused = write(json!({ "token_type": "batch" })).await.unwrap_err().to_string();
    assert_eq!(refused, "'token_type' cannot be 'batch' when role is set to generate non-orphan tokens");
    let refused = write(json!({ "token_type": "batch", "orphan": true })).await.unwrap_err().to_string();
    assert_eq!(refused, "'token_type' cannot be 'batch' when role is set to generate renewable tokens");
    write(json!({ "token_type": "batch", "orphan": true, "renewable": false })).await.unwrap();
    let made =
        vault.made(&vault.root, "auth/token/create/b", json!({ "policies": ["default"] })).await.unwrap();
    assert_eq!((made.token_type.as_str(), made.accessor.as_str(), made.orphan), ("batch", "", true));
    assert_eq!(write(json!({ "token_type": "nonsense" })).await.unwrap_err().status(), 400);
}

#[tokio::test]
async fn batch_tokens_carry_themselves_and_end_with_their_parent() {
    let vault = Vault::new().await;
    let before = vault.rows().await;
    let parent = vault.token(&vault.root, json!({ "policies": ["root"], "ttl": "1h" })).await;
    let rows = vault.rows().await;
    let fields = json!({ "type": "batch", "policies": ["default"], "ttl": "10m", "meta": { "k": "v" } });
    let made = vault.made(&parent, "auth/token/create", fields.clone()).await.unwrap();
    assert_eq!(vault.rows().await, rows, "a batch token is stored nowhere");
    assert!(
        made.client_token.starts_with("hvb.") && made.accessor.is_empty() && !made.renewable && !made.orphan
    );
    let shown = vault.read(&made.client_token, "auth/token/lookup-self").await.unwrap();
    assert_eq!(
        (&shown["type"], &shown["meta"]["k"], &shown["ttl"]),
        (&json!("batch"), &json!("v"), &json!(600))
    );
    for (path, text) in [
        ("auth/token/renew", "batch tokens cannot be renewed"),
        ("auth/token/revoke", "batch tokens cannot be revoked"),
        ("auth/token/revoke-orphan", "batch tokens cannot be revoked"),
    ] {
        let refused =
            vault.write(&vault.root, path, json!({ "token": made.client_token })).await.unwrap_err();
        assert_eq!(refused.to_string(), text);
    }
    let cubbyhole = vault.write(&made.client_token, "cubbyhole/x", json!({ "a": 1 })).await.unwrap_err();
    assert_eq!(cubbyhole.status(), 400);
    let mut forged = made.client_token.clone().into_bytes();
    forged[60] ^= 1;
    assert!(!vault.is_alive(&String::from_utf8(forged).unwrap()).await);
    assert!(!vault.is_alive(&format!("hvb.{}", "A".repeat(9000))).await);
    vault.write(&vault.root, "sys/rotate", json!({})).await.unwrap();
    assert!(vault.is_alive(&made.client_token).await, "a rotation ends no batch token");
    vault.clock.advance(Duration::from_secs(599));
    assert!(vault.is_alive(&made.client_token).await);
    vault.clock.advance(Duration::from_secs(1));
    assert!(!vault.is_alive(&made.client_token).await);
    let second = vault.made(&parent, "auth/token/create", fields).await.unwrap();
    assert!(vault.is_alive(&second.client_token).await);
    vault.write(&vault.root, "auth/token/revoke", json!({ "token": parent })).await.unwrap();
    assert!(!vault.is_alive(&second.client_token).await, "a batch token outlived its parent");
    // What the rotation left for other nodes is none of the tokens'.
    vault.core.barrier().retire_upgrades(vault.core.now()).await.unwrap();
    assert_eq!(vault.rows().await, before);
}

#[tokio::test]
async fn batch_tokens_are_refused_what_they_cannot_have() {
    let vault = Vault::new().await;
    for (fields, text) in [
        (json!({ "explicit_max_ttl": "1h" }), "batch tokens cannot have \"explicit_max_ttl\" set"),
        (json!({ "num_uses": 3 }), "batch tokens cannot have \"num_uses\" set"),
        (json!({ "period": "1h" }), "batch tokens cannot have \"period\" set"),
        (json!({ "policies": ["root"] }), "batch tokens cannot be root tokens"),
        (json!({ "type": "other", "policies": ["default"] }), "invalid 'token_type' value"),
    ] {
        let mut fields = fields;
        fields.as_object_mut().unwrap().entry("type").or_insert(json!("batch"));
        let refused = vault.made(&vault.root, "auth/token/create", fields).await.unwrap_err();
        assert_eq!(refused.to_string(), text);
    }
    let large = json!({ "type": "batch", "policies": ["default"], "meta": { "k": "v".repeat(9000) } });
    let refused = vault.made(&vault.root, "auth/token/create", large).await.unwrap_err();
    assert_eq!(refused.status(), 400);
    let policy = r#"path "auth/token/*" { capabilities = ["update", "sudo"] }"#;
    vault.write(&vault.root, "sys/policies/acl/all", json!({ "policy": policy })).await.unwrap();
    let batch = json!({ "type": "batch", "policies": ["all"] });
    let batch = vault.made(&vault.root, "auth/token/create", batch).await.unwrap().client_token;
    let child = vault.made(&batch, "auth/token/create", json!({})).await.unwrap_err();
    assert_eq!(child.to_string(), "batch tokens cannot create more tokens");
}

#[tokio::test]
async fn uses_are_counted_however_many_use_it_at_once() {
    let vault = Arc::new(Vault::new().await);
    let token = vault.token(&vault.root, json!({ "policies": ["default"], "num_uses": 5 })).await;
    let tasks = (0..40).map(|_| {
        let (vault, token) = (vault.clone(), token.clone());
        tokio::spawn(async move { vault.read(&token, "auth/token/lookup-self").await.is_ok() })
    });
    let used =
        futures::future::join_all(tasks).await.into_iter().filter(|used| *used.as_ref().unwrap()).count();
    assert!(used <= 5, "{used} uses of 5");
    while vault.is_alive(&token).await {}
    assert!(matches!(vault.read(&token, "auth/token/lookup-self").await, Err(Error::BadToken)));
}

#[tokio::test]
async fn a_token_on_its_last_use_ends_whatever_becomes_of_the_request() {
    let vault = Vault::new().await;
    let policy = r#"path "nowhere/*" { capabilities = ["read"] }"#;
    vault.write(&vault.root, "sys/policies/acl/lost", json!({ "policy": policy })).await.unwrap();
    let rows = vault.rows_of_tokens().await;
    for (operation, path, status) in [
        (Operation::Read, "auth/token/lookup-self", 200),
        (Operation::Read, "sys/mounts", 403),
        (Operation::Read, "nowhere/at/all", 404),
        (Operation::Read, "elsewhere", 403),
        (Operation::Read, "cubbyhole/none", 404),
        (Operation::Update, "cubbyhole/a/", 400),
        (Operation::Help, "sys/mounts", 200),
        (Operation::Read, "sys/internal/ui/mounts", 200),
        (Operation::Read, "sys/internal/ui/mounts/cubbyhole", 200),
        (Operation::Read, "sys/internal/specs/openapi", 200),
        (Operation::Delete, "sys/generate-root/attempt", 204),
    ] {
        let fields = json!({ "policies": ["default", "lost"], "num_uses": 1 });
        let token = vault.token(&vault.root, fields).await;
        assert!(vault.rows_of_tokens().await > rows);
        let answer = vault.ask(&token, operation, path, json!({})).await;
        match answer {
            Ok(_) => assert!(status < 300, "{path}"),
            Err(error) => assert_eq!(error.status(), status, "{path}: {error}"),
        }
        assert_eq!(vault.rows_of_tokens().await, rows, "the token is left after {path}");
    }
}

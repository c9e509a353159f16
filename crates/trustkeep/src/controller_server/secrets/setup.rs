//! What the controller needs of a vault, made at the first start and found again at every other.

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};
use trustkeep_controller::secrets::SecretsError;

use super::{TOKEN_LIFE, VaultSecrets};

/// Makes what is missing and leaves the rest, so that a start costs a few reads.
pub(super) async fn prepare(secrets: &VaultSecrets) -> anyhow::Result<()> {
    let setup = Setup(secrets);
    let mounts = setup.read("sys/mounts").await?.unwrap_or_default();
    match mounts.get("secret/") {
        None => setup.mount("secret", "shared by all users of the controller").await?,
        Some(mount) if is_kv_1(mount) => {}
        Some(_) => tracing::warn!(
            "secret/ of the vault is not a key/value engine of version 1: templates that write there will not find what they wrote"
        ),
    }
    if mounts.get(CUSTODY).is_none() {
        setup.mount(CUSTODY.trim_end_matches('/'), "what the controller keeps for its units").await?;
    }
    let policy = format!("sys/policies/acl/{POLICY}");
    let present = setup.read(&policy).await?;
    if present.as_ref().and_then(|data| data.get("policy")?.as_str()) != Some(POLICY_TEXT) {
        setup.write(&policy, json!({ "policy": POLICY_TEXT })).await?;
    }
    let role = format!("auth/token/roles/{ROLE}");
    if setup.read(&role).await?.is_none() {
        let body = json!({
            "allowed_policies": [POLICY],
            "orphan": true,
            "renewable": false,
            "token_no_default_policy": true,
            "token_type": "service",
        });
        setup.write(&role, body).await?;
    }
    let tuned = setup.read("sys/auth/token/tune").await?.unwrap_or_default();
    let ttl_max = tuned.get("max_lease_ttl").and_then(Value::as_u64).unwrap_or_default();
    if ttl_max < TOKEN_LIFE.as_secs() {
        let body = json!({ "max_lease_ttl": format!("{}s", TOKEN_LIFE.as_secs()) });
        setup.write("sys/auth/token/tune", body).await?;
    }
    Ok(())
}

struct Setup<'a>(&'a VaultSecrets);

impl Setup<'_> {
    /// What stands at a path; `None`: nothing.
    async fn read(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let answer = self.0.ask(Method::GET, path, None).await.context("the controller's vault")?;
        match answer.fields(path) {
            Ok(data) => Ok(Some(data.into())),
            Err(SecretsError::Missing(_)) => Ok(None),
            Err(error) => refused("read", path, &error),
        }
    }

    async fn write(&self, path: &str, body: Value) -> anyhow::Result<()> {
        let answer = self.0.ask(Method::POST, path, Some(body)).await.context("the controller's vault")?;
        match answer.accepted() {
            Ok(()) => Ok(()),
            Err(error) => refused("write to", path, &error),
        }
    }

    async fn mount(&self, path: &str, description: &str) -> anyhow::Result<()> {
        let body = json!({ "type": "kv", "description": description, "options": { "version": "1" } });
        self.write(&format!("sys/mounts/{path}"), body).await
    }
}

fn refused<T>(verb: &str, path: &str, error: &SecretsError) -> anyhow::Result<T> {
    match error {
        SecretsError::Denied => bail!(
            "the vault does not let the controller's token (VAULT_TOKEN) {verb} {path}: give it a policy that does, docs/controller.md has one"
        ),
        error => bail!("the vault does not let the controller {verb} {path}: {error}"),
    }
}

fn is_kv_1(mount: &Value) -> bool {
    let version = mount.pointer("/options/version").and_then(Value::as_str);
    mount.get("type").and_then(Value::as_str) == Some("kv") && version.unwrap_or("1") == "1"
}

/// The policy of users' tokens.
pub(super) const POLICY: &str = "vcc";
/// The vault's role that makes them.
pub(super) const ROLE: &str = "vcc";
/// Where the controller keeps what users gave it in custody.
pub(super) const CUSTODY: &str = "vcc-custody/";

/// The rights of the original's tokens, and none else: what is not named is denied.
const POLICY_TEXT: &str = r#"# Tokens of VC controller users.
path "auth/token/lookup-self" {
  capabilities = ["read"]
}
path "sys/leases/lookup" {
  capabilities = ["read"]
}
path "cubbyhole/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
path "secret/*" {
  capabilities = ["create", "read", "update", "delete", "list"]
}
path "auth/token/renew-self" {
  capabilities = ["deny"]
}
path "auth/token/revoke-self" {
  capabilities = ["deny"]
}
path "sys/capabilities-self" {
  capabilities = ["deny"]
}
path "sys/renew" {
  capabilities = ["deny"]
}
path "sys/leases/renew" {
  capabilities = ["deny"]
}
path "sys/wrapping/wrap" {
  capabilities = ["deny"]
}
path "sys/wrapping/lookup" {
  capabilities = ["deny"]
}
path "sys/wrapping/unwrap" {
  capabilities = ["deny"]
}
"#;

//! The AppRole auth method: machines log in with a role id and a secret id
//! (`hashicorp/vault: builtin/credential/approle`).
//!
//! In the mount's storage: `role/<name>` is a role; `role-id/<hmac>` names the role of a role id;
//! `secret/<storage id>/<hmac>` is a secret id and `accessor/<storage id>/<accessor>` names it, where the storage id
//! is the role's own and no later role of that name has it; `expire/<time>-…` lists secret ids by their end;
//! `gone/<storage id>` are roles whose secret ids are still to be removed. So an accessor is only ever looked for
//! below the role that the caller named (CVE-2023-24999), and neither id can be read from the storage.

mod field;
mod login;
mod role;
mod secret_id;
mod sweep;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use quick_cache::sync::Cache;
use serde_json::Value;
use trustkeep_crypto::{Random, hmac, random};

use self::role::Role;
use self::secret_id::SecretId;
use super::Login;
use super::entry::{is_conflict, stored_name};
use crate::core::{Batch, TokenEntry, View};
use crate::engines::{Engine, EngineContext};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

/// The AppRole auth method of one mount.
pub struct AppRole {
    view: View,
    random: Arc<dyn Random>,
    lease_max: i64,
    salt: tokio::sync::OnceCell<hmac::Key>,
    /// By what the role id hashes to.
    roles: Cache<String, Arc<Role>>,
    /// Those without a bound on their uses, by their path.
    secret_ids: Cache<String, Arc<SecretId>>,
    /// Uses of the same secret id queue up here, so that they do not try again against each other in the store.
    using: Vec<tokio::sync::Mutex<()>>,
    /// Unix seconds at which to look for ended secret ids again.
    next_sweep: AtomicI64,
}

impl AppRole {
    /// The method over a mount's storage.
    pub fn new(context: &EngineContext) -> Self {
        AppRole {
            view: context.view.clone(),
            random: context.random.clone(),
            lease_max: context.lease_max,
            salt: tokio::sync::OnceCell::new(),
            roles: Cache::new(ROLES_CACHED),
            secret_ids: Cache::new(SECRET_IDS_CACHED),
            using: (0..USE_LOCKS).map(|_| tokio::sync::Mutex::default()).collect(),
            next_sweep: AtomicI64::new(0),
        }
    }

    /// What a role id, or a secret id, is stored under.
    async fn hash(&self, id: &str) -> Result<String> {
        let salt = self.salt.get_or_try_init(|| self.load_salt()).await?;
        Ok(salt.sign(id.as_bytes()).to_hex())
    }

    async fn load_salt(&self) -> Result<hmac::Key> {
        for _ in 0..2 {
            if let Some(salt) = self.view.get(SALT).await? {
                return Ok(hmac::Key::new(hmac::Algorithm::Sha256, salt.value.expose()));
            }
            let fresh = random::secret(self.random.as_ref(), 32);
            match self.view.commit(Batch::new().expect(SALT, None).put(SALT, fresh)).await {
                Err(error) if !is_conflict(&error) => return Err(error),
                _ => {}
            }
        }
        Err(Error::internal("the salt of an approle mount cannot be stored"))
    }

    /// Answers below `role/<name>/`.
    async fn of_role(&self, request: &Request, name: &str, path: &str) -> Result<Option<Response>> {
        let name = stored_name(name)?;
        let (operation, write) = (request.operation, request.operation.is_write());
        let destroy = write || operation == Operation::Delete;
        let method = Err(Error::UnsupportedOperation);
        match path.trim_end_matches('/') {
            "" => match operation {
                Operation::Create | Operation::Update => self.write_role(request, &name).await,
                Operation::Read => self.show_role(&name).await,
                Operation::Delete => self.delete_role(&name).await,
                _ => method,
            },
            "secret-id" if operation == Operation::List => self.list_secret_ids(&name).await,
            "secret-id" if write => self.create_secret_id(request, &name, None).await,
            "custom-secret-id" if write => {
                let id = request.required("secret_id")?;
                self.create_secret_id(request, &name, Some(id)).await
            }
            "secret-id/lookup" if write => self.look_up_secret_id(request, &name).await,
            "secret-id/destroy" if destroy => self.destroy_secret_id(request, &name).await,
            "secret-id-accessor/lookup" if write => self.look_up_accessor(request, &name).await,
            "secret-id-accessor/destroy" if destroy => self.destroy_accessor(request, &name).await,
            "secret-id"
            | "custom-secret-id"
            | "secret-id/lookup"
            | "secret-id/destroy"
            | "secret-id-accessor/lookup"
            | "secret-id-accessor/destroy" => method,
            field => self.of_field(request, &name, field).await,
        }
    }
}

#[async_trait::async_trait]
impl Engine for AppRole {
    async fn handle(&self, request: &Request) -> Result<Option<Response>> {
        let (operation, path) = (request.operation, request.path.as_str());
        match path {
            "login" if operation.is_write() => self.login(request).await,
            "role" | "role/" if operation == Operation::List => Response::list(self.view.list("role").await?),
            "tidy/secret-id" if operation.is_write() => self.tidy(request).await,
            "login" | "role" | "role/" | "tidy/secret-id" => Err(Error::UnsupportedOperation),
            _ => match path.strip_prefix("role/") {
                Some(rest) => {
                    let (name, rest) = rest.split_once('/').unwrap_or((rest, ""));
                    self.of_role(request, name, rest).await
                }
                None => Err(Error::UnsupportedPath),
            },
        }
    }

    async fn exists(&self, request: &Request) -> Result<Option<bool>> {
        match request.path.strip_prefix("role/").map(stored_name) {
            Some(Ok(name)) => Ok(Some(self.role(&name).await?.is_some())),
            _ => Ok(None),
        }
    }

    fn is_public(&self, path: &str) -> bool {
        path == "login"
    }

    fn login_alias(&self, request: &Request) -> Option<String> {
        let id = request.data.get("role_id")?.as_str()?.trim();
        (request.path == "login" && !id.is_empty() && id.len() <= ID_BYTES_MAX).then(|| id.to_owned())
    }

    async fn renew_login(&self, token: &TokenEntry) -> Result<Login> {
        let name = token.internal.get("role_name").and_then(Value::as_str).unwrap_or_default();
        let role = self.role(name).await?;
        let (role, _) =
            role.ok_or_else(|| Error::invalid(format!("role {name:?} does not exist during renewal")))?;
        Ok(login::login_of(&role, token.meta.clone().unwrap_or_default()))
    }

    async fn tick(&self, now: i64) -> Result<()> {
        self.sweep_if_due(now).await
    }
}

/// Bytes of a role id or a secret id that an operator chose.
const ID_BYTES_MAX: usize = 4096;
const ROLES_CACHED: usize = 4096;
const SECRET_IDS_CACHED: usize = 32_768;
const USE_LOCKS: usize = 64;
const SALT: &str = "salt";

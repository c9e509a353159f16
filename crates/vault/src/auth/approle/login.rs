//! Logins: a role id, and a secret id where the role asks for one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::AppRole;
use super::role::Role;
use super::secret_id::{SecretId, outside, path};
use crate::auth::entry::{RETRIES, contended, is_conflict};
use crate::auth::{Alias, Login};
use crate::core::Batch;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result, cidr};

impl AppRole {
    pub(super) async fn login(&self, request: &Request) -> Result<Option<Response>> {
        let id = request.required("role_id")?;
        let role = self.role_of_id(id.trim()).await?;
        let role = role.ok_or_else(|| Error::invalid("invalid role or secret ID"))?;
        let mut metadata = BTreeMap::new();
        let mut token_bound_cidrs = Vec::new();
        // The role's networks first: who comes from elsewhere uses nothing up.
        if !cidr::allows(&role.secret_id_bound_cidrs, request.remote) {
            return Err(unauthorized(request, "role"));
        }
        if role.bind_secret_id {
            let secret_id = request.required("secret_id")?;
            let hash = self.hash(secret_id.trim()).await?;
            let entry = self.find(&role, &hash).await?.filter(|entry| !entry.is_expired(request.now));
            let entry = entry.ok_or_else(invalid)?;
            check_networks(&role, &entry, request)?;
            if entry.num_uses != 0 {
                self.use_up(&role, &hash, request).await?;
            }
            metadata.clone_from(&entry.metadata);
            token_bound_cidrs.clone_from(&entry.token_bound_cidrs);
        }
        let mut login = login_of(&role, metadata);
        if !token_bound_cidrs.is_empty() {
            login.token.bound_cidrs = token_bound_cidrs;
        }
        Ok(Some(Response { login: Some(Box::new(login)), ..Default::default() }))
    }

    /// Takes one of a secret id's uses. With the last one it goes.
    async fn use_up(&self, role: &Role, hash: &str, request: &Request) -> Result<()> {
        let lock =
            hash.bytes().fold(0_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
        let lock =
            self.using.get(lock % self.using.len().max(1)).ok_or_else(|| Error::internal("no locks"))?;
        let _one_at_a_time = lock.lock().await;
        for _ in 0..RETRIES {
            let (mut entry, version) = self.stored(role, hash).await?.ok_or_else(invalid)?;
            if entry.is_expired(request.now) {
                return Err(invalid());
            }
            let outcome = match entry.num_uses {
                0 => return Ok(()),
                1 => self.remove(&role.storage_id, hash, &entry, Some(version)).await,
                _ => {
                    entry.num_uses -= 1;
                    entry.last_updated_time = request.now;
                    let path = path(&role.storage_id, hash);
                    let batch = Batch::new().expect(&path, Some(version)).put_json(&path, &entry)?;
                    self.view.commit(batch).await.map(|_| ())
                }
            };
            match outcome {
                Err(error) if is_conflict(&error) => {}
                outcome => return outcome,
            }
        }
        Err(contended())
    }
}

/// The role may have become stricter since the secret id was made.
fn check_networks(role: &Role, entry: &Arc<SecretId>, request: &Request) -> Result<()> {
    if !cidr::within(&entry.cidr_list, &role.secret_id_bound_cidrs) {
        return Err(outside(&role.secret_id_bound_cidrs, &entry.cidr_list));
    }
    if !cidr::allows(&entry.cidr_list, request.remote) {
        return Err(unauthorized(request, "secret ID"));
    }
    Ok(())
}

fn unauthorized(request: &Request, by: &str) -> Error {
    let address = request.remote.map(|remote| remote.ip().to_canonical().to_string()).unwrap_or_default();
    Error::invalid(format!("source address {address:?} unauthorized through CIDR restrictions on the {by}"))
}

fn invalid() -> Error {
    Error::InvalidCredentials("invalid role or secret ID".into())
}

/// What the core makes a token of; `metadata` is the secret id's.
pub(super) fn login_of(role: &Role, mut metadata: BTreeMap<String, String>) -> Login {
    metadata.insert("role_name".into(), role.name.clone());
    Login {
        display_name: String::new(),
        alias: Some(Alias { name: role.role_id.clone(), metadata: metadata.clone() }),
        metadata,
        token: role.token.clone(),
        internal: [("role_name".to_owned(), role.name.clone().into())].into_iter().collect(),
    }
}

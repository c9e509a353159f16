//! Roles: which tokens a role id gives, and what its secret ids are like.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trustkeep_crypto::random;
use trustkeep_store::Version;

use super::{AppRole, ID_BYTES_MAX};
use crate::auth::TokenParameters;
use crate::auth::entry::{RETRIES, contended, is_conflict};
use crate::auth::legacy::LegacyNames;
use crate::core::Batch;
use crate::duration::go_duration;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result, cidr};

/// A role as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Role {
    pub(super) name: String,
    /// Its secret ids stand below this.
    pub(super) storage_id: String,
    pub(super) role_id: String,
    pub(super) bind_secret_id: bool,
    pub(super) secret_id_bound_cidrs: Vec<String>,
    pub(super) secret_id_num_uses: i64,
    /// Seconds; 0 for secret ids that do not end.
    pub(super) secret_id_ttl: i64,
    pub(super) local_secret_ids: bool,
    pub(super) token: TokenParameters,
    #[serde(default)]
    pub(super) legacy: LegacyNames,
}

impl Role {
    fn new(name: &str, storage_id: String, role_id: String) -> Self {
        Role {
            name: name.into(),
            storage_id,
            role_id,
            bind_secret_id: true,
            secret_id_bound_cidrs: Vec::new(),
            secret_id_num_uses: 0,
            secret_id_ttl: 0,
            local_secret_ids: false,
            token: TokenParameters::default(),
            legacy: LegacyNames::default(),
        }
    }

    /// Takes over the fields that a request names.
    pub(super) fn update(&mut self, request: &Request, is_new: bool) -> Result<()> {
        let request = &self.legacy.rename(request, LEGACY);
        self.token.update(request)?;
        if let Some(local) = request.bool("local_secret_ids")? {
            if !is_new && local != self.local_secret_ids {
                return Err(Error::invalid("local_secret_ids can only be modified during role creation"));
            }
            self.local_secret_ids = local;
        }
        if let Some(bind) = request.bool("bind_secret_id")? {
            self.bind_secret_id = bind;
        }
        if let Some(cidrs) = request.texts("secret_id_bound_cidrs")? {
            self.secret_id_bound_cidrs = cidr::checked(cidrs)?;
        }
        if let Some(uses) = request.int("secret_id_num_uses")? {
            if uses < 0 {
                return Err(Error::invalid("secret_id_num_uses cannot be negative"));
            }
            self.secret_id_num_uses = uses;
        }
        if let Some(ttl) = request.seconds("secret_id_ttl")? {
            self.secret_id_ttl = ttl;
        }
        if let Some(id) = request.text("role_id")? {
            let id = id.trim();
            if id.is_empty() || id.len() > ID_BYTES_MAX {
                return Err(Error::invalid(format!(
                    "invalid role_id supplied: it must be of 1 to {ID_BYTES_MAX} bytes"
                )));
            }
            self.role_id = id.to_owned();
        }
        Ok(())
    }

    fn check(&self, lease_max: i64) -> Result<()> {
        if !self.bind_secret_id && self.secret_id_bound_cidrs.is_empty() && self.token.bound_cidrs.is_empty()
        {
            let message =
                "failed to validate role constraints: at least one constraint should be enabled on the role";
            return Err(Error::invalid(message));
        }
        if self.token.period > lease_max {
            return Err(Error::invalid(format!(
                "period of {:?} is greater than the backend's maximum lease TTL of {:?}",
                go_duration(self.token.period),
                go_duration(lease_max)
            )));
        }
        Ok(())
    }

    /// All that is shown of it.
    pub(super) fn describe(&self) -> Map<String, Value> {
        let mut data = Map::new();
        data.insert("bind_secret_id".into(), self.bind_secret_id.into());
        data.insert("local_secret_ids".into(), self.local_secret_ids.into());
        data.insert(
            "secret_id_bound_cidrs".into(),
            match self.secret_id_bound_cidrs.is_empty() {
                true => Value::Null,
                false => self.secret_id_bound_cidrs.clone().into(),
            },
        );
        data.insert("secret_id_num_uses".into(), self.secret_id_num_uses.into());
        data.insert("secret_id_ttl".into(), self.secret_id_ttl.into());
        self.token.describe(&mut data);
        self.legacy.describe(&mut data, LEGACY);
        data
    }
}

impl AppRole {
    /// The role of a name as it is stored.
    pub(super) async fn role(&self, name: &str) -> Result<Option<(Role, Version)>> {
        self.view.get_json(&format!("role/{name}")).await
    }

    /// The role that must be there, for writes below it.
    pub(super) async fn existing(&self, name: &str) -> Result<(Role, Version)> {
        self.role(name).await?.ok_or_else(|| Error::invalid(format!("role {name:?} does not exist")))
    }

    pub(super) async fn write_role(&self, request: &Request, name: &str) -> Result<Option<Response>> {
        let role = self.change_role(name, true, |role, is_new| role.update(request, is_new)).await?;
        Ok((role.token.max_ttl > self.lease_max).then(|| {
            Response::default().warn(
                "token_max_ttl is greater than the backend mount's maximum TTL value; issued tokens' max TTL value \
                 will be truncated",
            )
        }))
    }

    pub(super) async fn show_role(&self, name: &str) -> Result<Option<Response>> {
        let (role, _) = self.role(name).await?.ok_or(Error::NotFound)?;
        Ok(Some(Response::data(role.describe())))
    }

    /// Changes a role, or makes it where `may_create`: together with the index of its role id.
    ///
    /// # Errors
    /// What `change` refuses, 404 without such a role, 400 where the role id is another role's, and the store's.
    pub(super) async fn change_role(
        &self,
        name: &str,
        may_create: bool,
        change: impl Fn(&mut Role, bool) -> Result<()> + Send,
    ) -> Result<Role> {
        let path = format!("role/{name}");
        for _ in 0..RETRIES {
            let (old, version) = self.role(name).await?.unzip();
            let id = || random::uuid(self.random.as_ref()).to_string();
            let mut role = match &old {
                Some(role) => role.clone(),
                None if may_create => Role::new(name, id(), id()),
                None => return Err(Error::UnsupportedPath),
            };
            change(&mut role, old.is_none())?;
            role.check(self.lease_max)?;
            let mut batch = Batch::new().expect(&path, version).put_json(&path, &role)?;
            let hash = self.hash(&role.role_id).await?;
            let old_hash = match &old {
                Some(old) => Some(self.hash(&old.role_id).await?),
                None => None,
            };
            if old_hash.as_ref() != Some(&hash) {
                let index = format!("role-id/{hash}");
                if self.view.get(&index).await?.is_some() {
                    return Err(Error::invalid("role_id already in use"));
                }
                batch = batch.expect(&index, None).put(index, name.as_bytes().to_vec());
                batch = old_hash.iter().fold(batch, |batch, hash| batch.delete(format!("role-id/{hash}")));
            }
            let outcome = self.view.commit(batch).await;
            old_hash.iter().for_each(|hash| {
                self.roles.remove(hash);
            });
            match outcome {
                Ok(_) => return Ok(role),
                Err(error) if is_conflict(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(contended())
    }

    /// Removes a role; its secret ids are worth nothing from then on, and are removed by and by.
    pub(super) async fn delete_role(&self, name: &str) -> Result<Option<Response>> {
        let path = format!("role/{name}");
        for _ in 0..RETRIES {
            let Some((role, version)) = self.role(name).await? else { return Ok(None) };
            let hash = self.hash(&role.role_id).await?;
            let batch = Batch::new()
                .expect(&path, Some(version))
                .delete(&path)
                .delete(format!("role-id/{hash}"))
                .put(format!("gone/{}", role.storage_id), Vec::new());
            let outcome = self.view.commit(batch).await;
            self.roles.remove(&hash);
            match outcome {
                Ok(_) => {
                    self.sweep_soon();
                    return Ok(None);
                }
                Err(error) if is_conflict(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(contended())
    }

    /// The role of a role id.
    pub(super) async fn role_of_id(&self, id: &str) -> Result<Option<Arc<Role>>> {
        let hash = self.hash(id).await?;
        let guard = match self.roles.get_value_or_guard_async(&hash).await {
            Ok(role) => return Ok(Some(role)),
            Err(guard) => guard,
        };
        let Some(index) = self.view.get(&format!("role-id/{hash}")).await? else { return Ok(None) };
        let name = String::from_utf8_lossy(index.value.expose()).into_owned();
        let Some((role, _)) = self.role(&name).await? else { return Ok(None) };
        if role.role_id != id {
            return Ok(None);
        }
        let role = Arc::new(role);
        // Refused when the role was changed or removed meanwhile.
        let _ = guard.insert(role.clone());
        Ok(Some(role))
    }
}

/// Older names of fields.
pub(super) const LEGACY: &[(&str, &str)] = &[
    ("policies", "token_policies"),
    ("period", "token_period"),
    ("bound_cidr_list", "secret_id_bound_cidrs"),
];

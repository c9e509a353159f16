//! The identity store: entities, the aliases by which auth methods know them, and groups
//! (`hashicorp/vault: vault/identity_store.go`).
//!
//! In the storage of the mount `identity/`: `entity/<id>` with its aliases, `group/<id>`; indexes beside them:
//! `name/<hmac>`, `alias/<hmac of accessor and name>`, `alias-id/<id>`, `alias-of/<accessor>/<id>`, `merged/<id>`.
//! One entry each, and all of a change in one commit. Entities are read as they are needed; groups are few and
//! needed at every request of their members, so all of them are held in memory.

mod change;
mod entry;
mod groups;
mod holder;
mod login;

use std::sync::Arc;

use parking_lot::RwLock;
use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use trustkeep_crypto::{Random, hmac, random};
use trustkeep_store::Error as StoreError;

pub use change::Change;
pub use entry::{Entity, EntityAlias, Group, GroupKind};
pub use groups::Groups;
pub use holder::{Holder, PolicySet};

use super::Unsealed;
use super::barrier::Batch;
use super::token::TokenEntry;
use super::view::View;
use crate::policy::Acl;
use crate::response::Auth;
use crate::{Error, Result};

/// Identities of an unsealed vault.
pub struct IdentityStore {
    view: View,
    salt: hmac::Key,
    random: Arc<dyn Random>,
    changing: tokio::sync::Mutex<()>,
    entities: Cache<String, Arc<Entity>>,
    /// Entity ids by the path of the alias's index.
    aliases: Cache<String, String>,
    holders: Cache<String, Arc<Holder>>,
    /// `None` where they are to be read.
    groups: RwLock<Option<Arc<Groups>>>,
}

/// What is stored for an alias's accessor and name.
#[derive(Serialize, Deserialize)]
struct AliasIndex {
    entity_id: String,
    alias_id: String,
}

impl IdentityStore {
    /// The identity store of an unsealed barrier, over the storage of its mount.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(view: View, random: Arc<dyn Random>) -> Result<Self> {
        let salt = load_salt(&view, random.as_ref()).await?;
        Ok(IdentityStore {
            view,
            salt,
            random,
            changing: tokio::sync::Mutex::default(),
            entities: Cache::new(ENTITIES_CACHED),
            aliases: Cache::new(ENTITIES_CACHED),
            holders: Cache::new(ENTITIES_CACHED),
            groups: RwLock::default(),
        })
    }

    /// Begins a change; others wait until it is carried out or dropped.
    ///
    /// # Errors
    /// The store's.
    pub async fn change(&self) -> Result<Change<'_>> {
        Change::begin(self).await
    }

    /// A new id.
    pub fn new_id(&self) -> String {
        random::uuid(self.random.as_ref()).to_string()
    }

    /// A name for what nobody named: `entity_` or `group_` and 8 digits.
    pub fn new_name(&self, kind: &str) -> String {
        format!("{kind}_{}", hex::encode(random::array::<4>(self.random.as_ref())))
    }

    /// An entity by its id, or by that of one that was merged into it.
    ///
    /// # Errors
    /// The store's.
    pub async fn entity(&self, id: &str) -> Result<Option<Arc<Entity>>> {
        if !is_key(id) {
            return Ok(None);
        }
        let guard = match self.entities.get_value_or_guard_async(id).await {
            Ok(entity) => return Ok(Some(entity)),
            Err(guard) => guard,
        };
        let mut found = self.view.get_json::<Entity>(&format!("entity/{id}")).await?;
        if found.is_none()
            && let Some((id, _)) = self.view.get_json::<String>(&format!("merged/{id}")).await?
        {
            found = self.view.get_json(&format!("entity/{id}")).await?;
        }
        let Some((entity, _)) = found else { return Ok(None) };
        let entity = Arc::new(entity);
        // Refused when it was changed meanwhile.
        let _ = guard.insert(entity.clone());
        Ok(Some(entity))
    }

    /// The ids of all entities.
    ///
    /// # Errors
    /// The store's.
    pub async fn entity_ids(&self) -> Result<Vec<String>> {
        self.view.list("entity").await
    }

    /// Entities by their ids, some at a time; those that are gone are left out.
    ///
    /// # Errors
    /// The store's.
    pub async fn entities_of(&self, ids: &[String]) -> Result<Vec<Entity>> {
        read_all(&self.view, "entity", ids).await
    }

    /// The ids of all aliases of entities.
    ///
    /// # Errors
    /// The store's.
    pub async fn alias_ids(&self) -> Result<Vec<String>> {
        self.view.list("alias-id").await
    }

    /// The entity with this alias.
    ///
    /// # Errors
    /// The store's.
    pub async fn entity_by_alias_id(&self, id: &str) -> Result<Option<Arc<Entity>>> {
        if !is_key(id) {
            return Ok(None);
        }
        match self.view.get_json::<String>(&format!("alias-id/{id}")).await? {
            Some((id, _)) => self.entity(&id).await,
            None => Ok(None),
        }
    }

    /// The entity of this name, whatever its case.
    ///
    /// # Errors
    /// The store's.
    pub async fn entity_by_name(&self, name: &str) -> Result<Option<Arc<Entity>>> {
        match self.view.get_json::<String>(&self.name_path(name)).await? {
            Some((id, _)) => self.entity(&id).await,
            None => Ok(None),
        }
    }

    /// The entity that an auth mount knows by this name.
    ///
    /// # Errors
    /// The store's.
    pub async fn entity_by_alias(&self, mount_accessor: &str, name: &str) -> Result<Option<Arc<Entity>>> {
        let path = self.alias_path(mount_accessor, name);
        let id = match self.aliases.get_value_or_guard_async(&path).await {
            Ok(id) => id,
            Err(guard) => {
                let Some((index, _)) = self.view.get_json::<AliasIndex>(&path).await? else {
                    return Ok(None);
                };
                let _ = guard.insert(index.entity_id.clone());
                index.entity_id
            }
        };
        self.entity(&id).await
    }

    /// An entity with its groups.
    ///
    /// # Errors
    /// The store's.
    pub async fn holder(&self, entity_id: &str) -> Result<Option<Arc<Holder>>> {
        let Some(entity) = self.entity(entity_id).await? else { return Ok(None) };
        let groups = self.groups().await?;
        if let Some(holder) = self.holders.get(entity_id)
            && holder.is_of(&entity, &groups)
        {
            return Ok(Some(holder));
        }
        let holder = Arc::new(Holder::new(entity, groups));
        self.holders.insert(entity_id.to_owned(), holder.clone());
        Ok(Some(holder))
    }

    /// All groups.
    ///
    /// # Errors
    /// The store's.
    pub async fn groups(&self) -> Result<Arc<Groups>> {
        if let Some(groups) = self.groups.read().clone() {
            return Ok(groups);
        }
        let _no_change = self.changing.lock().await;
        self.groups_while_changing().await
    }

    async fn groups_while_changing(&self) -> Result<Arc<Groups>> {
        if let Some(groups) = self.groups.read().clone() {
            return Ok(groups);
        }
        let ids = self.view.list("group").await?;
        let groups: Vec<Group> = read_all(&self.view, "group", &ids).await?;
        let groups = Arc::new(Groups::new(groups.into_iter().map(Arc::new)));
        *self.groups.write() = Some(groups.clone());
        Ok(groups)
    }

    /// Entries for an auth mount that goes away, to be stored together with that: its aliases go too.
    pub fn leaving(&self, mount_accessor: &str) -> Batch {
        self.view.absolute(Batch::new().put(format!("leaving/{mount_accessor}"), Vec::new()))
    }

    /// Removes the aliases at auth mounts that went away.
    ///
    /// # Errors
    /// The store's. Carrying on later is safe.
    pub async fn forget_leaving(&self) -> Result<()> {
        for accessor in self.view.list("leaving").await? {
            loop {
                let ids = self.view.list_page(&format!("alias-of/{accessor}"), "", PAGE).await?;
                if ids.is_empty() {
                    break;
                }
                for id in ids {
                    self.remove_alias(&id).await?;
                }
            }
            let mut change = self.change().await?;
            let orphaned = change.groups.clone();
            for group in orphaned.all() {
                if group.alias.as_ref().is_some_and(|alias| alias.mount_accessor == accessor) {
                    change.put_group(Group { alias: None, ..Group::clone(group) })?;
                }
            }
            change.commit().await?;
            self.view.commit(Batch::new().delete(format!("leaving/{accessor}"))).await?;
        }
        Ok(())
    }

    /// Removes an alias from its entity.
    ///
    /// # Errors
    /// The store's.
    pub async fn remove_alias(&self, id: &str) -> Result<()> {
        let mut change = self.change().await?;
        if let Some(entity) = change.entity_by_alias_id(id).await? {
            let mut without = entity.clone();
            without.aliases.retain(|alias| alias.id != id);
            change.replace(Some(&entity), Some(&without))?;
        }
        change.commit().await
    }

    fn name_path(&self, name: &str) -> String {
        format!("name/{}", self.salt.sign(name.to_lowercase().as_bytes()).to_hex())
    }

    fn alias_path(&self, mount_accessor: &str, name: &str) -> String {
        let mut signer = self.salt.signer();
        signer.update(mount_accessor.as_bytes());
        signer.update(&[0]);
        signer.update(name.to_lowercase().as_bytes());
        format!("alias/{}", signer.finish().to_hex())
    }
}

impl Unsealed {
    /// Who stands behind a token; `None` for tokens without an entity.
    ///
    /// # Errors
    /// 403 where its entity is gone or disabled, and the store's.
    pub async fn holder_of(&self, token: &TokenEntry) -> Result<Option<Arc<Holder>>> {
        if token.entity_id.is_empty() {
            return Ok(None);
        }
        let holder = self.identity.holder(&token.entity_id).await?;
        match holder {
            Some(holder) if !holder.entity.disabled => Ok(Some(holder)),
            _ => Err(Error::PermissionDenied),
        }
    }

    /// What a token may do: by its own policies and those of who stands behind it.
    ///
    /// # Errors
    /// 403 where its entity is gone or disabled, and the store's.
    pub async fn acl_of(&self, token: &TokenEntry) -> Result<Arc<Acl>> {
        match self.holder_of(token).await? {
            // Root stands alone.
            _ if token.is_root() => self.policies.acl(&token.policies).await,
            None => self.policies.acl(&token.policies).await,
            Some(holder) => self.policies.acl_for(&token.policies, &holder).await,
        }
    }

    /// The policies that a token has from its entity and its groups; none where those are gone.
    ///
    /// # Errors
    /// The store's.
    pub async fn identity_policies(&self, token: &TokenEntry) -> Result<Vec<String>> {
        if token.entity_id.is_empty() {
            return Ok(Vec::new());
        }
        let holder = self.identity.holder(&token.entity_id).await?;
        Ok(holder.map(|holder| holder.policies.clone()).unwrap_or_default())
    }

    /// Adds to an answer's `auth` what its entity brings.
    ///
    /// # Errors
    /// The store's.
    pub async fn add_identity(&self, auth: &mut Auth) -> Result<()> {
        if auth.entity_id.is_empty() {
            return Ok(());
        }
        if let Some(holder) = self.identity.holder(&auth.entity_id).await? {
            auth.identity_policies.clone_from(&holder.policies);
            auth.policies = holder.all_policies(&auth.token_policies);
        }
        Ok(())
    }
}

/// Whether a caller's text can be an id at all: one segment of a path.
fn is_key(id: &str) -> bool {
    (1..=KEY_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

async fn load_salt(view: &View, random: &dyn Random) -> Result<hmac::Key> {
    for _ in 0..2 {
        if let Some(salt) = view.get(SALT).await? {
            return Ok(hmac::Key::new(hmac::Algorithm::Sha256, salt.value.expose()));
        }
        let fresh = random::secret(random, 32);
        match view.commit(Batch::new().expect(SALT, None).put(SALT, fresh)).await {
            Ok(_) | Err(Error::Store(StoreError::Conflict { .. })) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::internal("the identity store's salt cannot be stored"))
}

/// The documents in `folder` of these names, in their order; some are read at a time.
async fn read_all<T>(view: &View, folder: &'static str, names: &[String]) -> Result<Vec<T>>
where
    T: serde::de::DeserializeOwned + Send + 'static,
{
    let mut all = Vec::with_capacity(names.len());
    for names in names.chunks(READS_AT_ONCE) {
        let mut reading = JoinSet::new();
        for (index, name) in names.iter().enumerate() {
            let (view, path) = (view.clone(), format!("{folder}/{name}"));
            reading.spawn(async move { (index, view.get_json::<T>(&path).await) });
        }
        let mut some = reading.join_all().await;
        some.sort_by_key(|(index, _)| *index);
        for (_, read) in some {
            all.extend(read?.map(|(value, _)| value));
        }
    }
    Ok(all)
}

const SALT: &str = "salt";
const ENTITIES_CACHED: usize = 16_384;
const KEY_BYTES_MAX: usize = 128;
const PAGE: usize = 256;
const READS_AT_ONCE: usize = 32;

//! One change of the identity store: what was read must still be so, and entries and indexes change together.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::MutexGuard;
use trustkeep_store::Version;

use super::entry::{Entity, Group};
use super::groups::Groups;
use super::{AliasIndex, IdentityStore};
use crate::core::Batch;
use crate::{Error, Result};

/// A change under way; there is one at a time.
pub struct Change<'s> {
    store: &'s IdentityStore,
    _one_at_a_time: MutexGuard<'s, ()>,
    /// All groups before the change.
    pub groups: Arc<Groups>,
    read: BTreeMap<String, Option<Version>>,
    /// Paths with their new values; `None` goes away.
    writes: BTreeMap<String, Option<Vec<u8>>>,
    changed_entities: Vec<String>,
    changed_aliases: Vec<String>,
    changed_groups: Vec<Group>,
    removed_groups: Vec<String>,
}

impl<'s> Change<'s> {
    pub(super) async fn begin(store: &'s IdentityStore) -> Result<Change<'s>> {
        let guard = store.changing.lock().await;
        let groups = store.groups_while_changing().await?;
        Ok(Change {
            store,
            _one_at_a_time: guard,
            groups,
            read: BTreeMap::new(),
            writes: BTreeMap::new(),
            changed_entities: Vec::new(),
            changed_aliases: Vec::new(),
            changed_groups: Vec::new(),
            removed_groups: Vec::new(),
        })
    }

    /// An entity by its id, or by that of one that was merged into it.
    ///
    /// # Errors
    /// The store's.
    pub async fn entity(&mut self, id: &str) -> Result<Option<Entity>> {
        if !super::is_key(id) {
            return Ok(None);
        }
        if let Some(entity) = self.get(format!("entity/{id}")).await? {
            return Ok(Some(entity));
        }
        match self.get::<String>(format!("merged/{id}")).await? {
            Some(id) => self.get(format!("entity/{id}")).await,
            None => Ok(None),
        }
    }

    /// An entity by its name.
    ///
    /// # Errors
    /// The store's.
    pub async fn entity_by_name(&mut self, name: &str) -> Result<Option<Entity>> {
        match self.get::<String>(self.store.name_path(name)).await? {
            Some(id) => self.get(format!("entity/{id}")).await,
            None => Ok(None),
        }
    }

    /// The entity that an auth mount knows by this name.
    ///
    /// # Errors
    /// The store's.
    pub async fn entity_by_alias(&mut self, mount_accessor: &str, name: &str) -> Result<Option<Entity>> {
        match self.get::<AliasIndex>(self.store.alias_path(mount_accessor, name)).await? {
            Some(index) => self.get(format!("entity/{}", index.entity_id)).await,
            None => Ok(None),
        }
    }

    /// The entity with this alias.
    ///
    /// # Errors
    /// The store's.
    pub async fn entity_by_alias_id(&mut self, id: &str) -> Result<Option<Entity>> {
        if !super::is_key(id) {
            return Ok(None);
        }
        match self.get::<String>(format!("alias-id/{id}")).await? {
            Some(id) => self.get(format!("entity/{id}")).await,
            None => Ok(None),
        }
    }

    /// Replaces an entity, makes one (`old` is `None`), or removes it (`new` is `None`), with all its indexes.
    ///
    /// # Errors
    /// 500 where an entry has no JSON form.
    pub fn replace(&mut self, old: Option<&Entity>, new: Option<&Entity>) -> Result<()> {
        let mut before = BTreeMap::new();
        if let Some(old) = old {
            self.index(old, |path, value| {
                before.insert(path, value);
            })?;
        }
        let mut writes = std::mem::take(&mut self.writes);
        if let Some(new) = new {
            self.index(new, |path, value| {
                // What stays as it is need not be written again.
                if before.remove(&path).as_ref() != Some(&value) || writes.contains_key(&path) {
                    writes.insert(path, Some(value));
                }
            })?;
        }
        writes.extend(before.into_keys().map(|path| (path, None)));
        self.writes = writes;
        for entity in [old, new].into_iter().flatten() {
            self.changed_entities.push(entity.id.clone());
            self.changed_entities.extend(entity.merged_entity_ids.iter().cloned());
            let aliases = entity.aliases.iter();
            self.changed_aliases
                .extend(aliases.map(|alias| self.store.alias_path(&alias.mount_accessor, &alias.name)));
        }
        Ok(())
    }

    /// Makes or replaces a group.
    ///
    /// # Errors
    /// 500 where it has no JSON form.
    pub fn put_group(&mut self, group: Group) -> Result<()> {
        self.writes.insert(format!("group/{}", group.id), Some(json(&group)?));
        self.changed_groups.retain(|known| known.id != group.id);
        self.changed_groups.push(group);
        Ok(())
    }

    /// Removes a group.
    pub fn remove_group(&mut self, id: &str) {
        self.writes.insert(format!("group/{id}"), None);
        self.removed_groups.push(id.to_owned());
    }

    /// Carries it out.
    ///
    /// # Errors
    /// 413 where it is of more entries than the store takes in one commit, and the store's.
    pub async fn commit(self) -> Result<()> {
        if self.writes.is_empty() {
            return Ok(());
        }
        let rows_max = self.store.view.rows_max();
        let only_read = self.read.keys().filter(|path| !self.writes.contains_key(*path)).count();
        if self.writes.len() + only_read > rows_max {
            return Err(Error::TooLarge(format!(
                "this changes more than the {rows_max} entries that one commit takes"
            )));
        }
        let read = self.read.into_iter();
        let batch = read.fold(Batch::new(), |batch, (path, version)| batch.expect(path, version));
        let batch = self.writes.into_iter().fold(batch, |batch, (path, value)| match value {
            Some(value) => batch.put(path, value),
            None => batch.delete(path),
        });
        let outcome = self.store.view.commit(batch).await;
        for id in &self.changed_entities {
            self.store.entities.remove(id);
        }
        for path in &self.changed_aliases {
            self.store.aliases.remove(path);
        }
        if !self.changed_groups.is_empty() || !self.removed_groups.is_empty() {
            // After a failure nobody knows what is stored: it is read again.
            let groups = outcome
                .is_ok()
                .then(|| Arc::new(self.groups.with(&self.changed_groups, &self.removed_groups)));
            *self.store.groups.write() = groups;
        }
        outcome.map(|_| ())
    }

    /// Everything that stands of an entity in storage.
    fn index(&self, entity: &Entity, mut each: impl FnMut(String, Vec<u8>)) -> Result<()> {
        each(format!("entity/{}", entity.id), json(entity)?);
        each(self.store.name_path(&entity.name), json(&entity.id)?);
        for id in &entity.merged_entity_ids {
            each(format!("merged/{id}"), json(&entity.id)?);
        }
        for alias in &entity.aliases {
            let index = AliasIndex { entity_id: entity.id.clone(), alias_id: alias.id.clone() };
            each(self.store.alias_path(&alias.mount_accessor, &alias.name), json(&index)?);
            each(format!("alias-id/{}", alias.id), json(&entity.id)?);
            each(format!("alias-of/{}/{}", alias.mount_accessor, alias.id), json(&entity.id)?);
        }
        Ok(())
    }

    async fn get<T: DeserializeOwned>(&mut self, path: String) -> Result<Option<T>> {
        let (value, version) = self.store.view.get_json::<T>(&path).await?.unzip();
        self.read.insert(path, version);
        Ok(value)
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(Error::internal)
}

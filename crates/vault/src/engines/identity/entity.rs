//! `identity/entity`.

use serde_json::{Map, Value, json};

use super::{Identity, One, field, show};
use crate::core::identity::{Entity, Group};
use crate::response::Response;
use crate::{Error, Result};

impl Identity<'_> {
    pub(super) async fn entity(&self, path: &str) -> Result<Option<Response>> {
        let write = self.request.operation.is_write();
        match path.split_once('/').unwrap_or((path, "")) {
            ("", "") if write => self.write_entity(None, None).await,
            ("merge", "") if write => self.merge_entities().await,
            ("batch-delete", "") if write => self.delete_entities().await,
            ("", "") | ("merge" | "batch-delete", "") => Err(Error::UnsupportedOperation),
            ("id", id) => match self.one(id)? {
                One::List => self.list_entities(true).await,
                One::Read(id) => self.show_entity(self.unsealed.identity.entity(id).await?).await,
                One::Write(id) => self.write_entity(Some(id), None).await,
                One::Delete(id) => self.delete_entity(id).await,
            },
            ("name", name) => match self.one(name)? {
                One::List => self.list_entities(false).await,
                One::Read(name) => self.show_entity(self.unsealed.identity.entity_by_name(name).await?).await,
                One::Write(name) => self.write_entity(None, Some(name)).await,
                One::Delete(name) => match self.unsealed.identity.entity_by_name(name).await? {
                    Some(entity) => self.delete_entity(&entity.id).await,
                    None => Ok(None),
                },
            },
            _ => Err(Error::UnsupportedPath),
        }
    }

    pub(super) async fn show_entity(&self, entity: Option<impl AsRef<Entity>>) -> Result<Option<Response>> {
        let entity = entity.ok_or(Error::NotFound)?;
        let groups = self.unsealed.identity.groups().await?;
        Ok(Some(show::entity(entity.as_ref(), &groups, &self.unsealed.mounts())))
    }

    async fn write_entity(&self, id: Option<&str>, name: Option<&str>) -> Result<Option<Response>> {
        let (request, identity) = (self.request, &self.unsealed.identity);
        let id = id.map(str::to_owned).or(request.text("id")?).filter(|id| !id.is_empty());
        let name = name.map(str::to_owned).or(field::name(request, "name")?);
        if name.as_ref().is_some_and(|name| name.len() > field::NAME_BYTES_MAX) {
            return Err(Error::invalid(format!("name must be of at most {} bytes", field::NAME_BYTES_MAX)));
        }
        let mut change = identity.change().await?;
        let mut old = match &id {
            Some(id) => {
                Some(change.entity(id).await?.ok_or_else(|| Error::invalid("entity not found from id"))?)
            }
            None => None,
        };
        if let Some(name) = &name {
            match (change.entity_by_name(name).await?, &old) {
                (Some(found), Some(old)) if found.id != old.id => {
                    return Err(Error::invalid("entity name is already in use"));
                }
                (Some(found), None) => old = Some(found),
                _ => {}
            }
        }
        let mut entity = old.clone().unwrap_or_else(|| Entity {
            id: identity.new_id(),
            name: identity.new_name("entity"),
            creation_time: request.now,
            ..Entity::default()
        });
        if let Some(name) = name {
            entity.name = name;
        }
        if let Some(policies) = field::policies(request)? {
            entity.policies = policies;
        }
        if let Some(disabled) = request.bool("disabled")? {
            entity.disabled = disabled;
        }
        if let Some(metadata) = field::pairs(request, "metadata")? {
            entity.metadata = metadata;
        }
        entity.last_update_time = request.now;
        change.replace(old.as_ref(), Some(&entity))?;
        change.commit().await?;
        if old.is_some() {
            return Ok(None);
        }
        Ok(Some(Response::object(json!({ "aliases": Value::Null, "id": entity.id, "name": entity.name }))))
    }

    async fn list_entities(&self, by_id: bool) -> Result<Option<Response>> {
        let identity = &self.unsealed.identity;
        let mounts = self.unsealed.mounts();
        let entities = identity.entities_of(&identity.entity_ids().await?).await?;
        let (mut keys, mut info) = (Vec::with_capacity(entities.len()), Map::new());
        for entity in entities {
            let mut about = Map::new();
            about.insert("name".into(), entity.name.clone().into());
            if !entity.aliases.is_empty() {
                let aliases = entity.aliases.iter().map(|alias| show::brief(alias, &mounts).into());
                about.insert("aliases".into(), Value::Array(aliases.collect()));
            }
            info.insert(entity.id.clone(), about.into());
            keys.push(if by_id { entity.id } else { entity.name });
        }
        keys.sort();
        show::list_with_info(keys, info)
    }

    async fn delete_entities(&self) -> Result<Option<Response>> {
        let ids = field::ids(self.request, "entity_ids")?.unwrap_or_default();
        if ids.is_empty() {
            return Err(Error::invalid("missing entity ids to delete"));
        }
        for id in ids {
            self.delete_entity(&id).await?;
        }
        Ok(None)
    }

    async fn delete_entity(&self, id: &str) -> Result<Option<Response>> {
        self.leave_groups(id).await?;
        let mut change = self.unsealed.identity.change().await?;
        if let Some(entity) = change.entity(id).await?.filter(|entity| entity.id == id) {
            change.replace(Some(&entity), None)?;
        }
        change.commit().await?;
        Ok(None)
    }

    /// Takes an entity out of all its groups, some at a time.
    async fn leave_groups(&self, id: &str) -> Result<()> {
        loop {
            let mut change = self.unsealed.identity.change().await?;
            let groups = change.groups.of_entity(id);
            if groups.is_empty() {
                return Ok(());
            }
            for group in groups.iter().take(GROUPS_AT_ONCE) {
                let mut group = Group::clone(group);
                group.member_entity_ids.retain(|member| member != id);
                group.touch(self.request.now);
                change.put_group(group)?;
            }
            change.commit().await?;
        }
    }
}

/// Of one commit: their lists of members may be long.
const GROUPS_AT_ONCE: usize = 8;

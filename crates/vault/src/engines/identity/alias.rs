//! `identity/entity-alias`.

use serde_json::{Map, json};

use super::{Identity, One, field, show};
use crate::core::identity::{Change, Entity, EntityAlias};
use crate::response::Response;
use crate::{Error, Result};

impl Identity<'_> {
    pub(super) async fn entity_alias(&self, path: &str) -> Result<Option<Response>> {
        match path.split_once('/').unwrap_or((path, "")) {
            ("", "") if self.request.operation.is_write() => self.write_alias(None).await,
            ("", "") => Err(Error::UnsupportedOperation),
            ("id", id) => match self.one(id)? {
                One::List => self.list_aliases().await,
                One::Read(id) => {
                    let entity =
                        self.unsealed.identity.entity_by_alias_id(id).await?.ok_or(Error::NotFound)?;
                    let alias = entity.aliases.iter().find(|alias| alias.id == id).ok_or(Error::NotFound)?;
                    Ok(Some(Response::data(show::alias(alias, &entity.id, &self.unsealed.mounts()))))
                }
                One::Write(id) => self.write_alias(Some(id)).await,
                One::Delete(id) => self.unsealed.identity.remove_alias(id).await.map(|()| None),
            },
            _ => Err(Error::UnsupportedPath),
        }
    }

    async fn list_aliases(&self) -> Result<Option<Response>> {
        let identity = &self.unsealed.identity;
        let mounts = self.unsealed.mounts();
        let entities = identity.entities_of(&identity.entity_ids().await?).await?;
        let (mut keys, mut info) = (Vec::new(), Map::new());
        for entity in &entities {
            for alias in &entity.aliases {
                let mut about = show::brief(alias, &mounts);
                about.remove("id");
                about.insert("canonical_id".into(), entity.id.clone().into());
                about.insert("custom_metadata".into(), json!(alias.custom_metadata));
                about.insert("local".into(), alias.local.into());
                info.insert(alias.id.clone(), about.into());
                keys.push(alias.id.clone());
            }
        }
        keys.sort();
        show::list_with_info(keys, info)
    }

    async fn write_alias(&self, id: Option<&str>) -> Result<Option<Response>> {
        let request = self.request;
        let text = |field: &str| Ok::<_, Error>(request.text(field)?.filter(|text| !text.is_empty()));
        let id = id.map(str::to_owned).or(text("id")?);
        let canonical_id = text("canonical_id")?.or(text("entity_id")?);
        let accessor = text("mount_accessor")?;
        let asked = Asked {
            name: field::name(request, "name")?,
            mount_accessor: accessor,
            canonical_id,
            custom_metadata: field::pairs(request, "custom_metadata")?,
        };
        let mut change = self.unsealed.identity.change().await?;
        if let Some(id) = id {
            let entity = change.entity_by_alias_id(&id).await?;
            let entity = entity.ok_or_else(|| Error::invalid("invalid alias ID provided"))?;
            return self.update_alias(change, entity, &id, asked).await;
        }
        let (Some(name), Some(accessor)) = (&asked.name, &asked.mount_accessor) else {
            return Err(Error::invalid("'id' or 'mount_accessor' and 'name' must be provided"));
        };
        let mount = self.mount(accessor)?;
        if let Some(entity) = change.entity_by_alias(accessor, name).await? {
            let known = entity.aliases.iter().find(|alias| alias.mount_accessor == *accessor);
            let id = known.map(|alias| alias.id.clone()).unwrap_or_default();
            return self.update_alias(change, entity, &id, asked).await;
        }
        let alias = EntityAlias {
            id: self.unsealed.identity.new_id(),
            mount_accessor: accessor.clone(),
            name: name.clone(),
            custom_metadata: asked.custom_metadata.unwrap_or_default(),
            local: mount.entry.local,
            creation_time: request.now,
            last_update_time: request.now,
            ..EntityAlias::default()
        };
        self.create_alias(change, alias, asked.canonical_id).await
    }

    async fn create_alias(
        &self,
        mut change: Change<'_>,
        alias: EntityAlias,
        canonical_id: Option<String>,
    ) -> Result<Option<Response>> {
        let identity = &self.unsealed.identity;
        let old = match canonical_id {
            Some(id) => {
                Some(change.entity(&id).await?.ok_or_else(|| Error::invalid("invalid canonical ID"))?)
            }
            None => None,
        };
        let mut entity = old.clone().unwrap_or_else(|| Entity {
            id: identity.new_id(),
            name: identity.new_name("entity"),
            creation_time: self.request.now,
            ..Entity::default()
        });
        if entity.aliases.iter().any(|known| known.mount_accessor == alias.mount_accessor) {
            return Err(Error::invalid("Alias already exists for requested entity and mount accessor"));
        }
        let answer = written(&alias.id, &entity.id);
        entity.aliases.push(alias);
        entity.last_update_time = self.request.now;
        change.replace(old.as_ref(), Some(&entity))?;
        change.commit().await?;
        Ok(answer)
    }

    async fn update_alias(
        &self,
        mut change: Change<'_>,
        old: Entity,
        id: &str,
        asked: Asked,
    ) -> Result<Option<Response>> {
        let now = self.request.now;
        let mut entity = old.clone();
        let position = entity.aliases.iter().position(|alias| alias.id == id);
        let position = position.ok_or_else(|| Error::internal("an alias is not with its entity"))?;
        let before = entity.aliases.remove(position);
        let mut alias = before.clone();
        alias.name = asked.name.unwrap_or(alias.name);
        alias.mount_accessor = asked.mount_accessor.unwrap_or(alias.mount_accessor);
        alias.custom_metadata = asked.custom_metadata.unwrap_or(alias.custom_metadata);
        let moves_to = asked.canonical_id.filter(|id| *id != old.id && !old.merged_entity_ids.contains(id));
        if alias == before && moves_to.is_none() {
            return Ok(None);
        }
        let mount = self.mount(&alias.mount_accessor)?;
        alias.local = mount.entry.local;
        alias.last_update_time = now;
        if let Some(other) = change.entity_by_alias(&alias.mount_accessor, &alias.name).await?
            && !other
                .aliases
                .iter()
                .any(|known| known.id == id && known.mount_accessor == alias.mount_accessor)
        {
            return Err(Error::invalid("alias with combination of mount accessor and name already exists"));
        }
        let clashes =
            |entity: &Entity| entity.aliases.iter().any(|known| known.mount_accessor == alias.mount_accessor);
        entity.last_update_time = now;
        let Some(target) = moves_to else {
            if clashes(&entity) {
                return Err(Error::invalid(
                    "Alias cannot be updated as the entity already has an alias for the given 'mount_accessor' ",
                ));
            }
            let answer = written(id, &entity.id);
            entity.aliases.insert(position, alias);
            change.replace(Some(&old), Some(&entity))?;
            change.commit().await?;
            return Ok(answer);
        };
        if alias.local {
            return Err(Error::invalid("local aliases can't be moved between entities"));
        }
        let unknown = || Error::invalid("given 'canonical_id' is not associated with an entity");
        let old_target = change.entity(&target).await?.ok_or_else(unknown)?;
        let mut target = old_target.clone();
        if clashes(&target) {
            return Err(Error::invalid(
                "Alias cannot be updated as the given entity already has an alias for this mount ",
            ));
        }
        let answer = written(id, &target.id);
        target.aliases.push(alias);
        target.last_update_time = now;
        change.replace(Some(&old), Some(&entity))?;
        change.replace(Some(&old_target), Some(&target))?;
        change.commit().await?;
        Ok(answer)
    }
}

/// What a request says of an alias.
struct Asked {
    name: Option<String>,
    mount_accessor: Option<String>,
    canonical_id: Option<String>,
    custom_metadata: Option<std::collections::BTreeMap<String, String>>,
}

fn written(id: &str, canonical_id: &str) -> Option<Response> {
    Some(Response::object(json!({ "canonical_id": canonical_id, "id": id })))
}

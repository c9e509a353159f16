//! The entity behind a login.

use std::sync::Arc;

use super::entry::{Entity, EntityAlias};
use super::{Holder, IdentityStore};
use crate::auth::Alias;
use crate::core::mount::MountEntry;
use crate::{Error, Result};

impl IdentityStore {
    /// The entity that `mount` knows as `alias`; made where there is none. What the method says of the alias is kept
    /// as it is now. `now` is in unix nanoseconds.
    ///
    /// # Errors
    /// 403 where the entity is disabled, 400 for an alias too large, and the store's.
    pub async fn log_in(&self, mount: &MountEntry, alias: &Alias, now: i64) -> Result<Arc<Holder>> {
        if alias.name.is_empty() || alias.name.len() > ALIAS_BYTES_MAX {
            let message = format!("the name of who logs in must be of 1 to {ALIAS_BYTES_MAX} bytes");
            return Err(Error::invalid(message));
        }
        let known = self.entity_by_alias(&mount.accessor, &alias.name).await?;
        let entity_id = match known {
            Some(entity) if is_current(&entity, mount, alias) => entity.id.clone(),
            _ => self.upsert(mount, alias, now).await?,
        };
        let holder = self.holder(&entity_id).await?;
        let holder =
            holder.ok_or_else(|| Error::Unavailable("the entity was removed meanwhile; try again".into()))?;
        if holder.entity.disabled {
            return Err(Error::PermissionDenied);
        }
        Ok(holder)
    }

    async fn upsert(&self, mount: &MountEntry, alias: &Alias, now: i64) -> Result<String> {
        let mut change = self.change().await?;
        let old = change.entity_by_alias(&mount.accessor, &alias.name).await?;
        let mut entity = old.clone().unwrap_or_else(|| Entity {
            id: self.new_id(),
            name: self.new_name("entity"),
            creation_time: now,
            last_update_time: now,
            ..Entity::default()
        });
        let name = alias.name.to_lowercase();
        let is_it = |known: &&mut EntityAlias| {
            known.mount_accessor == mount.accessor && known.name.to_lowercase() == name
        };
        match entity.aliases.iter_mut().find(is_it) {
            Some(known) => {
                known.metadata.clone_from(&alias.metadata);
                known.last_update_time = now;
            }
            None => entity.aliases.push(EntityAlias {
                id: self.new_id(),
                mount_accessor: mount.accessor.clone(),
                name: alias.name.clone(),
                metadata: alias.metadata.clone(),
                local: mount.local,
                creation_time: now,
                last_update_time: now,
                ..EntityAlias::default()
            }),
        }
        let id = entity.id.clone();
        change.replace(old.as_ref(), Some(&entity))?;
        change.commit().await?;
        Ok(id)
    }
}

/// Whether nothing about the alias has changed since the last login.
fn is_current(entity: &Entity, mount: &MountEntry, alias: &Alias) -> bool {
    let name = alias.name.to_lowercase();
    entity.aliases.iter().any(|known| {
        known.mount_accessor == mount.accessor
            && known.name.to_lowercase() == name
            && known.metadata == alias.metadata
    })
}

/// As for approle's role ids.
const ALIAS_BYTES_MAX: usize = 4096;

//! `identity/entity/merge`: several entities become one.

use std::collections::BTreeSet;

use super::{Identity, field};
use crate::core::identity::{Change, Entity, Group};
use crate::response::Response;
use crate::{Error, Result};

impl Identity<'_> {
    pub(super) async fn merge_entities(&self) -> Result<Option<Response>> {
        let request = self.request;
        let to = request.text("to_entity_id")?.filter(|id| !id.is_empty());
        let to = to.ok_or_else(|| Error::invalid("missing entity id to merge to"))?;
        let from = field::ids(request, "from_entity_ids")?.filter(|ids| !ids.is_empty());
        let from = from.ok_or_else(|| Error::invalid("missing entity ids to merge from"))?;
        let keep = field::ids(request, "conflicting_alias_ids_to_keep")?.unwrap_or_default();
        if from.len() > 1 && keep.len() > 1 {
            return Err(Error::invalid(
                "aliases conflicts cannot be resolved with multiple from entity ids - merge one entity at a time",
            ));
        }
        if from.len() > FROM_MAX {
            return Err(Error::invalid(format!("at most {FROM_MAX} entities can be merged at a time")));
        }
        let mut change = self.unsealed.identity.change().await?;
        let old = change.entity(&to).await?.filter(|entity| entity.id == to);
        let old = old.ok_or_else(|| Error::invalid("entity id to merge to is invalid"))?;
        let mut merged = old.clone();
        for from in &read(&mut change, &old, &from).await? {
            take_over(&mut merged, from, &keep)?;
            change.replace(Some(from), None)?;
        }
        merged.last_update_time = request.now;
        change.replace(Some(&old), Some(&merged))?;
        let groups = change.groups.clone();
        for group in groups.all().filter(|group| group.member_entity_ids.iter().any(|id| from.contains(id))) {
            let mut group = Group::clone(group);
            group.member_entity_ids.retain(|id| *id != old.id && !from.contains(id));
            group.member_entity_ids.push(old.id.clone());
            group.touch(request.now);
            change.put_group(group)?;
        }
        change.commit().await?;
        Ok(None)
    }
}

/// The entities to be merged.
async fn read(change: &mut Change<'_>, to: &Entity, from: &[String]) -> Result<Vec<Entity>> {
    let mut entities = Vec::with_capacity(from.len());
    let mut accessors = BTreeSet::new();
    for id in from {
        if *id == to.id {
            return Err(Error::invalid("to_entity_id should not be present in from_entity_ids"));
        }
        let entity = change.entity(id).await?.filter(|entity| entity.id == *id);
        let entity = entity.ok_or_else(|| Error::invalid("entity id to merge from is invalid"))?;
        for alias in &entity.aliases {
            if !accessors.insert(alias.mount_accessor.clone()) {
                return Err(Error::invalid(format!(
                    "mount accessor {} found in multiple fromEntities, merge should be done with one fromEntity at a \
                     time",
                    alias.mount_accessor
                )));
            }
        }
        entities.push(entity);
    }
    Ok(entities)
}

/// Adds one entity's aliases and past to another; `keep` says which of two aliases at one mount stays.
fn take_over(merged: &mut Entity, from: &Entity, keep: &[String]) -> Result<()> {
    for alias in &from.aliases {
        let clash = merged.aliases.iter().find(|known| known.mount_accessor == alias.mount_accessor);
        if let Some(known) = clash {
            if keep.contains(&known.id) {
                continue;
            }
            if keep.is_empty() {
                return Err(Error::invalid(format!(
                    "toEntity and at least one fromEntity have aliases with the same mount accessor, repeat the merge \
                     request specifying exactly one fromEntity, clashes: mountAccessor: {}, toEntity ID: {}, \
                     fromEntity ID: {}, conflicting toEntity alias ID: {}, conflicting fromEntity alias ID: {}",
                    alias.mount_accessor, merged.id, from.id, known.id, alias.id
                )));
            }
            if !keep.contains(&alias.id) {
                return Err(Error::invalid(format!(
                    "conflicting mount accessors in following alias IDs and neither were present in \
                     conflicting_alias_ids_to_keep: {}, {}",
                    alias.id, known.id
                )));
            }
            let known = known.id.clone();
            merged.aliases.retain(|alias| alias.id != known);
        }
        let mut alias = alias.clone();
        alias.merged_from_canonical_ids.push(from.id.clone());
        merged.aliases.push(alias);
    }
    merged.merged_entity_ids.extend(from.merged_entity_ids.iter().cloned());
    merged.merged_entity_ids.push(from.id.clone());
    Ok(())
}

/// So that one commit takes it.
const FROM_MAX: usize = 8;

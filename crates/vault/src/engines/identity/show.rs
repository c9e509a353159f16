//! Entities, aliases and groups as answers show them.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::core::identity::{Entity, EntityAlias, Group, Groups};
use crate::core::mount::Mounts;
use crate::response::Response;
use crate::{Error, Result};

/// An entity with its aliases and the ids of its groups.
pub(super) fn entity(entity: &Entity, groups: &Groups, mounts: &Mounts) -> Response {
    let ids = |groups: &[Arc<Group>]| groups.iter().map(|group| group.id.clone()).collect::<Vec<_>>();
    let direct = groups.of_entity(&entity.id);
    let inherited = ids(&groups.inherited(&direct));
    let direct = ids(&direct);
    let aliases: Vec<Value> = entity.aliases.iter().map(|of| alias(of, &entity.id, mounts).into()).collect();
    Response::object(json!({
        "aliases": aliases,
        "creation_time": time(entity.creation_time),
        "direct_group_ids": direct,
        "disabled": entity.disabled,
        "group_ids": direct.iter().chain(&inherited).collect::<Vec<_>>(),
        "id": entity.id,
        "inherited_group_ids": inherited,
        "last_update_time": time(entity.last_update_time),
        "merged_entity_ids": list(&entity.merged_entity_ids),
        "metadata": map(&entity.metadata),
        "name": entity.name,
        "namespace_id": "root",
        "policies": entity.policies,
    }))
}

/// An alias of the entity or group `canonical_id`.
pub(super) fn alias(alias: &EntityAlias, canonical_id: &str, mounts: &Mounts) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("canonical_id".into(), canonical_id.into());
    shown.insert("creation_time".into(), time(alias.creation_time).into());
    shown.insert("custom_metadata".into(), map(&alias.custom_metadata));
    shown.insert("id".into(), alias.id.clone().into());
    shown.insert("last_update_time".into(), time(alias.last_update_time).into());
    shown.insert("local".into(), alias.local.into());
    shown.insert("merged_from_canonical_ids".into(), list(&alias.merged_from_canonical_ids));
    shown.insert("metadata".into(), map(&alias.metadata));
    shown.insert("name".into(), alias.name.clone().into());
    shown.insert("namespace_id".into(), "root".into());
    add_mount(&mut shown, alias, mounts);
    shown
}

/// A group with its alias and the groups around it.
pub(super) fn group(group: &Group, groups: &Groups, mounts: &Mounts) -> Response {
    let parents: Vec<String> = groups.parents(&group.id).iter().map(|group| group.id.clone()).collect();
    let alias = group.alias.as_ref().map(|of| alias(of, &group.id, mounts)).unwrap_or_default();
    Response::object(json!({
        "alias": alias,
        "creation_time": time(group.creation_time),
        "id": group.id,
        "last_update_time": time(group.last_update_time),
        "member_entity_ids": list(&group.member_entity_ids),
        "member_group_ids": list(&group.member_group_ids),
        "metadata": map(&group.metadata),
        "modify_index": group.modify_index,
        "name": group.name,
        "namespace_id": "root",
        "parent_group_ids": list(&parents),
        "policies": list(&group.policies),
        "type": group.kind.as_str(),
    }))
}

/// An alias in a list's `key_info`.
pub(super) fn brief(alias: &EntityAlias, mounts: &Mounts) -> Map<String, Value> {
    let mut shown = Map::new();
    shown.insert("id".into(), alias.id.clone().into());
    shown.insert("name".into(), alias.name.clone().into());
    add_mount(&mut shown, alias, mounts);
    shown
}

/// An answer to a list with something about each.
pub(super) fn list_with_info(keys: Vec<String>, info: Map<String, Value>) -> Result<Option<Response>> {
    if keys.is_empty() {
        return Err(Error::NotFound);
    }
    Ok(Some(Response::object(json!({ "keys": keys, "key_info": info }))))
}

fn add_mount(shown: &mut Map<String, Value>, alias: &EntityAlias, mounts: &Mounts) {
    shown.insert("mount_accessor".into(), alias.mount_accessor.clone().into());
    if let Some(mount) = mounts.by_accessor(&alias.mount_accessor) {
        shown.insert("mount_path".into(), mount.entry.full_path().into());
        shown.insert("mount_type".into(), mount.entry.kind.clone().into());
    }
}

/// As Vault shows what is empty: null.
fn list(texts: &[String]) -> Value {
    if texts.is_empty() { Value::Null } else { texts.into() }
}

fn map(texts: &BTreeMap<String, String>) -> Value {
    if texts.is_empty() { Value::Null } else { json!(texts) }
}

fn time(nanoseconds: i64) -> String {
    let time = jiff::Timestamp::from_nanosecond(i128::from(nanoseconds));
    time.map(|time| time.to_string()).unwrap_or_default()
}

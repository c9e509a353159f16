//! `identity/group-alias`: how auth methods know external groups.

use serde_json::{Map, json};

use super::{Identity, One, field, show};
use crate::core::identity::{EntityAlias, Group, GroupKind};
use crate::response::Response;
use crate::{Error, Result};

impl Identity<'_> {
    pub(super) async fn group_alias(&self, path: &str) -> Result<Option<Response>> {
        let identity = &self.unsealed.identity;
        match path.split_once('/').unwrap_or((path, "")) {
            ("", "") if self.request.operation.is_write() => {
                let id = self.request.text("id")?.filter(|id| !id.is_empty());
                self.write_group_alias(id.as_deref()).await
            }
            ("", "") => Err(Error::UnsupportedOperation),
            ("id", id) => match self.one(id)? {
                One::List => self.list_group_aliases().await,
                One::Read(id) => {
                    let groups = identity.groups().await?;
                    let group = groups.by_alias_id(id).ok_or(Error::NotFound)?;
                    let alias = group.alias.as_ref().ok_or(Error::NotFound)?;
                    Ok(Some(Response::data(show::alias(alias, &group.id, &self.unsealed.mounts()))))
                }
                One::Write(id) => self.write_group_alias(Some(id)).await,
                One::Delete(id) => self.delete_group_alias(id).await,
            },
            _ => Err(Error::UnsupportedPath),
        }
    }

    async fn write_group_alias(&self, id: Option<&str>) -> Result<Option<Response>> {
        let (request, identity) = (self.request, &self.unsealed.identity);
        let required = |field: &str, missing: &str| -> Result<String> {
            let text = request.text(field)?.filter(|text| !text.is_empty());
            text.ok_or_else(|| Error::invalid(missing))
        };
        let name = field::name(request, "name")?.ok_or_else(|| Error::invalid("missing alias name"))?;
        let accessor = required("mount_accessor", "missing mount_accessor")?;
        let mut change = identity.change().await?;
        let old = match id {
            Some(id) => Some(
                change
                    .groups
                    .by_alias_id(id)
                    .cloned()
                    .ok_or_else(|| Error::invalid("invalid group alias ID"))?,
            ),
            None => change.groups.by_alias(&accessor, &name).cloned(),
        };
        let canonical_id = request.text("canonical_id")?.filter(|id| !id.is_empty());
        let target = match canonical_id {
            Some(id) => {
                let group = change.groups.get(&id);
                Some(
                    group
                        .cloned()
                        .ok_or_else(|| Error::invalid("invalid group ID given in 'canonical_id'"))?,
                )
            }
            None => old.clone(),
        };
        if target.as_ref().is_some_and(|group| group.kind == GroupKind::Internal) {
            return Err(Error::invalid("alias can't be set on an internal group"));
        }
        let mount = self.mount(&accessor)?;
        if mount.entry.local {
            return Err(Error::invalid(format!("mount accessor {accessor:?} is a local mount")));
        }
        if let (Some(other), Some(old)) = (change.groups.by_alias(&accessor, &name), &old)
            && other.id != old.id
        {
            return Err(Error::invalid("combination of mount and group alias name is already in use"));
        }
        let mut alias = old.as_ref().and_then(|group| group.alias.clone()).unwrap_or_else(|| EntityAlias {
            id: identity.new_id(),
            creation_time: request.now,
            ..EntityAlias::default()
        });
        alias.name = name;
        alias.mount_accessor = accessor;
        alias.last_update_time = request.now;
        let mut group = target.map(|group| Group::clone(&group)).unwrap_or_else(|| Group {
            id: identity.new_id(),
            name: identity.new_name("group"),
            kind: GroupKind::External,
            creation_time: request.now,
            ..Group::default()
        });
        let answer = json!({ "canonical_id": group.id, "id": alias.id });
        if let Some(old) = old.filter(|old| old.id != group.id) {
            let mut old = Group { alias: None, ..Group::clone(&old) };
            old.touch(request.now);
            change.put_group(old)?;
        }
        group.alias = Some(alias);
        group.touch(request.now);
        change.put_group(group)?;
        change.commit().await?;
        Ok(Some(Response::object(answer)))
    }

    async fn list_group_aliases(&self) -> Result<Option<Response>> {
        let groups = self.unsealed.identity.groups().await?;
        let mounts = self.unsealed.mounts();
        let (mut keys, mut info) = (Vec::new(), Map::new());
        for group in groups.all() {
            let Some(alias) = &group.alias else { continue };
            let mut about = show::brief(alias, &mounts);
            about.remove("id");
            about.insert("canonical_id".into(), group.id.clone().into());
            info.insert(alias.id.clone(), about.into());
            keys.push(alias.id.clone());
        }
        keys.sort();
        show::list_with_info(keys, info)
    }

    async fn delete_group_alias(&self, id: &str) -> Result<Option<Response>> {
        let mut change = self.unsealed.identity.change().await?;
        if let Some(group) = change.groups.by_alias_id(id).cloned() {
            let mut group = Group { alias: None, ..Group::clone(&group) };
            group.touch(self.request.now);
            change.put_group(group)?;
        }
        change.commit().await?;
        Ok(None)
    }
}

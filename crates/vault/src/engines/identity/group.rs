//! `identity/group`.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::{Identity, One, field, show};
use crate::core::identity::{Change, Group, GroupKind};
use crate::response::Response;
use crate::{Error, Result};

impl Identity<'_> {
    pub(super) async fn group(&self, path: &str) -> Result<Option<Response>> {
        let identity = &self.unsealed.identity;
        match path.split_once('/').unwrap_or((path, "")) {
            ("", "") if self.request.operation.is_write() => {
                let id = self.request.text("id")?.filter(|id| !id.is_empty());
                self.write_group(id.as_deref(), None).await
            }
            ("", "") => Err(Error::UnsupportedOperation),
            ("id", id) => match self.one(id)? {
                One::List => self.list_groups(true).await,
                One::Read(id) => self.show_group(identity.groups().await?.get(id)).await,
                One::Write(id) => self.write_group(Some(id), None).await,
                One::Delete(id) => self.delete_group(id).await,
            },
            ("name", name) => match self.one(name)? {
                One::List => self.list_groups(false).await,
                One::Read(name) => self.show_group(identity.groups().await?.by_name(name)).await,
                One::Write(name) => self.write_group(None, Some(name)).await,
                One::Delete(name) => {
                    let id = identity.groups().await?.by_name(name).map(|group| group.id.clone());
                    match id {
                        Some(id) => self.delete_group(&id).await,
                        None => Ok(None),
                    }
                }
            },
            _ => Err(Error::UnsupportedPath),
        }
    }

    pub(super) async fn show_group(&self, group: Option<&Arc<Group>>) -> Result<Option<Response>> {
        let group = group.ok_or(Error::NotFound)?;
        let groups = self.unsealed.identity.groups().await?;
        Ok(Some(show::group(group, &groups, &self.unsealed.mounts())))
    }

    async fn write_group(&self, id: Option<&str>, name: Option<&str>) -> Result<Option<Response>> {
        let (request, identity) = (self.request, &self.unsealed.identity);
        let given = match name {
            Some(name) if name.len() > field::NAME_BYTES_MAX => {
                return Err(Error::invalid(format!(
                    "name must be of at most {} bytes",
                    field::NAME_BYTES_MAX
                )));
            }
            Some(name) => Some(name.to_owned()),
            None => field::name(request, "name")?,
        };
        let mut change = identity.change().await?;
        let named = given.as_ref().and_then(|name| change.groups.by_name(name)).cloned();
        let old = match id {
            Some(id) => {
                Some(change.groups.get(id).cloned().ok_or_else(|| Error::invalid("invalid group ID"))?)
            }
            // Without an id, the group of that name is meant, if there is one.
            None => named.clone(),
        };
        if let (Some(named), Some(old)) = (&named, &old)
            && named.id != old.id
        {
            return Err(Error::invalid("group name is already in use"));
        }
        let is_new = old.is_none();
        let mut group = old.map(|old| Group::clone(&old)).unwrap_or_else(|| Group {
            id: identity.new_id(),
            name: identity.new_name("group"),
            creation_time: request.now,
            ..Group::default()
        });
        if let Some(name) = given {
            group.name = name;
        }
        self.update_group(&mut change, &mut group, is_new).await?;
        let answer = json!({ "id": group.id, "name": group.name });
        change.put_group(group)?;
        change.commit().await?;
        Ok(is_new.then(|| Response::object(answer)))
    }

    async fn update_group(&self, change: &mut Change<'_>, group: &mut Group, is_new: bool) -> Result<()> {
        let request = self.request;
        if let Some(policies) = field::policies(request)? {
            group.policies = policies;
        }
        match request.text("type")?.as_deref() {
            None | Some("") => {}
            Some(kind) if !is_new && kind != group.kind.as_str() => {
                return Err(Error::invalid("group type cannot be changed"));
            }
            Some("internal") => group.kind = GroupKind::Internal,
            Some("external") => group.kind = GroupKind::External,
            Some(other) => return Err(Error::invalid(format!("invalid group type {other:?}"))),
        }
        if let Some(metadata) = field::pairs(request, "metadata")? {
            group.metadata = metadata;
        }
        let external = group.kind == GroupKind::External;
        if let Some(members) = field::ids(request, "member_entity_ids")? {
            if external {
                return Err(Error::invalid("member entities can't be set manually for external groups"));
            }
            for id in members.iter().filter(|id| !group.member_entity_ids.contains(id)) {
                let found = self.unsealed.identity.entity(id).await?.is_some_and(|entity| entity.id == *id);
                if !found {
                    return Err(Error::invalid(format!("invalid entity ID {id:?}")));
                }
            }
            group.member_entity_ids = members;
        }
        if let Some(members) = field::ids(request, "member_group_ids")? {
            if external {
                return Err(Error::invalid("member groups can't be set for external groups"));
            }
            change.groups.check_members(&group.id, &members)?;
            group.member_group_ids = members;
        }
        group.touch(request.now);
        Ok(())
    }

    async fn list_groups(&self, by_id: bool) -> Result<Option<Response>> {
        let groups = self.unsealed.identity.groups().await?;
        let mounts = self.unsealed.mounts();
        let (mut keys, mut info) = (Vec::new(), Map::new());
        for group in groups.all() {
            let mut about = Map::new();
            about.insert("name".into(), group.name.clone().into());
            about.insert("num_member_entities".into(), group.member_entity_ids.len().into());
            about.insert("num_parent_groups".into(), groups.parents(&group.id).len().into());
            if let Some(alias) = &group.alias {
                about.insert("alias".into(), Value::Object(show::brief(alias, &mounts)));
            }
            info.insert(group.id.clone(), about.into());
            keys.push(if by_id { group.id.clone() } else { group.name.clone() });
        }
        keys.sort();
        show::list_with_info(keys, info)
    }

    /// Takes it out of the groups above it first: those never name one that is gone.
    async fn delete_group(&self, id: &str) -> Result<Option<Response>> {
        loop {
            let mut change = self.unsealed.identity.change().await?;
            let parents = change.groups.parents(id);
            if parents.is_empty() {
                if change.groups.get(id).is_some() {
                    change.remove_group(id);
                    change.commit().await?;
                }
                return Ok(None);
            }
            for parent in parents.iter().take(PARENTS_AT_ONCE) {
                let mut parent = Group::clone(parent);
                parent.member_group_ids.retain(|member| member != id);
                parent.touch(self.request.now);
                change.put_group(parent)?;
            }
            change.commit().await?;
        }
    }
}

const PARENTS_AT_ONCE: usize = 8;

//! All groups, as logins and requests need them: who is in which.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::entry::Group;
use crate::{Error, Result};

/// All groups at one time. Replaced whole at every change.
#[derive(Debug, Default)]
pub struct Groups {
    by_id: BTreeMap<String, Arc<Group>>,
    /// By name in lower case.
    by_name: HashMap<String, String>,
    /// Groups by the entities in them.
    of_entity: HashMap<String, Vec<String>>,
    /// Groups by the groups in them.
    of_group: HashMap<String, Vec<String>>,
}

impl Groups {
    /// Indexes groups.
    pub fn new(groups: impl IntoIterator<Item = Arc<Group>>) -> Self {
        let mut all = Groups::default();
        for group in groups {
            all.by_name.insert(group.name.to_lowercase(), group.id.clone());
            for member in &group.member_entity_ids {
                all.of_entity.entry(member.clone()).or_default().push(group.id.clone());
            }
            for member in &group.member_group_ids {
                all.of_group.entry(member.clone()).or_default().push(group.id.clone());
            }
            all.by_id.insert(group.id.clone(), group);
        }
        all
    }

    /// The same with some groups replaced or added, and some removed.
    pub fn with(&self, changed: &[Group], removed: &[String]) -> Self {
        let mut by_id = self.by_id.clone();
        by_id.retain(|id, _| !removed.contains(id));
        by_id.extend(changed.iter().map(|group| (group.id.clone(), Arc::new(group.clone()))));
        Groups::new(by_id.into_values())
    }

    /// All of them, by id.
    pub fn all(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.by_id.values()
    }

    /// A group by id.
    pub fn get(&self, id: &str) -> Option<&Arc<Group>> {
        self.by_id.get(id)
    }

    /// A group by name, whatever its case.
    pub fn by_name(&self, name: &str) -> Option<&Arc<Group>> {
        self.by_id.get(self.by_name.get(&name.to_lowercase())?)
    }

    /// The group with this alias.
    pub fn by_alias_id(&self, id: &str) -> Option<&Arc<Group>> {
        self.all().find(|group| group.alias.as_ref().is_some_and(|alias| alias.id == id))
    }

    /// The group that an auth mount knows by this name.
    pub fn by_alias(&self, mount_accessor: &str, name: &str) -> Option<&Arc<Group>> {
        let name = name.to_lowercase();
        self.all().find(|group| {
            group.alias.as_ref().is_some_and(|alias| {
                alias.mount_accessor == mount_accessor && alias.name.to_lowercase() == name
            })
        })
    }

    /// The groups that an entity is in itself.
    pub fn of_entity(&self, id: &str) -> Vec<Arc<Group>> {
        self.resolve(self.of_entity.get(id))
    }

    /// The groups that a group is in itself.
    pub fn parents(&self, id: &str) -> Vec<Arc<Group>> {
        self.resolve(self.of_group.get(id))
    }

    /// The groups above `direct`, without those themselves.
    pub fn inherited(&self, direct: &[Arc<Group>]) -> Vec<Arc<Group>> {
        let mut seen: BTreeSet<String> = direct.iter().map(|group| group.id.clone()).collect();
        let mut inherited = Vec::new();
        let mut pending: Vec<_> = direct.iter().flat_map(|group| self.parents(&group.id)).collect();
        while let Some(group) = pending.pop() {
            if seen.insert(group.id.clone()) {
                pending.extend(self.parents(&group.id));
                inherited.push(group);
            }
        }
        inherited.sort_by(|a, b| a.id.cmp(&b.id));
        inherited
    }

    /// Checks the groups that are to be in `group`.
    ///
    /// # Errors
    /// 400 for one that is not there, or that `group` is in itself.
    pub fn check_members(&self, group: &str, members: &[String]) -> Result<()> {
        for member in members {
            let found = self.get(member);
            let found = found.ok_or_else(|| Error::invalid(format!("invalid member group ID {member:?}")))?;
            let is_above = || self.is_below(group, found);
            if member == group || is_above() {
                let message = format!("cyclic relationship detected for member group ID {member:?}");
                return Err(Error::invalid(message));
            }
        }
        Ok(())
    }

    /// Whether `group` is in `above`, at whatever depth.
    fn is_below(&self, group: &str, above: &Group) -> bool {
        let mut seen = BTreeSet::new();
        let mut pending: Vec<&String> = above.member_group_ids.iter().collect();
        while let Some(id) = pending.pop() {
            if id == group {
                return true;
            }
            if seen.insert(id)
                && let Some(member) = self.get(id)
            {
                pending.extend(&member.member_group_ids);
            }
        }
        false
    }

    fn resolve(&self, ids: Option<&Vec<String>>) -> Vec<Arc<Group>> {
        ids.into_iter().flatten().filter_map(|id| self.get(id).cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(id: &str, entities: &[&str], groups: &[&str]) -> Arc<Group> {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        Arc::new(Group {
            id: id.into(),
            name: id.to_uppercase(),
            member_entity_ids: owned(entities),
            member_group_ids: owned(groups),
            ..Group::default()
        })
    }

    fn ids(groups: &[Arc<Group>]) -> Vec<&str> {
        groups.iter().map(|group| group.id.as_str()).collect()
    }

    #[test]
    fn members_inherit_and_cycles_are_refused() {
        let groups =
            Groups::new([group("a", &["e"], &[]), group("b", &[], &["a"]), group("c", &["e"], &["b", "a"])]);
        let direct = groups.of_entity("e");
        assert_eq!((ids(&direct), ids(&groups.inherited(&direct))), (vec!["a", "c"], vec!["b"]));
        assert_eq!(groups.by_name("B").unwrap().id, "b");
        for (into, member) in [("a", "a"), ("a", "b"), ("a", "c"), ("b", "c")] {
            let error = groups.check_members(into, &[member.to_owned()]).unwrap_err();
            assert!(error.to_string().starts_with("cyclic relationship"), "{into} {member}: {error}");
        }
        assert!(groups.check_members("c", &["a".into(), "b".into()]).is_ok());
        assert!(groups.check_members("c", &["x".into()]).is_err());
        let fewer = groups.with(&[], &["b".into()]);
        assert!(fewer.inherited(&fewer.of_entity("e")).is_empty() && fewer.by_name("b").is_none());
    }
}

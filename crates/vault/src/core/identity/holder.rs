//! Who stands behind a token, as its policies ask: entity, aliases, groups.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;

use super::entry::{Entity, Group};
use super::groups::Groups;
use crate::policy::{Acl, Attribute, Policy, Selector};

/// An entity with the groups that it is in, at one time. What changes makes another one.
#[derive(Debug)]
pub struct Holder {
    /// The entity.
    pub entity: Arc<Entity>,
    /// The groups that it is in itself.
    pub direct: Vec<Arc<Group>>,
    /// The groups above those.
    pub inherited: Vec<Arc<Group>>,
    /// The policies of all of them: sorted, each once, without `root`.
    pub policies: Vec<String>,
    groups: Arc<Groups>,
    /// Access lists with this holder's values in their templates, by the policies that make them.
    compiled: Mutex<Vec<(PolicySet, Arc<Acl>)>>,
}

/// Policies that make an access list; the same only if it is the same allocation.
pub type PolicySet = Arc<Vec<Arc<Policy>>>;

impl Holder {
    pub(super) fn new(entity: Arc<Entity>, groups: Arc<Groups>) -> Self {
        let direct = groups.of_entity(&entity.id);
        let inherited = groups.inherited(&direct);
        let of_groups = direct.iter().chain(&inherited).flat_map(|group| &group.policies);
        // Entities and groups are never given it; whatever a storage says, it makes nobody root (CVE-2024-9180).
        let policies =
            entity.policies.iter().chain(of_groups).filter(|name| name.trim().to_lowercase() != "root");
        let policies = policies.cloned().collect::<BTreeSet<_>>().into_iter().collect();
        Holder { entity, direct, inherited, policies, groups, compiled: Mutex::default() }
    }

    /// Whether it was made of these.
    pub(super) fn is_of(&self, entity: &Arc<Entity>, groups: &Arc<Groups>) -> bool {
        Arc::ptr_eq(&self.entity, entity) && Arc::ptr_eq(&self.groups, groups)
    }

    /// A token's own policies and these: sorted, each once.
    pub fn all_policies(&self, own: &[String]) -> Vec<String> {
        own.iter().chain(&self.policies).cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The access list of policies for this holder.
    pub fn acl(&self, policies: &PolicySet) -> Arc<Acl> {
        let mut compiled = self.compiled.lock();
        if let Some((_, acl)) = compiled.iter().find(|(known, _)| Arc::ptr_eq(known, policies)) {
            return acl.clone();
        }
        let acl = Arc::new(Acl::with_identity(policies, &|selector| self.value(selector)));
        if compiled.len() >= COMPILED_MAX {
            compiled.remove(0);
        }
        compiled.push((policies.clone(), acl.clone()));
        acl
    }

    /// What a template's selector stands for.
    fn value(&self, selector: &Selector) -> Option<String> {
        match selector {
            Selector::Entity(attribute) => {
                let entity = &self.entity;
                pick(attribute, &entity.id, &entity.name, &entity.metadata, None)
            }
            Selector::Alias { accessor, attribute } => {
                let alias = self.entity.aliases.iter().find(|alias| alias.mount_accessor == *accessor)?;
                pick(attribute, &alias.id, &alias.name, &alias.metadata, Some(&alias.custom_metadata))
            }
            Selector::GroupById { id, attribute } => self.group(attribute, |group| group.id == *id),
            Selector::GroupByName { name, attribute } => self.group(attribute, |group| group.name == *name),
            Selector::Unknown(_) => None,
        }
    }

    fn group(&self, attribute: &Attribute, is_it: impl Fn(&Group) -> bool) -> Option<String> {
        let group = self.direct.iter().chain(&self.inherited).find(|group| is_it(group))?;
        pick(attribute, &group.id, &group.name, &group.metadata, None)
    }
}

fn pick(
    attribute: &Attribute,
    id: &str,
    name: &str,
    metadata: &BTreeMap<String, String>,
    custom: Option<&BTreeMap<String, String>>,
) -> Option<String> {
    match attribute {
        Attribute::Id => Some(id.to_owned()),
        Attribute::Name => Some(name.to_owned()),
        Attribute::Metadata(key) => metadata.get(key).cloned(),
        Attribute::CustomMetadata(key) => custom?.get(key).cloned(),
    }
}

/// Kinds of tokens that one entity has at a time, and then some.
const COMPILED_MAX: usize = 8;

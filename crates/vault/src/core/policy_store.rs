//! Stored policies, and the compiled access lists of the sets that tokens carry.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};

use super::barrier::Batch;
use super::identity::{Holder, PolicySet};
use super::view::View;
use crate::policy::{self, Acl, Policy};
use crate::{Error, Result};

/// Policies of an unsealed vault.
pub struct PolicyStore {
    view: View,
    compiled: RwLock<Compiled>,
}

/// Access lists by the policies that make them; emptied whenever a policy changes.
#[derive(Default)]
struct Compiled {
    generation: u64,
    lists: HashMap<Vec<String>, List>,
}

/// A set of policies, compiled.
#[derive(Clone)]
struct List {
    policies: PolicySet,
    /// For holders without identity.
    plain: Arc<Acl>,
    is_templated: bool,
}

#[derive(Serialize, Deserialize)]
struct PolicyEntry {
    policy: String,
}

impl PolicyStore {
    /// Policies in `view`.
    pub fn new(view: View) -> Self {
        PolicyStore { view, compiled: RwLock::default() }
    }

    /// The names of all policies, `root` included.
    ///
    /// # Errors
    /// The store's.
    pub async fn names(&self) -> Result<Vec<String>> {
        let mut names = self.view.list("").await?;
        names.retain(|name| name != policy::RESPONSE_WRAPPING);
        names.push(policy::ROOT.into());
        Ok(names)
    }

    /// A policy's text.
    ///
    /// # Errors
    /// The store's.
    pub async fn get(&self, name: &str) -> Result<Option<String>> {
        let name = policy::canonical_name(name);
        if name == policy::ROOT {
            return Ok(Some(String::new()));
        }
        Ok(self.view.get_json::<PolicyEntry>(&name).await?.map(|(entry, _)| entry.policy))
    }

    /// Makes or replaces a policy.
    ///
    /// # Errors
    /// 400 where it does not parse or its name is reserved, and the store's.
    pub async fn put(&self, name: &str, text: &str) -> Result<()> {
        let name = checked_name(name)?;
        if policy::is_immutable(&name) {
            return Err(Error::invalid(format!("cannot update {name:?} policy")));
        }
        Policy::parse(&name, text).map_err(|error| Error::invalid(error.to_string()))?;
        let outcome =
            self.view.commit(Batch::new().put_json(&name, &PolicyEntry { policy: text.into() })?).await;
        self.forget();
        outcome.map(|_| ())
    }

    /// Removes a policy, if it is there.
    ///
    /// # Errors
    /// 400 for those that stay, and the store's.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let name = checked_name(name)?;
        if policy::is_immutable(&name) {
            return Err(Error::invalid(format!("cannot delete {name:?} policy")));
        }
        if !policy::is_deletable(&name) {
            return Err(Error::invalid(format!("cannot delete {name:?} policy")));
        }
        let outcome = self.view.commit(Batch::new().delete(&name)).await;
        self.forget();
        outcome.map(|_| ())
    }

    /// The access list of a set of policies; names that stand for none count for nothing.
    ///
    /// # Errors
    /// 500 where a stored policy no longer parses, and the store's.
    pub async fn acl(&self, names: &[String]) -> Result<Arc<Acl>> {
        Ok(self.list(names).await?.plain)
    }

    /// The access list of a token's policies together with those of who stands behind it, whose values stand in
    /// their templates.
    ///
    /// # Errors
    /// The same.
    pub async fn acl_for(&self, own: &[String], holder: &Holder) -> Result<Arc<Acl>> {
        let list = match holder.policies.is_empty() {
            true => self.list(own).await?,
            false => self.list(&holder.all_policies(own)).await?,
        };
        Ok(if list.is_templated { holder.acl(&list.policies) } else { list.plain })
    }

    async fn list(&self, names: &[String]) -> Result<List> {
        let generation = {
            let compiled = self.compiled.read();
            if let Some(list) = compiled.lists.get(names) {
                return Ok(list.clone());
            }
            compiled.generation
        };
        let mut policies = Vec::with_capacity(names.len());
        for name in names {
            if policy::canonical_name(name) == policy::ROOT {
                policies.push(Arc::new(Policy::root()));
            } else if let Some(text) = self.get(name).await? {
                let policy = Policy::parse(name, &text);
                policies.push(Arc::new(
                    policy.map_err(|error| Error::internal(format!("policy {name}: {error}")))?,
                ));
            }
        }
        let list = List {
            plain: Arc::new(Acl::new(&policies)),
            is_templated: policies.iter().any(|policy| policy.is_templated()),
            policies: Arc::new(policies),
        };
        let mut compiled = self.compiled.write();
        // A policy that changed meanwhile may not be in what was compiled: use it once, do not keep it.
        if compiled.generation == generation {
            if compiled.lists.len() >= LISTS_MAX {
                compiled.lists.clear();
            }
            compiled.lists.insert(names.to_vec(), list.clone());
        }
        Ok(list)
    }

    fn forget(&self) {
        let mut compiled = self.compiled.write();
        compiled.generation += 1;
        compiled.lists.clear();
    }
}

/// The policies of a new vault.
///
/// # Errors
/// 500 where an entry has no JSON form.
pub(super) fn initial_policies() -> Result<Batch> {
    [policy::DEFAULT, policy::RESPONSE_WRAPPING].iter().try_fold(Batch::new(), |batch, name| {
        let policy = policy::builtin_text(name).unwrap_or_default().to_owned();
        batch.put_json(format!("{}{name}", super::POLICIES), &PolicyEntry { policy })
    })
}

/// A policy's name as it is stored: lower case, one segment.
fn checked_name(name: &str) -> Result<String> {
    let name = policy::canonical_name(name);
    if name.is_empty() || name.len() > 512 || name.contains('/') {
        return Err(Error::invalid("a policy's name must be of 1 to 512 bytes without a slash"));
    }
    Ok(name)
}

const LISTS_MAX: usize = 4096;

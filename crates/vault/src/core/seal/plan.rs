use super::{AutoSeal, SHAMIR, Seal, SealConfig, Seals};
use crate::core::path_store::PathStore;
use crate::{Error, Result};

/// How the stored root key is reached, given the seals of the configuration.
pub(in crate::core) enum Plan<'s> {
    /// By the seal in force.
    Open(Way<'s>),
    /// By another one; an operator has to ask for the migration to the one in force.
    Migrate(Way<'s>),
    /// Not at all: the configuration lacks the seal. Only break-glass shares help.
    Stuck(String),
}

/// Who unwraps the root key.
#[derive(Clone, Copy)]
pub(in crate::core) enum Way<'s> {
    /// People, with shares.
    Shares,
    /// A service.
    Kms(&'s AutoSeal),
}

impl Seals {
    /// What the stored configuration means under this one.
    ///
    /// # Errors
    /// 503 where only the service could say which of two of its keys is the one, and it cannot be reached.
    pub(in crate::core) async fn plan(&self, stored: &SealConfig, paths: &PathStore) -> Result<Plan<'_>> {
        match self.plan_by_kind(stored) {
            Some(plan) => Ok(plan),
            None => {
                let (Seal::Auto(new), Some(old)) = (&self.in_force, &self.disabled) else {
                    return Err(Error::internal("two seals of one kind are expected"));
                };
                let done = new.wrapped_it(paths).await?;
                Ok(if done { Plan::Open(Way::Kms(new)) } else { Plan::Migrate(Way::Kms(old)) })
            }
        }
    }

    /// Whether a migration is to be done, as far as is known without asking a service.
    ///
    /// # Errors
    /// The store's.
    pub(in crate::core) async fn is_migrating(&self, stored: &SealConfig, paths: &PathStore) -> Result<bool> {
        match (self.plan_by_kind(stored), self.in_force.auto()) {
            (Some(plan), _) => Ok(matches!(plan, Plan::Migrate(_))),
            (None, Some(seal)) if seal.known_key_id().is_some() => Ok(!seal.wrapped_it(paths).await?),
            (None, _) => Ok(true),
        }
    }

    /// `None` where both seals are of the stored kind, so that the kind does not tell them apart.
    fn plan_by_kind(&self, stored: &SealConfig) -> Option<Plan<'_>> {
        let old = self.disabled.as_ref().filter(|seal| seal.kind() == stored.kind);
        Some(match (&self.in_force, old) {
            (Seal::Shamir, _) if stored.is_shamir() => Plan::Open(Way::Shares),
            (Seal::Auto(_), _) if stored.is_shamir() => Plan::Migrate(Way::Shares),
            (Seal::Auto(seal), None) if seal.kind() == stored.kind => Plan::Open(Way::Kms(seal)),
            (Seal::Auto(seal), Some(_)) if seal.kind() == stored.kind => return None,
            (_, Some(old)) => Plan::Migrate(Way::Kms(old)),
            (in_force, None) => Plan::Stuck(stuck(&stored.kind, in_force.kind())),
        })
    }
}

fn stuck(stored: &str, configured: &str) -> String {
    let how = if configured == SHAMIR { String::new() } else { format!(" beside seal {configured:?}") };
    format!(
        "the root key is sealed by {stored:?}, which the configuration does not have: add its stanza{how}, with \
         disabled = true in order to migrate from it; if its key is lost, only break-glass shares open the vault"
    )
}

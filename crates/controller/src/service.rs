//! What callers may ask for: each operation checks who asks, decides over the book, records what is wanted and lets a job do it.

mod add_unit;
mod groups;
mod nodes;
mod operator;
mod units;

use std::sync::Arc;

use trustkeep_chassis::shutdown::Shutdown;

pub use nodes::{Member, Verb};

use crate::accounts::{ApiRole, Caller, UserRole};
use crate::book::Page;
use crate::jobs::{Item, Jobs};
use crate::model::Group;
use crate::parts::Parts;
use crate::refusal::Refusal;

/// The controller. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Controller {
    parts: Arc<Parts>,
    jobs: Jobs,
}

/// Who asks, and for whom.
#[derive(Clone, Debug)]
pub struct Asker {
    /// The token's user.
    pub caller: Caller,
    /// Whether the request says that it is meant for others' unit groups too.
    pub privileged: bool,
}

impl Controller {
    /// A controller that goes on with what an earlier process left on its way. [`Jobs::serve`] must run beside it.
    pub fn new(parts: Parts, shutdown: Shutdown) -> Self {
        let parts = Arc::new(parts);
        let jobs = Jobs::new(parts.clone(), shutdown);
        jobs.resume();
        Self { parts, jobs }
    }

    /// Its jobs.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// What it is put together from.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The same, for tasks that outlive this handle.
    pub fn shared_parts(&self) -> Arc<Parts> {
        self.parts.clone()
    }

    fn kick(&self, vcid: &str, id: &str) {
        self.jobs.kick(Item { vcid: vcid.to_owned(), id: id.to_owned() });
    }

    /// A new identifier: 32 hexadecimal digits, the first of which is none that a shell or YAML takes for something else.
    fn new_id(&self) -> String {
        let mut bytes = [0; 16];
        self.parts.random.fill(&mut bytes);
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Asker {
    /// Privileged mode is for super users only.
    ///
    /// # Errors
    /// A regular user asks for it.
    pub fn check(&self) -> Result<(), Refusal> {
        if self.privileged && self.caller.role != UserRole::Super {
            let user = &self.caller.user;
            return Err(Refusal::forbidden(format!(
                "permission denied: privileged mode is for users of role super, and {user} is regular"
            )));
        }
        Ok(())
    }

    /// Whether a unit group is theirs to see and to change.
    pub fn may_see(&self, group: &Group) -> bool {
        group.owner == self.caller.user || (self.privileged && self.caller.role == UserRole::Super)
    }

    /// Only what changes nothing is for read-only tokens.
    pub(crate) fn check_write(&self) -> Result<(), Refusal> {
        self.check()?;
        match self.caller.api_role {
            ApiRole::FullAccess => Ok(()),
            ApiRole::ReadOnly => Err(Refusal::forbidden("permission denied: the token's role is readonly")),
        }
    }

    fn group<'a>(&self, page: &'a Page, vcid: &str) -> Result<&'a Arc<Group>, Refusal> {
        let group = page.groups.get(vcid).filter(|group| self.may_see(group));
        group.ok_or_else(|| Refusal::missing(format!("vcid {vcid}: there is no such vc")))
    }
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controller").field("identity", &self.parts.identity).finish_non_exhaustive()
    }
}

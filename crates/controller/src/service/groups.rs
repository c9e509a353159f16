//! Unit groups: listed, made, renamed, given away, removed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Asker, Controller};
use crate::accounts::AccountError;
use crate::book::{Changes, Page};
use crate::cci::VcSpec;
use crate::model::{Group, Unit, Wanted};
use crate::refusal::{Refusal, RefusalKind};

/// How many unit groups there may be.
const GROUPS_MAX: usize = 10_000;

impl Controller {
    /// Every unit group that the asker may see.
    ///
    /// # Errors
    /// Privileged mode without the right.
    pub fn groups(&self, asker: &Asker) -> Result<Vec<Arc<Group>>, Refusal> {
        asker.check()?;
        let page = self.parts.book.page();
        Ok(page.groups.values().filter(|group| asker.may_see(group)).cloned().collect())
    }

    /// One unit group.
    ///
    /// # Errors
    /// There is none, or it is not the asker's.
    pub fn group(&self, asker: &Asker, vcid: &str) -> Result<Arc<Group>, Refusal> {
        asker.check()?;
        asker.group(&self.parts.book.page(), vcid).cloned()
    }

    /// Makes an empty unit group and gives its `vcid`.
    ///
    /// # Errors
    /// The asker has one of this name.
    pub async fn create_group(&self, asker: &Asker, spec: VcSpec) -> Result<String, Refusal> {
        asker.check_write()?;
        let (vcid, now) = (self.new_id(), self.parts.clock.now());
        let change = self.parts.book.change(|page, changes| {
            check_name(page, &asker.caller.user, &spec.name)?;
            if page.groups.len() >= GROUPS_MAX {
                return Err(Refusal::conflict(format!("there are {GROUPS_MAX} vcs: remove some first")));
            }
            changes.set_next_vcno(page.next_vcno + 1);
            changes.put_group(Group {
                vcid: vcid.clone(),
                vcno: page.next_vcno,
                name: spec.name.clone(),
                kind: spec.kind,
                owner: asker.caller.user.clone(),
                created_at: now,
                deleting: false,
                units: BTreeMap::new(),
            });
            Ok(vcid.clone())
        });
        Ok(change.await?)
    }

    /// Gives a unit group another name.
    ///
    /// # Errors
    /// There is none; the name is taken.
    pub async fn rename_group(&self, asker: &Asker, vcid: &str, name: &str) -> Result<(), Refusal> {
        asker.check_write()?;
        let change = self.parts.book.change(|page, changes| {
            let group = asker.group(page, vcid)?;
            if group.name != name {
                check_name(page, &group.owner, name)?;
                changes.put_group(Group { name: name.to_owned(), ..Group::clone(group) });
            }
            Ok(())
        });
        Ok(change.await?)
    }

    /// Gives a unit group to another user, who must exist: nobody could see to what belongs to no one.
    ///
    /// # Errors
    /// There is none; there is no such user, or the user has one of its name.
    pub async fn give_group(&self, asker: &Asker, vcid: &str, owner: &str) -> Result<(), Refusal> {
        asker.check_write()?;
        // Who may not see the group learns nothing of users.
        self.group(asker, vcid)?;
        if let Err(error) = self.parts.accounts.get(owner).await {
            return Err(match error {
                AccountError::Store(error) => Refusal::new(RefusalKind::Unavailable, error.to_string()),
                unknown => Refusal::invalid(format!("owner: {unknown}")),
            });
        }
        let change = self.parts.book.change(|page, changes| {
            let group = asker.group(page, vcid)?;
            if group.owner == owner {
                return Ok(());
            }
            check_name(page, owner, &group.name)?;
            changes.put_group(Group { owner: owner.to_owned(), ..Group::clone(group) });
            Ok(())
        });
        Ok(change.await?)
    }

    /// Removes a unit group with everything in it. Without force it must be empty.
    ///
    /// # Errors
    /// There is none; it is not empty.
    pub async fn delete_group(&self, asker: &Asker, vcid: &str, force: bool) -> Result<(), Refusal> {
        asker.check_write()?;
        let wanted = if force { Wanted::GoneByForce } else { Wanted::Gone };
        let change = self.parts.book.change(|page, changes| {
            let group = asker.group(page, vcid)?;
            if !force && !group.units.is_empty() {
                return Err(Refusal::conflict(format!(
                    "vc {}: it has units; delete them first, or use force",
                    group.name
                )));
            }
            let mut kicked = Vec::new();
            let mut left = false;
            for unit in group.units.values() {
                kicked.extend(self.send_away(changes, vcid, unit, wanted));
                left |= !unit.is_empty();
            }
            if left {
                changes.put_group(Group { deleting: true, ..Group::clone(group) });
            } else {
                changes.remove_group(vcid);
            }
            Ok(kicked)
        });
        let kicked = change.await.map_err(Refusal::from)?;
        self.sent_away(vcid, kicked);
        Ok(())
    }

    /// Wants a unit and all in it gone, and gives what is to be kicked for it by [`Self::sent_away`].
    pub(super) fn send_away(
        &self,
        changes: &mut Changes,
        vcid: &str,
        unit: &Unit,
        wanted: Wanted,
    ) -> Vec<String> {
        if unit.is_empty() {
            changes.retire_unit(vcid, unit, self.parts.makes_machines(&unit.spec.provider));
            return Vec::new();
        }
        changes.put_unit(vcid, Unit { deleting: true, ..unit.clone() });
        let mut kicked = Vec::new();
        for node in &unit.nodes {
            changes.put_node(vcid, &unit.name, node.heading(wanted));
            kicked.push(node.id.clone());
        }
        for disk in &unit.disks {
            changes.put_disk(vcid, &unit.name, disk.leaving(wanted));
            kicked.push(disk.id.clone());
        }
        kicked
    }

    /// Sees to what was sent away once that is recorded.
    pub(super) fn sent_away(&self, vcid: &str, kicked: Vec<String>) {
        for id in kicked {
            self.kick(vcid, &id);
        }
        let jobs = self.jobs.clone();
        self.jobs.aside(async move { jobs.tidy().await });
    }
}

/// The SDK finds unit groups by their names: a user has each once.
fn check_name(page: &Page, owner: &str, name: &str) -> Result<(), Refusal> {
    let mut theirs = page.groups.values().filter(|group| group.owner == owner);
    if theirs.any(|group| group.name == name) {
        return Err(Refusal::conflict(format!("name {name}: {owner} has a vc of this name")));
    }
    Ok(())
}

//! Which policies a new token has (`hashicorp/vault: vault/token_store.go`, `handleCreateCommon`).

use super::role::TokenRole;
use crate::auth::token_parameters::clean_policies;
use crate::policy;
use crate::policy::glob_matches;
use crate::{Error, Result};

/// What decides.
pub(super) struct Asked<'a> {
    /// What the creator asked for; empty takes the parent's or the role's.
    pub(super) policies: Vec<String>,
    /// Whether `default` is left out.
    pub(super) no_default: bool,
    /// The parent's policies.
    pub(super) parent: &'a [String],
    /// Whether the creator has `sudo` here.
    pub(super) sudo: bool,
    /// The role, where one is used.
    pub(super) role: Option<&'a TokenRole>,
}

impl Asked<'_> {
    /// The policies, sorted, each once, in lower case.
    ///
    /// # Errors
    /// 400 for more than the creator or the role may give.
    pub(super) fn decide(self) -> Result<Vec<String>> {
        let asked = sanitized(self.policies.clone(), false);
        let mut policies = match self.role.filter(|role| role.decides_policies()) {
            Some(role) => self.by_role(role, &asked)?,
            None if asked.is_empty() => sanitized(self.parent.to_vec(), false),
            None if self.sudo => sanitized(asked, !self.no_default),
            None => {
                let parent = sanitized(self.parent.to_vec(), false);
                if !asked.iter().all(|name| parent.contains(name)) {
                    return Err(Error::invalid("child policies must be subset of parent"));
                }
                let default = !self.no_default && parent.iter().any(|name| name == policy::DEFAULT);
                sanitized(asked, default)
            }
        };
        if self.no_default {
            policies.retain(|name| name != policy::DEFAULT);
        }
        if let Some(name) = policies.iter().find(|name| !policy::is_assignable(name)) {
            return Err(Error::invalid(format!("cannot assign policy {name:?}")));
        }
        // To be asked last, of what is final: who may make root.
        let is_root = |name: &String| name == policy::ROOT;
        if policies.iter().any(is_root) && !self.parent.iter().any(is_root) {
            return Err(Error::invalid("root tokens may not be created without parent token being root"));
        }
        Ok(policies)
    }

    fn by_role(&self, role: &TokenRole, asked: &[String]) -> Result<Vec<String>> {
        let default = !self.no_default && !role.token.no_default_policy && !role.disallows(policy::DEFAULT);
        let mut decided = if asked.is_empty() { Vec::new() } else { sanitized(asked.to_vec(), default) };
        if role.allowed_policies.is_empty() && role.allowed_policies_glob.is_empty() {
            if decided.is_empty() {
                decided = sanitized(self.parent.to_vec(), default);
            }
        } else {
            let allowed = sanitized(role.allowed_policies.clone(), default);
            let fits = |name: &String| {
                allowed.contains(name)
                    || role.allowed_policies_glob.iter().any(|glob| glob_matches(glob, name))
            };
            if decided.is_empty() {
                decided = allowed;
            } else if !decided.iter().all(fits) {
                return Err(Error::invalid(format!(
                    "token policies ({decided:?}) must be subset of the role's allowed policies ({allowed:?}) or glob \
                     policies ({:?})",
                    role.allowed_policies_glob
                )));
            }
        }
        match decided.iter().find(|name| role.disallows(name)) {
            Some(name) => Err(Error::invalid(format!("token policy {name:?} is disallowed by this role"))),
            None => Ok(decided),
        }
    }
}

/// Names in lower case, each once, sorted; `root` stands alone, as it allows everything anyway.
fn sanitized(names: Vec<String>, add_default: bool) -> Vec<String> {
    let mut names = clean_policies(names);
    if names.iter().any(|name| name == policy::ROOT) {
        return vec![policy::ROOT.into()];
    }
    if add_default && !names.iter().any(|name| name == policy::DEFAULT) {
        names.push(policy::DEFAULT.into());
        names.sort();
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        text.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    }

    fn decide(asked: &str, parent: &str, sudo: bool, role: Option<&TokenRole>) -> Result<Vec<String>> {
        let parent = names(parent);
        Asked { policies: names(asked), no_default: false, parent: &parent, sudo, role }.decide()
    }

    #[test]
    fn a_child_has_no_more_than_its_parent() {
        assert_eq!(decide("", "a default", false, None).unwrap(), ["a", "default"]);
        assert_eq!(decide("", "a", false, None).unwrap(), ["a"]);
        assert_eq!(decide("A", "a default", false, None).unwrap(), ["a", "default"]);
        assert_eq!(decide("a", "a", false, None).unwrap(), ["a"]);
        assert!(decide("b", "a default", false, None).is_err());
        assert!(decide("default", "a", false, None).is_err());
        assert_eq!(decide("b", "a", true, None).unwrap(), ["b", "default"]);
    }

    #[test]
    fn only_root_makes_root_however_it_is_written() {
        for written in ["root", "Root", " ROOT "] {
            let asked = |parent: &[String], sudo| {
                Asked { policies: vec![written.into()], no_default: false, parent, sudo, role: None }.decide()
            };
            assert!(asked(&names("a"), true).is_err() && asked(&names("a"), false).is_err());
            assert_eq!(asked(&names("root"), true).unwrap(), ["root"]);
        }
        let role = TokenRole { allowed_policies_glob: names("*"), ..TokenRole::default() };
        assert!(decide("ROOT", "a", true, Some(&role)).is_err());
        assert!(decide("response-wrapping", "root", true, Some(&role)).is_err());
    }

    #[test]
    fn a_role_decides_without_the_parent() {
        let role = TokenRole {
            allowed_policies: names("x y"),
            allowed_policies_glob: names("team-*"),
            disallowed_policies: names("team-bad"),
            ..TokenRole::default()
        };
        assert_eq!(decide("", "a", false, Some(&role)).unwrap(), ["default", "x", "y"]);
        assert_eq!(decide("x team-1", "a", false, Some(&role)).unwrap(), ["default", "team-1", "x"]);
        for refused in ["z", "team-bad", "root"] {
            assert!(decide(refused, "a", false, Some(&role)).is_err(), "{refused}");
        }
        let no_default = TokenRole { disallowed_policies: names("default"), ..TokenRole::default() };
        assert_eq!(decide("", "a", false, Some(&no_default)).unwrap(), ["a"]);
        assert!(decide("default", "a default", false, Some(&no_default)).is_err());
    }
}

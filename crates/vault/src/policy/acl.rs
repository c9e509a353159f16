//! Policies compiled for one token: one question, one answer, in a few hundred nanoseconds.

mod prefixes;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::pattern::{Closeness, Pattern, Segments};
use super::permissions::Permissions;
use super::template::Selector;
use super::{Capabilities, Policy};
use crate::request::Operation;
use prefixes::Prefixes;

/// The answer to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the verb, the parameters and the wrapping are let through.
    pub allowed: bool,
    /// Whether the rule also has `sudo`, which root-protected paths ask for besides.
    pub sudo: bool,
}

/// What a token's policies add up to (`hashicorp/vault: vault/acl.go`).
///
/// Rules for the same path text are merged, `deny` winning. Of the rules that match a request, one alone decides: the
/// exact one, else the closest of the others; rules for different path texts are never united.
#[derive(Debug, Default)]
pub struct Acl {
    root: bool,
    exact: HashMap<Box<str>, Permissions>,
    prefixes: Prefixes<Permissions>,
    /// By what stands before the first `+`; among each other, the closest first.
    segments: Prefixes<Vec<(Segments, Permissions)>>,
}

impl Acl {
    /// Compiles policies of a holder without identity: templated rules are dropped, as none can be resolved.
    ///
    /// `root` counts only alone. Together with other policies, which the token store never issues, it
    /// leaves an ACL that refuses everything.
    pub fn new(policies: &[Arc<Policy>]) -> Self {
        Self::with_identity(policies, &|_| None)
    }

    /// The same for a holder whose identity gives values to the templates' selectors.
    /// Rules with a selector that has no value are dropped.
    pub fn with_identity(policies: &[Arc<Policy>], value_of: &dyn Fn(&Selector) -> Option<String>) -> Self {
        if policies.iter().any(|policy| policy.is_root()) {
            return Self { root: policies.len() == 1, ..Self::default() };
        }
        let mut exact: HashMap<Box<str>, Permissions> = HashMap::new();
        let mut prefixes: BTreeMap<String, Permissions> = BTreeMap::new();
        let mut segments: HashMap<Segments, Permissions> = HashMap::new();
        let rules = policies.iter().flat_map(|policy| policy.rules().map(|rule| (policy.name(), rule)));
        for (name, pattern, rule) in
            rules.filter_map(|(name, rule)| Some((name, rule.pattern(value_of)?, rule.permissions())))
        {
            let granted_by = vec![(Arc::from(name), rule.capabilities)];
            let permissions = &Permissions { granted_by, ..rule.clone() };
            let merge = |known: &mut Permissions| known.merge(permissions);
            let new = || permissions.clone();
            match pattern {
                Pattern::Exact(path) => exact.entry(path.into()).and_modify(merge).or_insert_with(new),
                Pattern::Prefix(prefix) => prefixes.entry(prefix).and_modify(merge).or_insert_with(new),
                Pattern::Segments(pattern) => segments.entry(pattern).and_modify(merge).or_insert_with(new),
            };
        }
        let mut by_head: BTreeMap<String, Vec<(Segments, Permissions)>> = BTreeMap::new();
        for (pattern, permissions) in segments {
            by_head.entry(pattern.head().to_owned()).or_default().push((pattern, permissions));
        }
        for patterns in by_head.values_mut() {
            patterns.sort_by(|(a, _), (b, _)| Closeness::of_segments(b).cmp(&Closeness::of_segments(a)));
        }
        Self { root: false, exact, prefixes: Prefixes::new(prefixes), segments: Prefixes::new(by_head) }
    }

    /// Whether its holder may do everything.
    pub fn is_root(&self) -> bool {
        self.root
    }

    /// Whether a request without response wrapping may pass. `data` are the body's or the query's fields.
    pub fn allow(&self, operation: Operation, path: &str, data: Option<&Map<String, Value>>) -> Verdict {
        self.allow_wrapped(operation, path, data, None)
    }

    /// Whether a request that asks for its response to be wrapped for `wrap_ttl` may pass: rules with
    /// `min_wrapping_ttl` or `max_wrapping_ttl` let no other through.
    pub fn allow_wrapped(
        &self,
        operation: Operation,
        path: &str,
        data: Option<&Map<String, Value>>,
        wrap_ttl: Option<Duration>,
    ) -> Verdict {
        if self.root {
            return Verdict { allowed: true, sudo: true };
        }
        if operation == Operation::Help {
            return Verdict { allowed: true, sudo: false };
        }
        match self.rule_of(operation, path) {
            Some(rule) => Verdict {
                allowed: rule.allows(operation, data, wrap_ttl),
                sudo: rule.capabilities.contains(Capabilities::SUDO),
            },
            None => Verdict { allowed: false, sudo: false },
        }
    }

    /// The names of the policies by whose word an operation on a path is let through.
    pub fn granting(&self, operation: Operation, path: &str) -> Vec<&str> {
        if self.root {
            return vec![super::ROOT];
        }
        let granted =
            self.rule_of(operation, path).map(|rule| rule.granted_by.as_slice()).unwrap_or_default();
        let granting = granted.iter().filter(|(_, capabilities)| capabilities.allows(operation));
        granting.map(|(name, _)| name.as_ref()).collect()
    }

    /// What its holder may do at a path, in Vault's order; `root` alone, or `deny` alone.
    pub fn capabilities(&self, path: &str) -> Vec<&'static str> {
        if self.root { vec!["root"] } else { self.capabilities_at(path).names() }
    }

    /// Whether its holder may do anything at a mount or below; `mount_path` ends in `/`.
    pub fn has_any_access_below(&self, mount_path: &str) -> bool {
        let mount_path = mount_path.trim_start_matches('/');
        let grants = |permissions: &Permissions| permissions.capabilities.grants_anything();
        self.root
            || self.capabilities_at(mount_path).grants_anything()
            || self.exact.iter().any(|(path, rule)| path.starts_with(mount_path) && grants(rule))
            || self.prefixes.below(mount_path).any(grants)
            || self.patterns().any(|(pattern, rule)| grants(rule) && pattern.reaches_below(mount_path))
    }

    /// All rules, for `sys/internal/ui/resultant-acl`: `root`, `exact_paths` and `glob_paths` with their capabilities.
    pub fn resultant(&self) -> Value {
        if self.root {
            return json!({"root": true});
        }
        let shown = |rule: &Permissions| json!({"capabilities": rule.capabilities.names()});
        let mut exact: BTreeMap<String, Value> =
            self.exact.iter().map(|(path, rule)| (path.to_string(), shown(rule))).collect();
        let mut globs: BTreeMap<String, Value> =
            self.prefixes.iter().map(|(prefix, rule)| (prefix.to_owned(), shown(rule))).collect();
        for (pattern, rule) in self.patterns() {
            let written = pattern.written();
            match written.strip_suffix('*') {
                Some(stem) => globs.insert(stem.to_owned(), shown(rule)),
                None => exact.insert(written, shown(rule)),
            };
        }
        json!({"root": false, "exact_paths": exact, "glob_paths": globs})
    }

    /// As Vault does, with the rules of listing, which for a path without `/` at its end are those of every verb.
    fn capabilities_at(&self, path: &str) -> Capabilities {
        self.rule_for_list(path).map_or(Capabilities::NONE, |rule| rule.capabilities)
    }

    /// The one rule that decides on an operation.
    fn rule_of(&self, operation: Operation, path: &str) -> Option<&Permissions> {
        match operation {
            // Asked for with or without its slash, a folder is the same folder.
            Operation::List if !path.ends_with('/') => self.rule_for_list(&format!("{path}/")),
            Operation::List => self.rule_for_list(path),
            _ => self.rule_for(path),
        }
    }

    /// The one rule that decides on a path.
    fn rule_for(&self, path: &str) -> Option<&Permissions> {
        let path = path.trim_start_matches('/');
        self.exact.get(path).or_else(|| self.closest(path))
    }

    /// The one rule that decides on listing a folder, whose path ends in `/`: that of the exact path, else that of the
    /// exact path without `/`, else the closest of the others for the path without `/`, else with it.
    ///
    /// One thing is stricter than Vault: of the closest for either form a `deny` wins. Otherwise
    /// `path "a/*" {list}` would open what `path "a/b/*" {deny}` closes (OpenBao advisory GHSA-xp3c-3jw3-4vcr).
    fn rule_for_list(&self, path: &str) -> Option<&Permissions> {
        let path = path.trim_start_matches('/');
        if let Some(rule) = self.exact.get(path) {
            return Some(rule);
        }
        let Some(bare) = path.strip_suffix('/') else { return self.closest(path) };
        if let Some(rule) = self.exact.get(bare) {
            return Some(rule);
        }
        match (self.closest(bare), self.closest(path)) {
            (Some(_), Some(with_slash)) if with_slash.capabilities.is_denied() => Some(with_slash),
            (bare, with_slash) => bare.or(with_slash),
        }
    }

    /// The closest of the rules that are not exact. What decides first is how far the first wildcard is to the right,
    /// so that the patterns are tried in the order of their closeness, and no further than the longest prefix.
    fn closest(&self, path: &str) -> Option<&Permissions> {
        let (prefix, rule) = self.prefixes.of(path).next().unzip();
        let prefix = prefix.map(Closeness::of_prefix);
        let mut candidates =
            self.segments.of(path).flat_map(|(_, patterns)| patterns).take_while(|(pattern, _)| {
                prefix.is_none_or(|prefix| Closeness::of_segments(pattern) > prefix)
            });
        candidates.find(|(pattern, _)| pattern.matches(path)).map(|(_, rule)| rule).or(rule)
    }

    fn patterns(&self) -> impl Iterator<Item = &(Segments, Permissions)> {
        self.segments.iter().flat_map(|(_, patterns)| patterns)
    }
}

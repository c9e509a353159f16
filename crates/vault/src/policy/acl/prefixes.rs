use std::collections::BTreeMap;

use crate::policy::permissions::Permissions;

/// Rules by prefix, in the order of their bytes, each knowing the longest other prefix that it begins with.
///
/// All prefixes of a path that sort before it are prefixes of its nearest predecessor too, so that one binary search
/// and a walk along those links find the longest.
#[derive(Debug, Default)]
pub(super) struct Prefixes(Vec<Entry>);

#[derive(Debug)]
struct Entry {
    prefix: Box<str>,
    rule: Permissions,
    shorter: Option<usize>,
}

impl Prefixes {
    pub(super) fn new(rules: BTreeMap<String, Permissions>) -> Self {
        let mut entries: Vec<Entry> = Vec::with_capacity(rules.len());
        for (prefix, rule) in rules {
            let shorter = longest(&entries, entries.len().checked_sub(1), &prefix);
            entries.push(Entry { prefix: prefix.into(), rule, shorter });
        }
        Self(entries)
    }

    /// The rule with the longest prefix of `path`.
    pub(super) fn longest(&self, path: &str) -> Option<(&str, &Permissions)> {
        let after = self.0.partition_point(|entry| *entry.prefix <= *path);
        let found = longest(&self.0, after.checked_sub(1), path)?;
        self.0.get(found).map(|entry| (&*entry.prefix, &entry.rule))
    }

    /// Those whose prefix begins with `path`.
    pub(super) fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a str, &'a Permissions)> {
        let first = self.0.partition_point(|entry| *entry.prefix < *path);
        let entries = self.0.get(first..).unwrap_or_default();
        entries
            .iter()
            .take_while(move |entry| entry.prefix.starts_with(path))
            .map(|entry| (&*entry.prefix, &entry.rule))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Permissions)> {
        self.0.iter().map(|entry| (&*entry.prefix, &entry.rule))
    }
}

/// The place of the longest prefix of `path`, beginning at its nearest predecessor.
fn longest(entries: &[Entry], predecessor: Option<usize>, path: &str) -> Option<usize> {
    let mut place = predecessor?;
    loop {
        let entry = entries.get(place)?;
        if path.starts_with(&*entry.prefix) {
            return Some(place);
        }
        place = entry.shorter?;
    }
}

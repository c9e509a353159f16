use std::collections::BTreeMap;

/// Values by prefix, in the order of their bytes, each knowing the longest other prefix that it begins with.
///
/// All prefixes of a path that sort before it are prefixes of its nearest predecessor too, so that one binary search
/// and a walk along those links find them all.
#[derive(Debug)]
pub(super) struct Prefixes<T>(Vec<Entry<T>>);

#[derive(Debug)]
struct Entry<T> {
    prefix: Box<str>,
    value: T,
    shorter: Option<usize>,
}

impl<T> Prefixes<T> {
    pub(super) fn new(values: BTreeMap<String, T>) -> Self {
        let mut known = Self(Vec::with_capacity(values.len()));
        for (prefix, value) in values {
            let shorter = known.longest(known.0.len().checked_sub(1), &prefix);
            known.0.push(Entry { prefix: prefix.into(), value, shorter });
        }
        known
    }

    /// Those whose prefix `path` begins with, the longest first.
    pub(super) fn of(&self, path: &str) -> impl Iterator<Item = (&str, &T)> {
        let after = self.0.partition_point(|entry| *entry.prefix <= *path);
        let longest = self.longest(after.checked_sub(1), path).and_then(|place| self.0.get(place));
        let all = std::iter::successors(longest, |entry| self.0.get(entry.shorter?));
        all.map(|entry| (&*entry.prefix, &entry.value))
    }

    /// Those whose prefix begins with `path`.
    pub(super) fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a T> {
        let first = self.0.partition_point(|entry| *entry.prefix < *path);
        let entries = self.0.get(first..).unwrap_or_default();
        entries.iter().take_while(move |entry| entry.prefix.starts_with(path)).map(|entry| &entry.value)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.0.iter().map(|entry| (&*entry.prefix, &entry.value))
    }

    /// The place of the longest prefix of `path`, beginning at its nearest predecessor.
    fn longest(&self, predecessor: Option<usize>, path: &str) -> Option<usize> {
        let mut place = predecessor?;
        loop {
            let entry = self.0.get(place)?;
            if path.starts_with(&*entry.prefix) {
                return Some(place);
            }
            place = entry.shorter?;
        }
    }
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

use std::collections::BTreeMap;
use std::fmt::Display;

use super::{Problems, Source};

/// A text and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The text as written.
    pub text: String,
    /// Where.
    pub source: Source,
}

/// Settings as texts from several layers: a flag beats the environment, which beats the files, which beat the default.
///
/// Within one layer the later entry wins, as with a repeated flag or a second configuration file.
#[derive(Debug, Clone, Default)]
pub struct Layered {
    files: BTreeMap<String, Found>,
    environment: BTreeMap<String, Found>,
    flags: BTreeMap<String, Found>,
}

impl Layered {
    /// Nothing set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key in the layer its source belongs to. [`Source::Default`] is the lowest layer's business
    /// and is kept only while no file names the key.
    pub fn set(&mut self, key: impl Into<String>, text: impl Into<String>, source: Source) {
        let (key, found) = (key.into(), Found { text: text.into(), source });
        match found.source {
            Source::File { .. } => self.files.insert(key, found),
            Source::Environment(_) => self.environment.insert(key, found),
            Source::Flag(_) => self.flags.insert(key, found),
            Source::Default => Some(self.files.entry(key).or_insert(found).clone()),
        };
    }

    /// Takes those environment variables that `names` maps to keys; `variables` is usually [`std::env::vars`].
    pub fn set_environment<'a>(
        &mut self,
        names: impl IntoIterator<Item = (&'a str, &'a str)>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) {
        let keys: BTreeMap<&str, &str> = names.into_iter().collect();
        for (name, text) in variables {
            if let Some(key) = keys.get(name.as_str()) {
                self.set(*key, text, Source::Environment(name));
            }
        }
    }

    /// The winning text for a key, with its source.
    pub fn get(&self, key: &str) -> Option<&Found> {
        self.flags.get(key).or_else(|| self.environment.get(key)).or_else(|| self.files.get(key))
    }

    /// Every key that any layer sets.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let mut keys: Vec<&str> = [&self.files, &self.environment, &self.flags]
            .into_iter()
            .flat_map(|l| l.keys().map(String::as_str))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        keys.into_iter()
    }

    /// Parses the winning text; `None` when no layer has the key or when the text is wrong (then `problems` says so).
    pub fn parse<T, E: Display>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
        problems: &mut Problems,
    ) -> Option<T> {
        let found = self.get(key)?;
        problems.check(&found.source, key, parse(&found.text))
    }

    /// Like [`Self::parse`] with a default for an absent key.
    pub fn parse_or<T, E: Display>(
        &self,
        key: &str,
        default: T,
        parse: impl FnOnce(&str) -> Result<T, E>,
        problems: &mut Problems,
    ) -> T {
        self.parse(key, parse, problems).unwrap_or(default)
    }

    /// Notes every key that is not among the known ones.
    pub fn refuse_unknown(&self, known: &[&str], problems: &mut Problems) {
        for key in self.keys().filter(|key| !known.contains(key)) {
            if let Some(found) = self.get(key) {
                problems.add_unknown(found.source.clone(), key, known.iter().copied());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::value;
    use super::*;

    #[test]
    fn flag_beats_environment_beats_file_beats_default() {
        let mut layered = Layered::new();
        let mut problems = Problems::new();
        let level = |layered: &Layered| layered.get("log_level").map(|f| (f.text.clone(), f.source.clone()));
        assert_eq!(layered.parse_or("log_level", "info".to_owned(), value::text, &mut problems), "info");
        layered.set("log_level", "warn", Source::file("v.hcl", 3));
        layered.set("log_level", "info", Source::Default);
        assert_eq!(level(&layered), Some(("warn".into(), Source::file("v.hcl", 3))));
        layered.set_environment(
            [("VAULT_LOG_LEVEL", "log_level")],
            [("VAULT_LOG_LEVEL".to_owned(), "debug".to_owned()), ("HOME".to_owned(), "/".to_owned())],
        );
        assert_eq!(level(&layered), Some(("debug".into(), Source::Environment("VAULT_LOG_LEVEL".into()))));
        layered.set("log_level", "trace", Source::Flag("-log-level".into()));
        assert_eq!(level(&layered), Some(("trace".into(), Source::Flag("-log-level".into()))));
        assert!(problems.is_empty());
    }

    #[test]
    fn a_wrong_value_is_reported_where_it_stands() {
        let mut layered = Layered::new();
        layered.set("max_lease_ttl", "1x", Source::file("v.hcl", 12));
        layered.set("max_laese_ttl", "1h", Source::file("v.hcl", 13));
        let mut problems = Problems::new();
        assert_eq!(layered.parse("max_lease_ttl", value::duration, &mut problems), None);
        layered.refuse_unknown(&["max_lease_ttl"], &mut problems);
        let text = problems.to_string();
        assert!(text.contains("v.hcl:12: max_lease_ttl: "), "{text}");
        assert!(
            text.contains("v.hcl:13: max_laese_ttl: unknown key; did you mean \"max_lease_ttl\"?"),
            "{text}"
        );
    }
}

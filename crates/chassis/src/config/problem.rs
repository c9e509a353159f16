use std::fmt;

use super::Source;

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub source: Source,
    /// The key as the operator wrote it, with its section (`listener.tcp.address`); empty when the whole file is meant.
    pub key: String,
    /// What is wrong and what would be right. Never contains a secret's value.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            write!(f, "{}: {}", self.source, self.message)
        } else {
            write!(f, "{}: {}: {}", self.source, self.key, self.message)
        }
    }
}

/// All that is wrong, so that an operator repairs a file in one round and not in ten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn add(&mut self, source: Source, key: impl Into<String>, message: impl fmt::Display) {
        self.0.push(Problem { source, key: key.into(), message: message.to_string() });
    }

    /// Adds an unknown key, naming the nearest of the `known` ones (last part of a dotted key is compared).
    pub fn add_unknown<'a>(&mut self, source: Source, key: &str, known: impl IntoIterator<Item = &'a str>) {
        let leaf = key.rsplit('.').next().unwrap_or(key);
        let message = match nearest(leaf, known) {
            Some(near) => format!("unknown key; did you mean \"{near}\"?"),
            None => "unknown key".to_owned(),
        };
        self.add(source, key, message);
    }

    /// Takes the value, or notes the problem and returns nothing.
    pub fn check<T, E: fmt::Display>(
        &mut self,
        source: &Source,
        key: &str,
        result: Result<T, E>,
    ) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(source.clone(), key, error);
                None
            }
        }
    }

    /// Adds all of another list.
    pub fn append(&mut self, other: Problems) {
        self.0.extend(other.0);
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The problems in the order in which they were found.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// `value` if nothing is wrong, else all the problems as the error.
    pub fn into_result<T>(self, value: T) -> Result<T, Problems> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [] => f.write_str("no problem"),
            [one] => write!(f, "{one}"),
            many => {
                write!(f, "{} problems in the configuration:", many.len())?;
                many.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
            }
        }
    }
}

impl std::error::Error for Problems {}

/// The known name closest to `unknown`, if it is close enough to be a slip of the hand: at most one edit in
/// three characters (and at least one). Case, `-` and `_` do not count as differences.
pub fn nearest<'a>(unknown: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let fold = |name: &str| name.to_lowercase().replace('-', "_");
    let wanted = fold(unknown);
    let length = wanted.chars().count();
    let distance_max = (length / 3).max(1);
    known
        .into_iter()
        // Work grows with both lengths, and a name from outside may be very long.
        .filter(|name| name.chars().count().abs_diff(length) <= distance_max)
        .map(|name| (strsim::damerau_levenshtein(&wanted, &fold(name)), name))
        .filter(|(distance, _)| *distance <= distance_max)
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_file_line_key_and_the_nearest_key() {
        let mut problems = Problems::new();
        let known = ["address", "cluster_address", "tls_cert_file", "tls_disable"];
        problems.add_unknown(Source::file("vault.hcl", 7), "listener.tcp.tls_cerl_file", known);
        assert_eq!(
            problems.to_string(),
            "vault.hcl:7: listener.tcp.tls_cerl_file: unknown key; did you mean \"tls_cert_file\"?"
        );
    }

    #[test]
    fn all_problems_are_reported_at_once() {
        let mut problems = Problems::new();
        problems.add(Source::file("a.hcl", 1), "x", "first");
        let ttl =
            problems.check(&Source::Environment("TTL".into()), "ttl", super::super::value::duration("soon"));
        assert_eq!(ttl, None);
        let text = problems.clone().into_result(()).unwrap_err().to_string();
        assert!(text.starts_with("2 problems in the configuration:\n  a.hcl:1: x: first\n"), "{text}");
        assert!(text.contains("environment variable TTL: ttl: "), "{text}");
    }

    #[test]
    fn nothing_is_suggested_for_a_key_that_resembles_nothing() {
        assert_eq!(nearest("zzz", ["address", "token"]), None);
        assert_eq!(nearest("Log-Level", ["log_level", "log_file"]), Some("log_level"));
        assert_eq!(nearest("ttl", ["tls", "ttls"]), Some("ttls"));
        assert_eq!(nearest(&"x".repeat(1 << 20), ["address"; 1000]), None);
    }
}

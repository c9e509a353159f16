use std::cmp::Ordering;

/// Why a policy's path is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatternError {
    /// `+*` would be one segment and many at once.
    #[error("invalid use of wildcards ('+*' is forbidden)")]
    PlusStar,
    /// Longer than any path that a request can have.
    #[error("longer than {} bytes", Pattern::LEN_MAX)]
    TooLong,
}

/// Which request paths a rule is for.
///
/// `*` counts only as the last character, and stands for any rest; `+` counts only as a whole segment, and
/// stands for any one segment, an empty one among them. A leading `/` falls away.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Pattern {
    /// This path.
    Exact(String),
    /// Every path that begins so; the `*` is gone.
    Prefix(String),
    /// With `+` segments.
    Segments(Segments),
}

/// A pattern with at least one `+` segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Segments {
    /// Without the `*` at the end.
    text: String,
    /// Whether a `*` stood at the end.
    is_prefix: bool,
    /// Bytes before the first `+`.
    first_wildcard: usize,
    /// How many segments are `+`.
    wildcards: usize,
}

impl Pattern {
    /// Bytes of a path; request lines are shorter.
    pub(super) const LEN_MAX: usize = 16 * 1024;

    /// Reads a policy's path.
    ///
    /// # Errors
    /// [`PatternError`].
    pub(super) fn parse(text: &str) -> Result<Self, PatternError> {
        let text = text.strip_prefix('/').unwrap_or(text);
        if text.len() > Self::LEN_MAX {
            return Err(PatternError::TooLong);
        }
        if text.contains("+*") {
            return Err(PatternError::PlusStar);
        }
        let (stem, is_prefix) = match text.strip_suffix('*') {
            Some(stem) => (stem, true),
            None => (text, false),
        };
        let wildcards = stem.split('/').filter(|segment| *segment == "+").count();
        Ok(match (wildcards, is_prefix) {
            (0, false) => Pattern::Exact(stem.to_owned()),
            (0, true) => Pattern::Prefix(stem.to_owned()),
            _ => {
                let before = stem.split('/').take_while(|segment| *segment != "+");
                let first_wildcard = before.map(|segment| segment.len() + 1).sum();
                Pattern::Segments(Segments { text: stem.to_owned(), is_prefix, first_wildcard, wildcards })
            }
        })
    }
}

impl Segments {
    /// The pattern as it was written, but for a leading `/`.
    pub(super) fn written(&self) -> String {
        format!("{}{}", self.text, if self.is_prefix { "*" } else { "" })
    }

    /// What stands before the first `+`.
    pub(super) fn head(&self) -> &str {
        self.text.get(..self.first_wildcard).unwrap_or_default()
    }

    /// Whether a request path is meant.
    pub(super) fn matches(&self, path: &str) -> bool {
        let mut wanted = self.text.split('/').peekable();
        let mut given = path.split('/');
        while let Some(segment) = wanted.next() {
            let Some(actual) = given.next() else { return false };
            let is_last = wanted.peek().is_none();
            let fits = segment == "+"
                || segment == actual
                || (is_last && self.is_prefix && actual.starts_with(segment));
            if !fits {
                return false;
            }
        }
        self.is_prefix || given.next().is_none()
    }

    /// Whether some path that begins with `below` (which ends in `/`) can match.
    pub(super) fn reaches_below(&self, below: &str) -> bool {
        let mut wanted = self.text.split('/').peekable();
        for actual in below.strip_suffix('/').unwrap_or(below).split('/') {
            let Some(segment) = wanted.next() else { return self.is_prefix };
            let is_last = wanted.peek().is_none();
            if is_last && self.is_prefix && (segment == "+" || actual.starts_with(segment)) {
                return true;
            }
            if segment != "+" && segment != actual {
                return false;
            }
        }
        // Only a pattern with a further segment speaks of what is below.
        wanted.peek().is_some() || self.is_prefix
    }
}

/// How close a non-exact pattern is to the paths that it matches; the greater wins
/// (`hashicorp/vault: vault/acl.go`): a later first wildcard, no `*`, fewer `+`, longer, lexicographically greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Closeness<'a> {
    first_wildcard: usize,
    is_prefix: bool,
    wildcards: usize,
    text: &'a str,
}

impl<'a> Closeness<'a> {
    /// Of a prefix.
    pub(super) fn of_prefix(text: &'a str) -> Self {
        Self { first_wildcard: text.len(), is_prefix: true, wildcards: 0, text }
    }

    /// Of a pattern with `+`.
    pub(super) fn of_segments(segments: &'a Segments) -> Self {
        let Segments { text, is_prefix, first_wildcard, wildcards } = segments;
        Self { first_wildcard: *first_wildcard, is_prefix: *is_prefix, wildcards: *wildcards, text }
    }
}

impl Ord for Closeness<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.first_wildcard
            .cmp(&other.first_wildcard)
            .then(other.is_prefix.cmp(&self.is_prefix))
            .then(other.wildcards.cmp(&self.wildcards))
            .then(self.text.len().cmp(&other.text.len()))
            .then(self.text.cmp(other.text))
    }
}

impl PartialOrd for Closeness<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(text: &str) -> Segments {
        match Pattern::parse(text).unwrap() {
            Pattern::Segments(segments) => segments,
            other => panic!("{text} is {other:?}"),
        }
    }

    #[test]
    fn stars_count_at_the_end_and_pluses_as_whole_segments() {
        assert_eq!(Pattern::parse("/a/b"), Ok(Pattern::Exact("a/b".into())));
        assert_eq!(Pattern::parse("a/b*"), Ok(Pattern::Prefix("a/b".into())));
        assert_eq!(Pattern::parse("*"), Ok(Pattern::Prefix(String::new())));
        assert_eq!(Pattern::parse("a*/b"), Ok(Pattern::Exact("a*/b".into())));
        assert_eq!(Pattern::parse("a/+b"), Ok(Pattern::Exact("a/+b".into())));
        assert_eq!(Pattern::parse("a/+*"), Err(PatternError::PlusStar));
        assert_eq!(Pattern::parse("+*"), Err(PatternError::PlusStar));
        assert_eq!(Pattern::parse(&"a".repeat(20_000)), Err(PatternError::TooLong));
        assert_eq!(segments("a/+/b").written(), "a/+/b");
        assert_eq!(segments("+/b*").written(), "+/b*");
    }

    #[test]
    fn a_plus_is_exactly_one_segment() {
        for (pattern, path, expected) in [
            ("+", "a", true),
            ("+", "a/b", false),
            ("a/+", "a/b", true),
            ("a/+", "a/", true),
            ("a/+", "a", false),
            ("a/+", "a/b/c", false),
            ("a/+/c", "a/b/c", true),
            ("a/+/c", "a//c", true),
            ("a/+/c", "a/b/d", false),
            ("+/b", "a/b", true),
            ("a/+/c*", "a/b/cd", true),
            ("a/+/c*", "a/b/cd/e/f", true),
            ("a/+/c*", "a/b/c/e", true),
            ("a/+/c*", "a/b/d", false),
            ("a/+/*", "a/b/", true),
            ("a/+/*", "a/b", false),
            ("ab/+", "ax/c", false),
            ("a/+/+", "a/b/c", true),
        ] {
            assert_eq!(segments(pattern).matches(path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_reaches_below_a_mount_when_some_path_there_can_match() {
        for (pattern, mount, expected) in [
            ("+/data/x", "kv/", true),
            ("kv/+", "kv/", true),
            ("kv/+/x", "other/", false),
            ("+/x", "a/b/", false),
            ("+/x*", "a/xy/", true),
            ("+/x*", "a/b/c/", false),
            ("+/*", "a/b/c/", true),
            ("+", "kv/", false),
            ("a/+/c", "a/b/", true),
        ] {
            assert_eq!(segments(pattern).reaches_below(mount), expected, "{pattern} {mount}");
        }
    }

    #[test]
    fn the_closer_pattern_wins() {
        // Each is closer than the one after it.
        for (closer, looser) in [
            ("foo/bar/+/baz", "foo/+/bar/baz"),
            ("foo/+/bar", "foo/+/ba*"),
            ("foo/+/baz", "foo/+/+"),
            ("foo/+/bar/ba*", "foo/+/bar/b*"),
            ("foo/+/b", "foo/+/a"),
        ] {
            let (a, b) = (segments(closer), segments(looser));
            assert!(Closeness::of_segments(&a) > Closeness::of_segments(&b), "{closer} {looser}");
        }
        let plus = segments("foo/+");
        assert!(Closeness::of_prefix("foo/a") > Closeness::of_segments(&plus));
        assert!(Closeness::of_segments(&plus) > Closeness::of_prefix("foo/"));
    }
}

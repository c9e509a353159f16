//! The text of a script, and what of the language it may not use.

use trustkeep_contract::LoadError;

use crate::limits::SOURCE_BYTES_MAX;

/// A script that may be run.
pub(crate) struct Source(String);

impl Source {
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, LoadError> {
        if bytes.len() > SOURCE_BYTES_MAX {
            return Err(LoadError(format!(
                "the JavaScript contract has {} bytes, more than the {SOURCE_BYTES_MAX} that are allowed",
                bytes.len()
            )));
        }
        let text = std::str::from_utf8(bytes)
            .map_err(|_| LoadError("the JavaScript contract is not UTF-8".into()))?;
        if text.contains('\0') {
            return Err(LoadError("the JavaScript contract contains a NUL character".into()));
        }
        match forbidden(text) {
            Some((at, why)) => {
                let line = text.get(..at).unwrap_or_default().matches('\n').count() + 1;
                Err(LoadError(format!("the JavaScript contract is refused, line {line}: {why}")))
            }
            None => Ok(Self(text.to_owned())),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

/// The first thing in a text that a contract may not have. It is looked for everywhere, in comments and strings
/// too: what is found by words alone cannot be hidden from it. (A keyword that is spelt with an escape is none.)
fn forbidden(text: &str) -> Option<(usize, &'static str)> {
    let word = words(text).find_map(|(at, word)| {
        FORBIDDEN.iter().find(|(forbidden, _)| *forbidden == word).map(|(_, why)| (at, *why))
    });
    let power = power(text).map(|at| (at, POWER));
    word.into_iter().chain(power).min_by_key(|(at, _)| *at)
}

const FORBIDDEN: [(&str, &str); 4] = [
    ("async", "a contract is synchronous: the word async may not appear, not even in a comment"),
    ("await", "a contract is synchronous: the word await may not appear, not even in a comment"),
    ("import", "a contract is one script: the word import may not appear, not even in a comment"),
    ("export", "a contract is a script, not a module: define invoke without the word export"),
];

/// `pow` of the platform's C library is not exact to the last digit.
const POWER: &str = "the operator ** gives other digits on other machines: multiply instead (two stars in a row \
                     may stand only at the beginning or the end of a comment)";

/// Runs of the characters that keywords are made of.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    text.split(move |c| !is_word(c)).scan(0, move |next, word| {
        let at = *next;
        // Where the next one starts: past this word and the one character that ended it.
        let end = at + word.len();
        *next = end + text.get(end..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        Some((at, word))
    })
}

/// The first `**` that is not part of `/**` or `**/`.
fn power(text: &str) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = text.get(from..).and_then(|rest| rest.find("**")) {
        let at = from + found;
        let stars = text.get(at..).unwrap_or_default().bytes().take_while(|byte| *byte == b'*').count();
        let before = text.get(..at).is_some_and(|before| before.ends_with('/'));
        let after = text.get(at + stars..).is_some_and(|after| after.starts_with('/'));
        if !before && !after {
            return Some(at);
        }
        from = at + stars;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> Option<String> {
        Source::read(text.as_bytes()).err().map(|error| error.to_string())
    }

    #[test]
    fn what_may_not_appear() {
        for (text, line, what) in [
            ("async function invoke() {}", 1, "async"),
            ("\nfunction f(){} // await", 2, "await"),
            ("let é = 1;\n\nimport('x')", 3, "import"),
            ("export function invoke() {}", 1, "export"),
            ("\n\n let a = 2 ** 3;", 3, "**"),
            ("let a = 2; a **= 3;", 1, "**"),
        ] {
            let refusal = refusal(text).unwrap();
            assert!(refusal.contains(&format!("line {line}:")) && refusal.contains(what), "{refusal}");
        }
        for text in [
            "/** Imports nothing. **/ function invoke() { return asyncTask * important; }",
            "/*************/ let exported = $await, _async, import_;",
            "",
        ] {
            assert_eq!(refusal(text), None, "{text}");
        }
        assert!(refusal("a\0b").unwrap().contains("NUL"));
        assert!(refusal(&" ".repeat(SOURCE_BYTES_MAX + 1)).unwrap().contains("more than the 262144"));
    }
}

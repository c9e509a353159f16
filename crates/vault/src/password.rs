//! Password policies: how long a password is and which characters it has (`hashicorp/vault: helper/random`).
//!
//! ```text
//! length = 20
//! rule "charset" { charset = "abcdefghijklmnopqrstuvwxyz"  min-chars = 1 }
//! rule "charset" { charset = "0123456789"                  min-chars = 2 }
//! ```

use std::collections::BTreeSet;

use trustkeep_crypto::{Random, SecretString, random};
use zeroize::Zeroizing;

use crate::hcl::{self, Item, Kind};

/// A policy that was read and can be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasswordPolicy {
    length: usize,
    rules: Vec<Rule>,
    /// All characters of the rules, each once.
    characters: Vec<char>,
}

/// So many characters, at least, of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    characters: Vec<char>,
    at_least: usize,
}

impl PasswordPolicy {
    /// Reads a policy in HCL or JSON. The error says why it is none, in Vault's words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let invalid = |why: String| format!("invalid password policy: {why}");
        let items = hcl::parse(text).map_err(|error| invalid(format!("unable to decode: {error}")))?;
        let mut length = 0;
        let mut rules = Vec::new();
        for item in &items {
            match item.key.as_str() {
                "length" => {
                    let wrong =
                        || invalid("failed to decode configuration: 'length' must be a number".into());
                    length = whole(&item.value.kind).ok_or_else(wrong)?;
                }
                "rule" => add_rules(&item.value.kind, &mut rules)
                    .map_err(|why| invalid(format!("unable to parse rules: {why}")))?,
                _ => {}
            }
        }
        if rules.len() > RULES_MAX {
            return Err(invalid(format!("at most {RULES_MAX} rules are supported")));
        }
        let characters: BTreeSet<char> =
            rules.iter().flat_map(|rule| rule.characters.iter().copied()).collect();
        let needed = rules.iter().fold(0, |sum: usize, rule| sum.saturating_add(rule.at_least));
        let complaint = if length <= 0 {
            Some("length must be > 0".to_owned())
        } else if usize::try_from(length).is_ok_and(|length| length < needed) {
            Some(format!("specified rules require at least {needed} characters but {length} is specified"))
        } else if characters.is_empty() {
            Some("no charset specified".to_owned())
        } else if characters.iter().any(|c| c.is_control() || (c.is_whitespace() && *c != ' ')) {
            Some("non-printable character in charset".to_owned())
        } else if characters.len() > CHARACTERS_MAX {
            Some(format!("charset is too long: limited to {CHARACTERS_MAX} characters"))
        } else {
            None
        };
        if let Some(complaint) = complaint {
            return Err(invalid(format!("1 error occurred:\n\t* {complaint}\n\n")));
        }
        let length = usize::try_from(length).ok().filter(|length| (LENGTH_MIN..=LENGTH_MAX).contains(length));
        let length = length
            .ok_or_else(|| format!("passwords must be between {LENGTH_MIN} and {LENGTH_MAX} characters"))?;
        Ok(PasswordPolicy { length, rules, characters: characters.into_iter().collect() })
    }

    /// A password. It is uniform over all that the rules allow, unless these are so strict that chance hits none
    /// of them in a thousand attempts; then each rule's characters are drawn first and shuffled among the others.
    pub(crate) fn generate(&self, random: &dyn Random) -> SecretString {
        for _ in 0..ATTEMPTS {
            let candidate = Zeroizing::new(self.draw(&self.characters, self.length, random));
            if self.passes(&candidate) {
                return joined(&candidate);
            }
        }
        let mut drawn = Zeroizing::new(Vec::with_capacity(self.length));
        for rule in &self.rules {
            drawn.extend(self.draw(&rule.characters, rule.at_least, random));
        }
        let rest = self.length.saturating_sub(drawn.len());
        drawn.extend(self.draw(&self.characters, rest, random));
        for place in (1..drawn.len()).rev() {
            let other = random::below(random, u32::try_from(place + 1).unwrap_or(u32::MAX));
            drawn.swap(place, other as usize);
        }
        joined(&drawn)
    }

    fn passes(&self, candidate: &[char]) -> bool {
        let count = |rule: &Rule| candidate.iter().filter(|c| rule.characters.contains(c)).count();
        self.rules.iter().all(|rule| count(rule) >= rule.at_least)
    }

    fn draw(&self, characters: &[char], count: usize, random: &dyn Random) -> Vec<char> {
        let bound = u32::try_from(characters.len()).unwrap_or(u32::MAX);
        let one = || characters.get(random::below(random, bound) as usize).copied();
        std::iter::repeat_with(one).flatten().take(if characters.is_empty() { 0 } else { count }).collect()
    }
}

/// `rule "charset" { … }`, and in JSON lists of it at either level.
fn add_rules(value: &Kind, rules: &mut Vec<Rule>) -> Result<(), String> {
    for item in objects(value).flatten() {
        if item.key != "charset" {
            return Err(format!("unable to parse rule {0}: unrecognized rule type {0}", item.key));
        }
        for fields in objects(&item.value.kind) {
            rules.push(rule_of(fields).map_err(|why| {
                format!("unable to parse rule charset: failed to parse charset restriction: {why}")
            })?);
        }
    }
    Ok(())
}

fn rule_of(fields: &[Item]) -> Result<Rule, String> {
    let mut rule = Rule { characters: Vec::new(), at_least: 0 };
    for field in fields {
        match (field.key.as_str(), &field.value.kind) {
            ("charset", Kind::Text(text)) => {
                let distinct: BTreeSet<char> = text.chars().collect();
                rule.characters = distinct.into_iter().collect();
            }
            ("min-chars", value) => {
                let count = whole(value).ok_or("'min-chars' must be a number")?;
                rule.at_least = usize::try_from(count.max(0)).map_err(|error| error.to_string())?;
            }
            ("charset", _) => return Err("'charset' must be a string".into()),
            _ => {}
        }
    }
    if rule.at_least > 0 && rule.characters.is_empty() {
        return Err("'charset' is empty although characters of it are required".into());
    }
    Ok(rule)
}

/// The objects that a value is, or that a list holds.
fn objects(value: &Kind) -> impl Iterator<Item = &[Item]> {
    let (one, many) = match value {
        Kind::Object(items) => (Some(items.as_slice()), [].as_slice()),
        Kind::List(values) => (None, values.as_slice()),
        _ => (None, [].as_slice()),
    };
    let inner = many.iter().filter_map(|value| match &value.kind {
        Kind::Object(items) => Some(items.as_slice()),
        _ => None,
    });
    one.into_iter().chain(inner)
}

fn whole(value: &Kind) -> Option<i64> {
    match value {
        Kind::Number(digits) => digits.parse().ok(),
        _ => None,
    }
}

fn joined(characters: &[char]) -> SecretString {
    let len = characters.iter().map(|c| c.len_utf8()).sum();
    // Of exact capacity, so that no part of it is left in a freed allocation.
    let mut text = String::with_capacity(len);
    text.extend(characters);
    SecretString::new(text)
}

const LENGTH_MIN: usize = 4;
const LENGTH_MAX: usize = 100;
const RULES_MAX: usize = 100;
const CHARACTERS_MAX: usize = 255;
const ATTEMPTS: usize = 1000;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use trustkeep_crypto::random::SystemRandom;

    use super::*;

    const USUAL: &str = r#"
        length = 20
        rule "charset" {
          charset = "abcdefghijklmnopqrstuvwxyz"
          min-chars = 1
        }
        rule "charset" {
          charset = "0123456789"
          min-chars = 2
        }
    "#;

    #[test]
    fn passwords_follow_their_policy() {
        let policy = PasswordPolicy::parse(USUAL).unwrap();
        let mut seen = BTreeSet::new();
        for _ in 0..200 {
            let password = policy.generate(&SystemRandom);
            let password = password.expose();
            assert_eq!(password.len(), 20);
            assert!(password.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
            assert!(password.chars().filter(char::is_ascii_digit).count() >= 2);
            assert!(password.chars().any(|c| c.is_ascii_lowercase()));
            seen.insert(password.to_owned());
        }
        assert_eq!(seen.len(), 200);
    }

    #[test]
    fn what_chance_never_hits_is_made_all_the_same() {
        let text = r#"length = 100
            rule "charset" { charset = "ab" min-chars = 99 }
            rule "charset" { charset = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" min-chars = 1 }"#;
        let policy = PasswordPolicy::parse(text).unwrap();
        let password = policy.generate(&SystemRandom);
        assert!(policy.passes(&password.expose().chars().collect::<Vec<_>>()));
    }

    #[test]
    fn json_says_the_same() {
        let hcl = PasswordPolicy::parse(USUAL).unwrap();
        let letters = r#"{"charset":"abcdefghijklmnopqrstuvwxyz","min-chars":1}"#;
        let digits = r#"{"charset":"0123456789","min-chars":2}"#;
        for rules in [
            format!(r#"[{{"charset":{letters}}},{{"charset":{digits}}}]"#),
            format!(r#"{{"charset":[{letters},{digits}]}}"#),
        ] {
            let json = format!(r#"{{"length":20,"rule":{rules}}}"#);
            assert_eq!(PasswordPolicy::parse(&json).unwrap(), hcl);
        }
    }

    #[test]
    fn what_cannot_be_followed_is_refused() {
        let rule = |charset: &str, least: i64| {
            format!("rule \"charset\" {{ charset = \"{charset}\" min-chars = {least} }}")
        };
        let one = |what: &str| format!("invalid password policy: 1 error occurred:\n\t* {what}\n\n");
        for (text, message) in [
            (String::new(), one("length must be > 0")),
            ("length = 8".to_owned(), one("no charset specified")),
            (format!("length = -1 {}", rule("a", 1)), one("length must be > 0")),
            (format!("length = 3 {}", rule("a", 1)), "passwords must be between 4 and 100 characters".into()),
            (
                format!("length = 101 {}", rule("a", 1)),
                "passwords must be between 4 and 100 characters".into(),
            ),
            (
                format!("length = 8 {} {}", rule("a", 5), rule("b", 4)),
                one("specified rules require at least 9 characters but 8 is specified"),
            ),
            (format!("length = 8 {}", rule("a\\n", 1)), one("non-printable character in charset")),
        ] {
            assert_eq!(PasswordPolicy::parse(&text).unwrap_err(), message, "{text}");
        }
        for (text, part) in [
            ("length = ", "unable to decode: line 1"),
            ("length = \"x\"", "'length' must be a number"),
            ("length = 8 rule \"other\" {}", "unrecognized rule type other"),
            ("length = 8 rule \"charset\" { charset = 7 }", "'charset' must be a string"),
            ("length = 8 rule \"charset\" { min-chars = 1 }", "'charset' is empty"),
        ] {
            let error = PasswordPolicy::parse(text).unwrap_err();
            assert!(error.starts_with("invalid password policy: ") && error.contains(part), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,80}", length in 0..200_i64, least in -2..60_i64, charset in "[ -!#-~é]{0,20}") {
            let _ = PasswordPolicy::parse(&text);
            let charset = charset.replace('\\', "");
            let text = format!("length = {length}\nrule \"charset\" {{ charset = \"{charset}\" min-chars = {least} }}");
            if let Ok(policy) = PasswordPolicy::parse(&text) {
                let password = policy.generate(&SystemRandom);
                let drawn: Vec<char> = password.expose().chars().collect();
                prop_assert_eq!(drawn.len() as i64, length);
                prop_assert!(policy.passes(&drawn));
            }
        }
    }
}

//! From a policy's text to its rules. Errors are words for the client that wrote it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value as Json;
use trustkeep_chassis::config::{nearest, value};

use super::pattern::Pattern;
use super::permissions::{Parameters, Permissions};
use super::template::Template;
use super::{Capabilities, Policy, Rule, RulePath};
use crate::hcl::{self, Item, Kind, Value};

type Result<T> = std::result::Result<T, String>;

/// Paths in one policy.
const RULES_MAX: usize = 10_000;

const TOP_KEYS: [&str; 2] = ["name", "path"];
const PATH_KEYS: [&str; 10] = [
    "comment",
    "policy",
    "capabilities",
    "allowed_parameters",
    "denied_parameters",
    "required_parameters",
    "min_wrapping_ttl",
    "max_wrapping_ttl",
    "mfa_methods",
    "control_group",
];

/// The rules and what was read without effect.
pub(super) fn rules(text: &str) -> Result<(Vec<Rule>, Vec<String>)> {
    if text.len() > Policy::TEXT_LEN_MAX {
        return Err(format!("longer than {} bytes", Policy::TEXT_LEN_MAX));
    }
    let items = hcl::parse(text).map_err(|error| error.to_string())?;
    refuse_unknown(&items, &TOP_KEYS)?;
    let mut rules = Vec::new();
    let mut warnings = Vec::new();
    for item in &items {
        if item.key == "name" {
            text_of(item)?;
            continue;
        }
        for path in objects(item)?.flatten() {
            for block in objects(path).map_err(|error| in_path(path, error))? {
                if rules.len() >= RULES_MAX {
                    return Err(format!("more than {RULES_MAX} paths"));
                }
                rules.push(rule(&path.key, block, &mut warnings).map_err(|error| in_path(path, error))?);
            }
        }
    }
    Ok((rules, warnings))
}

fn in_path(path: &Item, error: String) -> String {
    format!("path \"{}\": {error}", path.key)
}

fn rule(path: &str, items: &[Item], warnings: &mut Vec<String>) -> Result<Rule> {
    refuse_unknown(items, &PATH_KEYS)?;
    let rule_path = match Template::parse(path).map_err(|error| error.to_string())? {
        Some(template) => {
            // With any value at all, the rest of the path must be a pattern.
            let example = template.resolve(&|_| Some("x".to_owned())).unwrap_or_default();
            Pattern::parse(&example).map_err(|error| error.to_string())?;
            RulePath::Template(template)
        }
        None => RulePath::Fixed(Pattern::parse(path).map_err(|error| error.to_string())?),
    };
    let mut permissions = Permissions::default();
    for item in items {
        match item.key.as_str() {
            "policy" => {
                let name = text_of(item)?;
                let old = if name.is_empty() {
                    Some(Capabilities::NONE)
                } else {
                    Capabilities::of_old_policy(name)
                };
                let old = old.ok_or_else(|| format!("invalid policy \"{name}\" on line {}", item.line))?;
                permissions.capabilities = permissions.capabilities.with(old);
            }
            "capabilities" => {
                for name in texts_of(item)? {
                    permissions.capabilities = permissions.capabilities.with(capability(&name, item.line)?);
                }
            }
            "allowed_parameters" => add_parameters(&mut permissions.allowed, item)?,
            "denied_parameters" => add_parameters(&mut permissions.denied, item)?,
            "required_parameters" => permissions.required.extend(required(item)?),
            "min_wrapping_ttl" => permissions.wrapping_ttl_min = duration_of(item)?,
            "max_wrapping_ttl" => permissions.wrapping_ttl_max = duration_of(item)?,
            "mfa_methods" => {
                texts_of(item)?;
                warnings.push(format!("path \"{path}\": mfa_methods has no effect"));
            }
            "control_group" => {
                check_control_group(item)?;
                warnings.push(format!("path \"{path}\": control_group has no effect"));
            }
            _ => {} // A comment may be anything.
        }
    }
    if let (Some(min), Some(max)) = (permissions.wrapping_ttl_min, permissions.wrapping_ttl_max)
        && max < min
    {
        return Err("max_wrapping_ttl cannot be less than min_wrapping_ttl".to_owned());
    }
    if permissions.capabilities.is_denied() {
        permissions = Permissions { capabilities: Capabilities::DENY, ..Permissions::default() };
    }
    Ok(Rule { path: rule_path, permissions })
}

fn capability(name: &str, line: usize) -> Result<Capabilities> {
    const NAMES: [&str; 8] = ["deny", "create", "read", "update", "delete", "list", "sudo", "patch"];
    Capabilities::named(name)
        .ok_or_else(|| format!("invalid capability \"{name}\" on line {line}{}", hint(name, &NAMES)))
}

fn required(item: &Item) -> Result<BTreeSet<String>> {
    // Compared with the request's fields in lower case, as Vault does.
    Ok(texts_of(item)?.into_iter().map(|name| name.to_lowercase()).collect())
}

fn add_parameters(parameters: &mut Parameters, item: &Item) -> Result<()> {
    for parameter in objects(item)?.flatten() {
        let Kind::List(values) = &parameter.value.kind else {
            return Err(wrong_type(&format!("{}.{}", item.key, parameter.key), &parameter.value, "a list"));
        };
        let values = values.iter().map(json).collect::<Result<Vec<_>>>()?;
        parameters.insert(parameter.key.to_lowercase(), values);
    }
    Ok(())
}

/// Shape only: approval by others is a feature of Vault's closed edition, which the open one reads and ignores.
fn check_control_group(item: &Item) -> Result<()> {
    let no_factor = || format!("no control_group factor provided on line {}", item.line);
    let mut factors = 0;
    for entry in objects(item)?.flatten() {
        match entry.key.as_str() {
            "ttl" => drop(duration_of(entry)?),
            "factor" => {
                for factor in objects(entry)?.flatten() {
                    let names = objects(factor)?.flatten().map(|part| part.key.as_str()).collect::<Vec<_>>();
                    if !names.contains(&"identity") {
                        return Err(no_factor());
                    }
                    factors += 1;
                }
            }
            _ => {}
        }
    }
    if factors == 0 { Err(no_factor()) } else { Ok(()) }
}

fn refuse_unknown(items: &[Item], known: &[&str]) -> Result<()> {
    match items.iter().find(|item| !known.contains(&item.key.as_str())) {
        None => Ok(()),
        Some(item) => {
            Err(format!("invalid key \"{}\" on line {}{}", item.key, item.line, hint(&item.key, known)))
        }
    }
}

fn hint(name: &str, known: &[&str]) -> String {
    nearest(name, known.iter().copied())
        .map_or_else(String::new, |near| format!("; did you mean \"{near}\"?"))
}

fn wrong_type(key: &str, value: &Value, expected: &str) -> String {
    format!("{key} on line {}: expected {expected}, found {}", value.line, value.kind.name())
}

/// A block, or a list of blocks, as the blocks' items.
fn objects(item: &Item) -> Result<impl Iterator<Item = &[Item]>> {
    let values = match &item.value.kind {
        Kind::List(values) => values.as_slice(),
        _ => std::slice::from_ref(&item.value),
    };
    let mut blocks = Vec::with_capacity(values.len());
    for value in values {
        match &value.kind {
            Kind::Object(items) => blocks.push(items.as_slice()),
            _ => return Err(wrong_type(&item.key, value, "a block")),
        }
    }
    Ok(blocks.into_iter())
}

fn text_of(item: &Item) -> Result<&str> {
    match &item.value.kind {
        Kind::Text(text) => Ok(text),
        _ => Err(wrong_type(&item.key, &item.value, "a string")),
    }
}

fn texts_of(item: &Item) -> Result<Vec<String>> {
    let Kind::List(values) = &item.value.kind else {
        return Err(wrong_type(&item.key, &item.value, "a list of strings"));
    };
    let texts = values.iter().map(|value| match &value.kind {
        Kind::Text(text) => Ok(text.to_string()),
        _ => Err(wrong_type(&item.key, value, "a string")),
    });
    texts.collect()
}

/// `None` for zero, which limits nothing.
fn duration_of(item: &Item) -> Result<Option<Duration>> {
    let text = match &item.value.kind {
        Kind::Text(text) if text.is_empty() => return Ok(None),
        Kind::Text(text) => text.as_str(),
        Kind::Number(digits) => digits.as_str(),
        _ => return Err(wrong_type(&item.key, &item.value, "a duration")),
    };
    let duration = value::duration(text)
        .map_err(|error| format!("error parsing {} on line {}: {error}", item.key, item.line))?;
    Ok(Some(duration).filter(|duration| !duration.is_zero()))
}

fn json(value: &Value) -> Result<Json> {
    Ok(match &value.kind {
        Kind::Text(text) => Json::String(text.to_string()),
        Kind::Number(digits) => digits
            .parse::<serde_json::Number>()
            .map(Json::Number)
            .map_err(|_| format!("line {}: \"{digits}\" is not a number", value.line))?,
        Kind::Bool(bool) => Json::Bool(*bool),
        Kind::Null => Json::Null,
        Kind::List(values) => Json::Array(values.iter().map(json).collect::<Result<_>>()?),
        Kind::Object(items) => Json::Object(
            items.iter().map(|item| Ok((item.key.clone(), json(&item.value)?))).collect::<Result<_>>()?,
        ),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn only(text: &str) -> Permissions {
        let (rules, _) = rules(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(rules.len(), 1, "{text}");
        rules[0].permissions.clone()
    }

    #[test]
    fn hcl_and_json_say_the_same() {
        let hcl = rules(
            r#"
            name = "team"
            path "secret/data/+/x*"
            {
              comment             = "why"
              capabilities        = ["create", "update"]
              allowed_parameters  = { "A" = [], "b" = ["x", 1, true] }
              denied_parameters   { "c" = [] }
              required_parameters = ["D"]
              min_wrapping_ttl    = "1s"
              max_wrapping_ttl    = 90
            }"#,
        )
        .unwrap();
        let json_text = json!({"name": "team", "path": {"secret/data/+/x*": {
            "comment": "why", "capabilities": ["create", "update"],
            "allowed_parameters": {"A": [], "b": ["x", 1, true]}, "denied_parameters": {"c": []},
            "required_parameters": ["D"], "min_wrapping_ttl": "1s", "max_wrapping_ttl": "1m30s"}}});
        assert_eq!(hcl.0, rules(&json_text.to_string()).unwrap().0);
        let in_lists = json!({"path": [{"secret/data/+/x*": [json_text["path"]["secret/data/+/x*"]]}]});
        assert_eq!(hcl.0, rules(&in_lists.to_string()).unwrap().0);
        let permissions = &hcl.0[0].permissions;
        assert_eq!(permissions.capabilities, Capabilities::CREATE.with(Capabilities::UPDATE));
        assert_eq!(permissions.allowed["b"], [json!("x"), json!(1), json!(true)]);
        assert!(permissions.allowed.contains_key("a") && permissions.required.contains("d"));
        assert_eq!(permissions.wrapping_ttl_max, Some(Duration::from_secs(90)));
    }

    #[test]
    fn old_policies_stand_for_capabilities() {
        for (policy, names) in [
            ("deny", vec!["deny"]),
            ("read", vec!["read", "list"]),
            ("write", vec!["read", "list", "update", "delete", "create"]),
            ("sudo", vec!["sudo", "read", "list", "update", "delete", "create"]),
        ] {
            assert_eq!(only(&format!("path \"a\" {{ policy = \"{policy}\" }}")).capabilities.names(), names);
        }
        let both = only("path \"a\" {\n policy = \"read\"\n capabilities = [\"patch\"]\n}");
        assert_eq!(both.capabilities.names(), ["read", "list", "patch"]);
        assert_eq!(only("path \"a\" { capabilities = [\"read\", \"deny\"] }").capabilities.names(), ["deny"]);
        assert_eq!(only("path \"a\" {}").capabilities.names(), ["deny"]);
    }

    #[test]
    fn features_without_effect_are_read_and_named() {
        let (_, warnings) = rules(
            r#"path "a" {
              capabilities = ["read"]
              mfa_methods = ["totp"]
              control_group = { ttl = "1h", factor "ops" { identity { group_names = ["ops"] approvals = 1 } } }
            }"#,
        )
        .unwrap();
        let expected = ["path \"a\": mfa_methods has no effect", "path \"a\": control_group has no effect"];
        assert_eq!(warnings, expected);
    }

    #[test]
    fn mistakes_are_named_with_line_and_key() {
        for (text, expected) in [
            ("pth \"a\" {}", "invalid key \"pth\" on line 1; did you mean \"path\"?"),
            (
                "path \"a\" {\n capabilites = []\n}",
                "path \"a\": invalid key \"capabilites\" on line 2; did you mean \"capabilities\"?",
            ),
            ("path \"a\" \"b\" {}", "path \"a\": invalid key \"b\" on line 1"),
            (
                "path \"a\" {\n capabilities = [\"raed\"]\n}",
                "path \"a\": invalid capability \"raed\" on line 2; did you mean \"read\"?",
            ),
            ("path \"a\" { policy = \"rw\" }", "path \"a\": invalid policy \"rw\" on line 1"),
            (
                "path \"a\" { capabilities = \"read\" }",
                "path \"a\": capabilities on line 1: expected a list of strings, found a string",
            ),
            (
                "path \"a\" { allowed_parameters = { b = 1 } }",
                "path \"a\": allowed_parameters.b on line 1: expected a list, found a number",
            ),
            ("path \"a/+*\" {}", "path \"a/+*\": invalid use of wildcards ('+*' is forbidden)"),
            (
                "path \"a/{{x\" {}",
                "path \"a/{{x\": failed to validate policy templating: unbalanced templating characters",
            ),
            ("path \"a/{{x}}+*\" {}", "path \"a/{{x}}+*\": invalid use of wildcards ('+*' is forbidden)"),
            (
                "path \"a\" { min_wrapping_ttl = \"soon\" }",
                "path \"a\": error parsing min_wrapping_ttl on line 1: \"soon\" is not a duration (\"30s\", \"1h30m\", \"768h\", \"1d\", or a number of seconds)",
            ),
            (
                "path \"a\" { min_wrapping_ttl = 2 max_wrapping_ttl = 1 }",
                "path \"a\": max_wrapping_ttl cannot be less than min_wrapping_ttl",
            ),
            ("path \"a\" { control_group = {} }", "path \"a\": no control_group factor provided on line 1"),
            ("path = \"a\"", "path on line 1: expected a block, found a string"),
            ("name = 1", "name on line 1: expected a string, found a number"),
            ("path \"a\" {", "line 1, column 11: expected a key or \"}\", found the end of the text"),
            ("{\"path\": {\"a\": 1}}", "path \"a\": a on line 1: expected a block, found a number"),
        ] {
            assert_eq!(rules(text).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn size_and_nesting_are_bounded() {
        assert!(rules(&"#".repeat(Policy::TEXT_LEN_MAX + 1)).is_err());
        assert!(rules(&"path \"a\" { ".repeat(10_000)).is_err());
        assert!(
            rules(&"path \"a\" {}\n".repeat(RULES_MAX + 1)).unwrap_err().contains("more than 10000 paths")
        );
    }
}

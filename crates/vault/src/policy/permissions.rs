use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use super::Capabilities;
use crate::request::Operation;

/// Values by parameter, whose names are in lower case; no values means any value.
pub(super) type Parameters = BTreeMap<String, Vec<Value>>;

/// What one path of a policy says, and what the rules of several policies for one path add up to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Permissions {
    pub(super) capabilities: Capabilities,
    pub(super) wrapping_ttl_min: Option<Duration>,
    pub(super) wrapping_ttl_max: Option<Duration>,
    pub(super) allowed: Parameters,
    pub(super) denied: Parameters,
    pub(super) required: BTreeSet<String>,
    /// What each policy adds, by name: for the audit. Filled in where policies are compiled.
    pub(super) granted_by: Vec<(Arc<str>, Capabilities)>,
}

impl Permissions {
    /// Adds another policy's rule for the same path text. `deny` wins and leaves nothing else.
    pub(super) fn merge(&mut self, other: &Permissions) {
        self.capabilities = self.capabilities.with(other.capabilities);
        if self.capabilities.is_denied() {
            *self = Permissions { capabilities: Capabilities::DENY, ..Permissions::default() };
            return;
        }
        self.granted_by.extend(other.granted_by.iter().cloned());
        self.wrapping_ttl_min = smaller(self.wrapping_ttl_min, other.wrapping_ttl_min);
        self.wrapping_ttl_max = smaller(self.wrapping_ttl_max, other.wrapping_ttl_max);
        merge_parameters(&mut self.allowed, &other.allowed);
        merge_parameters(&mut self.denied, &other.denied);
        self.required.extend(other.required.iter().cloned());
    }

    /// Whether a request may pass; `wrap_ttl` is the response wrapping that it asks for.
    pub(super) fn allows(
        &self,
        operation: Operation,
        data: Option<&Map<String, Value>>,
        wrap_ttl: Option<Duration>,
    ) -> bool {
        self.capabilities.allows(operation)
            && self.allows_wrapping(wrap_ttl)
            && self.allows_data(operation, data)
    }

    fn allows_wrapping(&self, wrap_ttl: Option<Duration>) -> bool {
        let (min, max) = (self.wrapping_ttl_min, self.wrapping_ttl_max);
        if min.is_none() && max.is_none() {
            return true;
        }
        wrap_ttl.is_some_and(|ttl| min.is_none_or(|min| ttl >= min) && max.is_none_or(|max| ttl <= max))
    }

    fn allows_data(&self, operation: Operation, data: Option<&Map<String, Value>>) -> bool {
        match operation {
            Operation::Read | Operation::Create | Operation::Update | Operation::Patch => {}
            Operation::Delete | Operation::List | Operation::Help => return true,
        }
        if !self.required.iter().all(|name| data.is_some_and(|data| data.contains_key(name))) {
            return false;
        }
        let Some(data) = data.filter(|data| !data.is_empty()) else { return true };
        if self.denied.contains_key("*") {
            return false;
        }
        let any_allowed = self.allowed.is_empty() || self.allowed.contains_key("*");
        data.iter().all(|(name, value)| {
            let name = name.to_lowercase();
            let denied =
                self.denied.get(&name).is_some_and(|values| lists(values, value, Strictness::Denied));
            let allowed = match self.allowed.get(&name) {
                Some(values) => lists(values, value, Strictness::Allowed),
                None => any_allowed,
            };
            allowed && !denied
        })
    }
}

fn smaller(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn merge_parameters(into: &mut Parameters, other: &Parameters) {
    for (name, values) in other {
        match into.get_mut(name) {
            Some(known) if known.is_empty() || values.is_empty() => known.clear(),
            Some(known) => {
                let new: Vec<Value> = values.iter().filter(|value| !known.contains(value)).cloned().collect();
                known.extend(new);
            }
            None => {
                into.insert(name.clone(), values.clone());
            }
        }
    }
}

/// Where a value is looked for: what is denied must not slip through by being sent as another JSON type.
#[derive(Clone, Copy, PartialEq)]
enum Strictness {
    Allowed,
    Denied,
}

fn lists(values: &[Value], value: &Value, strictness: Strictness) -> bool {
    values.is_empty()
        || values.iter().any(|listed| match (listed, value) {
            (Value::String(pattern), Value::String(text)) => glob_matches(pattern, text),
            (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
            _ if listed == value => true,
            _ if strictness == Strictness::Denied => match (scalar_text(listed), scalar_text(value)) {
                (Some(pattern), Some(text)) => glob_matches(&pattern, &text),
                _ => false,
            },
            _ => false,
        })
}

fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(bool) => Some(bool.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// `*` at the beginning, at the end or at both stands for any text.
pub(crate) fn glob_matches(pattern: &str, text: &str) -> bool {
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(""), _) => true,
        (Some(_), Some(_)) => {
            pattern.get(1..pattern.len().saturating_sub(1)).is_some_and(|middle| text.contains(middle))
        }
        (Some(end), None) => text.ends_with(end),
        (None, Some(start)) => text.starts_with(start),
        (None, None) => pattern == text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parameters(value: Value) -> Parameters {
        value.as_object().unwrap().iter().map(|(k, v)| (k.clone(), v.as_array().unwrap().clone())).collect()
    }

    fn allows(allowed: Value, denied: Value, required: &[&str], data: Value) -> bool {
        Permissions {
            capabilities: Capabilities::UPDATE,
            allowed: parameters(allowed),
            denied: parameters(denied),
            required: required.iter().map(|name| (*name).to_owned()).collect(),
            ..Permissions::default()
        }
        .allows(Operation::Update, data.as_object(), None)
    }

    #[test]
    fn parameters_are_held_to_the_lists() {
        let none = || json!({});
        for (allowed, denied, required, data, expected) in [
            (none(), none(), &[][..], json!({"a": 1}), true),
            (json!({"a": []}), none(), &[], json!({"a": 1}), true),
            (json!({"a": []}), none(), &[], json!({"A": 1}), true),
            (json!({"a": []}), none(), &[], json!({"a": 1, "b": 1}), false),
            (json!({"a": []}), none(), &[], json!({}), true),
            (json!({"*": []}), none(), &[], json!({"b": 1}), true),
            (json!({"a": ["x"], "*": []}), none(), &[], json!({"a": "y", "b": 1}), false),
            (json!({"a": ["x"], "*": []}), none(), &[], json!({"a": "x", "b": 1}), true),
            (json!({"a": ["x*", "*z", "*m*"]}), none(), &[], json!({"a": "xy"}), true),
            (json!({"a": ["x*", "*z", "*m*"]}), none(), &[], json!({"a": "yz"}), true),
            (json!({"a": ["x*", "*z", "*m*"]}), none(), &[], json!({"a": "amb"}), true),
            (json!({"a": ["x*", "*z", "*m*"]}), none(), &[], json!({"a": "q"}), false),
            (json!({"a": ["*"]}), none(), &[], json!({"a": "q"}), true),
            (json!({"a": [5]}), none(), &[], json!({"a": 5}), true),
            (json!({"a": [5]}), none(), &[], json!({"a": "5"}), false),
            (json!({"a": [true]}), none(), &[], json!({"a": true}), true),
            (json!({"a": [["x"]]}), none(), &[], json!({"a": ["x"]}), true),
            (none(), json!({"*": []}), &[], json!({"a": 1}), false),
            (none(), json!({"*": []}), &[], json!({}), true),
            (none(), json!({"a": []}), &[], json!({"A": 1}), false),
            (none(), json!({"a": []}), &[], json!({"b": 1}), true),
            (none(), json!({"a": ["x"]}), &[], json!({"a": "y"}), true),
            (none(), json!({"a": ["x"]}), &[], json!({"a": "x"}), false),
            (none(), json!({"a": ["0"]}), &[], json!({"a": 0}), false),
            (none(), json!({"a": [true]}), &[], json!({"a": "true"}), false),
            (json!({"a": []}), json!({"a": ["x"]}), &[], json!({"a": "x"}), false),
            (none(), none(), &["a"], json!({"b": 1}), false),
            (none(), none(), &["a"], json!({}), false),
            (none(), none(), &["a"], json!({"a": ""}), true),
        ] {
            let case = format!("allowed {allowed} denied {denied} required {required:?} data {data}");
            assert_eq!(allows(allowed, denied, required, data), expected, "{case}");
        }
    }

    #[test]
    fn merging_widens_lists_and_narrows_wrapping() {
        let rule = |allowed: Value, min: Option<u64>, max: Option<u64>| Permissions {
            capabilities: Capabilities::READ,
            allowed: parameters(allowed),
            wrapping_ttl_min: min.map(Duration::from_secs),
            wrapping_ttl_max: max.map(Duration::from_secs),
            ..Permissions::default()
        };
        let mut merged = rule(json!({"a": ["x"], "b": ["x"]}), Some(10), Some(100));
        merged.merge(&rule(json!({"a": ["y"], "b": [], "c": ["z"]}), Some(5), None));
        assert_eq!(merged.allowed, parameters(json!({"a": ["x", "y"], "b": [], "c": ["z"]})));
        assert_eq!(merged.wrapping_ttl_min, Some(Duration::from_secs(5)));
        assert_eq!(merged.wrapping_ttl_max, Some(Duration::from_secs(100)));
        let read = |ttl: Option<u64>| merged.allows(Operation::Read, None, ttl.map(Duration::from_secs));
        assert!(!read(None) && !read(Some(4)) && read(Some(5)) && read(Some(100)) && !read(Some(101)));

        let mut denied = merged.clone();
        denied.merge(&Permissions { capabilities: Capabilities::DENY, ..Permissions::default() });
        denied.merge(&merged);
        assert_eq!(denied.capabilities, Capabilities::DENY);
        assert!(denied.allowed.is_empty());
    }
}

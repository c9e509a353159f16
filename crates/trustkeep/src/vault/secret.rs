//! The envelope in which a vault answers: data, a lease, a login, a wrapping token, warnings.

use serde_json::{Map, Value};

/// One answer. Its fields are read on demand; unknown ones are left out when it is printed.
pub(crate) struct Secret {
    fields: Map<String, Value>,
}

impl Secret {
    /// Parses an answer's body. An empty body is `None`.
    pub(crate) fn parse(body: &[u8]) -> Result<Option<Self>, serde_json::Error> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(None);
        }
        let fields: Map<String, Value> = serde_json::from_slice(body)?;
        if fields.iter().any(|(name, value)| ENVELOPE.contains(&name.as_str()) && says_something(value)) {
            return Ok(Some(Self { fields }));
        }
        // An answer without an envelope, such as a health check: all of it is data.
        if fields.is_empty() || fields.contains_key("errors") {
            return Ok(None);
        }
        Ok(Some(Self { fields: Map::from_iter([("data".to_owned(), Value::Object(fields))]) }))
    }

    /// An envelope made here, such as the outcome of a login with a token.
    pub(crate) fn from_auth(auth: Value) -> Self {
        let mut fields = Map::new();
        fields.insert("auth".to_owned(), auth);
        Self { fields }
    }

    /// The data, unless absent or `null`.
    pub(crate) fn data(&self) -> Option<&Map<String, Value>> {
        self.fields.get("data").and_then(Value::as_object)
    }

    /// The data, given away.
    pub(crate) fn into_data(mut self) -> Map<String, Value> {
        match self.fields.remove("data") {
            Some(Value::Object(data)) => data,
            _ => Map::new(),
        }
    }

    pub(crate) fn data_mut(&mut self) -> Option<&mut Map<String, Value>> {
        self.fields.get_mut("data").and_then(Value::as_object_mut)
    }

    pub(crate) fn has_data(&self) -> bool {
        self.data().is_some_and(|data| !data.is_empty())
    }

    /// One field of the data.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.data()?.get(key).filter(|value| !value.is_null())
    }

    /// The keys of a listing, sorted.
    pub(crate) fn keys(&self) -> Option<Vec<String>> {
        let mut keys: Vec<String> =
            self.get("keys")?.as_array()?.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect();
        keys.sort_unstable();
        Some(keys)
    }

    /// The outcome of a login or token creation.
    pub(crate) fn auth(&self) -> Option<&Map<String, Value>> {
        self.fields.get("auth").and_then(Value::as_object)
    }

    /// The one-time token that was returned instead of the answer.
    pub(crate) fn wrap_info(&self) -> Option<&Map<String, Value>> {
        self.fields.get("wrap_info").and_then(Value::as_object)
    }

    pub(crate) fn warnings(&self) -> Vec<&str> {
        let warnings = self.fields.get("warnings").and_then(Value::as_array);
        warnings.map(|warnings| warnings.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn lease_duration(&self) -> i64 {
        self.fields.get("lease_duration").and_then(Value::as_i64).unwrap_or(0)
    }

    pub(crate) fn renewable(&self) -> bool {
        self.fields.get("renewable").and_then(Value::as_bool).unwrap_or(false)
    }

    /// For `-format=json`: the fields in the order of the family's tools, data sorted by key.
    pub(crate) fn to_json(&self) -> Value {
        let mut out = Map::new();
        out.insert("request_id".into(), self.text("request_id").into());
        out.insert("lease_id".into(), self.text("lease_id").into());
        out.insert("lease_duration".into(), self.lease_duration().into());
        out.insert("renewable".into(), self.renewable().into());
        for name in ["data", "warnings"] {
            out.insert(name.into(), self.fields.get(name).map_or(Value::Null, sorted));
        }
        for (name, order) in [("auth", &AUTH_ORDER[..]), ("wrap_info", &WRAP_ORDER[..])] {
            if let Some(Value::Object(part)) = self.fields.get(name) {
                out.insert(name.into(), in_order(part, order));
            }
        }
        Value::Object(out)
    }

    /// The value `-field=NAME` means.
    pub(crate) fn field(&self, name: &str) -> Option<Value> {
        let from =
            |part: &Map<String, Value>, key: &str| part.get(key).filter(|value| !value.is_null()).cloned();
        if let Some(auth) = self.auth() {
            let key = match name {
                "token" => Some("client_token"),
                "token_accessor" => Some("accessor"),
                "token_duration" => Some("lease_duration"),
                "token_renewable" => Some("renewable"),
                "token_policies" | "identity_policies" | "policies" => Some(name),
                _ => None,
            };
            if let Some(key) = key {
                return from(auth, key);
            }
            if let Some(key) = name.strip_prefix("token_meta_") {
                return auth
                    .get("metadata")
                    .and_then(Value::as_object)
                    .and_then(|metadata| from(metadata, key));
            }
        }
        if let Some(wrap) = self.wrap_info() {
            let key = match name {
                "wrapping_token" => Some("token"),
                "wrapping_accessor" => Some("accessor"),
                "wrapping_token_ttl" => Some("ttl"),
                "wrapping_token_creation_time" => Some("creation_time"),
                "wrapping_token_creation_path" => Some("creation_path"),
                "wrapped_accessor" => Some("wrapped_accessor"),
                _ => None,
            };
            if let Some(key) = key {
                return from(wrap, key);
            }
        }
        match name {
            "lease_duration" | "refresh_interval" => Some(self.lease_duration().into()),
            "lease_id" | "request_id" => Some(self.text(name).into()),
            "renewable" => Some(self.renewable().into()),
            "data" => self.get("data").cloned().or_else(|| self.data().cloned().map(Value::Object)),
            _ => self.get(name).cloned(),
        }
    }
}

const ENVELOPE: [&str; 8] =
    ["request_id", "lease_id", "lease_duration", "renewable", "data", "warnings", "auth", "wrap_info"];

/// Neither absent nor what Go calls zero.
fn says_something(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(on) => *on,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

const AUTH_ORDER: [&str; 11] = [
    "client_token",
    "accessor",
    "policies",
    "token_policies",
    "identity_policies",
    "metadata",
    "orphan",
    "entity_id",
    "lease_duration",
    "renewable",
    "mfa_requirement",
];

const WRAP_ORDER: [&str; 6] =
    ["token", "accessor", "ttl", "creation_time", "creation_path", "wrapped_accessor"];

/// The known fields of `part` in `order`; lists of policies also where there are none.
fn in_order(part: &Map<String, Value>, order: &[&str]) -> Value {
    let value = |name: &str| match part.get(name) {
        None if name.ends_with("policies") => Some(Value::Null),
        found => found.map(sorted),
    };
    let known = order.iter().filter_map(|name| Some(((*name).to_owned(), value(name)?)));
    Value::Object(known.collect())
}

/// The same value with the keys of all objects in order.
pub(crate) fn sorted(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<(&String, &Value)> = map.iter().collect();
            entries.sort_unstable_by_key(|(key, _)| *key);
            Value::Object(entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect())
        }
        Value::Array(values) => Value::Array(values.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

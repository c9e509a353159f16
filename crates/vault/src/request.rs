//! A request as engines and auth methods see it, free of HTTP.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::core::TokenEntry;

/// What a request does to its path (`hashicorp/vault: sdk/logical/request.go`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A write to a path that does not exist, by the engine's own existence check.
    Create,
    /// A read.
    Read,
    /// A write to a path that exists, or whose engine has no existence check.
    Update,
    /// A merge into what exists.
    Patch,
    /// A deletion.
    Delete,
    /// The names below a path; the path ends in `/` or is empty.
    List,
    /// The description of a path.
    Help,
}

impl Operation {
    /// Its name, as audit devices and metrics write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Operation::Create => "create",
            Operation::Read => "read",
            Operation::Update => "update",
            Operation::Patch => "patch",
            Operation::Delete => "delete",
            Operation::List => "list",
            Operation::Help => "help",
        }
    }

    /// Whether it writes a body to the path.
    pub fn is_write(self) -> bool {
        matches!(self, Operation::Create | Operation::Update)
    }
}

/// One request on its way to an engine.
#[derive(Clone, Debug)]
pub struct Request {
    /// Unique id, echoed as `request_id`.
    pub id: String,
    /// What to do.
    pub operation: Operation,
    /// The path; below the mount once routed, decoded, without a leading `/`.
    pub path: String,
    /// The mount's path with its trailing `/`, once routed; empty before.
    pub mount_point: String,
    /// The body's top-level fields, or the query's for requests without a body.
    pub data: Map<String, Value>,
    /// The body as it came, for engines that keep JSON to the letter. Empty where there was none.
    pub body: Bytes,
    /// The caller's token, where the path asked for one and it was valid.
    pub token: Option<Arc<TokenEntry>>,
    /// The token as the caller sent it. Never to be logged.
    pub client_token: Option<Arc<str>>,
    /// The headers as they came, for what an operator lets through to engines and audit devices. They hold the
    /// token too: never to be logged as they are.
    pub headers: http::HeaderMap,
    /// Seconds for which the answer is to be kept behind a wrapping token; `None` to answer it bare.
    pub wrap_ttl: Option<i64>,
    /// Where the request came from.
    pub remote: Option<SocketAddr>,
    /// Unix time in nanoseconds at which the request is handled.
    pub now: i64,
}

impl Request {
    /// A request made by this process itself, with the token of whoever asked for it.
    pub fn internal(operation: Operation, path: &str, data: Map<String, Value>, token: &str) -> Self {
        Request {
            id: "internal".into(),
            operation,
            path: path.into(),
            mount_point: String::new(),
            data,
            body: Bytes::new(),
            token: None,
            client_token: Some(token.into()),
            headers: http::HeaderMap::new(),
            wrap_ttl: None,
            remote: None,
            now: 0,
        }
    }

    /// A text field; `None` where it is missing or null.
    ///
    /// # Errors
    /// 400 where it is of another type; numbers and truth values are taken as their text, as Vault does.
    pub fn text(&self, field: &str) -> crate::Result<Option<String>> {
        match self.data.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(Value::Bool(bool)) => Ok(Some(bool.to_string())),
            Some(_) => Err(wrong_type(field, "string")),
        }
    }

    /// A text field that must be there and not be empty.
    ///
    /// # Errors
    /// 400 `missing <field>`.
    pub fn required(&self, field: &str) -> crate::Result<String> {
        match self.text(field)? {
            Some(text) if !text.is_empty() => Ok(text),
            _ => Err(crate::Error::invalid(format!("missing {field}"))),
        }
    }

    /// A truth value, also written as text or number.
    ///
    /// # Errors
    /// 400 where it is of another type.
    pub fn bool(&self, field: &str) -> crate::Result<Option<bool>> {
        let parsed = match self.data.get(field) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Bool(bool)) => Some(*bool),
            Some(Value::Number(number)) => match number.as_i64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            Some(Value::String(text)) => match text.as_str() {
                "" => return Ok(None),
                "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
                "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
                _ => None,
            },
            Some(_) => None,
        };
        parsed.map(Some).ok_or_else(|| wrong_type(field, "bool"))
    }

    /// A whole number, also written as text.
    ///
    /// # Errors
    /// 400 where it is of another type.
    pub fn int(&self, field: &str) -> crate::Result<Option<i64>> {
        let parsed = match self.data.get(field) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) if text.is_empty() => return Ok(None),
            Some(Value::String(text)) => text.trim().parse().ok(),
            Some(_) => None,
        };
        parsed.map(Some).ok_or_else(|| wrong_type(field, "int"))
    }

    /// A duration in seconds: a number of seconds, or text such as `90`, `15m`, `1h30m`.
    ///
    /// # Errors
    /// 400 where it is malformed or negative.
    pub fn seconds(&self, field: &str) -> crate::Result<Option<i64>> {
        match self.data.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => parse_seconds(value).map(Some).ok_or_else(|| wrong_type(field, "duration")),
        }
    }

    /// A list of texts: an array, or text separated by commas. Blanks around entries fall away.
    ///
    /// # Errors
    /// 400 where an entry is not a text.
    pub fn texts(&self, field: &str) -> crate::Result<Option<Vec<String>>> {
        match self.data.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(
                text.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(str::to_owned).collect(),
            )),
            Some(Value::Array(entries)) => entries
                .iter()
                .map(|entry| match entry {
                    Value::String(text) => Ok(text.trim().to_owned()),
                    Value::Number(number) => Ok(number.to_string()),
                    _ => Err(wrong_type(field, "list of strings")),
                })
                .collect::<crate::Result<_>>()
                .map(Some),
            Some(_) => Err(wrong_type(field, "list of strings")),
        }
    }

    /// A map of texts.
    ///
    /// # Errors
    /// 400 where it is not an object of texts.
    pub fn text_map(&self, field: &str) -> crate::Result<Option<std::collections::BTreeMap<String, String>>> {
        match self.data.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(object)) => object
                .iter()
                .map(|(key, value)| match value {
                    Value::String(text) => Ok((key.clone(), text.clone())),
                    Value::Number(number) => Ok((key.clone(), number.to_string())),
                    Value::Bool(bool) => Ok((key.clone(), bool.to_string())),
                    _ => Err(wrong_type(field, "map of strings")),
                })
                .collect::<crate::Result<_>>()
                .map(Some),
            Some(_) => Err(wrong_type(field, "map of strings")),
        }
    }
}

fn wrong_type(field: &str, expected: &str) -> crate::Error {
    crate::Error::invalid(format!(
        "Field validation failed: error converting input for field \"{field}\": expected a {expected}"
    ))
}

/// Seconds from a number or from text as Go's `time.ParseDuration` takes it, plus `d` for days.
pub fn parse_seconds(value: &Value) -> Option<i64> {
    let seconds = match value {
        Value::Number(number) => number.as_i64()?,
        Value::String(text) => match text.trim() {
            "" => 0,
            text => text.parse().ok().or_else(|| parse_duration(text))?,
        },
        _ => return None,
    };
    (seconds >= 0).then_some(seconds)
}

fn parse_duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit_len = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let factor = match unit {
            "d" => 86_400.0,
            "h" => 3_600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 1e-3,
            "us" | "µs" => 1e-6,
            "ns" => 1e-9,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = tail;
    }
    (total.is_finite() && total < 1e12).then_some(total as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_vault_reads_them() {
        for (input, seconds) in [
            (serde_json::json!(90), Some(90)),
            (serde_json::json!("90"), Some(90)),
            (serde_json::json!("90s"), Some(90)),
            (serde_json::json!("1h30m"), Some(5400)),
            (serde_json::json!("768h"), Some(2_764_800)),
            (serde_json::json!("1d"), Some(86_400)),
            (serde_json::json!("1.5m"), Some(90)),
            (serde_json::json!(""), Some(0)),
            (serde_json::json!(-1), None),
            (serde_json::json!("1x"), None),
            (serde_json::json!("h"), None),
            (serde_json::json!(true), None),
        ] {
            assert_eq!(parse_seconds(&input), seconds, "{input}");
        }
    }
}

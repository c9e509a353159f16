//! One request on its way to its operation.

use serde_json::{Map, Value};

use super::Version;
use crate::refusal::Refusal;
use crate::service::{Asker, Controller};

/// Who asks for what.
pub(super) struct Call<'a> {
    pub(super) controller: &'a Controller,
    pub(super) version: &'a Version,
    pub(super) asker: Asker,
    pub(super) token: &'a str,
    /// What stands in the path for the stars of the route.
    pub(super) words: Vec<&'a str>,
    pub(super) body: Map<String, Value>,
}

impl Call<'_> {
    /// A word of the path.
    pub(super) fn word(&self, at: usize) -> &str {
        self.words.get(at).copied().unwrap_or_default()
    }

    /// A member of the body that must be a text.
    pub(super) fn text(&self, name: &str) -> Result<&str, Refusal> {
        self.optional_text(name)?.ok_or_else(|| Refusal::invalid(format!("{name}: it is missing")))
    }

    /// A member of the body that is a text, or not there.
    pub(super) fn optional_text(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(Refusal::invalid(format!("{name}: it is not a text"))),
        }
    }

    /// `"true"` or `"false"`, as the SDK sends them, or the same as truth values.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Refusal> {
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(Refusal::invalid(format!("{name}: it is neither \"true\" nor \"false\""))),
        }
    }

    /// A list of texts, or nothing.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let wrong = || Refusal::invalid(format!("{name}: it is not a list of texts"));
        match self.body.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => {
                items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
            }
            Some(_) => Err(wrong()),
        }
    }
}

//! The body of a problem report (RFC 0035), in the forms that protocols have given it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::encoding::Object;

/// What went wrong, as one agent tells another. Nobody answers a problem report with another one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProblemReport {
    /// What it is, by code and in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Description>,
    /// What it concerns: pairs of a name and a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem_items: Option<Vec<BTreeMap<String, Value>>>,
    /// `you`, `me`, `both` or `none`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub who_retries: Option<String>,
    /// How to mend it, by language.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fix_hint: Option<Value>,
    /// `message`, `thread` or `connection`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impact: Option<String>,
    /// Where it happened, for instance `me - wire`.
    #[serde(rename = "where", default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// When it was noticed: ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noticed_time: Option<String>,
    /// Where its handling can be followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracking_uri: Option<String>,
    /// Whom else to tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escalation_uri: Option<String>,
    /// The code, as connections/1.0 and didexchange write it.
    #[serde(rename = "problem-code", default, skip_serializing_if = "Option::is_none")]
    pub problem_code: Option<String>,
    /// The words, as connections/1.0 and didexchange write them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explain: Option<String>,
    /// Every other member.
    #[serde(flatten)]
    pub more: Object,
}

/// `description`: a code and words in languages, or words alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Description {
    /// `{"code": …, "en": …}`.
    Coded {
        /// The symbolic name of the problem.
        code: String,
        /// The words in English.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        en: Option<String>,
        /// The words in other languages.
        #[serde(flatten)]
        more: Object,
    },
    /// Words in languages, without a code.
    Words(BTreeMap<String, Value>),
    /// Words.
    Text(String),
}

impl ProblemReport {
    /// A report with a code and words in English.
    pub fn new(code: &str, words: &str) -> Self {
        let description =
            Description::Coded { code: code.to_owned(), en: Some(words.to_owned()), more: Object::new() };
        Self { description: Some(description), ..Self::default() }
    }

    /// The code, wherever the protocol puts it.
    pub fn code(&self) -> Option<&str> {
        match &self.description {
            Some(Description::Coded { code, .. }) => Some(code),
            _ => self.problem_code.as_deref(),
        }
    }

    /// The words in English, wherever the protocol puts them.
    pub fn words(&self) -> Option<&str> {
        let described = match &self.description {
            Some(Description::Coded { en, .. }) => en.as_deref(),
            Some(Description::Words(words)) => words.get("en").and_then(Value::as_str),
            Some(Description::Text(text)) => Some(text.as_str()),
            None => None,
        };
        described.or(self.explain.as_deref())
    }
}

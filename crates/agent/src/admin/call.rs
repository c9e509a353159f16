//! A request that was checked: what its handler reads.

use serde_json::{Map, Value};

use super::Admin;
use super::check::Check;
use super::refusal::Refusal;
use super::validate::{Problems, said};

/// Which ACA-Py a controller was written for, where two of them answer differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Generation {
    /// 0.7.3.
    #[default]
    Old,
    /// 1.x.
    New,
}

/// A request whose path, query and body are as its route takes them.
#[derive(Clone, Debug)]
pub(super) struct Call {
    /// Of which API.
    pub(super) admin: Admin,
    /// The values in the path, in order.
    pub(super) path: Vec<String>,
    /// The parameters of the query.
    pub(super) query: Map<String, Value>,
    /// The members of the body that are known.
    pub(super) body: Map<String, Value>,
    /// The body as it came.
    pub(super) whole: Map<String, Value>,
    /// Whose answers are wanted.
    pub(super) generation: Generation,
}

impl Generation {
    /// That of a version: `0.7`, `0.7.3`, `1`, `1.7.0`.
    pub fn of_version(version: &str) -> Option<Self> {
        match version.trim().trim_start_matches('v').split('.').next()? {
            "0" => Some(Self::Old),
            "1" => Some(Self::New),
            _ => None,
        }
    }
}

impl Call {
    /// The first value in the path.
    pub(super) fn id(&self) -> &str {
        self.path.first().map_or("", String::as_str)
    }

    /// The first value in the path, if it has the form that it must have.
    ///
    /// # Errors
    /// 422 with what is wrong.
    pub(super) fn checked_id(&self, name: &str, check: Check) -> Result<&str, Refusal> {
        let id = self.id();
        if check.holds(id) {
            return Ok(id);
        }
        let problems = Problems::from_iter([(name.to_owned(), said(&check.words(id)))]);
        Err(Refusal::Fields { place: "match_info", problems })
    }

    /// The same call about something else.
    pub(super) fn about(&self, id: &str) -> Self {
        Self { path: vec![id.to_owned()], ..self.clone() }
    }

    /// A text of the query that is not empty.
    pub(super) fn asked(&self, name: &str) -> Option<&str> {
        self.query.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// The same, owned.
    pub(super) fn asked_owned(&self, name: &str) -> Option<String> {
        self.asked(name).map(str::to_owned)
    }

    /// A flag of the query.
    pub(super) fn asked_flag(&self, name: &str) -> Option<bool> {
        self.query.get(name).and_then(Value::as_bool)
    }

    /// A number of the query, never below zero.
    pub(super) fn asked_number(&self, name: &str) -> Option<u64> {
        self.query.get(name).and_then(Value::as_u64)
    }

    /// A text of the body that is not empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
    }

    /// A flag of the body.
    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.body.get(name).and_then(Value::as_bool)
    }

    /// The same as [`Self::text`], owned.
    pub(super) fn owned(&self, name: &str) -> Option<String> {
        self.text(name).map(str::to_owned)
    }

    /// The texts of a list in the body.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.body.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// An object in the body.
    pub(super) fn map(&self, name: &str) -> Map<String, Value> {
        self.body.get(name).and_then(Value::as_object).cloned().unwrap_or_default()
    }
}

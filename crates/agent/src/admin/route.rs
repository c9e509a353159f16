//! The table of routes: one row an operation, which requests are matched, checked and documented by.

use std::pin::Pin;

use http::{Method, StatusCode};
use serde_json::Value;

use super::call::Call;
use super::field::{Field, Shape};
use super::refusal::Refusal;
use crate::Work;

/// What carries an operation out, in a unit of work that is committed when it succeeds.
pub(super) type Handler = for<'a> fn(&'a mut Work, &'a Call) -> Outcome<'a>;
/// What is done once that is committed: it makes the answer of what the unit gave.
pub(super) type Follow = for<'a> fn(&'a Call, Value) -> Outcome<'a>;
pub(super) type Outcome<'a> = Pin<Box<dyn Future<Output = Result<Value, Refusal>> + Send + 'a>>;

/// An operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Route {
    /// Its method.
    pub(super) method: &'static str,
    /// Its path, values in braces: `/connections/{conn_id}`.
    pub(super) path: &'static str,
    /// The chapter of the document that it belongs to.
    pub(super) tag: &'static str,
    /// What it does.
    pub(super) summary: &'static str,
    /// What the query may hold.
    pub(super) query: &'static [Field],
    /// What the body may hold; none takes no body.
    pub(super) body: Option<&'static Shape>,
    /// What the answer holds; none answers `{}` or as the summary says.
    pub(super) result: Option<&'static Shape>,
    /// Whether it asks for no key.
    pub(super) is_open: bool,
    /// Whether ACA-Py 0.7.3 does not have it.
    pub(super) is_new: bool,
    /// The status of its answer.
    pub(super) status: StatusCode,
    /// What carries it out.
    pub(super) handler: Handler,
    /// What is done once that is committed.
    pub(super) follow: Option<Follow>,
}

/// What a path and a method lead to.
#[derive(Debug)]
pub(super) enum Match<'a> {
    /// This, with the values in the path.
    Route(&'a Route, Vec<&'a str>),
    /// The path is there, with other methods.
    Method(String),
    /// Nothing.
    None,
}

impl Route {
    /// An operation that reads.
    pub(super) const fn get(path: &'static str, handler: Handler) -> Self {
        Self::new("GET", path, handler)
    }

    /// An operation that does something.
    pub(super) const fn post(path: &'static str, handler: Handler) -> Self {
        Self::new("POST", path, handler)
    }

    /// Any other.
    pub(super) const fn new(method: &'static str, path: &'static str, handler: Handler) -> Self {
        Self {
            method,
            path,
            tag: "server",
            summary: "",
            query: &[],
            body: None,
            result: None,
            is_open: false,
            is_new: false,
            status: StatusCode::OK,
            handler,
            follow: None,
        }
    }

    /// The same, in a chapter, with a sentence on what it does.
    pub(super) const fn about(self, tag: &'static str, summary: &'static str) -> Self {
        Self { tag, summary, ..self }
    }

    /// The same with parameters.
    pub(super) const fn query(self, query: &'static [Field]) -> Self {
        Self { query, ..self }
    }

    /// The same with a body.
    pub(super) const fn body(self, body: &'static Shape) -> Self {
        Self { body: Some(body), ..self }
    }

    /// The same with a result.
    pub(super) const fn gives(self, result: &'static Shape) -> Self {
        Self { result: Some(result), ..self }
    }

    /// The same, answered with 201.
    pub(super) const fn created(self) -> Self {
        Self { status: StatusCode::CREATED, ..self }
    }

    /// The same for controllers of 1.x alone.
    pub(super) const fn new_in_one(self) -> Self {
        Self { is_new: true, ..self }
    }

    /// The same with something to wait for once it is committed.
    pub(super) const fn then(self, follow: Follow) -> Self {
        Self { follow: Some(follow), ..self }
    }

    /// The same without a key.
    pub(super) const fn open(self) -> Self {
        Self { is_open: true, ..self }
    }

    /// The names of the values in its path.
    pub(super) fn path_names(&self) -> impl Iterator<Item = &'static str> {
        self.path.split('/').filter_map(|part| part.strip_prefix('{').and_then(|part| part.strip_suffix('}')))
    }
}

/// Finds the operation; a fixed path goes before one with values in it.
pub(super) fn find<'a>(routes: &'a [Route], method: &Method, path: &'a str) -> Match<'a> {
    let mut best: Option<(&Route, Vec<&str>)> = None;
    let mut allowed: Vec<&str> = Vec::new();
    for route in routes {
        let Some(values) = values(route.path, path) else { continue };
        if route.method != method.as_str() {
            allowed.push(route.method);
        } else if best.as_ref().is_none_or(|(_, held)| values.len() < held.len()) {
            best = Some((route, values));
        }
    }
    match best {
        Some((route, values)) => Match::Route(route, values),
        None if allowed.is_empty() => Match::None,
        None => {
            allowed.push("OPTIONS");
            allowed.sort_unstable();
            allowed.dedup();
            Match::Method(allowed.join(","))
        }
    }
}

/// The values in a path that has the form of a pattern.
fn values<'a>(pattern: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let (mut parts, mut values) = (path.split('/'), Vec::new());
    for wanted in pattern.split('/') {
        let part = parts.next()?;
        if wanted.starts_with('{') {
            if part.is_empty() {
                return None;
            }
            values.push(part);
        } else if wanted != part {
            return None;
        }
    }
    parts.next().is_none().then_some(values)
}

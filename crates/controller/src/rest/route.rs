//! The table of routes.

use std::pin::Pin;

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::Serialize;

use super::call::Call;
use super::{BASE, reading, writing, written};
use crate::refusal::Refusal;
use crate::service::Verb;

/// One operation.
pub(super) struct Route {
    method: &'static str,
    /// Below the base; `*` is one word.
    path: &'static [&'static str],
    pub(super) status: StatusCode,
    /// Whether it is answered without a token.
    pub(super) is_open: bool,
    /// As the original's SDK names it in its errors; nothing where the last word of the path does.
    operation: &'static str,
    pub(super) handler: Handler,
}

impl Route {
    /// Whether it is for tokens that may change something.
    pub(super) fn is_change(&self) -> bool {
        self.method != "GET" || self.status == StatusCode::ACCEPTED
    }
}

/// Carries an operation out.
pub(super) type Handler = for<'a> fn(&'a Call<'a>) -> Outcome<'a>;

/// What comes of it: the JSON of the answer.
pub(super) type Outcome<'a> = Pin<Box<dyn Future<Output = Result<Bytes, Refusal>> + Send + 'a>>;

/// A route, and the words that stand for its stars.
pub(super) struct Found<'a> {
    pub(super) route: &'static Route,
    pub(super) words: Vec<&'a str>,
}

impl Found<'_> {
    /// What is counted, if it changes something: few names, whatever callers write into paths.
    pub(super) fn operation(&self) -> Option<&'static str> {
        let word = self.words.last().copied().unwrap_or_default();
        self.route.is_change().then(|| match self.route.operation {
            "" if word == CLEAR_PROCESSING => CLEAR_PROCESSING,
            "" => Verb::from_name(word).map_or("unknown", Verb::name),
            operation => operation,
        })
    }
}

/// What a unit can be told beside its nodes.
pub(super) const CLEAR_PROCESSING: &str = "clear_processing";

/// The route of a request.
pub(super) fn find<'a>(method: &Method, path: &'a str) -> Option<Found<'a>> {
    let words = words(path)?;
    ROUTES.iter().find_map(|route| {
        let stars = matched(route, &words).filter(|_| route.method == method.as_str())?;
        Some(Found { route, words: stars })
    })
}

/// The methods that a path has, for a refusal; empty if there is no such path.
pub(super) fn methods(path: &str) -> String {
    let words = words(path).unwrap_or_default();
    let routes = ROUTES.iter().filter(|route| matched(route, &words).is_some());
    let mut names: Vec<&str> = Vec::new();
    for route in routes {
        if !names.contains(&route.method) {
            names.push(route.method);
        }
    }
    names.join(", ")
}

/// What is below the base; the base itself has none, the base with a slash one that is empty.
fn words(path: &str) -> Option<Vec<&str>> {
    let below = path.strip_prefix(BASE)?;
    match below.strip_prefix('/') {
        Some(below) => Some(below.split('/').collect()),
        None if below.is_empty() => Some(Vec::new()),
        None => None,
    }
}

fn matched<'a>(route: &Route, words: &[&'a str]) -> Option<Vec<&'a str>> {
    if words.len() != route.path.len() {
        return None;
    }
    let mut stars = Vec::new();
    for (pattern, word) in route.path.iter().zip(words) {
        match *pattern {
            "*" if (1..=WORD_BYTES_MAX).contains(&word.len()) => stars.push(*word),
            pattern if pattern == *word => {}
            _ => return None,
        }
    }
    Some(stars)
}

const fn get(path: &'static [&'static str], handler: Handler) -> Route {
    Route { method: "GET", path, status: StatusCode::OK, is_open: false, operation: "", handler }
}

const fn write(
    method: &'static str,
    path: &'static [&'static str],
    operation: &'static str,
    handler: Handler,
) -> Route {
    Route { method, path, status: StatusCode::ACCEPTED, is_open: false, operation, handler }
}

async fn shown<T: Serialize>(outcome: impl Future<Output = Result<T, Refusal>>) -> Result<Bytes, Refusal> {
    written(&outcome.await?)
}

/// No name or identifier in a path is longer.
const WORD_BYTES_MAX: usize = 128;

/// The first that fits counts: fixed words stand before stars.
static ROUTES: &[Route] = &[
    get(&[], |call| Box::pin(shown(reading::base(call)))),
    Route { is_open: true, ..get(&[""], |call| Box::pin(shown(reading::base(call)))) },
    Route { is_open: true, ..get(&["health"], |call| Box::pin(shown(reading::base(call)))) },
    get(&["accounts", "authority"], |call| Box::pin(shown(reading::authority(call)))),
    get(&["version"], |call| Box::pin(shown(reading::version(call)))),
    get(&["publickey"], |call| Box::pin(shown(reading::publickey(call)))),
    get(&["vpn_catalog"], |call| Box::pin(shown(reading::vpn_catalog(call)))),
    get(&["monitoring", "targets"], |call| Box::pin(reading::targets(call))),
    get(&["vcs"], |call| Box::pin(reading::vcs(call))),
    write("POST", &["vcs"], "create vc", |call| Box::pin(shown(writing::create_vc(call)))),
    Route {
        status: StatusCode::OK,
        ..write("POST", &["vcs", "fail"], "member fail", |call| Box::pin(shown(writing::fail(call))))
    },
    get(&["vcs", "*"], |call| Box::pin(reading::vc(call))),
    write("POST", &["vcs", "*"], "add unit", |call| Box::pin(shown(writing::add_unit(call)))),
    write("PUT", &["vcs", "*"], "update vc", |call| Box::pin(shown(writing::update_vc(call)))),
    write("PATCH", &["vcs", "*"], "change owner vc", |call| Box::pin(shown(writing::change_vc(call)))),
    write("DELETE", &["vcs", "*"], "delete vc", |call| Box::pin(shown(writing::delete_vc(call)))),
    get(&["vcs", "*", "*"], |call| Box::pin(reading::unit(call))),
    write("PUT", &["vcs", "*", "*"], "add node", |call| Box::pin(shown(writing::add_nodes(call)))),
    write("DELETE", &["vcs", "*", "*"], "delete unit", |call| Box::pin(shown(writing::delete_unit(call)))),
    get(&["vcs", "*", "*", "*"], |call| Box::pin(reading::node(call))),
    write("DELETE", &["vcs", "*", "*", "*"], "delete node", |call| {
        Box::pin(shown(writing::delete_node(call)))
    }),
    write("PATCH", &["vcs", "*", "*", "*"], "", |call| Box::pin(shown(writing::tell_unit(call)))),
    Route {
        status: StatusCode::ACCEPTED,
        operation: "backup",
        ..get(&["vcs", "*", "*", "*", "backup"], |call| Box::pin(shown(writing::backup(call))))
    },
    write("PATCH", &["vcs", "*", "*", "*", "*"], "", |call| Box::pin(shown(writing::tell_node(call)))),
];

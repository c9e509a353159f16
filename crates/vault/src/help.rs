//! What engines say of their paths: the source of `?help=1`, of `vault path-help` and of the OpenAPI document
//! (`hashicorp/vault: sdk/framework/backend.go`, `path.go`, `openapi.go`).
//!
//! Every engine has one table, a [`Help`], beside its routes.

mod openapi;

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::request::Operation;
use crate::response::Response;
use crate::{Error, Result};

pub use openapi::{Document, Naming};

/// An engine's description of itself.
#[derive(Clone, Copy, Debug)]
pub struct Help {
    /// What it is for, one or several sentences.
    pub overview: &'static str,
    /// Its paths. Of those that match a request, the first speaks.
    pub paths: &'static [PathHelp],
}

impl Help {
    /// For engines without a description.
    pub const NONE: Help = Help { overview: "", paths: &[] };

    /// The answer to `?help=1` at `path`, which is relative to the mount; `naming` says where that is.
    ///
    /// # Errors
    /// 404 where no path of the table matches.
    pub fn answer(&self, path: &str, naming: &Naming<'_>) -> Result<Response> {
        let path = path.trim_end_matches('/');
        let (text, paths) = if path.is_empty() {
            (self.text(), self.paths)
        } else {
            let found = self.paths.iter().find(|known| known.matches(path)).ok_or(Error::UnsupportedPath)?;
            (found.text(path), std::slice::from_ref(found))
        };
        let mut document = Document::new();
        document.add(naming, paths);
        let body = json!({ "help": text, "see_also": Value::Null, "openapi": document.finish() });
        Ok(Response::document(200, &body))
    }

    /// Whether the description of a path is shown without a token, as the path itself is.
    pub fn is_public(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        self.paths.iter().find(|known| known.matches(path)).is_some_and(|known| known.is_public)
    }

    fn text(&self) -> String {
        let mut text = format!(
            "## DESCRIPTION\n\n{}\n\n## PATHS\n\nThe following paths are supported by this backend. To view help \
             for\nany of the paths below, use the help command with any route matching\nthe path pattern. Note that \
             depending on the policy of your auth token,\nyou may or may not be able to access certain paths.\n\n",
            self.overview
        );
        for path in self.paths {
            // Writing into a String cannot fail.
            let _ = writeln!(text, "    {}\n        {}\n", path.route(), path.synopsis);
        }
        text
    }
}

/// One path of an engine.
#[derive(Clone, Copy, Debug)]
pub struct PathHelp {
    /// Relative to the mount: `{name}` takes one segment, `{name*}` all that is left.
    pub pattern: &'static str,
    /// What it takes.
    pub operations: &'static [Operation],
    /// What it does, in one sentence.
    pub synopsis: &'static str,
    /// Its parameters, without those of the path.
    pub fields: &'static [Field],
    /// Whether it is answered without a token.
    pub is_public: bool,
    /// Whether it asks for the `sudo` capability.
    pub needs_sudo: bool,
}

impl PathHelp {
    /// A path that takes no parameters, for holders of a token.
    pub const fn new(
        pattern: &'static str,
        operations: &'static [Operation],
        synopsis: &'static str,
    ) -> Self {
        PathHelp { pattern, operations, synopsis, fields: &[], is_public: false, needs_sudo: false }
    }

    /// The same with parameters.
    pub const fn takes(mut self, fields: &'static [Field]) -> Self {
        self.fields = fields;
        self
    }

    /// The same for callers without a token.
    pub const fn public(mut self) -> Self {
        self.is_public = true;
        self
    }

    /// The same for holders of `sudo` only.
    pub const fn sudo(mut self) -> Self {
        self.needs_sudo = true;
        self
    }

    /// Whether a path, relative to the mount and without a `/` at its end, is this one.
    pub fn matches(&self, path: &str) -> bool {
        let mut given = path.split('/');
        for wanted in self.pattern.split('/') {
            let Some(segment) = given.next().filter(|segment| !segment.is_empty()) else { return false };
            match parameter(wanted) {
                Some((_, true)) => return true,
                Some((_, false)) => {}
                None if wanted == segment => {}
                None => return false,
            }
        }
        given.next().is_none()
    }

    /// The names in its pattern, in their order.
    pub fn parameters(&self) -> impl Iterator<Item = &'static str> {
        self.pattern.split('/').filter_map(parameter).map(|(name, _)| name)
    }

    /// The pattern as a regular expression, which is how Vault shows it.
    fn route(&self) -> String {
        let mut route = String::from("^");
        for (index, segment) in self.pattern.split('/').enumerate() {
            if index > 0 {
                route.push('/');
            }
            let _ = match parameter(segment) {
                Some((name, true)) => write!(route, "(?P<{name}>.+)"),
                Some((name, false)) => write!(route, "(?P<{name}>[^/]+)"),
                None => write!(route, "{segment}"),
            };
        }
        route.push('$');
        route
    }

    fn text(&self, path: &str) -> String {
        let mut text = format!(
            "Request:        {path}\nMatching Route: {}\n\n{}\n\n## PARAMETERS\n",
            self.route(),
            self.synopsis
        );
        for name in self.parameters() {
            let _ = writeln!(text, "\n    {name} (string)\n\n        A part of the path.");
        }
        for field in self.fields {
            let _ =
                writeln!(text, "\n    {} ({})\n\n        {}", field.name, field.kind.name(), field.meaning);
        }
        let _ = write!(text, "\n## DESCRIPTION\n\n{}\n", self.synopsis);
        text
    }
}

/// One parameter of a path: a field of the body, or of the query where there is no body.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its type.
    pub kind: Kind,
    /// What it means, in one sentence.
    pub meaning: &'static str,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Int,
    /// A truth value.
    Bool,
    /// A number of seconds, or text such as `1h30m`.
    Seconds,
    /// An array of texts, or text separated by commas.
    Texts,
    /// An object.
    Map,
}

impl Kind {
    /// As Vault names it.
    fn name(self) -> &'static str {
        match self {
            Kind::Text => "string",
            Kind::Int => "int",
            Kind::Bool => "bool",
            Kind::Seconds => "duration (sec)",
            Kind::Texts => "slice",
            Kind::Map => "map",
        }
    }
}

/// A text.
pub const fn text(name: &'static str, meaning: &'static str) -> Field {
    Field { name, kind: Kind::Text, meaning }
}

/// A whole number.
pub const fn int(name: &'static str, meaning: &'static str) -> Field {
    Field { name, kind: Kind::Int, meaning }
}

/// A truth value.
pub const fn flag(name: &'static str, meaning: &'static str) -> Field {
    Field { name, kind: Kind::Bool, meaning }
}

/// A span of time.
pub const fn seconds(name: &'static str, meaning: &'static str) -> Field {
    Field { name, kind: Kind::Seconds, meaning }
}

/// A list of texts.
pub const fn texts(name: &'static str, meaning: &'static str) -> Field {
    Field { name, kind: Kind::Texts, meaning }
}

/// An object.
pub const fn map(name: &'static str, meaning: &'static str) -> Field {
    Field { name, kind: Kind::Map, meaning }
}

/// The name of a segment that stands for others, and whether it takes all that is left.
fn parameter(segment: &'static str) -> Option<(&'static str, bool)> {
    let name = segment.strip_prefix('{')?.strip_suffix('}')?;
    Some(name.strip_suffix('*').map_or((name, false), |name| (name, true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Operation::{Delete, Read, Update};

    const HELP: Help = Help {
        overview: "Keeps things.",
        paths: &[
            PathHelp::new("config", &[Read, Update], "Settings.").takes(&[int("limit", "How many.")]),
            PathHelp::new("thing/{name}", &[Read, Delete], "One thing."),
            PathHelp::new("all/{path*}", &[Read], "All below.").public(),
        ],
    };

    fn matched(path: &str) -> Option<&'static str> {
        HELP.paths.iter().find(|known| known.matches(path)).map(|known| known.pattern)
    }

    #[test]
    fn paths_find_their_pattern() {
        for (path, pattern) in [
            ("config", Some("config")),
            ("config/x", None),
            ("thing", None),
            ("thing/a", Some("thing/{name}")),
            ("thing/a/b", None),
            ("all/a/b/c", Some("all/{path*}")),
            ("all", None),
        ] {
            assert_eq!(matched(path), pattern, "{path}");
        }
        assert!(HELP.is_public("all/x") && !HELP.is_public("config"));
    }

    #[test]
    fn the_text_shows_route_parameters_and_meaning() {
        let naming = Naming::new("engine/", "thing", "secrets", true);
        let body = |path: &str| -> Value {
            let answer = HELP.answer(path, &naming).unwrap();
            serde_json::from_slice(&answer.raw.unwrap().body).unwrap()
        };
        let one = body("config");
        let text = one["help"].as_str().unwrap();
        for part in
            ["Request:        config", "Matching Route: ^config$", "Settings.", "limit (int)", "How many."]
        {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(one["see_also"].is_null());
        assert!(one["openapi"]["paths"]["/engine/config"]["post"].is_object(), "{one}");
        let whole = body("");
        let text = whole["help"].as_str().unwrap();
        for part in ["Keeps things.", "^thing/(?P<name>[^/]+)$", "^all/(?P<path>.+)$"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert_eq!(HELP.answer("nothing", &naming).unwrap_err().status(), 404);
    }
}

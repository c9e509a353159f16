//! Policies: what a token may do, path by path.
//!
//! A [`Policy`] is read from HCL or JSON; an [`Acl`] is a token's policies compiled, and answers for each request.
//! Not here: where policies are stored, and which policies a token has.

mod acl;
mod builtin;
mod capabilities;
mod parse;
mod pattern;
mod permissions;
mod template;

use std::fmt;

pub use acl::{Acl, Verdict};
pub use builtin::{
    DEFAULT, RESPONSE_WRAPPING, ROOT, builtin_text, canonical_name, is_assignable, is_deletable, is_immutable,
};
pub use capabilities::Capabilities;
pub use template::{Attribute, Selector};

use pattern::Pattern;
use permissions::Permissions;
pub(crate) use permissions::glob_matches;
use template::Template;

/// Why a policy's text is refused. Shown to the client that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("failed to parse policy: {0}")]
pub struct ParseError(String);

/// A named set of rules.
#[derive(Clone)]
pub struct Policy {
    name: String,
    text: String,
    root: bool,
    rules: Vec<Rule>,
    warnings: Vec<String>,
}

impl Policy {
    /// Bytes of a policy's text.
    pub const TEXT_LEN_MAX: usize = 1024 * 1024;

    /// Reads HCL, or JSON if the text begins with `{`. The name is made [canonical](canonical_name).
    ///
    /// # Errors
    /// Texts that are malformed, too long or nested too deeply; unknown keys at the top and in a path; unknown
    /// capabilities; wildcards as `+*`; unbalanced templates; and every text under the name `root`,
    /// which has no rules.
    pub fn parse(name: &str, text: &str) -> Result<Self, ParseError> {
        let name = canonical_name(name);
        if name == ROOT {
            return Err(ParseError(format!("the policy \"{ROOT}\" has no rules")));
        }
        let (rules, warnings) = parse::rules(text).map_err(ParseError)?;
        Ok(Self { name, text: text.to_owned(), root: false, rules, warnings })
    }

    /// The policy that may do everything.
    pub fn root() -> Self {
        Self {
            name: ROOT.to_owned(),
            text: String::new(),
            root: true,
            rules: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// In lower case.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is [`Self::root`].
    pub fn is_root(&self) -> bool {
        self.root
    }

    /// Whether a path of it names its holder.
    pub fn is_templated(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule.path, RulePath::Template(_)))
    }

    /// What was read and has no effect, in words for who wrote it.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter()
    }
}

/// Without its text.
impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("name", &self.name)
            .field("rules", &self.rules.len())
            .finish_non_exhaustive()
    }
}

/// One `path` of a policy.
#[derive(Debug, Clone, PartialEq)]
struct Rule {
    path: RulePath,
    permissions: Permissions,
}

#[derive(Debug, Clone, PartialEq)]
enum RulePath {
    Fixed(Pattern),
    Template(Template),
}

impl Rule {
    /// Its pattern for one holder; `None` if it does not apply to that holder.
    fn pattern(&self, value_of: &dyn Fn(&Selector) -> Option<String>) -> Option<Pattern> {
        match &self.path {
            RulePath::Fixed(pattern) => Some(pattern.clone()),
            RulePath::Template(template) => Pattern::parse(&template.resolve(value_of)?).ok(),
        }
    }

    fn permissions(&self) -> &Permissions {
        &self.permissions
    }
}

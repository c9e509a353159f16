//! YAML as a tree that knows its lines, within bounds: documents come from users.
//!
//! Scalars stay the text that was written; what a text means is for the reader who knows the key. Texts are secret types, because
//! any of them may be a credential.

mod build;
mod write;

use std::fmt;

use trustkeep_crypto::SecretString;

pub(crate) use build::read;
pub(crate) use write::write;

/// The most bytes of one document.
pub(crate) const SIZE_MAX: usize = 1 << 20;

/// How deep lists and maps may stand within each other.
pub(crate) const DEPTH_MAX: usize = 32;

/// The most values of one document, after aliases are followed.
pub(crate) const NODES_MAX: usize = 50_000;

/// The most bytes of text in one document, after aliases are followed.
pub(crate) const TEXT_MAX: usize = 4 << 20;

/// A value and the line where it starts, from 1.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) content: Content,
}

/// What a value is.
#[derive(Debug)]
pub(crate) enum Content {
    /// A text, and whether it was written so that it can be nothing else.
    Scalar { text: SecretString, is_quoted: bool },
    /// Values in order.
    List(Vec<Node>),
    /// Values by keys, in the order of the document; no key twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a map, and its line.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) text: String,
    pub(crate) line: usize,
}

/// Why a document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct YamlError {
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl fmt::Display for YamlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

impl Node {
    pub(crate) fn scalar(line: usize, text: &str) -> Self {
        Self { line, content: Content::Scalar { text: SecretString::new(text.to_owned()), is_quoted: true } }
    }

    /// The text, if it is one that means something: not a null of YAML (`~`, nothing at all) nor of Python (`None`).
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } if !self.is_null() => Some(text.expose()),
            _ => None,
        }
    }

    /// Whether this stands for no value. `None` does so even in quotes: Python's formatting puts it there.
    pub(crate) fn is_null(&self) -> bool {
        match &self.content {
            Content::Scalar { text, is_quoted: false } => {
                matches!(text.expose(), "" | "~" | "null" | "Null" | "NULL" | "None")
            }
            Content::Scalar { text, is_quoted: true } => text.expose() == "None",
            _ => false,
        }
    }

    /// The members of a map; none of anything else.
    pub(crate) fn members(&self) -> &[(Key, Node)] {
        match &self.content {
            Content::Map(members) => members,
            _ => &[],
        }
    }

    /// The member of a map under this key.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.members().iter().find(|(each, _)| each.text == key).map(|(_, node)| node)
    }

    /// What it is, for a message that says what was expected in its place.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.content {
            _ if self.is_null() => "nothing",
            Content::Scalar { .. } => "a text",
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    pub(crate) fn duplicate(&self) -> Self {
        let content = match &self.content {
            Content::Scalar { text, is_quoted } => {
                Content::Scalar { text: text.duplicate(), is_quoted: *is_quoted }
            }
            Content::List(items) => Content::List(items.iter().map(Self::duplicate).collect()),
            Content::Map(members) => {
                Content::Map(members.iter().map(|(key, node)| (key.clone(), node.duplicate())).collect())
            }
        };
        Self { line: self.line, content }
    }
}

//! Values of a document as types; each failure names its key and line.

use trustkeep_chassis::config::nearest;

use super::CciError;
use crate::yaml::{Content, Key, Node};

/// The most bytes of a text that is no credential.
const TEXT_MAX: usize = 4096;

pub(super) type Result<T> = std::result::Result<T, CciError>;

/// A text of one line. Nothing: `None`.
pub(super) fn text<'a>(node: &'a Node, key: &str) -> Result<Option<&'a str>> {
    let Some(text) = secret(node, key)? else { return Ok(None) };
    if text.chars().any(char::is_control) {
        return Err(at(node, key, "control characters"));
    }
    if text.len() > TEXT_MAX {
        return Err(at(node, key, format!("longer than {TEXT_MAX} bytes")));
    }
    Ok(Some(text))
}

/// A text that may hold anything but NUL. Nothing, or an empty text: `None`.
pub(super) fn secret<'a>(node: &'a Node, key: &str) -> Result<Option<&'a str>> {
    match (&node.content, node.text()) {
        (_, _) if node.is_null() => Ok(None),
        (Content::Scalar { .. }, Some("")) => Ok(None),
        (Content::Scalar { .. }, Some(text)) => Ok(Some(text)),
        (Content::Map(members), _) if members.len() == 1 => {
            Err(expected(node, key, "a text (one with \": \" in it needs quotes)"))
        }
        _ => Err(expected(node, key, "a text")),
    }
}

/// A whole number of at least `min`.
pub(super) fn number(node: &Node, key: &str, min: u64) -> Result<Option<u64>> {
    let Some(text) = text(node, key)? else { return Ok(None) };
    match text.parse::<u64>() {
        Ok(number) if number >= min => Ok(Some(number)),
        _ => Err(at(node, key, format!("\"{}\" is not a whole number of {min} or more", shown(text)))),
    }
}

/// A list of texts; one text stands for a list of one. Nothing: an empty list.
pub(super) fn texts<'a>(node: &'a Node, key: &str) -> Result<Vec<(usize, &'a str)>> {
    items(node, key)?
        .into_iter()
        .map(|item| match text(item, key)? {
            Some(text) => Ok((item.line, text)),
            None => Err(at(item, key, "an empty entry")),
        })
        .collect()
}

/// The values of a list; one text stands for a list of one. Nothing: none.
pub(super) fn items<'a>(node: &'a Node, key: &str) -> Result<Vec<&'a Node>> {
    match &node.content {
        Content::List(items) => Ok(items.iter().collect()),
        _ if node.is_null() => Ok(Vec::new()),
        Content::Scalar { text, .. } if text.is_empty() => Ok(Vec::new()),
        Content::Scalar { .. } => Ok(vec![node]),
        Content::Map(_) => Err(expected(node, key, "a list of texts")),
    }
}

/// The members of a map. Nothing: none.
pub(super) fn members<'a>(node: &'a Node, key: &str) -> Result<&'a [(Key, Node)]> {
    match &node.content {
        Content::Map(members) => Ok(members),
        _ if node.is_null() => Ok(&[]),
        _ => Err(expected(node, key, "a map")),
    }
}

/// The error for a key that does not exist, with the nearest one that does.
pub(super) fn unknown<'a>(key: &Key, section: &str, known: impl IntoIterator<Item = &'a str>) -> CciError {
    let shown = shown(&key.text);
    let name = if section.is_empty() { shown } else { format!("{section}.{shown}") };
    match nearest(&key.text, known) {
        Some(near) => CciError::at(key.line, name, format!("unknown key; did you mean \"{near}\"?")),
        None => CciError::at(key.line, name, "unknown key"),
    }
}

pub(super) fn expected(node: &Node, key: &str, what: &str) -> CciError {
    at(node, key, format!("{} where {what} is expected", node.kind()))
}

pub(super) fn at(node: &Node, key: &str, message: impl std::fmt::Display) -> CciError {
    CciError::at(node.line, key, message)
}

/// What a user wrote, fit for a message: cut, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    const SHOWN_MAX: usize = 60;
    let mut shown: String =
        text.chars().take(SHOWN_MAX).map(|c| if c.is_control() { '?' } else { c }).collect();
    if text.chars().nth(SHOWN_MAX).is_some() {
        shown.push('…');
    }
    shown
}

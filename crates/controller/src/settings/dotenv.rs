use std::path::Path;

use trustkeep_chassis::config::{Problems, Source};

/// The most characters of one value, after variables are put in.
const VALUE_MAX: usize = 64 * 1024;

/// How deep `${A:-${B:-…}}` may go.
const DEPTH_MAX: usize = 8;

/// A key with its value, and the line where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// The value without its quotes, with variables put in.
    pub value: String,
    /// From 1.
    pub line: usize,
}

/// Reads a file as Docker Compose does: `KEY=value`, `KEY: value`, `export KEY=value`; `'…'` as it stands, `"…"` with `\n`, `\t`, `\r`, `\"`, `\\`
/// and variables, both over several lines; without quotes up to the end of the line or ` #`. Variables are `$NAME`, `${NAME}`,
/// `${NAME:-default}`, `${NAME-default}`, `${NAME:+other}`, `${NAME+other}`, `${NAME:?message}`, `${NAME?message}`, from `outside` or from above; `$$` is a `$`.
///
/// Lines that cannot be read are noted in `problems` and passed over. A key alone, without a value, says nothing.
pub fn parse<'a>(
    path: &Path,
    text: &str,
    outside: &dyn Fn(&str) -> Option<&'a str>,
    problems: &mut Problems,
) -> Vec<Entry> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut entries: Vec<Entry> = Vec::new();
    let mut rest = text;
    let mut line = 1;
    while !rest.is_empty() {
        let (entry, after) = next(rest, line, &|name| {
            let above =
                || entries.iter().rev().find(|entry| entry.key == name).map(|entry| entry.value.clone());
            outside(name).map(str::to_owned).or_else(above)
        });
        match entry {
            Ok(Some(entry)) => entries.push(entry),
            Ok(None) => {}
            Err((key, message)) => problems.add(Source::file(path, line), key, message),
        }
        line += rest
            .len()
            .checked_sub(after.len())
            .and_then(|end| rest.get(..end))
            .map_or(1, |read| read.matches('\n').count());
        rest = after;
    }
    entries
}

type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// One line, or several if a quoted value has several, and what follows.
fn next<'t>(
    text: &'t str,
    line: usize,
    lookup: Lookup,
) -> (Result<Option<Entry>, (String, String)>, &'t str) {
    let (first, after) = text.split_once('\n').unwrap_or((text, ""));
    let statement = first.trim();
    let statement = statement.strip_prefix("export ").map_or(statement, str::trim_start);
    if statement.is_empty() || statement.starts_with('#') {
        return (Ok(None), after);
    }
    let end = statement.find(|c: char| !(c.is_ascii_alphanumeric() || "_.-".contains(c)));
    let key = end.and_then(|end| statement.get(..end)).unwrap_or(statement);
    let behind = statement.get(key.len()..).unwrap_or_default().trim_start();
    if key.is_empty() || key.starts_with(|c: char| c.is_ascii_digit()) {
        return (Err((String::new(), "a line is KEY=value".to_owned())), after);
    }
    if behind.is_empty() {
        return (Ok(None), after);
    }
    let Some(value) = behind.strip_prefix(['=', ':']) else {
        return (Err((key.to_owned(), "a \"=\" is expected behind the key".to_owned())), after);
    };
    let value = value.trim_start_matches([' ', '\t']);
    let entry = |value: String| Some(Entry { key: key.to_owned(), value, line });
    let wrong = |message: String| (key.to_owned(), message);
    let Some(quote @ ('\'' | '"')) = value.chars().next() else {
        let end = comment(value).unwrap_or(value.len());
        let plain = value.get(..end).unwrap_or(value).trim_end();
        return (expand(plain, lookup, 0).map(entry).map_err(wrong), after);
    };
    // The value may go on over line ends, so it is looked for in all of the text.
    let start = text.len() - after.len() - usize::from(first.len() < text.len()) - trailing(first, value) + 1;
    let Some((inner, behind)) = text.get(start..).and_then(|rest| quoted(rest, quote)) else {
        return (Err(wrong(format!("the {quote} is not closed"))), after);
    };
    let (rest, after) = behind.split_once('\n').unwrap_or((behind, ""));
    if !rest.trim().is_empty() && !rest.trim_start().starts_with('#') {
        return (Err(wrong(format!("something stands behind the closing {quote}"))), after);
    }
    let value = match quote {
        '\'' => Ok(inner.replace("\\'", "'")),
        _ => expand(&unescape(inner), lookup, 0),
    };
    (value.map(entry).map_err(wrong), after)
}

/// How many bytes of the line stand from the start of `value` on.
fn trailing(line: &str, value: &str) -> usize {
    value.len() + (line.len() - line.trim_end().len())
}

/// Where a comment starts: a `#` at the start or behind a space.
fn comment(text: &str) -> Option<usize> {
    let mut before = ' ';
    text.char_indices().find_map(|(at, c)| {
        let is_start = c == '#' && before.is_whitespace();
        before = c;
        is_start.then_some(at)
    })
}

/// What stands before the closing quote, and what behind it.
fn quoted(text: &str, quote: char) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        if c == quote && !is_escaped {
            return Some((text.get(..at)?, text.get(at + 1..)?));
        }
        is_escaped = c == '\\' && !is_escaped;
    }
    None
}

/// Replaces `\n` and its like. An escaped `$` becomes `$$`, which is one `$` in the end.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some('t')) => out.push('\t'),
            ('\\', Some('r')) => out.push('\r'),
            ('\\', Some('$')) => out.push_str("$$"),
            ('\\', Some(c @ ('"' | '\\'))) => out.push(c),
            ('\\', Some(c)) => out.extend(['\\', c]),
            (c, _) => out.push(c),
        }
    }
    out
}

/// Puts variables in.
fn expand(text: &str, lookup: Lookup, depth: usize) -> Result<String, String> {
    if depth > DEPTH_MAX {
        return Err(format!("more than {DEPTH_MAX} variables within each other"));
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inner) = after.strip_prefix('{') {
            let end = closing(inner).ok_or("a \"${\" is not closed")?;
            out.push_str(&braced(inner.get(..end).unwrap_or_default(), lookup, depth)?);
            rest = inner.get(end + 1..).unwrap_or_default();
        } else if after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            let end = after.find(|c| !is_name(c)).unwrap_or(after.len());
            let (name, behind) = after.split_at_checked(end).unwrap_or((after, ""));
            out.push_str(&lookup(name).unwrap_or_default());
            rest = behind;
        } else {
            out.push('$');
            rest = after;
        }
        if out.len() > VALUE_MAX {
            return Err(format!("longer than {VALUE_MAX} bytes"));
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// The `}` that closes what was opened before the text.
fn closing(text: &str) -> Option<usize> {
    let mut open = 0_usize;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => open += 1,
            '}' if open == 0 => return Some(at),
            '}' => open -= 1,
            _ => {}
        }
        None
    })
}

/// `NAME`, `NAME:-default` and its like.
fn braced(text: &str, lookup: Lookup, depth: usize) -> Result<String, String> {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(text.len());
    let (name, operation) = text.split_at_checked(end).unwrap_or((text, ""));
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(format!("${{{text}}} names no variable"));
    }
    let value = lookup(name);
    let (operation, value) = match operation.strip_prefix(':') {
        // With a colon, an empty value is none.
        Some(operation) => (operation, value.filter(|value| !value.is_empty())),
        None => (operation, value),
    };
    let mut parts = operation.chars();
    let word = |parts: std::str::Chars<'_>| expand(parts.as_str(), lookup, depth + 1);
    match (parts.next(), value) {
        (None, value) if !text.ends_with(':') => Ok(value.unwrap_or_default()),
        (Some('-'), None) => word(parts),
        (Some('+'), Some(_)) => word(parts),
        (Some('+'), None) => Ok(String::new()),
        (Some('?'), None) => Err(format!("{name} is not set: {}", word(parts)?)),
        (Some('-' | '?'), Some(value)) => Ok(value),
        _ => Err(format!("${{{text}}} is no way to name a variable")),
    }
}

//! The configuration language of Vault's policies and server files: HCL 1, and JSON in its place.
//!
//! The `hcl-edit` and `hcl-rs` crates read HCL 2, which refuses what Vault's users write and Vault's documentation
//! shows: `path "x"` with its `{` on the next line, several attributes on one line, and quoted keys in a block
//! (`custom_response_headers { "default" = {…} }`). So this is a reader of its own: no expressions,
//! no templates (`${…}` is text, as in Vault), bounded in size and nesting, with the line of everything it read.
//!
//! A block's labels and nested objects are the same thing, as they are in HCL 1: `path "a" { … }`,
//! `path { "a" = { … } }` and `{"path": {"a": {…}}}` all become a `path` item whose object holds an `a` item.

mod lexer;

use zeroize::Zeroizing;

use lexer::{Lexer, Token};

/// Objects and lists within each other; Vault's own files need four.
const DEPTH_MAX: usize = 32;

/// `key value`, `key = value`, or `"key": value`.
pub struct Item {
    /// The name before the value.
    pub key: String,
    /// Line of the key, from 1.
    pub line: usize,
    /// What stands after it.
    pub value: Value,
}

/// A value and the line on which it begins, from 1.
pub struct Value {
    /// Line on which it begins, from 1.
    pub line: usize,
    /// The value itself.
    pub kind: Kind,
}

/// What a value is. Without `Debug`, because texts may be secrets.
pub enum Kind {
    /// In quotes, or a heredoc; perhaps a secret.
    Text(Zeroizing<String>),
    /// A whole or decimal number in decimal digits.
    Number(String),
    /// `true` or `false`.
    Bool(bool),
    /// JSON only.
    Null,
    /// In brackets.
    List(Vec<Value>),
    /// In braces; a key may occur several times.
    Object(Vec<Item>),
}

impl Kind {
    /// What a person calls it.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Text(_) => "a string",
            Kind::Number(_) => "a number",
            Kind::Bool(_) => "a boolean",
            Kind::Null => "null",
            Kind::List(_) => "a list",
            Kind::Object(_) => "a block",
        }
    }
}

/// The text is not HCL or JSON.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct SyntaxError {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What was expected.
    pub message: String,
}

/// Reads a whole text: JSON if it begins with `{`, else HCL.
///
/// # Errors
/// Where it is neither, with the place; where it is too long or nested too deeply.
pub fn parse(text: &str) -> Result<Vec<Item>, SyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let json = text.trim_start().starts_with('{');
    let mut parser = Parser { lexer: Lexer::new(text, json), json };
    let mut first = parser.lexer.next()?;
    if !json {
        return parser.items(first, None, 0);
    }
    let line = first.line;
    let Kind::Object(items) = parser.value(&mut first, 0)?.kind else {
        return Err(parser.lexer.error_at(line, 1, "expected an object"));
    };
    let rest = parser.lexer.next()?;
    match rest.token {
        Token::End => Ok(items),
        token => Err(parser.lexer.error_here(format!("expected the end of the text, found {token}"))),
    }
}

struct Parser<'a> {
    lexer: Lexer<'a>,
    json: bool,
}

impl Parser<'_> {
    /// Items up to `close`, or up to the end where there is none; `next` is the first token.
    fn items(
        &mut self,
        mut next: lexer::Located,
        close: Option<&Token>,
        depth: usize,
    ) -> Result<Vec<Item>, SyntaxError> {
        let mut items = Vec::new();
        let mut after_comma = false;
        loop {
            match (&next.token, close) {
                (Token::End, None) => return Ok(items),
                (token, Some(close)) if token == close && !(self.json && after_comma) => return Ok(items),
                (Token::Word(_) | Token::Text(_), _) => {}
                (Token::End, Some(close)) => {
                    return Err(self
                        .lexer
                        .error_here(format!("expected a key or {close}, found the end of the text")));
                }
                (token, _) => return Err(self.lexer.error_here(format!("expected a key, found {token}"))),
            }
            let item = if self.json { self.json_item(next, depth)? } else { self.item(next, depth)? };
            items.push(item);
            next = self.lexer.next()?;
            after_comma = next.token == Token::Comma;
            if after_comma {
                next = self.lexer.next()?;
            } else if self.json && Some(&next.token) != close {
                return Err(self.lexer.error_here(format!("expected \",\" or \"}}\", found {}", next.token)));
            }
        }
    }

    fn json_item(&mut self, key: lexer::Located, depth: usize) -> Result<Item, SyntaxError> {
        let Token::Text(text) = key.token else {
            return Err(self
                .lexer
                .error_here(format!("expected a key in double quotes, found {}", key.token)));
        };
        let colon = self.lexer.next()?;
        if colon.token != Token::Colon {
            return Err(self
                .lexer
                .error_here(format!("expected \":\" after \"{}\", found {}", *text, colon.token)));
        }
        let mut first = self.lexer.next()?;
        Ok(Item { key: text.to_string(), line: key.line, value: self.value(&mut first, depth)? })
    }

    /// `key = value`, `key { … }` or `key "label" … { … }`.
    fn item(&mut self, first: lexer::Located, depth: usize) -> Result<Item, SyntaxError> {
        let mut keys: Vec<(String, usize)> = Vec::new();
        let mut next = first;
        let value = loop {
            match &mut next.token {
                Token::Word(word) => keys.push((std::mem::take(word), next.line)),
                Token::Text(text) => keys.push((text.to_string(), next.line)),
                Token::Open => {
                    // Each label is a level of its own.
                    let inner = depth + keys.len().saturating_sub(1);
                    break self.value(&mut next, inner)?;
                }
                Token::Equals if keys.len() == 1 => {
                    let mut first = self.lexer.next()?;
                    break self.value(&mut first, depth)?;
                }
                token => {
                    let key = keys.last().map_or("", |(key, _)| key.as_str());
                    let expected = if keys.len() == 1 { "\"=\" or \"{\"" } else { "\"{\"" };
                    let message = format!("expected {expected} after \"{key}\", found {token}");
                    return Err(self.lexer.error_here(message));
                }
            }
            if keys.len() > DEPTH_MAX {
                return Err(self.lexer.error_here(format!("more than {DEPTH_MAX} labels")));
            }
            next = self.lexer.next()?;
        };
        let mut keys = keys.into_iter();
        let Some((key, line)) = keys.next() else {
            return Err(self.lexer.error_here("expected a key".to_owned()));
        };
        let value = keys.rev().fold(value, |value, (label, line)| Value {
            line,
            kind: Kind::Object(vec![Item { key: label, line, value }]),
        });
        Ok(Item { key, line, value })
    }

    fn value(&mut self, first: &mut lexer::Located, depth: usize) -> Result<Value, SyntaxError> {
        let line = first.line;
        let kind = match std::mem::replace(&mut first.token, Token::End) {
            Token::Text(text) => Kind::Text(text),
            Token::Number(digits) => Kind::Number(digits),
            Token::Word(word) if word == "true" => Kind::Bool(true),
            Token::Word(word) if word == "false" => Kind::Bool(false),
            Token::Word(word) if self.json && word == "null" => Kind::Null,
            Token::Open | Token::OpenList if depth >= DEPTH_MAX => {
                return Err(self.lexer.error_here(format!("more than {DEPTH_MAX} nested levels")));
            }
            Token::Open => {
                let next = self.lexer.next()?;
                Kind::Object(self.items(next, Some(&Token::Close), depth + 1)?)
            }
            Token::OpenList => Kind::List(self.list(depth + 1)?),
            token => {
                let hint =
                    if matches!(token, Token::Word(_)) { "; texts stand in double quotes" } else { "" };
                return Err(self.lexer.error_here(format!("expected a value, found {token}{hint}")));
            }
        };
        Ok(Value { line, kind })
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Value>, SyntaxError> {
        let mut values = Vec::new();
        loop {
            let mut next = self.lexer.next()?;
            // JSON has no comma before the end.
            if next.token == Token::CloseList && (!self.json || values.is_empty()) {
                return Ok(values);
            }
            values.push(self.value(&mut next, depth)?);
            match self.lexer.next()?.token {
                Token::Comma => {}
                Token::CloseList => return Ok(values),
                token => {
                    return Err(self.lexer.error_here(format!("expected \",\" or \"]\", found {token}")));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(items: &[Item]) -> String {
        let shown: Vec<_> = items
            .iter()
            .map(|item| format!("{}@{}={}", item.key, item.line, shown_value(&item.value)))
            .collect();
        shown.join(" ")
    }

    fn shown_value(value: &Value) -> String {
        match &value.kind {
            Kind::Text(text) => format!("{:?}", text.as_str()),
            Kind::Number(digits) => digits.clone(),
            Kind::Bool(bool) => bool.to_string(),
            Kind::Null => "null".to_owned(),
            Kind::List(values) => {
                format!("[{}]", values.iter().map(shown_value).collect::<Vec<_>>().join(","))
            }
            Kind::Object(items) => format!("{{{}}}", shown(items)),
        }
    }

    #[test]
    fn everything_that_vault_takes_is_read() {
        for (text, expected) in [
            ("", ""),
            ("# nothing\n// here /* at all */\n/* not\n even */", ""),
            ("a = 1", "a@1=1"),
            ("a=-1.5e3 b = 0x10, c = 010", "a@1=-1.5e3 b@1=16 c@1=8"),
            (
                "path \"a/*\"\n{\n  capabilities = [\"read\",\n \"list\",]\n}",
                "path@1={a/*@1={capabilities@3=[\"read\",\"list\"]}}",
            ),
            (
                "listener \"tcp\" { address = \"x\" tls_disable = true }",
                "listener@1={tcp@1={address@1=\"x\" tls_disable@1=true}}",
            ),
            ("h { \"default\" = { \"X-A\" = [\"b\"] } }", "h@1={default@1={X-A@1=[\"b\"]}}"),
            ("\"a\" = \"\\\"q\\\\ \\u00e9\\n\"", "a@1=\"\\\"q\\\\ é\\n\""),
            ("a = \"${ \"x\" }\"", "a@1=\"${ \\\"x\\\" }\""),
            ("a = <<EOF\none\n  two\nEOF\nb = 1", "a@1=\"one\\n  two\\n\" b@5=1"),
            ("a = <<-EOF\n  one\n    two\n  EOF\n", "a@1=\"one\\n  two\\n\""),
            ("a-b.c = false\r\nd = []\r\n", "a-b.c@1=false d@2=[]"),
            ("a = [{ b = 1 }, { b = 2 }]", "a@1=[{b@1=1},{b@1=2}]"),
            (
                "{\"a\": {\"b\": [1, null, true]},\n\"c\": \"d\\u00e9\\ud83d\\ude00\"}",
                "a@1={b@1=[1,null,true]} c@2=\"dé😀\"",
            ),
            ("\u{feff}a = 1", "a@1=1"),
        ] {
            match parse(text) {
                Ok(items) => assert_eq!(shown(&items), expected, "{text}"),
                Err(error) => panic!("{text}: {error}"),
            }
        }
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, expected) in [
            ("a", "line 1, column 2: expected \"=\" or \"{\" after \"a\", found the end of the text"),
            ("a = \n\n }", "line 3, column 2: expected a value, found \"}\""),
            ("a \"b\" = {}", "line 1, column 7: expected \"{\" after \"b\", found \"=\""),
            ("a {\n b = 1\n", "line 3, column 1: expected a key or \"}\", found the end of the text"),
            ("}", "line 1, column 1: expected a key, found \"}\""),
            ("a = \"b\nc = 1", "line 1, column 5: the string is not closed on its line"),
            ("a = [1 2]", "line 1, column 8: expected \",\" or \"]\", found a number"),
            (
                "a = info",
                "line 1, column 5: expected a value, found a bare word; texts stand in double quotes",
            ),
            ("a = 1x", "line 1, column 5: not a number; texts stand in double quotes"),
            ("a = 'b'", "line 1, column 5: texts stand in double quotes"),
            ("a = \"\\q\"", "line 1, column 6: unknown escape \\q"),
            ("/* a", "line 1, column 1: the comment is not closed"),
            ("a = <<EOF\nb", "line 1, column 5: the text up to EOF is not closed"),
            ("{\"a\": 1,}", "line 1, column 9: expected a key, found \"}\""),
            ("{\"a\": 1} x", "line 1, column 10: expected the end of the text, found a bare word"),
            ("{\"a\" 1}", "line 1, column 6: expected \":\" after \"a\", found a number"),
        ] {
            let error = parse(text).err().unwrap_or_else(|| panic!("{text} was taken"));
            assert_eq!(error.to_string(), expected, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_an_error_and_not_a_crash() {
        for text in [
            "a { ".repeat(10_000),
            format!("a = {}", "[".repeat(10_000)),
            "{\"a\":".repeat(10_000),
            format!("a {} {{}}", "\"b\" ".repeat(10_000)),
            format!("a = \"{}", "${".repeat(10_000)),
        ] {
            assert!(parse(&text).is_err());
        }
    }
}

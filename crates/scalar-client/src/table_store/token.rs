//! From text to tokens.

use trustkeep_scalar_rpc::{Error, Result};

use super::error::syntax;

/// How many bytes a statement may have.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// What kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a keyword: letters of ASCII, digits, `_` and `$`.
    Word,
    /// A name in `"`.
    Quoted,
    /// A text in `'`.
    Text,
    /// Digits.
    Integer,
    /// Digits with a point or an exponent.
    Decimal,
    /// JSON between backticks.
    Variant,
    /// Punctuation, an operator.
    Symbol,
    /// The end of the statement.
    End,
}

/// A piece of a statement.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    /// What kind.
    pub(super) kind: Kind,
    /// As it stands there.
    pub(super) text: &'a str,
    /// At which byte.
    pub(super) at: usize,
}

impl Token<'_> {
    /// What is between quotes or backticks, with doubled quotes made single.
    pub(super) fn content(&self) -> String {
        let inner = self.text.get(1..self.text.len().saturating_sub(1)).unwrap_or_default();
        match self.kind {
            Kind::Quoted => inner.replace("\"\"", "\""),
            Kind::Text => inner.replace("''", "'"),
            _ => inner.to_owned(),
        }
    }

    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind == Kind::Symbol && self.text == symbol
    }

    /// Whether it is this keyword, in any case of letters.
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text.eq_ignore_ascii_case(word)
    }
}

/// Takes a statement apart; the last token is the end.
///
/// # Errors
/// 414 (DL-TABLE-STORE-414001) at a character that begins nothing, or a quote that is not closed.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>> {
    if text.len() > MAX_BYTES {
        return Err(syntax(1, &format!("The statement is longer than {MAX_BYTES} bytes.")));
    }
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let blank = blank(rest);
        if blank > 0 {
            at += blank;
            continue;
        }
        let token =
            next(rest).map(|(kind, length)| Token { kind, text: rest.get(..length).unwrap_or(rest), at });
        let token = token.ok_or_else(|| {
            let first = rest.chars().next().map_or(0, char::len_utf8);
            unexpected(text, &Token { kind: Kind::Symbol, text: rest.get(..first).unwrap_or(rest), at })
        })?;
        at += token.text.len();
        tokens.push(token);
    }
    tokens.push(Token { kind: Kind::End, text: "<EOF>", at });
    Ok(tokens)
}

/// A token that cannot stand where it stands; lines and characters count from 1.
pub(super) fn unexpected(text: &str, token: &Token<'_>) -> Error {
    misplaced(text, token, "UNEXPECTED_TOKEN")
}

pub(super) fn misplaced(text: &str, token: &Token<'_>, why: &str) -> Error {
    let before = text.get(..token.at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let offset = before.chars().rev().take_while(|char| *char != '\n').count() + 1;
    let length = token.text.chars().count();
    syntax(1, &format!("Line={line}, Offset={offset}, Length={length}, Code={why}"))
}

/// How many bytes of blanks and comments there are; a comment that is not closed is none.
fn blank(rest: &str) -> usize {
    if rest.starts_with("--") {
        return rest.find('\n').map_or(rest.len(), |end| end + 1);
    }
    if let Some(comment) = rest.strip_prefix("/*") {
        return comment.find("*/").map_or(0, |end| end + 4);
    }
    rest.len() - rest.trim_start_matches([' ', '\t', '\r', '\n']).len()
}

fn next(rest: &str) -> Option<(Kind, usize)> {
    let first = rest.chars().next()?;
    match first {
        'a'..='z' | 'A'..='Z' | '_' | '$' => {
            let word = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '$';
            Some((Kind::Word, rest.find(|char| !word(char)).unwrap_or(rest.len())))
        }
        '0'..='9' => Some(number(rest)),
        '.' if rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit) => Some(number(rest)),
        '\'' => quoted(rest, '\'').map(|length| (Kind::Text, length)),
        '"' => quoted(rest, '"').map(|length| (Kind::Quoted, length)),
        '`' => variant(rest).map(|length| (Kind::Variant, length)),
        _ => symbol(rest).map(|length| (Kind::Symbol, length)),
    }
}

fn number(rest: &str) -> (Kind, usize) {
    let digits = |from: usize| rest.bytes().skip(from).take_while(u8::is_ascii_digit).count();
    let byte = |at: usize| rest.as_bytes().get(at).copied();
    let mut end = digits(0);
    let mut kind = Kind::Integer;
    if byte(end) == Some(b'.') {
        kind = Kind::Decimal;
        end += 1 + digits(end + 1);
    }
    if matches!(byte(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(byte(end + 1), Some(b'+' | b'-')));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            kind = Kind::Decimal;
            end += 1 + sign + exponent;
        }
    }
    (kind, end)
}

/// How long a text in quotes is; two quotes in it stand for one.
fn quoted(rest: &str, quote: char) -> Option<usize> {
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, char)) = chars.next() {
        if char == quote && chars.next_if(|(_, next)| *next == quote).is_none() {
            return Some(at + 1);
        }
    }
    None
}

/// How long JSON between backticks is; a backtick in a string of it ends nothing.
fn variant(rest: &str) -> Option<usize> {
    let mut in_string = false;
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, char)) = chars.next() {
        match char {
            '`' if !in_string => return Some(at + 1),
            '"' => in_string = !in_string,
            '\\' if in_string => {
                chars.next();
            }
            _ => {}
        }
    }
    None
}

fn symbol(rest: &str) -> Option<usize> {
    const PAIRS: [&str; 8] = ["<=", ">=", "<>", "!=", "||", "<<", ">>", "=="];
    if PAIRS.iter().any(|pair| rest.starts_with(pair)) {
        return Some(2);
    }
    rest.starts_with(|first| "^,+-/%@~*=<>[]{}():;?.&|".contains(first)).then_some(1)
}

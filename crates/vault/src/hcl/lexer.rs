//! From text to tokens.

use std::fmt;

use zeroize::Zeroizing;

use super::SyntaxError;

/// A token and the line on which it begins, from 1.
pub(super) struct Located {
    pub(super) token: Token,
    pub(super) line: usize,
}

/// The smallest parts of the language.
#[derive(PartialEq)]
pub(super) enum Token {
    /// A bare name.
    Word(String),
    /// A string or a heredoc, unescaped.
    Text(Zeroizing<String>),
    /// In decimal digits.
    Number(String),
    Equals,
    Colon,
    Comma,
    Open,
    Close,
    OpenList,
    CloseList,
    End,
}

/// For messages: never the content, which may be a secret whose quotes were forgotten.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Word(_) => f.write_str("a bare word"),
            Token::Number(_) => f.write_str("a number"),
            Token::Text(_) => f.write_str("a string"),
            Token::Equals => f.write_str("\"=\""),
            Token::Colon => f.write_str("\":\""),
            Token::Comma => f.write_str("\",\""),
            Token::Open => f.write_str("\"{\""),
            Token::Close => f.write_str("\"}\""),
            Token::OpenList => f.write_str("\"[\""),
            Token::CloseList => f.write_str("\"]\""),
            Token::End => f.write_str("the end of the text"),
        }
    }
}

/// Walks over the text once; knows where it is.
pub(super) struct Lexer<'a> {
    rest: &'a str,
    json: bool,
    line: usize,
    column: usize,
    /// Where the token that was returned last begins.
    token_line: usize,
    token_column: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str, json: bool) -> Self {
        Self { rest: text, json, line: 1, column: 1, token_line: 1, token_column: 1 }
    }

    /// An error at the token that was returned last.
    pub(super) fn error_here(&self, message: String) -> SyntaxError {
        SyntaxError { line: self.token_line, column: self.token_column, message }
    }

    pub(super) fn error_at(&self, line: usize, column: usize, message: &str) -> SyntaxError {
        SyntaxError { line, column, message: message.to_owned() }
    }

    pub(super) fn next(&mut self) -> Result<Located, SyntaxError> {
        self.skip_blanks()?;
        (self.token_line, self.token_column) = (self.line, self.column);
        let token = match self.peek() {
            None => Token::End,
            Some('"') => Token::Text(self.string()?),
            Some('<') if !self.json => Token::Text(self.heredoc()?),
            Some(c) if c.is_ascii_digit() || c == '-' => Token::Number(self.number()?),
            Some(c) if c.is_alphabetic() || c == '_' => Token::Word(self.word()),
            Some(c) => {
                let token = match c {
                    '=' if !self.json => Token::Equals,
                    ':' if self.json => Token::Colon,
                    ',' => Token::Comma,
                    '{' => Token::Open,
                    '}' => Token::Close,
                    '[' => Token::OpenList,
                    ']' => Token::CloseList,
                    '\'' => return Err(self.error_here("texts stand in double quotes".to_owned())),
                    other => return Err(self.error_here(format!("unexpected \"{}\"", other.escape_debug()))),
                };
                self.bump();
                token
            }
        };
        Ok(Located { token, line: self.token_line })
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let mut chars = self.rest.chars();
        let c = chars.next()?;
        self.rest = chars.as_str();
        if c == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(c)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(c) = self.peek().filter(|c| wanted(*c)) {
            taken.push(c);
            self.bump();
        }
        taken
    }

    fn skip_blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            if self.peek().is_some_and(char::is_whitespace) {
                self.bump();
            } else if !self.json && (self.rest.starts_with('#') || self.rest.starts_with("//")) {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.bump();
                }
            } else if !self.json && self.rest.starts_with("/*") {
                (self.token_line, self.token_column) = (self.line, self.column);
                self.bump();
                self.bump();
                while !self.rest.starts_with("*/") {
                    if self.bump().is_none() {
                        return Err(self.error_here("the comment is not closed".to_owned()));
                    }
                }
                self.bump();
                self.bump();
            } else {
                return Ok(());
            }
        }
    }

    fn word(&mut self) -> String {
        self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'))
    }

    fn number(&mut self) -> Result<String, SyntaxError> {
        let text = self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '+'));
        decimal(&text).ok_or_else(|| self.error_here("not a number; texts stand in double quotes".to_owned()))
    }

    fn string(&mut self) -> Result<Zeroizing<String>, SyntaxError> {
        let mut text = Zeroizing::new(String::new());
        // How deep in `${ … }`, whose quotes and newlines belong to the text.
        let mut braces = 0_usize;
        self.bump();
        loop {
            let (line, column) = (self.line, self.column);
            let Some(c) = self.bump() else {
                return Err(self.error_here("the string is not closed on its line".to_owned()));
            };
            match c {
                '"' if braces == 0 => return Ok(text),
                '\n' if braces == 0 => {
                    return Err(self.error_here("the string is not closed on its line".to_owned()));
                }
                '\\' if braces == 0 => {
                    let c = self.escape().map_err(|message| self.error_at(line, column, &message))?;
                    text.push(c);
                    continue;
                }
                '$' if !self.json && braces == 0 && self.peek() == Some('{') => {
                    self.bump();
                    text.push_str("${");
                    braces = 1;
                    continue;
                }
                '{' if braces > 0 => braces += 1,
                '}' if braces > 0 => braces -= 1,
                _ => {}
            }
            text.push(c);
        }
    }

    /// What stands after a backslash.
    fn escape(&mut self) -> Result<char, String> {
        match self.bump() {
            Some('n') => Ok('\n'),
            Some('t') => Ok('\t'),
            Some('r') => Ok('\r'),
            Some('a') => Ok('\u{7}'),
            Some('b') => Ok('\u{8}'),
            Some('f') => Ok('\u{c}'),
            Some('v') => Ok('\u{b}'),
            Some(c @ ('\\' | '"' | '/')) => Ok(c),
            Some('x') => self.code(2),
            Some('u') => self.code(4),
            Some('U') => self.code(8),
            Some(c) => Err(format!("unknown escape \\{}", c.escape_debug())),
            None => Err("the string is not closed on its line".to_owned()),
        }
    }

    /// A character by its number; two UTF-16 halves count as one character.
    fn code(&mut self, digits: u32) -> Result<char, String> {
        let first = self.hex(digits)?;
        if (0xd800..0xdc00).contains(&first) && self.rest.starts_with("\\u") {
            self.bump();
            self.bump();
            let second = self.hex(4)?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return char::from_u32(code).ok_or_else(|| "not a Unicode character".to_owned());
            }
        }
        char::from_u32(first).ok_or_else(|| "not a Unicode character".to_owned())
    }

    fn hex(&mut self, digits: u32) -> Result<u32, String> {
        let mut code = 0_u32;
        for _ in 0..digits {
            let digit = self.bump().and_then(|c| c.to_digit(16));
            let digit = digit.ok_or_else(|| format!("expected {digits} hexadecimal digits"))?;
            code = code
                .checked_mul(16)
                .and_then(|code| code.checked_add(digit))
                .ok_or("not a Unicode character")?;
        }
        Ok(code)
    }

    /// `<<MARK` or `<<-MARK`, lines, and `MARK` alone on a line.
    fn heredoc(&mut self) -> Result<Zeroizing<String>, SyntaxError> {
        let Some(after) = self.rest.strip_prefix("<<") else {
            return Err(self.error_here("unexpected \"<\"".to_owned()));
        };
        let head = after.split('\n').next().unwrap_or_default();
        let indented = head.starts_with('-');
        let mark = head.strip_prefix('-').unwrap_or(head).trim();
        if mark.is_empty() || !mark.chars().all(|c| c.is_alphanumeric() || c == '_') {
            return Err(self.error_here("expected a mark such as EOF after \"<<\"".to_owned()));
        }
        while self.bump().is_some_and(|c| c != '\n') {}
        let body = self.rest;
        let mut lines: Vec<&str> = Vec::new();
        for line in body.split_inclusive('\n') {
            let bare = line.trim_end_matches(['\n', '\r']);
            let closes = if indented { bare.trim_start() == mark } else { bare == mark };
            if closes {
                let indent = bare.len() - bare.trim_start().len();
                let margin = bare.get(..indent).unwrap_or_default();
                for _ in 0..bare.chars().count() {
                    self.bump();
                }
                return Ok(Zeroizing::new(unindented(&lines, margin)));
            }
            for _ in line.chars() {
                self.bump();
            }
            lines.push(line);
        }
        Err(self.error_here(format!("the text up to {mark} is not closed")))
    }
}

/// The lines without `margin`, where all of them have it.
fn unindented(lines: &[&str], margin: &str) -> String {
    if lines.iter().all(|line| line.starts_with(margin)) {
        lines.iter().filter_map(|line| line.strip_prefix(margin)).collect()
    } else {
        lines.concat()
    }
}

/// A number in decimal digits: hexadecimal (`0x10`) and octal (`010`) whole numbers are converted, as Go reads them.
fn decimal(text: &str) -> Option<String> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let sign = if digits.len() == text.len() { "" } else { "-" };
    if let Some(hex) = digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        return Some(format!("{sign}{}", u64::from_str_radix(hex, 16).ok()?));
    }
    if digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Some(format!("{sign}{}", u64::from_str_radix(digits, 8).ok()?));
    }
    let number = digits.starts_with(|c: char| c.is_ascii_digit())
        && digits.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'e' | b'E' | b'+' | b'-'))
        && digits.parse::<f64>().is_ok_and(f64::is_finite);
    number.then(|| text.to_owned())
}

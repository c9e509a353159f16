//! Goes through the tokens of a statement; what expressions, statements and queries are made of stands beside.

use trustkeep_scalar_rpc::{Error, Result};

use super::expression::Node;
use super::token::{Kind, Token, misplaced, tokens, unexpected};

/// How deep parentheses, arrays and structs may be nested.
const MAX_DEPTH: usize = 100;

/// Words that are no names without quotes: they begin or join clauses.
const RESERVED: [&str; 49] = [
    "AND",
    "AS",
    "AT",
    "BETWEEN",
    "BY",
    "CASE",
    "CREATE",
    "CROSS",
    "DELETE",
    "DISTINCT",
    "ELSE",
    "END",
    "EXCEPT",
    "EXCLUDE",
    "FALSE",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INSERT",
    "INTERSECT",
    "INTO",
    "IS",
    "JOIN",
    "LEFT",
    "LET",
    "LIKE",
    "LIMIT",
    "MISSING",
    "NOT",
    "NULL",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "RIGHT",
    "SELECT",
    "SET",
    "TRUE",
    "UNION",
    "UPDATE",
    "VALUES",
    "WHEN",
    "WHERE",
    "WITH",
    "ESCAPE",
];

/// Reads the tokens of a statement one after another.
pub(super) struct Parser<'a> {
    text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Result<Self> {
        Ok(Self { text, tokens: tokens(text)?, at: 0, depth: 0 })
    }

    /// The token that comes next; at the end the end.
    pub(super) fn peek(&self) -> Token<'a> {
        self.ahead(0)
    }

    /// The token after so many others.
    pub(super) fn ahead(&self, count: usize) -> Token<'a> {
        let end = Token { kind: Kind::End, text: "<EOF>", at: self.text.len() };
        self.tokens.get(self.at + count).copied().unwrap_or(end)
    }

    pub(super) fn advance(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += 1;
        token
    }

    /// Takes this keyword if it comes next.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let taken = self.peek().is_word(word);
        self.at += usize::from(taken);
        taken
    }

    /// Takes this symbol if it comes next.
    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let taken = self.peek().is_symbol(symbol);
        self.at += usize::from(taken);
        taken
    }

    pub(super) fn word(&mut self, word: &str) -> Result<()> {
        if self.take_word(word) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn symbol(&mut self, symbol: &str) -> Result<()> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    pub(super) fn unexpected(&self) -> Error {
        unexpected(self.text, &self.peek())
    }

    /// Whether a name comes next.
    pub(super) fn at_name(&self) -> bool {
        let token = self.peek();
        token.kind == Kind::Quoted || (token.kind == Kind::Word && !is_reserved(token.text))
    }

    /// A name, in quotes or not.
    pub(super) fn name(&mut self) -> Result<String> {
        if !self.at_name() {
            return Err(self.unexpected());
        }
        let token = self.advance();
        Ok(if token.kind == Kind::Quoted { token.content() } else { token.text.to_owned() })
    }

    /// A name with others before it, of which only the last counts.
    pub(super) fn qualified_name(&mut self) -> Result<String> {
        let mut name = self.name()?;
        while self.take_symbol(".") {
            name = self.name()?;
        }
        Ok(name)
    }

    /// Reads over what is in brackets; the opening one has been taken.
    pub(super) fn skip_brackets(&mut self) -> Result<()> {
        let mut open = 1_usize;
        while open > 0 {
            let token = self.peek();
            match (token.kind, token.text) {
                (Kind::End, _) => return Err(self.unexpected()),
                (Kind::Symbol, "(" | "[" | "{" | "<<") => open += 1,
                (Kind::Symbol, ")" | "]" | "}" | ">>") => open -= 1,
                _ => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    /// An expression in the text of an error: its tokens with single blanks.
    pub(super) fn shown(&self, node: &Node<'_>) -> String {
        let mut out = String::new();
        let mut last = "";
        for token in self.tokens.get(node.first..node.end).unwrap_or_default() {
            let tight = |text: &str, among: &[&str]| text.is_empty() || among.contains(&text);
            let opens_call = token.text == "(" && !is_reserved(last) && last.starts_with(char::is_alphabetic);
            if !tight(last, &["(", "[", "{", "<<", ".", "@"])
                && !tight(token.text, &[")", "]", "}", ">>", ".", ",", ":", "["])
                && !opens_call
            {
                out.push(' ');
            }
            out.push_str(token.text);
            last = token.text;
        }
        out
    }

    /// Which token comes next.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// One level deeper.
    pub(super) fn enter(&mut self) -> Result<()> {
        if self.depth >= MAX_DEPTH {
            return Err(misplaced(self.text, &self.peek(), "NESTED_TOO_DEEPLY"));
        }
        self.depth += 1;
        Ok(())
    }

    /// One level up again.
    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }
}

fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(word))
}

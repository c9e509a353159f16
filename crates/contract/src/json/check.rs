//! Whether a text is canonical already, in one pass and mostly without allocating.
//!
//! "No" costs no more than a parse: the parser has the last word on what is wrong, and this never says yes to a text
//! which the parser refuses.

use std::collections::HashSet;

use super::{MAX_BYTES, MAX_DEPTH, MAX_NUMBER_BYTES, Number, plain};

pub(super) fn is_canonical(text: &str) -> bool {
    if text.len() > MAX_BYTES {
        return false;
    }
    let mut checker = Checker { text, at: 0 };
    checker.value(0).is_some() && checker.at == text.len()
}

/// Names of members that are compared one by one; beyond, they are hashed.
const FEW: usize = 16;

struct Checker<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Checker<'a> {
    fn value(&mut self, depth: usize) -> Option<()> {
        match self.peek()? {
            b'"' => self.string().map(drop),
            b'{' => self.object(depth),
            b'[' => self.array(depth),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            b'-' | b'0'..=b'9' => self.number(),
            _ => None,
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.enter(depth)?;
        if self.eat(b'}') {
            return Some(());
        }
        let mut names = Names { few: [""; FEW], count: 0, many: None };
        loop {
            if self.peek()? != b'"' {
                return None;
            }
            let name = self.string()?;
            names.insert(name)?;
            self.expect(b':')?;
            self.value(depth + 1)?;
            if self.eat(b'}') {
                return Some(());
            }
            self.expect(b',')?;
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.enter(depth)?;
        if self.eat(b']') {
            return Some(());
        }
        loop {
            self.value(depth + 1)?;
            if self.eat(b']') {
                return Some(());
            }
            self.expect(b',')?;
        }
    }

    fn enter(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        (depth < MAX_DEPTH).then_some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.rest().starts_with(word.as_bytes()).then(|| self.at += word.len())
    }

    fn number(&mut self) -> Option<()> {
        let start = self.at;
        let negative = self.eat(b'-');
        let zero = self.peek()? == b'0';
        let digits = self.digits()?;
        if zero && digits > 1 {
            return None;
        }
        if !matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return (!(negative && zero) && self.at - start <= MAX_NUMBER_BYTES).then_some(());
        }
        self.expect(b'.')?;
        self.digits()?;
        if self.eat(b'E') {
            let _ = self.eat(b'-');
            self.digits()?;
        }
        let text = self.text.get(start..self.at)?;
        if text.len() > MAX_NUMBER_BYTES {
            return None;
        }
        (Number::of_text(text, false)?.to_string() == text).then_some(())
    }

    fn digits(&mut self) -> Option<usize> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        (count > 0).then_some(count)
    }

    /// What is between the quotes, escapes and all: equal texts are equal strings.
    fn string(&mut self) -> Option<&'a str> {
        self.at += 1;
        let start = self.at;
        loop {
            self.at += plain::run(self.rest());
            if self.peek()? == b'"' {
                let name = self.text.get(start..self.at)?;
                self.at += 1;
                return Some(name);
            }
            self.expect(b'\\')?;
            let kind = self.peek()?;
            self.at += 1;
            match kind {
                b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => {}
                b'u' => {
                    let code = self.text.get(self.at..self.at + 4)?;
                    let value = u8::from_str_radix(code.strip_prefix("00")?, 16).ok()?;
                    if value >= 0x20 || matches!(value, 8..=10 | 12 | 13) || format!("00{value:02X}") != code
                    {
                        return None;
                    }
                    self.at += 4;
                }
                _ => return None,
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.eat(byte).then_some(())
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }
}

/// The names of one object so far.
struct Names<'a> {
    few: [&'a str; FEW],
    count: usize,
    many: Option<HashSet<&'a str>>,
}

impl<'a> Names<'a> {
    /// `None` if it is there already.
    fn insert(&mut self, name: &'a str) -> Option<()> {
        if let Some(many) = &mut self.many {
            return many.insert(name).then_some(());
        }
        if self.few.iter().take(self.count).any(|other| *other == name) {
            return None;
        }
        match self.few.get_mut(self.count) {
            Some(place) => *place = name,
            None => self.many = Some(self.few.iter().copied().chain([name]).collect()),
        }
        self.count += 1;
        Some(())
    }
}

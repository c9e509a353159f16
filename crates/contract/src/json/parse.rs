//! From text to values.

use super::{Json, JsonError, MAX_BYTES, MAX_DEPTH, MAX_NUMBER_BYTES, Number, Object, plain};

pub(super) fn parse(text: &str) -> Result<Json, JsonError> {
    let mut parser = Parser { text, at: 0 };
    if text.len() > MAX_BYTES {
        return Err(parser.error("the JSON text is too long"));
    }
    let value = parser.value(0)?;
    parser.skip_spaces();
    match parser.peek() {
        None => Ok(value),
        Some(_) => Err(parser.error("there is more after the JSON value")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn value(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.skip_spaces();
        match self.peek() {
            Some(b'"') => Ok(Json::String(self.string()?)),
            Some(b'{') => self.object(depth),
            Some(b'[') => self.array(depth),
            Some(b't') => self.word("true", Json::Boolean(true)),
            Some(b'f') => self.word("false", Json::Boolean(false)),
            Some(b'n') => self.word("null", Json::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err(self.error("a JSON value is expected")),
            None => Err(self.error("the JSON text ends early")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.enter(depth)?;
        let mut members = Object::new();
        if self.takes(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.skip_spaces();
            if self.peek() != Some(b'"') {
                return Err(self.error("the name of a member is expected"));
            }
            let name = self.string()?;
            if !self.takes(b':') {
                return Err(self.error("a colon is expected"));
            }
            let value = self.value(depth + 1)?;
            // A name that is there already keeps its place.
            members.insert(name, value);
            if self.takes(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.takes(b',') {
                return Err(self.error("a comma or a closing brace is expected"));
            }
        }
    }

    fn array(&mut self, depth: usize) -> Result<Json, JsonError> {
        self.enter(depth)?;
        let mut elements = Vec::new();
        if self.takes(b']') {
            return Ok(Json::Array(elements));
        }
        loop {
            elements.push(self.value(depth + 1)?);
            if self.takes(b']') {
                return Ok(Json::Array(elements));
            }
            if !self.takes(b',') {
                return Err(self.error("a comma or a closing bracket is expected"));
            }
        }
    }

    fn enter(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth >= MAX_DEPTH {
            return Err(self.error("the JSON text is nested too deeply"));
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str, value: Json) -> Result<Json, JsonError> {
        let rest = self.rest();
        if !rest.starts_with(word.as_bytes()) {
            return Err(self.error("a JSON value is expected"));
        }
        self.at += word.len();
        Ok(value)
    }

    fn number(&mut self) -> Result<Json, JsonError> {
        let start = self.at;
        let negative = self.eat(b'-');
        if self.eat(b'0') {
            if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                return Err(self.error("a number starts with a zero"));
            }
        } else {
            self.digits()?;
        }
        let mut is_integer = true;
        if self.eat(b'.') {
            is_integer = false;
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            is_integer = false;
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        if self.at - start > MAX_NUMBER_BYTES {
            return Err(self.error("a number is too long"));
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        debug_assert!(negative == text.starts_with('-'));
        match Number::of_text(text, is_integer) {
            Some(number) => Ok(Json::Number(number)),
            None => Err(self.error("a number is beyond the range of a double")),
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return Err(self.error("a digit is expected"));
        }
        self.at += count;
        Ok(())
    }

    /// A string, from its opening quote.
    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut value = self.run().to_owned();
        loop {
            if self.eat(b'"') {
                return Ok(value);
            }
            if !self.eat(b'\\') {
                return Err(self.error(match self.peek() {
                    Some(_) => "a control character in a string is not escaped",
                    None => "a string does not end",
                }));
            }
            value.push(self.escape()?);
            value.push_str(self.run());
        }
    }

    /// What needs no thought, up to a quote, a backslash or a control character.
    fn run(&mut self) -> &str {
        let start = self.at;
        self.at += plain::run(self.rest());
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let Some(byte) = self.peek() else { return Err(self.error("a string does not end")) };
        self.at += 1;
        Ok(match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex()?;
                let code = match first {
                    0xd800..0xdc00 if self.eat(b'\\') && self.eat(b'u') => {
                        let second = self.hex()?;
                        if !(0xdc00..0xe000).contains(&second) {
                            return Err(self.error("a surrogate is not paired"));
                        }
                        0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    _ => first,
                };
                char::from_u32(code).ok_or_else(|| self.error("a surrogate is not paired"))?
            }
            _ => return Err(self.error("an escape is unknown")),
        })
    }

    fn hex(&mut self) -> Result<u32, JsonError> {
        let digits =
            self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(value) = digits.and_then(|text| u32::from_str_radix(text, 16).ok()) else {
            return Err(self.error("four hexadecimal digits are expected"));
        };
        self.at += 4;
        Ok(value)
    }

    fn takes(&mut self, byte: u8) -> bool {
        self.skip_spaces();
        self.eat(byte)
    }

    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn skip_spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &[u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn error(&self, what: &'static str) -> JsonError {
        JsonError { what, at: self.at }
    }
}

//! From values to canonical text.

use std::fmt;

use super::Json;

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Boolean(true) => f.write_str("true"),
            Self::Boolean(false) => f.write_str("false"),
            Self::Number(number) => write!(f, "{number}"),
            Self::String(text) => escape(text, f),
            Self::Array(elements) => {
                f.write_str("[")?;
                for (index, element) in elements.iter().enumerate() {
                    if index > 0 {
                        f.write_str(",")?;
                    }
                    element.fmt(f)?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (index, (name, value)) in members.iter().enumerate() {
                    if index > 0 {
                        f.write_str(",")?;
                    }
                    escape(name, f)?;
                    f.write_str(":")?;
                    value.fmt(f)?;
                }
                f.write_str("}")
            }
        }
    }
}

/// Appends a string in its quotes.
pub fn write_string(text: &str, out: &mut String) {
    // A `String` takes everything.
    let _ = escape(text, out);
}

fn escape(text: &str, out: &mut impl fmt::Write) -> fmt::Result {
    out.write_str("\"")?;
    let mut rest = text;
    while let Some(run) = rest.bytes().position(|byte| matches!(byte, b'"' | b'\\' | 0..0x20)) {
        let (plain, special) = rest.split_at(run);
        out.write_str(plain)?;
        let (special, after) = special.split_at(1);
        match special.bytes().next().unwrap_or_default() {
            b'"' => out.write_str("\\\"")?,
            b'\\' => out.write_str("\\\\")?,
            0x8 => out.write_str("\\b")?,
            b'\t' => out.write_str("\\t")?,
            b'\n' => out.write_str("\\n")?,
            0xc => out.write_str("\\f")?,
            b'\r' => out.write_str("\\r")?,
            control => write!(out, "\\u{control:04X}")?,
        }
        rest = after;
    }
    out.write_str(rest)?;
    out.write_str("\"")
}

//! Configuration in Java's `.properties` form, as Scalar DL's servers and clients read it.
//!
//! Lines of `name=value`, also with `:` or blanks between; `#` and `!` begin comments; `\` at a line's end carries on;
//! `\n`, `\t`, `\u0041` and so on are escapes. Two differences from Java: the text is UTF-8, and a `\u` escape that is
//! none is named with its line. Values are trimmed and `${env:NAME}` or `${env:NAME:-default}` in them is replaced; what
//! cannot be replaced stays as it stands.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use trustkeep_crypto::SecretString;
use zeroize::Zeroizing;

use crate::status::{Error, Result, StatusCode};

/// The largest file that is read, in bytes: a configuration with certificates in it is a few kilobytes.
pub const MAX_BYTES: usize = 1024 * 1024;

/// Where `${env:NAME}` is looked up; `None` if there is no such variable.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Names and values, in the order of names. An empty value counts as absent, as in the original.
#[derive(Clone, Default)]
pub struct Properties(BTreeMap<String, Zeroizing<String>>);

impl Properties {
    /// Reads a text; of a name that stands there twice the last value counts.
    ///
    /// # Errors
    /// 414 if it is longer than [`MAX_BYTES`] or holds a malformed `\u` escape, with the line's number.
    pub fn parse(text: &str, environment: Environment<'_>) -> Result<Self> {
        if text.len() > MAX_BYTES {
            return Err(invalid(format!("The properties are longer than {MAX_BYTES} bytes.")));
        }
        let mut properties = Self::default();
        let mut lines = text.split_inclusive(['\n', '\r']).enumerate();
        while let Some((number, first)) = lines.next() {
            let mut line = Zeroizing::new(content(first).to_owned());
            if line.is_empty() || line.starts_with(['#', '!']) {
                continue;
            }
            let mut last = first;
            while continues(&line) {
                line.pop();
                let Some((_, mut next)) = lines.next() else { break };
                // The second half of a line break of two characters is no line.
                if last.ends_with('\r') && next == "\n" {
                    next = lines.next().map_or("", |(_, next)| next);
                }
                line.push_str(content(next));
                last = next;
            }
            let (name, value) = split(&line);
            let unescaped = |part| {
                unescape(part)
                    .ok_or_else(|| invalid(format!("Malformed \\uxxxx encoding in line {}.", number + 1)))
            };
            properties.set(&unescaped(name)?, &unescaped(value)?, environment);
        }
        Ok(properties)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// 414 (DL-COMMON-414003) if it cannot be read, and as [`Self::parse`].
    pub fn load(path: &Path, environment: Environment<'_>) -> Result<Self> {
        Self::parse(&Zeroizing::new(read(path)?), environment)
    }

    /// Sets one value, trimmed and with what it refers to put in.
    pub fn set(&mut self, name: &str, value: &str, environment: Environment<'_>) {
        self.0.insert(name.to_owned(), Zeroizing::new(substitute(value.trim(), environment)));
    }

    /// The value, unless absent or empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The value as a secret, unless absent or empty.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<SecretString> {
        self.text(name).map(SecretString::from)
    }

    /// A number, unless absent or empty.
    ///
    /// # Errors
    /// 414 (DL-COMMON-414001) if the value is no number, or not one that `N` holds.
    pub fn number<N: FromStr>(&self, name: &str) -> Result<Option<N>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| {
            let text = format!("The specified value of the property '{name}' is not a number. Value: {text}");
            numbered(1, text)
        })
    }

    /// `true` or `false` in any case of letters, unless absent or empty.
    ///
    /// # Errors
    /// 414 (DL-COMMON-414002) if the value is neither.
    pub fn switch(&self, name: &str) -> Result<Option<bool>> {
        match self.text(name) {
            None => Ok(None),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(text) => {
                let text =
                    format!("The specified value of the property '{name}' is not a boolean. Value: {text}");
                Err(numbered(2, text))
            }
        }
    }

    /// The content of the file that the value names, unless absent or empty.
    ///
    /// # Errors
    /// 414 (DL-COMMON-414003) if it cannot be read.
    pub fn file(&self, name: &str) -> Result<Option<SecretString>> {
        self.text(name).map(|path| read(Path::new(path)).map(SecretString::new)).transpose()
    }

    /// All names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for Properties {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.names()).finish()
    }
}

fn read(path: &Path) -> Result<String> {
    let failed = |why: &dyn fmt::Display| {
        numbered(3, format!("Reading the file failed. File: {} ({why})", path.display()))
    };
    let size = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
    if usize::try_from(size).is_ok_and(|size| size <= MAX_BYTES) {
        std::fs::read_to_string(path).map_err(|error| failed(&error))
    } else {
        Err(failed(&format_args!("longer than {MAX_BYTES} bytes")))
    }
}

/// A line without what leads it and without its break.
fn content(line: &str) -> &str {
    line.trim_end_matches(['\n', '\r']).trim_start_matches(BLANKS)
}

const BLANKS: [char; 3] = [' ', '\t', '\u{c}'];

/// Whether the line ends in an odd number of backslashes.
fn continues(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

/// The name and the value: between them blanks, one `=` or `:`, blanks.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|char| {
        let ends = !escaped && (char == '=' || char == ':' || BLANKS.contains(&char));
        escaped = !escaped && char == '\\';
        ends
    });
    let (name, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_start_matches(BLANKS);
    let value = rest.strip_prefix(['=', ':']).map_or(rest, |value| value.trim_start_matches(BLANKS));
    (name, value)
}

/// `None` if a `\u` is not followed by four hexadecimal digits, or by one half of a pair without the other.
fn unescape(text: &str) -> Option<Zeroizing<String>> {
    let mut out = Zeroizing::new(String::with_capacity(text.len()));
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '\\' {
            out.push(char);
            continue;
        }
        match chars.next() {
            Some('t') => out.push('\t'),
            Some('n') => out.push('\n'),
            Some('r') => out.push('\r'),
            Some('f') => out.push('\u{c}'),
            Some('u') => {
                let first = unit(&mut chars)?;
                let mut units = vec![first];
                if (0xd800..0xdc00).contains(&first) {
                    (chars.next()? == '\\' && chars.next()? == 'u').then_some(())?;
                    units.push(unit(&mut chars)?);
                }
                out.push_str(&String::from_utf16(&units).ok()?);
            }
            Some(other) => out.push(other),
            None => {}
        }
    }
    Some(out)
}

fn unit(chars: &mut std::str::Chars<'_>) -> Option<u16> {
    let digit = |value: u32, char: char| Some(value * 16 + char.to_digit(16)?);
    let value = (0..4).try_fold(0, |value, _| digit(value, chars.next()?))?;
    u16::try_from(value).ok()
}

/// Puts variables in once: what comes from the environment is not looked through again.
fn substitute(text: &str, environment: Environment<'_>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((reference, behind)) = after.split_once('}') else { break };
        rest = behind;
        // `$${…}` is the way to write `${…}` itself.
        let kept = before.strip_suffix('$');
        out.push_str(kept.unwrap_or(before));
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        let found = match (kept, name.strip_prefix("env:")) {
            (None, Some(name)) => environment(name).or_else(|| default.map(str::to_owned)),
            (None, None) => default.map(str::to_owned),
            (Some(_), _) => None,
        };
        match found {
            Some(value) => out.push_str(&value),
            None => out.extend(["${", reference, "}"]),
        }
    }
    out.push_str(rest);
    out
}

fn numbered(id: u32, text: String) -> Error {
    Error::numbered(StatusCode::InvalidArgument, "COMMON", id, text)
}

fn invalid(text: String) -> Error {
    Error::new(StatusCode::InvalidArgument, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing(_: &str) -> Option<String> {
        None
    }

    #[test]
    fn lines_are_read_as_java_reads_them() -> Result<()> {
        let text = "# a comment \\\n! another\n\n a=1\nb : two words  \nc three\nd\ne=\n\\\nf\\=g=h=i\n\
            long = one,\\\n   two,\\\r\n   three\\\\\nu=\\u00e4\\ud83d\\ude00\\q\\n.\r\nlast=\\";
        let properties = Properties::parse(text, &nothing)?;
        let all: Vec<_> = properties.names().map(|name| (name, properties.text(name))).collect();
        let expected = [
            ("a", Some("1")),
            ("b", Some("two words")),
            ("c", Some("three")),
            ("d", None),
            ("e", None),
            ("f=g", Some("h=i")),
            ("last", None),
            ("long", Some("one,two,three\\")),
            ("u", Some("ä😀q\n.")),
        ];
        assert_eq!(all, expected);
        Ok(())
    }

    #[test]
    fn an_empty_line_ends_a_value_that_carries_on() -> Result<()> {
        let properties = Properties::parse("a=1\\\n\nb=2\r\n\r\nc=3\\\r\n\r\nd=4", &nothing)?;
        let all: Vec<_> = properties.names().filter_map(|name| properties.text(name)).collect();
        assert_eq!(all, ["1", "2", "3", "4"]);
        Ok(())
    }

    #[test]
    fn variables_are_put_in() -> Result<()> {
        let environment = |name: &str| (name == "HOST").then(|| "ledger${env:X}".to_owned());
        let text = "a=${env:HOST}:${env:PORT:-50051}\nb=${env:PORT}\nc=$${env:HOST}\nd=${x}${env:HOST\ne=${sys:y:-z}";
        let properties = Properties::parse(text, &environment)?;
        assert_eq!(properties.text("a"), Some("ledger${env:X}:50051"));
        assert_eq!(properties.text("b"), Some("${env:PORT}"));
        assert_eq!(properties.text("c"), Some("${env:HOST}"));
        assert_eq!(properties.text("d"), Some("${x}${env:HOST"));
        assert_eq!(properties.text("e"), Some("z"));
        Ok(())
    }

    #[test]
    fn values_have_kinds_and_errors_have_the_originals_numbers() -> Result<()> {
        let properties = Properties::parse("n=5\non=TRUE\nodd=maybe\nfile=/does/not/exist", &nothing)?;
        assert_eq!(properties.number::<u16>("n")?, Some(5));
        assert_eq!(properties.number::<u16>("absent")?, None);
        assert_eq!(properties.switch("on")?, Some(true));
        let sentence = |error: Error| error.message;
        assert_eq!(
            properties.number::<u16>("odd").map_err(sentence),
            Err("DL-COMMON-414001: The specified value of the property 'odd' is not a number. Value: maybe"
                .into())
        );
        assert_eq!(
            properties.switch("odd").map_err(sentence),
            Err("DL-COMMON-414002: The specified value of the property 'odd' is not a boolean. Value: maybe"
                .into())
        );
        let refused = properties.file("file").map_err(sentence).unwrap_err();
        assert!(
            refused.starts_with("DL-COMMON-414003: Reading the file failed. File: /does/not/exist"),
            "{refused}"
        );
        let refused = Properties::parse("a=1\nb=\\u12x4", &nothing).map_err(sentence).unwrap_err();
        assert!(refused.contains("line 2"), "{refused}");
        assert!(Properties::parse("b=\\ud83d", &nothing).is_err());
        Ok(())
    }

    #[test]
    fn values_are_not_shown() -> Result<()> {
        let properties = Properties::parse("password=hunter2", &nothing)?;
        assert_eq!(format!("{properties:?}"), r#"{"password"}"#);
        Ok(())
    }
}

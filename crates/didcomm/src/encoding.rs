//! base64 in every form that is met, base58, and JSON, with named fields.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::{Error, Result, base58};

/// A JSON object with its members in the order in which they came.
pub type Object = Map<String, Value>;

const ANY_PADDING: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, ANY_PADDING);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, ANY_PADDING);

/// Decodes base64 of either alphabet, padded or not (RFC 0017 and 0019 ask readers for that).
pub(crate) fn from_base64(field: impl Into<Cow<'static, str>>, text: &str) -> Result<Vec<u8>> {
    let engine = if text.contains(['+', '/']) { &STANDARD } else { &URL_SAFE };
    engine.decode(text).map_err(|_| Error::invalid(field, "not base64"))
}

/// base64url without padding, which is what the specifications ask writers for.
pub(crate) fn to_base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Appends base64url without padding.
pub(crate) fn push_base64url(bytes: &[u8], text: &mut String) {
    URL_SAFE_NO_PAD.encode_string(bytes, text);
}

pub(crate) fn to_base58(bytes: &[u8]) -> String {
    base58::encode(bytes)
}

/// Decodes base58btc of at most `chars` characters; decoding takes quadratic time.
pub(crate) fn from_base58(field: impl Into<Cow<'static, str>>, text: &str, chars: usize) -> Result<Vec<u8>> {
    if text.len() > chars {
        return Err(Error::too_large(field, chars));
    }
    base58::decode(text).ok_or_else(|| Error::invalid(field, "not base58"))
}

/// Reads a JSON object of at most `limit` bytes; serde_json bounds the depth at 128.
pub(crate) fn object(field: &'static str, bytes: &[u8], limit: usize) -> Result<Object> {
    match value(field, bytes, limit)? {
        Value::Object(object) => Ok(object),
        _ => Err(Error::invalid(field, "not a JSON object")),
    }
}

/// Reads any JSON of at most `limit` bytes.
pub(crate) fn value(field: &'static str, bytes: &[u8], limit: usize) -> Result<Value> {
    if bytes.len() > limit {
        return Err(Error::too_large(field, limit));
    }
    serde_json::from_slice(bytes).map_err(|error| Error::invalid(field, format!("not JSON: {error}")))
}

/// Reads `value` as a `T`, and says which field it was if it is none.
pub(crate) fn typed<T: DeserializeOwned>(field: impl Into<Cow<'static, str>>, value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| Error::invalid(field, error.to_string()))
}

/// The text of a member, if it is there and not null.
pub(crate) fn text<'o>(object: &'o Object, path: &str, member: &'static str) -> Result<Option<&'o str>> {
    match object.get(member) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Error::invalid(joined(path, member), "not a text")),
    }
}

/// The path of a member.
pub(crate) fn joined(path: &str, member: &'static str) -> Cow<'static, str> {
    if path.is_empty() { Cow::Borrowed(member) } else { Cow::Owned(format!("{path}.{member}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_padded_or_not() {
        for text in ["-_8", "-_8=", "+/8", "+/8="] {
            assert_eq!(from_base64("x", text).unwrap(), [0xfb, 0xff], "{text}");
        }
        for text in ["-/8", "a", "-_9", "é", "A A=", "=", "AA==="] {
            assert_eq!(from_base64("x", text).unwrap_err(), Error::invalid("x", "not base64"), "{text}");
        }
        assert_eq!(from_base64("x", "").unwrap(), b"");
    }

    #[test]
    fn depth_and_size_are_bounded() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        assert!(matches!(value("x", deep.as_bytes(), 1000).unwrap_err(), Error::Invalid { .. }));
        assert_eq!(value("x", b"{}   ", 4).unwrap_err(), Error::too_large("x", 4));
        assert_eq!(object("x", b"[]", 4).unwrap_err(), Error::invalid("x", "not a JSON object"));
    }
}

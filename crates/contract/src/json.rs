//! The one canonical form of JSON: what is hashed, compared between the two domains, and handed to clients.
//!
//! Compact; members in the order in which they came, of two with the same name the last one's value at the first one's
//! place; integers of any size digit by digit; everything with a point or an exponent as a double in its shortest
//! text, as Java writes it (`1e3` is `1000.0`); only `"`, `\` and control characters are escaped. That is what
//! Jackson's `ObjectMapper` makes of a text in Scalar DL.

mod check;
mod number;
mod object;
mod parse;
mod plain;
mod write;

use std::borrow::Cow;

pub use number::Number;
pub use object::Object;

/// How many bytes a JSON text may have.
pub const MAX_BYTES: usize = 16 << 20;
/// How deep arrays and objects may be nested.
pub const MAX_DEPTH: usize = 512;
/// How many characters a number may have.
pub const MAX_NUMBER_BYTES: usize = 1000;

/// The canonical form of a text: the text itself if it is so already, which costs one pass over it.
///
/// # Errors
/// [`JsonError`] if the text is no JSON or beyond the bounds of this module.
pub fn canonical(text: &str) -> Result<Cow<'_, str>, JsonError> {
    if check::is_canonical(text) {
        return Ok(Cow::Borrowed(text));
    }
    Ok(Cow::Owned(Json::parse(text)?.text()))
}

/// A value. Two objects with the same members in another order are equal; `1` and `1.0` are not.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number.
    Number(Number),
    /// A string.
    String(String),
    /// An array.
    Array(Vec<Json>),
    /// An object.
    Object(Object),
}

/// What is wrong with a text, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} (at byte {at})")]
pub struct JsonError {
    what: &'static str,
    at: usize,
}

impl Json {
    /// Reads one value that takes the whole text.
    ///
    /// # Errors
    /// [`JsonError`] if the text is no JSON, has an unpaired surrogate, a number beyond a double's range, or is beyond the bounds of this module.
    pub fn parse(text: &str) -> Result<Self, JsonError> {
        parse::parse(text)
    }

    /// A member of an object; nothing for another kind of value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.get(name),
            _ => None,
        }
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The elements, if it is an array.
    #[must_use]
    pub fn as_array(&self) -> Option<&[Self]> {
        match self {
            Self::Array(elements) => Some(elements),
            _ => None,
        }
    }

    /// The members, if it is an object.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Self::Object(members) => Some(members),
            _ => None,
        }
    }

    /// How many elements or members; 0 for a scalar.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Array(elements) => elements.len(),
            Self::Object(members) => members.len(),
            _ => 0,
        }
    }

    /// Whether there are no elements or members, or it is a scalar.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What kind of value it is, as Jackson's `JsonNodeType` calls it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Boolean(_) => "BOOLEAN",
            Self::Number(_) => "NUMBER",
            Self::String(_) => "STRING",
            Self::Array(_) => "ARRAY",
            Self::Object(_) => "OBJECT",
        }
    }

    /// Whether it is `null`.
    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// A text for any scalar (`asText` of Jackson); empty for arrays and objects.
    #[must_use]
    pub fn to_text(&self) -> Cow<'_, str> {
        match self {
            Self::Null => "null".into(),
            Self::Boolean(true) => "true".into(),
            Self::Boolean(false) => "false".into(),
            Self::Number(number) => number.to_string().into(),
            Self::String(text) => text.as_str().into(),
            Self::Array(_) | Self::Object(_) => "".into(),
        }
    }

    /// 32 bits of any scalar (`asInt` of Jackson): wider integers lose their upper bits, doubles are cut, strings are read as numbers, anything else is 0.
    #[must_use]
    pub fn to_int(&self) -> i32 {
        match self {
            Self::Number(number) => number.to_int(),
            Self::Boolean(value) => i32::from(*value),
            Self::String(text) => number::int_of_text(text),
            Self::Null | Self::Array(_) | Self::Object(_) => 0,
        }
    }

    /// 64 bits of any scalar (`asLong` of Jackson), in the same way.
    #[must_use]
    pub fn to_long(&self) -> i64 {
        match self {
            Self::Number(number) => number.to_long(),
            Self::Boolean(value) => i64::from(*value),
            Self::String(text) => number::long_of_text(text),
            Self::Null | Self::Array(_) | Self::Object(_) => 0,
        }
    }

    /// The truth of any scalar (`asBoolean` of Jackson): integers but 0 and the string `true` are true.
    #[must_use]
    pub fn to_boolean(&self) -> bool {
        match self {
            Self::Boolean(value) => *value,
            Self::Number(Number::Integer(value)) => *value != 0,
            Self::Number(Number::Big(_)) => true,
            Self::String(text) => text.trim() == "true",
            Self::Number(Number::Double(_)) | Self::Null | Self::Array(_) | Self::Object(_) => false,
        }
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::String(text.to_owned())
    }
}

impl From<String> for Json {
    fn from(text: String) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Boolean(value)
    }
}

impl From<u32> for Json {
    fn from(value: u32) -> Self {
        Self::Number(Number::Integer(value.into()))
    }
}

impl From<i32> for Json {
    fn from(value: i32) -> Self {
        Self::Number(Number::Integer(value.into()))
    }
}

impl From<Vec<Self>> for Json {
    fn from(elements: Vec<Self>) -> Self {
        Self::Array(elements)
    }
}

/// An object of members in their order.
#[must_use]
pub fn object<const N: usize>(members: [(&str, Json); N]) -> Json {
    Json::Object(members.into_iter().collect())
}

pub use write::write_string;

#[cfg(test)]
mod tests;

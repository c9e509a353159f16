//! Typed values of keys and columns.

use bytes::Bytes;

use crate::ColumnType;

/// One typed value. As a clustering key, values order by their bytes (text, bytes) or numerically (int).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Value {
    /// UTF-8 without the NUL character, which PostgreSQL cannot hold.
    Text(String),
    /// Any bytes.
    Bytes(Bytes),
    /// A 64-bit signed integer.
    Int(i64),
    /// A truth value; not allowed in keys.
    Bool(bool),
}

impl Value {
    /// The column type that this value fits.
    pub fn column_type(&self) -> ColumnType {
        match self {
            Value::Text(_) => ColumnType::Text,
            Value::Bytes(_) => ColumnType::Bytes,
            Value::Int(_) => ColumnType::Int,
            Value::Bool(_) => ColumnType::Bool,
        }
    }

    /// Its size in bytes as limits count it.
    pub fn size(&self) -> usize {
        match self {
            Value::Text(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::Int(_) => 8,
            Value::Bool(_) => 1,
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }

    /// The bytes, if it is a byte string.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        if let Value::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The integer, if it is one.
    pub fn as_int(&self) -> Option<i64> {
        if let Value::Int(int) = self { Some(*int) } else { None }
    }

    /// The truth value, if it is one.
    pub fn as_bool(&self) -> Option<bool> {
        if let Value::Bool(bool) = self { Some(*bool) } else { None }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Value::Bytes(bytes)
    }
}

impl From<Vec<u8>> for Value {
    fn from(bytes: Vec<u8>) -> Self {
        Value::Bytes(bytes.into())
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Self {
        Value::Int(int)
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Value::Bool(bool)
    }
}

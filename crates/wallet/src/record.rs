//! What a wallet holds.

use std::fmt;

/// One record.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// What kind of record it is, `connection` for one.
    pub category: String,
    /// Unique in its category.
    pub name: String,
    /// What it says, mostly a JSON text.
    pub value: Vec<u8>,
    /// What it is found by. A name may stand there several times.
    pub tags: Vec<Tag>,
}

/// A name and a value that a record is found by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Its name, without the `~` that marks a plain tag in queries.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether it is stored as it is, so that it can be compared by order; others are stored encrypted.
    pub is_plain: bool,
}

impl Record {
    /// A record without tags.
    pub fn new(category: impl Into<String>, name: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        Self { category: category.into(), name: name.into(), value: value.into(), tags: Vec::new() }
    }

    /// The same with one more encrypted tag.
    #[must_use]
    pub fn tagged(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.tags.push(Tag { name: name.into(), value: value.into(), is_plain: false });
        self
    }

    /// The value of the first tag of that name.
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().find(|tag| tag.name == name).map(|tag| tag.value.as_str())
    }
}

/// Values may be secret.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Record({}/{}, {} bytes)", self.category, self.name, self.value.len())
    }
}

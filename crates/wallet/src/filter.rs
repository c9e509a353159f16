//! Which records are asked for.

use crate::{Record, Tag};

/// Records of one category, in the order in which they were first put there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// Their category.
    pub category: String,
    /// What their tags have to be; `None` gives all.
    pub filter: Option<Filter>,
    /// How many are passed over.
    pub offset: u64,
    /// How many are given at most; `None` gives all.
    pub limit: Option<u64>,
    /// Whether the newest comes first.
    pub is_descending: bool,
}

/// A condition on a record's tags.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// One of the tags is this one. Encrypted and plain tags differ.
    Is(Tag),
    /// A tag of that name is there.
    Has {
        /// Its name.
        name: String,
        /// Whether a plain tag is meant.
        is_plain: bool,
    },
    /// All of them hold; of none it does.
    All(Vec<Filter>),
    /// One of them holds; of none it does not.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
}

impl Query {
    /// All records of a category.
    pub fn all(category: impl Into<String>) -> Self {
        Self { category: category.into(), filter: None, offset: 0, limit: None, is_descending: false }
    }

    /// Those of a category with an encrypted tag.
    pub fn tagged(category: impl Into<String>, name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { filter: Some(Filter::is(name, value)), ..Self::all(category) }
    }

    /// The same, so many at most.
    #[must_use]
    pub fn limited(self, limit: u64) -> Self {
        Self { limit: Some(limit), ..self }
    }
}

impl Filter {
    /// An encrypted tag has this value.
    pub fn is(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::Is(Tag { name: name.into(), value: value.into(), is_plain: false })
    }

    /// Whether it holds for a record.
    pub fn holds(&self, record: &Record) -> bool {
        match self {
            Self::Is(tag) => record.tags.contains(tag),
            Self::Has { name, is_plain } => {
                record.tags.iter().any(|tag| tag.name == *name && tag.is_plain == *is_plain)
            }
            Self::All(filters) => filters.iter().all(|filter| filter.holds(record)),
            Self::Any(filters) => filters.iter().any(|filter| filter.holds(record)),
            Self::Not(filter) => !filter.holds(record),
        }
    }
}

use std::fmt;

/// What is wrong with a document, with the key and the line where it stands. Never holds a secret's value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CciError {
    /// The key with its section (`cloud_params.volume_size`); empty where the whole document is meant.
    pub key: String,
    /// The line in the document, from 1.
    pub line: Option<usize>,
    /// What is wrong and what would be right.
    pub message: String,
}

impl CciError {
    /// An error at a key whose line is not known.
    pub fn new(key: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { key: key.into(), line: None, message: message.to_string() }
    }

    pub(super) fn at(line: usize, key: impl Into<String>, message: impl fmt::Display) -> Self {
        Self { line: Some(line), ..Self::new(key, message) }
    }
}

impl fmt::Display for CciError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "CCI line {line}: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for CciError {}

/// The most errors that are shown of one document; the others are counted.
const SHOWN_MAX: usize = 20;

/// All that is wrong with a document, in the order in which it was found, so that a user mends it in one round and not in ten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CciErrors {
    first: Vec<CciError>,
    more: usize,
}

impl CciErrors {
    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Notes an error, which is worked out only if it will be shown: a document may have very many.
    pub(super) fn add(&mut self, error: impl FnOnce() -> CciError) {
        if self.first.len() < SHOWN_MAX {
            self.first.push(error());
        } else {
            self.more += 1;
        }
    }

    /// The value; where there is none, the error is noted and an empty one stands in for it.
    pub(super) fn take<T: Default>(&mut self, outcome: Result<T, CciError>) -> T {
        outcome.unwrap_or_else(|error| {
            self.add(|| error);
            T::default()
        })
    }

    /// The value if nothing is wrong.
    pub(super) fn into_result<T>(self, value: T) -> Result<T, Self> {
        if self.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl From<CciError> for CciErrors {
    fn from(error: CciError) -> Self {
        Self { first: vec![error], more: 0 }
    }
}

impl fmt::Display for CciErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.first.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            write!(f, "{separator}{error}")?;
        }
        if self.more > 0 {
            write!(f, "\nand {} more", self.more)?;
        }
        Ok(())
    }
}

impl std::error::Error for CciErrors {}

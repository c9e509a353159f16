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

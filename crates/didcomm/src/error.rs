use std::borrow::Cow;

/// What was wrong with a message, a key, a DID or a document. It names the field and holds no secret.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A field that must be there is not.
    #[error("{field} is missing")]
    Missing {
        /// The field, with its path.
        field: Cow<'static, str>,
    },
    /// A field has another form than its specification says.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field, with its path.
        field: Cow<'static, str>,
        /// What is wrong with it.
        reason: Cow<'static, str>,
    },
    /// A field is longer, or has more members, than this crate reads.
    #[error("{field} is too large: at most {limit}")]
    TooLarge {
        /// The field, with its path.
        field: Cow<'static, str>,
        /// The bound: bytes of a text, members of a list.
        limit: usize,
    },
    /// A field is well formed and names something that is not known here.
    #[error("{field}: {value:?} is not supported")]
    Unsupported {
        /// The field, with its path.
        field: Cow<'static, str>,
        /// What it names.
        value: String,
    },
    /// An envelope was to be opened with a key for which it was not packed.
    #[error("the envelope is not addressed to the key {0}")]
    NotAddressed(String),
    /// The envelope, or the key, is not the right one. Deliberately without detail.
    #[error("{part} cannot be opened: wrong key, or the envelope was altered")]
    Open {
        /// `sender`, `encrypted_key` or `ciphertext`.
        part: &'static str,
    },
    /// A signature does not match the data and the key.
    #[error("{field}: the signature does not match")]
    Signature {
        /// The field that holds the signature.
        field: Cow<'static, str>,
    },
    /// A DID does not match the document it was made from.
    #[error("{did} is not the hash of its document")]
    Hash {
        /// The DID, or the start of a long one.
        did: String,
    },
    /// The cryptographic library refused an operation that has no reason to fail.
    #[error("the cryptographic library failed in {operation}")]
    Library {
        /// The operation that failed.
        operation: &'static str,
    },
}

/// The result of this crate's operations.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub(crate) fn missing(field: impl Into<Cow<'static, str>>) -> Self {
        Self::Missing { field: field.into() }
    }

    pub(crate) fn invalid(field: impl Into<Cow<'static, str>>, reason: impl Into<Cow<'static, str>>) -> Self {
        Self::Invalid { field: field.into(), reason: reason.into() }
    }

    pub(crate) fn too_large(field: impl Into<Cow<'static, str>>, limit: usize) -> Self {
        Self::TooLarge { field: field.into(), limit }
    }

    /// Values of others are shown up to 100 characters.
    pub(crate) fn unsupported(field: impl Into<Cow<'static, str>>, value: &str) -> Self {
        Self::Unsupported { field: field.into(), value: shortened(value) }
    }

    pub(crate) fn hash(did: &str) -> Self {
        Self::Hash { did: shortened(did) }
    }
}

fn shortened(value: &str) -> String {
    const SHOWN: usize = 100;
    match value.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", value.get(..end).unwrap_or_default()),
        None => value.to_owned(),
    }
}

//! The contract of a key management service: a key that never leaves it wraps small secrets of ours.
//!
//! Implementations live in crates of their own (`kms-aws`). They map their provider's failures to [`Error`],
//! whose messages name the missing permission or the wrong parameter, because an operator reads them at
//! night with a sealed vault in front of him.

use std::collections::BTreeMap;

use async_trait::async_trait;

use crate::SecretBytes;

#[cfg(any(test, feature = "test-util"))]
mod memory;
#[cfg(any(test, feature = "test-util"))]
pub use memory::Memory;

/// One key of a key management service.
#[async_trait]
pub trait Kms: std::fmt::Debug + Send + Sync {
    /// Wraps `plaintext` (at most 4096 bytes: a key, not a document; see [`crate::envelope`] for more).
    async fn encrypt(&self, plaintext: &SecretBytes, context: &Context) -> Result<Wrapped, Error>;

    /// Unwraps what [`Self::encrypt`] wrapped, given the same context.
    async fn decrypt(&self, wrapped: &Wrapped, context: &Context) -> Result<SecretBytes, Error>;

    /// Looks the key up, and so shows early that it exists, is usable and may be used.
    async fn describe(&self) -> Result<KeyInfo, Error>;
}

/// Names and values bound to a ciphertext. **Not secret**: the provider logs them.
pub type Context = BTreeMap<String, String>;

/// A wrapped secret, and the key that unwraps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrapped {
    /// The provider's ciphertext, opaque.
    pub ciphertext: Vec<u8>,
    /// The provider's full name of the key that was used (for AWS its ARN, even if an alias was configured).
    pub key_id: String,
}

/// What the provider says of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// The provider's full name of the key (for AWS its ARN).
    pub key_id: String,
    /// The provider's word for the key's state, for instance `Enabled` or `PendingDeletion`.
    pub state: String,
    /// Whether the key can encrypt and decrypt now.
    pub usable: bool,
    /// The text its owner gave it.
    pub description: String,
}

/// Why the key management service did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no such key.
    #[error("KMS key {key} was not found: {detail}")]
    NotFound {
        /// The key as it was configured.
        key: String,
        /// Where it was looked for.
        detail: String,
    },
    /// The credentials are valid but lack a permission.
    #[error("no permission {permission} on KMS key {key}: {detail}")]
    AccessDenied {
        /// The permission to grant, for instance `kms:Decrypt`.
        permission: String,
        /// The key as it was configured.
        key: String,
        /// The provider's message.
        detail: String,
    },
    /// There are no credentials, or the provider refuses them.
    #[error("KMS credentials were not accepted: {detail}")]
    Credentials {
        /// What was tried, and what to do.
        detail: String,
    },
    /// The key exists but is disabled, pending deletion or pending import.
    #[error("KMS key {key} cannot be used: {detail}")]
    Disabled {
        /// The key as it was configured.
        key: String,
        /// Its state, or the provider's message.
        detail: String,
    },
    /// The ciphertext was not made by this key, or not with this context, or was altered.
    #[error("KMS key {key} did not make this ciphertext, or it was altered, or the context differs")]
    InvalidCiphertext {
        /// The key as it was configured.
        key: String,
    },
    /// Too many requests; later ones may succeed.
    #[error("KMS limits the rate of requests: {detail}")]
    Throttled {
        /// The provider's message.
        detail: String,
    },
    /// The service cannot be reached or fails; later requests may succeed.
    #[error("KMS is unavailable: {detail}")]
    Unavailable {
        /// What failed.
        detail: String,
    },
    /// A setting or argument is wrong.
    #[error("KMS parameter {parameter} is wrong: {detail}")]
    Parameter {
        /// The setting or argument.
        parameter: String,
        /// What is wrong with it.
        detail: String,
    },
}

impl Error {
    /// Whether the same request may succeed later without anybody's doing.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Throttled { .. } | Self::Unavailable { .. })
    }
}

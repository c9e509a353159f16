use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{Context, Error, KeyInfo, Kms, Wrapped};
use crate::aead::Aead;
use crate::random::SystemRandom;
use crate::{Key256, SecretBytes};

/// A key held in this process. **For tests only**: it guards nothing, but can be told to fail.
#[derive(Debug)]
pub struct Memory {
    key_id: String,
    aead: Aead,
    failure: Mutex<Option<Error>>,
}

impl Memory {
    /// A key called `key_id`.
    ///
    /// # Errors
    /// Only if the provider is out of memory.
    pub fn new(key_id: impl Into<String>, key: &Key256) -> crate::Result<Self> {
        Ok(Self { key_id: key_id.into(), aead: Aead::aes256_gcm(key)?, failure: Mutex::new(None) })
    }

    /// From now on every request fails with `failure`, or, with `None`, no longer does.
    pub fn fail_with(&self, failure: Option<Error>) {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    fn ready(&self) -> Result<(), Error> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl Kms for Memory {
    async fn encrypt(&self, plaintext: &SecretBytes, context: &Context) -> Result<Wrapped, Error> {
        self.ready()?;
        let ciphertext = self
            .aead
            .seal(&SystemRandom, &bound(context), plaintext.expose())
            .map_err(|error| Error::Parameter { parameter: "plaintext".into(), detail: error.to_string() })?;
        Ok(Wrapped { ciphertext, key_id: self.key_id.clone() })
    }

    async fn decrypt(&self, wrapped: &Wrapped, context: &Context) -> Result<SecretBytes, Error> {
        self.ready()?;
        if wrapped.key_id != self.key_id {
            return Err(Error::NotFound { key: wrapped.key_id.clone(), detail: "not held in memory".into() });
        }
        self.aead
            .open(&bound(context), &wrapped.ciphertext)
            .map_err(|_| Error::InvalidCiphertext { key: self.key_id.clone() })
    }

    async fn describe(&self) -> Result<KeyInfo, Error> {
        self.ready()?;
        Ok(KeyInfo {
            key_id: self.key_id.clone(),
            state: "Enabled".into(),
            usable: true,
            description: String::new(),
        })
    }
}

/// The context as associated data; lengths keep different contexts apart.
fn bound(context: &Context) -> Vec<u8> {
    let mut bytes = Vec::new();
    for part in context.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

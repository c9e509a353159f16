//! Envelope encryption: data of any size under a fresh data key, and that key wrapped by a [`Kms`].
//!
//! The data key is random, 256 bits, used for AES-256-GCM once and then forgotten. The parts are kept apart
//! so that callers can store them in the layout they need (Vault's seal keeps them in a `BlobInfo` message:
//! `ciphertext`, `iv`, `key_info.wrapped_key`, `key_info.key_id`).

use zeroize::Zeroizing;

use crate::aead::{Aead, NONCE_LEN, TAG_LEN};
use crate::kms::{Context, Kms, Wrapped};
use crate::{Key256, Random, SecretBytes, kms, random};

/// Encrypted data and all that is needed to decrypt it, except the key in the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `ciphertext ‖ tag (16)`.
    pub ciphertext: Vec<u8>,
    /// The nonce.
    pub iv: [u8; NONCE_LEN],
    /// The data key, wrapped by the service.
    pub wrapped_key: Wrapped,
}

/// Why an envelope was not sealed or opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The key management service refused or failed.
    #[error(transparent)]
    Kms(#[from] kms::Error),
    /// The data was altered, the associated data differs, or the wrapped key belongs to other data.
    #[error("the envelope cannot be decrypted: its data was altered or belongs elsewhere")]
    Decrypt,
    /// The data is too long for one message (64 GiB), or the provider failed.
    #[error("the envelope cannot be sealed: {0}")]
    Encrypt(String),
}

/// Encrypts `plaintext` and binds it to `aad`; the wrapped key is bound to `context`.
///
/// # Errors
/// [`Error::Kms`] for the service's failures, [`Error::Encrypt`].
pub async fn seal(
    kms: &dyn Kms,
    random: &dyn Random,
    plaintext: &[u8],
    aad: &[u8],
    context: &Context,
) -> Result<Envelope, Error> {
    let data_key = Key256::random(random);
    let iv = random::array(random);
    // The copy is encrypted where it lies; should that fail, it is cleared.
    let mut buffer = Zeroizing::new(Vec::with_capacity(plaintext.len() + TAG_LEN));
    buffer.extend_from_slice(plaintext);
    let tag = Aead::aes256_gcm(&data_key)
        .and_then(|aead| aead.seal_in_place(iv, aad, &mut buffer))
        .map_err(|error| Error::Encrypt(error.to_string()))?;
    buffer.extend_from_slice(&tag);
    let wrapped_key = kms.encrypt(&data_key.to_secret_bytes(), context).await?;
    Ok(Envelope { ciphertext: std::mem::take(&mut *buffer), iv, wrapped_key })
}

/// Decrypts an envelope, given the same `aad` and `context`.
///
/// # Errors
/// [`Error::Kms`] for the service's failures, [`Error::Decrypt`].
pub async fn open(
    kms: &dyn Kms,
    envelope: &Envelope,
    aad: &[u8],
    context: &Context,
) -> Result<SecretBytes, Error> {
    let data_key = kms.decrypt(&envelope.wrapped_key, context).await?;
    let aead =
        Key256::try_from(&data_key).and_then(|key| Aead::aes256_gcm(&key)).map_err(|_| Error::Decrypt)?;
    let (ciphertext, tag) = envelope.ciphertext.split_last_chunk().ok_or(Error::Decrypt)?;
    aead.open_detached(&envelope.iv, aad, ciphertext, tag).map_err(|_| Error::Decrypt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Seeded;

    fn memory(seed: u64) -> kms::Memory {
        kms::Memory::new("key", &Key256::random(&Seeded::new(seed))).unwrap()
    }

    fn context(value: &str) -> Context {
        Context::from([("purpose".to_owned(), value.to_owned())])
    }

    #[tokio::test]
    async fn round_trip_and_every_alteration() {
        let (kms, random) = (memory(1), Seeded::new(2));
        let plaintext = vec![7; 10_000];
        let sealed = seal(&kms, &random, &plaintext, b"aad", &context("seal")).await.unwrap();
        assert!(open(&kms, &sealed, b"aad", &context("seal")).await.unwrap().ct_eq(&plaintext));

        assert_eq!(open(&kms, &sealed, b"other", &context("seal")).await.unwrap_err(), Error::Decrypt);
        let invalid = Error::Kms(kms::Error::InvalidCiphertext { key: "key".into() });
        assert_eq!(open(&kms, &sealed, b"aad", &context("other")).await.unwrap_err(), invalid);
        assert_eq!(open(&memory(9), &sealed, b"aad", &context("seal")).await.unwrap_err(), invalid);

        let mut altered = sealed.clone();
        altered.ciphertext[0] ^= 1;
        assert_eq!(open(&kms, &altered, b"aad", &context("seal")).await.unwrap_err(), Error::Decrypt);
        let mut altered = sealed.clone();
        altered.iv[0] ^= 1;
        assert_eq!(open(&kms, &altered, b"aad", &context("seal")).await.unwrap_err(), Error::Decrypt);
        let mut altered = sealed.clone();
        altered.ciphertext.truncate(3);
        assert_eq!(open(&kms, &altered, b"aad", &context("seal")).await.unwrap_err(), Error::Decrypt);
        let mut altered = sealed.clone();
        altered.wrapped_key = seal(&kms, &random, b"x", b"aad", &context("seal")).await.unwrap().wrapped_key;
        assert_eq!(open(&kms, &altered, b"aad", &context("seal")).await.unwrap_err(), Error::Decrypt);
    }

    #[tokio::test]
    async fn every_envelope_has_its_own_key() {
        let (kms, random) = (memory(1), Seeded::new(2));
        let one = seal(&kms, &random, b"same", b"", &Context::new()).await.unwrap();
        let two = seal(&kms, &random, b"same", b"", &Context::new()).await.unwrap();
        assert_ne!(one.ciphertext, two.ciphertext);
        let key = async |e: &Envelope| kms.decrypt(&e.wrapped_key, &Context::new()).await.unwrap();
        assert!(!key(&one).await.ct_eq(key(&two).await.expose()));
    }

    #[tokio::test]
    async fn failures_of_the_service_pass_through() {
        let kms = memory(1);
        let sealed = seal(&kms, &Seeded::new(2), b"x", b"", &Context::new()).await.unwrap();
        let outage = kms::Error::Unavailable { detail: "down".into() };
        assert!(outage.is_transient());
        kms.fail_with(Some(outage.clone()));
        assert_eq!(open(&kms, &sealed, b"", &Context::new()).await.unwrap_err(), Error::Kms(outage));
        kms.fail_with(None);
        open(&kms, &sealed, b"", &Context::new()).await.unwrap();
    }
}

//! Auto seals: a key management service holds the key.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OnceCell;
use trustkeep_crypto::envelope;
use trustkeep_crypto::kms::{Context, Error as KmsError, KeyInfo, Kms};
use trustkeep_crypto::{Key256, Random, SecretBytes};

use super::{SEAL_CONFIG, SealConfig, WRAPPED_ROOT_KEY, blob};
use crate::core::path_store::PathStore;
use crate::{Error, Result};

/// A seal over a key management service.
#[derive(Debug)]
pub struct AutoSeal {
    kind: String,
    kms: Arc<dyn Kms>,
    key_id: OnceCell<String>,
}

impl AutoSeal {
    /// The seal called `kind` in configurations (`awskms`, `transit`).
    pub fn new(kind: impl Into<String>, kms: Arc<dyn Kms>) -> Self {
        AutoSeal { kind: kind.into(), kms, key_id: OnceCell::new() }
    }

    /// Its name.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Looks the key up.
    ///
    /// # Errors
    /// The service's; one for a key that cannot encrypt and decrypt in its present state.
    pub async fn describe(&self) -> std::result::Result<KeyInfo, KmsError> {
        let info = self.kms.describe().await?;
        if info.usable {
            Ok(info)
        } else {
            Err(KmsError::Disabled { key: info.key_id, detail: format!("its state is {}", info.state) })
        }
    }

    /// The service's full name of the key, asked for once.
    ///
    /// # Errors
    /// The service's.
    pub async fn key_id(&self) -> std::result::Result<&str, KmsError> {
        let id = self.key_id.get_or_try_init(|| async { Ok(self.kms.describe().await?.key_id) }).await?;
        Ok(id)
    }

    /// The same, if it is known already.
    pub fn known_key_id(&self) -> Option<&str> {
        self.key_id.get().map(String::as_str)
    }

    /// Encrypts and decrypts something without meaning.
    ///
    /// # Errors
    /// The service's.
    pub async fn probe(&self, random: &dyn Random) -> std::result::Result<(), KmsError> {
        let plain = SecretBytes::random(random, PROBE_BYTES);
        let wrapped = self.kms.encrypt(&plain, &Context::new()).await?;
        let back = self.kms.decrypt(&wrapped, &Context::new()).await?;
        if back.ct_eq(plain.expose()) {
            Ok(())
        } else {
            Err(KmsError::InvalidCiphertext { key: wrapped.key_id })
        }
    }

    /// What is stored of a root key.
    ///
    /// # Errors
    /// 400 with the service's reason.
    pub async fn wrap(&self, root_key: &Key256, random: &dyn Random) -> Result<Vec<(String, Bytes)>> {
        let none = Context::new();
        let sealed = envelope::seal(self.kms.as_ref(), random, root_key.expose(), AAD, &none).await;
        let sealed = sealed.map_err(|error| {
            Error::invalid(format!("failed to encrypt keys for storage: {}", explain(&error)))
        })?;
        Ok(vec![
            (SEAL_CONFIG.into(), SealConfig::auto(&self.kind).to_json()?.into()),
            (WRAPPED_ROOT_KEY.into(), blob::encode(&sealed).into()),
        ])
    }

    /// The stored root key.
    ///
    /// # Errors
    /// 503 with the service's reason, 500 where what is stored is damaged.
    pub async fn unwrap(&self, paths: &PathStore) -> Result<Key256> {
        let envelope = stored(paths).await?;
        let opened = envelope::open(self.kms.as_ref(), &envelope, AAD, &Context::new()).await;
        let root_key = opened.map_err(|error| {
            Error::Unavailable(format!("failed to decrypt encrypted stored keys: {}", explain(&error)))
        })?;
        Key256::from_slice(root_key.expose()).map_err(Error::internal)
    }

    /// Whether the stored root key was wrapped by this seal's key.
    ///
    /// # Errors
    /// 503 with the service's reason.
    pub async fn wrapped_it(&self, paths: &PathStore) -> Result<bool> {
        let stored = stored(paths).await?;
        let here = self.key_id().await.map_err(|error| Error::Unavailable(advice(&error)))?;
        Ok(stored.wrapped_key.key_id == here)
    }
}

async fn stored(paths: &PathStore) -> Result<envelope::Envelope> {
    let Some((blob, _)) = paths.get(WRAPPED_ROOT_KEY).await? else {
        return Err(Error::internal("the wrapped root key is missing from the store"));
    };
    blob::decode(&blob).ok_or_else(|| Error::internal("the wrapped root key is damaged"))
}

fn explain(error: &envelope::Error) -> String {
    match error {
        envelope::Error::Kms(error) => advice(error),
        other => other.to_string(),
    }
}

/// What a key management service refused, and what to do about it.
pub fn advice(error: &KmsError) -> String {
    let what_to_do = match error {
        KmsError::NotFound { .. } => "check the key's id or alias, the region and the account",
        KmsError::AccessDenied { .. } => {
            "grant it to the server's credentials in their policy and in the key's policy"
        }
        KmsError::Credentials { .. } => "check the credentials in the seal stanza or the environment",
        KmsError::Disabled { .. } => "enable the key, or cancel its deletion",
        KmsError::InvalidCiphertext { .. } => {
            "the root key was sealed by another key: configure that one, or migrate from it"
        }
        KmsError::Parameter { .. } => "correct it in the seal stanza or the environment",
        _ => "it is tried again",
    };
    format!("{error} ({what_to_do})")
}

const AAD: &[u8] = WRAPPED_ROOT_KEY.as_bytes();
const PROBE_BYTES: usize = 32;

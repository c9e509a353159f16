//! Break-glass: the root key once more, under a key whose shares people hold, for the day the key management
//! service's key is lost.
//!
//! The key itself also stands behind the barrier, so that every change of the root key wraps the new one too: the
//! shares stay good. Who can read it there has the root key already.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use trustkeep_crypto::{Key256, Random};

use super::SealConfig;
use crate::core::keyring::cipher;
use crate::core::path_store::PathStore;
use crate::{Error, Result};

/// The second wrapping of the root key, stored in the clear.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BreakGlass {
    /// How many hold shares.
    pub secret_shares: u8,
    /// How many open the barrier.
    pub secret_threshold: u8,
    /// When it was made, unix nanoseconds.
    pub created: i64,
    /// Base64 of nonce, the root key under the break-glass key, and tag.
    wrapped: String,
}

impl BreakGlass {
    /// The stored one.
    ///
    /// # Errors
    /// 500 where it is damaged, and the store's.
    pub async fn load(paths: &PathStore) -> Result<Option<Self>> {
        match paths.get(BREAK_GLASS).await? {
            Some((json, _)) => serde_json::from_slice(&json)
                .map(Some)
                .map_err(|error| Error::internal(format!("{BREAK_GLASS} is damaged: {error}"))),
            None => Ok(None),
        }
    }

    /// Wraps a root key under `key`, whose shares `holders` hold.
    ///
    /// # Errors
    /// 500 where the cryptography fails.
    pub fn wrap(
        holders: &SealConfig,
        created: i64,
        key: &Key256,
        root_key: &Key256,
        random: &dyn Random,
    ) -> Result<Self> {
        let wrapped = cipher(key)?.seal(random, AAD, root_key.expose()).map_err(Error::internal)?;
        Ok(BreakGlass {
            secret_shares: holders.secret_shares,
            secret_threshold: holders.secret_threshold,
            created,
            wrapped: STANDARD.encode(wrapped),
        })
    }

    /// The root key.
    ///
    /// # Errors
    /// 400 where `key` is another one.
    pub fn unwrap(&self, key: &Key256) -> Result<Key256> {
        let wrapped = STANDARD.decode(&self.wrapped).map_err(Error::internal)?;
        let root_key = cipher(key)?
            .open(AAD, &wrapped)
            .map_err(|_| Error::invalid("the shares are not this vault's break-glass shares"))?;
        Key256::from_slice(root_key.expose()).map_err(Error::internal)
    }

    /// Who holds it.
    pub fn holders(&self) -> SealConfig {
        SealConfig {
            kind: super::SHAMIR.into(),
            secret_shares: self.secret_shares,
            secret_threshold: self.secret_threshold,
        }
    }

    /// What is stored.
    ///
    /// # Errors
    /// None in practice.
    pub fn put(&self) -> Result<(String, Bytes)> {
        Ok((BREAK_GLASS.into(), serde_json::to_vec(self).map_err(Error::internal)?.into()))
    }
}

/// Where the second wrapping stands.
pub(in crate::core) const BREAK_GLASS: &str = "core/break-glass";
/// Where its key stands, behind the barrier.
pub(in crate::core) const BREAK_GLASS_KEY: &str = "core/break-glass-key";
const AAD: &[u8] = BREAK_GLASS.as_bytes();

//! The Shamir seal: shares rebuild a key that decrypts the stored root key (`hashicorp/vault: vault/seal.go`, form
//! of 1.3 and later).

use bytes::Bytes;
use trustkeep_crypto::{Key256, Random};

use super::{SEAL_CONFIG, SealConfig, WRAPPED_ROOT_KEY};
use crate::core::keyring::cipher;
use crate::core::path_store::PathStore;
use crate::{Error, Result};

/// What is stored of a root key that `key` unwraps.
///
/// # Errors
/// 500 where the cryptography fails.
pub(in crate::core) fn wrap(
    config: &SealConfig,
    key: &Key256,
    root_key: &Key256,
    random: &dyn Random,
) -> Result<Vec<(String, Bytes)>> {
    let wrapped = cipher(key)?.seal(random, AAD, root_key.expose()).map_err(Error::internal)?;
    Ok(vec![(SEAL_CONFIG.into(), config.to_json()?.into()), (WRAPPED_ROOT_KEY.into(), wrapped.into())])
}

/// The root key that `key` unwraps.
///
/// # Errors
/// 400 where it is another key.
pub(in crate::core) async fn unwrap(paths: &PathStore, key: &Key256) -> Result<Key256> {
    let Some((wrapped, _)) = paths.get(WRAPPED_ROOT_KEY).await? else {
        return Err(Error::internal("the wrapped root key is missing from the store"));
    };
    let root_key = cipher(key)?.open(AAD, &wrapped).map_err(|_| {
        Error::invalid("failed to decrypt encrypted stored keys: cipher: message authentication failed")
    })?;
    Key256::from_slice(root_key.expose()).map_err(Error::internal)
}

const AAD: &[u8] = WRAPPED_ROOT_KEY.as_bytes();

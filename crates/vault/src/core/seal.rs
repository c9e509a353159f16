//! The Shamir seal: who can open the barrier.
//!
//! Shares rebuild a key that decrypts the stored root key; the root key decrypts the keyring
//! (`hashicorp/vault: vault/seal.go`, form of 1.3 and later). A share is the value bytes followed by its
//! x coordinate; a single share of one is the key itself.

use serde::{Deserialize, Serialize};
use trustkeep_crypto::{Key256, Random, SecretBytes, random, shamir};

use super::keyring::cipher;
use super::path_store::{PathBatch, PathStore};
use crate::{Error, Result};

/// How the barrier is sealed: stored in the clear, since it is needed to unseal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealConfig {
    /// `shamir`.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many shares there are, 1 to 255.
    pub secret_shares: u8,
    /// How many open the barrier.
    pub secret_threshold: u8,
}

impl SealConfig {
    /// Checks the numbers that an operator asked for.
    ///
    /// # Errors
    /// 400 in Vault's words.
    pub fn shamir(shares: i64, threshold: i64) -> Result<Self> {
        let refuse = |message: &str| Err(Error::invalid(format!("invalid seal configuration: {message}")));
        if shares < 1 {
            return refuse("shares must be at least one");
        }
        if threshold < 1 {
            return refuse("threshold must be at least one");
        }
        if shares > 1 && threshold == 1 {
            return refuse("threshold must be greater than one for multiple shares");
        }
        let (Ok(secret_shares), Ok(secret_threshold)) = (u8::try_from(shares), u8::try_from(threshold))
        else {
            return refuse("shares must be less than 256");
        };
        if threshold > shares {
            return refuse("threshold cannot be larger than shares");
        }
        Ok(SealConfig { kind: "shamir".into(), secret_shares, secret_threshold })
    }

    /// The stored configuration; `None` before initialisation.
    ///
    /// # Errors
    /// 500 where it is damaged, and the store's.
    pub async fn load(paths: &PathStore) -> Result<Option<Self>> {
        match paths.get(SEAL_CONFIG).await? {
            Some((json, _)) => serde_json::from_slice(&json)
                .map(Some)
                .map_err(|error| Error::internal(format!("the seal's configuration is damaged: {error}"))),
            None => Ok(None),
        }
    }

    /// Splits a new key, wraps the root key under it, and returns the shares with what is to be stored.
    ///
    /// # Errors
    /// 500 where the cryptography fails.
    pub fn wrap(&self, root_key: &Key256, random: &dyn Random) -> Result<(Vec<SecretBytes>, PathBatch)> {
        let key = Key256::random(random);
        let wrapped = cipher(&key)?.seal(random, AAD, root_key.expose()).map_err(Error::internal)?;
        let shares = if self.secret_shares == 1 {
            vec![key.to_secret_bytes()]
        } else {
            let (shares, threshold) = (usize::from(self.secret_shares), usize::from(self.secret_threshold));
            shamir::split(key.expose(), shares, threshold, random).map_err(Error::internal)?
        };
        let config = serde_json::to_vec(self).map_err(Error::internal)?;
        let puts = vec![(SEAL_CONFIG.into(), config.into()), (WRAPPED_ROOT_KEY.into(), wrapped.into())];
        let expectations = vec![(SEAL_CONFIG.into(), None)];
        Ok((shares, PathBatch { expectations, puts, deletes: Vec::new() }))
    }

    /// The root key, from as many shares as the threshold asks for.
    ///
    /// # Errors
    /// 400 where they are not shares of this seal's key.
    pub async fn unwrap(&self, paths: &PathStore, shares: &[SecretBytes]) -> Result<Key256> {
        let wrong = |_| {
            Error::invalid("failed to decrypt encrypted stored keys: cipher: message authentication failed")
        };
        let key = match shares {
            [only] if self.secret_threshold == 1 => only.duplicate(),
            several => shamir::combine(several)
                .map_err(|error| Error::invalid(format!("failed to compute combined key: {error}")))?,
        };
        let key = Key256::from_slice(key.expose()).map_err(wrong)?;
        let Some((wrapped, _)) = paths.get(WRAPPED_ROOT_KEY).await? else {
            return Err(Error::internal("the wrapped root key is missing from the store"));
        };
        let root_key = cipher(&key)?.open(AAD, &wrapped).map_err(wrong)?;
        Key256::from_slice(root_key.expose()).map_err(Error::internal)
    }
}

/// The shares that were given so far.
#[derive(Debug, Default)]
pub struct UnsealProgress {
    /// Names the attempt; empty before its first share.
    pub nonce: String,
    shares: Vec<SecretBytes>,
}

impl UnsealProgress {
    /// How many shares there are.
    pub fn len(&self) -> usize {
        self.shares.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }

    /// Adds a share (hex or base64); one that is already there changes nothing. Returns all of them once
    /// they are as many as `config` asks for, and starts over.
    ///
    /// # Errors
    /// 400 where the share is malformed.
    pub fn add(
        &mut self,
        share: &str,
        config: &SealConfig,
        random: &dyn Random,
    ) -> Result<Option<Vec<SecretBytes>>> {
        let share = decode_share(share)?;
        let expected = if config.secret_shares == 1 { 32 } else { 33 };
        if share.len() < expected {
            return Err(Error::invalid(format!("key is shorter than minimum {expected} bytes")));
        }
        if share.len() > expected {
            return Err(Error::invalid(format!("key is longer than maximum {expected} bytes")));
        }
        if self.shares.iter().any(|other| other.ct_eq(share.expose())) {
            return Ok(None);
        }
        if self.nonce.is_empty() {
            self.nonce = random::uuid(random).to_string();
        }
        self.shares.push(share);
        if self.shares.len() < usize::from(config.secret_threshold) {
            return Ok(None);
        }
        Ok(Some(std::mem::take(self).shares))
    }
}

fn decode_share(text: &str) -> Result<SecretBytes> {
    SecretBytes::from_hex(text)
        .or_else(|_| SecretBytes::from_base64(text))
        .map_err(|_| Error::invalid("'key' must be a valid hex or base64 string"))
}

const SEAL_CONFIG: &str = "core/seal-config";
const WRAPPED_ROOT_KEY: &str = "core/hsm/barrier-unseal-keys";
const AAD: &[u8] = WRAPPED_ROOT_KEY.as_bytes();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_numbers_are_held_to_vaults_rules() {
        for (shares, threshold, valid) in [
            (1, 1, true),
            (5, 3, true),
            (255, 255, true),
            (0, 1, false),
            (5, 1, false),
            (3, 5, false),
            (256, 3, false),
            (5, 0, false),
        ] {
            assert_eq!(SealConfig::shamir(shares, threshold).is_ok(), valid, "{shares}/{threshold}");
        }
    }

    #[test]
    fn progress_counts_each_share_once_and_refuses_malformed_ones() {
        let random = trustkeep_crypto::random::SystemRandom;
        let config = SealConfig::shamir(3, 2).unwrap();
        let (shares, _) = config.wrap(&Key256::random(&random), &random).unwrap();
        let texts: Vec<_> = shares.iter().map(|share| share.to_base64().expose().to_owned()).collect();
        let mut progress = UnsealProgress::default();
        assert!(progress.add("not a share!", &config, &random).is_err());
        assert!(progress.add("AAAA", &config, &random).unwrap_err().to_string().contains("shorter"));
        assert!(progress.add(&texts[0], &config, &random).unwrap().is_none());
        assert!(progress.add(&texts[0], &config, &random).unwrap().is_none());
        assert_eq!(progress.len(), 1);
        assert_eq!(progress.add(&texts[2], &config, &random).unwrap().unwrap().len(), 2);
        assert!(progress.is_empty());
    }
}

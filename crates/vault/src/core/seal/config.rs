use serde::{Deserialize, Serialize};
use trustkeep_crypto::{Key256, Random, SecretBytes, shamir};

use super::{RECOVERY_CONFIG, SEAL_CONFIG, SHAMIR};
use crate::core::path_store::PathStore;
use crate::{Error, Result};

/// Who holds a key: stored in the clear, since it is needed to unseal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealConfig {
    /// `shamir`, or the name of an auto seal.
    #[serde(rename = "type")]
    pub kind: String,
    /// How many shares there are, 1 to 255; 0 for a recovery key that nobody was given.
    pub secret_shares: u8,
    /// How many rebuild the key.
    pub secret_threshold: u8,
}

impl SealConfig {
    /// Checks the numbers of shares that an operator asked for.
    ///
    /// # Errors
    /// 400 in Vault's words.
    pub fn shamir(shares: i64, threshold: i64) -> Result<Self> {
        Self::checked("seal", shares, threshold)
    }

    /// The same for a recovery key, which may be left out (0 and 0).
    ///
    /// # Errors
    /// The same.
    pub fn recovery(shares: i64, threshold: i64) -> Result<Self> {
        if (shares, threshold) == (0, 0) {
            return Ok(SealConfig { kind: SHAMIR.into(), secret_shares: 0, secret_threshold: 0 });
        }
        Self::checked("recovery", shares, threshold)
    }

    /// The configuration of an auto seal, which has one key that nobody holds.
    pub fn auto(kind: &str) -> Self {
        SealConfig { kind: kind.into(), secret_shares: 1, secret_threshold: 1 }
    }

    /// The same with `what` in the message: `seal`, `recovery`, `rekey seal`, …
    ///
    /// # Errors
    /// The same.
    pub fn checked(what: &str, shares: i64, threshold: i64) -> Result<Self> {
        let refuse = |message: &str| Err(Error::invalid(format!("invalid {what} configuration: {message}")));
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
        Ok(SealConfig { kind: SHAMIR.into(), secret_shares, secret_threshold })
    }

    /// How the barrier is sealed; `None` before initialisation.
    ///
    /// # Errors
    /// 500 where it is damaged, and the store's.
    pub async fn load(paths: &PathStore) -> Result<Option<Self>> {
        Self::load_from(paths, SEAL_CONFIG).await
    }

    /// Who holds the recovery key; `None` with the Shamir seal.
    ///
    /// # Errors
    /// The same.
    pub async fn load_recovery(paths: &PathStore) -> Result<Option<Self>> {
        Self::load_from(paths, RECOVERY_CONFIG).await
    }

    async fn load_from(paths: &PathStore, path: &str) -> Result<Option<Self>> {
        match paths.get(path).await? {
            Some((json, _)) => serde_json::from_slice(&json)
                .map(Some)
                .map_err(|error| Error::internal(format!("{path} is damaged: {error}"))),
            None => Ok(None),
        }
    }

    /// Whether people hold the key that unseals.
    pub fn is_shamir(&self) -> bool {
        self.kind == SHAMIR
    }

    /// The bytes to store.
    ///
    /// # Errors
    /// None in practice.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        serde_json::to_vec(self).map_err(Error::internal)
    }

    /// Splits a key among the holders; a single one is given the key itself.
    ///
    /// # Errors
    /// 500 where the sharing fails.
    pub fn split(&self, key: &Key256, random: &dyn Random) -> Result<Vec<SecretBytes>> {
        let (shares, threshold) = (usize::from(self.secret_shares), usize::from(self.secret_threshold));
        match shares {
            0 => Ok(Vec::new()),
            1 => Ok(vec![key.to_secret_bytes()]),
            _ => shamir::split(key.expose(), shares, threshold, random).map_err(Error::internal),
        }
    }

    /// The key that shares make. They carry no checksum: whether it is the right one shows when it is used.
    ///
    /// # Errors
    /// 400 where they are not shares of one key.
    pub fn combine(&self, shares: &[SecretBytes]) -> Result<Key256> {
        let failed = |error: &dyn std::fmt::Display| {
            Error::invalid(format!("failed to compute combined key: {error}"))
        };
        let key = match shares {
            [only] if self.secret_threshold == 1 => only.duplicate(),
            several => shamir::combine(several).map_err(|error| failed(&error))?,
        };
        Key256::from_slice(key.expose()).map_err(|error| failed(&error))
    }
}

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
            (0, 0, false),
        ] {
            assert_eq!(SealConfig::shamir(shares, threshold).is_ok(), valid, "{shares}/{threshold}");
        }
        assert!(SealConfig::recovery(0, 0).is_ok());
        let error = SealConfig::recovery(0, 1).unwrap_err().to_string();
        assert_eq!(error, "invalid recovery configuration: shares must be at least one");
    }
}

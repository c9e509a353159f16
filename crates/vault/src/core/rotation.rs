//! Rotation of the key that encrypts entries: by request, after so many encryptions, after so long.

use serde::{Deserialize, Serialize};

use super::{Core, Standing, View};
use crate::{Error, Result};

/// When the key changes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotationConfig {
    /// Whether it does.
    pub enabled: bool,
    /// After so many encryptions, 1,000,000 to 3,865,470,566 (the bound for 96-bit random nonces).
    pub max_operations: i64,
    /// After so many seconds, at least a day; 0 for never.
    pub interval: i64,
}

impl Default for RotationConfig {
    fn default() -> Self {
        RotationConfig { enabled: true, max_operations: OPERATIONS_MAX, interval: 0 }
    }
}

/// What is stored: the configuration, and how often a term's key was used.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Stored {
    config: RotationConfig,
    term: u32,
    encryptions: u64,
}

impl Core {
    /// When the key changes by itself.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn rotation_config(&self) -> Result<RotationConfig> {
        Ok(self.stored_rotation().await?.config)
    }

    /// Sets that.
    ///
    /// # Errors
    /// 400 in Vault's words for numbers out of range, 503 while sealed, and the store's.
    pub async fn set_rotation_config(&self, config: RotationConfig) -> Result<()> {
        if config.interval != 0 && config.interval < INTERVAL_MIN {
            return Err(Error::invalid("interval must be greater or equal to 24h0m0s"));
        }
        if !(OPERATIONS_MIN..=OPERATIONS_MAX).contains(&config.max_operations) {
            let message = format!("max_operations must be in the range [{OPERATIONS_MIN},{OPERATIONS_MAX}]");
            return Err(Error::invalid(message));
        }
        self.save_rotation(Some(config)).await.map(|_| ())
    }

    /// How many entries the active term's key has encrypted: roughly, since what was not yet saved is lost in a
    /// crash.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn encryptions(&self) -> Result<u64> {
        let (stored, term) = (self.stored_rotation().await?, self.barrier().keyring()?.active_term());
        let before = if stored.term == term { stored.encryptions } else { 0 };
        Ok(before.saturating_add(self.barrier().encryptions()))
    }

    /// Saves the count, rotates the key if it is due, and tidies up after former rotations. Does nothing but on the active node; returns whether it rotated.
    ///
    /// # Errors
    /// The store's.
    pub async fn rotate_if_due(&self) -> Result<bool> {
        if self.standing() != Standing::Active {
            return Ok(false);
        }
        self.barrier().retire_upgrades(self.now()).await?;
        let stored = if self.barrier().encryptions() > 0 {
            self.save_rotation(None).await?
        } else {
            self.stored_rotation().await?
        };
        let keyring = self.barrier().keyring()?;
        let count = if stored.term == keyring.active_term() { stored.encryptions } else { 0 };
        let age = self.now().saturating_sub(keyring.installed()) / super::NANOS;
        let config = stored.config;
        let due =
            count >= config.max_operations.unsigned_abs() || (config.interval > 0 && age >= config.interval);
        if !config.enabled || !due {
            return Ok(false);
        }
        self.barrier().rotate(self.now()).await?;
        tracing::info!(encryptions = count, age_seconds = age, "the encryption key was rotated by itself");
        Ok(true)
    }

    async fn stored_rotation(&self) -> Result<Stored> {
        let view = View::new(self.barrier(), "");
        Ok(view.get_json(ROTATION).await?.map(|(stored, _)| stored).unwrap_or_default())
    }

    async fn save_rotation(&self, config: Option<RotationConfig>) -> Result<Stored> {
        let mut stored = self.stored_rotation().await?;
        let term = self.barrier().keyring()?.active_term();
        let used = self.barrier().take_encryptions();
        if stored.term != term {
            stored = Stored { term, encryptions: 0, ..stored };
        }
        stored.encryptions = stored.encryptions.saturating_add(used);
        stored.config = config.unwrap_or(stored.config);
        let batch = super::Batch::new().put_json(ROTATION, &stored)?;
        if let Err(error) = self.barrier().commit(batch).await {
            self.barrier().give_back_encryptions(used);
            return Err(error);
        }
        Ok(stored)
    }
}

const ROTATION: &str = "core/rotation";
const OPERATIONS_MIN: i64 = 1_000_000;
const OPERATIONS_MAX: i64 = 3_865_470_566;
const INTERVAL_MIN: i64 = 24 * 3600;

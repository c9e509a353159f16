//! How a sealed vault comes to its keyring: shares that people give, a service, or the break-glass shares; and on
//! the way, if asked for, the migration to another seal.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_crypto::Key256;

use super::Core;
use super::keyring::Keyring;
use super::seal::{self, BreakGlass, Given, Plan, SHAMIR, SealConfig, Shares, Way, decode_share};
use crate::{Error, Result};

/// One share, and what it is for.
#[derive(Clone, Copy, Debug)]
pub struct UnsealPart<'a> {
    /// Hexadecimal or base64.
    pub key: &'a str,
    /// Whether to migrate to the seal in force.
    pub migrate: bool,
    /// Whether it is a break-glass share.
    pub break_glass: bool,
}

/// What `sys/seal-status` tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealStatus {
    /// The type that is reported: with an auto seal, that of the recovery key.
    pub kind: String,
    /// Whether the vault was initialised.
    pub initialized: bool,
    /// How many shares are needed.
    pub threshold: u8,
    /// How many there are.
    pub shares: u8,
    /// How many were given.
    pub progress: usize,
    /// Names the attempt.
    pub nonce: String,
    /// Whether the configuration asks for a migration that was not done.
    pub migration: bool,
    /// Whether people hold a recovery key.
    pub recovery_seal: bool,
}

/// The shares given so far, and what they were given for.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    shares: Shares,
    migrate: bool,
    break_glass: bool,
}

impl Core {
    /// Takes a share of the key that unseals, or of the recovery key; see [`Self::unseal_with`].
    ///
    /// # Errors
    /// The same.
    pub async fn unseal(&self, share: &str) -> Result<()> {
        self.unseal_with(UnsealPart { key: share, migrate: false, break_glass: false }).await
    }

    /// Takes a share. Once there are enough, the vault is unsealed.
    ///
    /// # Errors
    /// 400 where the share is malformed or, with the last one, the shares are not this vault's: the attempt then
    /// starts over. 400 before initialisation and for a migration that is not configured, 503 where the key
    /// management service fails.
    pub async fn unseal_with(&self, part: UnsealPart<'_>) -> Result<()> {
        let mut attempt = self.unsealing.lock().await;
        let config = self.seal_config().await?.ok_or(Error::Uninitialized)?;
        let share = decode_share(part.key)?;
        if !self.is_sealed() {
            return Ok(());
        }
        let glass = if part.break_glass { Some(self.break_glass().await?) } else { None };
        let paths = self.cold.paths();
        let plan = match &glass {
            Some(_) => None,
            None => Some(self.plan(&config, part.migrate).await?),
        };
        let holders = match &glass {
            Some(glass) => glass.holders(),
            None => self.holders(&config).await?,
        };
        if attempt.shares.is_empty() {
            *attempt =
                Attempt { shares: Shares::default(), migrate: part.migrate, break_glass: part.break_glass };
        } else if (attempt.migrate, attempt.break_glass) != (part.migrate, part.break_glass) {
            return Err(Error::invalid(
                "the shares given so far were given without or with other options: reset the attempt first",
            ));
        }
        let Given::Enough(shares) = attempt.shares.add(share, &holders, self.random()) else {
            return Ok(());
        };
        *attempt = Attempt::default();
        let key = holders.combine(&shares)?;
        let keyring = match (&glass, plan) {
            (Some(glass), _) => {
                tracing::warn!("the vault is opened with break-glass shares");
                self.barrier().load_keyring(&glass.unwrap(&key)?).await?
            }
            (None, Some(Way::Kms(seal))) => {
                let keyring = self.barrier().load_keyring(&seal.unwrap(paths).await?).await?;
                self.check_recovery_key(&keyring, &key).await?;
                keyring
            }
            (None, _) => self.barrier().load_keyring(&seal::unwrap(paths, &key).await?).await?,
        };
        let keyring = if part.migrate {
            self.migrate(&config, keyring, &key, &holders, part.break_glass).await?
        } else {
            keyring
        };
        self.open(keyring).await
    }

    /// Forgets the shares given so far.
    pub async fn reset_unseal(&self) {
        *self.unsealing.lock().await = Attempt::default();
    }

    /// Unseals with the key management service, where there is one in force and nothing stands against it.
    /// Returns whether the vault is open now.
    ///
    /// # Errors
    /// 503 where the service fails, 400 where the configuration lacks the seal or a migration waits for an operator.
    pub async fn unseal_by_service(&self) -> Result<bool> {
        let _one_at_a_time = self.unsealing.lock().await;
        if !self.is_sealed() {
            return Ok(true);
        }
        let Some(config) = self.seal_config().await? else { return Ok(false) };
        match self.plan(&config, false).await? {
            Way::Shares => Ok(false),
            Way::Kms(seal) => {
                // Its answer tells more than that of a decryption that fails.
                seal.describe().await.map_err(|error| Error::Unavailable(seal::advice(&error)))?;
                let root_key = seal.unwrap(self.barrier().paths()).await?;
                self.open(self.barrier().load_keyring(&root_key).await?).await?;
                Ok(true)
            }
        }
    }

    /// What is known of the seal.
    ///
    /// # Errors
    /// The store's.
    pub async fn seal_status(&self) -> Result<SealStatus> {
        let config = self.seal_config().await?;
        let attempt = self.unsealing.lock().await;
        let (progress, nonce) = (attempt.shares.len(), attempt.shares.nonce().to_owned());
        drop(attempt);
        let auto = self.seals.in_force.auto().is_some();
        let mut status = SealStatus {
            kind: self.seals.in_force.kind().to_owned(),
            initialized: config.is_some(),
            threshold: 0,
            shares: 0,
            progress,
            nonce,
            migration: false,
            recovery_seal: auto,
        };
        if let Some(config) = config {
            let holders = self.holders(&config).await?;
            status.kind = SHAMIR.into();
            status.threshold = holders.secret_threshold;
            status.shares = holders.secret_shares;
            status.migration = self.seals.is_migrating(&config, self.barrier().paths()).await?;
            status.recovery_seal = !config.is_shamir();
        }
        Ok(status)
    }

    /// Who hold the shares that operators are asked for: of the unseal key, or with an auto seal of the recovery
    /// key.
    ///
    /// # Errors
    /// 500 where the recovery key's configuration is missing, and the store's.
    pub(super) async fn holders(&self, config: &SealConfig) -> Result<SealConfig> {
        if config.is_shamir() {
            return Ok(config.clone());
        }
        let recovery = SealConfig::load_recovery(self.barrier().paths()).await?;
        recovery.ok_or_else(|| Error::internal("the recovery key's configuration is missing from the store"))
    }

    /// Who unwraps the root key, unless `migrate` does not fit the configuration.
    async fn plan(&self, config: &SealConfig, migrate: bool) -> Result<Way<'_>> {
        match (self.seals.plan(config, self.barrier().paths()).await?, migrate) {
            (Plan::Open(way), false) | (Plan::Migrate(way), true) => Ok(way),
            (Plan::Open(_), true) => {
                Err(Error::invalid("can't perform a seal migration, no migration seal found"))
            }
            (Plan::Migrate(_), false) => {
                Err(Error::invalid("migrate option not provided and seal migration is pending"))
            }
            (Plan::Stuck(why), _) => Err(Error::invalid(why)),
        }
    }

    async fn break_glass(&self) -> Result<BreakGlass> {
        BreakGlass::load(self.barrier().paths())
            .await?
            .ok_or_else(|| Error::invalid("this vault has no break-glass shares"))
    }

    /// Checks the key that recovery shares made.
    ///
    /// # Errors
    /// 400 where it is another one.
    pub(super) async fn check_recovery_key(&self, keyring: &Keyring, key: &Key256) -> Result<()> {
        match self.barrier().get_with(keyring, seal::RECOVERY_KEY).await? {
            Some(entry) if key.ct_eq(entry.value.expose()) => Ok(()),
            Some(_) => Err(Error::invalid("recovery key verification failed: recovery key does not match")),
            None => Err(Error::invalid("this vault has no recovery key")),
        }
    }

    /// Opens an auto-sealed vault as soon as its service allows, and watches the service from then on.
    ///
    /// # Errors
    /// Never; the signature is that of a supervised task.
    pub async fn keep_seal(self: Arc<Self>, shutdown: Shutdown) -> std::result::Result<(), Infallible> {
        tokio::select! {
            () = shutdown.wait() => {}
            () = self.watch_service() => {}
        }
        Ok(())
    }

    async fn watch_service(&self) {
        // The task must not end before the process does.
        let Some(seal) = self.seals.in_force.auto() else { return std::future::pending().await };
        self.open_when_possible().await;
        let unreachable = metrics::gauge!("vault_seal_unreachable_time");
        let mut failing: Option<tokio::time::Instant> = None;
        loop {
            let pause = if failing.is_some() { PROBE_FAILING } else { PROBE };
            tokio::time::sleep(pause).await;
            match seal.probe(self.random()).await {
                Ok(()) => {
                    if failing.take().is_some() {
                        tracing::info!(seal = seal.kind(), "the seal's key management service works again");
                    }
                    unreachable.set(0.0);
                }
                Err(error) => {
                    let since = *failing.get_or_insert_with(tokio::time::Instant::now);
                    unreachable.set(since.elapsed().as_secs_f64() * 1000.0);
                    let why = seal::advice(&error);
                    tracing::warn!(
                        seal = seal.kind(),
                        "the seal's key management service fails; the vault goes on, but would not open after a \
                         restart: {why}"
                    );
                }
            }
        }
    }

    async fn open_when_possible(&self) {
        let mut pause = RETRY_MIN;
        let mut told = String::new();
        loop {
            match self.unseal_by_service().await {
                Ok(true) => return,
                Ok(false) => pause = RETRY_MIN,
                Err(error) => {
                    pause = (pause * 2).min(RETRY_MAX);
                    let why = match &error {
                        Error::Internal(detail) => detail.clone(),
                        other => other.to_string(),
                    };
                    // Once, and again when the reason changes: a night's outage is not ten thousand lines.
                    if why != told {
                        tracing::error!("the vault stays sealed and tries again: {why}");
                        told = why;
                    }
                }
            }
            tokio::time::sleep(pause).await;
        }
    }
}

const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);
const PROBE: Duration = Duration::from_secs(600);
const PROBE_FAILING: Duration = Duration::from_secs(60);

//! Rekey: a new root key under new shares (`hashicorp/vault: vault/rekey.go`), or new shares of the recovery key.

use trustkeep_crypto::{Key256, SecretBytes};

use super::{Canceller, give};
use crate::core::barrier::Batch;
use crate::core::path_store::PathBatch;
use crate::core::seal::{self, RECOVERY_CONFIG, RECOVERY_KEY, SEAL_CONFIG, Seal, SealConfig, Shares};
use crate::core::{Core, Unsealed};
use crate::{Error, Result};

/// Which key gets new shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RekeyTarget {
    /// The root key; with the Shamir seal, the shares that unseal.
    Barrier,
    /// The recovery key of an auto seal.
    Recovery,
}

/// A rekey under way.
#[derive(Debug)]
pub(in crate::core) struct Rekey {
    touched: i64,
    given: Shares,
    wanted: SealConfig,
    verify: bool,
    pending: Option<Pending>,
}

/// A new key whose holders are to show that they have their shares before it is used.
#[derive(Debug)]
struct Pending {
    key: Key256,
    given: Shares,
}

/// How far a rekey is.
#[derive(Clone, Debug, Default)]
pub struct RekeyStatus {
    /// Names it; empty without one.
    pub nonce: String,
    /// Whether there is one.
    pub started: bool,
    /// How many shares are to be needed.
    pub threshold: u8,
    /// How many there are to be.
    pub shares: u8,
    /// How many shares of the old key were given.
    pub progress: usize,
    /// How many are needed.
    pub required: u8,
    /// Whether the new shares are to be shown before they count.
    pub verification_required: bool,
    /// Names that second half; empty before it.
    pub verification_nonce: String,
}

/// How far the second half is.
#[derive(Clone, Debug)]
pub struct VerifyStatus {
    /// Names it.
    pub nonce: String,
    /// Whether it has begun.
    pub started: bool,
    /// How many new shares are needed.
    pub threshold: u8,
    /// How many there are.
    pub shares: u8,
    /// How many were shown.
    pub progress: usize,
}

/// What came out: the new shares, once.
#[derive(Debug)]
pub struct Rekeyed {
    /// The shares; none where nobody is to hold the key.
    pub shares: Vec<SecretBytes>,
    /// Whether they count only once they were shown.
    pub verification_required: bool,
    /// Names the showing.
    pub verification_nonce: String,
}

impl RekeyTarget {
    fn slot(self, unsealed: &Unsealed) -> &tokio::sync::Mutex<Option<Rekey>> {
        match self {
            RekeyTarget::Barrier => &unsealed.ceremonies.barrier,
            RekeyTarget::Recovery => &unsealed.ceremonies.recovery,
        }
    }
}

impl Core {
    /// How far a rekey is.
    ///
    /// # Errors
    /// 503 while sealed, 400 for the recovery key where the seal has none.
    pub async fn rekey_status(&self, target: RekeyTarget) -> Result<RekeyStatus> {
        let unsealed = self.unsealed()?;
        let (config, holders) = self.authorities().await?;
        refuse_recovery(target, &config)?;
        let required = holders.secret_threshold;
        let rekey = target.slot(&unsealed).lock().await;
        let Some(rekey) = rekey.as_ref() else { return Ok(RekeyStatus { required, ..Default::default() }) };
        Ok(RekeyStatus {
            nonce: rekey.given.nonce().to_owned(),
            started: true,
            threshold: rekey.wanted.secret_threshold,
            shares: rekey.wanted.secret_shares,
            progress: rekey.given.len(),
            required,
            verification_required: rekey.verify,
            verification_nonce: rekey
                .pending
                .as_ref()
                .map(|new| new.given.nonce().to_owned())
                .unwrap_or_default(),
        })
    }

    /// Begins a rekey.
    ///
    /// # Errors
    /// 400 for bad numbers, for what the seal does not have, and while another one is under way; 503 while sealed.
    pub async fn begin_rekey(&self, target: RekeyTarget, numbers: (i64, i64), verify: bool) -> Result<()> {
        let unsealed = self.unsealed()?;
        let (config, _) = self.authorities().await?;
        refuse_recovery(target, &config)?;
        let wanted = match target {
            RekeyTarget::Recovery => SealConfig::checked("recovery", numbers.0, numbers.1)?,
            RekeyTarget::Barrier if config.is_shamir() => {
                SealConfig::checked("rekey seal", numbers.0, numbers.1)?
            }
            RekeyTarget::Barrier if verify => {
                return Err(Error::invalid(
                    "requiring verification not supported when rekeying the barrier key with recovery keys",
                ));
            }
            RekeyTarget::Barrier => SealConfig::auto(&config.kind),
        };
        let mut rekey = target.slot(&unsealed).lock().await;
        if rekey.is_some() {
            return Err(Error::invalid("rekey already in progress"));
        }
        let given = Shares::named(self.random());
        tracing::info!(nonce = given.nonce(), ?target, "a rekey was begun");
        *rekey = Some(Rekey { touched: self.now(), given, wanted, verify, pending: None });
        Ok(())
    }

    /// Ends a rekey without result.
    ///
    /// # Errors
    /// 403 where the canceller may not, 503 while sealed.
    pub async fn cancel_rekey(&self, target: RekeyTarget, canceller: Canceller) -> Result<()> {
        let unsealed = self.unsealed()?;
        refuse_recovery(target, &self.authorities().await?.0)?;
        let mut rekey = target.slot(&unsealed).lock().await;
        if let Some(under_way) = rekey.as_ref() {
            canceller.may_end(under_way.touched, self.now())?;
            tracing::info!(nonce = under_way.given.nonce(), ?target, "the rekey was cancelled");
        }
        *rekey = None;
        Ok(())
    }

    /// Takes a share of the old key. `None` while more are needed; with the last one the new key is in place, or,
    /// where verification is required, waits for it.
    ///
    /// # Errors
    /// 400 for a wrong nonce or share; the shares given so far are then forgotten where they were enough.
    pub async fn rekey(
        &self,
        target: RekeyTarget,
        share: SecretBytes,
        nonce: &str,
    ) -> Result<Option<Rekeyed>> {
        let unsealed = self.unsealed()?;
        let (config, holders) = self.authorities().await?;
        refuse_recovery(target, &config)?;
        let mut slot = target.slot(&unsealed).lock().await;
        let (name, what) = match target {
            RekeyTarget::Barrier => ("barrier", "generation operation"),
            RekeyTarget::Recovery => ("recovery", "rekey operation"),
        };
        let rekey = slot.as_mut().ok_or_else(|| Error::invalid(format!("no {name} rekey in progress")))?;
        if let Some(pending) = &rekey.pending {
            let nonce = pending.given.nonce();
            return Err(Error::invalid(format!(
                "rekey operation already finished; verification must be performed; nonce for the verification \
                 operation is {nonce:?}"
            )));
        }
        let expected = rekey.given.nonce();
        if nonce != expected {
            let message = format!("incorrect nonce supplied; nonce for this rekey operation is {expected:?}");
            return Err(Error::invalid(message));
        }
        rekey.touched = self.now();
        let Some(shares) = give(&mut rekey.given, share, &holders, self, what)? else { return Ok(None) };
        self.check_key(&config, &holders.combine(&shares)?).await?;

        let key = Key256::random(self.random());
        // The key of an auto seal is the service's: there is nothing to hand out.
        let nobody = target == RekeyTarget::Barrier && !config.is_shamir();
        let shares = if nobody { Vec::new() } else { rekey.wanted.split(&key, self.random())? };
        let mut result =
            Rekeyed { shares, verification_required: rekey.verify, verification_nonce: String::new() };
        if rekey.verify {
            let given = Shares::named(self.random());
            result.verification_nonce = given.nonce().to_owned();
            rekey.pending = Some(Pending { key, given });
        } else {
            self.finish_rekey(target, &config, &rekey.wanted, &key).await?;
            *slot = None;
        }
        Ok(Some(result))
    }

    /// How far the showing of the new shares is.
    ///
    /// # Errors
    /// 400 without a rekey, 503 while sealed.
    pub async fn verify_status(&self, target: RekeyTarget) -> Result<VerifyStatus> {
        let unsealed = self.unsealed()?;
        refuse_recovery(target, &self.authorities().await?.0)?;
        let rekey = target.slot(&unsealed).lock().await;
        let rekey = rekey.as_ref().ok_or_else(|| Error::invalid("no rekey configuration found"))?;
        let given = rekey.pending.as_ref().map(|pending| &pending.given);
        Ok(VerifyStatus {
            nonce: given.map(|given| given.nonce().to_owned()).unwrap_or_default(),
            started: given.is_some(),
            threshold: rekey.wanted.secret_threshold,
            shares: rekey.wanted.secret_shares,
            progress: given.map_or(0, Shares::len),
        })
    }

    /// Takes a new share. Once enough were shown, the new key is in place: the answer is then its nonce.
    ///
    /// # Errors
    /// 400 for a wrong nonce or share; the showing then begins anew under another nonce where they were enough.
    pub async fn verify_rekey(
        &self,
        target: RekeyTarget,
        share: SecretBytes,
        nonce: &str,
    ) -> Result<Option<String>> {
        let unsealed = self.unsealed()?;
        let (config, _) = self.authorities().await?;
        let mut slot = target.slot(&unsealed).lock().await;
        let rekey = slot.as_mut().ok_or_else(|| Error::invalid("no rekey in progress"))?;
        let pending =
            rekey.pending.as_mut().ok_or_else(|| Error::invalid("no rekey verification in progress"))?;
        let expected = pending.given.nonce().to_owned();
        if nonce != expected {
            let message =
                format!("incorrect nonce supplied; nonce for this verify operation is {expected:?}");
            return Err(Error::invalid(message));
        }
        rekey.touched = self.now();
        let Some(shares) = give(&mut pending.given, share, &rekey.wanted, self, "verify operation")? else {
            return Ok(None);
        };
        pending.given = Shares::named(self.random());
        let shown = rekey.wanted.combine(&shares)?;
        if !shown.ct_eq(pending.key.expose()) {
            return Err(Error::invalid("rekey verification failed; incorrect key shares supplied"));
        }
        self.finish_rekey(target, &config, &rekey.wanted, &pending.key).await?;
        *slot = None;
        Ok(Some(expected))
    }

    /// Begins the showing anew.
    ///
    /// # Errors
    /// 403 where the canceller may not, 503 while sealed.
    pub async fn restart_verification(&self, target: RekeyTarget, canceller: Canceller) -> Result<()> {
        let unsealed = self.unsealed()?;
        let mut rekey = target.slot(&unsealed).lock().await;
        if let Some(rekey) = rekey.as_mut()
            && let Some(pending) = &mut rekey.pending
        {
            canceller.may_end(rekey.touched, self.now())?;
            pending.given = Shares::named(self.random());
        }
        Ok(())
    }

    /// Puts the new key in place: one commit.
    async fn finish_rekey(
        &self,
        target: RekeyTarget,
        config: &SealConfig,
        wanted: &SealConfig,
        key: &Key256,
    ) -> Result<()> {
        match target {
            RekeyTarget::Recovery => self.replace_recovery_key(wanted, key).await?,
            RekeyTarget::Barrier => {
                let root_key = Key256::random(self.random());
                let puts = match &self.seals.in_force {
                    _ if config.is_shamir() => seal::wrap(wanted, key, &root_key, self.random())?,
                    Seal::Auto(auto) if auto.kind() == config.kind => {
                        auto.wrap(&root_key, self.random()).await?
                    }
                    _ => {
                        return Err(Error::invalid("migrate the seal before you rekey: see sys/seal-status"));
                    }
                };
                let keyring = self.barrier().keyring()?;
                self.replace_root_key(&keyring, root_key, puts, Batch::new(), Vec::new()).await?;
            }
        }
        tracing::info!(
            ?target,
            shares = wanted.secret_shares,
            threshold = wanted.secret_threshold,
            "rekeyed"
        );
        Ok(())
    }

    async fn replace_recovery_key(&self, wanted: &SealConfig, key: &Key256) -> Result<()> {
        let barrier = self.barrier();
        let behind = Batch::new().put(RECOVERY_KEY, key.to_secret_bytes());
        let mut batch: PathBatch = behind.close(&*barrier.keyring()?, self.random())?;
        batch.puts.push((RECOVERY_CONFIG.into(), wanted.to_json()?.into()));
        // A migration at the same time would have changed the seal.
        let seal = barrier.paths().get(SEAL_CONFIG).await?.map(|(_, version)| version);
        batch.expectations.push((SEAL_CONFIG.into(), seal));
        barrier.paths().commit(batch).await?;
        Ok(())
    }
}

fn refuse_recovery(target: RekeyTarget, config: &SealConfig) -> Result<()> {
    if target == RekeyTarget::Recovery && config.is_shamir() {
        return Err(Error::invalid("recovery rekeying not supported"));
    }
    Ok(())
}

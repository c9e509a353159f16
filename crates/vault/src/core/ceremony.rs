//! Ceremonies: what several holders of shares do together on an open vault. The shares come one by one, in requests
//! without a token; what is gathered lives in memory and goes with the seal.

mod rekey;
mod root_token;

use trustkeep_crypto::{Key256, SecretBytes};

pub use rekey::{RekeyStatus, RekeyTarget, Rekeyed, VerifyStatus};
pub(crate) use root_token::ROOT_TOKEN_LEN;
pub use root_token::{RootTokenStatus, decode_token};

use self::rekey::Rekey;
use self::root_token::RootToken;
use super::Core;
use super::seal::{self, Given, SealConfig, Shares};
use crate::{Error, Result};

/// The ceremonies under way: at most one of each kind.
#[derive(Debug, Default)]
pub(super) struct Ceremonies {
    barrier: tokio::sync::Mutex<Option<Rekey>>,
    recovery: tokio::sync::Mutex<Option<Rekey>>,
    root_token: tokio::sync::Mutex<Option<RootToken>>,
}

/// Who asks for an end of a ceremony.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceller {
    /// A token whose policies allow it.
    Trusted,
    /// Anybody: only what has rested for long may be ended.
    Anonymous,
}

impl Canceller {
    /// Whether a ceremony whose last step was at `touched` (unix nanoseconds) may be ended `now`.
    fn may_end(self, touched: i64, now: i64) -> Result<()> {
        if self == Canceller::Trusted || now.saturating_sub(touched) >= RESTING {
            return Ok(());
        }
        Err(Error::Forbidden(
            "an attempt is in progress: cancelling it needs a token that may delete this path, or ten minutes \
             without a step of it"
                .into(),
        ))
    }
}

impl Core {
    /// Who hold the shares that authorise, with the stored seal.
    pub(super) async fn authorities(&self) -> Result<(SealConfig, SealConfig)> {
        let config = self.seal_config().await?.ok_or(Error::Uninitialized)?;
        let holders = self.holders(&config).await?;
        Ok((config, holders))
    }

    /// Checks a key that shares made: the unseal key, or with an auto seal the recovery key.
    ///
    /// # Errors
    /// 400 where it is another one.
    pub(super) async fn check_key(&self, config: &SealConfig, key: &Key256) -> Result<()> {
        let keyring = self.barrier().keyring()?;
        if !config.is_shamir() {
            return self.check_recovery_key(&keyring, key).await;
        }
        let root_key = seal::unwrap(self.barrier().paths(), key).await?;
        if root_key.ct_eq(keyring.root_key().expose()) {
            Ok(())
        } else {
            Err(Error::invalid("the keys open another root key than the one in use"))
        }
    }
}

/// Adds a share to those given; all of them once they are enough.
fn give(
    given: &mut Shares,
    share: SecretBytes,
    holders: &SealConfig,
    core: &Core,
    what: &str,
) -> Result<Option<Vec<SecretBytes>>> {
    if holders.secret_threshold == 0 {
        return Err(Error::invalid("this vault has no recovery key"));
    }
    match given.add(share, holders, core.random()) {
        Given::Again => {
            Err(Error::invalid(format!("given key has already been provided during this {what}")))
        }
        Given::More => Ok(None),
        Given::Enough(shares) => Ok(Some(shares)),
    }
}

/// Nanoseconds after which anybody may end what nobody goes on with.
const RESTING: i64 = 600 * super::NANOS;

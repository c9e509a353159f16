//! Break-glass shares of a running vault: whether there are any, new ones, none any more.

use trustkeep_crypto::SecretBytes;

use super::Core;
use super::barrier::KEYRING;
use super::path_store::PathBatch;
use super::seal::{BREAK_GLASS, BREAK_GLASS_KEY, BreakGlass, SealConfig};
use crate::{Error, Result};

/// Who holds break-glass shares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakGlassStatus {
    /// How many hold shares.
    pub shares: u8,
    /// How many of them open the vault.
    pub threshold: u8,
    /// When they were made, unix nanoseconds.
    pub created: i64,
}

impl Core {
    /// Who holds break-glass shares; `None` if nobody does.
    ///
    /// # Errors
    /// The store's.
    pub async fn break_glass_status(&self) -> Result<Option<BreakGlassStatus>> {
        let glass = BreakGlass::load(self.barrier().paths()).await?;
        Ok(glass.map(|glass| BreakGlassStatus {
            shares: glass.secret_shares,
            threshold: glass.secret_threshold,
            created: glass.created,
        }))
    }

    /// Makes break-glass shares; those that there were are void.
    ///
    /// # Errors
    /// 400 for bad numbers and with the Shamir seal, 503 while sealed, and the store's.
    pub async fn make_break_glass(&self, shares: i64, threshold: i64) -> Result<Vec<SecretBytes>> {
        let keyring = self.barrier().keyring()?;
        let config = self.seal_config().await?.ok_or(Error::Uninitialized)?;
        if config.is_shamir() {
            return Err(Error::invalid(
                "break-glass shares are for auto seals: with seal type shamir the shares open the vault already",
            ));
        }
        let holders = SealConfig::checked("break-glass", shares, threshold)?;
        // A root key that is replaced at the same time would leave the shares without use.
        let version = self.barrier().paths().get(KEYRING).await?.map(|(_, version)| version);
        let (made, put, behind) = self.new_break_glass(&holders, keyring.root_key())?;
        let mut batch = behind.close(&keyring, self.random())?;
        batch.puts.push(put);
        batch.expectations.push((KEYRING.into(), version));
        self.barrier().paths().commit(batch).await?;
        tracing::warn!(shares, threshold, "break-glass shares were made");
        Ok(made)
    }

    /// Makes the break-glass shares void.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn remove_break_glass(&self) -> Result<()> {
        self.barrier().keyring()?;
        let deletes = vec![BREAK_GLASS.to_owned(), BREAK_GLASS_KEY.to_owned()];
        self.barrier().paths().commit(PathBatch { deletes, ..Default::default() }).await?;
        tracing::warn!("the break-glass shares are void");
        Ok(())
    }
}

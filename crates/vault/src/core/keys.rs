//! Changes of the keys above the entries: migration to another seal, and what every change of the root key takes
//! with it.

use std::sync::Arc;

use bytes::Bytes;
use trustkeep_crypto::{Key256, SecretBytes};

use super::barrier::{Batch, NewRootKey};
use super::keyring::Keyring;
use super::seal::{
    self, BREAK_GLASS, BREAK_GLASS_KEY, BreakGlass, RECOVERY_CONFIG, RECOVERY_KEY, Seal, SealConfig,
};
use super::{Core, Standing};
use crate::{Error, Result};

impl Core {
    /// Wraps a new root key by the seal in force. `key`, which `holders` have just shown to hold, becomes the
    /// recovery key of an auto seal or the unseal key of the Shamir seal. One commit.
    pub(super) async fn migrate(
        &self,
        from: &SealConfig,
        keyring: Keyring,
        key: &Key256,
        holders: &SealConfig,
        break_glass: bool,
    ) -> Result<Keyring> {
        if holders.secret_shares == 0 {
            return Err(Error::invalid("a vault without recovery keys cannot be migrated to another seal"));
        }
        let root_key = Key256::random(self.random());
        let mut behind = Batch::new();
        let mut deletes = Vec::new();
        let mut puts;
        match &self.seals.in_force {
            Seal::Auto(auto) => {
                puts = auto.wrap(&root_key, self.random()).await?;
                // Break-glass shares leave the recovery key as it is: others hold that.
                if !break_glass || from.is_shamir() {
                    puts.push((RECOVERY_CONFIG.into(), holders.to_json()?.into()));
                    behind = behind.put(RECOVERY_KEY, key.to_secret_bytes());
                }
            }
            Seal::Shamir => {
                puts = seal::wrap(holders, key, &root_key, self.random())?;
                deletes = vec![RECOVERY_CONFIG.to_owned(), RECOVERY_KEY.to_owned()];
                if break_glass {
                    deletes.extend([BREAK_GLASS.to_owned(), BREAK_GLASS_KEY.to_owned()]);
                }
            }
        }
        let keyring = self.replace_root_key(&keyring, root_key, puts, behind, deletes).await?;
        let (from, to) = (from.kind.as_str(), self.seals.in_force.kind());
        tracing::info!(from, to, "the seal was migrated");
        Ok(keyring)
    }

    /// Puts a new root key in place: with it goes the copy of it that break-glass shares open.
    pub(super) async fn replace_root_key(
        &self,
        keyring: &Keyring,
        root_key: Key256,
        mut puts: Vec<(String, Bytes)>,
        behind: Batch,
        deletes: Vec<String>,
    ) -> Result<Keyring> {
        let exclusive = match self.standing() {
            Standing::Active => None,
            Standing::Sealed | Standing::Standby => Some(self.exclusive().await?),
        };
        let barrier = match &exclusive {
            None => self.barrier(),
            Some(exclusive) => Arc::new(exclusive.barrier(self.random.clone())),
        };
        let paths = barrier.paths();
        if !deletes.iter().any(|path| path == BREAK_GLASS)
            && let Some(glass) = BreakGlass::load(paths).await?
        {
            let key = barrier.get_with(keyring, BREAK_GLASS_KEY).await?;
            let key = key.ok_or_else(|| Error::internal("the break-glass key is missing from the store"))?;
            let key = Key256::from_slice(key.value.expose()).map_err(Error::internal)?;
            let again = BreakGlass::wrap(&glass.holders(), glass.created, &key, &root_key, self.random())?;
            puts.push(again.put()?);
        }
        // Nodes that were opened with the old root key learn the new one from it.
        let behind = behind.put(MASTER, root_key.to_secret_bytes());
        let new = NewRootKey { root_key, puts, behind, deletes };
        let replaced = barrier.replace_root_key(keyring, new).await;
        if let Some(exclusive) = exclusive {
            exclusive.finish().await;
        }
        replaced
    }

    /// A break-glass key for `root_key`: its shares, what is stored in the clear, and what behind the barrier.
    pub(super) fn new_break_glass(
        &self,
        holders: &SealConfig,
        root_key: &Key256,
    ) -> Result<(Vec<SecretBytes>, (String, Bytes), Batch)> {
        let key = Key256::random(self.random());
        let glass = BreakGlass::wrap(holders, self.now(), &key, root_key, self.random())?;
        let behind = Batch::new().put(BREAK_GLASS_KEY, key.to_secret_bytes());
        Ok((holders.split(&key, self.random())?, glass.put()?, behind))
    }
}

/// The root key, behind the barrier.
pub(super) const MASTER: &str = "core/master";

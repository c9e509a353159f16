//! Initialisation: everything that a new vault needs, in one commit where the store's limits allow.

use trustkeep_crypto::SecretBytes;

use super::barrier::{Batch, KEYRING};
use super::keyring::Keyring;
use super::mount::initial_mounts;
use super::path_store::PathBatch;
use super::policy_store::initial_policies;
use super::seal::SealConfig;
use super::token_store::TokenStore;
use super::{CLUSTER, Core, NANOS, new_cluster};
use crate::{Error, Result};

/// What an operator asks for.
#[derive(Clone, Copy, Debug)]
pub struct InitRequest {
    /// How many unseal key shares.
    pub secret_shares: i64,
    /// How many of them unseal.
    pub secret_threshold: i64,
}

/// What the operator is given, once.
#[derive(Debug)]
pub struct Initialized {
    /// The unseal key shares.
    pub shares: Vec<SecretBytes>,
    /// The root token.
    pub root_token: String,
}

impl Core {
    /// Initialises the vault; it stays sealed.
    ///
    /// # Errors
    /// 400 `Vault is already initialized`, also when another process was quicker; 400 for bad numbers of shares.
    pub async fn initialize(&self, request: InitRequest) -> Result<Initialized> {
        let config = SealConfig::shamir(request.secret_shares, request.secret_threshold)?;
        let _one_at_a_time = self.progress.lock().await;
        if self.seal_config().await?.is_some() {
            return Err(already());
        }
        let (random, now) = (self.random(), self.now());
        let keyring = Keyring::generate(random, now)?;
        let (shares, sealed) = config.wrap(keyring.root_key(), random)?;
        let (root_token, tokens) = TokenStore::initialize(random, now / NANOS)?;
        let behind = initial_mounts(random)?.and(tokens).and(initial_policies()?);
        let behind =
            behind.and(Batch::new().put_json(CLUSTER, &new_cluster(&self.settings().cluster_name, random))?);
        let behind: PathBatch = behind.close(&keyring, random)?;
        let mut batch = sealed;
        batch.puts.push((KEYRING.into(), keyring.seal(random)?.into()));
        let rows_max = self.barrier.rows_max();
        let mut rest = behind.puts;
        if batch.puts.len() + rest.len() > rows_max {
            // Not all at once, then: what says that the vault is initialised comes last, and one at a time may
            // do this (the lease's fence, or the store's lock). A crash before leaves what the next try replaces.
            for some in rest.chunks(rows_max) {
                self.barrier.paths().commit(PathBatch { puts: some.to_vec(), ..Default::default() }).await?;
            }
        } else {
            batch.puts.append(&mut rest);
        }
        match self.barrier.paths().commit(batch).await {
            Ok(_) => {
                tracing::info!("vault is initialized");
                Ok(Initialized { shares, root_token })
            }
            Err(Error::Store(trustkeep_store::Error::Conflict { .. })) => Err(already()),
            Err(error) => Err(error),
        }
    }
}

fn already() -> Error {
    Error::invalid("Vault is already initialized")
}

//! Initialisation: everything that a new vault needs, in one commit where the store's limits allow.

use trustkeep_crypto::{Key256, SecretBytes};

use super::barrier::{Batch, KEYRING};
use super::keyring::Keyring;
use super::mount::initial_mounts;
use super::path_store::{PathBatch, PathStore};
use super::policy_store::initial_policies;
use super::seal::{self, RECOVERY_CONFIG, RECOVERY_KEY, SEAL_CONFIG, Seal, SealConfig};
use super::token_store::TokenStore;
use super::{CLUSTER, Core, NANOS, new_cluster};
use crate::{Error, Result};

/// What an operator asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct InitRequest {
    /// How many unseal key shares; with the Shamir seal only.
    pub secret_shares: i64,
    /// How many of them unseal.
    pub secret_threshold: i64,
    /// How many recovery key shares; with an auto seal only.
    pub recovery_shares: i64,
    /// How many of them authorise.
    pub recovery_threshold: i64,
    /// How many break-glass shares; with an auto seal only, 0 for none.
    pub break_glass_shares: i64,
    /// How many of them open the vault.
    pub break_glass_threshold: i64,
}

impl InitRequest {
    /// Numbers of unseal key shares, and nothing else.
    pub fn shamir(secret_shares: i64, secret_threshold: i64) -> Self {
        InitRequest { secret_shares, secret_threshold, ..Default::default() }
    }
}

/// What the operator is given, once.
#[derive(Debug)]
pub struct Initialized {
    /// The unseal key shares; none with an auto seal.
    pub shares: Vec<SecretBytes>,
    /// The recovery key shares.
    pub recovery_shares: Vec<SecretBytes>,
    /// The break-glass shares.
    pub break_glass_shares: Vec<SecretBytes>,
    /// The root token.
    pub root_token: String,
}

/// What is stored of the seal, and the shares that leave the vault.
struct Sealed {
    clear: PathBatch,
    behind: Batch,
    made: Initialized,
}

impl Core {
    /// Initialises the vault. With the Shamir seal it stays sealed, with an auto seal it opens.
    ///
    /// # Errors
    /// 400 `Vault is already initialized`, also when another process was quicker; 400 for bad numbers of shares,
    /// and where the key management service refuses.
    pub async fn initialize(&self, request: InitRequest) -> Result<Initialized> {
        self.check(&request)?;
        let made = {
            let _one_at_a_time = self.unsealing.lock().await;
            self.make(&request).await?
        };
        if self.seals.in_force.auto().is_some()
            && let Err(error) = self.unseal_by_service().await
        {
            // What was made must reach the operator; the service is asked again in a moment.
            tracing::error!(%error, "the vault was initialized but not unsealed");
        }
        Ok(made)
    }

    fn check(&self, request: &InitRequest) -> Result<()> {
        let fields = |named: &[(&'static str, i64)]| {
            named.iter().filter(|(_, value)| *value != 0).map(|(name, _)| *name).collect::<Vec<_>>()
        };
        let of_shamir = fields(&[
            ("secret_shares", request.secret_shares),
            ("secret_threshold", request.secret_threshold),
        ]);
        let of_auto = fields(&[
            ("recovery_shares", request.recovery_shares),
            ("recovery_threshold", request.recovery_threshold),
            ("break_glass_shares", request.break_glass_shares),
            ("break_glass_threshold", request.break_glass_threshold),
        ]);
        let wrong = if self.seals.in_force.auto().is_some() { of_shamir } else { of_auto };
        if wrong.is_empty() {
            return Ok(());
        }
        let (wrong, kind) = (wrong.join(","), self.seals.in_force.kind());
        Err(Error::invalid(format!("parameters {wrong} not applicable to seal type {kind}")))
    }

    async fn make(&self, request: &InitRequest) -> Result<Initialized> {
        let random = self.random();
        let keyring = Keyring::generate(random, self.now())?;
        // Bad numbers are told also to who asks twice.
        let holders = Holders::of(request, &self.seals.in_force)?;
        if self.seal_config().await?.is_some() {
            return Err(already());
        }
        let exclusive = self.exclusive().await?;
        // Asked again: now nobody else can be in the middle of it.
        let initialized = match SealConfig::load(exclusive.paths()).await {
            Ok(None) => self.make_in(exclusive.paths(), &holders, keyring).await,
            Ok(Some(_)) => Err(already()),
            Err(error) => Err(error),
        };
        exclusive.finish().await;
        initialized
    }

    async fn make_in(&self, paths: &PathStore, holders: &Holders, keyring: Keyring) -> Result<Initialized> {
        let random = self.random();
        let sealed = self.seal_up(holders, keyring.root_key()).await?;
        let mut made = sealed.made;
        let (root_token, tokens) = TokenStore::initialize(random, self.now() / NANOS)?;
        made.root_token = root_token;
        let behind = initial_mounts(random)?.and(tokens).and(initial_policies()?).and(sealed.behind);
        let behind =
            behind.and(Batch::new().put_json(CLUSTER, &new_cluster(&self.settings().cluster_name, random))?);
        let behind: PathBatch = behind.close(&keyring, random)?;
        let mut batch = sealed.clear;
        batch.expectations.push((SEAL_CONFIG.into(), None));
        batch.puts.push((KEYRING.into(), keyring.seal(random)?.into()));
        let rows_max = self.cold.rows_max();
        let mut rest = behind.puts;
        if batch.puts.len() + rest.len() > rows_max {
            // Not all at once, then: what says that the vault is initialised comes last, and one at a time may
            // do this (the lease's fence, or the store's lock). A crash before leaves what the next try replaces.
            for some in rest.chunks(rows_max) {
                paths.commit(PathBatch { puts: some.to_vec(), ..Default::default() }).await?;
            }
        } else {
            batch.puts.append(&mut rest);
        }
        match paths.commit(batch).await {
            Ok(_) => {
                tracing::info!(seal = self.seals.in_force.kind(), "vault is initialized");
                Ok(made)
            }
            Err(Error::Store(trustkeep_store::Error::Conflict { .. })) => Err(already()),
            Err(error) => Err(error),
        }
    }

    async fn seal_up(&self, holders: &Holders, root_key: &Key256) -> Result<Sealed> {
        let random = self.random();
        let mut made = Initialized {
            shares: Vec::new(),
            recovery_shares: Vec::new(),
            break_glass_shares: Vec::new(),
            root_token: String::new(),
        };
        let mut behind = Batch::new();
        let key = Key256::random(random);
        let mut puts;
        match &self.seals.in_force {
            Seal::Shamir => {
                made.shares = holders.seal.split(&key, random)?;
                puts = seal::wrap(&holders.seal, &key, root_key, random)?;
            }
            Seal::Auto(auto) => {
                made.recovery_shares = holders.seal.split(&key, random)?;
                puts = auto.wrap(root_key, random).await?;
                puts.push((RECOVERY_CONFIG.into(), holders.seal.to_json()?.into()));
                if holders.seal.secret_shares > 0 {
                    behind = behind.put(RECOVERY_KEY, key.to_secret_bytes());
                }
            }
        }
        if let Some(holders) = &holders.break_glass {
            let (shares, put, more) = self.new_break_glass(holders, root_key)?;
            made.break_glass_shares = shares;
            puts.push(put);
            behind = behind.and(more);
        }
        Ok(Sealed { clear: PathBatch { puts, ..Default::default() }, behind, made })
    }
}

/// Who is to hold what.
struct Holders {
    seal: SealConfig,
    break_glass: Option<SealConfig>,
}

impl Holders {
    fn of(request: &InitRequest, seal: &Seal) -> Result<Self> {
        let seal = match seal {
            Seal::Shamir => SealConfig::shamir(request.secret_shares, request.secret_threshold)?,
            Seal::Auto(_) => SealConfig::recovery(request.recovery_shares, request.recovery_threshold)?,
        };
        let break_glass = match (request.break_glass_shares, request.break_glass_threshold) {
            (0, 0) => None,
            (shares, threshold) => Some(SealConfig::checked("break-glass", shares, threshold)?),
        };
        Ok(Holders { seal, break_glass })
    }
}

fn already() -> Error {
    Error::invalid("Vault is already initialized")
}

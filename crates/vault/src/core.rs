//! The vault's domain: what stands between a request and the engine that answers it.
//!
//! [`Core`] is sealed or unsealed. All that is read from behind the barrier lives in [`Unsealed`], which goes
//! away whole when the vault is sealed.

pub mod audit;
pub mod barrier;
mod break_glass;
mod ceremony;
pub mod cors;
mod due;
mod handle;
mod help;
pub mod identity;
mod in_flight;
mod init;
pub mod keyring;
mod keys;
mod lease;
pub mod lease_store;
mod lease_tidy;
mod leasing;
pub mod lockout;
mod login;
pub mod mount;
pub mod path_store;
mod policy_store;
pub mod quota;
mod remount;
mod revocation;
mod rotation;
pub mod seal;
mod standing;
#[cfg(test)]
mod tests;
pub mod token;
pub mod token_store;
pub mod ttl;
mod unmounting;
mod unsealing;
mod version_history;
mod view;
pub(crate) mod wrapping;

pub use barrier::{Barrier, Batch, Entry};
pub use break_glass::BreakGlassStatus;
pub(crate) use ceremony::ROOT_TOKEN_LEN;
pub use ceremony::{
    Canceller, RekeyStatus, RekeyTarget, Rekeyed, RootTokenStatus, VerifyStatus, decode_token,
};
pub use in_flight::InFlight;
pub use init::{InitRequest, Initialized};
pub use lease::LeaseEntry;
pub use path_store::{PathStore, entry_table};
pub use policy_store::PolicyStore;
pub use remount::{Migration, Migrations};
pub use revocation::OnFailure;
pub use rotation::RotationConfig;
pub use standing::{Exclusive, Standing, Visit};
pub use token::TokenEntry;
pub use unsealing::{SealStatus, UnsealPart};
pub use view::View;

use std::sync::Arc;

use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use trustkeep_chassis::clock::SharedClock;
use trustkeep_crypto::{Random, random};
use trustkeep_store::{Hold, SharedStore};

use self::lease_store::LeaseStore;
use self::mount::{MountTable, Mounts};
use self::seal::{SealConfig, Seals};
use self::token_store::TokenStore;
use crate::ha::Ha;
use crate::telemetry::Telemetry;
use crate::{Error, Result};

/// What the core is made with.
#[derive(Clone, Debug)]
pub struct CoreSettings {
    /// Seconds that a token or lease lives where nothing else is said.
    pub default_lease_ttl: i64,
    /// Seconds that none may pass.
    pub max_lease_ttl: i64,
    /// The storage's name as `seal-status` reports it, for example `file`.
    pub storage_type: String,
    /// The cluster's name; made up at initialisation where empty.
    pub cluster_name: String,
    /// Where clients reach this node; empty where unknown.
    pub api_addr: String,
    /// Whether the configuration asks for the web page.
    pub ui: bool,
    /// Whether `sys/raw` is there.
    pub raw_storage_endpoint: bool,
    /// Whether `sys/metrics` has the Prometheus form.
    pub prometheus: bool,
    /// After how many failed logins who must wait.
    pub user_lockout: lockout::LockoutRules,
    /// The level that logs begin with.
    pub log_level: trustkeep_chassis::logs::Level,
    /// The configuration as `sys/config/state/sanitized` shows it.
    pub sanitized: serde_json::Map<String, serde_json::Value>,
}

impl Default for CoreSettings {
    fn default() -> Self {
        CoreSettings {
            default_lease_ttl: 768 * 3600,
            max_lease_ttl: 768 * 3600,
            storage_type: "inmem".into(),
            cluster_name: String::new(),
            api_addr: String::new(),
            ui: false,
            raw_storage_endpoint: false,
            prometheus: true,
            user_lockout: lockout::LockoutRules::default(),
            log_level: trustkeep_chassis::logs::Level::Info,
            sanitized: serde_json::Map::new(),
        }
    }
}

/// The vault: one a process.
pub struct Core {
    settings: CoreSettings,
    store: SharedStore,
    /// Open once the keyring is known. The active node of several has another one for each term, and this one
    /// then only reads.
    cold: Arc<Barrier>,
    ha: Option<Arc<Ha>>,
    random: Arc<dyn Random>,
    clock: SharedClock,
    seals: Seals,
    audit_kinds: audit::DeviceKinds,
    unsealing: tokio::sync::Mutex<unsealing::Attempt>,
    unsealed: RwLock<Option<Arc<Unsealed>>>,
    in_flight: InFlight,
    telemetry: Telemetry,
}

/// All that is known once the barrier is open.
pub struct Unsealed {
    /// The barrier, open.
    pub barrier: Arc<Barrier>,
    /// Tokens.
    pub tokens: TokenStore,
    /// Leases.
    pub leases: LeaseStore,
    /// Policies.
    pub policies: PolicyStore,
    /// Audit devices.
    pub audit: Arc<audit::Audit>,
    /// Entities, their aliases, groups.
    pub identity: identity::IdentityStore,
    /// Rate limits.
    pub quotas: quota::Quotas,
    /// Who failed to log in too often.
    pub lockout: lockout::Lockout,
    /// The cluster's name and id.
    pub cluster: Cluster,
    /// Mounts that were moved.
    pub migrations: Migrations,
    ceremonies: ceremony::Ceremonies,
    cors: RwLock<Option<Arc<cors::Cors>>>,
    ui_headers: RwLock<Arc<Vec<(http::HeaderName, http::HeaderValue)>>>,
    clock: SharedClock,
    /// Of the term, where there are terms.
    hold: Option<Hold>,
    requests: standing::Requests,
    mounts: RwLock<Arc<Mounts>>,
    changing_mounts: tokio::sync::Mutex<()>,
    expiring: tokio::sync::Mutex<()>,
}

/// The cluster's name and id, made at initialisation.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its id.
    pub id: String,
}

impl Core {
    /// A sealed vault over a store whose tables exist ([`entry_table`]).
    ///
    /// # Errors
    /// None in practice: the table's definition is constant.
    pub fn new(
        store: SharedStore,
        settings: CoreSettings,
        random: Arc<dyn Random>,
        clock: SharedClock,
    ) -> Result<Self> {
        let paths = Arc::new(PathStore::new(store.clone(), entry_table()?));
        Ok(Core {
            settings,
            store,
            cold: Arc::new(Barrier::new(paths, random.clone())),
            ha: None,
            random,
            audit_kinds: audit::builtin(clock.clone(), Vec::new()),
            clock,
            seals: Seals::default(),
            unsealing: tokio::sync::Mutex::default(),
            unsealed: RwLock::new(None),
            in_flight: InFlight::default(),
            telemetry: Telemetry::default(),
        })
    }

    /// The same vault with these seals instead of key shares alone.
    pub fn with_seals(mut self, seals: Seals) -> Self {
        self.seals = seals;
        self
    }

    /// As one of several nodes; its store must be without a cache.
    pub fn among(mut self, ha: Arc<Ha>) -> Self {
        self.cold.paths().refuse_writes();
        self.ha = Some(ha);
        self
    }

    /// The node's part in a group of several, if it is in one.
    pub fn ha(&self) -> Option<&Arc<Ha>> {
        self.ha.as_ref()
    }

    /// From now on every write expects this to hold: the lease of the one server that may write.
    pub fn fence(&self, fence: trustkeep_store::Expect) {
        self.cold.paths().set_fence(Some(fence));
    }

    /// What it was made with.
    pub fn settings(&self) -> &CoreSettings {
        &self.settings
    }

    /// How long requests take.
    pub fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// The requests under way.
    pub fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    /// The operator's headers of the web page; none while sealed.
    pub fn ui_headers(&self) -> Arc<Vec<(http::HeaderName, http::HeaderValue)>> {
        self.unsealed.read().as_ref().map(|unsealed| unsealed.ui_headers.read().clone()).unwrap_or_default()
    }

    /// Puts other headers of the web page in force.
    pub fn set_ui_headers(&self, headers: Vec<(http::HeaderName, http::HeaderValue)>) {
        if let Some(unsealed) = self.unsealed.read().as_ref() {
            *unsealed.ui_headers.write() = Arc::new(headers);
        }
    }

    /// Where randomness comes from.
    pub fn random(&self) -> &dyn Random {
        self.random.as_ref()
    }

    /// Unix time in nanoseconds.
    pub fn now(&self) -> i64 {
        i64::try_from(self.clock.now().as_nanosecond()).unwrap_or(i64::MAX)
    }

    /// What is behind the barrier.
    ///
    /// # Errors
    /// 503 while sealed or standing by.
    pub fn unsealed(&self) -> Result<Arc<Unsealed>> {
        let unsealed = self.unsealed.read().clone();
        unsealed.filter(|unsealed| unsealed.leads()).ok_or_else(|| self.not_active())
    }

    /// Whether the keys are missing.
    pub fn is_sealed(&self) -> bool {
        self.standing() == Standing::Sealed
    }

    /// How the barrier is sealed; `None` before initialisation.
    ///
    /// # Errors
    /// The store's.
    pub async fn seal_config(&self) -> Result<Option<SealConfig>> {
        SealConfig::load(self.barrier().paths()).await
    }

    /// Closes the barrier. Requests under way that hold its content finish.
    pub fn seal(&self) {
        self.cold.seal();
        if let Some(ended) = self.unsealed.write().take() {
            ended.barrier.seal();
        }
        if let Some(ha) = &self.ha {
            ha.seal_changed();
        }
        tracing::info!("vault is sealed");
    }

    /// Revokes the tokens and leases that have ended; returns how many. Does nothing while sealed.
    ///
    /// # Errors
    /// The store's.
    pub async fn sweep(&self) -> Result<usize> {
        self.telemetry.rotate(self.barrier().timers());
        let Ok(unsealed) = self.unsealed() else { return Ok(0) };
        let now = self.now() / NANOS;
        unsealed.tick(now).await;
        let tokens = unsealed.tokens.sweep(now).await?;
        Ok(tokens + unsealed.expire_leases(now).await?)
    }

    /// Takes the keyring: a single node is active then, one of several stands by and is once it is its turn.
    async fn open(&self, keyring: keyring::Keyring) -> Result<()> {
        self.cold.unseal(keyring);
        if let Some(ha) = &self.ha {
            tracing::info!("vault is unsealed");
            ha.seal_changed();
            ha.settled().await;
            return Ok(());
        }
        let activated = self.activate(self.cold.clone(), None).await;
        match &activated {
            Ok(()) => tracing::info!("vault is unsealed"),
            Err(_) => self.cold.seal(),
        }
        activated
    }

    async fn load(&self, barrier: Arc<Barrier>, hold: Option<Hold>) -> Result<Unsealed> {
        let leases = (self.settings.default_lease_ttl, self.settings.max_lease_ttl);
        let mounts = Mounts::load(&barrier, leases).await?.with_identity(&barrier, leases).await?;
        let cubbyhole = mounts.get("cubbyhole/").map(|mount| mount.entry.storage_prefix());
        let cubbyhole = cubbyhole.ok_or_else(|| Error::internal("the cubbyhole's mount is missing"))?;
        let cubbyhole = View::new(barrier.clone(), &cubbyhole);
        let identity = mounts.get("identity/").map(|mount| mount.entry.storage_prefix());
        let identity = identity.ok_or_else(|| Error::internal("the identity store's mount is missing"))?;
        let identity = View::new(barrier.clone(), &identity);
        let lease_store = LeaseStore::new(View::new(barrier.clone(), lease_store::LEASES));
        let cluster = View::new(barrier.clone(), "").get_json(CLUSTER).await?;
        let config = View::new(barrier.clone(), SYSTEM_CONFIG);
        Ok(Unsealed {
            tokens: TokenStore::load(&barrier, cubbyhole, lease_store.clone(), self.random.clone()).await?,
            leases: lease_store,
            policies: PolicyStore::new(View::new(barrier.clone(), POLICIES)),
            audit: audit::Audit::load(&barrier, self.audit_kinds.clone(), self.clock.clone()).await?,
            quotas: quota::Quotas::load(&barrier, self.clock.clone()).await?,
            identity: identity::IdentityStore::load(identity, self.random.clone()).await?,
            lockout: lockout::Lockout::load(&barrier, self.settings.user_lockout.clone()).await?,
            barrier,
            hold,
            requests: standing::Requests::default(),
            cluster: cluster.ok_or_else(|| Error::internal("the cluster's name is missing"))?.0,
            migrations: Migrations::default(),
            ceremonies: ceremony::Ceremonies::default(),
            cors: RwLock::new(cors::load(&config).await?),
            ui_headers: RwLock::new(Arc::new(crate::engines::system::load_ui_headers(&config).await?)),
            clock: self.clock.clone(),
            mounts: RwLock::new(Arc::new(mounts)),
            changing_mounts: tokio::sync::Mutex::new(()),
            expiring: tokio::sync::Mutex::new(()),
        })
    }
}

impl Unsealed {
    /// The mounts as they stand.
    pub fn mounts(&self) -> Arc<Mounts> {
        self.mounts.read().clone()
    }

    /// Lets every engine do what is due at `now` (unix seconds). What fails is logged and due again.
    async fn tick(&self, now: i64) {
        for mount in self.mounts().all() {
            if let Some(engine) = &mount.engine
                && let Err(error) = engine.tick(now).await
            {
                tracing::warn!(%error, mount = mount.entry.path, "what is due at a mount could not be done");
            }
        }
        if let Err(error) = self.lockout.tick(&self.mounts(), now).await {
            tracing::warn!(%error, "lockouts that are over could not be removed");
        }
    }

    /// Adds a mount; its entry is stored first.
    ///
    /// # Errors
    /// 400 where the path is in use or the engine unknown, and the store's.
    pub async fn mount(&self, entry: mount::MountEntry, leases: (i64, i64)) -> Result<()> {
        let _one_at_a_time = self.changing_mounts.lock().await;
        let mounts = self.mounts();
        let full_path = entry.full_path();
        if let Some(other) = mounts.collision(&full_path) {
            return Err(Error::invalid(format!("path is already in use at {other}")));
        }
        let mount = mount::Mount::open(entry, &self.barrier, leases).await?;
        let batch = Batch::new().expect(mount.entry.storage_path(), None);
        self.barrier.commit(batch.put_json(mount.entry.storage_path(), &mount.entry)?).await?;
        *self.mounts.write() = Arc::new(mounts.with(mount));
        Ok(())
    }

    /// Changes a mount's description, options or settings.
    ///
    /// # Errors
    /// 400 where there is no such mount or its engine refuses, and the store's.
    pub async fn change_mount(
        self: &Arc<Self>,
        full_path: &str,
        leases: (i64, i64),
        change: impl FnOnce(&mut mount::MountEntry) -> Result<()> + Send,
    ) -> Result<()> {
        let _one_at_a_time = self.changing_mounts.lock().await;
        let mounts = self.mounts();
        let missing = || Error::invalid(format!("no mount entry found for path: {full_path}"));
        let old = mounts.get(full_path).ok_or_else(missing)?;
        let mut entry = old.entry.clone();
        change(&mut entry)?;
        let mount = mount::Mount::open(entry, &self.barrier, leases).await?;
        self.barrier.commit(Batch::new().put_json(mount.entry.storage_path(), &mount.entry)?).await?;
        *self.mounts.write() = Arc::new(mounts.with(mount));
        let this = self.clone();
        tokio::spawn(async move { this.finish_upgrading(leases).await });
        Ok(())
    }

    /// Moves the storage of mounts to its new form; until then they refuse requests. What fails, or is cut off
    /// by a crash, is taken up at the next change of a mount or unseal.
    async fn finish_upgrading(&self, leases: (i64, i64)) {
        let _one_at_a_time = self.changing_mounts.lock().await;
        let mounts = self.mounts();
        for mount in mounts.of(MountTable::Secret) {
            if mount.engine.as_ref().is_some_and(|engine| engine.is_upgrading())
                && let Err(error) = self.upgrade(&mount.entry, leases).await
            {
                tracing::error!(%error, mount = mount.entry.path, "the storage of a mount could not be upgraded");
            }
        }
    }

    async fn upgrade(&self, entry: &mount::MountEntry, leases: (i64, i64)) -> Result<()> {
        let view = View::new(self.barrier.clone(), &entry.storage_prefix());
        let now = i64::try_from(self.clock.now().as_nanosecond()).unwrap_or(i64::MAX);
        let moved = crate::engines::kv_v2::upgrade(&view, now).await?;
        tracing::info!(mount = entry.path, moved, "secrets are versioned now");
        let upgraded = mount::Mount::open(entry.clone(), &self.barrier, leases).await?;
        let mounts = self.mounts().with(upgraded);
        *self.mounts.write() = Arc::new(mounts);
        Ok(())
    }

    /// The mounts of a table, for `sys/mounts` and `sys/auth`.
    pub fn describe_mounts(&self, table: MountTable) -> serde_json::Map<String, serde_json::Value> {
        self.mounts()
            .of(table)
            .iter()
            .map(|mount| (mount.entry.path.clone(), mount.entry.describe()))
            .collect()
    }
}

fn new_cluster(name: &str, random: &dyn Random) -> Cluster {
    let id = random::uuid(random).to_string();
    let name = if name.is_empty() {
        format!("vault-cluster-{}", hex::encode(random::array::<4>(random)))
    } else {
        name.into()
    };
    Cluster { name, id }
}

const NANOS: i64 = 1_000_000_000;
/// Where settings of `sys/config` stand.
pub const SYSTEM_CONFIG: &str = "sys/config/";
const CLUSTER: &str = "core/cluster/local/info";
const POLICIES: &str = "sys/policy/";

//! Mounts: which engine answers below which path.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use trustkeep_crypto::{Random, random};

use super::barrier::{Barrier, Batch};
use super::view::View;
use crate::auth::{approle::AppRole, userpass::Userpass};
use crate::engines::kv_v2::{self, KvV2};
use crate::engines::transit::Transit;
use crate::engines::{Engine, EngineContext, cubbyhole::Cubbyhole, kv_v1::KvV1, upgrading::Upgrading};
use crate::{Error, Result};

/// Which table a mount stands in: its paths begin at the root or at `auth/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MountTable {
    /// Secrets engines.
    Secret,
    /// Auth methods.
    Auth,
}

/// A mount as it is stored, one entry each, so that no item grows with their number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountEntry {
    /// Which table it stands in.
    pub table: MountTable,
    /// Its path within the table, with a trailing `/`.
    pub path: String,
    /// `kv`, `cubbyhole`, `system`, `token`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// What the operator says of it.
    pub description: String,
    /// Names its storage.
    pub uuid: String,
    /// `<type>_<8 hex>`.
    pub accessor: String,
    /// Whether it stays on this cluster.
    pub local: bool,
    /// Whether its storage is wrapped by the seal: recorded only.
    pub seal_wrap: bool,
    /// Whether it draws external entropy: recorded only.
    pub external_entropy_access: bool,
    /// The engine's options, for example `version`.
    pub options: Option<BTreeMap<String, String>>,
    /// What can be tuned.
    pub config: MountConfig,
}

/// A mount's tunable settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountConfig {
    /// Seconds; 0 takes the system's.
    pub default_lease_ttl: i64,
    /// Seconds; 0 takes the system's.
    pub max_lease_ttl: i64,
    /// Recorded only: entries are always read through.
    pub force_no_cache: bool,
    /// `unauth` shows the mount to callers without a token.
    pub listing_visibility: String,
    /// Body fields that audit devices show in the clear.
    pub audit_non_hmac_request_keys: Vec<String>,
    /// The same for answers.
    pub audit_non_hmac_response_keys: Vec<String>,
    /// Request headers that reach the engine.
    pub passthrough_request_headers: Vec<String>,
    /// Answer headers that the engine may set.
    pub allowed_response_headers: Vec<String>,
    /// Auth methods: the type of the tokens that logins give.
    pub token_type: String,
    /// Auth methods with passwords: after how many failed logins who must wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_lockout_config: Option<super::lockout::LockoutSettings>,
}

impl MountEntry {
    /// The path as requests name it: with `auth/` in front for auth methods.
    pub fn full_path(&self) -> String {
        match self.table {
            MountTable::Secret => self.path.clone(),
            MountTable::Auth => format!("auth/{}", self.path),
        }
    }

    /// The entry as `sys/mounts` shows it.
    pub fn describe(&self) -> Value {
        let mut config = Map::new();
        config.insert("default_lease_ttl".into(), self.config.default_lease_ttl.into());
        config.insert("max_lease_ttl".into(), self.config.max_lease_ttl.into());
        config.insert("force_no_cache".into(), self.config.force_no_cache.into());
        self.config.describe_lists(&mut config);
        if self.table == MountTable::Auth {
            let kind = &self.config.token_type;
            config.insert(
                "token_type".into(),
                if kind.is_empty() { "default-service".into() } else { kind.clone().into() },
            );
        }
        json!({
            "accessor": self.accessor,
            "config": config,
            "description": self.description,
            "external_entropy_access": self.external_entropy_access,
            "local": self.local,
            "options": self.options,
            "plugin_version": "",
            "running_plugin_version": crate::VAULT_BUILTIN_VERSION,
            "running_sha256": "",
            "seal_wrap": self.seal_wrap,
            "type": self.kind,
            "uuid": self.uuid,
        })
    }

    /// Where its description is stored in the barrier.
    pub fn storage_path(&self) -> String {
        format!("{MOUNTS}{}", self.uuid)
    }

    /// Its folder in the barrier.
    pub fn storage_prefix(&self) -> String {
        match (self.table, self.kind.as_str()) {
            (MountTable::Secret, "system") => "sys/".into(),
            (MountTable::Secret, _) => format!("logical/{}/", self.uuid),
            (MountTable::Auth, _) => format!("auth/{}/", self.uuid),
        }
    }
}

impl MountConfig {
    /// Adds the settings that are shown only where they are set.
    pub fn describe_lists(&self, config: &mut Map<String, Value>) {
        if !self.listing_visibility.is_empty() {
            config.insert("listing_visibility".into(), self.listing_visibility.clone().into());
        }
        for (name, list) in [
            ("audit_non_hmac_request_keys", &self.audit_non_hmac_request_keys),
            ("audit_non_hmac_response_keys", &self.audit_non_hmac_response_keys),
            ("passthrough_request_headers", &self.passthrough_request_headers),
            ("allowed_response_headers", &self.allowed_response_headers),
        ] {
            if !list.is_empty() {
                config.insert(name.into(), list.clone().into());
            }
        }
    }
}

/// A mount with its engine.
pub struct Mount {
    /// What is stored of it.
    pub entry: MountEntry,
    /// What answers; `None` for those that the core answers itself (`sys/`, `identity/`, `auth/token/`).
    pub engine: Option<Arc<dyn Engine>>,
    /// Whether it is being moved to another path and takes no requests meanwhile.
    pub is_moving: bool,
}

/// All mounts of an unsealed vault. Replaced whole at every change.
#[derive(Default, Clone)]
pub struct Mounts {
    by_path: HashMap<String, Arc<Mount>>,
}

impl Mounts {
    /// The stored mounts with their engines.
    ///
    /// # Errors
    /// 500 where an entry is damaged or of a kind that this version does not know, and the store's.
    pub async fn load(barrier: &Arc<Barrier>, leases: (i64, i64)) -> Result<Self> {
        let view = View::new(barrier.clone(), MOUNTS);
        let mut mounts = Mounts::default();
        for uuid in view.list("").await? {
            let Some((entry, _)) = view.get_json::<MountEntry>(&uuid).await? else { continue };
            mounts = mounts.with(Mount::open(entry, barrier, leases).await?);
        }
        Ok(mounts)
    }

    /// The same with the identity store's mount, which vaults made before it do not have.
    ///
    /// # Errors
    /// The store's.
    pub async fn with_identity(self, barrier: &Arc<Barrier>, leases: (i64, i64)) -> Result<Self> {
        if self.get("identity/").is_some() {
            return Ok(self);
        }
        let entry = identity_entry(barrier.random().as_ref());
        barrier.commit(Batch::new().put_json(entry.storage_path(), &entry)?).await?;
        Ok(self.with(Mount::open(entry, barrier, leases).await?))
    }

    /// The mount with this accessor.
    pub fn by_accessor(&self, accessor: &str) -> Option<&Arc<Mount>> {
        self.by_path.values().find(|mount| mount.entry.accessor == accessor)
    }

    /// The mount that a path falls below, and the rest of the path: the longest match wins.
    pub fn route<'p>(&self, path: &'p str) -> Option<(&Arc<Mount>, &'p str)> {
        let within = path.rmatch_indices('/').find_map(|(index, _)| {
            let (prefix, rest) = path.split_at(index + 1);
            self.by_path.get(prefix).map(|mount| (mount, rest))
        });
        within.or_else(|| self.by_path.get(&format!("{path}/")).map(|mount| (mount, "")))
    }

    /// The mount at exactly this full path (with trailing slash).
    pub fn get(&self, full_path: &str) -> Option<&Arc<Mount>> {
        self.by_path.get(full_path)
    }

    /// All mounts of both tables, in no order.
    pub fn all(&self) -> Vec<Arc<Mount>> {
        self.by_path.values().cloned().collect()
    }

    /// All mounts of a table, by path.
    pub fn of(&self, table: MountTable) -> Vec<&Arc<Mount>> {
        let mut mounts: Vec<_> = self.by_path.values().filter(|mount| mount.entry.table == table).collect();
        mounts.sort_by(|a, b| a.entry.path.cmp(&b.entry.path));
        mounts
    }

    /// The same with one more mount, or with one replaced.
    pub fn with(&self, mount: Mount) -> Self {
        let mut next = self.clone();
        next.by_path.insert(mount.entry.full_path(), Arc::new(mount));
        next
    }

    /// The same without the mount at a full path.
    pub fn without(&self, full_path: &str) -> Self {
        let mut next = self.clone();
        next.by_path.remove(full_path);
        next
    }

    /// Whether a new mount at `full_path` would stand above or below another one, in the way of which.
    pub fn collision(&self, full_path: &str) -> Option<&str> {
        self.by_path
            .keys()
            .map(String::as_str)
            .find(|other| other.starts_with(full_path) || full_path.starts_with(*other))
    }
}

impl Mount {
    /// A mount with its engine made.
    ///
    /// # Errors
    /// 400 where no such engine is known.
    pub async fn open(
        entry: MountEntry,
        barrier: &Arc<Barrier>,
        (system_default, system_max): (i64, i64),
    ) -> Result<Self> {
        let or = |value: i64, system: i64| if value == 0 { system } else { value };
        let context = EngineContext {
            view: View::new(barrier.clone(), &entry.storage_prefix()),
            accessor: entry.accessor.clone(),
            random: barrier.random().clone(),
            options: entry.options.clone().unwrap_or_default(),
            lease_default: or(entry.config.default_lease_ttl, system_default),
            lease_max: or(entry.config.max_lease_ttl, system_max),
        };
        let engine: Option<Arc<dyn Engine>> = match (entry.table, entry.kind.as_str()) {
            (MountTable::Secret, "system" | "identity") | (MountTable::Auth, "token") => None,
            (MountTable::Secret, "cubbyhole") => Some(Arc::new(Cubbyhole::new(&context))),
            (MountTable::Secret, "kv")
                if is_versioned(&context) && kv_v2::is_upgraded(&context.view).await? =>
            {
                Some(Arc::new(KvV2::new(&context)))
            }
            (MountTable::Secret, "kv") if is_versioned(&context) => Some(Arc::new(Upgrading)),
            (MountTable::Secret, "kv") => Some(Arc::new(KvV1::new(&context))),
            (MountTable::Auth, "approle") => Some(Arc::new(AppRole::new(&context))),
            (MountTable::Auth, "userpass") => Some(Arc::new(Userpass::new(&context))),
            (MountTable::Secret, "transit") => Some(Arc::new(Transit::new(&context))),
            (_, kind) => return Err(Error::invalid(format!("plugin not found in the catalog: {kind}"))),
        };
        Ok(Mount { entry, engine, is_moving: false })
    }
}

fn is_versioned(context: &EngineContext) -> bool {
    context.options.get("version").is_some_and(|version| version == "2")
}

/// A mount entry of a known kind with a fresh id and accessor.
pub fn new_entry(
    table: MountTable,
    path: &str,
    kind: &str,
    description: &str,
    random: &dyn Random,
) -> MountEntry {
    let accessor = format!("{kind}_{}", hex::encode(random::array::<4>(random)));
    MountEntry {
        table,
        path: path.into(),
        kind: kind.into(),
        description: description.into(),
        uuid: random::uuid(random).to_string(),
        accessor,
        local: false,
        seal_wrap: false,
        external_entropy_access: false,
        options: None,
        config: MountConfig::default(),
    }
}

/// What a new vault has mounted.
///
/// # Errors
/// 500 where an entry has no JSON form.
pub fn initial_mounts(random: &dyn Random) -> Result<Batch> {
    let mut cubbyhole =
        new_entry(MountTable::Secret, "cubbyhole/", "cubbyhole", "per-token private secret storage", random);
    cubbyhole.local = true;
    let mut system = new_entry(
        MountTable::Secret,
        "sys/",
        "system",
        "system endpoints used for control, policy and debugging",
        random,
    );
    system.seal_wrap = true;
    let token = new_entry(MountTable::Auth, "token/", "token", "token based credentials", random);
    [cubbyhole, system, identity_entry(random), token]
        .iter()
        .try_fold(Batch::new(), |batch, entry| batch.put_json(entry.storage_path(), entry))
}

fn identity_entry(random: &dyn Random) -> MountEntry {
    new_entry(MountTable::Secret, "identity/", "identity", "identity store", random)
}

/// The folder of mount entries in the barrier.
pub const MOUNTS: &str = "core/mounts/";

/// The secrets engines that there are, by the names that `sys/plugins/catalog` lists.
pub const SECRETS_ENGINES: &[&str] = &["kv", "transit"];
/// The auth methods that there are.
pub const AUTH_METHODS: &[&str] = &["approle", "token", "userpass"];

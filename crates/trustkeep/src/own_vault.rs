//! A vault inside of another service's process, unsealed by a key beside its data: who can read the directory can read every secret.

mod keys;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use serde_json::{Map, Value, json};
use trustkeep_chassis::clock::SystemClock;
use trustkeep_chassis::http::ListenSettings;
use trustkeep_chassis::supervisor::Supervisor;
use trustkeep_crypto::SecretString;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_store::SharedStore;
use trustkeep_vault::core::{Core, CoreSettings, InitRequest, audit};
use trustkeep_vault::http::EdgeSettings;
use trustkeep_vault::request::{Operation, Request};
use trustkeep_vault::service::{Ports, Service};

use self::keys::Keys;
use crate::audit_ledger;
use crate::stores::VaultStore;

/// Which one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    /// Where its store is, and its keys.
    pub(crate) dir: &'a Path,
    /// The keys' file in that directory.
    pub(crate) keys_file: &'static str,
    /// What the file says of itself to who opens it.
    pub(crate) note: &'static str,
    /// Its name.
    pub(crate) cluster_name: &'static str,
    /// The version of the KV engine at `secret/`.
    pub(crate) kv_version: &'static str,
    /// Seconds that no token lives longer.
    pub(crate) token_ttl_max: i64,
}

impl<'a> Place<'a> {
    /// The vault of `trustkeep dev`.
    pub(crate) fn development(dir: &'a Path) -> Self {
        Place {
            dir,
            keys_file: "dev-keys.json",
            note: "development only: whoever reads this file reads every secret beside it",
            cluster_name: "trustkeep-dev",
            kv_version: "2",
            token_ttl_max: CoreSettings::default().max_lease_ttl,
        }
    }
}

/// A vault that is open and served.
pub(crate) struct OwnVault {
    /// Of the first listener: `http://127.0.0.1:8200`.
    pub(crate) address: String,
    /// Of every listener.
    pub(crate) addresses: Vec<(&'static str, SocketAddr)>,
    pub(crate) root_token: SecretString,
    core: Arc<Core>,
    store: VaultStore,
}

impl OwnVault {
    /// Opens the vault of a place, serves it and unseals it; at the first start makes it, with a KV engine at `secret/`.
    ///
    /// # Errors
    /// A port that is taken, before anything is made; a store that does not open; lost keys.
    pub(crate) async fn start(
        place: Place<'_>,
        listeners: Vec<(ListenSettings, EdgeSettings)>,
        supervisor: &Supervisor,
    ) -> anyhow::Result<Self> {
        let dir = place.dir;
        let ports = Ports::bind(listeners).await;
        let ports = ports.with_context(|| format!("cannot start on the data in {}", dir.display()))?;
        let store = VaultStore::embedded(&dir.join("store")).await?;
        let settings = CoreSettings {
            storage_type: "file".into(),
            cluster_name: place.cluster_name.into(),
            max_lease_ttl: place.token_ttl_max,
            ..Default::default()
        };
        let core = Core::new(store.store.clone(), settings, Arc::new(SystemRandom), SystemClock::shared())?;
        let kinds = audit::builtin(SystemClock::shared(), vec![dir.to_owned()]);
        let core = Arc::new(core.with_audit_kinds(kinds.with("ledger", audit_ledger::kind())));
        let service = Service::new(core.clone(), ports);
        let addresses = service.addresses();
        let address = addresses.first().map(|(scheme, address)| format!("{scheme}://{address}"));
        let keys = open(&core, place).await?;
        service.spawn(supervisor);
        let address = address.unwrap_or_default();
        Ok(OwnVault { address, addresses, root_token: keys.root_token, core, store })
    }

    /// Secrets of a service, each a field at a path of the KV engine; those that are not there are made.
    ///
    /// # Errors
    /// The vault refuses: the engine is gone, or an audit device does not answer.
    pub(crate) async fn keep<const N: usize>(
        &self,
        path: &str,
        fields: [&str; N],
        make: impl Fn() -> SecretString,
    ) -> anyhow::Result<[SecretString; N]> {
        let token = self.root_token.expose();
        let request = |operation, data| Request::internal(operation, path, data, token);
        let read = match self.core.handle(request(Operation::Read, Map::new())).await {
            Err(error) if error.status() == 404 => None,
            read => read.with_context(|| format!("the vault does not give {path}"))?,
        };
        let mut kept = match read.and_then(|response| response.data) {
            Some(data) => serde_json::to_value(data)?.get("data").and_then(Value::as_object).cloned(),
            None => None,
        }
        .unwrap_or_default();
        let before = kept.len();
        let secrets = fields.map(|field| match kept.get(field).and_then(Value::as_str) {
            Some(secret) => SecretString::from(secret),
            None => {
                let secret = make();
                kept.insert(field.to_owned(), secret.expose().into());
                secret
            }
        });
        if kept.len() > before {
            let data = Map::from_iter([("data".to_owned(), Value::Object(kept))]);
            let written = self.core.handle(request(Operation::Update, data)).await;
            written.with_context(|| format!("the vault does not take {path}"))?;
        }
        Ok(secrets)
    }

    /// The store that it stands in, which has room for other tables.
    pub(crate) fn store(&self) -> SharedStore {
        self.store.store.clone()
    }

    /// Closes the store, once the supervisor has ended the service.
    pub(crate) async fn close(self) {
        drop(self.core);
        self.store.close().await;
    }
}

/// Unseals the vault; at the first start makes it.
async fn open(core: &Arc<Core>, place: Place<'_>) -> anyhow::Result<Keys> {
    let mut keys = if core.seal_config().await?.is_some() {
        Keys::load(place)?
    } else {
        let made = core.initialize(InitRequest::shamir(1, 1)).await?;
        let [share] = made.shares.as_slice() else { anyhow::bail!("one unseal key was expected") };
        let keys = Keys::new(share.to_base64(), made.root_token.into());
        keys.save(place)?;
        keys
    };
    core.unseal(keys.unseal_key.expose()).await.context("the unseal key beside the data does not open it")?;
    if !keys.set_up {
        enable_kv(core, keys.root_token.expose(), place.kv_version).await?;
        keys.set_up = true;
        keys.save(place)?;
    }
    Ok(keys)
}

/// Mounts a KV engine at `secret/`, unless an earlier, interrupted start did.
pub(crate) async fn enable_kv(core: &Arc<Core>, token: &str, version: &str) -> anyhow::Result<()> {
    if core.unsealed()?.mounts().get("secret/").is_some() {
        return Ok(());
    }
    let mount =
        json!({ "type": "kv", "description": "key/value secret storage", "options": { "version": version } });
    let data = mount.as_object().cloned().unwrap_or_default();
    core.handle(Request::internal(Operation::Update, "sys/mounts/secret", data, token)).await?;
    Ok(())
}

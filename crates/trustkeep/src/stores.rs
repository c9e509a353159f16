//! Which store stands behind a service: the one place that knows every backend.

pub(crate) mod scalar;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use aws_credential_types::provider::SharedCredentialsProvider;
use rand::SeedableRng as _;
use trustkeep_aws::credentials::SdkCredentials;
use trustkeep_aws::{Chain, ChainSettings, Context};
use trustkeep_crypto::random::{SystemRandom, uuid};
use trustkeep_store::{
    CachedStore, Contender, Lease, LeaseSettings, MemoryStore, SharedStore, Table, lease_table,
};
use trustkeep_store_dynamodb::{Capacity, DynamoStore, Layout, Settings as DynamoSettings};
use trustkeep_store_embedded::{EmbeddedStore, Settings as EmbeddedSettings};
use trustkeep_store_postgres::{PostgresSettings, PostgresStore, schema_ddl};
use trustkeep_vault::core::entry_table;
use trustkeep_vault::settings::{Dynamodb, Postgresql, Storage};

/// A vault's store, open, and the lease of the one server that writes to it.
pub(crate) struct VaultStore {
    pub(crate) store: SharedStore,
    /// For stores that other machines reach, where one server alone uses it; the embedded one locks its directory
    /// instead, and several servers settle it among themselves.
    pub(crate) lease: Option<Lease>,
    embedded: Option<Arc<EmbeddedStore>>,
}

impl VaultStore {
    /// Opens the store that a vault's configuration names, makes its tables where they are missing, and makes sure
    /// that no other server writes to it.
    pub(crate) async fn open(storage: &Storage) -> anyhow::Result<Self> {
        match storage {
            Storage::Inmem => {
                let store = raw(storage).await?;
                store.create_tables(&[entry_table()?]).await?;
                Ok(VaultStore { store, lease: None, embedded: None })
            }
            Storage::File { path } => Self::embedded(path).await,
            Storage::Postgresql(_) | Storage::Dynamodb(_) if storage.ha_enabled() => {
                let store = raw(storage).await?;
                store.create_tables(&vault_tables()?).await?;
                Ok(VaultStore { store, lease: None, embedded: None })
            }
            Storage::Postgresql(_) | Storage::Dynamodb(_) => Self::shared(raw(storage).await?).await,
        }
    }

    /// Opens the embedded store in a directory.
    pub(crate) async fn embedded(dir: &Path) -> anyhow::Result<Self> {
        let embedded = Arc::new(EmbeddedStore::open(embedded_settings(dir))?);
        let store: SharedStore = embedded.clone();
        store.create_tables(&[entry_table()?]).await?;
        Ok(VaultStore { store, lease: None, embedded: Some(embedded) })
    }

    async fn shared(store: SharedStore) -> anyhow::Result<Self> {
        store.create_tables(&vault_tables()?).await?;
        let lease = sole_writer(&store).await?;
        let cached = Arc::new(CachedStore::new(store, CACHE_BYTES));
        Ok(VaultStore { store: cached, lease: Some(lease), embedded: None })
    }

    /// Lets go of the lease and closes the store, so that the next server starts at once.
    pub(crate) async fn close(self) {
        let VaultStore { store, lease, embedded } = self;
        drop(store);
        if let Some(lease) = lease
            && let Err(error) = lease.release().await
        {
            tracing::warn!(%error, "the storage's lease could not be released: the next server waits for it to end");
        }
        if let Some(embedded) = embedded.and_then(Arc::into_inner) {
            embedded.close().await;
        }
    }
}

/// What `trustkeep schema --print` shows of a vault's store.
pub(crate) fn describe(storage: &Storage) -> anyhow::Result<String> {
    let tables = vault_tables()?;
    Ok(match storage {
        Storage::Inmem => "storage \"inmem\" has no tables: nothing outlives the process\n".into(),
        Storage::File { .. } => {
            "storage \"file\" makes its tables by itself: there is nothing to prepare\n".into()
        }
        Storage::Postgresql(settings) => schema_ddl(&postgres_settings(settings)?, &tables)?,
        Storage::Dynamodb(settings) => DynamoStore::describe(&dynamodb_settings(settings)?, &tables)?,
    })
}

/// Makes the tables of a vault's store where they are missing.
pub(crate) async fn create(storage: &Storage) -> anyhow::Result<()> {
    if !matches!(storage, Storage::Inmem | Storage::File { .. }) {
        raw(storage).await?.create_tables(&vault_tables()?).await?;
    }
    Ok(())
}

/// The store that a vault's configuration names, without its tables, cache and lease.
pub(crate) async fn raw(storage: &Storage) -> anyhow::Result<SharedStore> {
    Ok(match storage {
        Storage::Inmem => Arc::new(MemoryStore::new()),
        Storage::File { path } => Arc::new(EmbeddedStore::open(embedded_settings(path))?),
        Storage::Postgresql(settings) => Arc::new(
            PostgresStore::open(postgres_settings(settings)?).await.context("storage \"postgresql\"")?,
        ),
        Storage::Dynamodb(settings) => {
            let random = rand::rngs::StdRng::from_os_rng();
            Arc::new(
                DynamoStore::open(dynamodb_settings(settings)?, random)
                    .await
                    .context("storage \"dynamodb\"")?,
            )
        }
    })
}

/// Holds the lease of the storage, waiting for that of a server that died to end; another one that lives keeps it.
async fn sole_writer(store: &SharedStore) -> anyhow::Result<Lease> {
    let holder = format!("{} {}", std::process::id(), uuid(&SystemRandom));
    let table = lease_table("vault")?;
    let settings = LeaseSettings::new(table.clone(), LEASE, holder).ttl(LEASE_TTL);
    let mut contender = Contender::new(store.clone(), settings)?;
    let patience = tokio::time::Instant::now() + LEASE_TTL * 3;
    let mut told = false;
    loop {
        if let Some(lease) = contender.attempt().await? {
            return Ok(lease);
        }
        if tokio::time::Instant::now() > patience {
            anyhow::bail!(
                "another vault server uses this storage and is alive: stop it first, or set ha_enabled = \"true\" in the storage stanza of all of them, so that one is active and the others stand by"
            );
        }
        if !told {
            tracing::warn!(
                "another vault server holds this storage; waiting until it lets go or proves to be dead"
            );
            told = true;
        }
        tokio::time::sleep(LEASE_TTL / 10).await;
    }
}

fn vault_tables() -> anyhow::Result<[Table; 2]> {
    Ok([entry_table()?, lease_table("vault")?])
}

/// The embedded store as services use it: sized for machines of half a GiB.
pub(crate) fn embedded_settings(dir: &Path) -> EmbeddedSettings {
    let mut settings = EmbeddedSettings::new(dir);
    settings.cache_bytes = CACHE_BYTES;
    settings.block_cache_bytes = 16 << 20;
    settings.write_buffer_bytes = 4 << 20;
    settings
}

/// The embedded store as ledgers and auditors use it, who read more than they can keep and write all the time: the same on
/// a machine of half a GiB, and more of everything where there is more.
pub(crate) fn growing_settings(dir: &Path) -> EmbeddedSettings {
    let memory = trustkeep_chassis::host::memory_bytes();
    let mut settings = embedded_settings(dir);
    settings.cache_bytes = (memory / 32).clamp(settings.cache_bytes, 256 << 20);
    settings.block_cache_bytes = (memory / 32).clamp(settings.block_cache_bytes, 256 << 20);
    settings.write_buffer_bytes = (memory / 128).clamp(settings.write_buffer_bytes, 32 << 20);
    settings
}

fn postgres_settings(settings: &Postgresql) -> anyhow::Result<PostgresSettings> {
    PostgresSettings::parse(settings.connection_url.expose()).context("storage \"postgresql\"")
}

/// The table as the original makes it: `Path`, `Key`, `Value`; the lease stands in it too, since the users' rights
/// end at this one table. For the same reason rows are checked by updates: they have no `ConditionCheckItem`.
fn dynamodb_settings(settings: &Dynamodb) -> anyhow::Result<DynamoSettings> {
    let chain = ChainSettings {
        region: Some(settings.region.clone()),
        access_key_id: settings.access_key.clone(),
        secret_access_key: settings.secret_key.as_ref().map(|key| key.duplicate()),
        session_token: settings.session_token.as_ref().map(|token| token.duplicate()),
        ..Default::default()
    };
    let credentials = SdkCredentials(Arc::new(Chain::new(Context::process(), chain)?));
    let mut dynamodb = DynamoSettings::new(&settings.region, SharedCredentialsProvider::new(credentials));
    dynamodb.endpoint = settings.endpoint.clone();
    dynamodb.capacity =
        Capacity::Provisioned { read: settings.read_capacity, write: settings.write_capacity };
    dynamodb.max_parallel = settings.max_parallel;
    dynamodb.fence_by_update = true;
    if let Some(retries) = settings.max_retries {
        dynamodb.max_retries = retries;
    }
    if settings.endpoint.as_ref().is_some_and(|endpoint| !endpoint.contains(".amazonaws.com")) {
        dynamodb.transaction_rows_max = EMULATOR_ROWS_MAX;
    }
    let entries = Layout::within(&settings.table, "Path", "Key").attribute("value", "Value");
    let leases = Layout::within(&settings.table, "Path", "Key").under("core", "_trustkeep-lease-");
    let format = Layout::within(&settings.table, "Path", "Key").under("core", "_trustkeep-");
    Ok(dynamodb
        .lay_out("vault.entry", entries.into())
        .lay_out("vault.lease", leases.into())
        .lay_out("trustkeep.format", format.into()))
}

/// What the environment, a profile or the machine's role gives.
fn environment_credentials(region: &str) -> anyhow::Result<SharedCredentialsProvider> {
    let chain = ChainSettings { region: Some(region.to_owned()), ..Default::default() };
    let chain = Chain::new(Context::process(), chain)?;
    Ok(SharedCredentialsProvider::new(SdkCredentials(Arc::new(chain))))
}

const CACHE_BYTES: u64 = 16 << 20;
const LEASE: &str = "leader";
const LEASE_TTL: Duration = Duration::from_secs(10);
/// Endpoints that are not Amazon's are emulators, and the smallest takes this many rows.
const EMULATOR_ROWS_MAX: usize = 10;

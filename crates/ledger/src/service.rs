//! What the Ledger does for a request, beneath gRPC.

mod auditing;
mod executing;
mod registering;
mod validating;

use std::sync::Arc;

use trustkeep_chassis::clock::SharedClock;
use trustkeep_contract::Engines;
use trustkeep_crypto::Random;
use trustkeep_scalar_domain::blocking::Blocking;
use trustkeep_scalar_domain::contracts::Contracts;
use trustkeep_scalar_domain::identities::Identities;
use trustkeep_scalar_domain::namespaces::Namespaces;
use trustkeep_scalar_rpc::Result;
use trustkeep_scalar_rpc::identity::{HmacKey, Verifier};
use trustkeep_store::SharedStore;

use crate::assets::Assets;
use crate::execution::Executor;
use crate::failure::START;
use crate::functions::Functions;
use crate::mutable::Schemas;
use crate::proofs::Prover;
use crate::settings::Settings;
use crate::states::States;
use crate::tables::{Spaces, namespace_tables, shared_tables, tx_state};
use crate::validation::Validator;

/// How many executions and validations run at a time; more wait. Each waits for the store most of its time.
const RUNNING_MAX: usize = 256;

/// A Ledger over a store. Several may share one store: what keeps them right is the store's commits alone.
pub struct Ledger {
    settings: Settings,
    namespaces: Arc<Namespaces>,
    identities: Arc<Identities>,
    contracts: Arc<Contracts>,
    functions: Functions,
    executor: Arc<Executor>,
    validator: Arc<Validator>,
    blocking: Blocking,
    /// Checks the Auditor's signatures over nonces where the servers share a secret.
    servers_key: Option<Arc<dyn Verifier>>,
}

impl Ledger {
    /// Opens a Ledger, making what tables are missing.
    ///
    /// # Errors
    /// 414 if the namespace of the settings is no name of a store, 500 if the store fails.
    pub async fn open(
        store: SharedStore,
        settings: Settings,
        engines: Engines,
        clock: SharedClock,
        random: Arc<dyn Random>,
    ) -> Result<Self> {
        let base = settings.server.namespace.clone();
        let tables_of = {
            let base = base.clone();
            Arc::new(move |namespace: &str| namespace_tables(&base, namespace))
        };
        let namespaces =
            Arc::new(Namespaces::new(store.clone(), &base, tables_of, clock.clone(), random.clone())?);
        store.create_tables(&shared_tables(&base)?).await.map_err(|error| START.error(&error))?;
        namespaces.create_tables().await?;
        let servers_secret = settings.server.servers_secret.as_ref().filter(|_| settings.auditor);
        let servers_key = servers_secret.map(|secret| Arc::new(HmacKey::new(secret)) as Arc<dyn Verifier>);
        let identities = Arc::new(Identities::new(
            store.clone(),
            namespaces.clone(),
            &settings.server.authentication,
            servers_secret,
            clock.clone(),
            random,
        )?);
        let contracts = Arc::new(Contracts::new(
            store.clone(),
            namespaces.clone(),
            identities.clone(),
            engines.clone(),
            clock.clone(),
            settings.executable_contracts.clone(),
        ));
        let spaces = Arc::new(Spaces::new(&base));
        let assets =
            Assets::new(store.clone(), namespaces.clone(), spaces.clone(), settings.direct_asset_access);
        let blocking = Blocking::new(RUNNING_MAX);
        let executor = Executor {
            assets: assets.clone(),
            states: States::new(store.clone(), tx_state(&base)?, clock.clone()),
            schemas: Schemas::new(store.clone(), &base)?,
            prover: Prover::new(settings.signer.clone()),
            contracts: contracts.clone(),
            blocking: blocking.clone(),
            namespaces: namespaces.clone(),
            store: store.clone(),
        };
        let validator = Validator { assets, identities: identities.clone(), contracts: contracts.clone() };
        Ok(Self {
            functions: Functions::new(store, namespaces.clone(), spaces, engines, clock),
            settings,
            namespaces,
            identities,
            contracts,
            executor: Arc::new(executor),
            validator: Arc::new(validator),
            blocking,
            servers_key,
        })
    }

    /// How it is set up.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ledger").field("settings", &self.settings).finish_non_exhaustive()
    }
}

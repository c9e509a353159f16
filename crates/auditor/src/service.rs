//! The Auditor: its books, its keys, and the way to the Ledger.

use std::sync::Arc;
use std::time::Duration;

use trustkeep_chassis::clock::SharedClock;
use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_contract::Engines;
use trustkeep_crypto::{Random, random};
use trustkeep_scalar_domain::blocking::Blocking;
use trustkeep_scalar_domain::contracts::Contracts;
use trustkeep_scalar_domain::identities::Identities;
use trustkeep_scalar_domain::namespaces::Namespaces;
use trustkeep_scalar_rpc::messages::TransactionStatePurgeResponse;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};
use trustkeep_store::SharedStore;

use crate::books::Books;
use crate::keys::Keys;
use crate::ledger::Ledger;
use crate::orders::Orders;
use crate::purge::Purger;
use crate::recovery::UnderWay;
use crate::request::Request;
use crate::settings::AuditorSettings;
use crate::{metrics, tables};

/// How many contracts are executed at a time; more wait. Each waits for the store most of its time.
const EXECUTIONS_MAX: usize = 256;

/// One Auditor. Several processes may be the same Auditor on one store.
#[derive(Debug)]
pub struct Auditor {
    pub(crate) books: Arc<Books>,
    pub(crate) namespaces: Arc<Namespaces>,
    pub(crate) identities: Arc<Identities>,
    pub(crate) contracts: Arc<Contracts>,
    pub(crate) blocking: Blocking,
    pub(crate) keys: Keys,
    pub(crate) ledger: Ledger,
    pub(crate) orders: Orders,
    pub(crate) recovering: UnderWay,
    pub(crate) purger: Purger,
    pub(crate) grace: Duration,
}

impl Auditor {
    /// The Auditor that is configured, on a store whose tables it makes where they are missing.
    ///
    /// # Errors
    /// 401, 414 for what is configured wrongly; 500 if the store refuses.
    pub async fn open(
        store: SharedStore,
        settings: &AuditorSettings,
        engines: Engines,
        clock: SharedClock,
        random: Arc<dyn Random>,
    ) -> Result<Self> {
        let base = settings.server.namespace.clone();
        let of = {
            let base = base.clone();
            Arc::new(move |namespace: &str| tables::namespace_tables(&base, namespace))
        };
        let namespaces = Arc::new(Namespaces::new(store.clone(), &base, of, clock.clone(), random.clone())?);
        namespaces.create_tables().await?;
        store
            .create_tables(&tables::shared_tables(&base)?)
            .await
            .map_err(|error| crate::failure::ORDERING.error(&error))?;
        let identities = Arc::new(Identities::new(
            store.clone(),
            namespaces.clone(),
            &settings.server.authentication,
            settings.server.servers_secret.as_ref(),
            clock.clone(),
            random.clone(),
        )?);
        let contracts = Arc::new(Contracts::new(
            store.clone(),
            namespaces.clone(),
            identities.clone(),
            engines,
            clock.clone(),
            None,
        ));
        let books = Arc::new(Books::new(store, namespaces.clone(), clock)?);
        let ledger = settings.ledger()?;
        let holder = random::uuid(&*random).to_string();
        Ok(Self {
            purger: Purger::new(books.clone(), ledger.clone(), settings.purge, settings.grace, holder)?,
            books,
            namespaces,
            identities,
            contracts,
            blocking: Blocking::new(EXECUTIONS_MAX),
            keys: settings.keys()?,
            ledger,
            orders: Orders::default(),
            recovering: UnderWay::default(),
            grace: settings.grace,
        })
    }

    /// Purges request proofs now and then, where that is configured, until the server stops.
    pub async fn run_purges(&self, shutdown: Shutdown) {
        self.purger.run(shutdown).await;
    }

    /// Purges request proofs of orders that have ended, as many as one scan may look at.
    ///
    /// # Errors
    /// 407002 if purging is not configured, 504004 if another one is under way, 500, 503001.
    pub async fn purge(&self) -> Result<TransactionStatePurgeResponse> {
        self.purger.scan().await
    }

    /// Checks the client's signature over its request.
    ///
    /// # Errors
    /// 400 if it does not hold; 403, 415, 417 for who is not known.
    pub(crate) async fn verify(&self, request: &Request) -> Result<()> {
        let client = &request.client;
        self.identities
            .verify(
                request.context_namespace(),
                &client.entity_id,
                client.key_version,
                &request.signing_bytes(),
                &request.signature,
            )
            .await
    }

    /// Tells the operator of states that an honest Ledger and an honest Auditor cannot come to.
    pub(crate) fn suspect(&self, nonce: &str, error: &Error) {
        if (StatusCode::InvalidHash..=StatusCode::InconsistentRequest).contains(&error.code)
            && error.code != StatusCode::InvalidNonce
        {
            metrics::inconsistency(error.code);
            tracing::error!(%nonce, code = error.code.number(), message = error.message, "the states do not fit together");
        }
    }
}

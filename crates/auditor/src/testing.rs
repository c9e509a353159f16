//! An Auditor on a store in memory, a Ledger that can be made to lie, and a client that knows both.

mod contracts;
mod ledger;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use trustkeep_chassis::clock::{ManualClock, SharedClock, Timestamp};
use trustkeep_contract::{ClientIdentityKey, Engines};
use trustkeep_crypto::SecretString;
use trustkeep_crypto::random::Seeded;
use trustkeep_scalar_domain::asset::AssetKey;
use trustkeep_scalar_rpc::identity::{HmacKey, Signer as _};
use trustkeep_scalar_rpc::messages::{
    AssetProof, ContractExecutionRequest, ContractExecutionResponse, ContractRegistrationRequest,
};
use trustkeep_scalar_rpc::properties::Properties;
use trustkeep_scalar_rpc::signing::Signed as _;
use trustkeep_scalar_rpc::{Error, Result, argument};
use trustkeep_store::{MemoryStore, SharedStore};

pub(crate) use self::contracts::TestContracts;
pub(crate) use self::ledger::{Lie, TestLedger, signed};
use crate::service::Auditor;
use crate::settings::AuditorSettings;

/// All that takes part.
pub(crate) struct World {
    pub(crate) auditor: Arc<Auditor>,
    pub(crate) ledger: Arc<TestLedger>,
    pub(crate) store: SharedStore,
    pub(crate) clock: Arc<ManualClock>,
    settings: AuditorSettings,
}

/// Both servers' secret.
const SERVERS: &str = "servers";
/// The client's.
const CLIENT: &str = "client-secret";

impl World {
    /// A client `alice` with every test contract registered.
    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// The same with more lines of configuration.
    pub(crate) async fn with(more: &str) -> Self {
        let ledger = Arc::new(TestLedger::default());
        let port = ledger.clone().serve().await;
        let text = format!(
            "scalar.dl.auditor.authentication.method=hmac\n\
             scalar.dl.auditor.authentication.hmac.cipher_key=cipher\n\
             scalar.dl.auditor.servers.authentication.hmac.secret_key={SERVERS}\n\
             scalar.dl.auditor.ledger.host=127.0.0.1\n\
             scalar.dl.auditor.ledger.port={port}\n{more}"
        );
        let settings = AuditorSettings::read(&Properties::parse(&text, &|_| None).unwrap()).unwrap();
        let store: SharedStore = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(Timestamp::from_millisecond(1_700_000_000_000).unwrap()));
        let auditor = open(&settings, &store, &clock, 1).await;
        let world = Self { auditor, ledger, store, clock, settings };
        world.auditor.identities.register_secret("default", "alice", 1, &CLIENT.into()).await.unwrap();
        world.register("default").await;
        world
    }

    /// Another process of the same Auditor.
    pub(crate) async fn another(&self) -> Arc<Auditor> {
        open(&self.settings, &self.store, &self.clock, 2).await
    }

    pub(crate) async fn register(&self, namespace: &str) {
        for id in TestContracts::IDS {
            let mut request = ContractRegistrationRequest {
                contract_id: id.into(),
                contract_binary_name: id.into(),
                contract_byte_code: Bytes::copy_from_slice(id.as_bytes()),
                entity_id: "alice".into(),
                key_version: 1,
                context_namespace: if namespace == "default" { String::new() } else { namespace.into() },
                ..Default::default()
            };
            request.signature = sign(CLIENT, &request.signing_bytes());
            self.auditor.contracts.register(&request).await.unwrap();
        }
    }

    /// A request of alice's, signed.
    pub(crate) fn request(&self, contract: &str, nonce: &str, text: &str) -> ContractExecutionRequest {
        let mut request = ContractExecutionRequest {
            contract_id: contract.into(),
            contract_argument: argument::format(text, nonce, "", &[]).unwrap(),
            entity_id: "alice".into(),
            key_version: 1,
            ..Default::default()
        };
        request.signature = sign(CLIENT, &request.signing_bytes());
        request
    }

    /// Orders: the request with the Auditor's signature.
    pub(crate) async fn order(&self, request: &ContractExecutionRequest) -> Result<ContractExecutionRequest> {
        let auditor_signature = self.auditor.order(request).await?;
        Ok(ContractExecutionRequest { auditor_signature, ..request.clone() })
    }

    /// Executes on the Ledger.
    pub(crate) fn execute(&self, request: &ContractExecutionRequest) -> Result<Vec<AssetProof>> {
        self.ledger.execute(request)
    }

    pub(crate) async fn validate(
        &self,
        request: &ContractExecutionRequest,
        proofs: Vec<AssetProof>,
    ) -> Result<ContractExecutionResponse> {
        self.auditor.validate(request, proofs).await
    }

    /// All three steps.
    pub(crate) async fn run(
        &self,
        contract: &str,
        nonce: &str,
        text: &str,
    ) -> Result<ContractExecutionResponse> {
        let request = self.order(&self.request(contract, nonce, text)).await?;
        let proofs = self.execute(&request)?;
        self.validate(&request, proofs).await
    }

    /// Lets an order become stale.
    pub(crate) fn wait(&self) {
        self.clock.advance(self.auditor.grace + Duration::from_millis(1));
    }

    /// The age of an asset as its lock counts it, and how many hold it.
    pub(crate) async fn lock(&self, id: &str) -> (Option<u32>, usize) {
        let seen = self.auditor.books.lock(&key(id)).await.unwrap();
        (seen.lock.age, seen.lock.holders.nonces().len())
    }
}

async fn open(
    settings: &AuditorSettings,
    store: &SharedStore,
    clock: &Arc<ManualClock>,
    seed: u64,
) -> Arc<Auditor> {
    let engines = Engines::new().with(TestContracts);
    let clock: SharedClock = clock.clone();
    let auditor = Auditor::open(store.clone(), settings, engines, clock, Arc::new(Seeded::new(seed))).await;
    Arc::new(auditor.unwrap())
}

/// An asset of `default`.
pub(crate) fn key(id: &str) -> AssetKey {
    AssetKey { namespace: "default".into(), id: id.into() }
}

/// What the servers sign with.
pub(crate) fn sign_as_server(bytes: &[u8]) -> Bytes {
    sign(SERVERS, bytes)
}

fn sign(secret: &str, bytes: &[u8]) -> Bytes {
    HmacKey::new(&SecretString::from(secret)).sign(bytes).unwrap().into()
}

/// Who sends a request.
pub(crate) fn client(request: &ContractExecutionRequest) -> ClientIdentityKey {
    ClientIdentityKey { entity_id: request.entity_id.clone(), key_version: request.key_version }
}

/// That a call failed with this code and number, or with this text.
#[track_caller]
pub(crate) fn refused<T: std::fmt::Debug>(result: Result<T>, message: &str) {
    let error: Error = result.unwrap_err();
    assert!(error.message.starts_with(message), "{error} instead of {message}");
}

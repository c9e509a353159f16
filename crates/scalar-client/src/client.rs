//! The client: whom it talks to, and as whom it signs.

use std::fmt;
use std::sync::Arc;

use trustkeep_crypto::Random;
use trustkeep_crypto::random::SystemRandom;
use trustkeep_scalar_rpc::identity::{HmacKey, PrivateKey, Signer};
use trustkeep_scalar_rpc::messages::{
    AssetLockRecoveryRequest, AssetLockRecoveryResult, ContractsListingRequest, NamespaceCreationRequest,
    NamespaceDroppingRequest, NamespacesListingRequest, StateRetrievalRequest, TransactionState,
    TransactionStatePurgeRequest, TransactionStatePurgeResponse,
};
use trustkeep_scalar_rpc::signing::{DEFAULT_NAMESPACE, Signed};
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

use crate::config::{ClientConfig, Identity};
use crate::connection::{AuditorConnection, LedgerConnection};
use crate::error::wrong_mode;

/// A client of a Ledger, and of an Auditor if one is configured. Clones share channels and identity.
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    ledger: LedgerConnection,
    auditor: Option<AuditorConnection>,
}

struct Shared {
    config: ClientConfig,
    signer: Option<Box<dyn Signer>>,
    random: Box<dyn Random>,
}

impl Client {
    /// A client that connects when it is first used. Must be called within a Tokio runtime; nothing is sent.
    ///
    /// # Errors
    /// 401 if the private key is none; 414 or 502 if a target cannot be one.
    pub fn new(config: ClientConfig) -> Result<Self> {
        Self::with_random(config, Box::new(SystemRandom))
    }

    /// The same with nonces from `random`.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_random(mut config: ClientConfig, random: Box<dyn Random>) -> Result<Self> {
        // The default namespace is signed and sent as none.
        if config.context_namespace == DEFAULT_NAMESPACE {
            config.context_namespace.clear();
        }
        let signer: Option<Box<dyn Signer>> = match &config.identity {
            Identity::DigitalSignature { private_key, .. } => {
                Some(Box::new(PrivateKey::from_pem(private_key.expose())?))
            }
            Identity::Hmac { secret, .. } => Some(Box::new(HmacKey::new(secret))),
            Identity::PassThrough => None,
        };
        Ok(Self {
            ledger: LedgerConnection::new(&config.ledger)?,
            auditor: config.auditor.as_ref().map(AuditorConnection::new).transpose()?,
            shared: Arc::new(Shared { config, signer, random }),
        })
    }

    /// As it was configured.
    #[must_use]
    pub fn config(&self) -> &ClientConfig {
        &self.shared.config
    }

    /// The contracts that this client's identity registered, as JSON text; of one id, or all.
    ///
    /// # Errors
    /// As the Ledger answers.
    pub async fn list_contracts(&self, contract_id: Option<&str>) -> Result<String> {
        let config = self.identified()?;
        let mut request = ContractsListingRequest {
            entity_id: config.identity.entity_id().to_owned(),
            key_version: config.identity.key_version(),
            contract_id: contract_id.unwrap_or_default().to_owned(),
            context_namespace: config.context_namespace.clone(),
            ..Default::default()
        };
        request.signature = self.sign(&request)?.into();
        let mut ledger = self.ledger.ordinary.clone();
        let answer = ledger.list_contracts(self.ledger.request(request)).await;
        answer.map(|answer| answer.into_inner().json).map_err(failed)
    }

    /// Creates a namespace at the Auditor and the Ledger.
    ///
    /// # Errors
    /// As the servers answer; that the Auditor has it already is none.
    pub async fn create_namespace(&self, name: &str) -> Result<()> {
        self.identified()?;
        let request = NamespaceCreationRequest { namespace: name.to_owned() };
        if let Some(auditor) = &self.auditor {
            let answer = auditor.privileged.clone().create_namespace(auditor.request(request.clone())).await;
            unless(StatusCode::NamespaceAlreadyExists, answer)?;
        }
        done(self.ledger.privileged.clone().create_namespace(self.ledger.request(request)).await)
    }

    /// Drops a namespace, with everything in it, at the Auditor and the Ledger.
    ///
    /// # Errors
    /// As the servers answer; that the Auditor does not have it is none.
    pub async fn drop_namespace(&self, name: &str) -> Result<()> {
        self.identified()?;
        let request = NamespaceDroppingRequest { namespace: name.to_owned() };
        if let Some(auditor) = &self.auditor {
            let answer = auditor.privileged.clone().drop_namespace(auditor.request(request.clone())).await;
            unless(StatusCode::NamespaceNotFound, answer)?;
        }
        done(self.ledger.privileged.clone().drop_namespace(self.ledger.request(request)).await)
    }

    /// The Ledger's namespaces whose name holds `pattern`, as JSON text.
    ///
    /// # Errors
    /// As the Ledger answers.
    pub async fn list_namespaces(&self, pattern: &str) -> Result<String> {
        self.identified()?;
        let request = NamespacesListingRequest { pattern: pattern.to_owned() };
        let answer = self.ledger.privileged.clone().list_namespaces(self.ledger.request(request)).await;
        answer.map(|answer| answer.into_inner().json).map_err(failed)
    }

    /// What became of a transaction, after an execution whose outcome is unknown.
    ///
    /// # Errors
    /// As the Ledger answers.
    pub async fn retrieve_state(&self, nonce: &str) -> Result<TransactionState> {
        let request = StateRetrievalRequest { transaction_id: nonce.to_owned() };
        let answer = self.ledger.privileged.clone().retrieve_state(self.ledger.request(request)).await;
        answer.map(|answer| answer.into_inner().state()).map_err(failed)
    }

    /// Asks the Auditor to recover the lock on an asset whose holder has gone away. An empty namespace is the default.
    ///
    /// # Errors
    /// 407 without an Auditor; as the Auditor answers.
    pub async fn recover_lock(&self, namespace: &str, asset_id: &str) -> Result<AssetLockRecoveryResult> {
        let auditor = self.auditor.as_ref().ok_or_else(|| {
            let text = "Auditor is not configured. Recovering a lock requires Auditor to be enabled.";
            Error::new(StatusCode::InvalidRequest, text)
        })?;
        let request =
            AssetLockRecoveryRequest { namespace: namespace.to_owned(), asset_id: asset_id.to_owned() };
        let answer = auditor.privileged.clone().recover_asset_lock(auditor.request(request)).await;
        answer.map(|answer| answer.into_inner().result()).map_err(failed)
    }

    /// Asks the Auditor to forget transactions that are finished.
    ///
    /// # Errors
    /// 407 (DL-CLIENT-407001) without an Auditor; as the Auditor answers.
    pub async fn purge_state(&self) -> Result<TransactionStatePurgeResponse> {
        self.identified()?;
        let auditor = self.auditor.as_ref().ok_or_else(|| {
            let text = "Auditor is not configured. The purge-state command requires Auditor to be enabled.";
            Error::numbered(StatusCode::InvalidRequest, "CLIENT", 1, text)
        })?;
        let request = auditor.request(TransactionStatePurgeRequest {});
        let answer = auditor.privileged.clone().purge_transaction_states(request).await;
        answer.map(tonic::Response::into_inner).map_err(failed)
    }

    /// The Ledger's services.
    #[must_use]
    pub fn ledger(&self) -> &LedgerConnection {
        &self.ledger
    }

    /// The Auditor's services.
    #[must_use]
    pub fn auditor(&self) -> Option<&AuditorConnection> {
        self.auditor.as_ref()
    }

    /// The configuration of a client that signs.
    pub(crate) fn identified(&self) -> Result<&ClientConfig> {
        match self.shared.signer {
            Some(_) => Ok(&self.shared.config),
            None => Err(wrong_mode()),
        }
    }

    pub(crate) fn sign(&self, request: &impl Signed) -> Result<Vec<u8>> {
        let signer = self.shared.signer.as_ref().ok_or_else(wrong_mode)?;
        signer.sign(&request.signing_bytes())
    }

    pub(crate) fn nonce(&self) -> String {
        trustkeep_crypto::random::uuid(&*self.shared.random).to_string()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("config", &self.shared.config).finish_non_exhaustive()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "stands where a function of the error is asked for")]
pub(crate) fn failed(status: tonic::Status) -> Error {
    Error::from_grpc(&status)
}

pub(crate) fn done(answer: std::result::Result<tonic::Response<()>, tonic::Status>) -> Result<()> {
    answer.map(tonic::Response::into_inner).map_err(failed)
}

/// The Auditor may have it already, from an attempt whose second half failed.
pub(crate) fn unless(
    tolerated: StatusCode,
    answer: std::result::Result<tonic::Response<()>, tonic::Status>,
) -> Result<()> {
    match done(answer) {
        Err(error) if error.code == tolerated => Ok(()),
        answer => answer,
    }
}

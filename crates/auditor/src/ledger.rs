//! What the Auditor asks of the Ledger: proofs, the end of a transaction, and what became of it.

use std::sync::Arc;

use trustkeep_scalar_client::{LedgerConnection, Target};
use trustkeep_scalar_domain::asset::AssetKey;
use trustkeep_scalar_rpc::identity::Signer;
use trustkeep_scalar_rpc::messages::{
    AssetProof, AssetProofRetrievalRequest, ExecutionAbortRequest, ExecutionFinishRequest, TransactionState,
};
use trustkeep_scalar_rpc::signing::{DEFAULT_NAMESPACE, Signed};
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

use crate::failure;

/// The Ledger as the Auditor reaches it.
#[derive(Clone, Debug)]
pub(crate) struct Ledger {
    connection: LedgerConnection,
    entity_id: String,
    key_version: u32,
    signer: Arc<dyn Signer>,
}

impl Ledger {
    /// A Ledger that is asked in the name of `entity_id`; connects when first used.
    ///
    /// # Errors
    /// 414, 502 if the target cannot be reached as it is written.
    pub(crate) fn new(
        target: &Target,
        entity_id: String,
        key_version: u32,
        signer: Arc<dyn Signer>,
    ) -> Result<Self> {
        Ok(Self { connection: LedgerConnection::new(target)?, entity_id, key_version, signer })
    }

    /// The Ledger's proof of an asset's state at an age; its signature is not checked here.
    ///
    /// # Errors
    /// 503001 if the Ledger did not answer, 400 and so on as it answers.
    pub(crate) async fn proof(&self, key: &AssetKey, age: u32) -> Result<Option<AssetProof>> {
        let namespace = if key.namespace == DEFAULT_NAMESPACE { "" } else { &key.namespace };
        let mut request = AssetProofRetrievalRequest {
            asset_id: key.id.clone(),
            // Greater ages than this one the protocol cannot ask for: it means the latest.
            age: i32::try_from(age).unwrap_or(i32::MAX),
            entity_id: self.entity_id.clone(),
            key_version: self.key_version,
            namespace: namespace.to_owned(),
            ..Default::default()
        };
        request.signature = self.sign(&request)?;
        let answer =
            self.connection.ordinary.clone().retrieve_asset_proof(self.connection.request(request)).await;
        match answer {
            Ok(answer) => Ok(answer.into_inner().proof),
            Err(status) => {
                let error = Error::from_grpc(&status);
                // An asset of a namespace that the Ledger does not have has no state there either.
                match error.code {
                    StatusCode::AssetNotFound | StatusCode::NamespaceNotFound => Ok(None),
                    _ => Err(failure::ledger_failed(&error)),
                }
            }
        }
    }

    /// Ends a transaction unless it has committed, and says which of the two holds.
    ///
    /// # Errors
    /// 503001 if the Ledger did not answer, 400 and so on as it answers.
    pub(crate) async fn abort(&self, nonce: &str) -> Result<TransactionState> {
        let mut request = ExecutionAbortRequest {
            nonce: nonce.to_owned(),
            entity_id: self.entity_id.clone(),
            key_version: self.key_version,
            ..Default::default()
        };
        request.signature = self.sign(&request)?;
        let answer = self.connection.ordinary.clone().abort_execution(self.connection.request(request)).await;
        Ok(answer.map_err(|status| failure::ledger_failed(&Error::from_grpc(&status)))?.into_inner().state())
    }

    /// Tells the Ledger that nothing more will be asked about a transaction.
    ///
    /// # Errors
    /// 503001 if the Ledger did not answer, 407 where it does not purge, and so on.
    pub(crate) async fn finish(&self, nonce: &str) -> Result<()> {
        let mut request = ExecutionFinishRequest {
            nonce: nonce.to_owned(),
            entity_id: self.entity_id.clone(),
            key_version: self.key_version,
            ..Default::default()
        };
        request.signature = self.sign(&request)?;
        let answer =
            self.connection.ordinary.clone().finish_execution(self.connection.request(request)).await;
        answer.map_err(|status| failure::ledger_failed(&Error::from_grpc(&status)))?;
        Ok(())
    }

    fn sign(&self, request: &impl Signed) -> Result<bytes::Bytes> {
        Ok(self.signer.sign(&request.signing_bytes())?.into())
    }
}

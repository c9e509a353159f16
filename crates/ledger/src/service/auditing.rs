//! What the Auditor asks: proofs of single states, and decisions about transactions.

use trustkeep_scalar_domain::asset::{AGE_MAX, AssetKey};
use trustkeep_scalar_domain::identities::AUDITOR_ENTITY_ID;
use trustkeep_scalar_domain::requests;
use trustkeep_scalar_domain::settings::Authentication;
use trustkeep_scalar_rpc::messages::{
    AssetProofRetrievalRequest, AssetProofRetrievalResponse, ExecutionAbortRequest, ExecutionAbortResponse,
    ExecutionFinishRequest, StateRetrievalRequest, StateRetrievalResponse,
};
use trustkeep_scalar_rpc::signing::{DEFAULT_NAMESPACE, Signed};
use trustkeep_scalar_rpc::{Result, StatusCode};

use super::Ledger;
use crate::failure::ledger;

impl Ledger {
    /// The proof of one state, or of the latest for an age below 0 or of 2^31 - 1.
    ///
    /// # Errors
    /// 407 for anybody but the Auditor, 400, 409 if there is no such state, 417, 500.
    pub async fn retrieve_proof(
        &self,
        request: AssetProofRetrievalRequest,
    ) -> Result<AssetProofRetrievalResponse> {
        requests::check_asset_id(&request.asset_id)?;
        self.check_auditor(&request, &request.entity_id, request.key_version, &request.signature).await?;
        let key = AssetKey {
            namespace: requests::context_namespace(&request.namespace).to_owned(),
            id: request.asset_id,
        };
        let row = match u32::try_from(request.age) {
            Ok(age) if age < AGE_MAX => self.executor.assets.at(&key, age).await?,
            _ => self.executor.assets.latest(&key).await?.0,
        };
        let row =
            row.ok_or_else(|| ledger(StatusCode::AssetNotFound, 1, "The specified asset is not found."))?;
        let proof = self.executor.prover.prove(&key, &row)?;
        Ok(AssetProofRetrievalResponse { proof, ledger_name: self.settings.server.name.clone() })
    }

    /// Decides that a transaction is aborted, unless it is decided already.
    ///
    /// # Errors
    /// 407 for anybody but the Auditor, 400, 305.
    pub async fn abort(&self, request: ExecutionAbortRequest) -> Result<ExecutionAbortResponse> {
        requests::check_nonce(&request.nonce)?;
        self.check_auditor(&request, &request.entity_id, request.key_version, &request.signature).await?;
        let state = self.executor.states.abort(&request.nonce).await?;
        Ok(ExecutionAbortResponse { state: state.into() })
    }

    /// Takes note that the Auditor needs a transaction's state no longer. The state is kept: it is what refuses the
    /// nonce from now on, and small.
    ///
    /// # Errors
    /// 407 if purging is off and for anybody but the Auditor, 400.
    pub async fn finish(&self, request: ExecutionFinishRequest) -> Result<()> {
        requests::check_nonce(&request.nonce)?;
        self.check_auditor(&request, &request.entity_id, request.key_version, &request.signature).await?;
        if self.settings.purge {
            return Ok(());
        }
        Err(ledger(StatusCode::InvalidRequest, 7, "Transaction state purge is disabled."))
    }

    /// What a transaction came to.
    ///
    /// # Errors
    /// 502 or 414 for the id, 305, 500.
    pub async fn state(&self, request: StateRetrievalRequest) -> Result<StateRetrievalResponse> {
        requests::check_nonce(&request.transaction_id)?;
        let state = self.executor.states.of(&request.transaction_id).await?;
        Ok(StateRetrievalResponse { state: state.into() })
    }

    /// Whether it is the Auditor who asks.
    async fn check_auditor(
        &self,
        request: &(impl Signed + Sync),
        entity_id: &str,
        key_version: u32,
        signature: &[u8],
    ) -> Result<()> {
        requests::check_entity(entity_id, key_version)?;
        let verifier = self.identities.verifier(DEFAULT_NAMESPACE, entity_id, key_version).await?;
        if !verifier.holds(&request.signing_bytes(), signature) {
            let text = "The request signature can't be validated.";
            return Err(ledger(StatusCode::InvalidSignature, 1, text));
        }
        let own = match self.settings.server.authentication {
            Authentication::Hmac { .. } => (AUDITOR_ENTITY_ID, 1),
            Authentication::DigitalSignature => {
                (self.settings.auditor_cert_holder_id.as_str(), self.settings.auditor_cert_version)
            }
        };
        if (entity_id, key_version) == own {
            return Ok(());
        }
        // The original lets every registered entity do this.
        let text =
            format!("Only the Auditor may ask for this. Entity: {entity_id}; key version: {key_version}");
        Err(ledger(StatusCode::InvalidRequest, 8, text))
    }
}

//! The service `rpc.Ledger`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trustkeep_scalar_rpc::messages::{
    AssetProofRetrievalRequest, AssetProofRetrievalResponse, ContractExecutionRequest,
    ContractExecutionResponse, ContractRegistrationRequest, ContractsListingRequest,
    ContractsListingResponse, ExecutionAbortRequest, ExecutionAbortResponse, ExecutionFinishRequest,
    LedgerValidationRequest, LedgerValidationResponse, SignedFunctionRegistrationRequest,
};
use trustkeep_scalar_rpc::services;

use super::answer;
use crate::Ledger;

/// Serves clients and the Auditor.
#[derive(Clone, Debug)]
pub struct LedgerRpc(Arc<Ledger>);

impl LedgerRpc {
    /// Serves `ledger`.
    #[must_use]
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self(ledger)
    }
}

#[async_trait::async_trait]
impl services::Ledger for LedgerRpc {
    async fn register_contract(
        &self,
        request: Request<ContractRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        answer(self.0.register_contract(request.into_inner())).await
    }

    async fn register_function(
        &self,
        request: Request<SignedFunctionRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        answer(self.0.register_signed_function(request.into_inner())).await
    }

    async fn list_contracts(
        &self,
        request: Request<ContractsListingRequest>,
    ) -> Result<Response<ContractsListingResponse>, Status> {
        let listed = async {
            let json = self.0.list_contracts(request.into_inner()).await?;
            Ok(ContractsListingResponse { json })
        };
        answer(listed).await
    }

    async fn execute_contract(
        &self,
        request: Request<ContractExecutionRequest>,
    ) -> Result<Response<ContractExecutionResponse>, Status> {
        answer(self.0.execute(request.into_inner())).await
    }

    async fn validate_ledger(
        &self,
        request: Request<LedgerValidationRequest>,
    ) -> Result<Response<LedgerValidationResponse>, Status> {
        answer(self.0.validate(request.into_inner())).await
    }

    async fn retrieve_asset_proof(
        &self,
        request: Request<AssetProofRetrievalRequest>,
    ) -> Result<Response<AssetProofRetrievalResponse>, Status> {
        answer(self.0.retrieve_proof(request.into_inner())).await
    }

    async fn abort_execution(
        &self,
        request: Request<ExecutionAbortRequest>,
    ) -> Result<Response<ExecutionAbortResponse>, Status> {
        answer(self.0.abort(request.into_inner())).await
    }

    async fn finish_execution(
        &self,
        request: Request<ExecutionFinishRequest>,
    ) -> Result<Response<()>, Status> {
        answer(self.0.finish(request.into_inner())).await
    }
}

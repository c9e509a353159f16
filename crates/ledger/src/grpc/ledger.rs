//! The service `rpc.Ledger`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trustkeep_scalar_domain::edge::{Edge, RequestKind};
use trustkeep_scalar_rpc::messages::{
    AssetProofRetrievalRequest, AssetProofRetrievalResponse, ContractExecutionRequest,
    ContractExecutionResponse, ContractRegistrationRequest, ContractsListingRequest,
    ContractsListingResponse, ExecutionAbortRequest, ExecutionAbortResponse, ExecutionFinishRequest,
    LedgerValidationRequest, LedgerValidationResponse, SignedFunctionRegistrationRequest,
};
use trustkeep_scalar_rpc::services;

use crate::Ledger;

/// Serves clients and the Auditor.
#[derive(Clone, Debug)]
pub(crate) struct LedgerRpc {
    ledger: Arc<Ledger>,
    edge: Edge,
}

impl LedgerRpc {
    pub(crate) fn new(ledger: Arc<Ledger>, edge: Edge) -> Self {
        Self { ledger, edge }
    }
}

#[async_trait::async_trait]
impl services::Ledger for LedgerRpc {
    async fn register_contract(
        &self,
        request: Request<ContractRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        self.edge
            .call(RequestKind::ContractRegistration, self.ledger.register_contract(request.into_inner()))
            .await
    }

    async fn register_function(
        &self,
        request: Request<SignedFunctionRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        self.edge
            .call(
                RequestKind::SignedFunctionRegistration,
                self.ledger.register_signed_function(request.into_inner()),
            )
            .await
    }

    async fn list_contracts(
        &self,
        request: Request<ContractsListingRequest>,
    ) -> Result<Response<ContractsListingResponse>, Status> {
        let listed = async {
            let json = self.ledger.list_contracts(request.into_inner()).await?;
            Ok(ContractsListingResponse { json })
        };
        self.edge.call(RequestKind::ContractsListing, listed).await
    }

    async fn execute_contract(
        &self,
        request: Request<ContractExecutionRequest>,
    ) -> Result<Response<ContractExecutionResponse>, Status> {
        self.edge.call(RequestKind::ContractExecution, self.ledger.execute(request.into_inner())).await
    }

    async fn validate_ledger(
        &self,
        request: Request<LedgerValidationRequest>,
    ) -> Result<Response<LedgerValidationResponse>, Status> {
        self.edge.call(RequestKind::LedgerValidation, self.ledger.validate(request.into_inner())).await
    }

    async fn retrieve_asset_proof(
        &self,
        request: Request<AssetProofRetrievalRequest>,
    ) -> Result<Response<AssetProofRetrievalResponse>, Status> {
        self.edge
            .call(RequestKind::AssetProofRetrieval, self.ledger.retrieve_proof(request.into_inner()))
            .await
    }

    async fn abort_execution(
        &self,
        request: Request<ExecutionAbortRequest>,
    ) -> Result<Response<ExecutionAbortResponse>, Status> {
        self.edge.call(RequestKind::ExecutionAbort, self.ledger.abort(request.into_inner())).await
    }

    async fn finish_execution(
        &self,
        request: Request<ExecutionFinishRequest>,
    ) -> Result<Response<()>, Status> {
        self.edge.call(RequestKind::ExecutionFinish, self.ledger.finish(request.into_inner())).await
    }
}

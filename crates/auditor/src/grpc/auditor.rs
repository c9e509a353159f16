//! The service `rpc.Auditor`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trustkeep_scalar_rpc::messages::{
    ContractExecutionRequest, ContractExecutionResponse, ContractRegistrationRequest,
    ContractsListingRequest, ContractsListingResponse, ExecutionOrderingResponse, ExecutionValidationRequest,
};
use trustkeep_scalar_rpc::services;

use super::answer;
use crate::Auditor;

/// Serves clients.
#[derive(Clone, Debug)]
pub struct AuditorRpc(Arc<Auditor>);

impl AuditorRpc {
    /// Serves `auditor`.
    #[must_use]
    pub fn new(auditor: Arc<Auditor>) -> Self {
        Self(auditor)
    }
}

#[async_trait::async_trait]
impl services::Auditor for AuditorRpc {
    async fn register_contract(
        &self,
        request: Request<ContractRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        answer(self.0.register_contract(request.into_inner())).await
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

    async fn order_execution(
        &self,
        request: Request<ContractExecutionRequest>,
    ) -> Result<Response<ExecutionOrderingResponse>, Status> {
        let ordered = async {
            let signature = self.0.order(request.get_ref()).await?;
            Ok(ExecutionOrderingResponse { signature })
        };
        answer(ordered).await
    }

    async fn validate_execution(
        &self,
        request: Request<ExecutionValidationRequest>,
    ) -> Result<Response<ContractExecutionResponse>, Status> {
        let ExecutionValidationRequest { request, proofs } = request.into_inner();
        answer(self.0.validate(&request.unwrap_or_default(), proofs)).await
    }
}

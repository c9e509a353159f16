//! The service `rpc.Auditor`.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trustkeep_scalar_domain::edge::{Edge, RequestKind};
use trustkeep_scalar_rpc::messages::{
    ContractExecutionRequest, ContractExecutionResponse, ContractRegistrationRequest,
    ContractsListingRequest, ContractsListingResponse, ExecutionOrderingResponse, ExecutionValidationRequest,
};
use trustkeep_scalar_rpc::services;

use crate::Auditor;

/// Serves clients.
#[derive(Clone, Debug)]
pub(crate) struct AuditorRpc {
    auditor: Arc<Auditor>,
    edge: Edge,
}

impl AuditorRpc {
    /// Serves `auditor`; every call passes `edge`.
    pub(crate) fn new(auditor: Arc<Auditor>, edge: Edge) -> Self {
        Self { auditor, edge }
    }
}

#[async_trait::async_trait]
impl services::Auditor for AuditorRpc {
    async fn register_contract(
        &self,
        request: Request<ContractRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        self.edge
            .call(RequestKind::ContractRegistration, self.auditor.register_contract(request.into_inner()))
            .await
    }

    async fn list_contracts(
        &self,
        request: Request<ContractsListingRequest>,
    ) -> Result<Response<ContractsListingResponse>, Status> {
        let listed = async {
            let json = self.auditor.list_contracts(request.into_inner()).await?;
            Ok(ContractsListingResponse { json })
        };
        self.edge.call(RequestKind::ContractsListing, listed).await
    }

    async fn order_execution(
        &self,
        request: Request<ContractExecutionRequest>,
    ) -> Result<Response<ExecutionOrderingResponse>, Status> {
        let ordered = async {
            let signature = self.auditor.order(request.get_ref()).await?;
            Ok(ExecutionOrderingResponse { signature })
        };
        self.edge.call(RequestKind::ContractExecution, ordered).await
    }

    async fn validate_execution(
        &self,
        request: Request<ExecutionValidationRequest>,
    ) -> Result<Response<ContractExecutionResponse>, Status> {
        let ExecutionValidationRequest { request, proofs } = request.into_inner();
        self.edge
            .call(
                RequestKind::ExecutionValidation,
                self.auditor.validate(&request.unwrap_or_default(), proofs),
            )
            .await
    }
}

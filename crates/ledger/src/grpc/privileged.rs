//! The service `rpc.LedgerPrivileged`: its port is its protection.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trustkeep_scalar_rpc::messages::{
    CertificateRegistrationRequest, FunctionRegistrationRequest, NamespaceCreationRequest,
    NamespaceDroppingRequest, NamespacesListingRequest, NamespacesListingResponse, SecretRegistrationRequest,
    StateRetrievalRequest, StateRetrievalResponse,
};
use trustkeep_scalar_rpc::services;

use super::answer;
use crate::Ledger;

/// Serves administrators.
#[derive(Clone, Debug)]
pub struct LedgerPrivilegedRpc(Arc<Ledger>);

impl LedgerPrivilegedRpc {
    /// Serves `ledger`.
    #[must_use]
    pub fn new(ledger: Arc<Ledger>) -> Self {
        Self(ledger)
    }
}

#[async_trait::async_trait]
impl services::LedgerPrivileged for LedgerPrivilegedRpc {
    async fn register_cert(
        &self,
        request: Request<CertificateRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        answer(self.0.register_certificate(request.into_inner())).await
    }

    async fn register_secret(
        &self,
        request: Request<SecretRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        answer(self.0.register_secret(request.into_inner())).await
    }

    async fn register_function(
        &self,
        request: Request<FunctionRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        answer(self.0.register_function(request.into_inner())).await
    }

    async fn retrieve_state(
        &self,
        request: Request<StateRetrievalRequest>,
    ) -> Result<Response<StateRetrievalResponse>, Status> {
        answer(self.0.state(request.into_inner())).await
    }

    async fn create_namespace(
        &self,
        request: Request<NamespaceCreationRequest>,
    ) -> Result<Response<()>, Status> {
        answer(self.0.create_namespace(request.into_inner())).await
    }

    async fn drop_namespace(
        &self,
        request: Request<NamespaceDroppingRequest>,
    ) -> Result<Response<()>, Status> {
        answer(self.0.drop_namespace(request.into_inner())).await
    }

    async fn list_namespaces(
        &self,
        request: Request<NamespacesListingRequest>,
    ) -> Result<Response<NamespacesListingResponse>, Status> {
        let listed = async {
            let json = self.0.list_namespaces(request.into_inner()).await?;
            Ok(NamespacesListingResponse { json })
        };
        answer(listed).await
    }
}

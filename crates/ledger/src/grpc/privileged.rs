//! The service `rpc.LedgerPrivileged`: its port is its protection.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trustkeep_scalar_domain::edge::{Edge, RequestKind};
use trustkeep_scalar_rpc::messages::{
    CertificateRegistrationRequest, FunctionRegistrationRequest, NamespaceCreationRequest,
    NamespaceDroppingRequest, NamespacesListingRequest, NamespacesListingResponse, SecretRegistrationRequest,
    StateRetrievalRequest, StateRetrievalResponse,
};
use trustkeep_scalar_rpc::services;

use crate::Ledger;

/// Serves administrators.
#[derive(Clone, Debug)]
pub(crate) struct LedgerPrivilegedRpc {
    ledger: Arc<Ledger>,
    edge: Edge,
}

impl LedgerPrivilegedRpc {
    pub(crate) fn new(ledger: Arc<Ledger>, edge: Edge) -> Self {
        Self { ledger, edge }
    }
}

#[async_trait::async_trait]
impl services::LedgerPrivileged for LedgerPrivilegedRpc {
    async fn register_cert(
        &self,
        request: Request<CertificateRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        self.edge
            .call(
                RequestKind::CertificateRegistration,
                self.ledger.register_certificate(request.into_inner()),
            )
            .await
    }

    async fn register_secret(
        &self,
        request: Request<SecretRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        self.edge
            .call(RequestKind::SecretRegistration, self.ledger.register_secret(request.into_inner()))
            .await
    }

    async fn register_function(
        &self,
        request: Request<FunctionRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        self.edge
            .call(RequestKind::FunctionRegistration, self.ledger.register_function(request.into_inner()))
            .await
    }

    async fn retrieve_state(
        &self,
        request: Request<StateRetrievalRequest>,
    ) -> Result<Response<StateRetrievalResponse>, Status> {
        self.edge.call(RequestKind::StateRetrieval, self.ledger.state(request.into_inner())).await
    }

    async fn create_namespace(
        &self,
        request: Request<NamespaceCreationRequest>,
    ) -> Result<Response<()>, Status> {
        self.edge
            .call(RequestKind::NamespaceCreation, self.ledger.create_namespace(request.into_inner()))
            .await
    }

    async fn drop_namespace(
        &self,
        request: Request<NamespaceDroppingRequest>,
    ) -> Result<Response<()>, Status> {
        self.edge.call(RequestKind::NamespaceDropping, self.ledger.drop_namespace(request.into_inner())).await
    }

    async fn list_namespaces(
        &self,
        request: Request<NamespacesListingRequest>,
    ) -> Result<Response<NamespacesListingResponse>, Status> {
        let listed = async {
            let json = self.ledger.list_namespaces(request.into_inner()).await?;
            Ok(NamespacesListingResponse { json })
        };
        self.edge.call(RequestKind::NamespacesListing, listed).await
    }
}

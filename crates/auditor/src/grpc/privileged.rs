//! The service `rpc.AuditorPrivileged`: its port is its protection.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trustkeep_scalar_domain::asset::AssetKey;
use trustkeep_scalar_domain::edge::{Edge, RequestKind};
use trustkeep_scalar_domain::requests;
use trustkeep_scalar_rpc::messages::{
    AssetLockRecoveryRequest, AssetLockRecoveryResponse, CertificateRegistrationRequest,
    NamespaceCreationRequest, NamespaceDroppingRequest, NamespacesListingRequest, NamespacesListingResponse,
    SecretRegistrationRequest, TransactionStatePurgeRequest, TransactionStatePurgeResponse,
};
use trustkeep_scalar_rpc::services;

use crate::Auditor;

/// Serves administrators.
#[derive(Clone, Debug)]
pub(crate) struct AuditorPrivilegedRpc {
    auditor: Arc<Auditor>,
    edge: Edge,
}

impl AuditorPrivilegedRpc {
    /// Serves `auditor`; every call passes `edge`.
    pub(crate) fn new(auditor: Arc<Auditor>, edge: Edge) -> Self {
        Self { auditor, edge }
    }
}

#[async_trait::async_trait]
impl services::AuditorPrivileged for AuditorPrivilegedRpc {
    async fn register_cert(
        &self,
        request: Request<CertificateRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        self.edge
            .call(
                RequestKind::CertificateRegistration,
                self.auditor.register_certificate(request.into_inner()),
            )
            .await
    }

    async fn register_secret(
        &self,
        request: Request<SecretRegistrationRequest>,
    ) -> Result<Response<()>, Status> {
        self.edge
            .call(RequestKind::SecretRegistration, self.auditor.register_secret(request.into_inner()))
            .await
    }

    async fn create_namespace(
        &self,
        request: Request<NamespaceCreationRequest>,
    ) -> Result<Response<()>, Status> {
        self.edge
            .call(RequestKind::NamespaceCreation, self.auditor.create_namespace(request.into_inner()))
            .await
    }

    async fn drop_namespace(
        &self,
        request: Request<NamespaceDroppingRequest>,
    ) -> Result<Response<()>, Status> {
        self.edge
            .call(RequestKind::NamespaceDropping, self.auditor.drop_namespace(request.into_inner()))
            .await
    }

    async fn list_namespaces(
        &self,
        request: Request<NamespacesListingRequest>,
    ) -> Result<Response<NamespacesListingResponse>, Status> {
        let listed = async {
            let json = self.auditor.list_namespaces(request.into_inner()).await?;
            Ok(NamespacesListingResponse { json })
        };
        self.edge.call(RequestKind::NamespacesListing, listed).await
    }

    async fn recover_asset_lock(
        &self,
        request: Request<AssetLockRecoveryRequest>,
    ) -> Result<Response<AssetLockRecoveryResponse>, Status> {
        let AssetLockRecoveryRequest { namespace, asset_id } = request.into_inner();
        let recovered = async {
            requests::check_asset_id(&asset_id)?;
            let namespace = requests::context_namespace(&namespace).to_owned();
            let result = self.auditor.recover_lock(&AssetKey { namespace, id: asset_id }).await?;
            Ok(AssetLockRecoveryResponse { result: result.into() })
        };
        self.edge.call(RequestKind::AssetLockRecovery, recovered).await
    }

    async fn purge_transaction_states(
        &self,
        _: Request<TransactionStatePurgeRequest>,
    ) -> Result<Response<TransactionStatePurgeResponse>, Status> {
        self.edge.call(RequestKind::TransactionStatePurge, self.auditor.purge()).await
    }
}

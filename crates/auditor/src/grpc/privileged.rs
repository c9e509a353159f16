//! The service `rpc.AuditorPrivileged`: its port is its protection.

use std::sync::Arc;

use tonic::{Request, Response, Status};
use trustkeep_scalar_domain::asset::AssetKey;
use trustkeep_scalar_domain::requests;
use trustkeep_scalar_rpc::messages::{
    AssetLockRecoveryRequest, AssetLockRecoveryResponse, CertificateRegistrationRequest,
    NamespaceCreationRequest, NamespaceDroppingRequest, NamespacesListingRequest, NamespacesListingResponse,
    SecretRegistrationRequest, TransactionStatePurgeRequest, TransactionStatePurgeResponse,
};
use trustkeep_scalar_rpc::services;

use super::answer;
use crate::Auditor;

/// Serves administrators.
#[derive(Clone, Debug)]
pub struct AuditorPrivilegedRpc(Arc<Auditor>);

impl AuditorPrivilegedRpc {
    /// Serves `auditor`.
    #[must_use]
    pub fn new(auditor: Arc<Auditor>) -> Self {
        Self(auditor)
    }
}

#[async_trait::async_trait]
impl services::AuditorPrivileged for AuditorPrivilegedRpc {
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

    async fn recover_asset_lock(
        &self,
        request: Request<AssetLockRecoveryRequest>,
    ) -> Result<Response<AssetLockRecoveryResponse>, Status> {
        let AssetLockRecoveryRequest { namespace, asset_id } = request.into_inner();
        let recovered = async {
            requests::check_asset_id(&asset_id)?;
            let namespace = requests::context_namespace(&namespace).to_owned();
            let result = self.0.recover_lock(&AssetKey { namespace, id: asset_id }).await?;
            Ok(AssetLockRecoveryResponse { result: result.into() })
        };
        answer(recovered).await
    }

    async fn purge_transaction_states(
        &self,
        _: Request<TransactionStatePurgeRequest>,
    ) -> Result<Response<TransactionStatePurgeResponse>, Status> {
        answer(self.0.purge()).await
    }
}

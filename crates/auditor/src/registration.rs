//! Identities, contracts and namespaces.

use trustkeep_crypto::SecretString;
use trustkeep_scalar_domain::requests;
use trustkeep_scalar_rpc::Result;
use trustkeep_scalar_rpc::messages::{
    CertificateRegistrationRequest, ContractRegistrationRequest, ContractsListingRequest,
    NamespaceCreationRequest, NamespaceDroppingRequest, NamespacesListingRequest, SecretRegistrationRequest,
};

use crate::service::Auditor;

impl Auditor {
    /// Registers a client's certificate, or the Ledger's.
    ///
    /// # Errors
    /// 405 if its version is there, 401 if it cannot be used, 417 and so on.
    pub async fn register_certificate(&self, request: CertificateRegistrationRequest) -> Result<()> {
        let namespace = requests::context_namespace(&request.context_namespace);
        let CertificateRegistrationRequest { entity_id, key_version, cert_pem, .. } = &request;
        self.identities.register_certificate(namespace, entity_id, *key_version, cert_pem).await
    }

    /// Registers a client's secret.
    ///
    /// # Errors
    /// 413 if its version is there, 407 if the Auditor does not use HMAC, 417 and so on.
    pub async fn register_secret(&self, request: SecretRegistrationRequest) -> Result<()> {
        let namespace = requests::context_namespace(&request.context_namespace);
        let secret = SecretString::new(request.secret_key);
        self.identities.register_secret(namespace, &request.entity_id, request.key_version, &secret).await
    }

    /// Registers a contract.
    ///
    /// # Errors
    /// 400, 406, 402 and so on.
    pub async fn register_contract(&self, request: ContractRegistrationRequest) -> Result<()> {
        self.contracts.register(&request).await
    }

    /// The client's contracts, as JSON.
    ///
    /// # Errors
    /// 400 for the signature, 500.
    pub async fn list_contracts(&self, request: ContractsListingRequest) -> Result<String> {
        self.contracts.list(&request).await
    }

    /// Makes a context namespace.
    ///
    /// # Errors
    /// 414 for its name, 416 if it is there, 500.
    pub async fn create_namespace(&self, request: NamespaceCreationRequest) -> Result<()> {
        self.namespaces.create(&request.namespace).await
    }

    /// Drops a context namespace with all that is in it.
    ///
    /// # Errors
    /// 414 for its name, 417 if it is not there, 500.
    pub async fn drop_namespace(&self, request: NamespaceDroppingRequest) -> Result<()> {
        self.namespaces.remove(&request.namespace).await
    }

    /// The namespaces whose names contain the pattern, as JSON.
    ///
    /// # Errors
    /// 500.
    pub async fn list_namespaces(&self, request: NamespacesListingRequest) -> Result<String> {
        self.namespaces.list(&request.pattern).await
    }
}

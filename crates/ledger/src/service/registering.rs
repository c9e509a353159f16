//! Identities, contracts, functions and namespaces.

use trustkeep_crypto::SecretString;
use trustkeep_scalar_domain::requests;
use trustkeep_scalar_rpc::messages::{
    CertificateRegistrationRequest, ContractRegistrationRequest, ContractsListingRequest,
    FunctionRegistrationRequest, NamespaceCreationRequest, NamespaceDroppingRequest,
    NamespacesListingRequest, SecretRegistrationRequest, SignedFunctionRegistrationRequest,
};
use trustkeep_scalar_rpc::signing::{DEFAULT_NAMESPACE, Signed as _};
use trustkeep_scalar_rpc::{Result, StatusCode};

use super::Ledger;
use crate::failure::ledger;
use crate::functions::Registration;

impl Ledger {
    /// Registers a client's certificate.
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
    /// 413 if its version is there, 407 if the Ledger does not use HMAC, 417 and so on.
    pub async fn register_secret(&self, request: SecretRegistrationRequest) -> Result<()> {
        let namespace = requests::context_namespace(&request.context_namespace);
        let secret = SecretString::new(request.secret_key);
        self.identities.register_secret(namespace, &request.entity_id, request.key_version, &secret).await
    }

    /// Registers a contract.
    ///
    /// # Errors
    /// 407 if its class is not allowed, 400, 406, 402 and so on.
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

    /// Registers a function of the default namespace, in place of the one that is there.
    ///
    /// # Errors
    /// 411 if it cannot be run, 500.
    pub async fn register_function(&self, request: FunctionRegistrationRequest) -> Result<()> {
        let registration = Registration {
            id: &request.function_id,
            binary_name: &request.function_binary_name,
            byte_code: &request.function_byte_code,
        };
        self.functions.register(DEFAULT_NAMESPACE, &registration, false).await
    }

    /// Registers a function that a client signed.
    ///
    /// # Errors
    /// 407 if the configuration does not allow it, or not over one that is there; 400, 411, 500.
    pub async fn register_signed_function(&self, request: SignedFunctionRegistrationRequest) -> Result<()> {
        let allowed = "scalar.dl.ledger.function.non_privileged_port_registration.enabled";
        if !self.settings.signed_function_registration {
            let text = format!(
                "Registering a function via a non-privileged port is not allowed. Use a privileged port or enable \
                 {allowed}."
            );
            return Err(ledger(StatusCode::InvalidRequest, 5, text));
        }
        let client = requests::client(&request.entity_id, request.key_version)?;
        requests::check_function_id(&request.function_id)?;
        let namespace = requests::context_namespace(&request.context_namespace);
        let signed = SignedFunctionRegistrationRequest {
            context_namespace: requests::signed_namespace(namespace).to_owned(),
            ..request.clone()
        }
        .signing_bytes();
        let (entity, version) = (&client.entity_id, client.key_version);
        self.identities.verify(namespace, entity, version, &signed, &request.signature).await?;
        let only_new = !self.settings.signed_function_overwrite;
        let there = || {
            let text = "Overwriting an existing function is not allowed. Enable \
                        scalar.dl.ledger.function.non_privileged_port_registration.overwrite.enabled to allow \
                        overwriting.";
            ledger(StatusCode::InvalidRequest, 6, text)
        };
        if only_new && self.functions.exists(namespace, &request.function_id).await? {
            return Err(there());
        }
        let registration = Registration {
            id: &request.function_id,
            binary_name: &request.function_binary_name,
            byte_code: &request.function_byte_code,
        };
        let done = self.functions.register(namespace, &registration, only_new).await;
        // Somebody else was quicker.
        done.map_err(|error| if only_new && error.code == StatusCode::Conflict { there() } else { error })
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

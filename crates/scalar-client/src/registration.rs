//! Registering identities, contracts and functions: at the Auditor first, then at the Ledger.

use bytes::Bytes;
use trustkeep_scalar_rpc::messages::{
    CertificateRegistrationRequest, ContractRegistrationRequest, FunctionRegistrationRequest,
    SecretRegistrationRequest, SignedFunctionRegistrationRequest,
};
use trustkeep_scalar_rpc::{Result, StatusCode};

use crate::client::{Client, done, unless};
use crate::config::Identity;
use crate::error::invalid;

/// A generic contract or function by its id; the servers know it by the class of that name.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BuiltIn(pub(crate) &'static str);

impl BuiltIn {
    /// The class's binary name.
    pub(crate) fn class(self) -> String {
        format!("com.scalar.dl.genericcontracts.{}", self.0)
    }
}

/// The class of the contract that validates by execution.
const VALIDATION_CLASS: &str = "com.scalar.dl.client.validation.contract.v1_1_0.ValidateLedger";

impl Client {
    /// Registers this client's certificate or secret, unless it works in a namespace of its own, and with an Auditor the
    /// contract that validates; what is there already is left as it is.
    ///
    /// # Errors
    /// As the servers answer.
    pub async fn bootstrap(&self) -> Result<()> {
        let config = self.identified()?;
        // In a namespace of its own a client is not expected to reach the privileged port.
        if config.context_namespace.is_empty() {
            let (registered, tolerated) = match config.identity {
                Identity::Hmac { .. } => (self.register_secret().await, StatusCode::SecretAlreadyRegistered),
                _ => (self.register_certificate().await, StatusCode::CertificateAlreadyRegistered),
            };
            registered.or_else(|error| if error.code == tolerated { Ok(()) } else { Err(error) })?;
        }
        if self.auditor().is_some() && config.validates_by_default_contract() {
            self.register_built_in(&config.validation_contract_id, VALIDATION_CLASS).await?;
        }
        Ok(())
    }

    /// Registers this client's certificate.
    ///
    /// # Errors
    /// 414 if it has none; as the servers answer.
    pub async fn register_certificate(&self) -> Result<()> {
        let config = self.identified()?;
        let Identity::DigitalSignature { entity_id, version, certificate, .. } = &config.identity else {
            return Err(invalid(8, "Digital signature authentication is not configured."));
        };
        self.register_certificate_of(&config.context_namespace, entity_id, *version, certificate).await
    }

    /// Registers a certificate (PEM) of anyone; an empty namespace is the default.
    ///
    /// # Errors
    /// As the servers answer.
    pub async fn register_certificate_of(
        &self,
        context_namespace: &str,
        entity_id: &str,
        version: u32,
        certificate: &str,
    ) -> Result<()> {
        self.identified()?;
        let request = CertificateRegistrationRequest {
            entity_id: entity_id.to_owned(),
            key_version: version,
            cert_pem: certificate.to_owned(),
            context_namespace: context_namespace.to_owned(),
        };
        if let Some(auditor) = self.auditor() {
            let answer = auditor.privileged.clone().register_cert(auditor.request(request.clone())).await;
            unless(StatusCode::CertificateAlreadyRegistered, answer)?;
        }
        let ledger = self.ledger();
        done(ledger.privileged.clone().register_cert(ledger.request(request)).await)
    }

    /// Registers this client's secret.
    ///
    /// # Errors
    /// 414 if it has none; as the servers answer.
    pub async fn register_secret(&self) -> Result<()> {
        let config = self.identified()?;
        let Identity::Hmac { entity_id, version, secret } = &config.identity else {
            return Err(invalid(9, "HMAC authentication is not configured."));
        };
        self.register_secret_of(&config.context_namespace, entity_id, *version, secret.expose()).await
    }

    /// Registers a secret of anyone; an empty namespace is the default.
    ///
    /// # Errors
    /// As the servers answer.
    pub async fn register_secret_of(
        &self,
        context_namespace: &str,
        entity_id: &str,
        version: u32,
        secret: &str,
    ) -> Result<()> {
        self.identified()?;
        let request = SecretRegistrationRequest {
            entity_id: entity_id.to_owned(),
            key_version: version,
            secret_key: secret.to_owned(),
            context_namespace: context_namespace.to_owned(),
        };
        if let Some(auditor) = self.auditor() {
            let answer = auditor.privileged.clone().register_secret(auditor.request(request.clone())).await;
            unless(StatusCode::SecretAlreadyRegistered, answer)?;
        }
        let ledger = self.ledger();
        done(ledger.privileged.clone().register_secret(ledger.request(request)).await)
    }

    /// Registers a contract of this client's identity. `properties` is JSON text; empty for none.
    ///
    /// # Errors
    /// As the servers answer; that the Auditor has the id already is none.
    pub async fn register_contract(
        &self,
        contract_id: &str,
        binary_name: &str,
        byte_code: Bytes,
        properties: &str,
    ) -> Result<()> {
        let config = self.identified()?;
        let mut request = ContractRegistrationRequest {
            contract_id: contract_id.to_owned(),
            contract_binary_name: binary_name.to_owned(),
            contract_byte_code: byte_code,
            contract_properties: properties.to_owned(),
            entity_id: config.identity.entity_id().to_owned(),
            key_version: config.identity.key_version(),
            context_namespace: config.context_namespace.clone(),
            ..Default::default()
        };
        request.signature = self.sign(&request)?.into();
        if let Some(auditor) = self.auditor() {
            let answer = auditor.ordinary.clone().register_contract(auditor.request(request.clone())).await;
            unless(StatusCode::ContractAlreadyRegistered, answer)?;
        }
        let ledger = self.ledger();
        done(ledger.ordinary.clone().register_contract(ledger.request(request)).await)
    }

    /// Registers a contract that the servers have built in, by its class name; that the id is taken is no error.
    ///
    /// # Errors
    /// As the servers answer.
    pub async fn register_built_in(&self, contract_id: &str, binary_name: &str) -> Result<()> {
        match self.register_contract(contract_id, binary_name, class_stub(binary_name), "").await {
            Err(error) if error.code == StatusCode::ContractAlreadyRegistered => Ok(()),
            registered => registered,
        }
    }

    /// Registers generic contracts under the ids that the original's clients use.
    pub(crate) async fn register_generic(&self, contracts: &[BuiltIn]) -> Result<()> {
        for contract in contracts {
            self.register_built_in(contract.0, &contract.class()).await?;
        }
        Ok(())
    }

    /// Registers a function at the Ledger: through the privileged port, or signed where this client works in a
    /// namespace of its own.
    ///
    /// # Errors
    /// As the Ledger answers.
    pub async fn register_function(
        &self,
        function_id: &str,
        binary_name: &str,
        byte_code: Bytes,
    ) -> Result<()> {
        let config = self.identified()?;
        if !config.context_namespace.is_empty() {
            return self.register_function_signed(function_id, binary_name, byte_code).await;
        }
        let request = FunctionRegistrationRequest {
            function_id: function_id.to_owned(),
            function_binary_name: binary_name.to_owned(),
            function_byte_code: byte_code,
        };
        let ledger = self.ledger();
        done(ledger.privileged.clone().register_function(ledger.request(request)).await)
    }

    /// Registers a function at the Ledger through the port for every client, where the Ledger permits it.
    ///
    /// # Errors
    /// As the Ledger answers.
    pub async fn register_function_signed(
        &self,
        function_id: &str,
        binary_name: &str,
        byte_code: Bytes,
    ) -> Result<()> {
        let config = self.identified()?;
        let mut request = SignedFunctionRegistrationRequest {
            function_id: function_id.to_owned(),
            function_binary_name: binary_name.to_owned(),
            function_byte_code: byte_code,
            entity_id: config.identity.entity_id().to_owned(),
            key_version: config.identity.key_version(),
            context_namespace: config.context_namespace.clone(),
            ..Default::default()
        };
        request.signature = self.sign(&request)?.into();
        let ledger = self.ledger();
        done(ledger.ordinary.clone().register_function(ledger.request(request)).await)
    }
}

/// What is registered as the byte code of a built-in contract: a JVM class of that name with nothing in it (Java Virtual
/// Machine Specification, chapter 4). The servers know built-in contracts by name and compare no bytes of theirs.
#[must_use]
pub fn class_stub(binary_name: &str) -> Bytes {
    // Magic, version 52.0, five constants but for the unused first: class 1 named by text 2, class 3 by text 4.
    let mut class = vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52, 0, 5];
    for (text, name) in [(2, binary_name.replace('.', "/")), (4, "java/lang/Object".to_owned())] {
        class.extend([7, 0, text, 1]);
        class.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_be_bytes());
        class.extend(name.as_bytes());
    }
    // Public, class 1 below class 3; no interfaces, fields, methods, attributes.
    class.extend([0, 0x21, 0, 1, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0]);
    class.into()
}

#[cfg(test)]
mod tests {
    use trustkeep_contract::{BuiltIns, Engine as _};

    use super::*;

    #[test]
    fn servers_take_the_stub_of_a_contract_under_its_own_name_only() {
        let name = BuiltIn("object.v1_0_0.Put").class();
        assert!(BuiltIns.load(&name, &class_stub(&name)).is_ok());
        assert!(BuiltIns.load(&name, &class_stub("object.v1_0_0.Get")).is_err());
    }
}

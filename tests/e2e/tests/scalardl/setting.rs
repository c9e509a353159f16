//! How everybody signs.

use bytes::Bytes;
use trustkeep_crypto::SecretString;
use trustkeep_scalar_client::Identity;
use trustkeep_scalar_domain::identities::AUDITOR_ENTITY_ID;
use trustkeep_scalar_rpc::identity::{HmacKey, PrivateKey, Signer as _};

/// With what the servers and their clients sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    /// The keys of certificates.
    Signatures,
    /// Secrets; the two servers share one.
    Secrets,
}

impl Setting {
    pub(crate) const BOTH: [Self; 2] = [Self::Signatures, Self::Secrets];

    /// A new identity.
    pub(crate) fn pair(self, name: &str) -> Pair {
        match self {
            Self::Signatures => Pair::new(name),
            Self::Secrets => Pair { secret: Some(format!("the secret of {name}")), ..Pair::default() },
        }
    }

    /// The code for an identity that nobody registered.
    pub(crate) fn unknown(self) -> &'static str {
        match self {
            Self::Signatures => "403",
            Self::Secrets => "415",
        }
    }

    /// As whom the Auditor asks the Ledger.
    pub(crate) fn auditor(self) -> &'static str {
        match self {
            Self::Signatures => "auditor",
            Self::Secrets => AUDITOR_ENTITY_ID,
        }
    }

    /// The two servers' identities.
    pub(crate) fn servers(self) -> [Pair; 2] {
        match self {
            Self::Signatures => ["ledger", "auditor"].map(Pair::new),
            Self::Secrets => ["servers", "servers"].map(|name| self.pair(name)),
        }
    }

    /// Lines of the configuration of a server of this kind.
    pub(crate) fn lines(self, kind: &str) -> String {
        match self {
            Self::Signatures => String::new(),
            Self::Secrets => format!(
                "scalar.dl.{kind}.authentication.method=hmac\n\
                 scalar.dl.{kind}.authentication.hmac.cipher_key=cipher key of {kind}\n\
                 scalar.dl.{kind}.servers.authentication.hmac.secret_key=the secret of servers\n"
            ),
        }
    }
}

/// A key and its certificate, or a secret in their place.
#[derive(Clone, Default)]
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) private_key: String,
    secret: Option<String>,
}

impl Pair {
    pub(crate) fn new(name: &str) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate =
            rcgen::CertificateParams::new(vec![name.into()]).unwrap().self_signed(&key).unwrap();
        Self { certificate: certificate.pem(), private_key: key.serialize_pem(), secret: None }
    }

    pub(crate) fn sign(&self, bytes: &[u8]) -> Bytes {
        let signature = match &self.secret {
            Some(secret) => HmacKey::new(&SecretString::from(secret.as_str())).sign(bytes),
            None => PrivateKey::from_pem(&self.private_key).unwrap().sign(bytes),
        };
        signature.unwrap().into()
    }

    /// How a client of this name signs with it.
    pub(crate) fn identity(&self, entity: &str) -> Identity {
        match &self.secret {
            Some(secret) => Identity::Hmac {
                entity_id: entity.into(),
                version: 1,
                secret: SecretString::from(secret.as_str()),
            },
            None => Identity::DigitalSignature {
                entity_id: entity.into(),
                version: 1,
                certificate: self.certificate.clone(),
                private_key: SecretString::from(self.private_key.as_str()),
            },
        }
    }
}

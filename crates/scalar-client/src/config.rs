//! How a client is configured: `scalar.dl.client.…`, with the deprecated names that old files still have.

use std::time::Duration;

use trustkeep_crypto::SecretString;
use trustkeep_scalar_rpc::properties::Properties;
use trustkeep_scalar_rpc::signing::DEFAULT_NAMESPACE;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

use crate::error::invalid;

/// How long a call may take when nothing is configured.
const DEADLINE: Duration = Duration::from_mins(1);

/// The id under which `bootstrap` registers the contract that validates by execution.
const VALIDATION_CONTRACT: &str = "validate-ledger-v1_1_0";

/// Whom a client talks to and as whom.
#[derive(Debug)]
pub struct ClientConfig {
    /// The Ledger.
    pub ledger: Target,
    /// The Auditor, if there is one.
    pub auditor: Option<Target>,
    /// As whom.
    pub identity: Identity,
    /// The namespace that all calls are in; empty for the default one.
    pub context_namespace: String,
    /// The contract that [`crate::Client::validate_ledger`] executes when there is an Auditor.
    pub validation_contract_id: String,
    /// Whether the program is to call [`crate::Client::bootstrap`] before anything else.
    pub auto_bootstrap: bool,
}

/// A client's identity: how it signs.
#[derive(Debug)]
pub enum Identity {
    /// ECDSA with the key of a certificate.
    DigitalSignature {
        /// Who.
        entity_id: String,
        /// Which of the entity's certificates, from 1.
        version: u32,
        /// The certificate, PEM.
        certificate: String,
        /// Its key, PEM.
        private_key: SecretString,
    },
    /// HMAC with a secret that the servers know.
    Hmac {
        /// Who.
        entity_id: String,
        /// Which of the entity's secrets, from 1.
        version: u32,
        /// The secret.
        secret: SecretString,
    },
    /// None: the client forwards requests that others signed.
    PassThrough,
}

/// One server and how to reach it.
#[derive(Debug)]
pub struct Target {
    /// Name or address.
    pub host: String,
    /// The port for every client.
    pub port: u16,
    /// The port for registrations and administration.
    pub privileged_port: u16,
    /// Whether to use TLS.
    pub tls: bool,
    /// The authorities to trust, PEM; those of the system if `None`.
    pub ca_certificate: Option<String>,
    /// The name to ask for and to expect in the certificate, instead of `host`.
    pub override_authority: Option<String>,
    /// Sent as the header `authorization`.
    pub authorization: Option<SecretString>,
    /// How long a call may take.
    pub deadline: Duration,
    /// The largest answer that is taken, bytes; 4 MiB if `None`.
    pub max_message_bytes: Option<usize>,
    /// The largest set of headers that is taken, bytes; HTTP/2's own default if `None`.
    pub max_metadata_bytes: Option<u32>,
}

impl ClientConfig {
    /// A client of a Ledger alone, with defaults.
    #[must_use]
    pub fn new(ledger: Target, identity: Identity) -> Self {
        Self {
            ledger,
            auditor: None,
            identity,
            context_namespace: String::new(),
            validation_contract_id: VALIDATION_CONTRACT.to_owned(),
            auto_bootstrap: true,
        }
    }

    /// Reads `scalar.dl.client.…`.
    ///
    /// # Errors
    /// 414 with the original's number and sentence: a value of the wrong kind, a file that cannot be read, an identity
    /// that is not complete.
    pub fn from_properties(properties: &Properties) -> Result<Self> {
        let keys = Keys(properties);
        let mut ledger = keys.target("server.", "", "localhost", [50051, 50052])?;
        keys.limits(&mut ledger)?;
        let mut auditor = None;
        if keys.switch("auditor.enabled")?.unwrap_or(false) {
            let mut target = keys.target("auditor.", "auditor.", "localhost", [40051, 40052])?;
            keys.limits(&mut target)?;
            auditor = Some(target);
        }
        let context = keys.text("context.namespace").filter(|name| *name != DEFAULT_NAMESPACE);
        let validation = keys.text("auditor.linearizable_validation.contract_id");
        Ok(Self {
            ledger,
            auditor,
            identity: keys.identity()?,
            context_namespace: context.unwrap_or_default().to_owned(),
            validation_contract_id: validation.unwrap_or(VALIDATION_CONTRACT).to_owned(),
            auto_bootstrap: keys.switch("auto_bootstrap")?.unwrap_or(true),
        })
    }

    /// Whether validation is by the contract that `bootstrap` registers.
    pub(crate) fn validates_by_default_contract(&self) -> bool {
        self.validation_contract_id == VALIDATION_CONTRACT
    }
}

impl Target {
    /// A server at `host`, without TLS, with defaults.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, privileged_port: u16) -> Self {
        Self {
            host: host.into(),
            port,
            privileged_port,
            tls: false,
            ca_certificate: None,
            override_authority: None,
            authorization: None,
            deadline: DEADLINE,
            max_message_bytes: None,
            max_metadata_bytes: None,
        }
    }
}

impl Identity {
    /// Who; empty for a client that forwards.
    #[must_use]
    pub fn entity_id(&self) -> &str {
        match self {
            Self::DigitalSignature { entity_id, .. } | Self::Hmac { entity_id, .. } => entity_id,
            Self::PassThrough => "",
        }
    }

    /// Which of the entity's keys; 0 for a client that forwards.
    #[must_use]
    pub fn key_version(&self) -> u32 {
        match self {
            Self::DigitalSignature { version, .. } | Self::Hmac { version, .. } => *version,
            Self::PassThrough => 0,
        }
    }
}

/// The properties under their common prefix.
struct Keys<'a>(&'a Properties);

impl<'a> Keys<'a> {
    fn text(&self, key: &str) -> Option<&'a str> {
        self.0.text(&name(key))
    }

    fn switch(&self, key: &str) -> Result<Option<bool>> {
        self.0.switch(&name(key))
    }

    /// The PEM that stands in the properties or in a file that they name; the first that is there counts.
    fn pem(&self, keys: &[&str]) -> Result<Option<SecretString>> {
        for key in keys {
            let pem = self.0.secret(&name(&format!("{key}_pem")));
            if let Some(pem) =
                pem.map_or_else(|| self.0.file(&name(&format!("{key}_path"))), |pem| Ok(Some(pem)))?
            {
                return Ok(Some(pem));
            }
        }
        Ok(None)
    }

    fn target(&self, at: &str, security: &str, host: &str, ports: [u16; 2]) -> Result<Target> {
        let port = |key: &str, default| {
            let port = self.0.number(&name(&format!("{at}{key}")))?;
            Ok::<_, Error>(port.unwrap_or(default))
        };
        let host = self.text(&format!("{at}host")).unwrap_or(host);
        let [ordinary, privileged] = ports;
        let mut target = Target::new(host, port("port", ordinary)?, port("privileged_port", privileged)?);
        target.tls = self.switch(&format!("{security}tls.enabled"))?.unwrap_or(false);
        let ca = self.pem(&[&format!("{security}tls.ca_root_cert")])?;
        target.ca_certificate = ca.map(|pem| pem.expose().to_owned());
        target.override_authority =
            self.text(&format!("{security}tls.override_authority")).map(str::to_owned);
        target.authorization = self.0.secret(&name(&format!("{security}authorization.credential")));
        Ok(target)
    }

    fn limits(&self, target: &mut Target) -> Result<()> {
        let limit = |key: &str, id, what| -> Result<Option<u64>> {
            match self.0.number::<i64>(&name(&format!("grpc.{key}")))? {
                None => Ok(None),
                Some(value) => u64::try_from(value).map(Some).map_err(|_| {
                    common(id, &format!("The gRPC {what} must be greater than or equal to zero."))
                }),
            }
        };
        // No limit and the default limit are both written 0.
        let some = |limit: Option<u64>| limit.filter(|bytes| *bytes > 0);
        if let Some(millis) = limit("deadline_duration_millis", 13, "deadline duration")? {
            target.deadline = Duration::from_millis(millis);
        }
        let message = some(limit("max_inbound_message_size", 14, "max inbound message size")?);
        target.max_message_bytes = message.map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let metadata = some(limit("max_inbound_metadata_size", 15, "max inbound metadata size")?);
        target.max_metadata_bytes = metadata.map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX));
        Ok(())
    }

    fn identity(&self) -> Result<Identity> {
        let forwards = match self.text("mode") {
            None => false,
            Some(mode) if mode.eq_ignore_ascii_case("client") => false,
            Some(mode) if mode.eq_ignore_ascii_case("intermediary") => true,
            Some(_) => return Err(crate::error::wrong_mode()),
        };
        let method = self.text("authentication.method").or_else(|| self.text("authentication_method"));
        let method = method.map(str::to_ascii_lowercase);
        match (forwards, method.as_deref()) {
            (true, None | Some("pass-through")) => Ok(Identity::PassThrough),
            (true, Some("digital-signature" | "hmac")) => {
                Err(invalid(4, "The authentication method for the intermediary mode must be pass-through."))
            }
            (false, None | Some("digital-signature")) => self.digital_signature(),
            (false, Some("hmac")) => self.hmac(),
            (false, Some("pass-through")) => Err(invalid(
                3,
                "The authentication method for the client mode must be either digital-signature or hmac.",
            )),
            (_, Some(other)) => {
                Err(common(16, &format!("The authentication method name is invalid. Name: {other}")))
            }
        }
    }

    fn entity_id(&self) -> Result<String> {
        let entity_id = self.text("entity.id").or_else(|| self.text("cert_holder_id"));
        let (new, old) = (name("entity.id"), name("cert_holder_id"));
        entity_id
            .map(str::to_owned)
            .ok_or_else(|| invalid(7, &format!("{new} and {old} are missing, but either is required.")))
    }

    fn digital_signature(&self) -> Result<Identity> {
        const PREFIX: &str = "entity.identity.digital_signature.";
        let entity_id = self.entity_id()?;
        let certificate = self.pem(&[&format!("{PREFIX}cert"), "cert"])?;
        let private_key = self.pem(&[&format!("{PREFIX}private_key"), "private_key"])?;
        let (Some(certificate), Some(private_key)) = (certificate, private_key) else {
            return Err(invalid(
                5,
                "Both the certificate and the private key must be set to use digital signature.",
            ));
        };
        let what = "The certificate version must be greater than zero.";
        let version = self.version(&[&format!("{PREFIX}cert_version"), "cert_version"], 10, what)?;
        let certificate = certificate.expose().to_owned();
        Ok(Identity::DigitalSignature { entity_id, version, certificate, private_key })
    }

    fn hmac(&self) -> Result<Identity> {
        const PREFIX: &str = "entity.identity.hmac.";
        let entity_id = self.entity_id()?;
        let secret = self.0.secret(&name(&format!("{PREFIX}secret_key")));
        let secret =
            secret.ok_or_else(|| invalid(6, "The secret key must be set to use HMAC authentication."))?;
        let what = "The secret version for HMAC authentication must be greater than zero.";
        let version = self.version(&[&format!("{PREFIX}secret_key_version")], 12, what)?;
        Ok(Identity::Hmac { entity_id, version, secret })
    }

    fn version(&self, keys: &[&str], id: u32, what: &str) -> Result<u32> {
        for key in keys {
            if let Some(version) = self.0.number::<i32>(&name(key))? {
                return u32::try_from(version)
                    .ok()
                    .filter(|version| *version > 0)
                    .ok_or_else(|| common(id, what));
            }
        }
        Ok(1)
    }
}

fn name(key: &str) -> String {
    format!("scalar.dl.client.{key}")
}

fn common(id: u32, text: &str) -> Error {
    Error::numbered(StatusCode::InvalidArgument, "COMMON", id, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Result<ClientConfig> {
        ClientConfig::from_properties(&Properties::parse(text, &|_| None)?)
    }

    const HMAC: &str = "scalar.dl.client.entity.id=alice\nscalar.dl.client.authentication.method=HMAC\n\
        scalar.dl.client.entity.identity.hmac.secret_key=s\n";

    #[test]
    fn defaults_are_the_originals() -> Result<()> {
        let config = config(HMAC)?;
        let target = &config.ledger;
        assert_eq!((target.host.as_str(), target.port, target.privileged_port), ("localhost", 50051, 50052));
        assert!(!target.tls && config.auditor.is_none() && config.auto_bootstrap);
        assert_eq!(target.deadline, Duration::from_mins(1));
        assert_eq!((config.identity.entity_id(), config.identity.key_version()), ("alice", 1));
        assert_eq!(
            (&*config.context_namespace, &*config.validation_contract_id),
            ("", "validate-ledger-v1_1_0")
        );
        Ok(())
    }

    #[test]
    fn every_key_is_read() -> Result<()> {
        let text = format!(
            "{HMAC}scalar.dl.client.entity.identity.hmac.secret_key_version=3\nscalar.dl.client.server.host=l\n\
            scalar.dl.client.server.port=1\nscalar.dl.client.server.privileged_port=2\n\
            scalar.dl.client.tls.enabled=true\nscalar.dl.client.tls.ca_root_cert_pem=PEM\n\
            scalar.dl.client.tls.override_authority=o\nscalar.dl.client.authorization.credential=Bearer x\n\
            scalar.dl.client.grpc.deadline_duration_millis=5\nscalar.dl.client.grpc.max_inbound_message_size=6\n\
            scalar.dl.client.grpc.max_inbound_metadata_size=7\nscalar.dl.client.auditor.enabled=true\n\
            scalar.dl.client.auditor.host=a\nscalar.dl.client.auditor.port=3\n\
            scalar.dl.client.auditor.privileged_port=4\nscalar.dl.client.auditor.tls.enabled=true\n\
            scalar.dl.client.auditor.tls.ca_root_cert_pem=PEM2\n\
            scalar.dl.client.auditor.tls.override_authority=o2\n\
            scalar.dl.client.auditor.authorization.credential=Bearer y\n\
            scalar.dl.client.auditor.linearizable_validation.contract_id=v\n\
            scalar.dl.client.auto_bootstrap=false\nscalar.dl.client.context.namespace=ns\n"
        );
        let config = config(&text)?;
        let auditor = config.auditor.ok_or_else(crate::error::inconsistent)?;
        for (target, host, ports, ca, authority, authorization) in [
            (&config.ledger, "l", (1, 2), "PEM", "o", "Bearer x"),
            (&auditor, "a", (3, 4), "PEM2", "o2", "Bearer y"),
        ] {
            assert_eq!((&*target.host, target.port, target.privileged_port), (host, ports.0, ports.1));
            assert!(target.tls);
            assert_eq!(target.ca_certificate.as_deref(), Some(ca));
            assert_eq!(target.override_authority.as_deref(), Some(authority));
            assert_eq!(target.authorization.as_ref().map(SecretString::expose), Some(authorization));
            assert_eq!(target.deadline, Duration::from_millis(5));
            assert_eq!((target.max_message_bytes, target.max_metadata_bytes), (Some(6), Some(7)));
        }
        assert_eq!((config.identity.key_version(), config.auto_bootstrap), (3, false));
        assert_eq!((&*config.context_namespace, &*config.validation_contract_id), ("ns", "v"));
        Ok(())
    }

    #[test]
    fn old_names_are_still_read_and_new_ones_go_first() -> Result<()> {
        let old = "scalar.dl.client.cert_holder_id=old\nscalar.dl.client.cert_version=2\n\
            scalar.dl.client.cert_pem=C\nscalar.dl.client.private_key_pem=K\n\
            scalar.dl.client.authentication_method=digital-signature\n";
        let Identity::DigitalSignature { entity_id, version, certificate, private_key } =
            config(old)?.identity
        else {
            return Err(crate::error::wrong_mode());
        };
        assert_eq!((&*entity_id, version, &*certificate, private_key.expose()), ("old", 2, "C", "K"));
        let both = format!(
            "{old}scalar.dl.client.entity.id=new\n\
            scalar.dl.client.entity.identity.digital_signature.cert_version=5\n\
            scalar.dl.client.authentication.method=hmac\n\
            scalar.dl.client.entity.identity.hmac.secret_key=s\n"
        );
        let identity = config(&both)?.identity;
        assert!(matches!(&identity, Identity::Hmac { version: 1, .. }), "{identity:?}");
        assert_eq!(identity.entity_id(), "new");
        Ok(())
    }

    #[test]
    fn a_wrong_configuration_is_refused_in_the_originals_words() {
        for (text, expected) in [
            (
                "",
                "DL-CLIENT-414007: scalar.dl.client.entity.id and scalar.dl.client.cert_holder_id are missing, \
                but either is required.",
            ),
            (
                "scalar.dl.client.entity.id=a",
                "DL-CLIENT-414005: Both the certificate and the private key must be set to use digital signature.",
            ),
            (
                "scalar.dl.client.entity.id=a\nscalar.dl.client.authentication.method=hmac",
                "DL-CLIENT-414006: The secret key must be set to use HMAC authentication.",
            ),
            (
                "scalar.dl.client.entity.id=a\nscalar.dl.client.authentication.method=pass-through",
                "DL-CLIENT-414003: The authentication method for the client mode must be either \
                digital-signature or hmac.",
            ),
            (
                "scalar.dl.client.mode=intermediary\nscalar.dl.client.authentication.method=hmac",
                "DL-CLIENT-414004: The authentication method for the intermediary mode must be pass-through.",
            ),
            (
                "scalar.dl.client.authentication.method=magic",
                "DL-COMMON-414016: The authentication method name is invalid. Name: magic",
            ),
            (
                "scalar.dl.client.server.port=70000",
                "DL-COMMON-414001: The specified value of the property 'scalar.dl.client.server.port' is not a \
                number. Value: 70000",
            ),
            (
                "scalar.dl.client.grpc.deadline_duration_millis=-1",
                "DL-COMMON-414013: The gRPC deadline duration must be greater than or equal to zero.",
            ),
        ] {
            let refused = config(text).err().map(|error| error.message);
            assert_eq!(refused.as_deref(), Some(expected), "{text}");
        }
        let text = format!("{HMAC}scalar.dl.client.entity.identity.hmac.secret_key_version=0");
        let refused = config(&text).err().map(|error| error.message);
        let expected =
            "DL-COMMON-414012: The secret version for HMAC authentication must be greater than zero.";
        assert_eq!(refused.as_deref(), Some(expected));
    }
}

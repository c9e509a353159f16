//! What both servers read from their `.properties`, under `scalar.dl.ledger.` or `scalar.dl.auditor.`.
//!
//! Keys, defaults and errors are the original's (`LedgerConfig` of Scalar DL 3.14); `server.host` is ours.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::time::Duration;

use trustkeep_chassis::tls::TlsSettings;
use trustkeep_crypto::SecretString;
use trustkeep_scalar_rpc::properties::Properties;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};

use crate::errors;

/// Which of the two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Domain {
    /// Commits and proves.
    Ledger,
    /// Orders and compares.
    Auditor,
}

impl Domain {
    /// What its keys begin with: `scalar.dl.ledger.` or `scalar.dl.auditor.`
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Ledger => "scalar.dl.ledger.",
            Self::Auditor => "scalar.dl.auditor.",
        }
    }

    /// Its part of error codes: `LEDGER`, `AUDITOR`.
    #[must_use]
    pub fn component(self) -> &'static str {
        match self {
            Self::Ledger => "LEDGER",
            Self::Auditor => "AUDITOR",
        }
    }

    /// Its name in metrics: `ledger`, `auditor`.
    #[must_use]
    pub fn service(self) -> &'static str {
        match self {
            Self::Ledger => "ledger",
            Self::Auditor => "auditor",
        }
    }
}

/// The settings that both servers have.
#[derive(Debug)]
pub struct ServerSettings {
    /// Which server.
    pub domain: Domain,
    /// `name`: told to whoever retrieves a proof.
    pub name: String,
    /// `namespace`: what the names of its tables begin with; a name of the store.
    pub namespace: String,
    /// `authentication.*`.
    pub authentication: Authentication,
    /// `servers.authentication.hmac.secret_key`: shared by the two servers.
    pub servers_secret: Option<SecretString>,
    /// `server.host` (ours): the address to listen on; every one by default.
    pub host: IpAddr,
    /// `server.port`; 0 for any free one.
    pub port: u16,
    /// `server.privileged_port`.
    pub privileged_port: u16,
    /// `server.admin_port`.
    pub admin_port: u16,
    /// `server.prometheus_exporter_port`; `None` if negative: no exporter.
    pub prometheus_port: Option<u16>,
    /// `server.decommissioning_duration_secs`: how long health says NOT_SERVING before the server stops.
    pub decommissioning: Duration,
    /// `server.tls.*`: `None` for plain text.
    pub tls: Option<TlsSettings>,
    /// `server.grpc.max_inbound_message_size`, bytes; gRPC's own default is 4 MiB.
    pub message_bytes_max: usize,
    /// `server.grpc.max_inbound_metadata_size`, bytes; gRPC's own default is 8 KiB.
    pub metadata_bytes_max: usize,
}

/// How clients prove who they are.
#[derive(Debug)]
pub enum Authentication {
    /// `digital-signature`: ECDSA with the key of a registered certificate.
    DigitalSignature,
    /// `hmac`: a registered secret.
    Hmac {
        /// `authentication.hmac.cipher_key`: secrets are sealed with a key made from it.
        cipher_key: SecretString,
    },
}

impl ServerSettings {
    /// Reads them.
    ///
    /// # Errors
    /// 414 (DL-COMMON-414…), naming the key.
    pub fn read(domain: Domain, properties: &Properties) -> Result<Self> {
        let keys = Keys { domain, properties };
        let (name, namespace, ports) = match domain {
            Domain::Ledger => ("Scalar Ledger", "scalar", [50051, 50052, 50053]),
            Domain::Auditor => ("Scalar Auditor", "auditor", [40051, 40052, 40053]),
        };
        let namespace = keys.text("namespace").unwrap_or(namespace);
        crate::tables::namespaces(namespace).map_err(|error| {
            Error::new(error.code, format!("{} ({})", error.message, keys.key("namespace")))
        })?;
        let [port, privileged_port, admin_port] = ports;
        Ok(Self {
            domain,
            name: keys.text("name").unwrap_or(name).to_owned(),
            namespace: namespace.to_owned(),
            authentication: keys.authentication()?,
            servers_secret: keys.secret("servers.authentication.hmac.secret_key"),
            host: match keys.text("server.host") {
                None => Ipv6Addr::UNSPECIFIED.into(),
                Some(text) => text.parse().map_err(|_| {
                    errors::invalid(format!("{} is not an IP address: {text}", keys.key("server.host")))
                })?,
            },
            port: keys.port("server.port", port)?,
            privileged_port: keys.port("server.privileged_port", privileged_port)?,
            admin_port: keys.port("server.admin_port", admin_port)?,
            prometheus_port: match keys.number("server.prometheus_exporter_port")?.unwrap_or(8080_i32) {
                ..0 => None,
                _ => Some(keys.port("server.prometheus_exporter_port", 8080)?),
            },
            decommissioning: Duration::from_secs(
                keys.number("server.decommissioning_duration_secs")?.unwrap_or(30_u32).into(),
            ),
            tls: keys.tls()?,
            message_bytes_max: keys.bytes("server.grpc.max_inbound_message_size", 14, MESSAGE_BYTES_MAX)?,
            metadata_bytes_max: keys.bytes(
                "server.grpc.max_inbound_metadata_size",
                15,
                METADATA_BYTES_MAX,
            )?,
        })
    }
}

/// gRPC's own default for a message.
const MESSAGE_BYTES_MAX: usize = 4 << 20;
/// gRPC's own default for the metadata of a call.
const METADATA_BYTES_MAX: usize = 8 << 10;

/// The properties of one server, by the keys' last parts.
#[derive(Clone, Copy, Debug)]
pub struct Keys<'a> {
    /// Which server.
    pub domain: Domain,
    /// All that was read.
    pub properties: &'a Properties,
}

impl<'a> Keys<'a> {
    /// The key as an operator writes it.
    #[must_use]
    pub fn key(self, name: &str) -> String {
        format!("{}{name}", self.domain.prefix())
    }

    /// A text, unless absent or empty.
    #[must_use]
    pub fn text(self, name: &str) -> Option<&'a str> {
        self.properties.text(&self.key(name))
    }

    /// A secret, unless absent or empty.
    #[must_use]
    pub fn secret(self, name: &str) -> Option<SecretString> {
        self.properties.secret(&self.key(name))
    }

    /// A number, unless absent or empty.
    ///
    /// # Errors
    /// 414 (DL-COMMON-414001).
    pub fn number<N: FromStr>(self, name: &str) -> Result<Option<N>> {
        self.properties.number(&self.key(name))
    }

    /// `true` or `false`; `default` if absent.
    ///
    /// # Errors
    /// 414 (DL-COMMON-414002).
    pub fn switch(self, name: &str, default: bool) -> Result<bool> {
        Ok(self.properties.switch(&self.key(name))?.unwrap_or(default))
    }

    /// A secret from `name_pem`, or from the file that `name_path` names, as with private keys.
    ///
    /// # Errors
    /// 414 (DL-COMMON-414003) if the file cannot be read.
    pub fn pem(self, name: &str) -> Result<Option<SecretString>> {
        match self.secret(&format!("{name}_pem")) {
            Some(pem) => Ok(Some(pem)),
            None => self.properties.file(&self.key(&format!("{name}_path"))),
        }
    }

    fn port(self, name: &str, default: u16) -> Result<u16> {
        match self.number::<i64>(name)? {
            None => Ok(default),
            Some(port) => u16::try_from(port).map_err(|_| {
                let text = "The port and privileged port must be greater than or equal to zero.";
                common(8, format!("{text} {} is {port}, at most 65535", self.key(name)))
            }),
        }
    }

    fn bytes(self, name: &str, number: u32, default: usize) -> Result<usize> {
        match self.number::<i32>(name)? {
            None | Some(0) => Ok(default),
            Some(bytes) => usize::try_from(bytes).map_err(|_| {
                let what = if number == 14 { "message" } else { "metadata" };
                let text = format!("The gRPC max inbound {what} size must be greater than or equal to zero.");
                common(number, format!("{text} {} is {bytes}", self.key(name)))
            }),
        }
    }

    fn authentication(self) -> Result<Authentication> {
        let method = self.text("authentication.method").unwrap_or("digital-signature");
        match method.to_ascii_lowercase().as_str() {
            "digital-signature" => Ok(Authentication::DigitalSignature),
            "hmac" => {
                let key = "authentication.hmac.cipher_key";
                let cipher_key = self.secret(key).ok_or_else(|| {
                    let text = format!("{} must be set if HMAC authentication is used.", self.key(key));
                    Error::numbered(StatusCode::InvalidArgument, self.domain.component(), 1, text)
                })?;
                Ok(Authentication::Hmac { cipher_key })
            }
            _ => Err(common(16, format!("The authentication method name is invalid. Name: {method}"))),
        }
    }

    fn tls(self) -> Result<Option<TlsSettings>> {
        if !self.switch("server.tls.enabled", false)? {
            return Ok(None);
        }
        let file = |name: &str| {
            let wanted = || errors::invalid(format!("{} must be set if TLS is enabled.", self.key(name)));
            self.text(name).ok_or_else(wanted)
        };
        let chain = file("server.tls.cert_chain_path")?;
        Ok(Some(TlsSettings::new(chain, file("server.tls.private_key_path")?)))
    }
}

fn common(number: u32, text: String) -> Error {
    Error::numbered(StatusCode::InvalidArgument, "COMMON", number, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(domain: Domain, text: &str) -> Result<ServerSettings> {
        ServerSettings::read(domain, &Properties::parse(text, &|_| None)?)
    }

    #[test]
    fn defaults_are_the_originals() -> Result<()> {
        let ledger = read(Domain::Ledger, "")?;
        assert_eq!((ledger.name.as_str(), ledger.namespace.as_str()), ("Scalar Ledger", "scalar"));
        assert_eq!((ledger.port, ledger.privileged_port, ledger.admin_port), (50051, 50052, 50053));
        assert_eq!((ledger.prometheus_port, ledger.decommissioning.as_secs()), (Some(8080), 30));
        assert_eq!((ledger.message_bytes_max, ledger.metadata_bytes_max), (4 << 20, 8 << 10));
        assert!(matches!(ledger.authentication, Authentication::DigitalSignature) && ledger.tls.is_none());
        let auditor = read(Domain::Auditor, "scalar.dl.auditor.server.prometheus_exporter_port=-1")?;
        assert_eq!(
            (auditor.port, auditor.namespace.as_str(), auditor.prometheus_port),
            (40051, "auditor", None)
        );
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_named_with_its_key() {
        for (text, message) in [
            ("scalar.dl.ledger.server.port=many", "DL-COMMON-414001"),
            ("scalar.dl.ledger.server.port=-1", "DL-COMMON-414008"),
            ("scalar.dl.ledger.server.grpc.max_inbound_message_size=-5", "DL-COMMON-414014"),
            ("scalar.dl.ledger.server.tls.enabled=maybe", "DL-COMMON-414002"),
            ("scalar.dl.ledger.server.tls.enabled=true", "scalar.dl.ledger.server.tls.cert_chain_path must"),
            ("scalar.dl.ledger.authentication.method=pass-through", "DL-COMMON-414016"),
            (
                "scalar.dl.ledger.authentication.method=hmac",
                "DL-LEDGER-414001: scalar.dl.ledger.authentication",
            ),
            ("scalar.dl.ledger.namespace=Scalar", "DL-COMMON-414019"),
        ] {
            let error = read(Domain::Ledger, text).unwrap_err();
            assert!(error.message.starts_with(message), "{error}");
        }
    }
}

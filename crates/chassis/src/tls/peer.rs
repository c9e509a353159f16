use rustls::pki_types::CertificateDer;
use rustls::{ProtocolVersion, ServerConnection};

/// What a server learnt of its client in the TLS handshake.
#[derive(Debug, Clone)]
pub struct TlsPeer {
    certificates: Vec<CertificateDer<'static>>,
    server_name: Option<String>,
    version: Option<ProtocolVersion>,
}

impl TlsPeer {
    pub(crate) fn of(connection: &ServerConnection) -> Self {
        Self {
            certificates: connection
                .peer_certificates()
                .map(|chain| chain.iter().map(|certificate| certificate.clone().into_owned()).collect())
                .unwrap_or_default(),
            server_name: connection.server_name().map(str::to_owned),
            version: connection.protocol_version(),
        }
    }

    /// The client's certificate chain, its own first; empty if it sent none. The client has proven that it holds the key; whether
    /// the chain leads to a trusted authority depends on [`super::ClientCertificates`].
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        &self.certificates
    }

    /// The host name the client asked for (RFC 6066 section 3), lower case.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// The protocol version agreed on.
    pub fn version(&self) -> Option<ProtocolVersion> {
        self.version
    }
}

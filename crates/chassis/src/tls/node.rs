use std::sync::Arc;

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use zeroize::Zeroizing;

use super::{ALPN, Error, provider};

/// A certificate that the nodes of one cluster share for a while: both ends of a connection show it, and trust
/// nothing else. Who holds it got it from the cluster's own, encrypted store.
///
/// Its time is not limited, so that nodes whose clocks differ still understand each other; it lives as long as
/// those who made it say. The key is ECDSA on P-256.
#[derive(Clone)]
pub struct NodeIdentity {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl NodeIdentity {
    /// A new one for a node that is reached as `host` (a name or an IP address).
    ///
    /// # Errors
    /// `host` is no name, or the cryptographic library failed.
    pub fn generate(name: &str, host: &str) -> Result<Self, Error> {
        let mut params = CertificateParams::new(vec![host.to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature, KeyUsagePurpose::KeyAgreement];
        params.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?.der().to_vec();
        Ok(NodeIdentity { certificate, key: Zeroizing::new(key.serialize_der()) })
    }

    /// One that another node made.
    pub fn from_der(certificate: Vec<u8>, key: Vec<u8>) -> Self {
        NodeIdentity { certificate, key: Zeroizing::new(key) }
    }

    /// The certificate in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// The private key in PKCS #8. Secret.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// For the end that listens.
    ///
    /// # Errors
    /// What was given to [`NodeIdentity::from_der`] is no certificate and key.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, Error> {
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()?), provider());
        let verifier = verifier.build().map_err(|error| Error::Settings(error.to_string()))?;
        let mut config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_client_cert_verifier(verifier)
            .with_single_cert(vec![self.certificate_der()], self.key_der())?;
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        Ok(Arc::new(config))
    }

    /// For the end that connects.
    ///
    /// # Errors
    /// What was given to [`NodeIdentity::from_der`] is no certificate and key.
    pub fn client_config(&self) -> Result<ClientConfig, Error> {
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(self.roots()?)
            .with_client_auth_cert(vec![self.certificate_der()], self.key_der())?;
        config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
        Ok(config)
    }

    fn roots(&self) -> Result<RootCertStore, Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate_der())?;
        Ok(roots)
    }

    fn certificate_der(&self) -> CertificateDer<'static> {
        CertificateDer::from(self.certificate.clone())
    }

    fn key_der(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.to_vec()))
    }
}

impl std::fmt::Debug for NodeIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("NodeIdentity")
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use rustls::pki_types::ServerName;
    use rustls::{ClientConnection, ServerConnection};

    use super::*;

    /// Moves bytes between both ends until neither has more to say; the first error ends it.
    fn shake_hands(client: &NodeIdentity, server: &NodeIdentity, name: &str) -> Result<(), rustls::Error> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut client = ClientConnection::new(Arc::new(client.client_config().unwrap()), name).unwrap();
        let mut server = ServerConnection::new(server.server_config().unwrap()).unwrap();
        client.writer().write_all(b"ask").unwrap();
        server.writer().write_all(b"answer").unwrap();
        for _ in 0..10 {
            let mut bytes = Vec::new();
            while client.wants_write() {
                client.write_tls(&mut bytes).unwrap();
            }
            while !bytes.is_empty() {
                let read = server.read_tls(&mut bytes.as_slice()).unwrap();
                bytes.drain(..read);
                server.process_new_packets()?;
            }
            while server.wants_write() {
                server.write_tls(&mut bytes).unwrap();
            }
            while !bytes.is_empty() {
                let read = client.read_tls(&mut bytes.as_slice()).unwrap();
                bytes.drain(..read);
                client.process_new_packets()?;
            }
        }
        let (mut asked, mut answered) = ([0; 3], [0; 6]);
        server.reader().read_exact(&mut asked).unwrap();
        client.reader().read_exact(&mut answered).unwrap();
        assert_eq!((&asked, &answered), (b"ask", b"answer"));
        Ok(())
    }

    #[test]
    fn those_who_share_it_understand_each_other_and_nobody_else() {
        let one = NodeIdentity::generate("fw-1", "10.0.0.1").unwrap();
        let copy = NodeIdentity::from_der(one.certificate().to_vec(), one.key().to_vec());
        shake_hands(&copy, &one, "10.0.0.1").unwrap();
        assert!(shake_hands(&copy, &one, "10.0.0.2").is_err(), "another host");
        let other = NodeIdentity::generate("fw-1", "10.0.0.1").unwrap();
        assert!(shake_hands(&other, &one, "10.0.0.1").is_err(), "another certificate");
        let named = NodeIdentity::generate("fw-2", "vault-1.internal").unwrap();
        shake_hands(&named, &named, "vault-1.internal").unwrap();
    }
}

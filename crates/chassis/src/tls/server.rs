use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};

use super::verifier::AnyClient;
use super::{ALPN, Error, files, provider};
use crate::shutdown::{ReloadRequests, Shutdown};

/// Which files a server presents and whom it lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// PEM: the server's certificate, then its issuers.
    pub certificate_file: PathBuf,
    /// PEM: the server's private key, without passphrase.
    pub key_file: PathBuf,
    /// What is asked of clients.
    pub client_certificates: ClientCertificates,
    /// The oldest version accepted.
    pub version_min: TlsVersion,
    /// The newest version offered.
    pub version_max: TlsVersion,
}

impl TlsSettings {
    /// TLS 1.2 and 1.3, no client certificates.
    pub fn new(certificate_file: impl Into<PathBuf>, key_file: impl Into<PathBuf>) -> Self {
        Self {
            certificate_file: certificate_file.into(),
            key_file: key_file.into(),
            client_certificates: ClientCertificates::Ignored,
            version_min: TlsVersion::Tls12,
            version_max: TlsVersion::Tls13,
        }
    }

    /// The same, with client certificates.
    pub fn with_client_certificates(mut self, client_certificates: ClientCertificates) -> Self {
        self.client_certificates = client_certificates;
        self
    }
}

/// What a server asks of its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Not asked for.
    Ignored,
    /// Asked for; any is taken, as well as none. The service looks at it (see [`super::TlsPeer::certificates`]).
    Requested,
    /// Asked for; one that is sent must lead to an authority of this PEM file.
    Verified(PathBuf),
    /// Mutual TLS: no connection without a certificate that leads to an authority of this PEM file.
    Required(PathBuf),
}

/// A version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl FromStr for TlsVersion {
    type Err = Error;

    /// `tls12`, `tls13`.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text.trim().to_ascii_lowercase().as_str() {
            "tls12" => Ok(Self::Tls12),
            "tls13" => Ok(Self::Tls13),
            "tls10" | "tls11" => {
                Err(Error::Settings(format!("\"{text}\" is broken and not offered; use tls12 or tls13")))
            }
            _ => Err(Error::Settings(format!("\"{text}\" is not a TLS version; use tls12 or tls13"))),
        }
    }
}

/// A server's TLS, reloadable. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct ServerTls {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// `None`: not from files.
    settings: Option<TlsSettings>,
    current: RwLock<Arc<ServerConfig>>,
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// Names the file and what is wrong with it: missing, not PEM, key and certificate do not match.
    pub fn load(settings: TlsSettings) -> Result<Self, Error> {
        let config = RwLock::new(Arc::new(build(&settings)?));
        Ok(Self { inner: Arc::new(Inner { settings: Some(settings), current: config }) })
    }

    /// Not from files: whoever made it says with [`Self::replace`] what holds later.
    pub fn of(config: Arc<ServerConfig>) -> Self {
        Self { inner: Arc::new(Inner { settings: None, current: RwLock::new(config) }) }
    }

    /// From now on new connections see this; established ones go on as they are.
    pub fn replace(&self, config: Arc<ServerConfig>) {
        *self.inner.current.write() = config;
    }

    /// Reads the files again. New connections see the result; established ones go on as they are.
    ///
    /// # Errors
    /// As [`Self::load`]; then what was loaded before stays in use.
    pub fn reload(&self) -> Result<(), Error> {
        if let Some(settings) = &self.inner.settings {
            self.replace(Arc::new(build(settings)?));
        }
        Ok(())
    }

    /// Reloads at every request (SIGHUP) until the shutdown; a failure is logged and what was loaded before stays in use. A task
    /// for the supervisor.
    ///
    /// # Errors
    /// Never; the signature is that of a supervised task.
    pub async fn reload_on_request(
        self,
        mut requests: ReloadRequests,
        shutdown: Shutdown,
    ) -> Result<(), Infallible> {
        loop {
            tokio::select! {
                () = shutdown.wait() => return Ok(()),
                () = requests.next() => {}
            }
            let this = self.clone();
            // File access, so not on a thread that answers requests.
            match tokio::task::spawn_blocking(move || this.reload()).await {
                Ok(Ok(())) => {
                    let file =
                        self.settings().map(|settings| settings.certificate_file.display().to_string());
                    tracing::info!(file, "TLS certificates reloaded");
                }
                Ok(Err(error)) => {
                    tracing::error!(%error, "TLS certificates not reloaded, the former stay in use")
                }
                Err(error) => tracing::error!(%error, "TLS certificates not reloaded"),
            }
        }
    }

    /// The present configuration, for the next connection.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.inner.current.read())
    }

    /// The files, if it is from files.
    pub fn settings(&self) -> Option<&TlsSettings> {
        self.inner.settings.as_ref()
    }
}

fn build(settings: &TlsSettings) -> Result<ServerConfig, Error> {
    let provider = provider();
    let key = certified_key(settings, &provider)?;
    let versions: Vec<_> =
        [(TlsVersion::Tls13, &rustls::version::TLS13), (TlsVersion::Tls12, &rustls::version::TLS12)]
            .into_iter()
            .filter(|(version, _)| (settings.version_min..=settings.version_max).contains(version))
            .map(|(_, supported)| supported)
            .collect();
    if versions.is_empty() {
        return Err(Error::Settings(
            "the oldest TLS version accepted is newer than the newest offered".to_owned(),
        ));
    }
    let builder =
        ServerConfig::builder_with_provider(Arc::clone(&provider)).with_protocol_versions(&versions)?;
    let builder = match client_verifier(&settings.client_certificates, provider)? {
        None => builder.with_no_client_auth(),
        Some(verifier) => builder.with_client_cert_verifier(verifier),
    };
    let mut config = builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(key)));
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    Ok(config)
}

fn certified_key(settings: &TlsSettings, provider: &CryptoProvider) -> Result<CertifiedKey, Error> {
    let TlsSettings { certificate_file, key_file, .. } = settings;
    let chain = files::load_certificates(certificate_file)?;
    let key = provider.key_provider.load_private_key(files::load_key(key_file)?).map_err(|error| {
        files::content(key_file, format!("the private key is of an unsupported kind: {error}"))
    })?;
    let certified = CertifiedKey::new(chain, key);
    match certified.keys_match() {
        // Unknown: this kind of key cannot tell its public half. The handshake would show it.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => {
            Err(Error::Mismatch { certificate: certificate_file.clone(), key: key_file.clone() })
        }
        Err(error) => {
            Err(files::content(certificate_file, format!("the certificate is not usable: {error}")))
        }
    }
}

fn client_verifier(
    wanted: &ClientCertificates,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, Error> {
    let (path, is_required) = match wanted {
        ClientCertificates::Ignored => return Ok(None),
        ClientCertificates::Requested => return Ok(Some(Arc::new(AnyClient::new(provider)))),
        ClientCertificates::Verified(path) => (path, false),
        ClientCertificates::Required(path) => (path, true),
    };
    let roots = Arc::new(files::load_roots(path)?);
    let builder = WebPkiClientVerifier::builder_with_provider(roots, provider);
    let builder = if is_required { builder } else { builder.allow_unauthenticated() };
    builder
        .build()
        .map(Some)
        .map_err(|error| files::content(path, format!("cannot serve as client CA: {error}")))
}

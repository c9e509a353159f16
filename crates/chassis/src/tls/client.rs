use std::path::Path;
use std::sync::Arc;

use rustls::ClientConfig;

use super::{ALPN, Error, files, provider};

/// A client's TLS that trusts the authorities in `ca_file` and no others, and shows a certificate of its own if
/// `identity` (certificate file, key file) is given.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn client_config(ca_file: &Path, identity: Option<(&Path, &Path)>) -> Result<Arc<ClientConfig>, Error> {
    let builder = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(files::load_roots(ca_file)?);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(files::load_certificates(certificate)?, files::load_key(key)?)
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => {
                    Error::Mismatch { certificate: certificate.to_owned(), key: key.to_owned() }
                }
                error => files::content(key, error.to_string()),
            })?,
    };
    config.alpn_protocols = ALPN.map(<[u8]>::to_vec).to_vec();
    Ok(Arc::new(config))
}

use std::fs;
use std::path::Path;

use rustls::RootCertStore;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::Error;

/// The certificates in a PEM file, in the file's order; at least one.
///
/// # Errors
/// If the file cannot be read, is not PEM, or has no certificate.
pub fn load_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let bytes = read(path, "cannot read the certificate file")?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|error| content(path, format!("not valid PEM: {error}")))?;
    if certificates.is_empty() {
        return Err(content(path, "has no \"-----BEGIN CERTIFICATE-----\" section".to_owned()));
    }
    Ok(certificates)
}

/// The first private key in a PEM file (PKCS#8, PKCS#1 or SEC1).
///
/// # Errors
/// If the file cannot be read, is not PEM, or has no unencrypted private key.
pub fn load_key(path: &Path) -> Result<PrivateKeyDer<'static>, Error> {
    let bytes = Zeroizing::new(read(path, "cannot read the private key file")?);
    PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        PemError::NoItemsFound if contains(&bytes, b"ENCRYPTED PRIVATE KEY") => content(
            path,
            "the private key is encrypted with a passphrase; decrypt it (`openssl pkey -in FILE -out FILE`) and protect the file by its permissions".to_owned(),
        ),
        PemError::NoItemsFound => content(path, "has no \"-----BEGIN ... PRIVATE KEY-----\" section".to_owned()),
        error => content(path, format!("not valid PEM: {error}")),
    })
}

/// The certificates in a PEM file as authorities to trust.
pub(super) fn load_roots(path: &Path) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    for certificate in load_certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| content(path, format!("has an unusable CA certificate: {error}")))?;
    }
    Ok(roots)
}

pub(super) fn read(path: &Path, what: &'static str) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File { path: path.to_owned(), what, source })
}

pub(super) fn content(path: &Path, what: String) -> Error {
    Error::Content { path: path.to_owned(), what }
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

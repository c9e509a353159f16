//! TLS 1.2 and 1.3 with one cryptographic provider (aws-lc-rs), from certificate files or from a development CA.
//!
//! A server's certificates, and the authorities it trusts for client certificates, are replaced as a whole by
//! [`ServerTls::reload`], which a service calls at SIGHUP: new connections see the new files, established ones go on.

mod client;
mod development;
mod files;
mod node;
mod peer;
mod server;
mod verifier;

use std::path::PathBuf;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use client::client_config;
pub use development::DevCa;
pub use files::{load_certificates, load_key};
pub use node::NodeIdentity;
pub use peer::TlsPeer;
pub use server::{ClientCertificates, ServerTls, TlsSettings, TlsVersion};

/// Why TLS cannot be set up. Every message names the file.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read or written.
    #[error("{}: {what}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// The file is readable but its content is of no use.
    #[error("{}: {what}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The certificate was not issued for the key.
    #[error("the private key in {} does not belong to the first certificate in {}; the server's own certificate must come first, followed by its issuers", key.display(), certificate.display())]
    Mismatch {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
    },
    /// The settings contradict each other.
    #[error("TLS settings: {0}")]
    Settings(String),
    /// The cryptographic library refused.
    #[error("TLS: {0}")]
    Library(#[from] rustls::Error),
    /// A development certificate cannot be made.
    #[error("cannot make a development certificate: {0}")]
    Issue(#[from] rcgen::Error),
}

/// The one provider of cryptography.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// Makes the provider the default of the process, for libraries that ask for one. Safe to call twice.
pub fn install_provider() {
    // The error only says that a default is installed already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// Protocols offered in the handshake, in order of preference.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

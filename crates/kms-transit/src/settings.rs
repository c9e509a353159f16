use std::path::PathBuf;

use trustkeep_crypto::SecretString;

/// Where the key is, and how to get there.
#[derive(Debug, Default)]
pub struct Settings {
    /// The other vault's URL, `http` or `https`.
    pub address: String,
    /// A token of the other vault.
    pub token: Option<SecretString>,
    /// The key.
    pub key_name: String,
    /// The engine's path, for instance `transit/`.
    pub mount_path: String,
    /// The namespace that the engine is in.
    pub namespace: Option<String>,
    /// Whether the token is not renewed.
    pub disable_renewal: bool,
    /// PEM file of the authorities that may have signed the other vault's certificate; the system's otherwise.
    pub tls_ca_cert: Option<PathBuf>,
    /// PEM file of the certificate to show.
    pub tls_client_cert: Option<PathBuf>,
    /// PEM file of its key.
    pub tls_client_key: Option<PathBuf>,
    /// The name in the other vault's certificate, if it is not the URL's.
    pub tls_server_name: Option<String>,
    /// Whether that certificate is not checked.
    pub tls_skip_verify: bool,
}

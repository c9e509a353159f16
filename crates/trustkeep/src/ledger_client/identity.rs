//! Identities: a client's own, and those of others.

use std::path::PathBuf;

use trustkeep_contract::json::Json;
use trustkeep_scalar_client::Client;
use trustkeep_scalar_rpc::{Error, StatusCode};
use zeroize::Zeroizing;

use super::failure::Outcome;
use super::options::{Common, read};
use super::output;

#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  scalardl bootstrap --properties client.properties")]
pub(super) struct Bootstrap {
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scalardl register-cert --properties client.properties\n  \
    scalardl register-cert --properties client.properties --namespace ns1 --entity-id bob --cert-path bob.pem")]
pub(super) struct RegisterCert {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    other: Option<OtherCert>,
}

/// Somebody else's certificate.
#[derive(Debug, clap::Args)]
struct OtherCert {
    /// A namespace where the certificate is registered
    #[arg(long, required = false, requires_all = ["entity_id", "cert_path"])]
    namespace: String,
    /// An entity ID for the certificate
    #[arg(long, required = false, requires_all = ["namespace", "cert_path"])]
    entity_id: String,
    /// A path to the certificate file in PEM format
    #[arg(long, required = false, requires_all = ["namespace", "entity_id"])]
    cert_path: PathBuf,
    /// A version of the certificate
    #[arg(long, default_value_t = 1, requires = "namespace")]
    cert_version: u32,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    scalardl register-secret --properties client.properties\n  \
    scalardl register-secret --properties client.properties --namespace ns1 --entity-id bob --secret-key \"$SECRET\"")]
pub(super) struct RegisterSecret {
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    other: Option<OtherSecret>,
}

/// A secret out of the command line.
#[derive(Clone)]
struct Secret(Zeroizing<String>);

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("(secret)")
    }
}

/// Somebody else's secret.
#[derive(Debug, clap::Args)]
struct OtherSecret {
    /// A namespace where the secret is registered
    #[arg(long, required = false, requires_all = ["entity_id", "secret_key"])]
    namespace: String,
    /// An entity ID for the secret
    #[arg(long, required = false, requires_all = ["namespace", "secret_key"])]
    entity_id: String,
    /// A secret key for HMAC authentication
    #[arg(long, required = false, requires_all = ["namespace", "entity_id"])]
    secret_key: Secret,
    /// A version of the secret key
    #[arg(long, default_value_t = 1, requires = "namespace")]
    secret_key_version: u32,
}

pub(super) async fn bootstrap(args: Bootstrap) -> Outcome {
    let work = async |client: Client| {
        client.bootstrap().await?;
        Ok(output::done(Json::Null)?)
    };
    args.common.with(work).await
}

pub(super) async fn register_cert(args: RegisterCert) -> Outcome {
    let other = args.other;
    let work = async |client: Client| {
        match other {
            None => client.register_certificate().await?,
            Some(other) => {
                let pem = String::from_utf8(read(&other.cert_path)?).map_err(|_| {
                    let text = format!(
                        "Reading the file failed. File: {}; Details: it is no text",
                        other.cert_path.display()
                    );
                    Error::numbered(StatusCode::RuntimeError, "CLIENT", 1, text)
                })?;
                let namespace = in_requests(&other.namespace);
                client.register_certificate_of(namespace, &other.entity_id, other.cert_version, &pem).await?;
            }
        }
        Ok(output::done(Json::Null)?)
    };
    args.common.with(work).await
}

pub(super) async fn register_secret(args: RegisterSecret) -> Outcome {
    let other = args.other;
    let work = async |client: Client| {
        match other {
            None => client.register_secret().await?,
            Some(other) => {
                let namespace = in_requests(&other.namespace);
                let (version, secret) = (other.secret_key_version, &*other.secret_key.0);
                client.register_secret_of(namespace, &other.entity_id, version, secret).await?;
            }
        }
        Ok(output::done(Json::Null)?)
    };
    args.common.with(work).await
}

/// The default namespace is left out of requests.
fn in_requests(namespace: &str) -> &str {
    if namespace == "default" { "" } else { namespace }
}

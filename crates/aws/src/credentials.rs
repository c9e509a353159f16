//! Credentials: what they are, who provides them, and the chain that finds them.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use trustkeep_crypto::SecretString;

use crate::{Context, Result};

mod chain;
mod container;
mod environment;
pub(crate) mod instance;
mod profile;
mod sdk;
mod web_identity;

pub(crate) use chain::nearby_client;
pub use chain::{Chain, ChainSettings};
pub(crate) use profile::Profile;
pub use sdk::SdkCredentials;

/// Yields credentials, new ones before the old ones expire.
#[async_trait]
pub trait CredentialsProvider: fmt::Debug + Send + Sync {
    /// Credentials that are valid now.
    async fn credentials(&self) -> Result<Arc<Credentials>>;

    /// The service says that these have expired: get others next time.
    fn refused(&self, _credentials: &Credentials) {}
}

/// What signs a request.
pub struct Credentials {
    /// The key's public name.
    pub access_key_id: String,
    /// The key.
    pub secret_access_key: SecretString,
    /// Goes with temporary keys.
    pub session_token: Option<SecretString>,
    /// When temporary keys end.
    pub expires_at: Option<Timestamp>,
    /// The place they come from, for instance "instance metadata".
    pub source: &'static str,
}

/// Credentials given once and for all provide themselves.
#[async_trait]
impl CredentialsProvider for Arc<Credentials> {
    async fn credentials(&self) -> Result<Arc<Credentials>> {
        Ok(self.clone())
    }
}

impl Credentials {
    /// As the SDK's crates know them.
    pub(crate) fn to_sdk(&self) -> aws_credential_types::Credentials {
        aws_credential_types::Credentials::new(
            &self.access_key_id,
            self.secret_access_key.expose(),
            self.session_token.as_ref().map(|token| token.expose().to_owned()),
            self.expires_at.map(std::time::SystemTime::from),
            self.source,
        )
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("expires_at", &self.expires_at)
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// Why one place of the chain yields nothing.
#[derive(Debug)]
pub(crate) enum Missing {
    /// It is not configured: look further.
    Absent(String),
    /// It is configured but does not work: stop, because another place would be another identity.
    Broken(String),
}

impl Missing {
    pub(crate) fn absent(reason: impl Into<String>) -> Self {
        Self::Absent(reason.into())
    }

    pub(crate) fn broken(reason: impl fmt::Display) -> Self {
        Self::Broken(reason.to_string())
    }
}

/// The JSON that both the container endpoint and instance metadata answer with.
#[derive(serde::Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Document {
    code: Option<String>,
    message: Option<String>,
    access_key_id: Option<String>,
    secret_access_key: Option<SecretString>,
    token: Option<SecretString>,
    expiration: Option<Timestamp>,
}

impl Document {
    pub(crate) fn read(json: &[u8], source: &'static str) -> std::result::Result<Credentials, Missing> {
        let document: Self = serde_json::from_slice(json).map_err(|error| {
            Missing::broken(format!("the answer is not a credentials document (line {})", error.line()))
        })?;
        if document.code.as_deref().is_some_and(|code| code != "Success") {
            let (code, message) = (document.code.unwrap_or_default(), document.message.unwrap_or_default());
            return Err(Missing::broken(format!("it answered {code}: {message}")));
        }
        let (Some(access_key_id), Some(secret_access_key)) =
            (document.access_key_id, document.secret_access_key)
        else {
            return Err(Missing::broken("the answer lacks AccessKeyId or SecretAccessKey"));
        };
        Ok(Credentials {
            access_key_id,
            secret_access_key,
            session_token: document.token,
            expires_at: document.expiration,
            source,
        })
    }
}

/// What the places of the chain need.
pub(crate) struct Search<'a> {
    pub(crate) context: &'a Context,
    pub(crate) settings: &'a ChainSettings,
    /// For services behind TLS.
    pub(crate) http: &'a reqwest::Client,
    /// For endpoints on the same host, which answer at once or never.
    pub(crate) nearby: &'a reqwest::Client,
}

//! What the controller asks of a vault: who a token is, the secrets that a spec refers to, and custody of what it needs later.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};
use trustkeep_crypto::SecretString;

use crate::accounts::{ApiRole, Caller};

/// A vault, spoken to as the controller or as one of its callers.
#[async_trait::async_trait]
pub trait Secrets: Send + Sync + fmt::Debug + 'static {
    /// Whose token this is. An answer may be as old as two seconds.
    async fn who(&self, token: &str) -> Result<Caller, SecretsError>;

    /// The fields at a path (`cubbyhole/aws/access_key`), read with the caller's own token.
    async fn read(&self, token: &str, path: &str) -> Result<Map<String, Value>, SecretsError>;

    /// Keeps secrets of the controller's own, out of reach of every caller, under a name (`units/<vcid>/<unit>`), in place of what was
    /// kept there.
    async fn keep(&self, name: &str, secrets: &BTreeMap<String, SecretString>) -> Result<(), SecretsError>;

    /// What is kept under a name; empty if nothing is.
    async fn kept(&self, name: &str) -> Result<BTreeMap<String, SecretString>, SecretsError>;

    /// Forgets what is kept under a name.
    async fn forget(&self, name: &str) -> Result<(), SecretsError>;

    /// Makes a token for a user, valid for ten years.
    async fn create_token(
        &self,
        user: &str,
        role: ApiRole,
        form: TokenForm,
    ) -> Result<SecretString, SecretsError>;

    /// What is known of a token; `None`: it is unknown, ended, or none of the controller's.
    async fn token(&self, token: &str) -> Result<Option<TokenInfo>, SecretsError>;

    /// Every token there is.
    async fn tokens(&self) -> Result<Vec<TokenInfo>, SecretsError>;

    /// Ends a token, named by itself or by its accessor. `false`: there is none.
    async fn revoke_token(&self, token_or_accessor: &str) -> Result<bool, SecretsError>;
}

/// How a token looks; it is of the same worth either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TokenForm {
    /// As the vault makes it: `hvs.…`.
    Vault,
    /// A UUID, as `create_token.sh` prints it.
    Uuid,
}

/// A token, as lists show it: not the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenInfo {
    /// Its accessor.
    pub accessor: String,
    /// Its user.
    pub user: String,
    /// What it may do.
    pub role: ApiRole,
    /// When it was made.
    pub created_at: jiff::Timestamp,
    /// When it ends.
    pub expires_at: Option<jiff::Timestamp>,
}

/// Why the vault gave nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretsError {
    /// The token is unknown, ended or lacks the right: `permission denied`.
    #[error("permission denied")]
    Denied,
    /// Nothing stands at the path.
    #[error("{0} is not found")]
    Missing(String),
    /// No answer: sealed, starting, unreachable.
    #[error("the vault does not answer: {0}")]
    Unavailable(String),
}

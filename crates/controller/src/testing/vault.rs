//! A vault that knows everybody.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use trustkeep_crypto::SecretString;

use super::World;
use crate::accounts::{ApiRole, Caller};
use crate::secrets::{Secrets, SecretsError, TokenForm, TokenInfo};

#[derive(Debug)]
pub(super) struct Vault(pub(super) World);

#[async_trait::async_trait]
impl Secrets for Vault {
    async fn who(&self, token: &str) -> Result<Caller, SecretsError> {
        let mut asker = super::asker(token.split('/').next().unwrap());
        match token.split('/').nth(1) {
            Some("readonly") => asker.caller.api_role = ApiRole::ReadOnly,
            Some("super") => asker.caller.role = crate::accounts::UserRole::Super,
            Some("revoked") => return Err(SecretsError::Denied),
            Some("away") => return Err(SecretsError::Unavailable("sealed".into())),
            _ => {}
        }
        Ok(asker.caller)
    }

    async fn read(&self, _: &str, path: &str) -> Result<Map<String, Value>, SecretsError> {
        let missing = || SecretsError::Missing(path.to_owned());
        let found = self.0.state(|state| state.vault.get(path).cloned()).ok_or_else(missing)?;
        Ok(found.into_iter().map(|(name, value)| (name, value.into())).collect())
    }

    async fn keep(&self, name: &str, secrets: &BTreeMap<String, SecretString>) -> Result<(), SecretsError> {
        let secrets = secrets.iter().map(|(name, secret)| (name.clone(), secret.expose().to_owned()));
        let secrets: BTreeMap<_, _> = secrets.collect();
        self.0.step(|state| state.vault.insert(name.to_owned(), secrets)).await;
        Ok(())
    }

    async fn kept(&self, name: &str) -> Result<BTreeMap<String, SecretString>, SecretsError> {
        let kept = self.0.state(|state| state.vault.get(name).cloned()).unwrap_or_default();
        Ok(kept.into_iter().map(|(name, value)| (name, SecretString::from(value.as_str()))).collect())
    }

    async fn forget(&self, name: &str) -> Result<(), SecretsError> {
        self.0.step(|state| state.vault.remove(name)).await;
        Ok(())
    }

    async fn create_token(&self, user: &str, _: ApiRole, _: TokenForm) -> Result<SecretString, SecretsError> {
        Ok(SecretString::from(user))
    }

    async fn token(&self, _: &str) -> Result<Option<TokenInfo>, SecretsError> {
        Ok(None)
    }

    async fn tokens(&self) -> Result<Vec<TokenInfo>, SecretsError> {
        Ok(Vec::new())
    }

    async fn revoke_token(&self, _: &str) -> Result<bool, SecretsError> {
        Ok(false)
    }
}

//! The controller's vault, ours or an operator's, over its HTTP interface.
//!
//! A user's token is a token of the vault with one policy and, in its metadata, whose it is and what it may do. Only the vault's role `vcc`
//! makes such tokens, so a token that somebody else made, whatever its metadata say, is none.

mod setup;
mod transport;

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::{StreamExt as _, TryStreamExt as _};
use parking_lot::Mutex;
use reqwest::Method;
use serde_json::{Map, Value, json};
use trustkeep_chassis::clock::{SharedClock, Timestamp};
use trustkeep_controller::accounts::{Accounts, ApiRole, Caller};
use trustkeep_controller::secrets::{Secrets, SecretsError, TokenForm, TokenInfo};
use trustkeep_crypto::SecretString;
use trustkeep_crypto::hash::sha256;
use trustkeep_crypto::random::{SystemRandom, uuid};

pub(super) use self::transport::Place;
use self::transport::{Answer, Transport};

/// A vault, as the controller and its callers use it.
pub(crate) struct VaultSecrets {
    transport: Transport,
    /// The controller's own.
    token: SecretString,
    accounts: Accounts,
    clock: SharedClock,
    /// Whose token it was when the vault was last asked, by the token's digest: no copy of a token stays in memory.
    seen: Mutex<HashMap<[u8; 32], Seen>>,
}

#[derive(Clone)]
struct Seen {
    at: Duration,
    token: TokenInfo,
}

impl std::fmt::Debug for VaultSecrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VaultSecrets").field("transport", &self.transport).finish_non_exhaustive()
    }
}

impl VaultSecrets {
    /// Uses the vault at a place with the controller's own token, and makes there what the controller needs where it is missing: its
    /// policy and role for users' tokens, KV at `secret/`, and a KV engine that no user's policy reaches.
    ///
    /// # Errors
    /// The vault is not reached, or the token lacks a right: which, and what for.
    pub(super) async fn open(
        place: &Place,
        token: SecretString,
        accounts: Accounts,
        clock: SharedClock,
    ) -> anyhow::Result<Self> {
        let secrets =
            Self { transport: Transport::new(place)?, token, accounts, clock, seen: Mutex::default() };
        setup::prepare(&secrets).await?;
        Ok(secrets)
    }

    /// As the controller itself.
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Answer, SecretsError> {
        self.transport.ask(method, path, self.token.expose(), body).await
    }

    /// What the vault knows of a user's token; `None`: nothing, or it is not one.
    async fn look_up(&self, token: &str) -> Result<Option<TokenInfo>, SecretsError> {
        let answer = self.transport.ask(Method::GET, "auth/token/lookup-self", token, None).await?;
        match answer.status {
            200 => Ok(answer.data().and_then(describe)),
            403 => Ok(None),
            _ => Err(answer.failure()),
        }
    }

    fn remembered(&self, digest: &[u8; 32]) -> Option<TokenInfo> {
        let now = self.clock.monotonic();
        let seen = self.seen.lock().get(digest).cloned()?;
        (now.saturating_sub(seen.at) < AGE_MAX).then_some(seen.token)
    }

    fn remember(&self, digest: [u8; 32], at: Duration, token: TokenInfo) {
        let mut seen = self.seen.lock();
        if seen.len() >= SEEN_MAX {
            seen.retain(|_, seen| at.saturating_sub(seen.at) < AGE_MAX);
        }
        if seen.len() < SEEN_MAX {
            seen.insert(digest, Seen { at, token });
        }
    }
}

#[async_trait::async_trait]
impl Secrets for VaultSecrets {
    async fn who(&self, token: &str) -> Result<Caller, SecretsError> {
        let digest = sha256(token.as_bytes());
        let token = match self.remembered(&digest) {
            Some(token) => token,
            None => {
                let asked_at = self.clock.monotonic();
                let token = self.look_up(token).await?.ok_or(SecretsError::Denied)?;
                self.remember(digest, asked_at, token.clone());
                token
            }
        };
        let user = self.accounts.find(&token.user).await;
        let user = user.map_err(|error| SecretsError::Unavailable(error.to_string()))?;
        let user = user.ok_or(SecretsError::Denied)?;
        // A token that ended within the age of what is remembered.
        if token.expires_at.is_some_and(|end| end <= self.clock.now()) {
            return Err(SecretsError::Denied);
        }
        Ok(Caller { user: user.name, role: user.role, api_role: token.role, accessor: token.accessor })
    }

    async fn read(&self, token: &str, path: &str) -> Result<Map<String, Value>, SecretsError> {
        let answer = self.transport.ask(Method::GET, path, token, None).await?;
        answer.fields(path)
    }

    async fn keep(&self, name: &str, secrets: &BTreeMap<String, SecretString>) -> Result<(), SecretsError> {
        // An engine refuses a secret without fields; what is not there is read as none.
        if secrets.is_empty() {
            return self.forget(name).await;
        }
        let body: Map<String, Value> =
            secrets.iter().map(|(key, secret)| (key.clone(), secret.expose().into())).collect();
        self.ask(Method::POST, &custody(name), Some(body.into())).await?.accepted()
    }

    async fn kept(&self, name: &str) -> Result<BTreeMap<String, SecretString>, SecretsError> {
        let answer = self.ask(Method::GET, &custody(name), None).await?;
        match answer.fields(name) {
            Ok(fields) => Ok(fields
                .into_iter()
                .filter_map(|(key, secret)| match secret {
                    Value::String(secret) => Some((key, SecretString::new(secret))),
                    _ => None,
                })
                .collect()),
            Err(SecretsError::Missing(_)) => Ok(BTreeMap::new()),
            Err(error) => Err(error),
        }
    }

    async fn forget(&self, name: &str) -> Result<(), SecretsError> {
        self.ask(Method::DELETE, &custody(name), None).await?.accepted()
    }

    async fn create_token(
        &self,
        user: &str,
        role: ApiRole,
        form: TokenForm,
    ) -> Result<SecretString, SecretsError> {
        let mut body = json!({
            "display_name": "vcc",
            "policies": [setup::POLICY],
            "meta": { META_USER: user, META_ROLE: role.name() },
            "no_default_policy": true,
            "renewable": false,
            "ttl": format!("{}s", TOKEN_LIFE.as_secs()),
        });
        if let (TokenForm::Uuid, Some(body)) = (form, body.as_object_mut()) {
            body.insert("id".into(), uuid(&SystemRandom).to_string().into());
        }
        let answer =
            self.ask(Method::POST, &format!("auth/token/create/{}", setup::ROLE), Some(body)).await?;
        if answer.status != 200 {
            return Err(answer.failure());
        }
        let token = answer.body.pointer("/auth/client_token").and_then(Value::as_str);
        let token = token.ok_or_else(|| SecretsError::Unavailable("it gave no token".into()))?;
        Ok(SecretString::from(token))
    }

    async fn token(&self, token: &str) -> Result<Option<TokenInfo>, SecretsError> {
        self.look_up(token).await
    }

    async fn tokens(&self) -> Result<Vec<TokenInfo>, SecretsError> {
        let answer = self.ask(transport::list(), "auth/token/accessors", None).await?;
        let keys = match answer.fields("auth/token/accessors") {
            Ok(mut fields) => fields.remove("keys"),
            Err(SecretsError::Missing(_)) => None,
            Err(error) => return Err(error),
        };
        let Some(Value::Array(accessors)) = keys else { return Ok(Vec::new()) };
        let found = futures::stream::iter(accessors.into_iter().take(TOKENS_MAX))
            .map(|accessor| self.find(accessor))
            .buffer_unordered(LOOKUPS_AT_ONCE)
            .try_collect::<Vec<_>>();
        Ok(found.await?.into_iter().flatten().collect())
    }

    async fn revoke_token(&self, token_or_accessor: &str) -> Result<bool, SecretsError> {
        let accessor = match self.look_up(token_or_accessor).await? {
            Some(token) => token.accessor,
            None => match self.find(token_or_accessor.into()).await? {
                Some(token) => token.accessor,
                None => return Ok(false),
            },
        };
        let body = json!({ "accessor": accessor });
        self.ask(Method::POST, "auth/token/revoke-accessor", Some(body)).await?.accepted()?;
        // This controller need not wait for what it remembers to age.
        self.seen.lock().retain(|_, seen| seen.token.accessor != accessor);
        Ok(true)
    }
}

impl VaultSecrets {
    /// The user's token of an accessor; `None`: there is none, or it is none of the controller's.
    async fn find(&self, accessor: Value) -> Result<Option<TokenInfo>, SecretsError> {
        let body = json!({ "accessor": accessor });
        let answer = self.ask(Method::POST, "auth/token/lookup-accessor", Some(body)).await?;
        match answer.status {
            200 => Ok(answer.data().and_then(describe)),
            // Vault says 403 or 400 of an accessor that it does not know.
            400 | 403 | 404 => Ok(None),
            _ => Err(answer.failure()),
        }
    }
}

/// A token as lookups show it; `None` if the role `vcc` did not make it.
fn describe(data: &Map<String, Value>) -> Option<TokenInfo> {
    let text = |key: &str| data.get(key).and_then(Value::as_str);
    let meta = |key: &str| data.get("meta")?.get(key)?.as_str();
    if text("path")? != format!("auth/token/create/{}", setup::ROLE) {
        return None;
    }
    let created_at = data.get("creation_time").and_then(Value::as_i64)?;
    Some(TokenInfo {
        accessor: text("accessor")?.to_owned(),
        user: meta(META_USER)?.to_owned(),
        role: ApiRole::from_name(meta(META_ROLE)?)?,
        created_at: Timestamp::from_second(created_at).ok()?,
        expires_at: text("expire_time").and_then(|time| time.parse().ok()),
    })
}

fn custody(name: &str) -> String {
    format!("{}{name}", setup::CUSTODY)
}

const META_USER: &str = "vcc_user";
const META_ROLE: &str = "vcc_api_role";
/// As the original's.
pub(super) const TOKEN_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
const AGE_MAX: Duration = Duration::from_secs(2);
/// More callers within two seconds are answered too, by asking the vault each time.
const SEEN_MAX: usize = 10_000;
const TOKENS_MAX: usize = 100_000;
const LOOKUPS_AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_role_made_is_a_users_token() {
        let token = json!({
            "accessor": "a", "creation_time": 1_700_000_000, "path": "auth/token/create/vcc",
            "expire_time": "2035-01-01T00:00:00Z", "meta": { "vcc_user": "yamada", "vcc_api_role": "readonly" },
        });
        let found = describe(token.as_object().unwrap()).unwrap();
        assert_eq!((found.user.as_str(), found.role), ("yamada", ApiRole::ReadOnly));
        assert!(found.expires_at.is_some());
        for (key, value) in [
            ("path", json!("auth/token/create")),
            ("path", json!("auth/token/root")),
            ("meta", Value::Null),
            ("meta", json!({ "vcc_user": "yamada", "vcc_api_role": "root" })),
        ] {
            let mut other = token.as_object().unwrap().clone();
            other.insert(key.into(), value);
            assert!(describe(&other).is_none());
        }
    }
}

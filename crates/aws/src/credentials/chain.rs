use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use trustkeep_crypto::SecretString;

use super::instance::Imds;
use super::{
    Credentials, CredentialsProvider, Missing, Profile, Search, container, environment, web_identity,
};
use crate::sts::Sts;
use crate::{Attempt, Context, Error, Result, region, transport};

/// What a service's configuration may say about credentials. All of it is optional.
#[derive(Debug, Default)]
pub struct ChainSettings {
    /// The region; see [`region::resolve`].
    pub region: Option<String>,
    /// A key's name, with `secret_access_key`.
    pub access_key_id: Option<String>,
    /// A key, with `access_key_id`.
    pub secret_access_key: Option<SecretString>,
    /// Goes with temporary keys.
    pub session_token: Option<SecretString>,
    /// The profile; else `AWS_PROFILE`, else `default`.
    pub profile: Option<String>,
    /// The file of keys; else `AWS_SHARED_CREDENTIALS_FILE`, else `~/.aws/credentials`.
    pub shared_credentials_file: Option<PathBuf>,
    /// A role. With `web_identity_token_file` (here or in the environment) the token is exchanged for it;
    /// else it is assumed with whatever credentials the chain finds.
    pub role_arn: Option<String>,
    /// The name under which the role is assumed; else `AWS_ROLE_SESSION_NAME`, else `trustkeep`.
    pub role_session_name: Option<String>,
    /// A file with an identity provider's token.
    pub web_identity_token_file: Option<PathBuf>,
}

/// Looks for credentials in this order, the first place that has some wins: configuration, environment,
/// profile files, web identity, container endpoint, instance metadata.
///
/// They are kept, and replaced five minutes before they expire.
pub struct Chain {
    context: Context,
    settings: ChainSettings,
    http: reqwest::Client,
    nearby: reqwest::Client,
    current: RwLock<Option<Arc<Credentials>>>,
    /// Held by the one task that searches; holds when the next search may start after a failed one.
    search: Mutex<Option<Timestamp>>,
}

/// Credentials this close to their end are replaced.
const REFRESH_BEFORE: SignedDuration = SignedDuration::from_mins(5);
/// After a failed refresh, valid credentials serve this long before the next try.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(30);

impl Chain {
    /// A chain that has not looked anywhere yet.
    ///
    /// # Errors
    /// [`Error::Setting`] if TLS cannot be set up.
    pub fn new(context: Context, settings: ChainSettings) -> Result<Self> {
        Ok(Self {
            context,
            settings,
            http: transport::client(Duration::from_secs(5), Duration::from_secs(15))?,
            nearby: nearby_client()?,
            current: RwLock::new(None),
            search: Mutex::new(None),
        })
    }

    async fn look_everywhere(&self) -> Result<Credentials> {
        let search = Search {
            context: &self.context,
            settings: &self.settings,
            http: &self.http,
            nearby: &self.nearby,
        };
        let mut tried = Vec::new();
        for place in Place::ALL {
            match place.look(&search).await {
                Ok(credentials) => {
                    tracing::debug!(
                        source = place.name(),
                        key = credentials.access_key_id,
                        "found AWS credentials"
                    );
                    return self.take_role(&search, place, credentials).await;
                }
                Err(Missing::Absent(reason)) => tried.push(Attempt { place: place.name(), reason }),
                Err(Missing::Broken(reason)) => {
                    tried.push(Attempt { place: place.name(), reason });
                    return Err(Error::Credentials { tried });
                }
            }
        }
        Err(Error::Credentials { tried })
    }

    /// A role in the configuration is taken on with the credentials that were found.
    async fn take_role(&self, search: &Search<'_>, place: Place, found: Credentials) -> Result<Credentials> {
        let role = match &self.settings.role_arn {
            Some(role) if place != Place::WebIdentity => role,
            _ => return Ok(found),
        };
        let region = search.region().await;
        Sts::new(&self.context, &self.http, region.as_deref())?
            .assume_role(found, role, &search.session_name(), None)
            .await
    }

    fn current(&self) -> Option<Arc<Credentials>> {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The current credentials if they end later than `margin` from now.
    fn valid_for(&self, margin: SignedDuration) -> Option<Arc<Credentials>> {
        let now = self.context.now();
        self.current()
            .filter(|credentials| credentials.expires_at.is_none_or(|end| end.duration_since(now) > margin))
    }
}

#[async_trait]
impl CredentialsProvider for Chain {
    async fn credentials(&self) -> Result<Arc<Credentials>> {
        if let Some(credentials) = self.valid_for(REFRESH_BEFORE) {
            return Ok(credentials);
        }
        let usable = self.valid_for(SignedDuration::ZERO);
        // While one task refreshes, others go on with what is still valid; without any they wait for it.
        let mut not_before = match (&usable, self.search.try_lock()) {
            (_, Ok(guard)) => guard,
            (Some(credentials), Err(_)) => return Ok(credentials.clone()),
            (None, Err(_)) => self.search.lock().await,
        };
        if let Some(credentials) = self.valid_for(REFRESH_BEFORE) {
            return Ok(credentials);
        }
        let now = self.context.now();
        if let Some(credentials) = &usable
            && not_before.is_some_and(|at| now < at)
        {
            return Ok(credentials.clone());
        }
        match (self.look_everywhere().await, usable) {
            (Ok(credentials), _) => {
                let credentials = Arc::new(credentials);
                *self.current.write().unwrap_or_else(PoisonError::into_inner) = Some(credentials.clone());
                *not_before = None;
                Ok(credentials)
            }
            (Err(error), Some(credentials)) => {
                tracing::warn!(%error, expires_at = ?credentials.expires_at, "AWS credentials were not refreshed");
                *not_before = now.checked_add(RETRY_AFTER).ok();
                Ok(credentials)
            }
            (Err(error), None) => Err(error),
        }
    }

    fn refused(&self, refused: &Credentials) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| current.access_key_id == refused.access_key_id) {
            *current = None;
        }
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain")
            .field("settings", &self.settings)
            .field("current", &self.current())
            .finish_non_exhaustive()
    }
}

/// For endpoints on the same host: they answer at once, or we are not where they are.
pub(crate) fn nearby_client() -> Result<reqwest::Client> {
    transport::client(Duration::from_secs(1), Duration::from_secs(5))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Settings,
    Environment,
    Profile,
    WebIdentity,
    Container,
    Instance,
}

impl Place {
    const ALL: [Self; 6] = [
        Self::Settings,
        Self::Environment,
        Self::Profile,
        Self::WebIdentity,
        Self::Container,
        Self::Instance,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Settings => "configuration",
            Self::Environment => "environment",
            Self::Profile => "profile files",
            Self::WebIdentity => "web identity",
            Self::Container => "container endpoint",
            Self::Instance => "instance metadata",
        }
    }

    async fn look(self, search: &Search<'_>) -> std::result::Result<Credentials, Missing> {
        match self {
            Self::Settings => environment::from_settings(search),
            Self::Environment => environment::from_environment(search),
            Self::Profile => Profile::read(search.context, search.settings).await?.credentials(search).await,
            Self::WebIdentity => web_identity::load(search).await,
            Self::Container => container::load(search).await,
            Self::Instance => Imds::open(&search.context.env, search.nearby).await?.credentials().await,
        }
    }
}

impl Search<'_> {
    /// The region for STS, if one is known without asking the instance.
    pub(crate) async fn region(&self) -> Option<String> {
        region::configured(self.context, self.settings).await.ok().flatten()
    }

    /// The name that shows up in CloudTrail.
    pub(crate) fn session_name(&self) -> String {
        let name = self.settings.role_session_name.clone();
        name.or_else(|| self.context.env.get("AWS_ROLE_SESSION_NAME")).unwrap_or_else(|| "trustkeep".into())
    }
}

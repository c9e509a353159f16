//! Signed requests to one service in one region, with retries, time limits and errors that say what to do.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderName};
use reqwest::Url;
use zeroize::Zeroizing;

use crate::{Connections, Context, Credentials, CredentialsProvider, Error, Result, transport};

mod call;
mod reply;
mod retry;
mod signature;

pub use call::Call;
pub use reply::Reply;
pub use retry::Retry;

/// The endpoint of `service` in `region`, for the partitions of AWS.
pub fn default_endpoint(service: &str, region: &str) -> String {
    let suffix = match region {
        r if r.starts_with("cn-") => "amazonaws.com.cn",
        r if r.starts_with("us-iso-") => "c2s.ic.gov",
        r if r.starts_with("us-isob-") => "sc2s.sgov.gov",
        r if r.starts_with("eusc-") => "amazonaws.eu",
        _ => "amazonaws.com",
    };
    format!("https://{service}.{region}.{suffix}")
}

/// A client of one service. Cheap to clone; connections are shared.
#[derive(Clone)]
pub struct Client {
    service: String,
    region: String,
    endpoint: Url,
    credentials: Option<Arc<dyn CredentialsProvider>>,
    context: Context,
    retry: Retry,
    http: reqwest::Client,
}

impl Client {
    /// Starts a client of `service` (its name in signatures and host names, for instance "kms").
    pub fn builder(service: impl Into<String>, region: impl Into<String>) -> Builder {
        Builder {
            service: service.into(),
            region: region.into(),
            endpoint: None,
            credentials: None,
            anonymous: false,
            context: None,
            retry: Retry::default(),
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(15),
            http: None,
        }
    }

    /// The region requests are signed for.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The endpoint in use.
    pub fn endpoint(&self) -> &str {
        self.endpoint.as_str().trim_end_matches('/')
    }

    /// Sends a call. What was throttled is repeated; what failed otherwise only if it is
    /// [idempotent](Call::idempotent), or certainly did not reach the service.
    ///
    /// # Errors
    /// [`Error::Credentials`], [`Error::Transport`], [`Error::Service`], [`Error::Answer`].
    pub async fn send(&self, call: Call) -> Result<Reply> {
        let mut attempt = 1;
        let mut renewed = false;
        loop {
            let credentials = match &self.credentials {
                Some(provider) => Some(provider.credentials().await?),
                None => None,
            };
            let failure = match self.once(&call, credentials.as_deref()).await {
                Ok(reply) => return Ok(reply),
                Err(failure) => failure,
            };
            if let (Some(provider), Some(credentials)) = (&self.credentials, &credentials)
                && failure.error.is_expired_token()
            {
                provider.refused(credentials);
                if !renewed {
                    renewed = true;
                    continue;
                }
            }
            if attempt >= self.retry.attempts_max || !failure.may_repeat(&call) {
                return Err(failure.error);
            }
            let delay = self.retry.delay(attempt, &*self.context.random);
            tracing::debug!(service = self.service, action = call.action, attempt, ?delay, error = %failure.error, "trying again");
            tokio::time::sleep(delay).await;
            attempt += 1;
        }
    }

    async fn once(&self, call: &Call, credentials: Option<&Credentials>) -> Result<Reply, Failure> {
        let request = self.request(call, credentials).map_err(Failure::settled)?;
        let response = self.http.execute(request).await.map_err(|error| self.unreachable(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = transport::read(response)
            .await
            .map_err(|reason| Failure { error: self.transport_error(reason, false), reached: true })?;
        if status.is_success() {
            return Ok(Reply::new(self.service.clone(), body));
        }
        let now = self.context.now();
        let source = credentials.map(|credentials| credentials.source);
        let error = reply::error(&self.service, status.as_u16(), &headers, body.expose(), now, source);
        Err(Failure { error: Error::Service(Box::new(error)), reached: true })
    }

    fn request(&self, call: &Call, credentials: Option<&Credentials>) -> Result<reqwest::Request> {
        let invalid = |reason: String| Error::Setting { parameter: "request", reason };
        let mut request = http::Request::post(self.endpoint.as_str()).header(CONTENT_TYPE, call.content_type);
        if let Some(target) = &call.target {
            request = request.header(HeaderName::from_static("x-amz-target"), target);
        }
        let mut request = request.body(call.body.clone()).map_err(|error| invalid(error.to_string()))?;
        if let Some(credentials) = credentials {
            signature::sign(&mut request, credentials, &self.service, &self.region, self.context.now())
                .map_err(invalid)?;
        }
        reqwest::Request::try_from(request).map_err(|error| invalid(error.to_string()))
    }

    fn unreachable(&self, error: &reqwest::Error) -> Failure {
        let reached = !error.is_connect();
        Failure { error: self.transport_error(transport::reasons(error), error.is_timeout()), reached }
    }

    fn transport_error(&self, reason: String, timed_out: bool) -> Error {
        let (service, endpoint) = (self.service.clone(), self.endpoint().to_owned());
        Error::Transport { service, endpoint, reason, timed_out }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("service", &self.service)
            .field("region", &self.region)
            .field("endpoint", &self.endpoint())
            .finish_non_exhaustive()
    }
}

/// A client in the making.
#[derive(Debug)]
#[must_use]
pub struct Builder {
    service: String,
    region: String,
    endpoint: Option<String>,
    credentials: Option<Arc<dyn CredentialsProvider>>,
    anonymous: bool,
    context: Option<Context>,
    retry: Retry,
    connect_timeout: Duration,
    timeout: Duration,
    http: Option<reqwest::Client>,
}

impl Builder {
    /// Another endpoint than [`default_endpoint`]: a private link, or an emulator. It may be plain HTTP.
    pub fn endpoint(mut self, endpoint: impl Into<String>) -> Self {
        self.endpoint = Some(endpoint.into());
        self
    }

    /// Signs with these credentials.
    pub fn credentials(mut self, provider: Arc<dyn CredentialsProvider>) -> Self {
        self.credentials = Some(provider);
        self
    }

    /// Signs nothing.
    pub fn anonymous(mut self) -> Self {
        self.anonymous = true;
        self
    }

    /// Clock and randomness; without them the system's.
    pub fn context(mut self, context: Context) -> Self {
        self.context = Some(context);
        self
    }

    /// How often and how patiently to repeat.
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Limits for connecting (5 s unless set) and for one attempt as a whole (15 s unless set).
    pub fn timeouts(mut self, connect: Duration, attempt: Duration) -> Self {
        self.connect_timeout = connect;
        self.timeout = attempt;
        self
    }

    /// Shares these connections, with their limits, instead of having its own.
    pub fn connections(self, connections: &Connections) -> Self {
        self.transport(connections.0.clone())
    }

    pub(crate) fn transport(mut self, http: reqwest::Client) -> Self {
        self.http = Some(http);
        self
    }

    /// The finished client.
    ///
    /// # Errors
    /// [`Error::Setting`] if the endpoint is not an HTTP URL, credentials are missing, or TLS fails to set up.
    pub fn build(self) -> Result<Client> {
        if self.credentials.is_none() && !self.anonymous {
            let reason = "give credentials, or say anonymous".into();
            return Err(Error::Setting { parameter: "credentials", reason });
        }
        let endpoint = self.endpoint.unwrap_or_else(|| default_endpoint(&self.service, &self.region));
        let wrong = |reason: String| Error::Setting { parameter: "endpoint", reason };
        let endpoint = Url::parse(&endpoint).map_err(|error| wrong(format!("{endpoint:?}: {error}")))?;
        if !["http", "https"].contains(&endpoint.scheme()) || endpoint.host_str().is_none() {
            return Err(wrong(format!("{endpoint} is not an http or https URL")));
        }
        if endpoint.scheme() == "http" && !is_loopback(&endpoint) {
            tracing::warn!(%endpoint, "requests to this endpoint are signed but not encrypted");
        }
        let http = self.http.map_or_else(|| transport::client(self.connect_timeout, self.timeout), Ok)?;
        Ok(Client {
            service: self.service,
            region: self.region,
            endpoint,
            credentials: self.credentials,
            context: self.context.unwrap_or_else(Context::process),
            retry: self.retry,
            http,
        })
    }
}

/// One attempt's failure, and whether the service may have acted on it.
struct Failure {
    error: Error,
    reached: bool,
}

impl Failure {
    fn settled(error: Error) -> Self {
        Self { error, reached: true }
    }

    fn may_repeat(&self, call: &Call) -> bool {
        match &self.error {
            Error::Service(error) if error.is_throttling() => true,
            Error::Service(error) => call.idempotent && error.is_server_fault(),
            Error::Transport { .. } => call.idempotent || !self.reached,
            _ => false,
        }
    }
}

impl Error {
    fn is_expired_token(&self) -> bool {
        matches!(self, Self::Service(error) if error.is_expired_token())
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// A body that is cleared when the last reader drops it.
fn cleared(body: Vec<u8>) -> Bytes {
    Bytes::from_owner(Zeroizing::new(body))
}

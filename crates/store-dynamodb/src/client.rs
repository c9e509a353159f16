//! Requests: bounded in number and time, counted, and repeated where that is safe.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use parking_lot::Mutex;
use rand::{Rng, RngCore};
use tokio::sync::Semaphore;
use trustkeep_store::{Error, Result, Version};

use crate::failure::{Attempt, Call, Failure};
use crate::{Settings, metrics};

/// The SDK's client with our own bounds and retries; the SDK's are off, since it cannot know what may be
/// repeated.
pub(crate) struct Client {
    pub(crate) sdk: aws_sdk_dynamodb::Client,
    region: String,
    endpoint: Option<String>,
    permits: Semaphore,
    max_retries: u32,
    backoff: Duration,
    random: Mutex<Box<dyn RngCore + Send>>,
}

impl Client {
    pub(crate) fn new(settings: &Settings, random: Box<dyn RngCore + Send>) -> Self {
        let timeouts = TimeoutConfig::builder()
            .operation_attempt_timeout(settings.request_timeout)
            .connect_timeout(settings.request_timeout)
            .build();
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new(settings.region.clone()))
            .credentials_provider(settings.credentials.clone())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts);
        config.set_endpoint_url(settings.endpoint.clone());
        Client {
            sdk: aws_sdk_dynamodb::Client::from_conf(config.build()),
            region: settings.region.clone(),
            endpoint: settings.endpoint.clone(),
            permits: Semaphore::new(settings.max_parallel.max(1)),
            max_retries: settings.max_retries,
            backoff: settings.backoff,
            random: Mutex::new(random),
        }
    }

    /// One attempt, as its outcome.
    pub(crate) async fn attempt<T, E, R>(
        &self,
        action: &'static str,
        table: &str,
        request: impl Future<Output = std::result::Result<T, SdkError<E, R>>>,
    ) -> Attempt<T>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: fmt::Debug + 'static,
    {
        self.attempt_reading(action, table, request, |_| None).await
    }

    /// One attempt; `read` looks at the operation's own error first.
    pub(crate) async fn attempt_reading<T, E, R>(
        &self,
        action: &'static str,
        table: &str,
        request: impl Future<Output = std::result::Result<T, SdkError<E, R>>>,
        read: impl Fn(&E) -> Option<Failure>,
    ) -> Attempt<T>
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: fmt::Debug + 'static,
    {
        // The semaphore is never closed; if it were, going on without a permit would be harmless.
        let _permit = self.permits.acquire().await.ok();
        let answer = request.await.map_err(|error| {
            let call = Call { action, table, region: &self.region, endpoint: self.endpoint.as_deref() };
            let own = error.as_service_error().and_then(read);
            own.unwrap_or_else(|| Failure::of(call, &error))
        });
        metrics::request(action, answer.as_ref().map_or_else(Failure::outcome, |_| "ok"));
        answer
    }

    /// Repeats a request that changes nothing, or the same thing again.
    pub(crate) async fn repeat<T, F>(&self, mut request: impl FnMut() -> F) -> Result<T>
    where
        F: Future<Output = Attempt<T>>,
    {
        let mut backoff = self.backoff();
        loop {
            let (reason, message) = match request().await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Refused(error) | Failure::NoTable(error)) => return Err(error),
                Err(Failure::Again { reason, message }) => (reason, message),
                Err(Failure::Unknown(message)) => ("unknown", message),
                Err(Failure::Condition | Failure::Cancelled(_)) => {
                    ("collision", "it kept colliding with writers".to_owned())
                }
            };
            if !backoff.pause(reason, &message).await {
                return Err(Error::Unavailable(message));
            }
        }
    }

    /// A fresh run of pauses.
    pub(crate) fn backoff(&self) -> Backoff<'_> {
        Backoff { client: self, attempt: 0 }
    }

    /// A version that no row ever had: 63 random bits, never zero, which means "none".
    pub(crate) fn version(&self) -> Version {
        Version(self.random.lock().random_range(1..i64::MAX))
    }

    /// The token that makes a transaction idempotent: at most 36 characters.
    pub(crate) fn token(&self) -> String {
        format!("{:032x}", self.random.lock().random::<u128>())
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("region", &self.region).field("endpoint", &self.endpoint).finish()
    }
}

/// Pauses between attempts: exponential with full jitter, bounded in number.
pub(crate) struct Backoff<'a> {
    client: &'a Client,
    attempt: u32,
}

impl Backoff<'_> {
    /// Waits before the next attempt; false if there is none.
    pub(crate) async fn pause(&mut self, reason: &'static str, message: &str) -> bool {
        if self.attempt >= self.client.max_retries {
            return false;
        }
        metrics::retry(reason);
        tracing::debug!(reason, attempt = self.attempt + 1, message, "repeating a DynamoDB request");
        self.wait().await;
        true
    }

    /// Waits, longer each time, however often.
    pub(crate) async fn wait(&mut self) {
        let longest =
            self.client.backoff.saturating_mul(1 << self.attempt.min(16)).min(Settings::BACKOFF_MAX);
        self.attempt += 1;
        let share: f64 = self.client.random.lock().random();
        tokio::time::sleep(longest.mul_f64(share)).await;
    }
}

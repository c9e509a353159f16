//! Events to controllers: `POST {url}/topic/{topic}/`.

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;
use trustkeep_wallet::queue::Queued;

use super::courier::{Courier, Outcome};
use super::outbound::{client, words};
use crate::{Agent, EVENTS, Error};

/// The header with the event's id: the same at each try, so that a controller knows what it has had.
const ID_HEADER: &str = "idempotency-key";
const KEY_HEADER: &str = "x-api-key";

/// Brings events to all controllers.
#[derive(Debug)]
pub(super) struct Webhooks {
    agent: Agent,
    http: reqwest::Client,
}

/// A payload of the queue of events.
#[derive(Debug, Deserialize)]
struct Told<'a> {
    topic: String,
    #[serde(borrow)]
    payload: &'a RawValue,
    #[serde(default)]
    queued_at: i64,
}

impl Webhooks {
    pub(super) fn new(agent: Agent) -> Result<Self, Error> {
        Ok(Self { agent, http: client(reqwest::Client::builder())? })
    }

    fn request(&self, queued: &Queued, way: usize) -> Result<reqwest::RequestBuilder, String> {
        let hook = self.agent.settings().transport.webhooks.get(way);
        let hook = hook.ok_or_else(|| "there is no such webhook".to_owned())?;
        let told: Told<'_> = serde_json::from_str(&queued.payload).map_err(|error| error.to_string())?;
        let body = Bytes::copy_from_slice(told.payload.get().as_bytes());
        let request = self
            .http
            .post(format!("{}/topic/{}/", hook.url, told.topic))
            .header(CONTENT_TYPE, "application/json")
            .header(ID_HEADER, &queued.id)
            .body(body);
        Ok(match &hook.api_key {
            Some(key) => {
                let mut key = HeaderValue::from_str(key.expose()).map_err(|error| error.to_string())?;
                key.set_sensitive(true);
                request.header(KEY_HEADER, key)
            }
            None => request,
        })
    }
}

impl Courier for Webhooks {
    fn queue(&self) -> &'static str {
        EVENTS
    }

    fn ways(&self) -> usize {
        self.agent.settings().transport.webhooks.len()
    }

    fn deliver(&self, queued: &Queued, way: usize) -> BoxFuture<'static, Outcome> {
        let request = match self.request(queued, way) {
            Ok(request) => request,
            Err(reason) => return futures::future::ready(Outcome::Failed(reason)).boxed(),
        };
        async move {
            match request.send().await {
                Ok(mut response) if response.status().is_success() => {
                    metrics::counter!("agent_events_sent_total").increment(1);
                    // What is short is read, so that the connection can be used again.
                    if response.content_length() != Some(0) {
                        let _ = response.chunk().await;
                    }
                    Outcome::Delivered
                }
                Ok(response) => {
                    Outcome::Failed(format!("Unexpected response status {}", response.status().as_u16()))
                }
                Err(error) => Outcome::Failed(words(&error)),
            }
        }
        .boxed()
    }

    fn session_key(&self, _queued: &Queued) -> Option<(String, bool)> {
        None
    }

    fn queued_at(&self, queued: &Queued) -> Option<i64> {
        serde_json::from_str::<Told<'_>>(&queued.payload).ok().map(|told| told.queued_at)
    }

    fn set_aside(&self, _key: &str) {}

    fn give_up(&self, queued: &Queued, reason: &str) -> BoxFuture<'static, ()> {
        metrics::counter!("agent_events_given_up_total").increment(1);
        tracing::warn!(event = queued.id, reason, "an event could not be told in time and is given up");
        futures::future::ready(()).boxed()
    }
}

//! Where we are reached: at our own endpoints, or through a mediator.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;
use trustkeep_didcomm::{Message, Verkey};

use crate::protocols::mediation::{self, Mediation, MediationState, RoutedKey};
use crate::{Agent, Connection, Error, Outgoing, Result, Stored, Work};

/// Under which name a connection notes its mediator.
const METADATA: &str = "mediation";
/// How long a mediator has to say that it knows a key. What goes to others leaves then all the same: it may know the key and
/// not say so.
const KNOWN_TIME_MAX: Duration = Duration::from_secs(5);
/// How often the wallet is looked at though nobody told of anything.
const POLL: Duration = Duration::from_secs(1);

/// Where others send messages for us, and what they wrap them for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Route {
    pub(crate) endpoints: Vec<String>,
    pub(crate) routing_keys: Vec<Verkey>,
    mediation: Option<Mediation>,
}

/// A key of ours that a mediator was told of. Until it knows the key, whatever is sent to it there is lost (RFC 0211).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announced {
    /// The key, base58.
    pub key: String,
    /// The connection with the mediator.
    pub mediator: String,
}

/// What the controller says of it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// An endpoint in place of the configured ones.
    pub(crate) endpoint: Option<&'a str>,
    /// The mediator to go through.
    pub(crate) mediation_id: Option<&'a str>,
    /// Whether the default mediator is taken if none is named.
    pub(crate) or_default: bool,
}

impl Route {
    /// The route of a connection: through the mediator that it noted, else through the one that is wanted, else direct.
    /// The connection notes it.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a mediator that is not known, [`Error::BadRequest`] for one that has not granted it.
    pub(crate) async fn of(work: &mut Work, connection: &Connection, wanted: Wanted<'_>) -> Result<Self> {
        let noted = connection.metadata(work, METADATA).await?;
        let noted = noted.as_ref().and_then(|noted| noted.get("id")).and_then(Value::as_str);
        let was_noted = noted.is_some();
        let route =
            Self::find(work, Wanted { mediation_id: noted.or(wanted.mediation_id), ..wanted }).await?;
        if !was_noted && let Some(mediation) = &route.mediation {
            connection.set_metadata(work, METADATA, &json!({"id": mediation.id})).await?;
        }
        Ok(route)
    }

    /// The route of something that is no connection.
    ///
    /// # Errors
    /// As [`Self::of`].
    pub(crate) async fn find(work: &mut Work, wanted: Wanted<'_>) -> Result<Self> {
        let mediation = match wanted.mediation_id {
            Some(id) => Some(Mediation::get(work, id).await?),
            None if wanted.or_default => mediation::default_mediator(work).await?,
            None => None,
        };
        let configured = &work.settings().endpoints;
        let Some(mediation) = mediation else {
            let endpoints = wanted.endpoint.map_or_else(|| configured.clone(), |own| vec![own.to_owned()]);
            return Ok(Self { endpoints, ..Self::default() });
        };
        if mediation.state != MediationState::Granted {
            let id = &mediation.id;
            return Err(Error::BadRequest(format!(
                "Mediation is not granted for mediation identified by {id}"
            )));
        }
        Ok(Self {
            endpoints: mediation.endpoint.iter().cloned().collect(),
            routing_keys: mediation.routing()?,
            mediation: Some(mediation),
        })
    }

    pub(crate) fn endpoints(&self) -> Vec<&str> {
        self.endpoints.iter().map(String::as_str).collect()
    }

    /// Notes in a connection that it goes this way.
    ///
    /// # Errors
    /// Those of the wallet.
    pub(crate) async fn note(&self, work: &mut Work, connection: &Connection) -> Result<()> {
        match &self.mediation {
            Some(mediation) => connection.set_metadata(work, METADATA, &json!({"id": mediation.id})).await,
            None => Ok(()),
        }
    }

    /// Tells the mediator, if there is one, which key messages for us come to, and which they no longer come to. Gives the
    /// message, if there was something to tell.
    ///
    /// # Errors
    /// The mediator cannot be reached.
    pub(crate) async fn announce(
        &self,
        work: &mut Work,
        add: &Verkey,
        remove: Option<&Verkey>,
    ) -> Result<Option<Message>> {
        match &self.mediation {
            Some(mediation) => mediation::announce(work, mediation, add, remove).await,
            None => Ok(None),
        }
    }
}

impl Announced {
    /// Whether a message is to wait for it: all but those to the mediator.
    pub(crate) fn concerns(&self, outgoing: &Outgoing) -> bool {
        outgoing.connection_id.as_ref() != Some(&self.mediator)
    }

    /// Waits until the mediator has said that it knows the key, but not for ever.
    pub(crate) async fn wait(&self, agent: &Agent) {
        let known = async {
            loop {
                let changed = agent.wakes().routed();
                match self.is_known(agent).await {
                    Ok(true) => return,
                    Ok(false) => {}
                    Err(error) => tracing::debug!(%error, "what a mediator knows cannot be read"),
                }
                // Others tell of what they noted; who was not told looks by himself.
                let _ = timeout(POLL, changed).await;
            }
        };
        if timeout(KNOWN_TIME_MAX, known).await.is_err() {
            let Self { key, mediator } = self;
            tracing::info!(key, connection = mediator, "the mediator has not said that it knows a key");
        }
    }

    async fn is_known(&self, agent: &Agent) -> Result<bool> {
        let key: Verkey = self.key.parse()?;
        let routes = RoutedKey::of_key(&mut Work::new(agent), &key).await?;
        Ok(routes.iter().any(|route| route.connection_id.as_ref() == Some(&self.mediator)))
    }
}

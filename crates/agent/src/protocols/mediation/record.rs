//! What is kept of mediation: the agreements, and the keys that are routed by them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use trustkeep_didcomm::{DidKey, PublicKey, Verkey};
use trustkeep_wallet::{Filter, Query};

use crate::{Result, Stored, Work};

/// An agreement on mediation with another agent: ACA-Py's `MediationRecord`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mediation {
    /// Its name: that of the connection, or another UUID if ACA-Py made it.
    #[serde(skip)]
    pub id: String,
    /// How far it has come.
    pub state: MediationState,
    /// What we are in it.
    pub role: MediationRole,
    /// The connection with the other agent.
    pub connection_id: String,
    /// The mediator's terms; no longer part of the protocol.
    #[serde(default)]
    pub mediator_terms: Vec<String>,
    /// The client's terms; no longer part of the protocol.
    #[serde(default)]
    pub recipient_terms: Vec<String>,
    /// The keys to wrap for, as the mediator wrote them: base58 or `did:key`.
    #[serde(default)]
    pub routing_keys: Vec<String>,
    /// Where the mediator takes messages for us.
    #[serde(default)]
    pub endpoint: Option<String>,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When it was changed last.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// What other versions put there.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// How far an agreement has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediationState {
    /// It was asked for.
    Request,
    /// It stands.
    Granted,
    /// It was refused.
    Denied,
}

/// What we are in an agreement, or for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MediationRole {
    /// The other agent takes messages for us.
    Client,
    /// We take messages for the other agent.
    Server,
}

impl Mediation {
    /// A new one in this unit, not yet saved. A connection has one agreement at most, so it is named by the connection: of
    /// two that instances make at the same time only one is kept.
    pub fn new(work: &Work, role: MediationRole, connection_id: &str) -> Self {
        Self {
            id: connection_id.to_owned(),
            state: MediationState::Request,
            role,
            connection_id: connection_id.to_owned(),
            mediator_terms: Vec::new(),
            recipient_terms: Vec::new(),
            routing_keys: Vec::new(),
            endpoint: None,
            created_at: Some(work.timestamp()),
            updated_at: None,
            more: Map::new(),
        }
    }

    /// That of a connection, if there is one.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn of_connection(work: &mut Work, connection_id: &str) -> Result<Option<Self>> {
        // It is named so, unless ACA-Py made it.
        if let Some(record) = work.get(Self::CATEGORY, connection_id).await? {
            return Self::read(&record).map(Some);
        }
        Self::by_tag(work, "connection_id", connection_id).await
    }

    /// The keys to wrap for.
    ///
    /// # Errors
    /// One of them is none.
    pub(crate) fn routing(&self) -> Result<Vec<Verkey>> {
        Ok(self
            .routing_keys
            .iter()
            .map(|key| Verkey::from_any_form(key))
            .collect::<std::result::Result<_, _>>()?)
    }

    /// A key as both write keys in this agreement, which its routing keys show: agents of the generation of ACA-Py 0.7 read
    /// nothing but base58.
    pub(crate) fn written(&self, key: &Verkey) -> String {
        let by_did = self.routing_keys.iter().any(|key| key.starts_with(DidKey::PREFIX));
        if by_did { key.did_key() } else { key.to_string() }
    }
}

impl Stored for Mediation {
    const CATEGORY: &'static str = "mediation_requests";
    const TOPIC: Option<&'static str> = Some("mediation");
    const ID: &'static str = "mediation_id";
    const TAGS: &'static [&'static str] = &["state", "role", "connection_id"];

    fn id(&self) -> &str {
        &self.id
    }

    fn set_id(&mut self, id: &str) {
        id.clone_into(&mut self.id);
    }

    fn set_time(&mut self, now: String) {
        self.updated_at = Some(now);
    }

    fn lane(&self) -> &str {
        &self.connection_id
    }
}

/// A key that is routed by an agreement: ACA-Py's `RouteRecord`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoutedKey {
    /// Its name: the key, or a UUID if ACA-Py made it.
    #[serde(skip)]
    pub id: String,
    /// What we are for it.
    pub role: MediationRole,
    /// The connection with the mediator or the client.
    pub connection_id: Option<String>,
    /// The wallet of a tenant, instead of a connection.
    #[serde(default)]
    pub wallet_id: Option<String>,
    /// The key, base58.
    pub recipient_key: String,
    /// When it was made.
    #[serde(default)]
    pub created_at: Option<String>,
    /// When it was changed last.
    #[serde(default)]
    pub updated_at: Option<String>,
    /// What other versions put there.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

impl RoutedKey {
    /// A new one in this unit, not yet saved. It is named by the key, so that a key leads to one connection, whatever
    /// instances do at the same time.
    pub fn new(work: &Work, role: MediationRole, connection_id: &str, key: &Verkey) -> Self {
        Self {
            id: key.to_string(),
            role,
            connection_id: Some(connection_id.to_owned()),
            wallet_id: None,
            recipient_key: key.to_string(),
            created_at: Some(work.timestamp()),
            updated_at: None,
            more: Map::new(),
        }
    }

    /// What is known of a key, in whichever form it was noted: ACA-Py notes keys as the other agent wrote them.
    ///
    /// # Errors
    /// Those of the wallet.
    pub async fn of_key(work: &mut Work, key: &Verkey) -> Result<Vec<Self>> {
        let forms = [key.to_string(), key.did_key(), DidKey::new(PublicKey::Ed25519(*key)).reference()];
        let forms = forms.map(|form| Filter::is("recipient_key", form));
        let query = Query { filter: Some(Filter::Any(forms.into())), ..Query::all(Self::CATEGORY) };
        Self::find(work, &query).await
    }

    /// Those of a connection.
    pub(crate) fn of_connection(role: MediationRole, connection_id: &str) -> Query {
        let role = if role == MediationRole::Server { "server" } else { "client" };
        let filters = vec![Filter::is("connection_id", connection_id), Filter::is("role", role)];
        Query { filter: Some(Filter::All(filters)), ..Query::all(Self::CATEGORY) }
    }
}

impl Stored for RoutedKey {
    const CATEGORY: &'static str = "forward_route";
    const TOPIC: Option<&'static str> = None;
    const ID: &'static str = "record_id";
    const TAGS: &'static [&'static str] = &["connection_id", "role", "recipient_key", "wallet_id"];

    fn id(&self) -> &str {
        &self.id
    }

    fn set_id(&mut self, id: &str) {
        id.clone_into(&mut self.id);
    }

    fn set_time(&mut self, now: String) {
        self.updated_at = Some(now);
    }
}

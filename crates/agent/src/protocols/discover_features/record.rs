//! What others have told of what they can do.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Stored, Work};

/// A question by version 1.0 and its answer: ACA-Py's `V10DiscoveryExchangeRecord`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Discovery {
    /// Its name: a UUID, and the thread of the question.
    #[serde(skip)]
    pub id: String,
    /// `query-sent` or `disclose-received`.
    #[serde(default)]
    pub state: String,
    /// Who was asked.
    #[serde(default)]
    pub connection_id: Option<String>,
    /// The thread of the question.
    #[serde(default)]
    pub thread_id: Option<String>,
    /// The question.
    #[serde(default)]
    pub query_msg: Option<Value>,
    /// The answer.
    #[serde(default)]
    pub disclose: Option<Value>,
    /// ACA-Py's tracing; not done here.
    #[serde(default)]
    pub trace: bool,
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

/// A question by version 2.0 and its answer: ACA-Py's `V20DiscoveryExchangeRecord`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DiscoveryTwo {
    /// Its name: a UUID, and the thread of the question.
    #[serde(skip)]
    pub id: String,
    /// Who was asked.
    #[serde(default)]
    pub connection_id: Option<String>,
    /// The thread of the question.
    #[serde(default)]
    pub thread_id: Option<String>,
    /// The question.
    #[serde(default)]
    pub queries_msg: Option<Value>,
    /// The answer.
    #[serde(default)]
    pub disclosures: Option<Value>,
    /// ACA-Py's tracing; not done here.
    #[serde(default)]
    pub trace: bool,
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

impl Discovery {
    /// A new one in this unit, not yet saved.
    pub(super) fn new(work: &Work) -> Self {
        Self {
            id: work.new_id(),
            state: String::new(),
            connection_id: None,
            thread_id: None,
            query_msg: None,
            disclose: None,
            trace: false,
            created_at: Some(work.timestamp()),
            updated_at: None,
            more: Map::new(),
        }
    }
}

impl DiscoveryTwo {
    /// A new one in this unit, not yet saved.
    pub(super) fn new(work: &Work) -> Self {
        Self {
            id: work.new_id(),
            connection_id: None,
            thread_id: None,
            queries_msg: None,
            disclosures: None,
            trace: false,
            created_at: Some(work.timestamp()),
            updated_at: None,
            more: Map::new(),
        }
    }
}

impl Stored for Discovery {
    const CATEGORY: &'static str = "discovery_exchange_v10";
    const TOPIC: Option<&'static str> = Some("discover_feature");
    const ID: &'static str = "discovery_exchange_id";
    const TAGS: &'static [&'static str] = &["thread_id", "connection_id"];

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

impl Stored for DiscoveryTwo {
    const CATEGORY: &'static str = "discovery_exchange_v20";
    const TOPIC: Option<&'static str> = Some("discover_feature_v2_0");
    const ID: &'static str = "discovery_exchange_id";
    const TAGS: &'static [&'static str] = &["thread_id", "connection_id"];

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

//! What a request is answered with, free of HTTP.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// A successful answer. `None` in its place means 204.
#[derive(Clone, Debug, Default)]
pub struct Response {
    /// The envelope's `data`.
    pub data: Option<Data>,
    /// A new or renewed token.
    pub auth: Option<Auth>,
    /// Seconds that `lease_duration` reports; KV v1 does so without a lease.
    pub lease_duration: i64,
    /// The envelope's `lease_id`; empty without a lease.
    pub lease_id: String,
    /// The envelope's `renewable`.
    pub renewable: bool,
    /// Sentences for the operator.
    pub warnings: Vec<String>,
    /// Another HTTP status than 200; KV v2 answers 404 with data for deleted versions.
    pub status: Option<u16>,
    /// A body that is not an envelope, for example the health document.
    pub raw: Option<Raw>,
}

/// The envelope's `data`: built here, or JSON text that an engine kept.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum Data {
    /// Named values in their order.
    Map(Map<String, Value>),
    /// JSON text, written out as it is.
    Text(Box<RawValue>),
}

/// A body without envelope.
#[derive(Clone, Debug)]
pub struct Raw {
    /// HTTP status.
    pub status: u16,
    /// Media type.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// The envelope's `auth`, in Vault's order of keys.
#[derive(Clone, Debug, Serialize)]
pub struct Auth {
    /// The token itself.
    pub client_token: String,
    /// Its accessor; empty for batch tokens.
    pub accessor: String,
    /// All its policies.
    pub policies: Vec<String>,
    /// Those of the token itself.
    pub token_policies: Vec<String>,
    /// What the auth method tells of the login.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Seconds it lives; 0 for ever.
    pub lease_duration: i64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// The entity behind it; empty without one.
    pub entity_id: String,
    /// `service` or `batch`.
    pub token_type: String,
    /// Whether it has no parent.
    pub orphan: bool,
    /// Always null: there is no multi-factor requirement.
    pub mfa_requirement: Option<()>,
    /// Uses left; 0 for any number.
    pub num_uses: i64,
}

impl Response {
    /// An answer with data.
    pub fn data(map: Map<String, Value>) -> Self {
        Response { data: Some(Data::Map(map)), ..Default::default() }
    }

    /// An answer with the fields of a JSON object; anything else becomes no data.
    pub fn object(value: Value) -> Self {
        match value {
            Value::Object(map) => Response::data(map),
            _ => Response::default(),
        }
    }

    /// An answer with JSON text as data.
    pub fn text(json: Box<RawValue>) -> Self {
        Response { data: Some(Data::Text(json)), ..Default::default() }
    }

    /// An answer to a list. No keys become 404.
    pub fn list(keys: Vec<String>) -> crate::Result<Option<Self>> {
        if keys.is_empty() {
            return Err(crate::Error::NotFound);
        }
        Ok(Some(Response::object(serde_json::json!({ "keys": keys }))))
    }

    /// An answer that is a JSON document without envelope.
    pub fn document(status: u16, document: &Value) -> Self {
        let raw = Raw { status, content_type: "application/json", body: document.to_string().into_bytes() };
        Response { raw: Some(raw), ..Default::default() }
    }

    /// The same with one more warning.
    pub fn warn(mut self, warning: impl Into<String>) -> Self {
        self.warnings.push(warning.into());
        self
    }
}

//! What a request is answered with, free of HTTP.

mod envelope;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::auth::Login;

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
    /// What an auth method says of who logged in: the core makes the token and fills in `auth`.
    pub login: Option<Box<Login>>,
    /// What the answer's secret is leased for: the core registers the lease and fills in the fields above.
    pub secret: Option<Box<SecretLease>>,
    /// Where the answer itself is kept, if it was to be wrapped.
    pub wrap_info: Option<Box<WrapInfo>>,
    /// Sentences for the operator.
    pub warnings: Vec<String>,
    /// Another HTTP status than 200; KV v2 answers 404 with data for deleted versions.
    pub status: Option<u16>,
    /// A body that is not an envelope, for example the health document.
    pub raw: Option<Raw>,
}

/// What an engine asks of the lease on its secret.
#[derive(Clone, Debug, Default)]
pub struct SecretLease {
    /// Seconds; 0 takes the mount's.
    pub ttl: i64,
    /// Seconds that no renewal may pass, counted from the lease's issue; 0 takes the mount's.
    pub max_ttl: i64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// What the engine needs to renew or revoke it. Stored behind the barrier.
    pub internal: Map<String, Value>,
}

/// The envelope's `wrap_info`, in Vault's order of keys.
#[derive(Clone, Debug, Serialize)]
pub struct WrapInfo {
    /// The token that unwraps it, once.
    pub token: String,
    /// That token's accessor.
    pub accessor: String,
    /// Seconds it lives.
    pub ttl: i64,
    /// RFC 3339 with nanoseconds.
    pub creation_time: String,
    /// The path whose answer is wrapped: what clients check against.
    pub creation_path: String,
    /// The accessor of the token within, where the answer holds one.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub wrapped_accessor: String,
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
    /// Those of the entity behind it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identity_policies: Vec<String>,
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

//! Leases on secrets: what was given to whom and until when.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A lease as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LeaseEntry {
    /// The path that gave it, a slash, and 24 characters.
    pub id: String,
    /// The full path of the request that gave it.
    pub path: String,
    /// The hash of the token it was given to: it ends with that.
    pub token: String,
    /// Unix seconds of its issue.
    pub issue_time: i64,
    /// Unix seconds at which it ends.
    pub expire_time: i64,
    /// Unix seconds of its last renewal; 0 without one.
    pub last_renewal: i64,
    /// Seconds that no renewal may pass, counted from its issue; 0 takes the mount's.
    pub max_ttl: i64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// What the engine needs to renew or revoke it.
    pub internal: Map<String, Value>,
}

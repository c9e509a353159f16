//! Leases on secrets: what was given to whom and until when.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A lease as it is stored.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LeaseEntry {
    /// The path that gave it, a slash, and 24 characters.
    pub id: String,
    /// The full path of the request that gave it.
    pub path: String,
    /// The hash of the token it was given to: it ends with that. For a batch token, which is not stored, that of its
    /// parent. Empty for requests without a token.
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
    /// Unix seconds that no renewal may pass: the end of the batch token it was given to; 0 without.
    #[serde(default)]
    pub token_end: i64,
    /// Unix seconds at which its revocation is due: its end, or the next try after a failure.
    #[serde(default)]
    pub due: i64,
    /// How many tries to revoke it failed.
    #[serde(default)]
    pub failures: u32,
    /// Why it could not be revoked: set when all tries failed. It is tried once a day from then on.
    #[serde(default)]
    pub irrevocable: String,
}

impl LeaseEntry {
    /// Names it in the indexes: the end of its id, which no other lease has.
    pub fn key(&self) -> &str {
        self.id.rsplit_once('/').map_or(self.id.as_str(), |(_, key)| key)
    }

    /// Why it cannot be renewed at `now` (unix seconds); `None` if it can.
    pub fn why_not_renewable(&self, now: i64) -> Option<&'static str> {
        if !self.irrevocable.is_empty() {
            Some("lease is expired and has failed previous revocation attempts")
        } else if now >= self.expire_time {
            Some("lease expired")
        } else if !self.renewable {
            Some("lease is not renewable")
        } else {
            None
        }
    }

    /// The same lease after a failed try to revoke it at `now`.
    pub fn failed(mut self, error: String, now: i64) -> Self {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= TRIES {
            self.irrevocable = error;
            self.due = now + TRY_AGAIN_SECONDS;
        } else {
            self.due = now + (BACKOFF_SECONDS << (self.failures - 1));
        }
        self
    }
}

/// `hashicorp/vault: vault/expiration.go`, `maxRevokeAttempts` and `revokeRetryBase`.
const TRIES: u32 = 6;
const BACKOFF_SECONDS: i64 = 10;
const TRY_AGAIN_SECONDS: i64 = 24 * 3600;

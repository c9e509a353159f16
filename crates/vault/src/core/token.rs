//! Tokens: who may ask, for how long, under which policies (`hashicorp/vault: vault/token_store.go`).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::response::Auth;

/// A token as it is stored. The token itself is not in it, only what hashes to it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenEntry {
    /// The hash of the token: its name in storage.
    pub hash: String,
    /// Its accessor.
    pub accessor: String,
    /// The hash of the parent token; empty for orphans.
    pub parent: String,
    /// Its policies, sorted.
    pub policies: Vec<String>,
    /// The path that made it, for example `auth/token/create`.
    pub path: String,
    /// What the creator said of it.
    pub meta: Option<BTreeMap<String, String>>,
    /// A name for logs.
    pub display_name: String,
    /// Uses left; 0 for any number, -1 for none: it is about to go.
    pub num_uses: i64,
    /// Unix seconds of its making.
    pub creation_time: i64,
    /// Seconds it was made to live; 0 for ever.
    pub creation_ttl: i64,
    /// Unix seconds at which it ends; 0 for never.
    pub expire_time: i64,
    /// Seconds that no renewal may pass, counted from its making; 0 without.
    pub explicit_max_ttl: i64,
    /// Seconds that each renewal sets; 0 for tokens that are not periodic.
    pub period: i64,
    /// Whether it can be renewed.
    pub renewable: bool,
    /// Unix seconds of the last renewal; 0 without one.
    pub last_renewal: i64,
    /// The role it was made by; empty without one.
    pub role: String,
    /// Networks (CIDR) that it may be used from; empty for any.
    #[serde(default)]
    pub bound_cidrs: Vec<String>,
    /// The entity behind it; empty without one.
    pub entity_id: String,
    /// Whether it is a batch token: it carries itself, is stored nowhere and so has neither hash nor accessor.
    #[serde(default)]
    pub batch: bool,
    /// What the auth method that made it needs at its renewal. Empty for tokens made by tokens.
    #[serde(default)]
    pub internal: serde_json::Map<String, serde_json::Value>,
}

impl TokenEntry {
    /// A root token made at `now` (unix seconds): it never ends.
    pub fn root(now: i64) -> Self {
        TokenEntry {
            hash: String::new(),
            accessor: String::new(),
            parent: String::new(),
            policies: vec!["root".into()],
            path: "auth/token/root".into(),
            meta: None,
            display_name: "root".into(),
            num_uses: 0,
            creation_time: now,
            creation_ttl: 0,
            expire_time: 0,
            explicit_max_ttl: 0,
            period: 0,
            renewable: false,
            last_renewal: 0,
            role: String::new(),
            bound_cidrs: Vec::new(),
            entity_id: String::new(),
            batch: false,
            internal: serde_json::Map::new(),
        }
    }

    /// Whether it carries the root policy.
    pub fn is_root(&self) -> bool {
        self.policies.iter().any(|policy| policy == "root")
    }

    /// Whether it stands for a wrapped response and for nothing else.
    pub fn is_wrapping(&self) -> bool {
        matches!(self.policies.as_slice(), [only] if only == crate::policy::RESPONSE_WRAPPING)
    }

    /// `service` or `batch`.
    pub fn kind(&self) -> &'static str {
        if self.batch { "batch" } else { "service" }
    }

    /// The envelope's `auth` for this token; `id` is the token itself, empty where it is not to be told.
    pub fn to_auth(&self, id: String, now: i64) -> Auth {
        Auth {
            client_token: id,
            accessor: self.accessor.clone(),
            policies: self.policies.clone(),
            token_policies: self.policies.clone(),
            identity_policies: Vec::new(),
            metadata: self.meta.clone(),
            lease_duration: self.remaining(now),
            renewable: self.renewable,
            entity_id: self.entity_id.clone(),
            token_type: self.kind().into(),
            orphan: self.parent.is_empty(),
            mfa_requirement: None,
            num_uses: self.num_uses.max(0),
        }
    }

    /// Seconds it still lives; 0 for tokens that never end.
    pub fn remaining(&self, now: i64) -> i64 {
        if self.expire_time == 0 { 0 } else { (self.expire_time - now).max(0) }
    }

    /// Whether it ended at `now` (unix seconds).
    pub fn is_expired(&self, now: i64) -> bool {
        self.expire_time != 0 && now >= self.expire_time
    }
}

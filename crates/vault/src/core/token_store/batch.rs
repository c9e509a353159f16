//! Batch tokens: `hvb.` and the token's entry, encrypted. Nothing is stored, so there is nothing to revoke: they end
//! with their time or with their parent (`hashicorp/vault: vault/token_store.go`, `TokenTypeBatch`).

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use super::TokenStore;
use crate::core::keyring::Keyring;
use crate::core::{TokenEntry, barrier};
use crate::{Error, Result};

/// What a batch token carries, under names of one letter: each request carries it.
#[derive(Serialize, Deserialize)]
struct Carried {
    #[serde(rename = "p")]
    policies: Vec<String>,
    #[serde(rename = "a")]
    path: String,
    #[serde(rename = "m", default, skip_serializing_if = "Option::is_none")]
    meta: Option<BTreeMap<String, String>>,
    #[serde(rename = "d")]
    display_name: String,
    #[serde(rename = "c")]
    creation_time: i64,
    #[serde(rename = "t")]
    ttl: i64,
    #[serde(rename = "r", default, skip_serializing_if = "String::is_empty")]
    role: String,
    #[serde(rename = "b", default, skip_serializing_if = "Vec::is_empty")]
    bound_cidrs: Vec<String>,
    #[serde(rename = "e", default, skip_serializing_if = "String::is_empty")]
    entity_id: String,
    #[serde(rename = "o", default, skip_serializing_if = "String::is_empty")]
    parent: String,
}

impl TokenStore {
    /// The token that carries `entry`. Its time must be limited.
    pub(super) fn seal_batch(&self, entry: TokenEntry) -> Result<(String, Arc<TokenEntry>)> {
        if entry.creation_ttl <= 0 {
            return Err(Error::internal("a batch token without end"));
        }
        let carried = Carried {
            policies: entry.policies,
            path: entry.path,
            meta: entry.meta,
            display_name: entry.display_name,
            creation_time: entry.creation_time,
            ttl: entry.creation_ttl,
            role: entry.role,
            bound_cidrs: entry.bound_cidrs,
            entity_id: entry.entity_id,
            parent: entry.parent,
        };
        let json = serde_json::to_vec(&carried).map_err(Error::internal)?;
        let id = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(self.barrier.encrypt(CONTEXT, &json)?));
        if id.len() > ID_BYTES_MAX {
            return Err(Error::invalid(format!(
                "a batch token carries its policies and metadata: it would have {} bytes, at most {ID_BYTES_MAX} are \
                 allowed",
                id.len()
            )));
        }
        Ok((id, Arc::new(carried.into_entry())))
    }

    /// The entry that a batch token (without its prefix) carries; `None` where it is none, has ended, or its parent has.
    pub(super) async fn open_batch(&self, sealed: &str, now: i64) -> Result<Option<Arc<TokenEntry>>> {
        if sealed.len() > ID_BYTES_MAX {
            return Ok(None);
        }
        let keyring = self.barrier.keyring()?;
        let Some(entry) = entry_in(&keyring, sealed).filter(|entry| !entry.is_expired(now)) else {
            return Ok(None);
        };
        if !entry.parent.is_empty() && self.find_hash(&entry.parent, now).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(Arc::new(entry)))
    }
}

/// The entry that a batch token (without its prefix) carries, if this vault made it.
pub(crate) fn entry_in(keyring: &Keyring, sealed: &str) -> Option<TokenEntry> {
    let sealed = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let json = barrier::open(keyring, CONTEXT, &sealed).ok()?;
    serde_json::from_slice(json.expose()).ok().map(Carried::into_entry)
}

impl Carried {
    fn into_entry(self) -> TokenEntry {
        TokenEntry {
            policies: self.policies,
            path: self.path,
            meta: self.meta,
            display_name: self.display_name,
            creation_ttl: self.ttl,
            expire_time: self.creation_time + self.ttl,
            role: self.role,
            bound_cidrs: self.bound_cidrs,
            entity_id: self.entity_id,
            parent: self.parent,
            batch: true,
            ..TokenEntry::root(self.creation_time)
        }
    }
}

pub(super) const PREFIX: &str = "hvb.";
const CONTEXT: &str = "sys/token/batch";
const ID_BYTES_MAX: usize = 8192;

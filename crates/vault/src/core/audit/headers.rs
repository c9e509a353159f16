//! Which request headers entries show (`hashicorp/vault: vault/audited_headers.go`).

use std::collections::BTreeMap;

use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::hash::Salt;

/// Header names in lower case, and how their values are shown.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AuditedHeaders(pub BTreeMap<String, AuditedHeader>);

/// How a header is shown.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct AuditedHeader {
    /// Whether its values are hashed.
    pub hmac: bool,
}

impl AuditedHeaders {
    /// A request's values of these headers, as a device with this salt shows them.
    pub(super) fn of(&self, headers: &HeaderMap, salt: &Salt) -> BTreeMap<String, Vec<String>> {
        let mut shown = BTreeMap::new();
        for (name, how) in &self.0 {
            let texts = headers.get_all(name.as_str()).iter();
            let texts = texts.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            let values: Vec<_> = texts.map(|text| if how.hmac { salt.hash(&text) } else { text }).collect();
            if !values.is_empty() {
                shown.insert(name.clone(), values);
            }
        }
        shown
    }
}

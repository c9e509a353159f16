//! Fields that had another name before every method had the `token_…` ones (`hashicorp/vault: sdk/helper/tokenutil`).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::request::Request;

/// Older names in use: what was written under one is shown under both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct LegacyNames(BTreeSet<String>);

impl LegacyNames {
    /// The request with its older names (`pairs` are older, newer) taken for the newer ones, which win.
    pub(crate) fn rename(&mut self, request: &Request, pairs: &[(&str, &str)]) -> Request {
        let mut request = request.clone();
        for (old, new) in pairs {
            let old_value = request.data.get(*old).filter(|value| !value.is_null()).cloned();
            let new_given = request.data.get(*new).is_some_and(|value| !value.is_null());
            match (old_value, new_given) {
                (Some(_), true) => {
                    self.0.insert((*old).to_owned());
                }
                (Some(value), false) => {
                    self.0.insert((*old).to_owned());
                    request.data.insert((*new).to_owned(), value);
                }
                (None, true) => {
                    self.0.remove(*old);
                }
                (None, false) => {}
            }
        }
        request
    }

    /// Adds the older names in use to an answer that holds the newer ones.
    pub(crate) fn describe(&self, data: &mut Map<String, Value>, pairs: &[(&str, &str)]) {
        for (old, new) in pairs {
            if self.0.contains(*old)
                && let Some(value) = data.get(*new).cloned()
            {
                data.insert((*old).to_owned(), value);
            }
        }
    }

    /// Forgets an older name.
    pub(crate) fn forget(&mut self, old: &str) {
        self.0.remove(old);
    }
}

//! What a client gets when it lists its contracts: one JSON object, by contract id.

use std::ops::Bound;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value as Json, json};
use trustkeep_scalar_rpc::Result;
use trustkeep_store::{Range, Record, Value};

use super::Registered;
use crate::errors;

/// The contracts of one key.
#[derive(Default)]
pub(super) struct Listing(Map<String, Json>);

impl Listing {
    /// Adds a row of the table `contract`.
    pub(super) fn add(&mut self, record: &Record) -> Result<()> {
        let place = record.key.clustering.as_ref().and_then(Value::as_text);
        let entity_id = record.key.partition.as_text();
        let (entity_id, version, id) = place
            .zip(entity_id)
            .and_then(|(place, entity_id)| {
                let (version, id) = place.split_once('/')?;
                Some((entity_id, version.parse::<u32>().ok()?, id))
            })
            .ok_or_else(|| errors::unexpected_record("a contract whose key is none"))?;
        let registered = Registered::of(record)?;
        let entry = json!({
            "contract_name": registered.binary_name,
            "entity_id": entity_id,
            "cert_version": version,
            "contract_properties": registered.properties.unwrap_or_default(),
            "registered_at": registered.registered_at,
            "signature": STANDARD.encode(registered.signature),
        });
        self.0.insert(id.to_owned(), entry);
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn into_json(self) -> String {
        Json::Object(self.0).to_string()
    }
}

/// Where the contracts of one key version stand within their holder's: see [`crate::tables::contract_key`].
pub(super) fn of_version(key_version: u32) -> Range {
    // `0` follows `/`.
    Range {
        start: Bound::Included(Value::Text(format!("{key_version:010}/"))),
        end: Bound::Excluded(Value::Text(format!("{key_version:010}0"))),
    }
}

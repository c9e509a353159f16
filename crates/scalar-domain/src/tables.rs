//! The tables that both domains keep, in the namespace of their own or in one of a context namespace.
//!
//! Names and columns are those of Scalar DL's schema, with differences that our stores ask for: a clustering key is one
//! column (`contract`: version and id in one text), no column is called `version`, byte code is kept in pieces, and
//! names in a store are of lower case and short.

use trustkeep_crypto::hash;
use trustkeep_scalar_rpc::Result;
use trustkeep_scalar_rpc::signing::DEFAULT_NAMESPACE;
use trustkeep_store::ColumnType::{Bool, Bytes, Int, Text};
use trustkeep_store::{Error as StoreError, Key, Table};

use crate::errors;

/// The tables of one context namespace.
#[derive(Clone, Debug)]
pub struct Tables {
    /// `holder_id`, `cert_version`: `pem`, `registered_at` (ms).
    pub certificate: Table,
    /// `entity_id`, `key_version`: `secret_key` (sealed), `registered_at` (ms).
    pub secret: Table,
    /// `cert_holder_id`, `version_and_id` (see [`contract_key`]): `binary_name`, `properties`, `registered_at` (ms),
    /// `signature`, `class_digest` (SHA-256 of the byte code).
    pub contract: Table,
    /// `binary_name`, `part`: `digest`, `size`, `byte_code`. What parts there are: [`crate::contracts`].
    pub contract_class: Table,
}

impl Tables {
    /// The tables of a context namespace, spelt out, under the base namespace of a domain.
    ///
    /// # Errors
    /// 414 if the base is no name.
    pub fn of(base: &str, context_namespace: &str) -> Result<Self> {
        let within = within(base, context_namespace);
        let tables = || {
            Ok(Self {
                certificate: Table::define(&within, "certificate")
                    .partition("holder_id", Text)
                    .clustering("cert_version", Int)
                    .column("pem", Text)
                    .column("registered_at", Int)
                    .build()?,
                secret: Table::define(&within, "secret")
                    .partition("entity_id", Text)
                    .clustering("key_version", Int)
                    .column("secret_key", Bytes)
                    .column("registered_at", Int)
                    .build()?,
                contract: Table::define(&within, "contract")
                    .partition("cert_holder_id", Text)
                    .clustering("version_and_id", Text)
                    .column("binary_name", Text)
                    .column("properties", Text)
                    .column("registered_at", Int)
                    .column("signature", Bytes)
                    .column("class_digest", Bytes)
                    .build()?,
                contract_class: Table::define(&within, "contract_class")
                    .partition("binary_name", Text)
                    .clustering("part", Text)
                    .column("digest", Bytes)
                    .column("size", Int)
                    .column("byte_code", Bytes)
                    .build()?,
            })
        };
        tables().map_err(|error: StoreError| errors::invalid_namespace(&format!("{within} ({error})")))
    }

    /// All of them, to be created.
    #[must_use]
    pub fn all(&self) -> Vec<Table> {
        vec![
            self.certificate.clone(),
            self.secret.clone(),
            self.contract.clone(),
            self.contract_class.clone(),
        ]
    }
}

/// The table of context namespaces, in the base namespace: `partition_id` (0), `name`: `generation`, `dropping`,
/// `created_at` (ms).
///
/// # Errors
/// 414 if the base is no name.
pub fn namespaces(base: &str) -> Result<Table> {
    Table::define(base, "namespace")
        .partition("partition_id", Int)
        .clustering("name", Text)
        .column("generation", Int)
        .column("dropping", Bool)
        .column("created_at", Int)
        .build()
        .map_err(|error| errors::invalid_namespace(&format!("{base} ({error})")))
}

/// Where the tables of a context namespace stand in the store: the base for `default`, else `<base>_<name>`.
///
/// A store's names are of lower case and at most 48 bytes long. Other names are replaced by a digest,
/// `<base>_x<32 hex digits>`, and so are those that look like one, so that no two names meet.
#[must_use]
pub fn within(base: &str, context_namespace: &str) -> String {
    if context_namespace == DEFAULT_NAMESPACE {
        return base.to_owned();
    }
    let plain = base.len() + 1 + context_namespace.len() <= STORE_NAME_BYTES_MAX
        && !context_namespace.bytes().any(|byte| byte.is_ascii_uppercase())
        && !is_digest(context_namespace);
    if plain {
        return format!("{base}_{context_namespace}");
    }
    let digest = hash::Algorithm::Sha256.digest(context_namespace.as_bytes()).to_hex();
    format!("{base}_x{}", digest.get(..DIGEST_DIGITS).unwrap_or(&digest))
}

/// Where a contract stands: its holder, then version and id in one text that sorts by version first.
#[must_use]
pub fn contract_key(entity_id: &str, key_version: u32, contract_id: &str) -> Key {
    Key::of(entity_id).at(format!("{key_version:010}/{contract_id}"))
}

/// What the `name` of a table in a store is at most.
const STORE_NAME_BYTES_MAX: usize = 48;
const DIGEST_DIGITS: usize = 32;

fn is_digest(name: &str) -> bool {
    name.strip_prefix('x').is_some_and(|rest| {
        rest.len() == DIGEST_DIGITS
            && rest.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_namespace_has_a_place_of_its_own() -> Result<()> {
        assert_eq!(within("scalar", "default"), "scalar");
        assert_eq!(within("scalar", "ns1"), "scalar_ns1");
        let upper = within("scalar", "Ns1");
        let long = within("scalar", &"n".repeat(100));
        let posing = upper.trim_start_matches("scalar_").to_owned();
        let places = [upper, long, within("scalar", &posing), within("scalar", "nS1")];
        for (index, place) in places.iter().enumerate() {
            assert!(is_digest(place.trim_start_matches("scalar_")), "{place}");
            assert!(!places.iter().skip(index + 1).any(|other| other == place));
        }
        assert_eq!(Tables::of("scalar", "Ns1")?.all().len(), 4);
        assert!(Tables::of("Scalar", "default").is_err());
        Ok(())
    }

    #[test]
    fn contracts_sort_by_version() {
        assert!(contract_key("a", 2, "z").clustering < contract_key("a", 10, "a").clustering);
    }
}

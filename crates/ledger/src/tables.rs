//! The tables of the Ledger: those of the whole, and those of each context namespace.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use trustkeep_scalar_domain::errors::invalid_namespace;
use trustkeep_scalar_domain::tables::within;
use trustkeep_scalar_rpc::Result;
use trustkeep_store::ColumnType::{Bool, Bytes, Int, Text};
use trustkeep_store::Table;

/// How many namespaces keep their tables' definitions in memory; those of others are made anew each time.
const SPACES_MAX: usize = 4096;

/// The tables of one context namespace that the Ledger alone has.
#[derive(Debug)]
pub(crate) struct Space {
    /// Every state of every asset: [`asset`].
    pub(crate) asset: Table,
    /// The age of each asset's latest state: [`asset_metadata`].
    pub(crate) asset_metadata: Table,
    /// Registered functions: [`function`].
    pub(crate) function: Table,
}

/// The tables of every namespace, defined when first asked for.
#[derive(Debug)]
pub(crate) struct Spaces {
    base: String,
    known: RwLock<HashMap<String, Arc<Space>>>,
}

impl Spaces {
    /// `base` is the physical namespace of `default`.
    pub(crate) fn new(base: &str) -> Self {
        Self { base: base.to_owned(), known: RwLock::default() }
    }

    /// The tables of a namespace, whether it exists or not.
    ///
    /// # Errors
    /// 414 for a name that no namespace can have.
    pub(crate) fn of(&self, namespace: &str) -> Result<Arc<Space>> {
        if let Some(space) = self.known.read().get(namespace) {
            return Ok(space.clone());
        }
        let physical = within(&self.base, namespace);
        let space = Arc::new(Space {
            asset: asset(&physical)?,
            asset_metadata: asset_metadata(&physical)?,
            function: function(&physical)?,
        });
        let mut known = self.known.write();
        if known.len() < SPACES_MAX {
            known.insert(namespace.to_owned(), space.clone());
        }
        Ok(space)
    }
}

/// The Ledger's own tables of a namespace; identities and contracts are beside them.
///
/// # Errors
/// 414 for a name that no namespace can have.
pub fn namespace_tables(base: &str, namespace: &str) -> Result<Vec<Table>> {
    let physical = within(base, namespace);
    Ok(vec![asset(&physical)?, asset_metadata(&physical)?, function(&physical)?])
}

/// The Ledger's tables that all namespaces share.
///
/// # Errors
/// 414 if `base` cannot be the name of a namespace.
pub fn shared_tables(base: &str) -> Result<Vec<Table>> {
    Ok(vec![tx_state(base)?, mutable_schema(base)?, mutable_partition(base)?])
}

/// What each transaction came to. Its key is the nonce's fingerprint: sixteen bytes, so that a nonce stays refused for
/// ever at the cost of a few bytes.
pub(crate) fn tx_state(base: &str) -> Result<Table> {
    Table::define(base, "tx_state")
        .partition("id", Bytes)
        .column("state", Int)
        .column("created_at", Int)
        .build()
        .map_err(|_| invalid_namespace(base))
}

/// How the tables of mutable records look: `namespace.table` and ScalarDB's description of it (JSON).
pub(crate) fn mutable_schema(base: &str) -> Result<Table> {
    Table::define(base, "mutable_schema")
        .partition("id", Text)
        .column("definition", Text)
        .build()
        .map_err(|_| invalid_namespace(base))
}

/// Rows that change when a mutable record comes or goes in a partition, by a digest of table and partition.
pub(crate) fn mutable_partition(base: &str) -> Result<Table> {
    Table::define(base, "mutable_partition")
        .partition("id", Bytes)
        .column("changed", Bool)
        .build()
        .map_err(|_| invalid_namespace(base))
}

fn asset(physical: &str) -> Result<Table> {
    Table::define(physical, "asset")
        .partition("id", Text)
        .clustering("age", Int)
        .column("argument", Text)
        .column("contract_id", Text)
        .column("hash", Bytes)
        .column("input", Text)
        .column("output", Text)
        .column("prev_hash", Bytes)
        .column("signature", Bytes)
        .build()
        .map_err(|_| invalid_namespace(physical))
}

fn asset_metadata(physical: &str) -> Result<Table> {
    Table::define(physical, "asset_metadata")
        .partition("asset_id", Text)
        .column("latest_age", Int)
        .build()
        .map_err(|_| invalid_namespace(physical))
}

fn function(physical: &str) -> Result<Table> {
    Table::define(physical, "function")
        .partition("id", Text)
        .column("binary_name", Text)
        .column("byte_code", Bytes)
        .column("registered_at", Int)
        .build()
        .map_err(|_| invalid_namespace(physical))
}

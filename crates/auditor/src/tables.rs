//! The tables of the Auditor: those of the whole, and those of each context namespace.
//!
//! Identities, contracts and namespaces have theirs beside them, see `trustkeep_scalar_domain::tables`.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use trustkeep_scalar_domain::errors;
use trustkeep_scalar_domain::tables::within;
use trustkeep_scalar_rpc::Result;
use trustkeep_store::ColumnType::{Bytes, Int, Text};
use trustkeep_store::{Table, lease_table};

/// How many namespaces keep their tables' definitions in memory; those of others are made anew each time.
const SPACES_MAX: usize = 4096;

/// The Auditor's own tables of a namespace.
///
/// # Errors
/// 414 for a name that no namespace can have.
pub fn namespace_tables(base: &str, namespace: &str) -> Result<Vec<Table>> {
    let within = within(base, namespace);
    Ok(vec![asset(&within)?, asset_lock(&within)?])
}

/// The Auditor's tables that all namespaces share.
///
/// # Errors
/// 500 if `base` cannot be the name of a namespace.
pub fn shared_tables(base: &str) -> Result<Vec<Table>> {
    Ok(vec![request_proof(base)?, spent_nonce(base)?, lease(base)?])
}

/// The tables of one context namespace that the Auditor alone has.
#[derive(Debug)]
pub(crate) struct Space {
    /// Every state of every asset.
    pub(crate) asset: Table,
    /// The age of each asset's latest state, and who holds it.
    pub(crate) asset_lock: Table,
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
    pub(crate) fn of(&self, namespace: &str) -> Result<Arc<Space>> {
        if let Some(space) = self.known.read().get(namespace) {
            return Ok(space.clone());
        }
        let within = within(&self.base, namespace);
        let space = Arc::new(Space { asset: asset(&within)?, asset_lock: asset_lock(&within)? });
        let mut known = self.known.write();
        if known.len() < SPACES_MAX {
            known.insert(namespace.to_owned(), space.clone());
        }
        Ok(space)
    }
}

/// What was ordered. One table for all namespaces: nonces are the Ledger's transaction ids, which know none.
pub(crate) fn request_proof(base: &str) -> Result<Table> {
    Table::define(base, "request_proof")
        .partition("nonce", Text)
        .column("contract_id", Text)
        .column("contract_argument", Text)
        .column("cert_holder_id", Text)
        .column("cert_version", Int)
        .column("signature", Bytes)
        .column("read_write_set_keys", Text)
        .column("registered_at", Int)
        .column("context_namespace", Text)
        .build()
        .map_err(|_| errors::invalid_namespace(base))
}

/// The fingerprints of nonces whose request proofs were purged: sixteen bytes keep a nonce refused for ever.
pub(crate) fn spent_nonce(base: &str) -> Result<Table> {
    Table::define(base, "spent_nonce")
        .partition("fingerprint", Bytes)
        .column("purged_at", Int)
        .build()
        .map_err(|_| errors::invalid_namespace(base))
}

/// Who purges just now.
pub(crate) fn lease(base: &str) -> Result<Table> {
    lease_table(base).map_err(|_| errors::invalid_namespace(base))
}

fn asset(within: &str) -> Result<Table> {
    Table::define(within, "asset")
        .partition("id", Text)
        .clustering("age", Int)
        .column("nonce", Text)
        .column("argument", Text)
        .column("contract_id", Text)
        .column("input", Text)
        .column("output", Text)
        .column("signature", Bytes)
        .column("prev_hash", Bytes)
        .column("hash", Bytes)
        .column("created_at", Int)
        .build()
        .map_err(|_| errors::invalid_namespace(within))
}

fn asset_lock(within: &str) -> Result<Table> {
    Table::define(within, "asset_lock")
        .partition("id", Text)
        .column("age", Int)
        .column("lock_type", Int)
        .column("lock_count", Int)
        .column("lock_taken_by", Text)
        .column("input", Text)
        .column("last_updated_at", Int)
        .build()
        .map_err(|_| errors::invalid_namespace(within))
}

//! Which tables of mutable records there are, and who may use them.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::{Map, Value as Json};
use trustkeep_scalar_domain::errors::invalid;
use trustkeep_scalar_rpc::signing::DEFAULT_NAMESPACE;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};
use trustkeep_store::{Commit, Error as StoreError, Key, Row, SharedStore, Table};

use super::illegal;
use super::schema::Schema;
use crate::failure::{MUTABLE, ledger};
use crate::tables::{mutable_partition, mutable_schema};

/// How many tables' descriptions are kept in memory; those of others are read each time.
const KNOWN_MAX: usize = 4096;
/// How many tables one file describes.
const TABLES_MAX: usize = 1000;

/// The tables of mutable records. A description never changes once it is there, so that it may be kept.
#[derive(Debug)]
pub(crate) struct Schemas {
    store: SharedStore,
    registry: Table,
    partitions: Table,
    known: RwLock<HashMap<String, Arc<Schema>>>,
}

impl Schemas {
    /// # Errors
    /// 414 if `base` is no name of a store.
    pub(crate) fn new(store: SharedStore, base: &str) -> Result<Self> {
        let (registry, partitions) = (mutable_schema(base)?, mutable_partition(base)?);
        Ok(Self { store, registry, partitions, known: RwLock::default() })
    }

    /// The table whose rows change when records come or go in a partition.
    pub(crate) fn partitions(&self) -> &Table {
        &self.partitions
    }

    /// The table that a function names.
    ///
    /// # Errors
    /// 412 if there is none, 500.
    pub(crate) async fn of(&self, namespace: &str, table: &str) -> Result<Arc<Schema>> {
        let name = format!("{namespace}.{table}");
        if let Some(schema) = self.known.read().get(&name) {
            return Ok(schema.clone());
        }
        let absent = || illegal(&format!("the table {name} does not exist: make it with `trustkeep schema`"));
        if namespace.is_empty() || table.is_empty() {
            return Err(absent());
        }
        let found = self.store.get(&self.registry, &Key::of(name.as_str())).await;
        let record = found.map_err(|error| MUTABLE.error(&error))?.ok_or_else(absent)?;
        let schema = read(&name, record.text(0).unwrap_or_default());
        let schema = Arc::new(schema.map_err(|why| illegal(&format!("the table {name}: {why}")))?);
        let mut known = self.known.write();
        if known.len() < KNOWN_MAX {
            known.insert(name, schema.clone());
        }
        Ok(schema)
    }
}

/// Makes the tables that a file of ScalarDB's Schema Loader describes, where they are missing; gives their names.
/// `base` is the Ledger's own namespace in the store.
///
/// # Errors
/// 414 for a description that cannot be, or that differs from the one that is there; 412 for a namespace that
/// functions may not use; 500.
pub async fn define_tables(store: &SharedStore, base: &str, text: &str) -> Result<Vec<String>> {
    let descriptions: Map<String, Json> = serde_json::from_str(text)
        .map_err(|error| invalid(format!("the schema file is not JSON: {error}")))?;
    if descriptions.len() > TABLES_MAX {
        return Err(invalid(format!("the schema file describes more than {TABLES_MAX} tables")));
    }
    let registry = mutable_schema(base)?;
    let mut schemas = Vec::with_capacity(descriptions.len());
    for (name, description) in &descriptions {
        let refuse = |why: String| invalid(format!("the table {name}: {why}"));
        let schema = Schema::parse(name, description).map_err(refuse)?;
        let namespace = name.split('.').next().unwrap_or_default();
        check_namespace(namespace, DEFAULT_NAMESPACE)?;
        if namespace == base || namespace.strip_prefix(base).is_some_and(|rest| rest.starts_with('_')) {
            return Err(refuse("its namespace is the Ledger's own".into()));
        }
        schemas.push((name, description.to_string(), schema));
    }
    store.create_tables(&[registry.clone(), mutable_partition(base)?]).await.map_err(failed)?;
    for (name, text, schema) in &schemas {
        store.create_tables(std::slice::from_ref(&schema.table)).await.map_err(failed)?;
        let key = Key::of(name.as_str());
        let commit = Commit::new().expect_absent(&registry, key.clone()).put(
            &registry,
            key.clone(),
            Row::of([text.as_str()]),
        );
        match store.commit(commit).await {
            Ok(_) => {}
            Err(StoreError::Conflict { .. }) => {
                let found = store.get(&registry, &key).await.map_err(failed)?;
                let same = found.is_some_and(|record| record.text(0) == Some(text));
                if !same {
                    return Err(invalid(format!(
                        "the table {name} is there with another description, and descriptions cannot change"
                    )));
                }
            }
            Err(error) => return Err(failed(error)),
        }
    }
    Ok(descriptions.into_iter().map(|(name, _)| name).collect())
}

/// Whether a function of this context namespace may use this namespace of mutable records.
///
/// # Errors
/// 412 (DL-LEDGER-412001 or -412003) if not.
pub(crate) fn check_namespace(namespace: &str, context_namespace: &str) -> Result<()> {
    let lower = namespace.to_ascii_lowercase();
    if FORBIDDEN.contains(&lower.as_str())
        || FORBIDDEN_PREFIXES.iter().any(|prefix| lower.starts_with(prefix))
    {
        let text = "The function is not allowed to access the specified namespace.";
        return Err(ledger(StatusCode::InvalidFunction, 1, text));
    }
    let own = namespace
        .strip_prefix(context_namespace)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
    if context_namespace == DEFAULT_NAMESPACE || own {
        return Ok(());
    }
    Err(ledger(
        StatusCode::InvalidFunction,
        3,
        format!(
            "The function is not allowed to access a namespace that is neither its context namespace nor prefixed by \
             it. Namespace: {namespace}; Context namespace: {context_namespace}"
        ),
    ))
}

const FORBIDDEN: [&str; 6] =
    ["system", "system_schema", "system_auth", "system_distributed", "system_traces", "coordinator"];
const FORBIDDEN_PREFIXES: [&str; 2] = ["scalar", "auditor"];

fn read(name: &str, text: &str) -> std::result::Result<Schema, String> {
    let description: Json = serde_json::from_str(text).map_err(|error| error.to_string())?;
    Schema::parse(name, &description)
}

fn failed(error: StoreError) -> Error {
    MUTABLE.error(&error)
}

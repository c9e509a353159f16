//! What the Auditor keeps: rows of assets, their locks, request proofs. How they are read and written in one place;
//! when, is for `ordering`, `validation` and `recovery`.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use trustkeep_chassis::clock::SharedClock;
use trustkeep_scalar_domain::asset::{AGE_MAX, AssetKey, AssetRow};
use trustkeep_scalar_domain::errors::{self, Access};
use trustkeep_scalar_domain::execution::READS_MAX;
use trustkeep_scalar_domain::namespaces::Namespaces;
use trustkeep_scalar_rpc::{Error, Result};
use trustkeep_store::{
    Commit, Error as StoreError, Key, Limits, Order, Range, Record, Row, Scan, SharedStore, Table, Value,
    Version,
};

use crate::claims::Claims;
use crate::failure;
use crate::locks::SeenLock;
use crate::request::{RequestProof, fingerprint};
use crate::tables::{self, Space, Spaces};

/// How many rows of a request are read from the store at the same time.
const READS_AT_ONCE: usize = 16;

/// The tables of one Auditor in its store. Several processes may share the store: whatever is written expects the
/// versions that were read.
pub(crate) struct Books {
    pub(crate) store: SharedStore,
    pub(crate) clock: SharedClock,
    pub(crate) request_proofs: Table,
    pub(crate) spent_nonces: Table,
    pub(crate) leases: Table,
    namespaces: Arc<Namespaces>,
    spaces: Spaces,
}

impl std::fmt::Debug for Books {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Books").field("store", &self.store).finish_non_exhaustive()
    }
}

impl Books {
    /// The books of one domain.
    ///
    /// # Errors
    /// 414 if its base cannot be the name of a namespace in a store.
    pub(crate) fn new(store: SharedStore, namespaces: Arc<Namespaces>, clock: SharedClock) -> Result<Self> {
        let base = namespaces.base();
        Ok(Self {
            store,
            clock,
            request_proofs: tables::request_proof(base)?,
            spent_nonces: tables::spent_nonce(base)?,
            leases: tables::lease(base)?,
            spaces: Spaces::new(base),
            namespaces,
        })
    }

    /// Milliseconds since 1970.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    /// What the store accepts at most.
    pub(crate) fn limits(&self) -> Limits {
        self.store.limits()
    }

    /// An asset's lock.
    ///
    /// # Errors
    /// 417 for a namespace that is not there; 305 for a row that cannot be ours; 500.
    pub(crate) async fn lock(&self, key: &AssetKey) -> Result<SeenLock> {
        let space = self.space(key).await?;
        let record = self.store.get(&space.asset_lock, &Key::of(key.id.as_str())).await;
        let record = record.map_err(|error| reading(&key.namespace, &failure::LOCK_READING, &error))?;
        SeenLock::of(key, record.as_deref())
    }

    /// The locks of everything a request claims.
    ///
    /// # Errors
    /// As [`Books::lock`].
    pub(crate) async fn locks(&self, claims: &Claims) -> Result<BTreeMap<AssetKey, SeenLock>> {
        let reads = claims.keys().cloned().map(|key| async move {
            let lock = self.lock(&key).await?;
            Ok((key, lock))
        });
        stream::iter(reads).buffered(READS_AT_ONCE).try_collect().await
    }

    /// The state of an asset at an age, if there is one; its hash is checked.
    ///
    /// # Errors
    /// 305004 if the row was changed; 417, 500.
    pub(crate) async fn row(&self, key: &AssetKey, age: u32) -> Result<Option<AssetRow>> {
        let space = self.space(key).await?;
        let record = self.store.get(&space.asset, &asset_key(key, age)).await;
        let record = record.map_err(|error| reading(&key.namespace, &failure::ASSET_READING, &error))?;
        record.map(|record| asset_row(key, &record)).transpose()
    }

    /// The states of an asset between two ages, both inclusive, in either order and at most `limit` of them (0 for
    /// all): each must be there, hash as it says, and follow the one before.
    ///
    /// # Errors
    /// 305004, 305007 if rows were changed or removed; 417, 500.
    pub(crate) async fn rows(
        &self,
        key: &AssetKey,
        ages: (u32, u32),
        order: Order,
        limit: usize,
    ) -> Result<Vec<AssetRow>> {
        let (first, last) = ages;
        if first > last {
            return Ok(Vec::new());
        }
        let all = usize::try_from(last - first).unwrap_or(usize::MAX).saturating_add(1);
        let wanted = if limit == 0 { all } else { limit.min(all) };
        if wanted > READS_MAX {
            // In the Ledger's words, which has the same bound.
            return Err(Error::runtime(format!(
                "one scan gives at most {READS_MAX} states: give it a limit"
            )));
        }
        let space = self.space(key).await?;
        let mut rows: Vec<AssetRow> = Vec::new();
        while rows.len() < wanted {
            let range = match (order, rows.last()) {
                (_, None) => (first, last),
                (Order::Ascending, Some(row)) => (row.age.saturating_add(1), last),
                (Order::Descending, Some(row)) => (first, row.age.saturating_sub(1)),
            };
            let scan = Scan::partition(key.id.as_str(), PAGE_ROWS.min(wanted - rows.len()))
                .range(Range {
                    start: std::ops::Bound::Included(Value::Int(range.0.into())),
                    end: std::ops::Bound::Included(Value::Int(range.1.into())),
                })
                .order(order);
            let page = self.store.scan(&space.asset, &scan).await;
            let page = page.map_err(|error| reading(&key.namespace, &failure::ASSET_READING, &error))?;
            if page.records.is_empty() {
                return Err(failure::asset_absent(key));
            }
            for record in &page.records {
                let row = asset_row(key, record)?;
                let due = match (order, rows.last()) {
                    (Order::Ascending, None) => first,
                    (Order::Descending, None) => last,
                    (Order::Ascending, Some(before)) => before.age.saturating_add(1),
                    (Order::Descending, Some(after)) => after.age.saturating_sub(1),
                };
                if row.age != due {
                    return Err(failure::asset_absent(key));
                }
                let linked = match (order, rows.last()) {
                    (_, None) => true,
                    (Order::Ascending, Some(before)) => row.prev_hash.as_ref() == Some(&before.hash),
                    (Order::Descending, Some(after)) => after.prev_hash.as_ref() == Some(&row.hash),
                };
                if !linked {
                    return Err(failure::hash_differs(key));
                }
                rows.push(row);
            }
        }
        Ok(rows)
    }

    /// What was ordered under a nonce.
    ///
    /// # Errors
    /// 305001 for a row that cannot be ours; 500.
    pub(crate) async fn request_proof(&self, nonce: &str) -> Result<Option<RequestProof>> {
        let record = self.store.get(&self.request_proofs, &Key::of(nonce)).await;
        let record = record.map_err(|error| failure::PROOF_READING.error(&error))?;
        record.map(|record| RequestProof::of(&record)).transpose()
    }

    /// Whether a nonce was ordered, validated and purged.
    ///
    /// # Errors
    /// 500.
    pub(crate) async fn is_spent(&self, nonce: &str) -> Result<bool> {
        let record = self.store.get(&self.spent_nonces, &fingerprint(nonce)).await;
        Ok(record.map_err(|error| failure::PROOF_READING.error(&error))?.is_some())
    }

    /// Adds to a commit that a lock is as it was seen, and what it becomes; nothing for a row that is no longer needed.
    ///
    /// # Errors
    /// 414 for a namespace that cannot be.
    pub(crate) fn change_lock(
        &self,
        commit: Commit,
        key: &AssetKey,
        seen: Option<Version>,
        row: Option<Row>,
    ) -> Result<Commit> {
        let table = &self.spaces.of(&key.namespace)?.asset_lock;
        let place = Key::of(key.id.as_str());
        let commit = match seen {
            Some(version) => commit.expect_version(table, place.clone(), version),
            None => commit.expect_absent(table, place.clone()),
        };
        Ok(match row {
            Some(row) => commit.put(table, place, row),
            None => commit.delete(table, place),
        })
    }

    /// Adds a new state of an asset to a commit, which expects that it is not there yet.
    ///
    /// # Errors
    /// 414 for a namespace that cannot be.
    pub(crate) fn append(
        &self,
        commit: Commit,
        key: &AssetKey,
        row: &AssetRow,
        nonce: &str,
    ) -> Result<Commit> {
        let table = &self.spaces.of(&key.namespace)?.asset;
        let place = asset_key(key, row.age);
        Ok(commit.expect_absent(table, place.clone()).put(table, place, store_row(row, nonce, self.now())))
    }

    /// What a commit to these assets expects besides: that no namespace of theirs was dropped meanwhile.
    ///
    /// # Errors
    /// 417 if one was; 500.
    pub(crate) async fn fenced(&self, mut commit: Commit, claims: &Claims) -> Result<Commit> {
        let mut before: Option<&str> = None;
        for namespace in claims.keys().map(|key| key.namespace.as_str()) {
            if before.replace(namespace) != Some(namespace) {
                let generation = self.namespaces.generation(namespace).await?;
                commit.expectations.extend(self.namespaces.fence(namespace, generation));
            }
        }
        Ok(commit)
    }

    async fn space(&self, key: &AssetKey) -> Result<Arc<Space>> {
        self.namespaces.generation(&key.namespace).await?;
        self.spaces.of(&key.namespace)
    }

    /// What stood in the way of a commit.
    pub(crate) fn conflict(&self, error: &StoreError) -> Option<Conflict> {
        let StoreError::Conflict { table, .. } = error else { return None };
        let nonces = [&self.request_proofs, &self.spent_nonces];
        Some(if nonces.iter().any(|known| known.qualified() == table) {
            Conflict::Nonce
        } else if table.ends_with(".asset_lock") {
            Conflict::Lock
        } else if table.ends_with(".asset") {
            Conflict::Asset
        } else {
            Conflict::Namespace
        })
    }
}

/// Which row was not as a commit expected it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The request proof, or the fingerprint of a purged one.
    Nonce,
    /// A lock.
    Lock,
    /// A new state that is there already.
    Asset,
    /// A namespace, which was dropped.
    Namespace,
}

/// How many rows of an asset's history are read at a time.
const PAGE_ROWS: usize = 256;

/// A table that is not there means that its namespace is not.
fn reading(namespace: &str, access: &Access, error: &StoreError) -> Error {
    match error {
        StoreError::Schema(_) => errors::namespace_not_found(namespace),
        error => access.error(error),
    }
}

fn asset_key(key: &AssetKey, age: u32) -> Key {
    Key::of(key.id.as_str()).at(i64::from(age))
}

fn store_row(row: &AssetRow, nonce: &str, now: i64) -> Row {
    let text = |text: &str| Some(Value::from(text));
    Row::new(vec![
        text(nonce),
        text(&row.argument),
        text(&row.contract_id),
        text(&row.input),
        text(&row.output),
        Some(Value::Bytes(row.signature.clone())),
        row.prev_hash.clone().map(Value::Bytes),
        Some(Value::Bytes(row.hash.clone())),
        Some(Value::Int(now)),
    ])
}

fn asset_row(key: &AssetKey, record: &Record) -> Result<AssetRow> {
    let changed = || failure::hash_differs(key);
    let text = |column| record.text(column).map(str::to_owned).ok_or_else(changed);
    let age = record.key.clustering.as_ref().and_then(Value::as_int).and_then(|age| u32::try_from(age).ok());
    let row = AssetRow {
        age: age.filter(|age| *age <= AGE_MAX).ok_or_else(changed)?,
        argument: text(1)?,
        contract_id: text(2)?,
        input: text(3)?,
        output: text(4)?,
        signature: record.bytes(5).cloned().ok_or_else(changed)?,
        prev_hash: record.bytes(6).cloned(),
        hash: record.bytes(7).cloned().ok_or_else(changed)?,
    };
    // A row that was changed and hashed anew is found against the Ledger's proof or its successor instead.
    if row.is_whole(&key.id) { Ok(row) } else { Err(changed()) }
}

//! Assets in the store: reading their states, and what a commit writes and expects of them.

use std::ops::Bound;
use std::sync::Arc;

use trustkeep_scalar_domain::asset::{AGE_MAX, AssetKey, AssetRow};
use trustkeep_scalar_domain::errors::unexpected_record;
use trustkeep_scalar_domain::namespaces::Namespaces;
use trustkeep_scalar_rpc::{Error, Result};
use trustkeep_store::{Commit, Key, Order, Range, Record, Row, Scan, SharedStore, Value, Version};

use crate::failure::{GET_ASSET, GET_METADATA, inconsistent, reading};
use crate::tables::{Space, Spaces};

/// How many states one read of the store fetches.
pub(crate) const PAGE: usize = 32;

/// Assets of every namespace.
#[derive(Clone, Debug)]
pub(crate) struct Assets {
    store: SharedStore,
    namespaces: Arc<Namespaces>,
    spaces: Arc<Spaces>,
    /// Whether the latest state is looked for in the table of states itself.
    direct: bool,
}

/// How an asset was seen: what must still be so when a transaction that saw it commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The age of its latest state and the version of the row in `asset_metadata` that says so; `None` if it is not there.
    Metadata(Option<(u32, Version)>),
    /// The age and version of its latest state; `None` if it has none.
    Direct(Option<(u32, Version)>),
}

impl Seen {
    /// The age of its latest state.
    pub(crate) fn age(self) -> Option<u32> {
        let (Self::Metadata(seen) | Self::Direct(seen)) = self;
        seen.map(|(age, _)| age)
    }
}

/// Some states of an asset, and whether there are more.
pub(crate) struct States {
    pub(crate) rows: Vec<AssetRow>,
    pub(crate) more: bool,
}

impl Assets {
    pub(crate) fn new(
        store: SharedStore,
        namespaces: Arc<Namespaces>,
        spaces: Arc<Spaces>,
        direct: bool,
    ) -> Self {
        Self { store, namespaces, spaces, direct }
    }

    /// The latest state of an asset, `None` if it has none, and how it was seen.
    ///
    /// # Errors
    /// 417 for a namespace that is not there, 305 if the asset and its metadata disagree, 500.
    pub(crate) async fn latest(&self, key: &AssetKey) -> Result<(Option<AssetRow>, Seen)> {
        let space = self.space(&key.namespace).await?;
        if self.direct {
            self.latest_by_scan(&space, key).await
        } else {
            self.latest_by_age(&space, key).await
        }
    }

    /// The state at one age.
    ///
    /// # Errors
    /// As [`Assets::latest`].
    pub(crate) async fn at(&self, key: &AssetKey, age: u32) -> Result<Option<AssetRow>> {
        let space = self.space(&key.namespace).await?;
        let record = self.store.get(&space.asset, &place(&key.id, age)).await;
        record.map_err(reading(&key.namespace, GET_ASSET))?.map(|record| decode(&record)).transpose()
    }

    /// The states from age `first` to age `last`, both inclusive, in `order`, at most `limit` of them.
    ///
    /// # Errors
    /// As [`Assets::latest`].
    pub(crate) async fn states(
        &self,
        key: &AssetKey,
        (first, last): (u32, u32),
        order: Order,
        limit: usize,
    ) -> Result<States> {
        let space = self.space(&key.namespace).await?;
        let range = Range { start: Bound::Included(age(first)), end: Bound::Included(age(last)) };
        let scan = Scan::partition(key.id.as_str(), limit.max(1)).range(range).order(order);
        let page = self.store.scan(&space.asset, &scan).await.map_err(reading(&key.namespace, GET_ASSET))?;
        let rows = page.records.iter().map(|record| decode(record)).collect::<Result<_>>()?;
        Ok(States { rows, more: page.more })
    }

    /// Expects that what was seen is still the latest state.
    pub(crate) fn expect(&self, commit: Commit, key: &AssetKey, seen: &Seen) -> Result<Commit> {
        let space = self.spaces.of(&key.namespace)?;
        let id = key.id.as_str();
        Ok(match *seen {
            Seen::Metadata(None) => commit.expect_absent(&space.asset_metadata, Key::of(id)),
            Seen::Metadata(Some((_, version))) => {
                commit.expect_version(&space.asset_metadata, Key::of(id), version)
            }
            Seen::Direct(None) => commit.expect_absent(&space.asset, place(id, 0)),
            Seen::Direct(Some((age, version))) => {
                let commit = commit.expect_version(&space.asset, place(id, age), version);
                if age == AGE_MAX { commit } else { commit.expect_absent(&space.asset, place(id, age + 1)) }
            }
        })
    }

    /// Writes the next state of an asset, which must not be there yet.
    pub(crate) fn append(&self, commit: Commit, key: &AssetKey, row: &AssetRow) -> Result<Commit> {
        let space = self.spaces.of(&key.namespace)?;
        let at = place(&key.id, row.age);
        let commit = commit.expect_absent(&space.asset, at.clone()).put(&space.asset, at, encode(row));
        Ok(match self.direct {
            true => commit,
            false => {
                let latest = Row::of([i64::from(row.age)]);
                commit.put(&space.asset_metadata, Key::of(key.id.as_str()), latest)
            }
        })
    }

    /// Whether a commit that failed on a state of this asset failed because somebody tampered with it: the asset is as
    /// it was seen, and yet its next state is there.
    pub(crate) async fn check_consistent(&self, key: &AssetKey, seen: &Seen) -> Result<()> {
        let (_, now) = self.latest(key).await?;
        if now == *seen { Err(inconsistent()) } else { Ok(()) }
    }

    /// The name of the table that keeps the states of a namespace.
    pub(crate) fn table_of(&self, namespace: &str) -> Result<String> {
        Ok(self.spaces.of(namespace)?.asset.qualified().to_owned())
    }

    /// The tables of a namespace that exists.
    async fn space(&self, namespace: &str) -> Result<Arc<Space>> {
        self.namespaces.generation(namespace).await?;
        self.spaces.of(namespace)
    }

    async fn latest_by_age(&self, space: &Space, key: &AssetKey) -> Result<(Option<AssetRow>, Seen)> {
        let known = self.store.get(&space.asset_metadata, &Key::of(key.id.as_str())).await;
        let Some(known) = known.map_err(reading(&key.namespace, GET_METADATA))? else {
            return Ok((None, Seen::Metadata(None)));
        };
        let age = known.int(0).and_then(|age| u32::try_from(age).ok()).ok_or_else(inconsistent)?;
        let record = self.store.get(&space.asset, &place(&key.id, age)).await;
        let record = record.map_err(reading(&key.namespace, GET_ASSET))?.ok_or_else(inconsistent)?;
        Ok((Some(decode(&record)?), Seen::Metadata(Some((age, known.version)))))
    }

    async fn latest_by_scan(&self, space: &Space, key: &AssetKey) -> Result<(Option<AssetRow>, Seen)> {
        let scan = Scan::partition(key.id.as_str(), 1).order(Order::Descending);
        let page = self.store.scan(&space.asset, &scan).await.map_err(reading(&key.namespace, GET_ASSET))?;
        let Some(record) = page.records.first() else {
            return Ok((None, Seen::Direct(None)));
        };
        let row = decode(record)?;
        let seen = Seen::Direct(Some((row.age, record.version)));
        Ok((Some(row), seen))
    }
}

fn age(age: u32) -> Value {
    Value::Int(i64::from(age))
}

fn place(id: &str, at: u32) -> Key {
    Key::of(id).at(age(at))
}

fn encode(row: &AssetRow) -> Row {
    Row::new(vec![
        Some(Value::Text(row.argument.clone())),
        Some(Value::Text(row.contract_id.clone())),
        Some(Value::Bytes(row.hash.clone())),
        Some(Value::Text(row.input.clone())),
        Some(Value::Text(row.output.clone())),
        row.prev_hash.clone().map(Value::Bytes),
        Some(Value::Bytes(row.signature.clone())),
    ])
}

fn decode(record: &Record) -> Result<AssetRow> {
    let age = match &record.key.clustering {
        Some(Value::Int(age)) => u32::try_from(*age).ok().filter(|age| *age <= AGE_MAX),
        _ => None,
    };
    let text = |index, name| record.text(index).map(str::to_owned).ok_or_else(|| unexpected(name));
    let bytes = |index, name| record.bytes(index).cloned().ok_or_else(|| unexpected(name));
    Ok(AssetRow {
        age: age.ok_or_else(|| unexpected("age"))?,
        argument: text(0, "argument")?,
        contract_id: text(1, "contract_id")?,
        hash: bytes(2, "hash")?,
        input: text(3, "input")?,
        output: text(4, "output")?,
        prev_hash: record.bytes(5).filter(|hash| !hash.is_empty()).cloned(),
        signature: bytes(6, "signature")?,
    })
}

fn unexpected(column: &str) -> Error {
    unexpected_record(format_args!("the column {column} of an asset"))
}

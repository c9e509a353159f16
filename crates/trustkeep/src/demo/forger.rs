//! What an administrator can do to a ledger that nobody audits: write into its store whatever they like.

use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use trustkeep_scalar_domain::asset::AssetRow;
use trustkeep_scalar_rpc::signing::DEFAULT_NAMESPACE;
use trustkeep_store::{Commit, Order, Record, Row, Scan, Store, Table, Value};
use trustkeep_store_embedded::EmbeddedStore;

use crate::stores::embedded_settings;

/// What was done.
pub(super) struct Forged {
    /// The state as it had been written.
    pub(super) before: String,
    /// As it stands there now.
    pub(super) after: String,
}

/// Changes the latest state of an asset in a store that no server has open, and its hash with it, so that the row
/// itself shows nothing.
///
/// # Errors
/// There is no such state, or it does not hold what is to be changed.
pub(super) async fn forge(dir: &Path, asset_id: &str, from: &str, to: &str) -> anyhow::Result<Forged> {
    let store = EmbeddedStore::open(embedded_settings(dir))?;
    let forged = forge_in(&store, asset_id, from, to).await;
    store.close().await;
    forged
}

async fn forge_in(store: &dyn Store, asset_id: &str, from: &str, to: &str) -> anyhow::Result<Forged> {
    let tables = trustkeep_ledger::namespace_tables("scalar", DEFAULT_NAMESPACE)?;
    let table = tables.iter().find(|table| table.name() == "asset").context("there is no table of assets")?;
    store.create_tables(std::slice::from_ref(table)).await?;
    let page = store.scan(table, &Scan::partition(asset_id, 1).order(Order::Descending)).await?;
    let record = page.records.first().with_context(|| format!("there is no asset {asset_id}"))?;
    let mut row = read(table, record).with_context(|| format!("{asset_id}: {record:?}"))?;
    anyhow::ensure!(row.output.contains(from), "{asset_id} does not hold {from}: {}", row.output);
    let before = std::mem::take(&mut row.output);
    row.output = before.replace(from, to);
    row.hash = row.computed_hash(asset_id);
    let values = table.columns().iter().zip(record.row.values()).map(|(column, value)| match &*column.name {
        "output" => Some(Value::from(row.output.as_str())),
        "hash" => Some(Value::from(row.hash.clone())),
        _ => value.clone(),
    });
    let forged = Row::new(values.collect());
    store.commit(Commit::new().put(table, record.key.clone(), forged)).await?;
    Ok(Forged { before, after: row.output })
}

fn read(table: &Table, record: &Record) -> Option<AssetRow> {
    let index = |name: &str| table.columns().iter().position(|column| &*column.name == name);
    let text = |name: &str| record.text(index(name)?).map(str::to_owned);
    let bytes = |name: &str| -> Option<Bytes> { record.bytes(index(name)?).cloned() };
    let age = record.key.clustering.as_ref()?.as_int()?;
    Some(AssetRow {
        age: age.try_into().ok()?,
        argument: text("argument")?,
        contract_id: text("contract_id")?,
        input: text("input")?,
        output: text("output")?,
        signature: bytes("signature")?,
        prev_hash: bytes("prev_hash"),
        hash: bytes("hash")?,
    })
}

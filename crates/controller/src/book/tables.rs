//! The records as rows: one table a noun, each row a JSON document under the names that lead to it.

use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use trustkeep_store::ColumnType::{Bytes as BytesColumn, Text};
use trustkeep_store::{Commit, Error, Key, Record, Row, Store, Table};

use super::{Changes, Estate, Page, Server};
use crate::model::{Disk, Group, Node, Unit};

/// The tables of the book.
#[derive(Debug)]
pub(super) struct Tables {
    group: Table,
    unit: Table,
    node: Table,
    disk: Table,
    server: Table,
    estate: Table,
    counter: Table,
}

impl Tables {
    pub(super) fn define() -> Result<Self, Error> {
        let table = |name: &str, partition: &str, clustering: Option<&str>| {
            let table = Table::define("controller", name).partition(partition, Text);
            let table = match clustering {
                Some(clustering) => table.clustering(clustering, Text),
                None => table,
            };
            table.column("body", BytesColumn).build()
        };
        Ok(Self {
            group: table("vc", "vcid", None)?,
            unit: table("unit", "vcid", Some("name"))?,
            node: table("node", "vcid", Some("path"))?,
            disk: table("disk", "vcid", Some("path"))?,
            server: table("server", "address", None)?,
            estate: table("estate", "custody", None)?,
            counter: table("counter", "name", None)?,
        })
    }

    pub(super) fn all(self) -> Vec<Table> {
        vec![self.group, self.unit, self.node, self.disk, self.server, self.estate, self.counter]
    }

    /// Everything that stands in the store.
    pub(super) async fn read(&self, store: &dyn Store) -> Result<Page, Error> {
        let mut page = Page { next_vcno: 1, ..Page::default() };
        let mut changes = Changes::default();
        for record in whole(store, &self.group).await? {
            changes.put_group(self::read::<Group>(&self.group, &record)?);
        }
        for record in whole(store, &self.unit).await? {
            changes.put_unit(&text(&record.key.partition), self::read::<Unit>(&self.unit, &record)?);
        }
        for record in whole(store, &self.node).await? {
            let (vcid, unit) = place(&record);
            changes.put_node(&vcid, &unit, self::read::<Node>(&self.node, &record)?);
        }
        for record in whole(store, &self.disk).await? {
            let (vcid, unit) = place(&record);
            changes.put_disk(&vcid, &unit, self::read::<Disk>(&self.disk, &record)?);
        }
        for record in whole(store, &self.server).await? {
            changes.put_server(self::read::<Server>(&self.server, &record)?);
        }
        for record in whole(store, &self.estate).await? {
            changes.put_estate(self::read::<Estate>(&self.estate, &record)?);
        }
        for record in whole(store, &self.counter).await? {
            changes.set_next_vcno(self::read::<i64>(&self.counter, &record)?);
        }
        changes.apply(&mut page);
        Ok(page)
    }

    /// The changes as one commit.
    pub(super) fn commit(&self, changes: &Changes) -> Result<Commit, Error> {
        let mut commit = Commit::new();
        for (vcid, group) in &changes.groups {
            commit = write(commit, &self.group, Key::of(vcid.as_str()), group.as_ref())?;
        }
        for ((vcid, name), unit) in &changes.units {
            commit = write(commit, &self.unit, Key::of(vcid.as_str()).at(name.as_str()), unit.as_ref())?;
        }
        for ((vcid, unit, id), node) in &changes.nodes {
            commit = write(commit, &self.node, Key::of(vcid.as_str()).at(path(unit, id)), node.as_ref())?;
        }
        for ((vcid, unit, id), disk) in &changes.disks {
            commit = write(commit, &self.disk, Key::of(vcid.as_str()).at(path(unit, id)), disk.as_ref())?;
        }
        for (address, server) in &changes.servers {
            commit = write(commit, &self.server, Key::of(address.to_string()), server.as_ref())?;
        }
        for (custody, estate) in &changes.estates {
            commit = write(commit, &self.estate, Key::of(custody.as_str()), estate.as_ref())?;
        }
        if let Some(next) = &changes.next_vcno {
            commit = write(commit, &self.counter, Key::of("vcno"), Some(next))?;
        }
        Ok(commit)
    }
}

fn write(commit: Commit, table: &Table, key: Key, record: Option<&impl Serialize>) -> Result<Commit, Error> {
    Ok(match record {
        Some(record) => {
            let body = serde_json::to_vec(record).map_err(|error| invalid(table, &error))?;
            commit.put(table, key, Row::of([Bytes::from(body)]))
        }
        None => commit.delete(table, key),
    })
}

fn read<T: DeserializeOwned>(table: &Table, record: &Record) -> Result<T, Error> {
    let body = record.bytes(0).map(Bytes::as_ref).unwrap_or_default();
    serde_json::from_slice(body).map_err(|error| invalid(table, &error))
}

fn invalid(table: &Table, error: &serde_json::Error) -> Error {
    Error::Corrupt(format!("a record of {} cannot be read or written: {error}", table.qualified()))
}

async fn whole(store: &dyn Store, table: &Table) -> Result<Vec<Arc<Record>>, Error> {
    let mut records: Vec<Arc<Record>> = Vec::new();
    loop {
        let after = records.last().map(|record| record.key.clone());
        let page = store.scan_table(table, after.as_ref(), PAGE_ROWS).await?;
        let is_last = page.records.is_empty() || !page.more;
        records.extend(page.records);
        if is_last {
            return Ok(records);
        }
    }
}

/// A unit's name has no slash in it.
fn path(unit: &str, id: &str) -> String {
    format!("{unit}/{id}")
}

fn place(record: &Record) -> (String, String) {
    let path = record.key.clustering.as_ref().map(text).unwrap_or_default();
    let unit = path.split_once('/').map_or(path.as_str(), |(unit, _)| unit).to_owned();
    (text(&record.key.partition), unit)
}

fn text(value: &trustkeep_store::Value) -> String {
    value.as_text().unwrap_or_default().to_owned()
}

const PAGE_ROWS: usize = 500;

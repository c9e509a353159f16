//! Mutable records: tables beside the assets that functions change in the same transaction.
//!
//! Records that a transaction reads are expected unchanged by its commit, and so is what it scanned: a row for each
//! partition (`mutable_partition`) changes whenever a record comes or goes in it.

mod registry;
mod schema;
#[cfg(test)]
mod tests;
mod values;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use trustkeep_contract::{
    Column, Database, DatabaseScan, Error as ContractError, Ordering, Result as ContractResult, Selection,
};
use trustkeep_crypto::hash::sha256;
use trustkeep_scalar_domain::brief::Wait;
use trustkeep_scalar_rpc::{Error, Result, StatusCode};
use trustkeep_store::{
    Commit, Expect, Key, Order, Range, Record, Row, Scan, SharedStore, Table, Value, Version, Write,
};

pub use registry::define_tables;
pub(crate) use registry::{Schemas, check_namespace};

use crate::failure::{MUTABLE, ledger};
use crate::reader::Room;
use schema::{KeyColumn, Schema, is_native};
use values::{add_to_key, take_from_key, to_store};

/// How many records one transaction may touch.
pub(crate) const RECORDS_MAX: usize = 10_000;
/// How many records one read of the store fetches.
const PAGE: usize = 128;

/// Mutable records as one transaction sees them.
pub(crate) struct MutableRecords<'a> {
    store: &'a SharedStore,
    schemas: &'a Schemas,
    context_namespace: &'a str,
    wait: &'a Wait,
    failure: Option<Error>,
    room: Room,
    changes: Changes,
}

/// What a transaction saw of mutable records and wants of them.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    records: BTreeMap<Place, Touched>,
    /// Partitions that were scanned, with the versions of their rows in `mutable_partition`.
    scanned: BTreeMap<Key, Option<Version>>,
    /// Partitions where records come or go.
    moved: BTreeMap<Key, ()>,
    partitions: Option<Table>,
}

/// `namespace.table` of the store, and the key.
type Place = (String, Key);

#[derive(Debug)]
struct Touched {
    table: Table,
    /// As it was read; `None` if it was not there.
    version: Option<Version>,
    /// As it is to be.
    row: Option<Row>,
    changed: bool,
}

impl<'a> MutableRecords<'a> {
    pub(crate) fn new(
        store: &'a SharedStore,
        schemas: &'a Schemas,
        context_namespace: &'a str,
        wait: &'a Wait,
    ) -> Self {
        let changes = Changes { partitions: Some(schemas.partitions().clone()), ..Changes::default() };
        Self { store, schemas, context_namespace, wait, failure: None, room: Room::new(), changes }
    }

    /// Why the last function was ended, if it was.
    pub(crate) fn take_failure(&mut self) -> Option<Error> {
        self.failure.take()
    }

    pub(crate) fn into_changes(self) -> Changes {
        self.changes
    }

    fn schema(&self, namespace: &str, table: &str) -> Result<Arc<Schema>> {
        check_namespace(namespace, self.context_namespace)?;
        self.wait.on(self.schemas.of(namespace, table))
    }

    fn selected(&self, selection: &Selection) -> Result<(Arc<Schema>, Key)> {
        let schema = self.schema(&selection.namespace, &selection.table)?;
        let mut key = Key::of(key_value(&schema.partition, &selection.partition_key, "partition key")?);
        if !schema.clustering.is_empty() {
            key = key.at(key_value(&schema.clustering, &selection.clustering_key, "clustering key")?);
        } else if !selection.clustering_key.is_empty() {
            return Err(illegal("the table has no clustering key"));
        }
        Ok((schema, key))
    }

    /// The record as this transaction sees it, read if it was not yet.
    fn touched(&mut self, schema: &Schema, key: &Key) -> Result<&mut Touched> {
        let place = (schema.table.qualified().to_owned(), key.clone());
        if !self.changes.records.contains_key(&place) {
            let found = self.wait.on(self.store.get(&schema.table, key));
            let found = found.map_err(|error| MUTABLE.error(&error))?;
            found.iter().try_for_each(|record| self.room.take_bytes(record.row.size()))?;
            self.changes.saw(&schema.table, key, found.as_deref())?;
        }
        self.changes.records.get_mut(&place).ok_or_else(|| Error::runtime("a record was lost"))
    }

    fn read(&mut self, selection: &Selection) -> Result<Option<Vec<Column>>> {
        let (schema, key) = self.selected(selection)?;
        let touched = self.touched(&schema, &key)?;
        touched.row.as_ref().map(|row| shown(&schema, &key, row)).transpose()
    }

    fn write(&mut self, selection: &Selection, columns: &[Column]) -> Result<()> {
        let (schema, key) = self.selected(selection)?;
        let changed = columns.iter().map(|column| checked(&schema, column)).collect::<Result<Vec<_>>>()?;
        let touched = self.touched(&schema, &key)?;
        let comes = touched.row.is_none();
        let mut values = match &touched.row {
            Some(row) => row.values().to_vec(),
            None => vec![None; schema.columns.len()],
        };
        for (at, value) in changed {
            if let Some(place) = values.get_mut(at) {
                *place = value;
            }
        }
        touched.row = Some(Row::new(values));
        touched.changed = true;
        if comes {
            self.changes.moves(&schema, &key);
        }
        Ok(())
    }

    fn remove(&mut self, selection: &Selection) -> Result<()> {
        let (schema, key) = self.selected(selection)?;
        let touched = self.touched(&schema, &key)?;
        if touched.row.take().is_some() {
            touched.changed = true;
            self.changes.moves(&schema, &key);
        }
        Ok(())
    }

    fn range(&mut self, asked: &DatabaseScan) -> Result<Vec<Vec<Column>>> {
        let schema = self.schema(&asked.namespace, &asked.table)?;
        let partition = key_value(&schema.partition, &asked.partition_key, "partition key")?;
        if schema.clustering.is_empty() {
            if asked.start.is_some() || asked.end.is_some() {
                return Err(illegal("the table has no clustering key"));
            }
            let key = Key::of(partition);
            let touched = self.touched(&schema, &key)?;
            let row = touched.row.as_ref().map(|row| shown(&schema, &key, row)).transpose()?;
            return Ok(row.into_iter().collect());
        }
        let range = bounds(&schema.clustering, asked)?;
        if self.changes.writes_in(&schema.table, &partition, &range) {
            return Err(illegal("scanning records that this transaction has written is not allowed"));
        }
        // Before the records: what comes or goes between is noticed by the commit.
        self.watch(&schema, &partition)?;
        let forward = schema.clustering.first().is_some_and(|first| first.descending);
        let order = match (asked.ordering, forward) {
            (Ordering::Ascending, false) | (Ordering::Descending, true) => Order::Ascending,
            (Ordering::Ascending, true) | (Ordering::Descending, false) => Order::Descending,
        };
        let limit = match asked.limit {
            0 => usize::MAX,
            limit => usize::try_from(limit).unwrap_or(usize::MAX),
        };
        let mut found = Vec::new();
        let mut scan = Scan { partition, range, order, limit: PAGE };
        while found.len() < limit {
            scan.limit = PAGE.min(limit - found.len());
            let page = self.wait.on(self.store.scan(&schema.table, &scan));
            let page = page.map_err(|error| MUTABLE.error(&error))?;
            for record in &page.records {
                self.room.take_bytes(record.row.size())?;
                self.changes.saw(&schema.table, &record.key, Some(record))?;
                found.push(shown(&schema, &record.key, &record.row)?);
            }
            let last = page.records.last().and_then(|record| record.key.clustering.clone());
            let Some(last) = last.filter(|_| page.more) else { break };
            match order {
                Order::Ascending => scan.range.start = Bound::Excluded(last),
                Order::Descending => scan.range.end = Bound::Excluded(last),
            }
        }
        Ok(found)
    }

    fn watch(&mut self, schema: &Schema, partition: &Value) -> Result<()> {
        let key = partition_key(&schema.table, partition);
        if !self.changes.scanned.contains_key(&key) {
            let found = self.wait.on(self.store.get(self.schemas.partitions(), &key));
            let found = found.map_err(|error| MUTABLE.error(&error))?;
            self.changes.scanned.insert(key, found.map(|record| record.version));
        }
        Ok(())
    }

    fn kept<T>(&mut self, work: impl FnOnce(&mut Self) -> Result<T>) -> ContractResult<T> {
        if self.failure.is_some() {
            return Err(ContractError::Interrupted);
        }
        work(self).map_err(|error| {
            self.failure = Some(error);
            ContractError::Interrupted
        })
    }
}

impl Database for MutableRecords<'_> {
    fn get(&mut self, selection: &Selection) -> ContractResult<Option<Vec<Column>>> {
        self.kept(|records| records.read(selection))
    }

    fn scan(&mut self, scan: &DatabaseScan) -> ContractResult<Vec<Vec<Column>>> {
        self.kept(|records| records.range(scan))
    }

    fn put(&mut self, selection: &Selection, columns: &[Column]) -> ContractResult<()> {
        self.kept(|records| records.write(selection, columns))
    }

    fn delete(&mut self, selection: &Selection) -> ContractResult<()> {
        self.kept(|records| records.remove(selection))
    }
}

impl Changes {
    /// Adds what must still hold and what is written.
    pub(crate) fn add_to(&self, mut commit: Commit) -> Commit {
        for ((_, key), touched) in &self.records {
            let (table, key) = (touched.table.clone(), key.clone());
            commit.expectations.push(expectation(table.clone(), key.clone(), touched.version));
            match &touched.row {
                _ if !touched.changed => {}
                Some(row) => commit.writes.push(Write::Put { table, key, row: row.clone() }),
                None => commit.writes.push(Write::Delete { table, key }),
            }
        }
        if let Some(partitions) = &self.partitions {
            for (key, version) in &self.scanned {
                commit.expectations.push(expectation(partitions.clone(), key.clone(), *version));
            }
            for key in self.moved.keys() {
                commit = commit.put(partitions, key.clone(), Row::of([true]));
            }
        }
        commit
    }

    /// Whether a table of the store (`namespace.table`) is one of mutable records.
    pub(crate) fn touches(&self, table: &str) -> bool {
        self.records.keys().any(|(of, _)| of == table)
            || self.partitions.as_ref().is_some_and(|partitions| partitions.qualified() == table)
    }

    fn saw(&mut self, table: &Table, key: &Key, found: Option<&Record>) -> Result<()> {
        if self.records.len() >= RECORDS_MAX {
            return Err(illegal(&format!("one transaction touches at most {RECORDS_MAX} records")));
        }
        let touched = Touched {
            table: table.clone(),
            version: found.map(|record| record.version),
            row: found.map(|record| record.row.clone()),
            changed: false,
        };
        // What was read first counts: the commit finds out if the record has changed since.
        self.records.entry((table.qualified().to_owned(), key.clone())).or_insert(touched);
        Ok(())
    }

    fn moves(&mut self, schema: &Schema, key: &Key) {
        if !schema.clustering.is_empty() {
            self.moved.insert(partition_key(&schema.table, &key.partition), ());
        }
    }

    fn writes_in(&self, table: &Table, partition: &Value, range: &Range) -> bool {
        self.records.iter().any(|((of, key), touched)| {
            touched.changed
                && of == table.qualified()
                && key.partition == *partition
                && key.clustering.as_ref().is_some_and(|clustering| range.contains(clustering))
        })
    }
}

/// Where a partition stands in `mutable_partition`.
fn partition_key(table: &Table, partition: &Value) -> Key {
    let mut bytes = table.qualified().as_bytes().to_vec();
    match partition {
        Value::Text(text) => bytes.extend([&[0], text.as_bytes()].concat()),
        Value::Bytes(part) => bytes.extend([&[0], part.as_ref()].concat()),
        Value::Int(number) => bytes.extend([&[0], number.to_be_bytes().as_slice()].concat()),
        Value::Bool(truth) => bytes.extend([0, u8::from(*truth)]),
    }
    Key::of(Value::Bytes(sha256(&bytes).to_vec().into()))
}

fn expectation(table: Table, key: Key, version: Option<Version>) -> Expect {
    match version {
        Some(version) => Expect::Version { table, key, version },
        None => Expect::Absent { table, key },
    }
}

/// The value of a whole key.
fn key_value(columns: &[KeyColumn], given: &[Column], what: &str) -> Result<Value> {
    if given.len() != columns.len() {
        return Err(illegal(&format!("the {what} has {} columns, given are {}", columns.len(), given.len())));
    }
    if let ([column], [given], true) = (columns, given, is_native(columns)) {
        return Ok(to_store(&key_part(column, given)?));
    }
    key_prefix(columns, given).map(|bytes| Value::Bytes(bytes.into()))
}

/// The bytes of the first columns of a key.
fn key_prefix(columns: &[KeyColumn], given: &[Column]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for (column, given) in columns.iter().zip(given) {
        add_to_key(&mut bytes, &key_part(column, given)?, column.descending);
    }
    Ok(bytes)
}

fn key_part(column: &KeyColumn, given: &Column) -> Result<trustkeep_contract::ColumnValue> {
    if given.name != column.name {
        return Err(illegal(&format!(
            "the column {} of the key is expected, given is {}",
            column.name, given.name
        )));
    }
    let value =
        given.value.clone().ok_or_else(|| illegal(&format!("the key column {} is null", column.name)))?;
    column.kind.check(value).map_err(|why| illegal(&format!("the column {}: {why}", column.name)))
}

/// The clustering keys that a scan covers.
fn bounds(columns: &[KeyColumn], asked: &DatabaseScan) -> Result<Range> {
    if let ([column], true) = (columns, is_native(columns)) {
        let bound = |bound: &Option<(Vec<Column>, bool)>| match bound {
            None => Ok(Bound::Unbounded),
            Some((given, inclusive)) => {
                let value = key_value(std::slice::from_ref(column), given, "boundary")?;
                Ok(if *inclusive { Bound::Included(value) } else { Bound::Excluded(value) })
            }
        };
        return Ok(Range { start: bound(&asked.start)?, end: bound(&asked.end)? });
    }
    let (mut low, mut high) = (Bound::Unbounded, Bound::Unbounded);
    for (given, is_start) in [(&asked.start, true), (&asked.end, false)] {
        let Some((given, inclusive)) = given else { continue };
        let Some(last) = given.len().checked_sub(1) else {
            return Err(illegal("a boundary names no column"));
        };
        let column =
            columns.get(last).ok_or_else(|| illegal("a boundary names more columns than the key has"))?;
        let prefix = key_prefix(columns, given.get(..last).unwrap_or_default())?;
        let whole = key_prefix(columns, given)?;
        // Where greater values come first, the start of the values is the end of the bytes.
        let from_below = is_start != column.descending;
        let edge = match (from_below, *inclusive) {
            (true, true) | (false, false) => Some(whole),
            (true, false) | (false, true) => successor(whole),
        };
        let other = if from_below {
            successor(prefix.clone())
        } else {
            Some(prefix.clone()).filter(|p| !p.is_empty())
        };
        let (edge, other) = (bound(edge, from_below), bound(other, !from_below));
        let (below, above) = if from_below { (edge, other) } else { (other, edge) };
        low = narrower(low, below, true);
        high = narrower(high, above, false);
    }
    Ok(Range { start: low, end: high })
}

/// A bound of bytes: the lower one inclusive, the upper one exclusive.
fn bound(bytes: Option<Vec<u8>>, lower: bool) -> Bound<Value> {
    match bytes {
        None => Bound::Unbounded,
        Some(bytes) if lower => Bound::Included(Value::Bytes(bytes.into())),
        Some(bytes) => Bound::Excluded(Value::Bytes(bytes.into())),
    }
}

fn narrower(one: Bound<Value>, other: Bound<Value>, lower: bool) -> Bound<Value> {
    let value = |bound: &Bound<Value>| match bound {
        Bound::Unbounded => None,
        Bound::Included(value) | Bound::Excluded(value) => Some(value.clone()),
    };
    match (value(&one), value(&other)) {
        (None, _) => other,
        (_, None) => one,
        (Some(first), Some(second)) if (first > second) == lower => one,
        _ => other,
    }
}

/// The first bytes behind everything that begins with these; `None` if there are none.
fn successor(mut bytes: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            return Some(bytes);
        }
    }
    None
}

/// A column outside the key, checked: its place and the store's value.
fn checked(schema: &Schema, column: &Column) -> Result<(usize, Option<Value>)> {
    let found = schema.columns.iter().enumerate().find(|(_, (name, _))| *name == column.name);
    let Some((at, (_, kind))) = found else {
        return Err(illegal(&format!("the column {} is not there, or in the key", column.name)));
    };
    let Some(value) = &column.value else { return Ok((at, None)) };
    let value =
        kind.check(value.clone()).map_err(|why| illegal(&format!("the column {}: {why}", column.name)))?;
    Ok((at, Some(to_store(&value))))
}

/// A record as functions see it: keys first.
fn shown(schema: &Schema, key: &Key, row: &Row) -> Result<Vec<Column>> {
    let mut columns = Vec::with_capacity(schema.columns.len() + 2);
    add_key(&mut columns, &schema.partition, &key.partition)?;
    if let Some(clustering) = &key.clustering {
        add_key(&mut columns, &schema.clustering, clustering)?;
    }
    for (at, (name, kind)) in schema.columns.iter().enumerate() {
        let value = match row.value(at) {
            None => None,
            Some(value) => Some(kind.stored(value).ok_or_else(|| unexpected(name))?),
        };
        columns.push(Column { name: name.clone(), value });
    }
    Ok(columns)
}

fn add_key(columns: &mut Vec<Column>, key: &[KeyColumn], value: &Value) -> Result<()> {
    if let ([column], true) = (key, is_native(key)) {
        let value = column.kind.stored(value).ok_or_else(|| unexpected(&column.name))?;
        columns.push(Column { name: column.name.clone(), value: Some(value) });
        return Ok(());
    }
    let Value::Bytes(bytes) = value else { return Err(unexpected("the key")) };
    let mut rest = bytes.as_ref();
    for column in key {
        let value = take_from_key(&mut rest, column.kind, column.descending);
        let value = value.ok_or_else(|| unexpected(&column.name))?;
        columns.push(Column { name: column.name.clone(), value: Some(value) });
    }
    Ok(())
}

fn unexpected(column: &str) -> Error {
    trustkeep_scalar_domain::errors::unexpected_record(format_args!(
        "the column {column} of a mutable record"
    ))
}

/// 412: what a function asks of the database cannot be.
fn illegal(details: &str) -> Error {
    let text = format!("The database operation in the function failed. Details: {details}");
    ledger(StatusCode::InvalidFunction, 2, text)
}

//! Keys, rows and the records made of them.

use bytes::Bytes;

use crate::Value;

/// A row's version: opaque, compared for equality only. Every change of a row gives it one it never had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub i64);

/// The key of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// The partition; text and bytes of at most 2,048 bytes on DynamoDB, see [`crate::Limits`].
    pub partition: Value,
    /// The place within the partition, for tables that have a clustering key.
    pub clustering: Option<Value>,
}

impl Key {
    /// A key that is a partition key only.
    pub fn of(partition: impl Into<Value>) -> Self {
        Key { partition: partition.into(), clustering: None }
    }

    /// The same partition, at a clustering key.
    pub fn at(mut self, clustering: impl Into<Value>) -> Self {
        self.clustering = Some(clustering.into());
        self
    }

    /// Its size in bytes as limits count it.
    pub fn size(&self) -> usize {
        self.partition.size() + self.clustering.as_ref().map_or(0, Value::size)
    }
}

/// The values of a record's columns, in the order of the table's definition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row(Vec<Option<Value>>);

impl Row {
    /// A row that may leave columns empty.
    pub fn new(values: Vec<Option<Value>>) -> Self {
        Row(values)
    }

    /// A row with every column filled.
    pub fn of<V: Into<Value>>(values: impl IntoIterator<Item = V>) -> Self {
        Row(values.into_iter().map(|value| Some(value.into())).collect())
    }

    /// The values, one a column.
    pub fn values(&self) -> &[Option<Value>] {
        &self.0
    }

    /// The value of column `index`; `None` where it is empty or there is no such column.
    pub fn value(&self, index: usize) -> Option<&Value> {
        self.0.get(index).and_then(Option::as_ref)
    }

    /// Its size in bytes as limits count it.
    pub fn size(&self) -> usize {
        self.0.iter().flatten().map(Value::size).sum()
    }
}

/// A record as it stands in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it stands.
    pub key: Key,
    /// Its version; see [`Version`].
    pub version: Version,
    /// What it holds.
    pub row: Row,
}

impl Record {
    /// Column `index` as text; `None` where it is empty or of another type.
    pub fn text(&self, index: usize) -> Option<&str> {
        self.row.value(index).and_then(Value::as_text)
    }

    /// Column `index` as bytes.
    pub fn bytes(&self, index: usize) -> Option<&Bytes> {
        self.row.value(index).and_then(Value::as_bytes)
    }

    /// Column `index` as an integer.
    pub fn int(&self, index: usize) -> Option<i64> {
        self.row.value(index).and_then(Value::as_int)
    }

    /// Column `index` as a truth value.
    pub fn bool(&self, index: usize) -> Option<bool> {
        self.row.value(index).and_then(Value::as_bool)
    }
}

//! Records as DynamoDB items: text S, bytes B, int N, bool BOOL; an empty column is an absent attribute.
//!
//! An empty text or byte string that is not part of a key is written as NULL, which every version of DynamoDB
//! takes; an empty S or B is read as well.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use trustkeep_store::{ColumnType, Error, Key, Record, Result, Row, Value, Version};

use crate::place::{PhysicalKey, Place};

/// An item as the SDK has it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// DynamoDB's bound on an item with its attribute names.
pub(crate) const ITEM_BYTES_MAX: usize = 400 * 1024;

/// The version of items that were written without one, by another program.
pub(crate) const NO_VERSION: Version = Version(0);

/// A value as an attribute.
pub(crate) fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Text(text) if text.is_empty() => AttributeValue::Null(true),
        Value::Bytes(bytes) if bytes.is_empty() => AttributeValue::Null(true),
        Value::Text(text) => AttributeValue::S(text.clone()),
        Value::Bytes(bytes) => AttributeValue::B(Blob::new(bytes.to_vec())),
        Value::Int(int) => AttributeValue::N(int.to_string()),
        Value::Bool(bool) => AttributeValue::Bool(*bool),
    }
}

/// The key attributes of a row.
pub(crate) fn key_item(place: &Place, key: &PhysicalKey) -> Item {
    let mut item = Item::from([(place.partition.name.clone(), attribute(&key.partition))]);
    if let (Some(column), Some(value)) = (&place.clustering, &key.clustering) {
        item.insert(column.name.clone(), attribute(value));
    }
    item
}

/// A whole row as an item.
///
/// # Errors
/// [`Error::Limit`] if it is larger than DynamoDB takes.
pub(crate) fn encode(place: &Place, key: &PhysicalKey, row: &Row, version: Version) -> Result<Item> {
    let mut item = key_item(place, key);
    item.insert(place.version.clone(), attribute(&Value::Int(version.0)));
    for (name, value) in place.columns.iter().zip(row.values()) {
        if let Some(value) = value {
            item.insert(name.clone(), attribute(value));
        }
    }
    let found = item_bytes(&item);
    if found > ITEM_BYTES_MAX {
        return Err(Error::Limit {
            what: format!(
                "bytes of an item of {} with its attribute names (DynamoDB)",
                place.logical.qualified()
            ),
            found,
            max: ITEM_BYTES_MAX,
        });
    }
    Ok(item)
}

/// The record that an item holds; `None` if the item belongs to another logical table.
///
/// # Errors
/// [`Error::Corrupt`] for an attribute of another type than its column's.
pub(crate) fn decode(place: &Place, item: &Item) -> Result<Option<Arc<Record>>> {
    let part = |column: &crate::place::KeyAttribute| {
        let found = item.get(&column.name).and_then(|attribute| value(attribute, column.kind));
        found.ok_or_else(|| damaged(place, &column.name))
    };
    let physical = PhysicalKey {
        partition: part(&place.partition)?,
        clustering: place.clustering.as_ref().map(part).transpose()?,
    };
    let Some(key) = place.logical(physical) else { return Ok(None) };
    let version = match item.get(&place.version) {
        None => NO_VERSION,
        Some(found) => match value(found, ColumnType::Int) {
            Some(Value::Int(number)) => Version(number),
            _ => return Err(damaged(place, &place.version)),
        },
    };
    let mut values = Vec::with_capacity(place.columns.len());
    for (name, column) in place.columns.iter().zip(place.logical.columns()) {
        values.push(match item.get(name) {
            None => None,
            Some(found) => Some(value(found, column.kind).ok_or_else(|| damaged(place, name))?),
        });
    }
    Ok(Some(Arc::new(Record { key: check_key(place, key)?, version, row: Row::new(values) })))
}

/// The bytes that an item counts for: names and values, an integer at its longest.
pub(crate) fn item_bytes(item: &Item) -> usize {
    let size = |value: &AttributeValue| match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::B(blob) => blob.as_ref().len(),
        AttributeValue::N(_) => 21,
        _ => 1,
    };
    item.iter().map(|(name, value)| name.len() + size(value)).sum()
}

fn value(attribute: &AttributeValue, kind: ColumnType) -> Option<Value> {
    Some(match (attribute, kind) {
        (AttributeValue::Null(true), ColumnType::Text) => Value::Text(String::new()),
        (AttributeValue::Null(true), ColumnType::Bytes) => Value::Bytes(Bytes::new()),
        (AttributeValue::S(text), ColumnType::Text) => Value::Text(text.clone()),
        (AttributeValue::B(blob), ColumnType::Bytes) => Value::Bytes(Bytes::copy_from_slice(blob.as_ref())),
        (AttributeValue::N(number), ColumnType::Int) => Value::Int(number.parse().ok()?),
        (AttributeValue::Bool(bool), ColumnType::Bool) => Value::Bool(*bool),
        _ => return None,
    })
}

fn check_key(place: &Place, key: Key) -> Result<Key> {
    match place.logical.check_key(&key) {
        Ok(()) => Ok(key),
        Err(refused) => Err(Error::Corrupt(format!("an item of {}: {refused}", place.table))),
    }
}

fn damaged(place: &Place, attribute: &str) -> Error {
    Error::Corrupt(format!(
        "an item of the table {}: the attribute {attribute} is missing or of another type than {} has",
        place.table,
        place.logical.qualified()
    ))
}

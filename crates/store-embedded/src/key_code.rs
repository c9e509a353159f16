//! Keys as bytes whose order is the order of the keys.
//!
//! ```text
//! table id ‖ partition ‖ clustering
//! ```
//! The id is one byte up to 239, else `FF` and 4 bytes, big endian: the engine compares the first four bytes of keys
//! fastest, so the partition should begin early. Id 0 is the store's own.
//!
//! Integers are 8 bytes, big endian, sign bit flipped. Text and bytes stand as they are where they end the key;
//! before a clustering key, `00` becomes `00 FF` and `00 01` ends the part, so that a part never is a prefix of
//! another.

use bytes::Bytes;
use trustkeep_store::{ColumnType, Error, Key, Result, Table, Value};

/// The bytes that all keys of a table begin with.
pub(crate) fn table_prefix(id: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_id(&mut bytes, id);
    bytes
}

/// The bytes of a key.
pub(crate) fn encode(id: u32, table: &Table, key: &Key) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 + key.size());
    put_id(&mut bytes, id);
    put_partition(&mut bytes, table, &key.partition);
    if let Some(clustering) = &key.clustering {
        put_last(&mut bytes, clustering);
    }
    bytes
}

/// The bytes that all keys of a partition begin with; of a table with a clustering key.
pub(crate) fn partition_prefix(id: u32, table: &Table, partition: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(16 + partition.size());
    put_id(&mut bytes, id);
    put_partition(&mut bytes, table, partition);
    bytes
}

/// `prefix` followed by a clustering key.
pub(crate) fn within(prefix: &[u8], clustering: &Value) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(prefix.len() + clustering.size());
    bytes.extend_from_slice(prefix);
    put_last(&mut bytes, clustering);
    bytes
}

/// The smallest bytes that are greater than everything that begins with `prefix`. `None` if nothing is.
pub(crate) fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = prefix.to_vec();
    while let Some(last) = bytes.pop() {
        if last < u8::MAX {
            bytes.push(last + 1);
            return Some(bytes);
        }
    }
    None
}

/// The key that `encode` made these bytes of.
pub(crate) fn decode(table: &Table, bytes: &[u8]) -> Result<Key> {
    let damaged = || Error::Corrupt(format!("a key of {} cannot be read", table.qualified()));
    let id_bytes = if bytes.first() == Some(&WIDE_ID) { 5 } else { 1 };
    let (_, mut rest) = bytes.split_at_checked(id_bytes).ok_or_else(damaged)?;
    let Some(clustering) = table.clustering() else {
        return Ok(Key {
            partition: last(table.partition().kind, rest).ok_or_else(damaged)?,
            clustering: None,
        });
    };
    let partition = match table.partition().kind {
        ColumnType::Int => {
            let (int, behind) = rest.split_at_checked(8).ok_or_else(damaged)?;
            rest = behind;
            last(ColumnType::Int, int)
        }
        kind => {
            let (part, behind) = unescape(rest).ok_or_else(damaged)?;
            rest = behind;
            last(kind, &part)
        }
    };
    let clustering = last(clustering.kind, rest);
    Ok(Key { partition: partition.ok_or_else(damaged)?, clustering: Some(clustering.ok_or_else(damaged)?) })
}

fn put_id(bytes: &mut Vec<u8>, id: u32) {
    match u8::try_from(id) {
        Ok(id @ ..=SMALL_ID_MAX) => bytes.push(id),
        _ => {
            bytes.push(WIDE_ID);
            bytes.extend_from_slice(&id.to_be_bytes());
        }
    }
}

fn put_partition(bytes: &mut Vec<u8>, table: &Table, partition: &Value) {
    let part = match partition {
        _ if table.clustering().is_none() => return put_last(bytes, partition),
        Value::Int(_) | Value::Bool(_) => return put_last(bytes, partition),
        Value::Text(text) => text.as_bytes(),
        Value::Bytes(part) => part,
    };
    for byte in part {
        bytes.push(*byte);
        if *byte == 0 {
            bytes.push(0xff);
        }
    }
    bytes.extend_from_slice(&[0, 1]);
}

fn put_last(bytes: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Text(text) => bytes.extend_from_slice(text.as_bytes()),
        Value::Bytes(part) => bytes.extend_from_slice(part),
        Value::Int(int) => bytes.extend_from_slice(&(*int as u64 ^ SIGN).to_be_bytes()),
        Value::Bool(bool) => bytes.push(u8::from(*bool)),
    }
}

fn last(kind: ColumnType, bytes: &[u8]) -> Option<Value> {
    Some(match kind {
        ColumnType::Text => Value::Text(std::str::from_utf8(bytes).ok()?.to_owned()),
        ColumnType::Bytes => Value::Bytes(Bytes::copy_from_slice(bytes)),
        ColumnType::Int => Value::Int((u64::from_be_bytes(bytes.try_into().ok()?) ^ SIGN) as i64),
        ColumnType::Bool => return None,
    })
}

fn unescape(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut part = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    loop {
        match rest {
            [0, 0xff, behind @ ..] => {
                part.push(0);
                rest = behind;
            }
            [0, 1, behind @ ..] => return Some((part, behind)),
            [0, ..] | [] => return None,
            [byte, behind @ ..] => {
                part.push(*byte);
                rest = behind;
            }
        }
    }
}

const SIGN: u64 = 1 << 63;
const SMALL_ID_MAX: u8 = 239;
const WIDE_ID: u8 = 0xff;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(partition: ColumnType, clustering: Option<ColumnType>) -> Table {
        let builder = Table::define("test", "keys").partition("p", partition);
        match clustering {
            Some(kind) => builder.clustering("c", kind),
            None => builder,
        }
        .build()
        .unwrap()
    }

    fn any_of(kind: ColumnType) -> BoxedStrategy<Value> {
        match kind {
            ColumnType::Text => "[a-c\u{1}\u{7f}é]{1,5}".prop_map(Value::Text).boxed(),
            ColumnType::Int => any::<i64>().prop_map(Value::Int).boxed(),
            _ => proptest::collection::vec(prop_oneof![Just(0u8), Just(1), Just(255), any::<u8>()], 1..5)
                .prop_map(|bytes| Value::Bytes(bytes.into()))
                .boxed(),
        }
    }

    fn kinds() -> impl Strategy<Value = (ColumnType, Option<ColumnType>)> {
        let kind = prop_oneof![Just(ColumnType::Text), Just(ColumnType::Bytes), Just(ColumnType::Int)];
        (kind.clone(), proptest::option::of(kind))
    }

    fn two_keys() -> impl Strategy<Value = (Table, Key, Key)> {
        kinds().prop_flat_map(|(partition, clustering)| {
            let key = move || {
                let clustering =
                    clustering.map(any_of).map_or(Just(None).boxed(), |kind| kind.prop_map(Some).boxed());
                (any_of(partition), clustering)
                    .prop_map(|(partition, clustering)| Key { partition, clustering })
            };
            (Just(table(partition, clustering)), key(), key())
        })
    }

    proptest! {
        #[test]
        fn bytes_order_as_keys_do_and_give_the_key_back((table, a, b) in two_keys()) {
            let (one, two) = (encode(7, &table, &a), encode(7, &table, &b));
            prop_assert_eq!(one.cmp(&two), a.cmp(&b));
            prop_assert_eq!(decode(&table, &one).unwrap(), a.clone());
            if table.clustering().is_some() {
                let prefix = partition_prefix(7, &table, &a.partition);
                prop_assert_eq!(two.starts_with(&prefix), a.partition == b.partition);
                prop_assert!(one < successor(&prefix).unwrap());
            }
        }

        #[test]
        fn no_bytes_make_decoding_panic(bytes in proptest::collection::vec(any::<u8>(), 0..24), (p, c) in kinds()) {
            let _ = decode(&table(p, c), &bytes);
        }
    }

    #[test]
    fn the_bytes_are_fixed() {
        let table = table(ColumnType::Bytes, Some(ColumnType::Int));
        let bytes = encode(3, &table, &Key::of(vec![7, 0, 9]).at(-1));
        assert_eq!(bytes, [3, 7, 0, 0xff, 9, 0, 1, 0x7f, 255, 255, 255, 255, 255, 255, 255]);
        let wide = encode(0x0102, &table, &Key::of(vec![7]).at(0));
        assert_eq!(wide[..8], [0xff, 0, 0, 1, 2, 7, 0, 1]);
        assert_eq!(decode(&table, &wide).unwrap(), Key::of(vec![7]).at(0));
        assert_eq!(successor(&[1, 255, 255]).unwrap(), [2]);
        assert_eq!(successor(&[255]), None);
    }
}

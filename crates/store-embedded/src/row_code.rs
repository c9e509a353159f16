//! Rows as bytes.
//!
//! ```text
//! format (1) = 1 ‖ version (8, little endian) ‖ a column after the other
//! column: 0 empty · 1 text, length, bytes · 2 bytes, length, bytes · 3 integer (8, little endian) · 4 false · 5 true
//! ```
//! Lengths are LEB128. The version stands at a fixed place, so that the committer fills it in last.

use bytes::Bytes;
use trustkeep_store::{Error, Key, Record, Result, Row, Table, Value, Version};

const FORMAT: u8 = 1;
const VERSION_AT: std::ops::Range<usize> = 1..9;

/// The bytes of a row whose version is not known yet; see [`set_version`].
pub(crate) fn encode(row: &Row) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(VERSION_AT.end + row.size() + 4 * row.values().len());
    bytes.push(FORMAT);
    bytes.extend_from_slice(&[0; 8]);
    for value in row.values() {
        match value {
            None => bytes.push(0),
            Some(Value::Text(text)) => {
                bytes.push(1);
                put_long(&mut bytes, text.as_bytes());
            }
            Some(Value::Bytes(long)) => {
                bytes.push(2);
                put_long(&mut bytes, long);
            }
            Some(Value::Int(int)) => {
                bytes.push(3);
                bytes.extend_from_slice(&int.to_le_bytes());
            }
            Some(Value::Bool(bool)) => bytes.push(4 + u8::from(*bool)),
        }
    }
    bytes
}

/// Writes the version into encoded bytes.
pub(crate) fn set_version(bytes: &mut [u8], version: Version) {
    if let Some(place) = bytes.get_mut(VERSION_AT) {
        place.copy_from_slice(&version.0.to_le_bytes());
    }
}

/// The record that the bytes hold.
pub(crate) fn decode(table: &Table, key: Key, bytes: &[u8]) -> Result<Record> {
    let (version, row) = read(bytes, table.columns().len()).ok_or_else(|| match bytes.first() {
        Some(format) if *format != FORMAT => Error::Schema(format!(
            "a row of {} has format {format}, this program reads {FORMAT}: use the newer program",
            table.qualified()
        )),
        _ => Error::Corrupt(format!("the row {key:?} of {} cannot be read", table.qualified())),
    })?;
    Ok(Record { key, version, row })
}

fn read(bytes: &[u8], columns: usize) -> Option<(Version, Row)> {
    let mut rest = bytes;
    if take(&mut rest, 1)? != [FORMAT] {
        return None;
    }
    let version = Version(i64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?));
    let mut values = Vec::with_capacity(columns);
    while let [kind, behind @ ..] = rest {
        rest = behind;
        values.push(match kind {
            0 => None,
            1 => Some(Value::Text(std::str::from_utf8(take_long(&mut rest)?).ok()?.to_owned())),
            2 => Some(Value::Bytes(Bytes::copy_from_slice(take_long(&mut rest)?))),
            3 => Some(Value::Int(i64::from_le_bytes(take(&mut rest, 8)?.try_into().ok()?))),
            4 => Some(Value::Bool(false)),
            5 => Some(Value::Bool(true)),
            _ => return None,
        });
    }
    (values.len() == columns).then(|| (version, Row::new(values)))
}

/// Appends a length and the bytes.
pub(crate) fn put_long(bytes: &mut Vec<u8>, long: &[u8]) {
    let mut length = long.len();
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes.extend_from_slice(long);
}

/// Takes a length and as many bytes off the front.
pub(crate) fn take_long<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0usize;
    for shift in (0..35).step_by(7) {
        let byte = *take(rest, 1)?.first()?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return take(rest, length);
        }
    }
    None
}

/// Takes `count` bytes off the front.
pub(crate) fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (front, behind) = rest.split_at_checked(count)?;
    *rest = behind;
    Some(front)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use trustkeep_store::ColumnType::{Bool, Bytes as Blob, Int, Text};

    use super::*;

    fn table() -> Table {
        let table = Table::define("test", "rows").partition("p", Int);
        table.column("t", Text).column("b", Blob).column("i", Int).column("f", Bool).build().unwrap()
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            text in proptest::option::of(".{0,40}"), blob in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
            int in proptest::option::of(any::<i64>()), flag in proptest::option::of(any::<bool>()), version in any::<i64>(),
        ) {
            let row = Row::new(vec![
                text.map(Value::from), blob.map(Value::from), int.map(Value::from), flag.map(Value::from),
            ]);
            let mut bytes = encode(&row);
            set_version(&mut bytes, Version(version));
            let record = decode(&table(), Key::of(1), &bytes).unwrap();
            prop_assert_eq!(record, Record { key: Key::of(1), version: Version(version), row });
            prop_assert!(decode(&table(), Key::of(1), &bytes[..bytes.len() - 1]).is_err());
        }

        #[test]
        fn no_bytes_make_decoding_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = decode(&table(), Key::of(1), &bytes);
            if let Some(first) = bytes.first_mut() { *first = FORMAT; }
            let _ = decode(&table(), Key::of(1), &bytes);
        }
    }

    #[test]
    fn the_bytes_are_fixed() {
        let row = Row::new(vec![
            Some("né".into()),
            Some(vec![9u8; 130].into()),
            Some((-2).into()),
            Some(true.into()),
        ]);
        let mut bytes = encode(&row);
        set_version(&mut bytes, Version(0x0102));
        let mut expected = vec![1, 2, 1, 0, 0, 0, 0, 0, 0, 1, 3, b'n', 0xc3, 0xa9, 2, 0x82, 1];
        expected.extend([9; 130]);
        expected.extend([3, 254, 255, 255, 255, 255, 255, 255, 255, 5]);
        assert_eq!(bytes, expected);
    }

    #[test]
    fn another_format_is_named() {
        let error = decode(&table(), Key::of(1), &[9, 0, 0]).unwrap_err();
        assert!(matches!(&error, Error::Schema(message) if message.contains("format 9")), "{error}");
    }
}

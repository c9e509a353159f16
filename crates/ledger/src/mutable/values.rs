//! Values of ScalarDB's types: how a store keeps them, and in bytes whose order is the values' own.

use bytes::Bytes;
use jiff::civil::{Date, DateTime, Time};
use trustkeep_contract::ColumnValue;
use trustkeep_store::{ColumnType, Value};

/// BIGINT reaches this far in both directions: 2^53.
const BIGINT_MAX: i64 = 1 << 53;

/// The years that ScalarDB takes: their texts sort as they do.
const YEARS: std::ops::RangeInclusive<i16> = 1000..=9999;

/// ScalarDB's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataType {
    Boolean,
    Int,
    BigInt,
    Float,
    Double,
    Text,
    Blob,
    Date,
    Time,
    Timestamp,
    TimestampTz,
}

impl DataType {
    /// As a schema names it, in any case of letters.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "BOOLEAN" => Self::Boolean,
            "INT" => Self::Int,
            "BIGINT" => Self::BigInt,
            "FLOAT" => Self::Float,
            "DOUBLE" => Self::Double,
            "TEXT" => Self::Text,
            "BLOB" => Self::Blob,
            "DATE" => Self::Date,
            "TIME" => Self::Time,
            "TIMESTAMP" => Self::Timestamp,
            "TIMESTAMPTZ" => Self::TimestampTz,
            _ => return None,
        })
    }

    /// The type of the store's column that keeps it. What stores have no type for is kept as text, so that people can
    /// read it.
    pub(crate) fn column(self) -> ColumnType {
        match self {
            Self::Boolean => ColumnType::Bool,
            Self::Int | Self::BigInt => ColumnType::Int,
            Self::Blob => ColumnType::Bytes,
            _ => ColumnType::Text,
        }
    }

    /// Whether a store can keep it as a key as it is, in its own order.
    pub(crate) fn is_native_key(self) -> bool {
        matches!(self, Self::Int | Self::BigInt | Self::Text | Self::Blob)
    }

    /// Checks that a value is of this type and in its one form.
    ///
    /// # Errors
    /// Says what is wrong.
    pub(crate) fn check(self, value: ColumnValue) -> Result<ColumnValue, String> {
        use ColumnValue as V;
        match (self, value) {
            (Self::BigInt, V::BigInt(number)) if !(-BIGINT_MAX..=BIGINT_MAX).contains(&number) => {
                Err(format!("{number} is out of the range of BIGINT, -2^53 to 2^53"))
            }
            (Self::Text, V::Text(text)) if text.contains('\0') => {
                Err("a text must not contain the NUL character".into())
            }
            (Self::Date, V::Date(text)) => date(&text).map(|date| V::Date(date.to_string())),
            (Self::Time, V::Time(text)) => time(&text).map(|time| V::Time(shown_time(time, 6))),
            (Self::Timestamp, V::Timestamp(text)) => {
                date_time(&text).map(|at| V::Timestamp(shown_date_time(at)))
            }
            (Self::TimestampTz, V::TimestampTz(text)) => {
                zoned(&text).map(|at| V::TimestampTz(format!("{} Z", shown_date_time(at))))
            }
            (
                Self::Boolean
                | Self::Int
                | Self::BigInt
                | Self::Float
                | Self::Double
                | Self::Text
                | Self::Blob,
                value,
            ) if Self::of(&value) == self => Ok(value),
            (_, value) => Err(format!("it is of the type {self:?}, the value is {:?}", Self::of(&value))),
        }
    }

    /// The type of a value.
    pub(crate) fn of(value: &ColumnValue) -> Self {
        match value {
            ColumnValue::Boolean(_) => Self::Boolean,
            ColumnValue::Int(_) => Self::Int,
            ColumnValue::BigInt(_) => Self::BigInt,
            ColumnValue::Float(_) => Self::Float,
            ColumnValue::Double(_) => Self::Double,
            ColumnValue::Text(_) => Self::Text,
            ColumnValue::Blob(_) => Self::Blob,
            ColumnValue::Date(_) => Self::Date,
            ColumnValue::Time(_) => Self::Time,
            ColumnValue::Timestamp(_) => Self::Timestamp,
            ColumnValue::TimestampTz(_) => Self::TimestampTz,
        }
    }

    /// A value as the store gave it back; `None` if nobody can have put it there.
    pub(crate) fn stored(self, value: &Value) -> Option<ColumnValue> {
        Some(match (self, value) {
            (Self::Boolean, Value::Bool(truth)) => ColumnValue::Boolean(*truth),
            (Self::Int, Value::Int(number)) => ColumnValue::Int(i32::try_from(*number).ok()?),
            (Self::BigInt, Value::Int(number)) => ColumnValue::BigInt(*number),
            (Self::Blob, Value::Bytes(bytes)) => ColumnValue::Blob(bytes.clone()),
            (Self::Float, Value::Text(text)) => ColumnValue::Float(text.parse().ok()?),
            (Self::Double, Value::Text(text)) => ColumnValue::Double(text.parse().ok()?),
            (Self::Text, Value::Text(text)) => ColumnValue::Text(text.clone()),
            (Self::Date, Value::Text(text)) => ColumnValue::Date(text.clone()),
            (Self::Time, Value::Text(text)) => ColumnValue::Time(text.clone()),
            (Self::Timestamp, Value::Text(text)) => ColumnValue::Timestamp(text.clone()),
            (Self::TimestampTz, Value::Text(text)) => ColumnValue::TimestampTz(text.clone()),
            _ => return None,
        })
    }
}

/// A checked value as the store keeps it.
pub(crate) fn to_store(value: &ColumnValue) -> Value {
    match value {
        ColumnValue::Boolean(truth) => Value::Bool(*truth),
        ColumnValue::Int(number) => Value::Int(i64::from(*number)),
        ColumnValue::BigInt(number) => Value::Int(*number),
        // The shortest digits that give the same number back.
        ColumnValue::Float(number) => Value::Text(format!("{number:?}")),
        ColumnValue::Double(number) => Value::Text(format!("{number:?}")),
        ColumnValue::Blob(bytes) => Value::Bytes(bytes.clone()),
        ColumnValue::Text(text)
        | ColumnValue::Date(text)
        | ColumnValue::Time(text)
        | ColumnValue::Timestamp(text)
        | ColumnValue::TimestampTz(text) => Value::Text(text.clone()),
    }
}

/// Adds a checked value to a key, so that bytes compare as values do; `descending` turns their order round.
pub(crate) fn add_to_key(key: &mut Vec<u8>, value: &ColumnValue, descending: bool) {
    let begin = key.len();
    match value {
        ColumnValue::Boolean(truth) => key.push(u8::from(*truth)),
        ColumnValue::Int(number) => key.extend((number.cast_unsigned() ^ (1 << 31)).to_be_bytes()),
        ColumnValue::BigInt(number) => key.extend((number.cast_unsigned() ^ (1 << 63)).to_be_bytes()),
        ColumnValue::Float(number) => {
            // Zero has one form, so that it is one key.
            let bits = (number + 0.0).to_bits();
            let flip = if bits >> 31 == 1 { u32::MAX } else { 1 << 31 };
            key.extend((bits ^ flip).to_be_bytes());
        }
        ColumnValue::Double(number) => {
            let bits = (number + 0.0).to_bits();
            let flip = if bits >> 63 == 1 { u64::MAX } else { 1 << 63 };
            key.extend((bits ^ flip).to_be_bytes());
        }
        ColumnValue::Blob(bytes) => add_bytes(key, bytes),
        ColumnValue::Text(text) | ColumnValue::Date(text) => add_bytes(key, text.as_bytes()),
        ColumnValue::Time(text) | ColumnValue::Timestamp(text) | ColumnValue::TimestampTz(text) => {
            add_bytes(key, text.trim_end_matches(" Z").as_bytes());
        }
    }
    if descending {
        key.iter_mut().skip(begin).for_each(|byte| *byte = !*byte);
    }
}

/// Takes a value off the front of a key; the rest stays. `None` for bytes that are no such key.
pub(crate) fn take_from_key(key: &mut &[u8], kind: DataType, descending: bool) -> Option<ColumnValue> {
    let turned = |bytes: &[u8]| -> Vec<u8> {
        bytes.iter().map(|byte| if descending { !*byte } else { *byte }).collect()
    };
    let fixed = |key: &mut &[u8], len: usize| -> Option<Vec<u8>> {
        let (head, tail) = key.split_at_checked(len)?;
        *key = tail;
        Some(turned(head))
    };
    Some(match kind {
        DataType::Boolean => ColumnValue::Boolean(*fixed(key, 1)?.first()? == 1),
        DataType::Int => {
            let bits = u32::from_be_bytes(fixed(key, 4)?.try_into().ok()?);
            ColumnValue::Int((bits ^ (1 << 31)).cast_signed())
        }
        DataType::BigInt => {
            let bits = u64::from_be_bytes(fixed(key, 8)?.try_into().ok()?);
            ColumnValue::BigInt((bits ^ (1 << 63)).cast_signed())
        }
        DataType::Float => {
            let bits = u32::from_be_bytes(fixed(key, 4)?.try_into().ok()?);
            ColumnValue::Float(f32::from_bits(bits ^ if bits >> 31 == 0 { u32::MAX } else { 1 << 31 }))
        }
        DataType::Double => {
            let bits = u64::from_be_bytes(fixed(key, 8)?.try_into().ok()?);
            ColumnValue::Double(f64::from_bits(bits ^ if bits >> 63 == 0 { u64::MAX } else { 1 << 63 }))
        }
        _ => {
            let rest = turned(key);
            let (bytes, len) = take_bytes(&rest)?;
            *key = key.get(len..)?;
            let text = || String::from_utf8(bytes.clone()).ok();
            match kind {
                DataType::Blob => ColumnValue::Blob(Bytes::from(bytes)),
                DataType::Text => ColumnValue::Text(text()?),
                DataType::Date => ColumnValue::Date(text()?),
                DataType::Time => ColumnValue::Time(text()?),
                DataType::Timestamp => ColumnValue::Timestamp(text()?),
                _ => ColumnValue::TimestampTz(format!("{} Z", text()?)),
            }
        }
    })
}

/// Bytes, each 0 as 0 255, and 0 1 behind them: what is shorter sorts first.
fn add_bytes(key: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        key.push(*byte);
        if *byte == 0 {
            key.push(255);
        }
    }
    key.extend([0, 1]);
}

/// The bytes at the front, and how long their form is.
fn take_bytes(key: &[u8]) -> Option<(Vec<u8>, usize)> {
    let mut bytes = Vec::new();
    let mut rest = key.iter().enumerate();
    while let Some((_, byte)) = rest.next() {
        match byte {
            0 => match rest.next()? {
                (_, 255) => bytes.push(0),
                (at, 1) => return Some((bytes, at + 1)),
                _ => return None,
            },
            byte => bytes.push(*byte),
        }
    }
    None
}

fn date(text: &str) -> Result<Date, String> {
    let date: Option<Date> = text.parse().ok();
    date.filter(|date| YEARS.contains(&date.year()))
        .ok_or_else(|| format!("{text:?} is not a date of the form YYYY-MM-DD, from the year 1000 on"))
}

fn time(text: &str) -> Result<Time, String> {
    let form = || format!("{text:?} is not a time of the form HH:MM[:SS[.FFFFFF]]");
    let time: Time = text.parse().map_err(|_| form())?;
    if time.subsec_nanosecond() % 1_000 == 0 { Ok(time) } else { Err(form()) }
}

fn date_time(text: &str) -> Result<DateTime, String> {
    let form = || format!("{text:?} is not a timestamp of the form YYYY-MM-DD HH:MM[:SS[.FFF]]");
    let at: DateTime = text.parse().map_err(|_| form())?;
    let exact = at.subsec_nanosecond() % 1_000_000 == 0 && YEARS.contains(&at.year());
    if exact { Ok(at) } else { Err(form()) }
}

fn zoned(text: &str) -> Result<DateTime, String> {
    let form = || format!("{text:?} is not a timestamp of the form YYYY-MM-DD HH:MM[:SS[.FFF]] Z");
    let plain = text.strip_suffix('Z').map(str::trim_end).ok_or_else(form)?;
    date_time(plain).map_err(|_| form())
}

/// Hours, minutes and seconds, and `digits` of the fraction: always of one length, so that text sorts as time does.
fn shown_time(time: Time, digits: u32) -> String {
    let fraction = time.subsec_nanosecond() / 10_i32.pow(9 - digits);
    let width = digits as usize;
    format!("{:02}:{:02}:{:02}.{fraction:0width$}", time.hour(), time.minute(), time.second())
}

fn shown_date_time(at: DateTime) -> String {
    format!("{} {}", at.date(), shown_time(at.time(), 3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ColumnValue as V;

    #[test]
    fn keys_sort_as_their_values_and_come_back() {
        let rising: Vec<Vec<V>> = vec![
            [i32::MIN, -1, 0, 1, i32::MAX].map(V::Int).into(),
            [-BIGINT_MAX, -1, 0, 7, BIGINT_MAX].map(V::BigInt).into(),
            [f32::NEG_INFINITY, -1.5, 0.0, 1e-9, 3.0].map(V::Float).into(),
            [f64::MIN, -0.1, 0.0, 0.1, f64::MAX].map(V::Double).into(),
            ["", "\u{1}", "a", "a\u{1}", "ab", "b"].map(|text| V::Text(text.into())).into(),
            [&[][..], &[0], &[0, 0], &[0, 1], &[1], &[255]]
                .map(|bytes| V::Blob(bytes.to_vec().into()))
                .into(),
            ["01:02:03.000000", "01:02:03.000001", "11:00:00.000000"].map(|text| V::Time(text.into())).into(),
            [false, true].map(V::Boolean).into(),
        ];
        for values in rising {
            for descending in [false, true] {
                let keys: Vec<Vec<u8>> = values
                    .iter()
                    .map(|value| {
                        let mut key = Vec::new();
                        add_to_key(&mut key, value, descending);
                        // Whatever follows must not change the order.
                        add_to_key(&mut key, &V::Int(0), false);
                        key
                    })
                    .collect();
                let mut sorted = keys.clone();
                sorted.sort();
                if descending {
                    sorted.reverse();
                }
                assert_eq!(keys, sorted, "{values:?}");
                for (key, value) in keys.iter().zip(&values) {
                    let mut rest = key.as_slice();
                    let back = take_from_key(&mut rest, DataType::of(value), descending);
                    assert_eq!(back.as_ref(), Some(value));
                    assert_eq!(take_from_key(&mut rest, DataType::Int, false), Some(V::Int(0)));
                    assert!(rest.is_empty());
                }
            }
        }
    }

    #[test]
    fn values_have_one_form_and_come_back_from_the_store() {
        for (kind, given, kept) in [
            (DataType::Date, V::Date("2024-02-29".into()), V::Date("2024-02-29".into())),
            (DataType::Time, V::Time("01:02".into()), V::Time("01:02:00.000000".into())),
            (
                DataType::Timestamp,
                V::Timestamp("2024-01-02 03:04:05.6".into()),
                V::Timestamp("2024-01-02 03:04:05.600".into()),
            ),
            (
                DataType::TimestampTz,
                V::TimestampTz("2024-01-02 03:04 Z".into()),
                V::TimestampTz("2024-01-02 03:04:00.000 Z".into()),
            ),
            (DataType::Double, V::Double(0.1), V::Double(0.1)),
            (DataType::Float, V::Float(1e20), V::Float(1e20)),
        ] {
            let checked = kind.check(given).unwrap();
            assert_eq!(checked, kept);
            assert_eq!(kind.stored(&to_store(&checked)), Some(kept));
        }
        for (kind, bad) in [
            (DataType::Int, V::BigInt(1)),
            (DataType::BigInt, V::BigInt(BIGINT_MAX + 1)),
            (DataType::Date, V::Date("2023-02-29".into())),
            (DataType::Time, V::Time("01:02:03.0000001".into())),
            (DataType::TimestampTz, V::TimestampTz("2024-01-02 03:04".into())),
            (DataType::Text, V::Text("a\0".into())),
        ] {
            assert!(kind.check(bad.clone()).is_err(), "{bad:?}");
        }
    }
}

//! `PutToMutableDatabase`: the HashStore client's function, which puts one mutable record beside an object.

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;

use super::call::{broken, parse, refusal};
use super::temporal::{date, time, timestamp};
use crate::json::{Json, Number};
use crate::{Column, ColumnValue, Database, Error, Function, FunctionCall, Result, Selection};

pub(super) struct PutToMutableDatabase;

impl Function for PutToMutableDatabase {
    fn invoke(&self, database: &mut dyn Database, call: FunctionCall<'_>) -> Result<Option<String>> {
        let argument = call.function_argument.map(parse).transpose()?.ok_or_else(invalid)?;
        let text = |name| argument.get(name).and_then(Json::as_str).map(str::to_owned).ok_or_else(invalid);
        let (namespace, table) = (text("namespace")?, text("table")?);
        let partition_key = columns(argument.get("partition_key"))?;
        if partition_key.is_empty() {
            return Err(invalid());
        }
        let clustering_key = columns(argument.get("clustering_key"))?;
        let values = columns(argument.get("columns"))?;
        let selection = Selection { namespace, table, partition_key, clustering_key };
        // A write that nobody read before would not be isolated from others.
        database.get(&selection)?;
        database.put(&selection, &values)?;
        Ok(None)
    }
}

fn invalid() -> Error {
    refusal("The specified format of the PutToMutableDatabase function argument is invalid.")
}

fn columns(given: Option<&Json>) -> Result<Vec<Column>> {
    match given {
        None => Ok(Vec::new()),
        Some(Json::Array(columns)) => columns.iter().map(column).collect(),
        Some(_) => Err(invalid()),
    }
}

fn column(given: &Json) -> Result<Column> {
    let text = |name| given.get(name).and_then(Json::as_str).ok_or_else(invalid);
    let name = text("column_name")?.to_owned();
    let value = given.get("value").ok_or_else(invalid)?;
    let data_type = text("data_type")?.to_ascii_uppercase();
    let value = match (data_type.as_str(), value) {
        (
            "BOOLEAN" | "INT" | "BIGINT" | "FLOAT" | "DOUBLE" | "TEXT" | "BLOB" | "DATE" | "TIME"
            | "TIMESTAMP" | "TIMESTAMPTZ",
            Json::Null,
        ) => None,
        ("BOOLEAN", Json::Boolean(value)) => Some(ColumnValue::Boolean(*value)),
        ("INT", Json::Number(value)) => Some(ColumnValue::Int(value.as_i32().ok_or_else(invalid)?)),
        ("BIGINT", Json::Number(Number::Integer(value))) => Some(ColumnValue::BigInt(big_int(*value)?)),
        #[expect(clippy::cast_possible_truncation, reason = "to the nearest float, as in Java")]
        ("FLOAT", Json::Number(Number::Double(value))) => Some(ColumnValue::Float(*value as f32)),
        ("DOUBLE", Json::Number(Number::Double(value))) => Some(ColumnValue::Double(*value)),
        ("TEXT", Json::String(value)) => Some(ColumnValue::Text(value.clone())),
        ("BLOB", Json::String(value)) => Some(ColumnValue::Blob(blob(value).ok_or_else(invalid)?)),
        ("DATE", Json::String(value)) => Some(ColumnValue::Date(date(value)?.ok_or_else(invalid)?)),
        ("TIME", Json::String(value)) => Some(ColumnValue::Time(time(value).ok_or_else(invalid)?)),
        ("TIMESTAMP", Json::String(value)) => {
            Some(ColumnValue::Timestamp(timestamp(value)?.ok_or_else(invalid)?))
        }
        ("TIMESTAMPTZ", Json::String(value)) => {
            let value = timestamp(value.strip_suffix(" Z").ok_or_else(invalid)?)?.ok_or_else(invalid)?;
            Some(ColumnValue::TimestampTz(format!("{value} Z")))
        }
        _ => return Err(invalid()),
    };
    Ok(Column { name, value })
}

/// What ScalarDB keeps in a BIGINT: integers that a double holds exactly.
const BIG_INT: std::ops::RangeInclusive<i64> = -(1 << 53)..=1 << 53;

fn big_int(value: i64) -> Result<i64> {
    if BIG_INT.contains(&value) {
        Ok(value)
    } else {
        Err(broken(format_args!("{value} is out of range for BIGINT")))
    }
}

/// Jackson's reading of Base64: spaces between, padding required, spare bits ignored.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

fn blob(text: &str) -> Option<Bytes> {
    let text: String = text.chars().filter(|c| *c > ' ').collect();
    BASE64.decode(text).ok().map(Bytes::from)
}

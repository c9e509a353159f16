//! Records of the mutable database, as a function in another language names, gives and gets them.
//!
//! A column is `column_name`, `value`, `data_type`, as in the argument of `object.v1_0_0.PutToMutableDatabase`; a
//! record that was read is an object from column names to values.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;

use super::{GuestError, Members};
use crate::json::{Json, Number, write_string};
use crate::{Column, ColumnValue, DatabaseScan, Ordering, Selection};

/// One record: `namespace`, `table`, `partition_key` and, where the table has one, `clustering_key`.
///
/// # Errors
/// [`GuestError`] for another member, or a value of another kind.
pub fn selection(text: &str) -> Result<Selection, GuestError> {
    let given = Json::parse(text)?;
    let members = Members::of(&given, "key", &["namespace", "table", "partition_key", "clustering_key"])?;
    members.selection()
}

/// One record and the columns to put: as [`selection`], and `columns`.
///
/// # Errors
/// As [`selection`].
pub fn put(text: &str) -> Result<(Selection, Vec<Column>), GuestError> {
    let given = Json::parse(text)?;
    let known = ["namespace", "table", "partition_key", "clustering_key", "columns"];
    let members = Members::of(&given, "record", &known)?;
    Ok((members.selection()?, members.columns("columns")?))
}

/// The records of a partition: `namespace`, `table`, `partition_key`, and where wanted `start` and `end` (each with a
/// `clustering_key` and `inclusive`, which is true unless said), `order` (`asc`, the default, or `desc`) and `limit`.
///
/// # Errors
/// As [`selection`].
pub fn database_scan(text: &str) -> Result<DatabaseScan, GuestError> {
    let given = Json::parse(text)?;
    let known = ["namespace", "table", "partition_key", "start", "end", "order", "limit"];
    let members = Members::of(&given, "scan", &known)?;
    Ok(DatabaseScan {
        namespace: members.text("namespace")?.to_owned(),
        table: members.text("table")?.to_owned(),
        partition_key: members.columns("partition_key")?,
        start: members.bound("start")?,
        end: members.bound("end")?,
        ordering: if members.is_descending()? { Ordering::Descending } else { Ordering::Ascending },
        limit: members.number("limit")?.unwrap_or(0),
    })
}

/// A record as an object from column names to values.
#[must_use]
pub fn record(columns: &[Column]) -> String {
    let mut text = String::new();
    write_record(columns, &mut text);
    text
}

/// Records as an array.
#[must_use]
pub fn records(records: &[Vec<Column>]) -> String {
    let mut text = String::from("[");
    for (index, record) in records.iter().enumerate() {
        if index > 0 {
            text.push(',');
        }
        write_record(record, &mut text);
    }
    text.push(']');
    text
}

impl Members<'_> {
    fn selection(&self) -> Result<Selection, GuestError> {
        Ok(Selection {
            namespace: self.text("namespace")?.to_owned(),
            table: self.text("table")?.to_owned(),
            partition_key: self.columns("partition_key")?,
            clustering_key: self.columns("clustering_key")?,
        })
    }

    fn columns(&self, name: &str) -> Result<Vec<Column>, GuestError> {
        match self.get(name) {
            None => Ok(Vec::new()),
            Some(Json::Array(columns)) => columns.iter().map(column).collect(),
            Some(_) => Err(self.wrong(name, "an array of columns")),
        }
    }

    fn bound(&self, name: &'static str) -> Result<Option<(Vec<Column>, bool)>, GuestError> {
        let Some(given) = self.get(name) else { return Ok(None) };
        let bound = Members::of(given, name, &["clustering_key", "inclusive"])?;
        let inclusive = match bound.get("inclusive") {
            None | Some(Json::Boolean(true)) => true,
            Some(Json::Boolean(false)) => false,
            Some(_) => return Err(bound.wrong("inclusive", "true or false")),
        };
        Ok(Some((bound.columns("clustering_key")?, inclusive)))
    }
}

fn column(given: &Json) -> Result<Column, GuestError> {
    let members = Members::of(given, "column", &["column_name", "value", "data_type"])?;
    let name = members.text("column_name")?;
    let data_type = members.text("data_type")?;
    let wrong = || GuestError::new(format!("the value of column {name} is no {data_type}"));
    let known = KINDS.contains(&data_type);
    let value = match (data_type, members.get("value")) {
        (_, _) if !known => return Err(members.wrong("data_type", &KINDS.join(", "))),
        (_, None) => None,
        ("BOOLEAN", Some(Json::Boolean(value))) => Some(ColumnValue::Boolean(*value)),
        ("INT", Some(Json::Number(value))) => Some(ColumnValue::Int(value.as_i32().ok_or_else(wrong)?)),
        ("BIGINT", Some(Json::Number(Number::Integer(value)))) => Some(ColumnValue::BigInt(*value)),
        // By its text, so that an integer is rounded once.
        ("FLOAT", Some(Json::Number(value))) => {
            Some(ColumnValue::Float(value.to_string().parse().map_err(|_| wrong())?))
        }
        ("DOUBLE", Some(Json::Number(value))) => {
            Some(ColumnValue::Double(value.to_string().parse().map_err(|_| wrong())?))
        }
        ("TEXT", Some(Json::String(value))) => Some(ColumnValue::Text(value.clone())),
        ("BLOB", Some(Json::String(value))) => {
            Some(ColumnValue::Blob(BASE64_STANDARD.decode(value).map(Bytes::from).map_err(|_| wrong())?))
        }
        ("DATE", Some(Json::String(value))) => Some(ColumnValue::Date(value.clone())),
        ("TIME", Some(Json::String(value))) => Some(ColumnValue::Time(value.clone())),
        ("TIMESTAMP", Some(Json::String(value))) => Some(ColumnValue::Timestamp(value.clone())),
        ("TIMESTAMPTZ", Some(Json::String(value))) => Some(ColumnValue::TimestampTz(value.clone())),
        (_, Some(_)) => return Err(wrong()),
    };
    Ok(Column { name: name.to_owned(), value })
}

const KINDS: [&str; 11] = [
    "BOOLEAN",
    "INT",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
    "TEXT",
    "BLOB",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
];

fn write_record(columns: &[Column], out: &mut String) {
    out.push('{');
    for (index, Column { name, value }) in columns.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write_string(name, out);
        out.push(':');
        match value {
            None => out.push_str("null"),
            Some(value) => write_value(value, out),
        }
    }
    out.push('}');
}

fn write_value(value: &ColumnValue, out: &mut String) {
    // A `String` takes everything.
    let _ = match value {
        ColumnValue::Boolean(value) => write!(out, "{value}"),
        ColumnValue::Int(value) => write!(out, "{value}"),
        ColumnValue::BigInt(value) => write!(out, "{value}"),
        // The shortest decimal of the float itself, not of the double next to it.
        ColumnValue::Float(value) if value.is_finite() => {
            write!(out, "{}", Number::Double(value.to_string().parse().unwrap_or_default()))
        }
        ColumnValue::Double(value) if value.is_finite() => write!(out, "{}", Number::Double(*value)),
        // JSON has no such numbers.
        ColumnValue::Float(_) | ColumnValue::Double(_) => write!(out, "null"),
        ColumnValue::Blob(value) => write!(out, "\"{}\"", BASE64_STANDARD.encode(value)),
        ColumnValue::Text(value)
        | ColumnValue::Date(value)
        | ColumnValue::Time(value)
        | ColumnValue::Timestamp(value)
        | ColumnValue::TimestampTz(value) => {
            write_string(value, out);
            Ok(())
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_every_type_there_and_back() {
        let given = r#"{"namespace":"n","table":"t","partition_key":[{"column_name":"p","value":"x","data_type":"TEXT"}],
            "columns":[{"column_name":"a","value":true,"data_type":"BOOLEAN"},{"column_name":"b","value":-7,"data_type":"INT"},
            {"column_name":"c","value":9007199254740992,"data_type":"BIGINT"},{"column_name":"d","value":0.1,"data_type":"FLOAT"},
            {"column_name":"e","value":2,"data_type":"DOUBLE"},{"column_name":"f","value":"AQI=","data_type":"BLOB"},
            {"column_name":"g","value":"2026-01-02","data_type":"DATE"},{"column_name":"h","value":"03:04","data_type":"TIME"},
            {"column_name":"i","value":"2026-01-02 03:04","data_type":"TIMESTAMP"},
            {"column_name":"j","value":"2026-01-02 03:04 Z","data_type":"TIMESTAMPTZ"},{"column_name":"k","value":null,"data_type":"INT"}]}"#;
        let (key, columns) = put(given).unwrap();
        assert_eq!((key.table.as_str(), key.clustering_key.len(), columns.len()), ("t", 0, 11));
        let written = r#"{"a":true,"b":-7,"c":9007199254740992,"d":0.1,"e":2.0,"f":"AQI=","g":"2026-01-02","h":"03:04","i":"2026-01-02 03:04","j":"2026-01-02 03:04 Z","k":null}"#;
        assert_eq!(record(&columns), written);
        assert_eq!(records(&[columns.clone(), columns]), format!("[{written},{written}]"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let column = |column: &str| format!(r#"{{"namespace":"n","table":"t","partition_key":[{column}]}}"#);
        for (given, why) in [
            (r#"{"table":"t"}"#.to_owned(), "namespace of the key must be a string"),
            (
                r#"{"namespace":"n","table":"t","partition_key":1}"#.to_owned(),
                "partition_key of the key must be an array of columns",
            ),
            (
                column(r#"{"column_name":"c","value":"x","data_type":"INT"}"#),
                "the value of column c is no INT",
            ),
            (
                column(r#"{"column_name":"c","value":2147483648,"data_type":"INT"}"#),
                "the value of column c is no INT",
            ),
            (
                column(r#"{"column_name":"c","value":"!","data_type":"BLOB"}"#),
                "the value of column c is no BLOB",
            ),
            (
                column(r#"{"column_name":"c","value":1,"data_type":"UUID"}"#),
                "data_type of the column must be BOOLEAN, INT, BIGINT, FLOAT, DOUBLE, TEXT, BLOB, DATE, TIME, TIMESTAMP, TIMESTAMPTZ",
            ),
        ] {
            assert_eq!(selection(&given).unwrap_err().to_string(), why);
        }
        let scan = database_scan(
            r#"{"namespace":"n","table":"t","partition_key":[],"start":{"clustering_key":[{"column_name":"c","value":1,"data_type":"INT"}],"inclusive":false},"order":"desc","limit":3}"#,
        )
        .unwrap();
        let one = Column { name: "c".into(), value: Some(ColumnValue::Int(1)) };
        assert_eq!((scan.start, scan.end), (Some((vec![one], false)), None));
        assert_eq!((scan.ordering, scan.limit), (Ordering::Descending, 3));
    }
}

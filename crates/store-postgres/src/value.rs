//! Values as the driver takes and gives them.

use bytes::Bytes;
use tokio_postgres::types::ToSql;
use trustkeep_store::{Column, ColumnType, Error, Result, Row, Table, Value};

/// One column of many rows, as an array parameter.
#[derive(Debug)]
pub(crate) enum Array<'a> {
    Index(Vec<i32>),
    Text(Vec<Option<&'a str>>),
    Bytes(Vec<Option<&'a [u8]>>),
    Int(Vec<Option<i64>>),
    Bool(Vec<Option<bool>>),
}

impl<'a> Array<'a> {
    pub(crate) fn new(kind: ColumnType) -> Self {
        match kind {
            ColumnType::Text => Array::Text(Vec::new()),
            ColumnType::Bytes => Array::Bytes(Vec::new()),
            ColumnType::Int => Array::Int(Vec::new()),
            ColumnType::Bool => Array::Bool(Vec::new()),
        }
    }

    /// Adds a value. Values were checked against their column, so that one of another type cannot come here;
    /// it would be added as empty.
    pub(crate) fn push(&mut self, value: Option<&'a Value>) {
        match self {
            Array::Index(_) => {}
            Array::Text(values) => values.push(value.and_then(Value::as_text)),
            Array::Bytes(values) => values.push(value.and_then(Value::as_bytes).map(AsRef::as_ref)),
            Array::Int(values) => values.push(value.and_then(Value::as_int)),
            Array::Bool(values) => values.push(value.and_then(Value::as_bool)),
        }
    }

    pub(crate) fn push_int(&mut self, value: Option<i64>) {
        if let Array::Int(values) = self {
            values.push(value);
        }
    }

    pub(crate) fn push_index(&mut self, index: usize) {
        if let Array::Index(values) = self {
            values.push(i32::try_from(index).unwrap_or(i32::MAX));
        }
    }

    pub(crate) fn as_sql(&self) -> &(dyn ToSql + Sync) {
        match self {
            Array::Index(values) => values,
            Array::Text(values) => values,
            Array::Bytes(values) => values,
            Array::Int(values) => values,
            Array::Bool(values) => values,
        }
    }
}

/// A value as a single parameter.
pub(crate) fn parameter(value: &Value) -> Box<dyn ToSql + Sync + Send + '_> {
    match value {
        Value::Text(text) => Box::new(text.as_str()),
        Value::Bytes(bytes) => Box::new(&bytes[..]),
        Value::Int(int) => Box::new(*int),
        Value::Bool(bool) => Box::new(*bool),
    }
}

/// Reads one column of an answer.
pub(crate) fn read(row: &tokio_postgres::Row, index: usize, column: &Column) -> Result<Option<Value>> {
    let value = match column.kind {
        ColumnType::Text => row.try_get::<_, Option<&str>>(index).map(|text| text.map(Value::from)),
        ColumnType::Bytes => row
            .try_get::<_, Option<&[u8]>>(index)
            .map(|bytes| bytes.map(|bytes| Value::Bytes(Bytes::copy_from_slice(bytes)))),
        ColumnType::Int => row.try_get::<_, Option<i64>>(index).map(|int| int.map(Value::Int)),
        ColumnType::Bool => row.try_get::<_, Option<bool>>(index).map(|bool| bool.map(Value::Bool)),
    };
    value.map_err(|error| Error::Corrupt(format!("column {}: {error}", column.name)))
}

/// Reads all columns of a row, from `first` on.
pub(crate) fn read_row(row: &tokio_postgres::Row, first: usize, table: &Table) -> Result<Row> {
    let columns = table.columns().iter().enumerate();
    let values: Result<Vec<_>> = columns.map(|(index, column)| read(row, first + index, column)).collect();
    Ok(Row::new(values?))
}

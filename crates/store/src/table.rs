//! Table definitions: names, keys and typed columns.

use std::sync::Arc;

use crate::{Error, Key, Result, Row, Value};

/// The type of a key part or column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ColumnType {
    /// UTF-8 text without NUL.
    Text,
    /// Bytes.
    Bytes,
    /// 64-bit signed integer.
    Int,
    /// Truth value; columns only.
    Bool,
}

/// A named, typed column. Columns that are not part of the key may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Lower case name: `[a-z][a-z0-9_]*`, at most 48 bytes.
    pub name: String,
    /// What it holds.
    pub kind: ColumnType,
}

/// The definition of a table. Cheap to clone; two definitions of one name must be equal.
#[derive(Clone, PartialEq, Eq)]
pub struct Table(Arc<Definition>);

#[derive(PartialEq, Eq)]
struct Definition {
    qualified: String,
    namespace_len: usize,
    partition: Column,
    clustering: Option<Column>,
    columns: Vec<Column>,
}

impl Table {
    /// Starts the definition of `namespace.name`, for example `auditor.asset_lock`.
    pub fn define(namespace: &str, name: &str) -> TableBuilder {
        TableBuilder {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            partition: None,
            clustering: None,
            columns: Vec::new(),
        }
    }

    /// `namespace.name`.
    pub fn qualified(&self) -> &str {
        &self.0.qualified
    }

    /// The namespace: a schema in PostgreSQL, a prefix elsewhere.
    pub fn namespace(&self) -> &str {
        self.0.qualified.get(..self.0.namespace_len).unwrap_or_default()
    }

    /// The name within the namespace.
    pub fn name(&self) -> &str {
        self.0.qualified.get(self.0.namespace_len + 1..).unwrap_or_default()
    }

    /// Whether both define the table of one name; they are then equal in one store.
    pub(crate) fn same_name(&self, other: &Table) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.qualified == other.0.qualified
    }

    /// The partition key's column.
    pub fn partition(&self) -> &Column {
        &self.0.partition
    }

    /// The clustering key's column, if the table has one.
    pub fn clustering(&self) -> Option<&Column> {
        self.0.clustering.as_ref()
    }

    /// The columns outside the key, in the order in which a [`Row`] lists them.
    pub fn columns(&self) -> &[Column] {
        &self.0.columns
    }

    /// Checks that a key has this table's shape: types, no empty part, no NUL in text.
    pub fn check_key(&self, key: &Key) -> Result<()> {
        self.check_key_part(&self.0.partition, &key.partition)?;
        match (&self.0.clustering, &key.clustering) {
            (Some(column), Some(value)) => self.check_key_part(column, value),
            (None, None) => Ok(()),
            (Some(column), None) => Err(self.invalid(&column.name, "the clustering key is missing")),
            (None, Some(_)) => Err(self.invalid("clustering key", "the table has none")),
        }
    }

    /// Checks that a row has this table's shape: as many values as columns, types, no NUL in text.
    pub fn check_row(&self, row: &Row) -> Result<()> {
        if row.values().len() != self.0.columns.len() {
            let found = format!("{} values for {} columns", row.values().len(), self.0.columns.len());
            return Err(self.invalid("row", &found));
        }
        for (column, value) in self.0.columns.iter().zip(row.values()) {
            if let Some(value) = value {
                self.check_value(column, value)?;
            }
        }
        Ok(())
    }

    /// Checks one part of a key: type, not empty, no NUL in text.
    pub(crate) fn check_key_part(&self, column: &Column, value: &Value) -> Result<()> {
        self.check_value(column, value)?;
        match value {
            Value::Text(text) if text.is_empty() => {
                Err(self.invalid(&column.name, "a key must not be empty"))
            }
            Value::Bytes(bytes) if bytes.is_empty() => {
                Err(self.invalid(&column.name, "a key must not be empty"))
            }
            _ => Ok(()),
        }
    }

    /// Checks one value against a column's type.
    pub(crate) fn check_value(&self, column: &Column, value: &Value) -> Result<()> {
        if value.column_type() != column.kind {
            let found = format!("expected {:?}, found {:?}", column.kind, value.column_type());
            return Err(self.invalid(&column.name, &found));
        }
        match value {
            Value::Text(text) if text.contains('\0') => {
                Err(self.invalid(&column.name, "text must not contain NUL"))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn invalid(&self, field: &str, message: &str) -> Error {
        Error::Invalid(format!("{}, {field}: {message}", self.qualified()))
    }
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Table({})", self.qualified())
    }
}

/// Collects a table's definition; see [`Table::define`].
#[derive(Debug)]
pub struct TableBuilder {
    namespace: String,
    name: String,
    partition: Option<Column>,
    clustering: Option<Column>,
    columns: Vec<Column>,
}

impl TableBuilder {
    /// Names the partition key.
    pub fn partition(mut self, name: &str, kind: ColumnType) -> Self {
        self.partition = Some(Column { name: name.to_owned(), kind });
        self
    }

    /// Names the clustering key, which orders the records of a partition.
    pub fn clustering(mut self, name: &str, kind: ColumnType) -> Self {
        self.clustering = Some(Column { name: name.to_owned(), kind });
        self
    }

    /// Adds a column.
    pub fn column(mut self, name: &str, kind: ColumnType) -> Self {
        self.columns.push(Column { name: name.to_owned(), kind });
        self
    }

    /// Ends the definition.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a bad or repeated name, a missing partition key, or a truth value as key.
    pub fn build(self) -> Result<Table> {
        let qualified = format!("{}.{}", self.namespace, self.name);
        let refuse = |message: String| Error::Invalid(format!("table {qualified}: {message}"));
        let partition = self.partition.ok_or_else(|| refuse("it has no partition key".into()))?;
        let mut names: Vec<&str> = vec![&partition.name];
        names.extend(self.clustering.iter().chain(&self.columns).map(|column| column.name.as_str()));
        for (index, name) in names.iter().enumerate() {
            if names.iter().skip(index + 1).any(|other| other == name) {
                return Err(refuse(format!("the column {name} is named twice")));
            }
            if *name == "version" {
                return Err(refuse("the name `version` is the store's own".into()));
            }
        }
        for name in names.iter().copied().chain([self.namespace.as_str(), self.name.as_str()]) {
            if !is_name(name) {
                return Err(refuse(format!(
                    "{name:?} is not a name of the form [a-z][a-z0-9_]*, at most 48 bytes"
                )));
            }
        }
        for key in [Some(&partition), self.clustering.as_ref()].into_iter().flatten() {
            if key.kind == ColumnType::Bool {
                return Err(refuse(format!("{} cannot be a key: it is a truth value", key.name)));
            }
        }
        Ok(Table(Arc::new(Definition {
            namespace_len: self.namespace.len(),
            partition,
            clustering: self.clustering,
            columns: self.columns,
            qualified,
        })))
    }
}

fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= 48
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_names_what_is_wrong_with_it() {
        let bad_name = Table::define("bank", "Account").partition("id", ColumnType::Text).build();
        assert!(bad_name.unwrap_err().to_string().contains("\"Account\""));
        let twice =
            Table::define("bank", "account").partition("id", ColumnType::Text).column("id", ColumnType::Int);
        assert!(twice.build().unwrap_err().to_string().contains("id is named twice"));
        let keyless = Table::define("bank", "account").column("id", ColumnType::Int).build();
        assert!(keyless.unwrap_err().to_string().contains("no partition key"));
        let bool_key = Table::define("bank", "account").partition("id", ColumnType::Bool).build();
        assert!(bool_key.unwrap_err().to_string().contains("truth value"));
        let reserved = Table::define("bank", "account").partition("version", ColumnType::Text).build();
        assert!(reserved.unwrap_err().to_string().contains("store's own"));
    }

    #[test]
    fn keys_and_rows_are_checked_against_the_definition() {
        let table = Table::define("bank", "entry")
            .partition("owner", ColumnType::Text)
            .clustering("at", ColumnType::Int)
            .column("note", ColumnType::Text)
            .build()
            .unwrap();
        assert!(table.check_key(&Key::of("a").at(1)).is_ok());
        assert!(table.check_key(&Key::of("a")).is_err());
        assert!(table.check_key(&Key::of("").at(1)).is_err());
        assert!(table.check_key(&Key::of("a\0b").at(1)).is_err());
        assert!(table.check_key(&Key::of(5).at(1)).is_err());
        assert!(table.check_row(&Row::of(["text"])).is_ok());
        assert!(table.check_row(&Row::of([1])).is_err());
        assert!(table.check_row(&Row::new(vec![])).is_err());
        assert!(table.check_row(&Row::new(vec![None])).is_ok());
        assert_eq!((table.namespace(), table.name()), ("bank", "entry"));
    }
}

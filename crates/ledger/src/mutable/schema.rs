//! Tables of mutable records, as ScalarDB's Schema Loader describes them in JSON.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json};
use trustkeep_crypto::hash::Algorithm;
use trustkeep_store::{ColumnType, Error as StoreError, Table};

use super::values::DataType;

/// One table of mutable records.
#[derive(Debug)]
pub(crate) struct Schema {
    /// Where its records are.
    pub(crate) table: Table,
    /// Its partition key, in order.
    pub(crate) partition: Vec<KeyColumn>,
    /// Its clustering key, in order; may be empty.
    pub(crate) clustering: Vec<KeyColumn>,
    /// The other columns, in the table's order.
    pub(crate) columns: Vec<(String, DataType)>,
}

/// A column of a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct KeyColumn {
    pub(crate) name: String,
    pub(crate) kind: DataType,
    /// Greatest first; never so in a partition key.
    pub(crate) descending: bool,
}

impl Schema {
    /// Reads the description of `namespace.table`.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub(crate) fn parse(name: &str, description: &Json) -> Result<Self, String> {
        let (namespace, table) =
            name.split_once('.').ok_or_else(|| format!("{name:?} is not of the form namespace.table"))?;
        let description = description.as_object().ok_or("the description is not an object")?;
        let types = types(description)?;
        let kind = |column: &str| {
            let found = types.iter().find(|(name, _)| name == column);
            found
                .map(|(_, kind)| *kind)
                .ok_or_else(|| format!("the key column {column:?} is not in `columns`"))
        };
        let mut partition = Vec::new();
        for name in names(description, "partition-key")? {
            partition.push(KeyColumn { kind: kind(name)?, name: name.to_owned(), descending: false });
        }
        if partition.is_empty() {
            return Err("`partition-key` names no column".into());
        }
        let mut clustering = Vec::new();
        for text in names(description, "clustering-key")? {
            let (name, order) = text.split_once(' ').unwrap_or((text, "ASC"));
            let descending = match order.trim().to_ascii_uppercase().as_str() {
                "ASC" => false,
                "DESC" => true,
                _ => return Err(format!("{text:?} in `clustering-key` is neither ASC nor DESC")),
            };
            clustering.push(KeyColumn { kind: kind(name)?, name: name.to_owned(), descending });
        }
        let keys: BTreeSet<&str> =
            partition.iter().chain(&clustering).map(|column| column.name.as_str()).collect();
        if keys.len() < partition.len() + clustering.len() {
            return Err("a column is in the keys twice".into());
        }
        let columns: Vec<_> =
            types.iter().filter(|(name, _)| !keys.contains(name.as_str())).cloned().collect();
        let table = define(namespace, table, &partition, &clustering, &columns)
            .map_err(|error| format!("it does not fit the store: {error}"))?;
        Ok(Self { table, partition, clustering, columns })
    }
}

/// Whether a key is the store's own value, or bytes made of all its columns.
pub(crate) fn is_native(key: &[KeyColumn]) -> bool {
    matches!(key, [only] if only.kind.is_native_key() && !only.descending)
}

fn types(description: &Map<String, Json>) -> Result<Vec<(String, DataType)>, String> {
    let columns = description.get("columns").and_then(Json::as_object).ok_or("`columns` is not an object")?;
    let one = |(name, kind): (&String, &Json)| {
        let kind = kind.as_str().and_then(DataType::named);
        kind.map(|kind| (name.clone(), kind))
            .ok_or_else(|| format!("the type of the column {name:?} is not known"))
    };
    columns.iter().map(one).collect()
}

fn names<'a>(description: &'a Map<String, Json>, member: &str) -> Result<Vec<&'a str>, String> {
    let Some(value) = description.get(member) else { return Ok(Vec::new()) };
    let list = value.as_array().ok_or_else(|| format!("`{member}` is not an array"))?;
    let one =
        |name: &'a Json| name.as_str().ok_or_else(|| format!("`{member}` holds something else than names"));
    list.iter().map(one).collect()
}

fn define(
    namespace: &str,
    table: &str,
    partition: &[KeyColumn],
    clustering: &[KeyColumn],
    columns: &[(String, DataType)],
) -> Result<Table, StoreError> {
    let key = |columns: &[KeyColumn], joint: &str| match columns {
        [only] if is_native(columns) => (store_name(&only.name), only.kind.column()),
        [only] => (store_name(&only.name), ColumnType::Bytes),
        _ => (joint.to_owned(), ColumnType::Bytes),
    };
    let (name, kind) = key(partition, "x_partition_key");
    let mut builder = Table::define(&store_name(namespace), &store_name(table)).partition(&name, kind);
    if !clustering.is_empty() {
        let (name, kind) = key(clustering, "x_clustering_key");
        builder = builder.clustering(&name, kind);
    }
    for (name, kind) in columns {
        builder = builder.column(&store_name(name), kind.column());
    }
    builder.build()
}

/// A name as stores take it: as it is where it can be, else a digest of it.
pub(crate) fn store_name(name: &str) -> String {
    let mut bytes = name.bytes();
    let plain = name.len() <= 48
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase())
        && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
        && !name.starts_with("x_")
        && name != "version";
    if plain {
        return name.to_owned();
    }
    let digest = Algorithm::Sha256.digest(name.as_bytes()).to_hex();
    format!("x_{}", digest.get(..32).unwrap_or(&digest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_description_of_the_schema_loader_becomes_a_table() -> Result<(), String> {
        let schema = Schema::parse(
            "sample_db.Table1",
            &json!({
                "transaction": true,
                "partition-key": ["c1"],
                "clustering-key": ["c4 ASC", "c6 DESC"],
                "columns": {
                    "c1": "INT", "c2": "TEXT", "c3": "BLOB", "c4": "int", "c5": "BOOLEAN", "c6": "DATE", "version": "DOUBLE"
                },
                "secondary-index": ["c2"],
                "compaction-strategy": "LCS"
            }),
        )?;
        assert_eq!(schema.table.namespace(), "sample_db");
        assert!(schema.table.name().starts_with("x_"), "{}", schema.table.name());
        assert_eq!(schema.table.partition().kind, ColumnType::Int);
        assert_eq!(schema.table.clustering().map(|column| column.kind), Some(ColumnType::Bytes));
        assert!(schema.clustering[1].descending && !schema.clustering[0].descending);
        let names: Vec<_> = schema.columns.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["c2", "c3", "c5", "version"]);
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (name, description, says) in [
            ("t", json!({}), "namespace.table"),
            ("n.t", json!({"columns": {}}), "names no column"),
            ("n.t", json!({"partition-key": ["a"], "columns": {}}), "\"a\" is not in `columns`"),
            ("n.t", json!({"partition-key": ["a"], "columns": {"a": "NUMBER"}}), "type of the column \"a\""),
            (
                "n.t",
                json!({"partition-key": ["a"], "clustering-key": ["a"], "columns": {"a": "INT"}}),
                "twice",
            ),
            (
                "n.t",
                json!({"partition-key": ["a"], "clustering-key": ["b UP"], "columns": {"a": "INT", "b": "INT"}}),
                "neither ASC nor DESC",
            ),
        ] {
            let error = Schema::parse(name, &description).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}

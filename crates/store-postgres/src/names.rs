//! How tables, columns and locks are called in the database.

use trustkeep_store::{Column, ColumnType, Key, Table, Value};

/// The schema of the store's own tables, after the prefix. No table of a service may be in it.
pub(crate) const OWN_SCHEMA: &str = "trustkeep";

/// The prefix of one store, from which every name follows.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    prefix: String,
    locks: u64,
}

impl Names {
    pub(crate) fn new(prefix: &str) -> Self {
        Names { prefix: prefix.to_owned(), locks: fnv([prefix.as_bytes(), b"trustkeep"]) }
    }

    /// `"schema"` of a namespace.
    pub(crate) fn schema(&self, namespace: &str) -> String {
        format!("\"{}{namespace}\"", self.prefix)
    }

    /// The schema's name without quotes.
    pub(crate) fn schema_name(&self, namespace: &str) -> String {
        format!("{}{namespace}", self.prefix)
    }

    /// `"schema"."table"`.
    pub(crate) fn table(&self, table: &Table) -> String {
        format!("{}.\"{}\"", self.schema(table.namespace()), table.name())
    }

    /// One of the store's own tables.
    pub(crate) fn own(&self, name: &str) -> String {
        format!("{}.{name}", self.schema(OWN_SCHEMA))
    }

    /// The advisory lock under which tables are made.
    pub(crate) fn schema_lock(&self) -> i64 {
        self.locks.cast_signed()
    }

    /// The advisory lock of a writer's connection.
    pub(crate) fn writer_lock(&self, slot: i64) -> i64 {
        fnv([self.locks.to_be_bytes().as_slice(), b"writer", &slot.to_be_bytes()]).cast_signed()
    }

    /// The advisory lock of a row. Rows share locks, so that a commit of many rows fits into the server's lock
    /// table; that costs waiting, never correctness.
    pub(crate) fn row_lock(&self, table: &Table, key: &Key) -> i64 {
        let part = |value: Option<&Value>| match value {
            Some(Value::Text(text)) => text.as_bytes().to_vec(),
            Some(Value::Bytes(bytes)) => bytes.to_vec(),
            Some(Value::Int(int)) => int.to_be_bytes().to_vec(),
            Some(Value::Bool(_)) | None => Vec::new(),
        };
        let (partition, clustering) = (part(Some(&key.partition)), part(key.clustering.as_ref()));
        let hash = fnv([table.qualified().as_bytes(), b"\0", &partition, b"\0", &clustering]);
        let stripe = (hash ^ (hash >> 32)) % ROW_LOCKS;
        ((self.locks & !0xFFFF_FFFF) | stripe).cast_signed()
    }
}

/// How many locks all rows share.
const ROW_LOCKS: u64 = 1024;

/// Quotes a column's name. Names hold no quotes themselves.
pub(crate) fn quoted(column: &Column) -> String {
    format!("\"{}\"", column.name)
}

/// The column type in the database.
pub(crate) fn sql_type(kind: ColumnType) -> &'static str {
    match kind {
        ColumnType::Text => "text",
        ColumnType::Bytes => "bytea",
        ColumnType::Int => "bigint",
        ColumnType::Bool => "boolean",
    }
}

/// The key columns, quoted.
pub(crate) fn key_columns(table: &Table) -> Vec<String> {
    std::iter::once(table.partition()).chain(table.clustering()).map(quoted).collect()
}

/// FNV-1a of all parts. Processes of different builds must agree on it.
fn fnv<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in parts.into_iter().flatten() {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_what_other_builds_take_too() {
        let table = Table::define("bank", "account").partition("owner", ColumnType::Text).build().unwrap();
        let names = Names::new("");
        let lock = names.row_lock(&table, &Key::of("alice"));
        assert_eq!(lock, names.row_lock(&table, &Key::of("alice")));
        assert_ne!(lock >> 32, Names::new("other").row_lock(&table, &Key::of("alice")) >> 32);
        assert_eq!(fnv([&b"foobar"[..]]), 0x8594_4171_f739_67e8, "the published test vector of FNV-1a");
        assert_eq!(names.table(&table), "\"bank\".\"account\"");
    }
}

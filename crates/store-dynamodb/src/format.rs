//! The mark that says which version of the layout wrote a store, and in which shape its tables stand.

use std::sync::Arc;

use trustkeep_store::{Column, ColumnType, Commit, Error, Key, Record, Result, Row, Store, Table};

use crate::DynamoStore;

/// The layout that this program writes. Raised when a program that does not know a change would do harm.
const FORMAT: i64 = 1;

/// The row that carries the format. Rows of the others are named after their table.
const MARK: &str = "format";

/// The table of marks: `trustkeep.format`. It can be laid out like any other, for example within a table
/// that was made by hand.
///
/// # Errors
/// None in practice: the definition is constant.
pub fn format_table() -> Result<Table> {
    Table::define("trustkeep", "format")
        .partition("name", ColumnType::Text)
        .column("format", ColumnType::Int)
        .column("definition", ColumnType::Text)
        .build()
}

/// Refuses a store that a newer program wrote. A store without tables is fine.
pub(crate) async fn check(store: &DynamoStore, table: &Table) -> Result<()> {
    match store.get(table, &Key::of(MARK)).await {
        Ok(Some(mark)) => check_mark(table, &mark),
        Ok(None) | Err(Error::Schema(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Sets the mark if there is none.
pub(crate) async fn mark(store: &DynamoStore, table: &Table) -> Result<()> {
    let row = Row::new(vec![Some(FORMAT.into()), None]);
    let mark = put_once(store, table, MARK, row).await?;
    check_mark(table, &mark)
}

/// Records a table's definition, or compares it with the one recorded: DynamoDB itself knows only the keys.
pub(crate) async fn check_definition(store: &DynamoStore, marks: &Table, table: &Table) -> Result<()> {
    let wanted = definition(table);
    let row = Row::new(vec![Some(FORMAT.into()), Some(wanted.as_str().into())]);
    let found = put_once(store, marks, table.qualified(), row).await?;
    match found.text(1) {
        Some(found) if found != wanted => Err(Error::Schema(format!(
            "{} stands in another shape: it is ({found}), this program wants ({wanted})",
            table.qualified()
        ))),
        _ => Ok(()),
    }
}

fn check_mark(table: &Table, mark: &Record) -> Result<()> {
    match mark.int(0) {
        Some(format) if (1..=FORMAT).contains(&format) => Ok(()),
        Some(format) => Err(Error::Schema(format!(
            "the store was written in format {format}; this program knows formats up to {FORMAT}: use a newer version"
        ))),
        None => Err(Error::Corrupt(format!("the mark in {} names no format", table.qualified()))),
    }
}

async fn put_once(store: &DynamoStore, table: &Table, name: &str, row: Row) -> Result<Arc<Record>> {
    let key = Key::of(name);
    loop {
        if let Some(found) = store.get(table, &key).await? {
            return Ok(found);
        }
        let commit = Commit::new().expect_absent(table, key.clone()).put(table, key.clone(), row.clone());
        match store.commit(commit).await {
            Ok(version) => return Ok(Arc::new(Record { key, version, row })),
            // Another process was first: what it wrote is read in the next round. Marks are never removed.
            Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
    }
}

/// A definition as text: `partition owner Text; clustering at Int; balance Int`.
pub(crate) fn definition(table: &Table) -> String {
    let describe = |role: &str, column: &Column| format!("{role}{} {:?}", column.name, column.kind);
    let mut parts = vec![describe("partition ", table.partition())];
    parts.extend(table.clustering().map(|column| describe("clustering ", column)));
    parts.extend(table.columns().iter().map(|column| describe("", column)));
    parts.join("; ")
}

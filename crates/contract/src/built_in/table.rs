//! Tables: records under a primary key, found by it or by an index, and joined. See the contracts' own files.
//!
//! | Asset | Data |
//! |---|---|
//! | `tbl_<table>` | what the table was created with |
//! | `metadata_tables` | the same of every table, one state each |
//! | `rec_<table>_<key column>_<value>` | a record |
//! | `idx_<table>_<column>_<value>`, without value for null | per state: the records that came and those that left |

mod asset_id;
mod condition;
mod create;
mod history;
mod insert;
mod scan;
mod select;
mod show;
mod update;

use super::call::{Run, broken, invoke, required};
use crate::json::{Json, object};
use crate::{Environment, Result};

pub(super) fn find(class: &str) -> Option<Run> {
    Some(match class {
        "Create" => create::create,
        "Insert" => insert::insert,
        "Select" => select::select,
        "Scan" => scan::scan,
        "Update" => update::update,
        "ShowTables" => show::show_tables,
        "GetHistory" => history::get_history,
        "GetAssetId" => asset_id::get_asset_id,
        _ => return None,
    })
}

const INVALID_CONTRACT_ARGUMENTS: &str = "The specified format of the contract arguments is invalid.";
const INVALID_KEY_TYPE: &str = "The specified key type is invalid. Type: ";
const INVALID_INDEX_KEY_TYPE: &str = "The specified index key type is invalid. Type: ";
const INVALID_OBJECT_NAME: &str = "The specified name is invalid: ";
const INVALID_COLUMN_FORMAT: &str = "The specified format of the column is invalid. Column: ";
const INVALID_CONDITION_FORMAT: &str = "The specified format of the condition is invalid. Condition: ";
const TABLE_NOT_EXIST: &str = "The specified table does not exist. Table: ";
const COLUMN_AMBIGUOUS: &str = "The specified column name must be unique. Column: ";
const UNKNOWN_TABLE: &str = "The specified table is unknown. Table: ";
const ILLEGAL_ARGUMENT: &str = "The specified argument is illegal.";

const METADATA_TABLES: &str = "metadata_tables";
const TABLE: &str = "tbl_";
const RECORD: &str = "rec_";
const INDEX: &str = "idx_";
/// The age of a record among its columns, when asked for.
const AGE_COLUMN: &str = "age$";

/// Asks the registered contract for an asset's id.
fn asset_id<const N: usize>(
    ledger: &mut dyn Environment,
    nested: &str,
    prefix: &str,
    values: [&Json; N],
) -> Result<String> {
    let values: Vec<Json> = values.into_iter().cloned().collect();
    let argument = object([("prefix", prefix.into()), ("values", values.into())]);
    match invoke(ledger, &format!("{nested}GetAssetId"), &argument)? {
        Some(id) => Ok(id.to_text().into_owned()),
        None => Err(broken(format_args!("{nested}GetAssetId gave no id"))),
    }
}

/// A name of a table or column: letters, digits and underscores after a letter.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Table and column of `table.column`.
fn column_reference(text: &str) -> Option<(&str, &str)> {
    text.split_once('.').filter(|(table, column)| is_name(table) && is_name(column))
}

/// The column alone, of `column` or `table.column`.
fn column_name(text: &str) -> &str {
    column_reference(text).map_or(text, |(_, column)| column)
}

/// What a table's asset says of its primary key and of its indexes: each column and its type.
struct Columns {
    key: String,
    key_type: String,
    indexes: Vec<(String, String)>,
}

impl Columns {
    fn of(table: &Json) -> Result<Self> {
        let text = |value: &Json, name| Ok::<_, crate::Error>(required(value, name)?.to_text().into_owned());
        let indexes = required(table, "indexes")?.as_array().unwrap_or_default();
        let indexes = indexes.iter().map(|index| Ok((text(index, "key")?, text(index, "type")?)));
        Ok(Self {
            key: text(table, "key")?,
            key_type: text(table, "type")?,
            indexes: indexes.collect::<Result<_>>()?,
        })
    }

    fn index_type(&self, column: &str) -> Option<&str> {
        self.indexes.iter().find(|(index, _)| index == column).map(|(_, kind)| kind.as_str())
    }
}

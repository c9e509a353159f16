//! `Update`: new values in the records that fulfil conditions.

use indexmap::IndexMap;

use super::{
    AGE_COLUMN, Columns, INDEX, INVALID_INDEX_KEY_TYPE, INVALID_OBJECT_NAME, RECORD, TABLE, TABLE_NOT_EXIST,
    asset_id, is_name,
};
use crate::built_in::call::{Call, broken, data, invoke, refusal, required};
use crate::json::{Json, Object, object};
use crate::{Environment, Result};

const INVALID_UPDATE_FORMAT: &str = "The specified format of the update is invalid.";
const CANNOT_UPDATE_KEY: &str = "The primary key cannot be updated.";

pub(super) fn update(call: Call<'_>) -> Result<Option<String>> {
    let Call { ledger, argument, nested, .. } = call;
    let invalid = || refusal(INVALID_UPDATE_FORMAT);
    let table = argument.get("table").filter(|_| argument.len() == 3).ok_or_else(invalid)?;
    let name = table.as_str().ok_or_else(invalid)?;
    let values = argument.get("values").and_then(Json::as_object).ok_or_else(invalid)?;
    let conditions = argument.get("conditions").filter(|conditions| conditions.as_array().is_some());
    let conditions = conditions.ok_or_else(invalid)?;
    if !is_name(name) {
        return Err(refusal(format!("{INVALID_OBJECT_NAME}{name}")));
    }
    let table_id = asset_id(ledger, nested, TABLE, [table])?;
    let asset = ledger.get(None, &table_id)?.ok_or_else(|| refusal(format!("{TABLE_NOT_EXIST}{name}")))?;
    let columns = Columns::of(&data(&asset)?)?;
    check_values(values, &columns)?;

    let scan = object([
        ("table", table.clone()),
        ("conditions", conditions.clone()),
        ("options", object([("include_metadata", true.into())])),
    ]);
    let records = invoke(ledger, &format!("{nested}Scan"), &scan)?;
    let mut change =
        Change { ledger, nested, table, key: columns.key.as_str().into(), moves: IndexMap::new() };
    for record in records.as_ref().and_then(Json::as_array).unwrap_or_default() {
        let moved = values.iter().filter(|(column, _)| columns.index_type(column).is_some());
        for (column, value) in moved {
            change.move_entry(record, column, value)?;
        }
        change.record(record, values)?;
    }
    change.put_entries()?;
    Ok(None)
}

fn check_values(values: &Object, columns: &Columns) -> Result<()> {
    for (column, value) in values.iter() {
        if !is_name(column) {
            return Err(refusal(format!("{INVALID_OBJECT_NAME}{column}")));
        }
        if column == columns.key {
            return Err(refusal(CANNOT_UPDATE_KEY));
        }
        let right = |kind: &str| value.is_null() || kind.eq_ignore_ascii_case(value.kind());
        if !columns.index_type(column).is_none_or(right) {
            return Err(refusal(format!("{INVALID_INDEX_KEY_TYPE}{}", value.kind())));
        }
    }
    Ok(())
}

struct Change<'a> {
    ledger: &'a mut dyn Environment,
    nested: &'static str,
    table: &'a Json,
    /// The column of the primary key.
    key: Json,
    /// What comes and goes per index asset.
    moves: IndexMap<String, Vec<Json>>,
}

impl Change<'_> {
    fn record(&mut self, record: &Json, values: &Object) -> Result<()> {
        let mut changed = record.as_object().ok_or_else(|| broken("a record is no object"))?.clone();
        values.iter().for_each(|(column, value)| changed.insert(column, value.clone()));
        if Some(&changed) == record.as_object() {
            return Ok(());
        }
        let key = required(record, &self.key.to_text())?;
        let id = asset_id(self.ledger, self.nested, RECORD, [self.table, &self.key, key])?;
        changed.remove(AGE_COLUMN);
        self.ledger.put(None, &id, &Json::Object(changed).text())
    }

    /// Notes that a record leaves one value of an index for another, if it does.
    fn move_entry(&mut self, record: &Json, column: &str, value: &Json) -> Result<()> {
        let before = record.get(column).unwrap_or(&Json::Null);
        let column = column.into();
        let from = asset_id(self.ledger, self.nested, INDEX, [self.table, &column, before])?;
        let to = asset_id(self.ledger, self.nested, INDEX, [self.table, &column, value])?;
        if from == to {
            return Ok(());
        }
        let next_age = required(record, AGE_COLUMN)?.to_int().wrapping_add(1);
        let key_column = self.key.to_text();
        let key = required(record, &key_column)?;
        let comes = object([(&key_column, key.clone()), ("age", next_age.into())]);
        let goes = object([(&key_column, key.clone()), ("age", next_age.into()), ("deleted", true.into())]);
        self.moves.entry(from).or_default().push(goes);
        self.moves.entry(to).or_default().push(comes);
        Ok(())
    }

    fn put_entries(self) -> Result<()> {
        for (index_id, entries) in self.moves {
            self.ledger.put(None, &index_id, &Json::Array(entries).text())?;
        }
        Ok(())
    }
}

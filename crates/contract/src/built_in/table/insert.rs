//! `Insert`: a new record and its entries in the table's indexes.

use super::{
    Columns, INDEX, INVALID_INDEX_KEY_TYPE, INVALID_KEY_TYPE, INVALID_OBJECT_NAME, RECORD, TABLE,
    TABLE_NOT_EXIST, asset_id, is_name,
};
use crate::Result;
use crate::built_in::call::{Call, data, refusal};
use crate::json::{Json, object};

const INVALID_RECORD_FORMAT: &str = "The specified format of the record is invalid.";
const RECORD_KEY_NOT_EXIST: &str = "The record values must have the key.";
const RECORD_ALREADY_EXISTS: &str = "The specified record already exists.";

pub(super) fn insert(call: Call<'_>) -> Result<Option<String>> {
    let Call { ledger, argument, nested, .. } = call;
    let invalid = || refusal(INVALID_RECORD_FORMAT);
    let name = argument.get("table").filter(|_| argument.len() == 2);
    let (name, table) = name.and_then(|name| Some((name.as_str()?, name))).ok_or_else(invalid)?;
    let values = argument.get("values").and_then(Json::as_object).ok_or_else(invalid)?;
    if let Some(wrong) =
        [name].into_iter().chain(values.keys().map(String::as_str)).find(|name| !is_name(name))
    {
        return Err(refusal(format!("{INVALID_OBJECT_NAME}{wrong}")));
    }
    let table_id = asset_id(ledger, nested, TABLE, [table])?;
    let asset = ledger.get(None, &table_id)?;
    let columns = Columns::of(&data(&asset.ok_or_else(|| refusal(format!("{TABLE_NOT_EXIST}{name}")))?)?)?;
    let key = values.get(&columns.key).ok_or_else(|| refusal(RECORD_KEY_NOT_EXIST))?;
    if !columns.key_type.eq_ignore_ascii_case(key.kind()) {
        return Err(refusal(format!("{INVALID_KEY_TYPE}{}", columns.key_type)));
    }
    let record_id = asset_id(ledger, nested, RECORD, [table, &columns.key.as_str().into(), key])?;
    if ledger.get(None, &record_id)?.is_some() {
        return Err(refusal(RECORD_ALREADY_EXISTS));
    }
    for (column, kind) in &columns.indexes {
        let value = values.get(column).unwrap_or(&Json::Null);
        if !value.is_null() && !value.kind().eq_ignore_ascii_case(kind) {
            return Err(refusal(format!("{INVALID_INDEX_KEY_TYPE}{}", value.kind())));
        }
        let index_id = asset_id(ledger, nested, INDEX, [table, &column.as_str().into(), value])?;
        let entry = object([(&columns.key, key.clone()), ("age", 0.into())]);
        ledger.put(None, &index_id, &Json::Array(vec![entry]).text())?;
    }
    let record = argument.get("values").unwrap_or(&Json::Null);
    ledger.put(None, &record_id, &record.text())?;
    Ok(None)
}

//! `GetHistory`: all states of one record, the newest first.

use super::{
    INVALID_COLUMN_FORMAT, INVALID_CONTRACT_ARGUMENTS, INVALID_KEY_TYPE, INVALID_OBJECT_NAME, RECORD, TABLE,
    TABLE_NOT_EXIST, UNKNOWN_TABLE, asset_id, column_name, column_reference, is_name,
};
use crate::built_in::call::{Call, broken, data, refusal, required};
use crate::json::{Json, object};
use crate::{AssetFilter, AssetOrder, Result};

const INVALID_HISTORY_QUERY_CONDITION: &str =
    "The specified condition array is invalid. It must have a single equality condition for the primary key.";

pub(super) fn get_history(call: Call<'_>) -> Result<Option<String>> {
    let Call { ledger, argument, nested, .. } = call;
    let invalid = || refusal(INVALID_CONTRACT_ARGUMENTS);
    let table = argument.get("table").filter(|_| (2..=3).contains(&argument.len())).ok_or_else(invalid)?;
    let name = table.as_str().ok_or_else(invalid)?;
    let condition = condition(name, argument.get("conditions").ok_or_else(invalid)?)?;
    if !is_name(name) {
        return Err(refusal(format!("{INVALID_OBJECT_NAME}{name}")));
    }
    let table_id = asset_id(ledger, nested, TABLE, [table])?;
    let asset = ledger.get(None, &table_id)?.ok_or_else(|| refusal(format!("{TABLE_NOT_EXIST}{name}")))?;
    let metadata = data(&asset)?;
    let key = required(&metadata, "key")?;
    if key.to_text() != column_name(&required(condition, "column")?.to_text()) {
        return Err(refusal(INVALID_HISTORY_QUERY_CONDITION));
    }
    let value = condition.get("value").ok_or_else(|| broken("the condition has no value"))?;
    if !value.kind().eq_ignore_ascii_case(&required(&metadata, "type")?.to_text()) {
        return Err(refusal(format!("{INVALID_KEY_TYPE}{}", value.kind())));
    }
    let id = asset_id(ledger, nested, RECORD, [table, key, value])?;
    let limit = match argument.get("limit") {
        None => 0,
        Some(Json::Number(limit)) => {
            limit.as_i32().and_then(|limit| u32::try_from(limit).ok()).ok_or_else(invalid)?
        }
        Some(_) => return Err(invalid()),
    };
    let order = AssetOrder::Descending;
    let filter = AssetFilter { namespace: None, id, start_age: None, end_age: None, order, limit };
    let mut history = Vec::new();
    for asset in ledger.scan(&filter)? {
        history.push(object([("age", asset.age.into()), ("values", data(&asset)?)]));
    }
    Ok(Some(Json::Array(history).text()))
}

/// The one condition, of a column of the table, that must be there.
fn condition<'a>(table: &str, conditions: &'a Json) -> Result<&'a Json> {
    let invalid = || refusal(INVALID_HISTORY_QUERY_CONDITION);
    let Some([condition]) = conditions.as_array() else { return Err(invalid()) };
    let column = condition.get("column").and_then(Json::as_str).ok_or_else(invalid)?;
    let operator = condition.get("operator").and_then(Json::as_str).ok_or_else(invalid)?;
    if !operator.eq_ignore_ascii_case("EQ") {
        return Err(invalid());
    }
    match column_reference(column) {
        Some((reference, _)) if reference != table => Err(refusal(format!("{UNKNOWN_TABLE}{reference}"))),
        None if !is_name(column) => Err(refusal(format!("{INVALID_COLUMN_FORMAT}{column}"))),
        _ => Ok(condition),
    }
}

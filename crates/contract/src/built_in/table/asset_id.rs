//! `GetAssetId`: the ids of the assets of tables, records and indexes.

use super::{ILLEGAL_ARGUMENT, INDEX, RECORD, TABLE};
use crate::Result;
use crate::built_in::call::{Call, broken, refusal, required};
use crate::json::Json;

pub(super) fn get_asset_id(call: Call<'_>) -> Result<Option<String>> {
    let prefix = required(&call.argument, "prefix")?.to_text();
    let values = call.argument.get("values");
    if values.is_some_and(|values| values.as_array().is_none()) {
        return Err(broken("the values are no array"));
    }
    if ![TABLE, RECORD, INDEX].contains(&prefix.as_ref()) {
        return Err(refusal(ILLEGAL_ARGUMENT));
    }
    let values = values.and_then(Json::as_array).unwrap_or_default();
    let id = match (prefix.as_ref(), values) {
        (TABLE, [table, ..]) => format!("{TABLE}{}", table.to_text()),
        (INDEX, [table, column, Json::Null, ..]) => {
            format!("{INDEX}{}_{}", table.to_text(), column.to_text())
        }
        (RECORD | INDEX, [table, column, value, ..]) => {
            format!("{prefix}{}_{}_{}", table.to_text(), column.to_text(), value_text(value))
        }
        _ => return Err(broken("there are too few values")),
    };
    Ok(Some(Json::String(id).text()))
}

/// `1`, `1.0` and `1e0` are the same key.
fn value_text(value: &Json) -> String {
    match value {
        Json::Number(number) => number.to_id_text(),
        _ => value.to_text().into_owned(),
    }
}

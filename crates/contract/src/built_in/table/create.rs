//! `Create`: a table.

use std::collections::HashSet;

use super::{
    COLUMN_AMBIGUOUS, INVALID_INDEX_KEY_TYPE, INVALID_KEY_TYPE, INVALID_OBJECT_NAME, METADATA_TABLES, TABLE,
    asset_id, is_name,
};
use crate::Result;
use crate::built_in::call::{Call, refusal};
use crate::json::Json;

const INVALID_TABLE_FORMAT: &str = "The specified format of the table is invalid.";
const INVALID_INDEX_FORMAT: &str = "The specified format of the indexes is invalid.";
const TABLE_ALREADY_EXISTS: &str = "The specified table already exists.";

pub(super) fn create(mut call: Call<'_>) -> Result<Option<String>> {
    if !(3..=4).contains(&call.argument.len()) {
        return Err(refusal(INVALID_TABLE_FORMAT));
    }
    let name = call.argument.string("name", INVALID_TABLE_FORMAT)?;
    let key = call.argument.string("key", INVALID_TABLE_FORMAT)?;
    let key_type = call.argument.string("type", INVALID_TABLE_FORMAT)?;
    for object_name in [name, key] {
        if !is_name(object_name) {
            return Err(refusal(format!("{INVALID_OBJECT_NAME}{object_name}")));
        }
    }
    if !is_key_type(key_type) {
        return Err(refusal(format!("{INVALID_KEY_TYPE}{key_type}")));
    }
    if let Some(indexes) = call.argument.get("indexes") {
        check_indexes(indexes)?;
    }
    let id = asset_id(call.ledger, call.nested, TABLE, [&name.into()])?;
    if call.ledger.get(None, &id)?.is_some() {
        return Err(refusal(TABLE_ALREADY_EXISTS));
    }
    if let Json::Object(members) = &mut call.argument.0
        && members.get("indexes").is_none()
    {
        members.insert("indexes", Vec::new().into());
    }
    let metadata = call.argument.text();
    call.ledger.put(None, METADATA_TABLES, &metadata)?;
    call.ledger.put(None, &id, &metadata)?;
    Ok(None)
}

fn check_indexes(indexes: &Json) -> Result<()> {
    let invalid = || refusal(INVALID_INDEX_FORMAT);
    let mut seen = HashSet::new();
    for index in indexes.as_array().ok_or_else(invalid)? {
        let key = index.get("key").and_then(Json::as_str).filter(|_| index.len() == 2).ok_or_else(invalid)?;
        let key_type = index.get("type").and_then(Json::as_str).ok_or_else(invalid)?;
        if !is_name(key) {
            return Err(refusal(format!("{INVALID_OBJECT_NAME}{key}")));
        }
        if !is_key_type(key_type) {
            return Err(refusal(format!("{INVALID_INDEX_KEY_TYPE}{key_type}")));
        }
        if !seen.insert(key) {
            return Err(refusal(format!("{COLUMN_AMBIGUOUS}{key}")));
        }
    }
    Ok(())
}

fn is_key_type(name: &str) -> bool {
    ["BOOLEAN", "NUMBER", "STRING"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

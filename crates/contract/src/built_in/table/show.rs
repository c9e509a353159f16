//! `ShowTables`: what tables were created with, all in the order of creation or one of them.

use super::{
    INVALID_CONTRACT_ARGUMENTS, INVALID_OBJECT_NAME, METADATA_TABLES, TABLE, TABLE_NOT_EXIST, asset_id,
    is_name,
};
use crate::built_in::call::{Call, refusal};
use crate::{AssetFilter, AssetOrder, Result};

pub(super) fn show_tables(call: Call<'_>) -> Result<Option<String>> {
    let Call { ledger, argument, nested, .. } = call;
    if argument.is_empty() {
        let filter = AssetFilter {
            namespace: None,
            id: METADATA_TABLES.into(),
            start_age: None,
            end_age: None,
            order: AssetOrder::Ascending,
            limit: 0,
        };
        let tables: Vec<String> = ledger.scan(&filter)?.into_iter().map(|asset| asset.data).collect();
        return Ok(Some(format!("[{}]", tables.join(","))));
    }
    let invalid = || refusal(INVALID_CONTRACT_ARGUMENTS);
    let table = argument.get("name").filter(|_| argument.len() == 1).ok_or_else(invalid)?;
    let name = table.as_str().ok_or_else(invalid)?;
    if !is_name(name) {
        return Err(refusal(format!("{INVALID_OBJECT_NAME}{name}")));
    }
    let id = asset_id(ledger, nested, TABLE, [table])?;
    let asset = ledger.get(None, &id)?.ok_or_else(|| refusal(format!("{TABLE_NOT_EXIST}{name}")))?;
    Ok(Some(format!("[{}]", asset.data)))
}

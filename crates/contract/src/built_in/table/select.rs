//! `Select`: records of one table or of several joined, and which columns of them.

mod query;

use query::Query;

use super::{Columns, TABLE, TABLE_NOT_EXIST, column_name};
use crate::built_in::call::{Call, data, invoke, refusal};
use crate::json::{Json, Object, object};
use crate::{Environment, Result};

const INVALID_JOIN_COLUMN: &str =
    "The join column in the right table must be the primary key or index key. Column: ";

pub(super) fn select(call: Call<'_>) -> Result<Option<String>> {
    let Call { ledger, argument, nested, .. } = call;
    let query = Query::of(&argument)?;
    let scan_id = format!("{nested}Scan");
    let arguments = query.scan_arguments(query.table, None);
    let mut records = match invoke(ledger, &scan_id, &arguments)? {
        Some(Json::Array(records)) => records,
        _ => Vec::new(),
    };
    for join in &query.joins {
        let mut joined = Vec::new();
        for left in &records {
            let Some(condition) = join_condition(ledger, join, left)? else { continue };
            let arguments = query.scan_arguments(join.table, Some(condition));
            let rights = invoke(ledger, &scan_id, &arguments)?;
            let rights = rights.as_ref().and_then(Json::as_array).unwrap_or_default();
            joined.extend(rights.iter().map(|right| merged(left, right)));
        }
        records = joined;
    }
    if !query.projections.is_empty() {
        records = records.iter().map(|record| projected(record, &query.projections)).collect();
    }
    Ok(Some(Json::Array(records).text()))
}

/// What a record of the right table must fulfil to belong to one on the left; `None` if none can.
fn join_condition(ledger: &mut dyn Environment, join: &query::Join<'_>, left: &Json) -> Result<Option<Json>> {
    let name = join.table.name;
    let asset = ledger.get(None, &format!("{TABLE}{name}"))?;
    let columns = Columns::of(&data(&asset.ok_or_else(|| refusal(format!("{TABLE_NOT_EXIST}{name}")))?)?)?;
    let column = column_name(join.right);
    let kind =
        if columns.key == column { Some(columns.key_type.as_str()) } else { columns.index_type(column) };
    let kind = kind.ok_or_else(|| refusal(format!("{INVALID_JOIN_COLUMN}{column}")))?;
    let value =
        left.get(join.left).filter(|value| !value.is_null() && value.kind().eq_ignore_ascii_case(kind));
    Ok(value.map(|value| {
        object([("column", column.into()), ("operator", "EQ".into()), ("value", value.clone())])
    }))
}

fn merged(left: &Json, right: &Json) -> Json {
    let members = [left, right].into_iter().filter_map(Json::as_object).flat_map(Object::iter);
    Json::Object(members.map(|(column, value)| (column, value.clone())).collect())
}

fn projected(record: &Json, projections: &[&str]) -> Json {
    let mut members = Object::new();
    for projection in projections {
        if let Some(value) = record.get(projection) {
            members.insert(*projection, value.clone());
        }
    }
    Json::Object(members)
}

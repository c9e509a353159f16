//! `Scan`: the records of one table that fulfil conditions, one of which names a primary key or an index. For other
//! contracts to call.

use indexmap::IndexMap;

use super::condition::{Condition, Operator};
use super::{
    AGE_COLUMN, Columns, INDEX, INVALID_INDEX_KEY_TYPE, INVALID_KEY_TYPE, RECORD, TABLE, TABLE_NOT_EXIST,
    asset_id,
};
use crate::built_in::call::{Call, broken, data, refusal, required};
use crate::json::{Json, Object};
use crate::{Asset, AssetFilter, AssetOrder, Environment, Result};

const INVALID_KEY_SPECIFICATION: &str =
    "At least a condition for the primary key or index key must be properly specified.";
const ILLEGAL_INDEX_STATE: &str = "The state of the index is illegal.";

pub(super) fn scan(call: Call<'_>) -> Result<Option<String>> {
    let Call { ledger, argument, nested, .. } = call;
    let name = required(&argument, "table")?.to_text();
    let table_id = asset_id(ledger, nested, TABLE, [&name.as_ref().into()])?;
    let asset = ledger.get(None, &table_id)?.ok_or_else(|| refusal(format!("{TABLE_NOT_EXIST}{name}")))?;
    let table = data(&asset)?;
    let columns = Columns::of(&table)?;
    let table = Table { name: required(&table, "name")?.clone(), columns, nested };

    let conditions: Vec<Condition> = match required(&argument, "conditions")? {
        Json::Array(conditions) => conditions.iter().map(Condition::of).collect::<Result<_>>()?,
        Json::Object(conditions) => {
            conditions.iter().map(|(_, condition)| Condition::of(condition)).collect::<Result<_>>()?
        }
        _ => Vec::new(),
    };
    let option = |name| argument.get("options").and_then(|options| options.get(name));
    let reference = option("table_reference").map(Json::to_text);
    let with_age = option("include_metadata").is_some_and(Json::to_boolean);

    let (found, by) = if let Some(condition) = primary_key_condition(&table.columns, &conditions)? {
        (table.by_primary_key(ledger, condition)?, condition)
    } else if let Some(condition) = index_condition(&table.columns, &conditions)? {
        (table.by_index(ledger, condition)?, condition)
    } else {
        return Err(refusal(INVALID_KEY_SPECIFICATION));
    };
    let mut records = Vec::new();
    for asset in &found {
        let record = record(asset, with_age)?;
        if conditions.iter().filter(|condition| *condition != by).all(|condition| condition.holds(&record)) {
            records.push(match &reference {
                Some(reference) => with_reference(record, reference),
                None => record,
            });
        }
    }
    Ok(Some(Json::Array(records).text()))
}

fn primary_key_condition<'a>(
    columns: &Columns,
    conditions: &'a [Condition],
) -> Result<Option<&'a Condition>> {
    let Some(condition) = conditions.iter().find(|c| c.column == columns.key && c.operator == Operator::Eq)
    else {
        return Ok(None);
    };
    check_kind(condition, &columns.key_type, INVALID_KEY_TYPE)?;
    Ok(Some(condition))
}

/// The first index, in the table's order, that a condition names.
fn index_condition<'a>(columns: &Columns, conditions: &'a [Condition]) -> Result<Option<&'a Condition>> {
    for (column, kind) in &columns.indexes {
        let named =
            |c: &&Condition| c.column == *column && matches!(c.operator, Operator::Eq | Operator::IsNull);
        if let Some(condition) = conditions.iter().find(named) {
            if condition.operator == Operator::Eq {
                check_kind(condition, kind, INVALID_INDEX_KEY_TYPE)?;
            }
            return Ok(Some(condition));
        }
    }
    Ok(None)
}

fn check_kind(condition: &Condition, kind: &str, otherwise: &str) -> Result<()> {
    let given = condition.value.kind();
    if given.eq_ignore_ascii_case(kind) { Ok(()) } else { Err(refusal(format!("{otherwise}{given}"))) }
}

struct Table {
    name: Json,
    columns: Columns,
    nested: &'static str,
}

impl Table {
    fn by_primary_key(&self, ledger: &mut dyn Environment, condition: &Condition) -> Result<Vec<Asset>> {
        let id = self.record_id(ledger, &condition.value)?;
        Ok(ledger.get(None, &id)?.into_iter().collect())
    }

    /// In the order in which the records first came into the index.
    fn by_index(&self, ledger: &mut dyn Environment, condition: &Condition) -> Result<Vec<Asset>> {
        let column = condition.column.as_str().into();
        let index_id = asset_id(ledger, self.nested, INDEX, [&self.name, &column, &condition.value])?;
        let filter = AssetFilter {
            namespace: None,
            id: index_id,
            start_age: None,
            end_age: None,
            order: AssetOrder::Ascending,
            limit: 0,
        };
        let illegal = || refusal(ILLEGAL_INDEX_STATE);
        let mut present: IndexMap<String, bool> = IndexMap::new();
        for change in ledger.scan(&filter)? {
            let entries = data(&change)?;
            for entry in entries.as_array().ok_or_else(illegal)? {
                let key = entry.get(&self.columns.key).ok_or_else(illegal)?;
                let deleted = entry.get("deleted").is_some_and(Json::to_boolean);
                present.insert(self.record_id(ledger, key)?, !deleted);
            }
        }
        let ids = present.into_iter().filter(|(_, present)| *present);
        ids.map(|(id, _)| ledger.get(None, &id)?.ok_or_else(illegal)).collect()
    }

    fn record_id(&self, ledger: &mut dyn Environment, key: &Json) -> Result<String> {
        asset_id(ledger, self.nested, RECORD, [&self.name, &self.columns.key.as_str().into(), key])
    }
}

fn record(asset: &Asset, with_age: bool) -> Result<Json> {
    let mut record = data(asset)?;
    if with_age {
        match &mut record {
            Json::Object(columns) => columns.insert(AGE_COLUMN, asset.age.into()),
            _ => return Err(broken("a record is no object")),
        };
    }
    Ok(record)
}

fn with_reference(record: Json, reference: &str) -> Json {
    let columns = match record {
        Json::Object(columns) => columns,
        _ => Object::new(),
    };
    Json::Object(
        columns.into_iter().map(|(column, value)| (format!("{reference}.{column}"), value)).collect(),
    )
}

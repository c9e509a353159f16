//! What is asked for, checked.

use std::collections::HashSet;

use crate::Result;
use crate::built_in::call::refusal;
use crate::built_in::table::{
    INVALID_COLUMN_FORMAT, INVALID_CONDITION_FORMAT, INVALID_OBJECT_NAME, UNKNOWN_TABLE, column_name,
    column_reference, is_name,
};
use crate::json::{Json, object};

const INVALID_QUERY_FORMAT: &str = "The specified format of the query is invalid.";
const INVALID_QUERY_TABLE_FORMAT: &str = "The specified format of the query table is invalid. Table: ";
const INVALID_PROJECTION_FORMAT: &str = "The specified format of the projection is invalid. Projection: ";
const INVALID_JOIN_FORMAT: &str = "The specified format of the join is invalid. Join: ";
const TABLE_AMBIGUOUS: &str = "The specified table name or alias must be unique. Table: ";

/// `{"table","joins","conditions","projections"}`.
pub(super) struct Query<'a> {
    /// The leftmost table.
    pub(super) table: Table<'a>,
    pub(super) joins: Vec<Join<'a>>,
    /// The columns as they are called in the records; empty for all.
    pub(super) projections: Vec<&'a str>,
    /// The reference of a table, and a condition on it as `Scan` takes it.
    conditions: Vec<(&'a str, Json)>,
}

/// A table of a query.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) name: &'a str,
    /// What its columns are called after: an alias, or the name.
    reference: &'a str,
}

/// One more table, whose column `right` equals the column `left` of one before. Both as `table.column`.
pub(super) struct Join<'a> {
    pub(super) table: Table<'a>,
    pub(super) left: &'a str,
    pub(super) right: &'a str,
}

impl<'a> Query<'a> {
    pub(super) fn of(argument: &'a Json) -> Result<Self> {
        let invalid = || refusal(INVALID_QUERY_FORMAT);
        let table =
            argument.get("table").filter(|_| (2..=4).contains(&argument.len())).ok_or_else(invalid)?;
        let conditions = argument.get("conditions").ok_or_else(invalid)?;
        let table = Table::of(table)?;
        let joins = match argument.get("joins") {
            Some(joins) => joins_of(table, joins.as_array().ok_or_else(invalid)?)?,
            None => Vec::new(),
        };
        let references =
            [table].into_iter().chain(joins.iter().map(|join| join.table)).map(|table| table.reference);
        let references: HashSet<&str> = references.collect();
        let mut conditions_of_tables = Vec::new();
        for condition in conditions.as_array().ok_or_else(invalid)? {
            let column = condition.get("column").and_then(Json::as_str);
            let column = column.ok_or_else(|| refusal(format!("{INVALID_CONDITION_FORMAT}{condition}")))?;
            check_column(column, &references)?;
            conditions_of_tables.push(condition_of_table(table, column, condition));
        }
        let mut projections = Vec::new();
        if let Some(given) = argument.get("projections") {
            for projection in given.as_array().ok_or_else(invalid)? {
                let column = projection.as_str();
                let column =
                    column.ok_or_else(|| refusal(format!("{INVALID_PROJECTION_FORMAT}{projection}")))?;
                check_column(column, &references)?;
                projections.push(if joins.is_empty() { column_name(column) } else { column });
            }
        }
        Ok(Self { table, joins, projections, conditions: conditions_of_tables })
    }

    /// The argument of `Scan` for one of the tables.
    pub(super) fn scan_arguments(&self, table: Table<'_>, join: Option<Json>) -> Json {
        let of_table = self.conditions.iter().filter(|(reference, _)| *reference == table.reference);
        let conditions: Vec<Json> =
            join.into_iter().chain(of_table.map(|(_, condition)| condition.clone())).collect();
        let mut arguments = object([("table", table.name.into()), ("conditions", conditions.into())]);
        if let (Json::Object(members), false) = (&mut arguments, self.joins.is_empty()) {
            members.insert("options", object([("table_reference", table.reference.into())]));
        }
        arguments
    }
}

impl<'a> Table<'a> {
    /// Out of `name` or `{"name","alias"}`.
    fn of(table: &'a Json) -> Result<Self> {
        let invalid = || refusal(format!("{INVALID_QUERY_TABLE_FORMAT}{table}"));
        let (name, reference) = match table {
            Json::String(name) => (name.as_str(), name.as_str()),
            Json::Object(members) if members.len() == 2 => {
                let text = |name| table.get(name).and_then(Json::as_str).ok_or_else(invalid);
                (text("name")?, text("alias")?)
            }
            _ => return Err(invalid()),
        };
        match [name, reference].into_iter().find(|name| !is_name(name)) {
            Some(wrong) => Err(refusal(format!("{INVALID_OBJECT_NAME}{wrong}"))),
            None => Ok(Self { name, reference }),
        }
    }
}

fn joins_of<'a>(leftmost: Table<'a>, joins: &'a [Json]) -> Result<Vec<Join<'a>>> {
    let mut seen = HashSet::from([leftmost.reference]);
    let mut checked = Vec::new();
    for join in joins {
        let invalid = || refusal(format!("{INVALID_JOIN_FORMAT}{join}"));
        let member = |name| join.get(name).filter(|_| join.len() == 3).ok_or_else(invalid);
        let (table, left, right) = (member("table")?, member("left")?, member("right")?);
        let table = Table::of(table)?;
        if seen.contains(table.reference) {
            return Err(refusal(format!("{TABLE_AMBIGUOUS}{}", table.reference)));
        }
        let reference = |key: &'a Json| {
            let key = key.as_str()?;
            Some((key, column_reference(key)?.0))
        };
        let (left, left_table) = reference(left).ok_or_else(invalid)?;
        let (right, right_table) = reference(right).ok_or_else(invalid)?;
        if !seen.contains(left_table) || table.reference != right_table {
            return Err(invalid());
        }
        seen.insert(table.reference);
        checked.push(Join { table, left, right });
    }
    Ok(checked)
}

fn check_column(column: &str, references: &HashSet<&str>) -> Result<()> {
    match column_reference(column) {
        Some((table, _)) if references.contains(table) => Ok(()),
        Some((table, _)) => Err(refusal(format!("{UNKNOWN_TABLE}{table}"))),
        None if references.len() > 1 => Err(refusal(format!("{INVALID_COLUMN_FORMAT}{column}"))),
        None if is_name(column) => Ok(()),
        None => Err(refusal(format!("{INVALID_OBJECT_NAME}{column}"))),
    }
}

/// Without the table in its column. What is not given becomes `null` then, so that `Scan` refuses a condition
/// `table.column IS_NULL`: the original's way.
fn condition_of_table<'a>(leftmost: Table<'a>, column: &'a str, condition: &Json) -> (&'a str, Json) {
    let Some((reference, column)) = column_reference(column) else {
        return (leftmost.reference, condition.clone());
    };
    let member = |name| condition.get(name).cloned().unwrap_or(Json::Null);
    (
        reference,
        object([("column", column.into()), ("value", member("value")), ("operator", member("operator"))]),
    )
}

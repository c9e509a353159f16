//! Conditions on the columns of a record.

use std::cmp::Ordering;

use super::{INVALID_CONDITION_FORMAT, INVALID_OBJECT_NAME, is_name};
use crate::Result;
use crate::built_in::call::refusal;
use crate::json::Json;

const INVALID_OPERATOR: &str = "The specified operator is invalid. Condition: ";

/// A condition that has been checked.
#[derive(Clone, PartialEq)]
pub(super) struct Condition {
    pub(super) column: String,
    pub(super) operator: Operator,
    /// `null` where the operator compares with nothing.
    pub(super) value: Json,
    /// As it was given: two that differ in letters only are two.
    given: Json,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Eq,
    Ne,
    Lt,
    Lte,
    Gt,
    Gte,
    IsNull,
    IsNotNull,
}

impl Condition {
    /// Reads `{"column","operator","value"}`.
    pub(super) fn of(given: &Json) -> Result<Self> {
        let invalid = || refusal(format!("{INVALID_CONDITION_FORMAT}{given}"));
        let invalid_operator = || refusal(format!("{INVALID_OPERATOR}{given}"));
        let column = given.get("column").and_then(Json::as_str).ok_or_else(invalid)?;
        let operator = given.get("operator").and_then(Json::as_str).ok_or_else(invalid)?;
        if !is_name(column) {
            return Err(refusal(format!("{INVALID_OBJECT_NAME}{column}")));
        }
        let operator = Operator::of(operator).ok_or_else(invalid_operator)?;
        let value = match operator {
            Operator::IsNull | Operator::IsNotNull if given.len() == 2 => Json::Null,
            Operator::IsNull | Operator::IsNotNull => return Err(invalid()),
            _ => match given.get("value") {
                Some(value @ (Json::Number(_) | Json::String(_))) if given.len() == 3 => value.clone(),
                Some(Json::Boolean(_))
                    if given.len() == 3 && !matches!(operator, Operator::Eq | Operator::Ne) =>
                {
                    return Err(invalid_operator());
                }
                Some(value @ Json::Boolean(_)) if given.len() == 3 => value.clone(),
                _ => return Err(invalid()),
            },
        };
        Ok(Self { column: column.to_owned(), operator, value, given: given.clone() })
    }

    pub(super) fn holds(&self, record: &Json) -> bool {
        let value = record.get(&self.column).unwrap_or(&Json::Null);
        match self.operator {
            Operator::IsNull => value.is_null(),
            Operator::IsNotNull => !value.is_null(),
            // Values of different kinds are not even unequal.
            operator => compare(value, &self.value).is_some_and(|ordering| match operator {
                Operator::Eq => ordering.is_eq(),
                Operator::Ne => ordering.is_ne(),
                Operator::Lt => ordering.is_lt(),
                Operator::Lte => ordering.is_le(),
                Operator::Gt => ordering.is_gt(),
                _ => ordering.is_ge(),
            }),
        }
    }
}

impl Operator {
    fn of(name: &str) -> Option<Self> {
        Some(match name.to_ascii_uppercase().as_str() {
            "EQ" => Self::Eq,
            "NE" => Self::Ne,
            "LT" => Self::Lt,
            "LTE" => Self::Lte,
            "GT" => Self::Gt,
            "GTE" => Self::Gte,
            "IS_NULL" => Self::IsNull,
            "IS_NOT_NULL" => Self::IsNotNull,
            _ => return None,
        })
    }
}

fn compare(one: &Json, other: &Json) -> Option<Ordering> {
    match (one, other) {
        (Json::Number(one), Json::Number(other)) => Some(one.compare(other)),
        (Json::Boolean(one), Json::Boolean(other)) => Some(one.cmp(other)),
        // In the order of UTF-16, as Java's strings are.
        (Json::String(one), Json::String(other)) => Some(one.encode_utf16().cmp(other.encode_utf16())),
        _ => None,
    }
}

//! Expectations as condition expressions.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use trustkeep_store::{Expect, Result, Version};

use crate::item::{self, NO_VERSION};
use crate::place::Place;

/// One expectation on one row, in terms of its item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Test {
    Absent,
    Version(Version),
    Attribute { name: String, value: AttributeValue },
}

impl Test {
    pub(crate) fn of(place: &Place, expectation: &Expect) -> Result<Self> {
        Ok(match expectation {
            Expect::Absent { .. } => Test::Absent,
            Expect::Version { version, .. } => Test::Version(*version),
            Expect::Column { column, value, .. } => {
                let name = place.columns.get(*column).cloned().ok_or_else(|| {
                    let table = place.logical.qualified();
                    trustkeep_store::Error::Invalid(format!("{table}: there is no column {column}"))
                })?;
                Test::Attribute { name, value: item::attribute(value) }
            }
        })
    }
}

/// An expression with its placeholders. Attribute names always go through one: many are reserved words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expression {
    pub(crate) text: String,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Expression {
    /// All tests on a row, which must hold together. Empty for no tests.
    pub(crate) fn all(place: &Place, tests: &[Test]) -> Self {
        let mut expression = Expression::default();
        for test in tests {
            let term = match test {
                Test::Absent => format!("attribute_not_exists({})", expression.name(&place.partition.name)),
                Test::Version(version) if *version == NO_VERSION => {
                    let partition = expression.name(&place.partition.name);
                    let version = expression.name(&place.version);
                    format!("attribute_exists({partition}) AND attribute_not_exists({version})")
                }
                Test::Version(version) => {
                    let name = expression.name(&place.version);
                    let value = expression.value(AttributeValue::N(version.0.to_string()));
                    format!("{name} = {value}")
                }
                Test::Attribute { name, value } => {
                    let name = expression.name(name);
                    // What is not there must not pass for NULL, which stands for an empty text.
                    let exists = match value {
                        AttributeValue::Null(_) => format!("attribute_exists({name}) AND "),
                        _ => String::new(),
                    };
                    let value = expression.value(value.clone());
                    format!("{exists}{name} = {value}")
                }
            };
            expression.and(&term);
        }
        expression
    }

    pub(crate) fn and(&mut self, term: &str) {
        if !self.text.is_empty() {
            self.text.push_str(" AND ");
        }
        self.text.push_str(term);
    }

    /// The placeholder of an attribute name.
    pub(crate) fn name(&mut self, attribute: &str) -> String {
        let known = self.names.iter().find(|(_, name)| *name == attribute).map(|(key, _)| key.clone());
        known.unwrap_or_else(|| {
            let placeholder = format!("#a{}", self.names.len());
            self.names.insert(placeholder.clone(), attribute.to_owned());
            placeholder
        })
    }

    /// The placeholder of a value.
    pub(crate) fn value(&mut self, value: AttributeValue) -> String {
        let placeholder = format!(":v{}", self.values.len());
        self.values.insert(placeholder.clone(), value);
        placeholder
    }

    /// The expression, if it says anything.
    pub(crate) fn condition(&self) -> Option<String> {
        (!self.text.is_empty()).then(|| self.text.clone())
    }

    /// The names, as the SDK wants them: absent if empty, which DynamoDB refuses.
    pub(crate) fn names(&self) -> Option<HashMap<String, String>> {
        (!self.names.is_empty()).then(|| self.names.clone())
    }

    pub(crate) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        (!self.values.is_empty()).then(|| self.values.clone())
    }
}

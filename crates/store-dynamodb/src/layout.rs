//! Where the logical tables lie: in a DynamoDB table of their own, or several within one.

use std::collections::BTreeMap;

use trustkeep_store::{Error, Result, Table};

/// Where one logical table lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    /// In a table of its own.
    Own(Own),
    /// Within a table that it shares with others.
    Within(Within),
}

/// A DynamoDB table that holds one logical table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Own {
    /// The DynamoDB table; `<table_prefix><namespace>.<name>` if not given.
    pub table: Option<String>,
    /// Attribute names by column name, for columns whose attribute is called otherwise. `version` is the
    /// store's own column.
    pub attributes: BTreeMap<String, String>,
}

/// A part of a DynamoDB table with text keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Within {
    /// The DynamoDB table.
    pub table: String,
    /// Its HASH attribute, of type S.
    pub partition_attribute: String,
    /// Its RANGE attribute, of type S.
    pub clustering_attribute: String,
    /// If given, all rows lie under this HASH value, and the logical partition key (the table must have no
    /// clustering key) stands in the RANGE attribute.
    pub fixed_partition: Option<String>,
    /// Stands before every RANGE value of this table. Rows of the shared table belong to the logical table
    /// with the closest claim: a fixed partition before none, then the longest prefix.
    pub key_prefix: String,
    /// Attribute names by column name, as in [`Own`].
    pub attributes: BTreeMap<String, String>,
}

impl Layout {
    /// Within a shared table, its keys as they are; set further fields by struct update on [`Within`].
    pub fn within(table: &str, partition_attribute: &str, clustering_attribute: &str) -> Within {
        Within {
            table: table.to_owned(),
            partition_attribute: partition_attribute.to_owned(),
            clustering_attribute: clustering_attribute.to_owned(),
            ..Within::default()
        }
    }

    pub(crate) fn attributes(&self) -> &BTreeMap<String, String> {
        match self {
            Layout::Own(own) => &own.attributes,
            Layout::Within(within) => &within.attributes,
        }
    }

    /// Checks what can be checked without the logical table.
    pub(crate) fn check_table(&self, table: &Table) -> Result<()> {
        let refuse =
            |message: &str| Err(Error::Schema(format!("the layout of {}: {message}", table.qualified())));
        let Layout::Within(within) = self else { return Ok(()) };
        let text = trustkeep_store::ColumnType::Text;
        match (&within.fixed_partition, table.clustering()) {
            (Some(_), Some(_)) => {
                return refuse("a table with a clustering key cannot have a fixed partition");
            }
            (None, None) => {
                return refuse("a table without a clustering key needs a fixed partition");
            }
            _ => {}
        }
        if table.partition().kind != text || table.clustering().is_some_and(|column| column.kind != text) {
            return refuse("only text keys fit into a shared table");
        }
        Ok(())
    }
}

impl Within {
    /// All rows under one HASH value, with a prefix before the RANGE value.
    pub fn under(mut self, fixed_partition: &str, key_prefix: &str) -> Self {
        self.fixed_partition = Some(fixed_partition.to_owned());
        self.key_prefix = key_prefix.to_owned();
        self
    }

    /// Calls the attribute of a column otherwise than the column.
    pub fn attribute(mut self, column: &str, attribute: &str) -> Self {
        self.attributes.insert(column.to_owned(), attribute.to_owned());
        self
    }
}

impl From<Within> for Layout {
    fn from(within: Within) -> Self {
        Layout::Within(within)
    }
}

impl From<Own> for Layout {
    fn from(own: Own) -> Self {
        Layout::Own(own)
    }
}

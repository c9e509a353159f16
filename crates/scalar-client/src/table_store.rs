//! TableStore: tables with history, spoken to in a small SQL that becomes calls of generic contracts.
//!
//! A statement is read here and sent as the contract's arguments exactly as the original's client forms them.
//!
//! | Statement | Contract |
//! | --- | --- |
//! | `CREATE TABLE t (pk type PRIMARY KEY, ix type, ...)` | `table.v1_0_0.Create` |
//! | ``INSERT INTO t VALUES `{"a":1}` ``, `INSERT INTO t VALUES {'a':1}` | `table.v1_0_0.Insert` |
//! | `SELECT */columns FROM t [AS a] [JOIN u [AS b] ON a.x = b.y ...] [WHERE ... AND ...]` | `table.v1_0_0.Select` |
//! | `UPDATE t SET a = literal, ... [WHERE ...]` | `table.v1_0_0.Update` |
//! | `SELECT history() FROM t WHERE pk = value [LIMIT n]` | `table.v1_0_0.GetHistory` |
//! | `SELECT * FROM information_schema.tables [WHERE table_name = 't']` | `table.v1_0_0.ShowTables` |

mod error;
mod expression;
mod literal;
mod parser;
mod query;
mod statement;
mod token;

pub use statement::Statement;
use trustkeep_contract::json::Json;
use trustkeep_scalar_rpc::Result;

use crate::client::Client;
use crate::error::invalid;
use crate::execution::Execution;
use crate::registration::BuiltIn;
use crate::validation::{Ages, Validation};

/// The contracts that `bootstrap` registers.
const CONTRACTS: [BuiltIn; 8] = [
    BuiltIn("table.v1_0_0.Create"),
    BuiltIn("table.v1_0_0.Insert"),
    BuiltIn("table.v1_0_0.Select"),
    BuiltIn("table.v1_0_0.Update"),
    BuiltIn("table.v1_0_0.ShowTables"),
    BuiltIn("table.v1_0_0.GetHistory"),
    BuiltIn("table.v1_0_0.GetAssetId"),
    BuiltIn("table.v1_0_0.Scan"),
];

/// A client of the TableStore contracts.
#[derive(Clone, Debug)]
pub struct TableStore {
    client: Client,
}

/// What of a table is validated.
#[derive(Clone, Debug, PartialEq)]
pub enum Validated<'a> {
    /// Its definition.
    Schema,
    /// The versions of the record with this primary key.
    Record {
        /// The primary key's column.
        column: &'a str,
        /// Its value, a scalar.
        value: &'a Json,
    },
    /// The index's entry for a value.
    Index {
        /// The indexed column.
        column: &'a str,
        /// The value, a scalar; `null` for the entry of records without one.
        value: &'a Json,
    },
}

impl TableStore {
    /// Through this client.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    /// Registers the client's identity and the contracts; what is there already stays as it is.
    ///
    /// # Errors
    /// As the servers answer.
    pub async fn bootstrap(&self) -> Result<()> {
        self.client.bootstrap().await?;
        self.client.register_generic(&CONTRACTS).await
    }

    /// Executes a statement of SQL.
    ///
    /// # Errors
    /// 414 (DL-TABLE-STORE-414…) if it is none; as [`Client::execute_contract`].
    pub async fn execute_statement(&self, text: &str) -> Result<Execution> {
        self.execute(&Statement::parse(text)?).await
    }

    /// Executes a statement that was read before.
    ///
    /// # Errors
    /// As [`Client::execute_contract`].
    pub async fn execute(&self, statement: &Statement) -> Result<Execution> {
        self.client.execute_contract(statement.contract_id, &statement.argument).await
    }

    /// Validates a table's definition, a record or an index's entry.
    ///
    /// # Errors
    /// 414 (DL-CLIENT-414024) if the value is no scalar; as [`Client::validate_ledger`].
    pub async fn validate(&self, table: &str, what: &Validated<'_>, ages: Ages) -> Result<Validation> {
        self.client.validate_ledger(None, &asset_id(table, what)?, ages).await
    }
}

/// The id of an asset behind a table, as the contracts form it.
fn asset_id(table: &str, what: &Validated<'_>) -> Result<String> {
    let text = |value: &Json| match value {
        Json::Number(number) => Ok(number.to_id_text()),
        Json::Array(_) | Json::Object(_) => {
            Err(invalid(24, "The specified keys are incorrect for the asset type."))
        }
        scalar => Ok(scalar.to_text().into_owned()),
    };
    Ok(match what {
        Validated::Schema => format!("tbl_{table}"),
        Validated::Record { column, value } => format!("rec_{table}_{column}_{}", text(value)?),
        Validated::Index { column, value: Json::Null } => format!("idx_{table}_{column}"),
        Validated::Index { column, value } => format!("idx_{table}_{column}_{}", text(value)?),
    })
}

#[cfg(test)]
mod tests;

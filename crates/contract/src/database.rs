//! A function and the mutable records it changes (`Function` and `Database` of Scalar DL).

use bytes::Bytes;

use crate::environment::Result;

/// A program over mutable records that follows a contract in the same transaction; on the Ledger only, and outside
/// what the Auditor checks.
pub trait Function: Send + Sync {
    /// Executes it once; the last function's result goes to the client.
    ///
    /// # Errors
    /// See [`Error`](crate::Error); the whole transaction, the contract's part too, is dropped then.
    fn invoke(&self, database: &mut dyn Database, call: FunctionCall<'_>) -> Result<Option<String>>;
}

/// What a function is given.
#[derive(Clone, Copy, Debug)]
pub struct FunctionCall<'a> {
    /// The client's argument to functions; not covered by its signature.
    pub function_argument: Option<&'a str>,
    /// The argument of the contract.
    pub contract_argument: &'a str,
    /// The properties of the contract.
    pub contract_properties: Option<&'a str>,
    /// What the contract left for functions.
    pub contract_context: Option<&'a str>,
}

/// Mutable records, as one transaction sees them. Tables are made by `trustkeep schema`.
pub trait Database {
    /// One record, or nothing.
    ///
    /// # Errors
    /// [`Error::Interrupted`](crate::Error::Interrupted) for a table that is forbidden or missing, a wrong key, or a store that fails.
    fn get(&mut self, selection: &Selection) -> Result<Option<Vec<Column>>>;

    /// The records of one partition.
    ///
    /// # Errors
    /// As above.
    fn scan(&mut self, scan: &DatabaseScan) -> Result<Vec<Vec<Column>>>;

    /// Inserts a record or replaces the named columns of it.
    ///
    /// # Errors
    /// As above, or for a column that is missing or of another type.
    fn put(&mut self, selection: &Selection, columns: &[Column]) -> Result<()>;

    /// Deletes a record, if it is there.
    ///
    /// # Errors
    /// As above.
    fn delete(&mut self, selection: &Selection) -> Result<()>;
}

/// A record by its whole key.
#[derive(Clone, Debug, PartialEq)]
pub struct Selection {
    /// The table's namespace, as the function says it.
    pub namespace: String,
    /// The table.
    pub table: String,
    /// The columns of the partition key, in the table's order.
    pub partition_key: Vec<Column>,
    /// The columns of the clustering key, in the table's order; empty if the table has none.
    pub clustering_key: Vec<Column>,
}

/// Records of one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct DatabaseScan {
    /// The table's namespace.
    pub namespace: String,
    /// The table.
    pub table: String,
    /// The columns of the partition key, in the table's order.
    pub partition_key: Vec<Column>,
    /// Where to start, and whether inclusive: a prefix of the clustering key.
    pub start: Option<(Vec<Column>, bool)>,
    /// Where to end, and whether inclusive: a prefix of the clustering key.
    pub end: Option<(Vec<Column>, bool)>,
    /// From which end.
    pub ordering: Ordering,
    /// At most so many; 0 for no limit but the environment's own.
    pub limit: u32,
}

/// The order of clustering keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ordering {
    /// The smallest first.
    #[default]
    Ascending,
    /// The greatest first.
    Descending,
}

/// A named value of a record.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The column's name.
    pub name: String,
    /// Its value; `None` is null.
    pub value: Option<ColumnValue>,
}

/// A value of one of ScalarDB's types.
#[derive(Clone, Debug, PartialEq)]
pub enum ColumnValue {
    /// BOOLEAN.
    Boolean(bool),
    /// INT: 32 bits.
    Int(i32),
    /// BIGINT: ScalarDB allows -2^53 to 2^53.
    BigInt(i64),
    /// FLOAT.
    Float(f32),
    /// DOUBLE.
    Double(f64),
    /// TEXT.
    Text(String),
    /// BLOB.
    Blob(Bytes),
    /// DATE, as `YYYY-MM-DD`.
    Date(String),
    /// TIME, as `HH:MM[:SS[.FFFFFF]]`.
    Time(String),
    /// TIMESTAMP, as `YYYY-MM-DD HH:MM[:SS[.FFF]]`.
    Timestamp(String),
    /// TIMESTAMPTZ, the same with ` Z`.
    TimestampTz(String),
}

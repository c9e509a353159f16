//! What a backend accepts at most.

use crate::{Column, Error, Key, Result, Row, Table, Value};

/// The bounds of one backend, checked before anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a partition key.
    pub partition_bytes_max: usize,
    /// Bytes of a clustering key.
    pub clustering_bytes_max: usize,
    /// Bytes of a row with its key.
    pub row_bytes_max: usize,
    /// Different rows that a commit may write or look at.
    pub commit_rows_max: usize,
    /// Bytes that a commit may write.
    pub commit_bytes_max: usize,
}

impl Limits {
    /// The widest bounds: what memory, the embedded engine and PostgreSQL allow.
    ///
    /// The key bounds are DynamoDB's, so that data can move between all backends; rows hold 1 MiB.
    pub const WIDE: Limits = Limits {
        partition_bytes_max: 2048,
        clustering_bytes_max: 1024,
        row_bytes_max: (1 << 20) + 4096,
        commit_rows_max: 10_000,
        commit_bytes_max: 64 << 20,
    };

    /// Checks a key's length.
    ///
    /// # Errors
    /// [`Error::Limit`], naming the part.
    pub fn check_key(&self, table: &Table, key: &Key) -> Result<()> {
        self.check_partition(table, &key.partition)?;
        key.clustering.as_ref().map_or(Ok(()), |clustering| self.check_clustering(table, clustering))
    }

    /// Checks the length of a partition key.
    pub(crate) fn check_partition(&self, table: &Table, value: &Value) -> Result<()> {
        check_part(table, Some(table.partition()), value, self.partition_bytes_max)
    }

    /// Checks the length of a clustering key.
    pub(crate) fn check_clustering(&self, table: &Table, value: &Value) -> Result<()> {
        check_part(table, table.clustering(), value, self.clustering_bytes_max)
    }

    /// Checks a row's size and returns it.
    ///
    /// # Errors
    /// [`Error::Limit`].
    pub fn check_row(&self, table: &Table, key: &Key, row: &Row) -> Result<usize> {
        let found = key.size() + row.size();
        if found > self.row_bytes_max {
            return Err(Error::Limit {
                what: format!("bytes of a row of {}", table.qualified()),
                found,
                max: self.row_bytes_max,
            });
        }
        Ok(found)
    }
}

fn check_part(table: &Table, column: Option<&Column>, value: &Value, max: usize) -> Result<()> {
    let found = value.size();
    if found <= max {
        return Ok(());
    }
    let name = column.map_or("key", |column| &column.name);
    Err(Error::Limit { what: format!("bytes of {}.{name}", table.qualified()), found, max })
}

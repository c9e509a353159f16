//! What a commit expects and what it writes.

use std::collections::HashSet;

use crate::{Error, Key, Limits, Record, Result, Row, Table, Value, Version};

/// A condition on one row, checked at the moment of the commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// The row does not exist.
    Absent {
        /// Its table.
        table: Table,
        /// Its key.
        key: Key,
    },
    /// The row exists at this version.
    Version {
        /// Its table.
        table: Table,
        /// Its key.
        key: Key,
        /// The version that was read.
        version: Version,
    },
    /// The row exists and one of its columns has this value, whatever its version: how writes are fenced by a
    /// lease, whose row changes at every renewal while its epoch stays.
    Column {
        /// Its table.
        table: Table,
        /// Its key.
        key: Key,
        /// The index of the column in the table's definition.
        column: usize,
        /// What it must hold.
        value: Value,
    },
}

impl Expect {
    /// The table of the row it looks at.
    pub fn table(&self) -> &Table {
        match self {
            Expect::Absent { table, .. } | Expect::Version { table, .. } | Expect::Column { table, .. } => {
                table
            }
        }
    }

    /// The key of the row it looks at.
    pub fn key(&self) -> &Key {
        match self {
            Expect::Absent { key, .. } | Expect::Version { key, .. } | Expect::Column { key, .. } => key,
        }
    }

    /// Whether the expectation holds for what stands under its key.
    pub fn holds(&self, found: Option<&Record>) -> bool {
        match self {
            Expect::Absent { .. } => found.is_none(),
            Expect::Version { version, .. } => found.is_some_and(|record| record.version == *version),
            Expect::Column { column, value, .. } => {
                found.is_some_and(|record| record.row.value(*column) == Some(value))
            }
        }
    }
}

/// A change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Makes the row or replaces it whole.
    Put {
        /// Its table.
        table: Table,
        /// Its key.
        key: Key,
        /// All its columns.
        row: Row,
    },
    /// Removes the row; nothing happens where there is none.
    Delete {
        /// Its table.
        table: Table,
        /// Its key.
        key: Key,
    },
}

impl Write {
    /// The table of the row it changes.
    pub fn table(&self) -> &Table {
        match self {
            Write::Put { table, .. } | Write::Delete { table, .. } => table,
        }
    }

    /// The key of the row it changes.
    pub fn key(&self) -> &Key {
        match self {
            Write::Put { key, .. } | Write::Delete { key, .. } => key,
        }
    }
}

/// Expectations and writes that go together, all or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// What must hold. Several may look at one row.
    pub expectations: Vec<Expect>,
    /// What is written. Each row at most once.
    pub writes: Vec<Write>,
}

impl Commit {
    /// An empty commit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Expects that the row does not exist.
    pub fn expect_absent(self, table: &Table, key: Key) -> Self {
        self.expect(Expect::Absent { table: table.clone(), key })
    }

    /// Expects that the row is at `version`.
    pub fn expect_version(self, table: &Table, key: Key, version: Version) -> Self {
        self.expect(Expect::Version { table: table.clone(), key, version })
    }

    /// Adds an expectation.
    pub fn expect(mut self, expectation: Expect) -> Self {
        self.expectations.push(expectation);
        self
    }

    /// Makes or replaces a row.
    pub fn put(mut self, table: &Table, key: Key, row: Row) -> Self {
        self.writes.push(Write::Put { table: table.clone(), key, row });
        self
    }

    /// Removes a row.
    pub fn delete(mut self, table: &Table, key: Key) -> Self {
        self.writes.push(Write::Delete { table: table.clone(), key });
        self
    }

    /// Whether it neither expects nor writes anything.
    pub fn is_empty(&self) -> bool {
        self.expectations.is_empty() && self.writes.is_empty()
    }

    /// Checks shapes, repeated rows and limits. Every backend calls it first, so that a commit it refuses
    /// never reaches the database.
    ///
    /// # Errors
    /// [`Error::Invalid`] or [`Error::Limit`].
    pub fn check(&self, limits: &Limits) -> Result<()> {
        let mut bytes = 0;
        let mut seen = HashSet::with_capacity(self.writes.len());
        for write in &self.writes {
            let (table, key) = (write.table(), write.key());
            table.check_key(key)?;
            limits.check_key(table, key)?;
            if !seen.insert((table.qualified(), key)) {
                return Err(table.invalid("key", "the commit writes this row twice"));
            }
            if let Write::Put { row, .. } = write {
                table.check_row(row)?;
                bytes += limits.check_row(table, key, row)?;
            }
        }
        let mut rows = self.writes.len();
        let mut looked_at = HashSet::with_capacity(self.expectations.len());
        for expectation in &self.expectations {
            let (table, key) = (expectation.table(), expectation.key());
            table.check_key(key)?;
            limits.check_key(table, key)?;
            if let Expect::Column { column, value, .. } = expectation {
                let column = table
                    .columns()
                    .get(*column)
                    .ok_or_else(|| table.invalid("expectation", "there is no column of this index"))?;
                table.check_value(column, value)?;
            }
            if !seen.contains(&(table.qualified(), key)) && looked_at.insert((table.qualified(), key)) {
                rows += 1;
            }
        }
        if rows > limits.commit_rows_max {
            return Err(Error::Limit {
                what: "rows in one commit".into(),
                found: rows,
                max: limits.commit_rows_max,
            });
        }
        if bytes > limits.commit_bytes_max {
            return Err(Error::Limit {
                what: "bytes in one commit".into(),
                found: bytes,
                max: limits.commit_bytes_max,
            });
        }
        Ok(())
    }

    /// The conflict that a failed expectation on `key` is answered with.
    pub fn conflict(table: &Table, key: &Key) -> Error {
        Error::Conflict { table: table.qualified().to_owned(), key: key.clone() }
    }
}

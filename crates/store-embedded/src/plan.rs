//! A commit made ready for the committer: keys and rows encoded by the caller, so that the one thread need not.

use trustkeep_store::{Commit, Expect, Key, Result, Row, Write};

use crate::catalogue::Catalogue;
use crate::{key_code, row_code};

/// Expectations and writes with their encoded keys.
pub(crate) struct Plan {
    pub(crate) expectations: Vec<(Vec<u8>, Expect)>,
    pub(crate) writes: Vec<(Vec<u8>, Change)>,
    /// Encoded bytes to write.
    pub(crate) bytes: usize,
}

/// What becomes of a row.
pub(crate) enum Change {
    /// It is made or replaced; `value` still lacks the version.
    Put { key: Key, row: Row, value: Vec<u8> },
    /// It is removed.
    Delete,
}

impl Plan {
    /// Encodes a checked commit. A table that does not exist, or not in this shape, is an error.
    pub(crate) fn new(commit: Commit, catalogue: &Catalogue) -> Result<Plan> {
        let mut bytes = 0;
        let mut expectations = Vec::with_capacity(commit.expectations.len());
        for expectation in commit.expectations {
            let (table, key) = (expectation.table(), expectation.key());
            expectations.push((key_code::encode(catalogue.id(table)?, table, key), expectation));
        }
        let mut writes = Vec::with_capacity(commit.writes.len());
        for write in commit.writes {
            let table = write.table();
            let encoded = key_code::encode(catalogue.id(table)?, table, write.key());
            bytes += encoded.len();
            let change = match write {
                Write::Put { key, row, .. } => {
                    let value = row_code::encode(&row);
                    bytes += value.len();
                    Change::Put { key, row, value }
                }
                Write::Delete { .. } => Change::Delete,
            };
            writes.push((encoded, change));
        }
        Ok(Plan { expectations, writes, bytes })
    }
}

//! Reading the records of a partition in order.

use std::ops::Bound;
use std::sync::Arc;

use crate::{Error, Limits, Record, Result, Table, Value};

/// In which direction of the clustering key a scan goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Smallest key first.
    #[default]
    Ascending,
    /// Greatest key first.
    Descending,
}

/// The clustering keys that a scan covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// Where it begins, in key order.
    pub start: Bound<Value>,
    /// Where it ends, in key order.
    pub end: Bound<Value>,
}

impl Range {
    /// All of the partition.
    pub fn all() -> Self {
        Range { start: Bound::Unbounded, end: Bound::Unbounded }
    }

    /// Whether `value` lies in the range.
    pub fn contains(&self, value: &Value) -> bool {
        std::ops::RangeBounds::contains(&(self.start.as_ref(), self.end.as_ref()), value)
    }

    /// Whether no key can lie in it: backends must answer an empty page for such a range, not an error.
    pub fn is_empty(&self) -> bool {
        match (&self.start, &self.end) {
            (Bound::Included(start), Bound::Included(end)) => start > end,
            (
                Bound::Included(start) | Bound::Excluded(start),
                Bound::Included(end) | Bound::Excluded(end),
            ) => start >= end,
            _ => false,
        }
    }
}

/// What to read of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scan {
    /// The partition.
    pub partition: Value,
    /// Which clustering keys.
    pub range: Range,
    /// In which direction.
    pub order: Order,
    /// How many records at most; at least 1.
    pub limit: usize,
}

impl Scan {
    /// The whole partition in ascending order, `limit` records at most.
    pub fn partition(partition: impl Into<Value>, limit: usize) -> Self {
        Scan { partition: partition.into(), range: Range::all(), order: Order::Ascending, limit }
    }

    /// Only clustering keys greater than `key`: the next page of an ascending scan.
    pub fn after(mut self, key: impl Into<Value>) -> Self {
        self.range.start = Bound::Excluded(key.into());
        self
    }

    /// Only clustering keys smaller than `key`: the next page of a descending scan.
    pub fn before(mut self, key: impl Into<Value>) -> Self {
        self.range.end = Bound::Excluded(key.into());
        self
    }

    /// Only clustering keys in `range`.
    pub fn range(mut self, range: Range) -> Self {
        self.range = range;
        self
    }

    /// Checks the scan against its table.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a table without a clustering key, a key of another type, an empty partition or a
    /// limit of 0. An empty text or byte string is a valid bound, although no record has such a key;
    /// [`Error::Limit`] for a key that is too long.
    pub fn check(&self, table: &Table, limits: &Limits) -> Result<()> {
        if self.limit == 0 {
            return Err(Error::Invalid(format!("{}, limit: must be at least 1", table.qualified())));
        }
        let Some(clustering) = table.clustering() else {
            return Err(Error::Invalid(format!("{} has no clustering key to scan by", table.qualified())));
        };
        for bound in [&self.range.start, &self.range.end] {
            if let Bound::Included(value) | Bound::Excluded(value) = bound {
                table.check_value(clustering, value)?;
                limits.check_clustering(table, value)?;
            }
        }
        table.check_key_part(table.partition(), &self.partition)?;
        limits.check_partition(table, &self.partition)
    }

    /// In this direction.
    pub fn order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }
}

/// Some records, and whether there are more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The records, in the order asked for.
    pub records: Vec<Arc<Record>>,
    /// Whether the range goes on behind the last of them. A page that says so is never empty.
    pub more: bool,
}

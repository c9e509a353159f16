//! Mutable records in memory.

use crate::{Column, Database, DatabaseScan, Ordering, Result, Selection};

/// Mutable records; every table is there.
#[derive(Clone, Debug, Default)]
pub struct MemoryDatabase {
    records: Vec<(Selection, Vec<Column>)>,
}

impl MemoryDatabase {
    /// No records yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn whole(selection: &Selection, columns: &[Column]) -> Vec<Column> {
        [&selection.partition_key, &selection.clustering_key, columns]
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }
}

impl Database for MemoryDatabase {
    fn get(&mut self, selection: &Selection) -> Result<Option<Vec<Column>>> {
        let found = self.records.iter().find(|(other, _)| other == selection);
        Ok(found.map(|(selection, columns)| Self::whole(selection, columns)))
    }

    /// Bounds of the clustering key are not looked at: the records of the partition, in the order in which they were put.
    fn scan(&mut self, scan: &DatabaseScan) -> Result<Vec<Vec<Column>>> {
        let limit = if scan.limit == 0 { usize::MAX } else { scan.limit as usize };
        let of_partition = self.records.iter().filter(|(selection, _)| {
            (&selection.namespace, &selection.table, &selection.partition_key)
                == (&scan.namespace, &scan.table, &scan.partition_key)
        });
        let mut records: Vec<_> =
            of_partition.map(|(selection, columns)| Self::whole(selection, columns)).collect();
        if scan.ordering == Ordering::Descending {
            records.reverse();
        }
        records.truncate(limit);
        Ok(records)
    }

    fn put(&mut self, selection: &Selection, columns: &[Column]) -> Result<()> {
        let at = self.records.iter().position(|(other, _)| other == selection);
        let record = match at.and_then(|at| self.records.get_mut(at)) {
            Some((_, record)) => record,
            None => {
                self.records.push((selection.clone(), columns.to_vec()));
                return Ok(());
            }
        };
        for column in columns {
            match record.iter_mut().find(|other| other.name == column.name) {
                Some(other) => *other = column.clone(),
                None => record.push(column.clone()),
            }
        }
        Ok(())
    }

    fn delete(&mut self, selection: &Selection) -> Result<()> {
        self.records.retain(|(other, _)| other != selection);
        Ok(())
    }
}

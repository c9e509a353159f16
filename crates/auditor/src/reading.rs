//! What a contract sees: our own rows, at the ages that the locks say.

use std::collections::BTreeMap;

use trustkeep_contract::{AssetFilter, AssetOrder};
use trustkeep_scalar_domain::asset::{AssetKey, AssetRow};
use trustkeep_scalar_domain::brief::Way;
use trustkeep_scalar_domain::execution::AssetReader;
use trustkeep_scalar_rpc::Result;
use trustkeep_store::Order;

use crate::books::Books;
use crate::claims::Claims;
use crate::failure;
use crate::locks::{Holders, SeenLock};

/// Reads for one execution.
pub(crate) struct Reader<'a> {
    books: &'a Books,
    way: Way<'a>,
    ages: Ages<'a>,
}

/// Where the ages of assets come from.
enum Ages<'a> {
    /// The locks as they stand: a request that is to be ordered.
    Standing {
        seen: BTreeMap<AssetKey, SeenLock>,
        /// Who writes the asset at which the execution stopped.
        writer: Option<String>,
    },
    /// What was locked for it: a request that was ordered.
    Claimed(&'a Claims),
}

impl<'a> Reader<'a> {
    /// A reader at the ages of the locks as they stand.
    pub(crate) fn standing(books: &'a Books, way: Way<'a>) -> Self {
        Self { books, way, ages: Ages::Standing { seen: BTreeMap::new(), writer: None } }
    }

    /// A reader at the ages that a request claimed.
    pub(crate) fn claimed(books: &'a Books, way: Way<'a>, claims: &'a Claims) -> Self {
        Self { books, way, ages: Ages::Claimed(claims) }
    }

    /// The locks that were seen, and the nonce of the writer that stopped the execution.
    pub(crate) fn into_seen(self) -> (BTreeMap<AssetKey, SeenLock>, Option<String>) {
        match self.ages {
            Ages::Standing { seen, writer } => (seen, writer),
            Ages::Claimed(_) => (BTreeMap::new(), None),
        }
    }

    fn note(&self, row: &AssetRow) -> Result<()> {
        self.way.note(row.output.len() + row.argument.len() + row.input.len())
    }

    fn age(&mut self, key: &AssetKey) -> Result<Option<u32>> {
        match &mut self.ages {
            // The execution differs from the one that was ordered: a contract or a row is another.
            Ages::Claimed(claims) => {
                claims.get(key).map(|claim| claim.age).ok_or_else(|| failure::lock_inconsistent(key))
            }
            Ages::Standing { seen, writer } => {
                if let Some(lock) = seen.get(key) {
                    return Ok(lock.lock.age);
                }
                let lock = self.way.on(self.books.lock(key))?;
                if let Holders::Writer { nonce, .. } = &lock.lock.holders {
                    *writer = Some(nonce.clone());
                    return Err(failure::held_by_writer());
                }
                let (age, known) = (lock.lock.age, lock.version.is_some());
                seen.insert(key.clone(), lock);
                // A lock whose row was removed, or whose age was, would make an asset look new.
                if age.is_none() && self.way.on(self.books.row(key, 0))?.is_some() {
                    let absent = if known { failure::lock_inconsistent } else { failure::lock_absent };
                    return Err(absent(key));
                }
                Ok(age)
            }
        }
    }
}

impl AssetReader for Reader<'_> {
    fn latest(&mut self, key: &AssetKey) -> Result<Option<AssetRow>> {
        let Some(age) = self.age(key)? else { return Ok(None) };
        let row = self.way.on(self.books.row(key, age))?;
        row.iter().try_for_each(|row| self.note(row))?;
        row.map(Some).ok_or_else(|| failure::asset_absent(key))
    }

    fn scan(&mut self, key: &AssetKey, filter: &AssetFilter) -> Result<Vec<AssetRow>> {
        let Some(age) = self.age(key)? else { return Ok(Vec::new()) };
        let ages = (filter.start_age.unwrap_or(0), filter.end_age.unwrap_or(age).min(age));
        let order = match filter.order {
            AssetOrder::Ascending => Order::Ascending,
            AssetOrder::Descending => Order::Descending,
        };
        let limit = usize::try_from(filter.limit).unwrap_or(usize::MAX);
        self.way.scans(filter.limit)?;
        let rows = self.way.on(self.books.rows(key, ages, order, limit))?;
        rows.iter().try_for_each(|row| self.note(row))?;
        Ok(rows)
    }
}

//! What a contract reads while it executes.

use std::collections::BTreeMap;

use trustkeep_contract::{AssetFilter, AssetOrder};
use trustkeep_scalar_domain::asset::{AGE_MAX, AssetKey, AssetRow};
use trustkeep_scalar_domain::brief::Way;
use trustkeep_scalar_domain::errors::unexpected_record;
use trustkeep_scalar_domain::execution::{AssetReader, READS_MAX};
use trustkeep_scalar_rpc::{Error, Result};
use trustkeep_store::Order;

use crate::assets::{Assets, PAGE, Seen};

/// How many bytes of states one execution may read.
pub(crate) const READ_BYTES_MAX: usize = 64 << 20;

/// Reads committed states and remembers what it saw of each asset.
pub(crate) struct StoreReader<'a> {
    assets: &'a Assets,
    way: Way<'a>,
    seen: BTreeMap<AssetKey, Seen>,
    room: Room,
}

/// How much may still be read.
#[derive(Debug)]
pub(crate) struct Room(usize);

impl Room {
    /// Room for [`READ_BYTES_MAX`].
    pub(crate) fn new() -> Self {
        Self(READ_BYTES_MAX)
    }

    /// Takes the room of a state.
    ///
    /// # Errors
    /// 502 if there is none left.
    pub(crate) fn take(&mut self, row: &AssetRow) -> Result<()> {
        self.take_bytes(bytes_of(row))
    }

    /// Takes so many bytes.
    ///
    /// # Errors
    /// As [`Room::take`].
    pub(crate) fn take_bytes(&mut self, bytes: usize) -> Result<()> {
        let left = self.0.checked_sub(bytes);
        self.0 = left.ok_or_else(|| {
            Error::runtime(format!("one execution reads at most {} MiB", READ_BYTES_MAX >> 20))
        })?;
        Ok(())
    }
}

impl<'a> StoreReader<'a> {
    pub(crate) fn new(assets: &'a Assets, way: Way<'a>) -> Self {
        Self { assets, way, seen: BTreeMap::new(), room: Room::new() }
    }

    /// What it saw of each asset.
    pub(crate) fn into_seen(self) -> BTreeMap<AssetKey, Seen> {
        self.seen
    }

    fn took(&mut self, row: &AssetRow) -> Result<()> {
        self.way.note(bytes_of(row))?;
        self.room.take(row)
    }
}

fn bytes_of(row: &AssetRow) -> usize {
    row.output.len() + row.argument.len() + row.input.len()
}

impl AssetReader for StoreReader<'_> {
    fn latest(&mut self, key: &AssetKey) -> Result<Option<AssetRow>> {
        let (row, seen) = self.way.on(self.assets.latest(key))?;
        row.iter().try_for_each(|row| self.took(row))?;
        self.seen.insert(key.clone(), seen);
        check(key, row.as_slice())?;
        Ok(row)
    }

    fn scan(&mut self, key: &AssetKey, filter: &AssetFilter) -> Result<Vec<AssetRow>> {
        let ages = (filter.start_age.unwrap_or(0), filter.end_age.unwrap_or(AGE_MAX));
        self.way.scans(filter.limit)?;
        let rows = self.way.on(scan(self.assets, key, ages, filter, &mut self.room))?;
        rows.iter().try_for_each(|row| self.way.note(bytes_of(row)))?;
        check(key, &rows)?;
        let latest = self.seen.get(key).and_then(|seen| seen.age());
        if latest.is_none_or(|latest| reaches(&rows, ages, latest, filter)) {
            Ok(rows)
        } else {
            Err(changed(key))
        }
    }
}

/// Whether states that follow each other reach from one end of what was asked for to the other, as far as an asset had
/// states when its latest one was seen: none was removed at either end.
fn reaches(rows: &[AssetRow], (first, last): (u32, u32), latest: u32, filter: &AssetFilter) -> bool {
    let last = last.min(latest);
    if first > last {
        return true;
    }
    let (Some(start), Some(end)) = (rows.first(), rows.last()) else { return false };
    let is_cut = filter.limit > 0 && usize::try_from(filter.limit).is_ok_and(|limit| rows.len() >= limit);
    // There may be newer ones by now.
    match filter.order {
        AssetOrder::Ascending => start.age == first && (is_cut || end.age >= last),
        AssetOrder::Descending => start.age >= last && (is_cut || end.age == first),
    }
}

/// That states are as they were committed, each and one after the other: no contract is executed on what somebody changed
/// in the store. With an Auditor it would be found there, but for the columns that no contract sees.
///
/// # Errors
/// 305 if one was changed or removed.
fn check(key: &AssetKey, rows: &[AssetRow]) -> Result<()> {
    let whole = |row: &AssetRow| row.is_whole(&key.id);
    let linked = |rows: &[AssetRow]| match rows {
        [one, other] if one.age < other.age => other.follows(one),
        [one, other] => one.follows(other),
        _ => true,
    };
    if rows.iter().all(whole) && rows.windows(2).all(linked) {
        return Ok(());
    }
    Err(changed(key))
}

fn changed(key: &AssetKey) -> Error {
    unexpected_record(format_args!("a state of the asset {} was changed or removed", key.id))
}

/// The states of `key` within `ages` that a contract asks for.
///
/// # Errors
/// 502 for more than [`READS_MAX`], or where there is no room; what the store fails with.
pub(crate) async fn scan(
    assets: &Assets,
    key: &AssetKey,
    (mut first, mut last): (u32, u32),
    filter: &AssetFilter,
    room: &mut Room,
) -> Result<Vec<AssetRow>> {
    let order = match filter.order {
        AssetOrder::Ascending => Order::Ascending,
        AssetOrder::Descending => Order::Descending,
    };
    let limit = match filter.limit {
        0 => usize::MAX,
        limit => usize::try_from(limit).unwrap_or(usize::MAX),
    };
    let mut rows: Vec<AssetRow> = Vec::new();
    while first <= last && rows.len() < limit {
        let page = assets.states(key, (first, last), order, PAGE.min(limit - rows.len())).await?;
        page.rows.iter().try_for_each(|row| room.take(row))?;
        rows.extend(page.rows);
        let Some(end) = rows.last().map(|row| row.age).filter(|_| page.more) else { break };
        if rows.len() > READS_MAX {
            return Err(Error::runtime(format!(
                "one scan gives at most {READS_MAX} states: give it a limit"
            )));
        }
        match order {
            Order::Ascending => first = end.saturating_add(1),
            Order::Descending if end == 0 => break,
            Order::Descending => last = end - 1,
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// Whether states of these ages are what was to be given, of an asset whose latest age was 4.
    fn reach(ages: &[u32], range: (u32, u32), order: AssetOrder, limit: u32) -> bool {
        let row = |age: &u32| AssetRow {
            age: *age,
            argument: String::new(),
            contract_id: String::new(),
            input: String::new(),
            output: String::new(),
            signature: Bytes::new(),
            prev_hash: None,
            hash: Bytes::new(),
        };
        let rows: Vec<_> = ages.iter().map(row).collect();
        let filter =
            AssetFilter { namespace: None, id: "a".into(), start_age: None, end_age: None, order, limit };
        reaches(&rows, range, 4, &filter)
    }

    #[test]
    fn a_scan_reaches_from_end_to_end() {
        use AssetOrder::{Ascending, Descending};
        for (up, range, limit) in [
            (&[0, 1, 2, 3, 4][..], (0, AGE_MAX), 0),
            (&[0, 1, 2, 3, 4, 5, 6], (0, AGE_MAX), 0),
            (&[1, 2], (1, 2), 0),
            (&[3, 4], (3, 9), 0),
            (&[], (5, 9), 0),
            (&[5], (5, 9), 0),
            (&[], (2, 1), 0),
            (&[0, 1, 2, 3, 4], (0, 4), 5),
        ] {
            assert!(reach(up, range, Ascending, limit), "{up:?} of {range:?}");
            let down: Vec<_> = up.iter().rev().copied().collect();
            assert!(reach(&down, range, Descending, limit), "{down:?} of {range:?}");
        }
        assert!(reach(&[0, 1], (0, AGE_MAX), Ascending, 2));
        assert!(reach(&[4, 3], (0, AGE_MAX), Descending, 2));
        assert!(reach(&[6, 5], (0, AGE_MAX), Descending, 2));
        for (up, range, limit) in [
            (&[1, 2, 3, 4][..], (0, AGE_MAX), 0),
            (&[0, 1, 2, 3], (0, AGE_MAX), 0),
            (&[], (0, AGE_MAX), 0),
            (&[2], (1, 2), 0),
            (&[1], (1, 2), 0),
            (&[0, 1, 2, 3], (0, 4), 5),
        ] {
            assert!(!reach(up, range, Ascending, limit), "{up:?} of {range:?}");
            let down: Vec<_> = up.iter().rev().copied().collect();
            assert!(!reach(&down, range, Descending, limit), "{down:?} of {range:?}");
        }
        assert!(!reach(&[1, 2], (0, AGE_MAX), Ascending, 2));
        assert!(!reach(&[3, 2], (0, AGE_MAX), Descending, 2));
    }
}

//! What a contract reads while it executes on a thread that may block.

use std::collections::BTreeMap;
use std::pin::pin;

use futures::FutureExt as _;
use tokio::runtime::Handle;
use trustkeep_contract::{AssetFilter, AssetOrder};
use trustkeep_scalar_domain::asset::{AGE_MAX, AssetKey, AssetRow};
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
    wait: &'a Wait,
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
        let bytes = row.output.len() + row.argument.len() + row.input.len();
        self.take_bytes(bytes)
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

/// Waits for the store on a thread that may block.
#[derive(Clone, Debug)]
pub(crate) struct Wait(Handle);

impl Wait {
    /// Waits on the runtime that runs the caller.
    pub(crate) fn here() -> Self {
        Self(Handle::current())
    }

    /// What `work` gives: at once if the store has it in memory, as the embedded one mostly does.
    pub(crate) fn on<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        match work.as_mut().now_or_never() {
            Some(done) => done,
            None => self.0.block_on(work),
        }
    }
}

impl<'a> StoreReader<'a> {
    pub(crate) fn new(assets: &'a Assets, wait: &'a Wait) -> Self {
        Self { assets, wait, seen: BTreeMap::new(), room: Room::new() }
    }

    /// What it saw of each asset.
    pub(crate) fn into_seen(self) -> BTreeMap<AssetKey, Seen> {
        self.seen
    }
}

impl AssetReader for StoreReader<'_> {
    fn latest(&mut self, key: &AssetKey) -> Result<Option<AssetRow>> {
        let (row, seen) = self.wait.on(self.assets.latest(key))?;
        row.iter().try_for_each(|row| self.room.take(row))?;
        self.seen.insert(key.clone(), seen);
        check(key, row.as_slice())?;
        Ok(row)
    }

    fn scan(&mut self, key: &AssetKey, filter: &AssetFilter) -> Result<Vec<AssetRow>> {
        let ages = (filter.start_age.unwrap_or(0), filter.end_age.unwrap_or(AGE_MAX));
        let rows = self.wait.on(scan(self.assets, key, ages, filter, &mut self.room))?;
        check(key, &rows)?;
        Ok(rows)
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
    Err(unexpected_record(format_args!("the hash of a state of the asset {} is not the stored one", key.id)))
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

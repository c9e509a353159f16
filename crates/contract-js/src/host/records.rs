//! `database`: mutable records, for functions.

use trustkeep_contract::{Database, Error, guest};

use super::{Call, Method, Outcome, checks};
use crate::call::{WORLD, World};
use crate::limits::TICKS_STORE;

/// The methods of `database`.
pub(crate) const DATABASE: &[Method] = &[
    Method { name: "get", call: get },
    Method { name: "scan", call: scan },
    Method { name: "put", call: put },
    Method { name: "delete", call: delete },
    checks::SHA256,
    checks::VERIFY_SIGNATURE,
];

/// Does something with the database of the execution.
fn with<R>(work: impl FnOnce(&mut dyn Database) -> R) -> Result<R, Error> {
    WORLD.with(|world| match world {
        World::Function(database) => Ok(work(database)),
        World::Contract(_) => {
            Err(Error::Runtime("a contract has no mutable database: only a function does".into()))
        }
    })
}

/// `get(key)`: an object from column names to values, or `null`.
fn get<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let selection = guest::selection(&call.json(0, "the key")?)?;
    call.state.take(TICKS_STORE)?;
    let found = with(|database| database.get(&selection))??;
    call.value(found.map(|record| guest::record(&record)))
}

/// `scan(scan)`: an array of such objects.
fn scan<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let scan = guest::database_scan(&call.json(0, "the scan")?)?;
    call.state.take(TICKS_STORE)?;
    let found = with(|database| database.scan(&scan))??;
    call.state.take((found.len() as u64).saturating_mul(TICKS_STORE))?;
    call.value(Some(guest::records(&found)))
}

/// `put(record)`: a key and its columns.
fn put<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let (selection, columns) = guest::put(&call.json(0, "the record")?)?;
    call.state.take(TICKS_STORE)?;
    with(|database| database.put(&selection, &columns))??;
    call.nothing()
}

/// `delete(key)`.
fn delete<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let selection = guest::selection(&call.json(0, "the key")?)?;
    call.state.take(TICKS_STORE)?;
    with(|database| database.delete(&selection))??;
    call.nothing()
}

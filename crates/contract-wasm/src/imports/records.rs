//! The mutable database, for functions.

use trustkeep_contract::{Error, guest};

use super::host::{Host, Outcome, text};
use crate::limits::FUEL_STORE;

pub(super) fn get(host: &mut Host<'_, '_>, key: u32, key_len: u32) -> Outcome<i32> {
    host.charge(key_len.into(), FUEL_STORE)?;
    let found = host.with(|memory, call| {
        let database = call.database()?;
        database.get(&guest::selection(text(memory, (key, key_len))?).map_err(broken)?)
    })?;
    host.answer(found.map(|record| guest::record(&record)))
}

pub(super) fn scan(host: &mut Host<'_, '_>, scan: u32, scan_len: u32) -> Outcome<i32> {
    host.charge(scan_len.into(), FUEL_STORE)?;
    let found = host.with(|memory, call| {
        let database = call.database()?;
        database.scan(&guest::database_scan(text(memory, (scan, scan_len))?).map_err(broken)?)
    })?;
    host.take((found.len() as u64).saturating_mul(FUEL_STORE))?;
    host.answer(Some(guest::records(&found)))
}

pub(super) fn put(host: &mut Host<'_, '_>, record: u32, record_len: u32) -> Outcome<()> {
    host.charge(record_len.into(), FUEL_STORE)?;
    host.with(|memory, call| {
        let database = call.database()?;
        let (selection, columns) = guest::put(text(memory, (record, record_len))?).map_err(broken)?;
        database.put(&selection, &columns)
    })
}

pub(super) fn delete(host: &mut Host<'_, '_>, key: u32, key_len: u32) -> Outcome<()> {
    host.charge(key_len.into(), FUEL_STORE)?;
    host.with(|memory, call| {
        let database = call.database()?;
        database.delete(&guest::selection(text(memory, (key, key_len))?).map_err(broken)?)
    })
}

fn broken(error: guest::GuestError) -> Error {
    Error::Runtime(error.to_string())
}

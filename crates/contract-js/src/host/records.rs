//! `database`: mutable records, for functions.

use super::{Call, Method, Outcome, checks};
use crate::limits::TICKS_STORE;
use crate::outside::Ask;

/// The methods of `database`.
pub(crate) const DATABASE: &[Method] = &[
    Method { name: "get", call: get },
    Method { name: "scan", call: scan },
    Method { name: "put", call: put },
    Method { name: "delete", call: delete },
    checks::SHA256,
    checks::VERIFY_SIGNATURE,
];

/// `get(key)`: an object from column names to values, or `null`.
fn get<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let key = call.json(0, "the key")?;
    call.state.take(TICKS_STORE)?;
    let found = call.ask(Ask::GetRecord, &[Some(key.into())])?;
    call.value(found.text)
}

/// `scan(scan)`: an array of such objects.
fn scan<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let scan = call.json(0, "the scan")?;
    call.state.take(TICKS_STORE)?;
    let found = call.ask(Ask::ScanRecords, &[Some(scan.into())])?;
    call.state.take(found.count.saturating_mul(TICKS_STORE))?;
    call.value(found.text)
}

/// `put(record)`: a key and its columns.
fn put<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let record = call.json(0, "the record")?;
    call.state.take(TICKS_STORE)?;
    call.ask(Ask::PutRecord, &[Some(record.into())])?;
    call.nothing()
}

/// `delete(key)`.
fn delete<'js>(call: &Call<'_, 'js>) -> Outcome<'js> {
    let key = call.json(0, "the key")?;
    call.state.take(TICKS_STORE)?;
    call.ask(Ask::DeleteRecord, &[Some(key.into())])?;
    call.nothing()
}

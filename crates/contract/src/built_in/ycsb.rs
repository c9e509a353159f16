//! YCSB of the original's benchmarks: one asset per user with a payload.
//!
//! A write is a read and a write there; a put reads what was there anyway.

use super::call::{Call, Run, broken, refusal};
use crate::json::{Json, write_string};
use crate::{Environment, Result};

pub(super) fn find(class: &str) -> Option<Run> {
    Some(match class {
        "Create" | "WorkloadF" => write,
        "WorkloadA" => read_or_write,
        "WorkloadC" => read,
        _ => return None,
    })
}

const USER_IDS: &str = "user_ids";
const PAYLOADS: &str = "payloads";

fn write(call: Call<'_>) -> Result<Option<String>> {
    let (user_ids, payloads) = operations(&call.argument)?;
    if user_ids.len() != payloads.len() {
        return Err(refusal("The number of user IDs and payloads must be same."));
    }
    for (user_id, payload) in elements(user_ids)?.iter().zip(elements(payloads)?) {
        put(call.ledger, user_id, payload)?;
    }
    Ok(None)
}

fn read_or_write(call: Call<'_>) -> Result<Option<String>> {
    let (user_ids, payloads) = operations(&call.argument)?;
    if user_ids.len() % 2 != 0 {
        return Err(refusal("The number of user IDs must be a multiple of 2."));
    }
    if user_ids.len() != payloads.len() * 2 {
        return Err(refusal("Payloads must be half the number of user IDs."));
    }
    let (read, written) = elements(user_ids)?.split_at(payloads.len());
    for user_id in read {
        call.ledger.get(None, &user_id.to_text())?;
    }
    for (user_id, payload) in written.iter().zip(elements(payloads)?) {
        put(call.ledger, user_id, payload)?;
    }
    Ok(None)
}

fn read(call: Call<'_>) -> Result<Option<String>> {
    let user_ids = call.argument.member(USER_IDS, "Please set user_ids in the argument")?;
    for user_id in elements(user_ids)? {
        call.ledger.get(None, &user_id.to_text())?;
    }
    Ok(None)
}

fn operations(argument: &Json) -> Result<(&Json, &Json)> {
    match (argument.get(USER_IDS), argument.get(PAYLOADS)) {
        (Some(user_ids), Some(payloads)) => Ok((user_ids, payloads)),
        _ => Err(refusal("Please set user_ids and payloads in the argument")),
    }
}

fn elements(array: &Json) -> Result<&[Json]> {
    match array.as_array() {
        Some(elements) => Ok(elements),
        None if array.is_empty() => Ok(&[]),
        None => Err(broken("user_ids and payloads are no arrays")),
    }
}

fn put(ledger: &mut dyn Environment, user_id: &Json, payload: &Json) -> Result<()> {
    let payload = payload.to_text();
    let mut data = String::with_capacity(16 + payload.len());
    data.push_str("{\"payload\":");
    write_string(&payload, &mut data);
    data.push('}');
    ledger.put(None, &user_id.to_text(), &data)
}

//! Assets, other contracts, and who executes.

use trustkeep_contract::{Error, budget, guest};

use super::host::{Host, Outcome, optional_text, text};
use crate::limits::FUEL_STORE;

pub(super) fn get(
    host: &mut Host<'_, '_>,
    namespace: u32,
    namespace_len: u32,
    id: u32,
    id_len: u32,
) -> Outcome<i32> {
    host.charge(u64::from(namespace_len) + u64::from(id_len), FUEL_STORE)?;
    let found = host.with(|memory, call| {
        let namespace = optional_text(memory, (namespace, namespace_len))?;
        let found = call.environment()?.get(namespace, text(memory, (id, id_len))?)?;
        found.as_ref().map(guest::asset).transpose().map_err(broken)
    })?;
    host.answer(found)
}

pub(super) fn put(
    host: &mut Host<'_, '_>,
    namespace: u32,
    namespace_len: u32,
    id: u32,
    id_len: u32,
    data: u32,
    data_len: u32,
) -> Outcome<()> {
    host.charge(u64::from(namespace_len) + u64::from(id_len) + u64::from(data_len), FUEL_STORE)?;
    host.with(|memory, call| {
        let namespace = optional_text(memory, (namespace, namespace_len))?;
        let (id, data) = (text(memory, (id, id_len))?, text(memory, (data, data_len))?);
        call.environment()?.put(namespace, id, data)
    })
}

pub(super) fn scan(host: &mut Host<'_, '_>, filter: u32, filter_len: u32) -> Outcome<i32> {
    host.charge(filter_len.into(), FUEL_STORE)?;
    let found = host.with(|memory, call| {
        let filter = guest::filter(text(memory, (filter, filter_len))?).map_err(broken)?;
        call.environment()?.scan(&filter)
    })?;
    host.take((found.len() as u64).saturating_mul(FUEL_STORE))?;
    let text = host.with(|_, _| guest::assets(&found).map_err(broken))?;
    host.answer(Some(text))
}

/// The invoked contract spends of the invoking one's fuel.
pub(super) fn invoke(
    host: &mut Host<'_, '_>,
    contract_id: u32,
    contract_id_len: u32,
    argument: u32,
    argument_len: u32,
) -> Outcome<i32> {
    host.charge(u64::from(contract_id_len) + u64::from(argument_len), FUEL_STORE)?;
    budget::set_work(host.fuel()?);
    let answer = host.with(|memory, call| {
        let contract_id = text(memory, (contract_id, contract_id_len))?;
        let argument = text(memory, (argument, argument_len))?;
        call.environment()?.invoke(contract_id, argument)
    })?;
    host.set_fuel(budget::work())?;
    host.answer(answer)
}

pub(super) fn is_root(host: &mut Host<'_, '_>) -> Outcome<i32> {
    host.charge(0, 0)?;
    host.with(|_, call| Ok(i32::from(call.environment()?.is_root())))
}

pub(super) fn client_identity_key(host: &mut Host<'_, '_>) -> Outcome<i32> {
    host.charge(0, 0)?;
    let key = host.with(|_, call| Ok(call.environment()?.client_identity_key()))?;
    host.answer(Some(guest::client_identity_key(&key)))
}

pub(super) fn set_context(host: &mut Host<'_, '_>, at: u32, len: u32) -> Outcome<()> {
    host.charge(len.into(), 0)?;
    host.with(|memory, call| {
        call.environment()?.set_context(text(memory, (at, len))?);
        Ok(())
    })
}

fn broken(error: guest::GuestError) -> Error {
    Error::Runtime(error.to_string())
}

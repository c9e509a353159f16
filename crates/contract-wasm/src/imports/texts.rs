//! What an execution is given and what it gives.

use trustkeep_contract::Error;

use super::host::{Host, Outcome, bytes_mut, text};
use crate::call::World;

pub(super) fn argument(host: &mut Host<'_, '_>) -> Outcome<i32> {
    host.charge(0, 0)?;
    let text = host.with(|_, call| {
        Ok(match &call.world {
            World::Contract { argument, .. } => Some((*argument).to_owned()),
            World::Function { call, .. } => call.function_argument.map(str::to_owned),
        })
    })?;
    host.answer(text)
}

pub(super) fn properties(host: &mut Host<'_, '_>) -> Outcome<i32> {
    host.charge(0, 0)?;
    let text = host.with(|_, call| {
        Ok(match &call.world {
            World::Contract { properties, .. } => properties.map(str::to_owned),
            World::Function { call, .. } => call.contract_properties.map(str::to_owned),
        })
    })?;
    host.answer(text)
}

pub(super) fn contract_argument(host: &mut Host<'_, '_>) -> Outcome<i32> {
    host.charge(0, 0)?;
    let text = host.with(|_, call| Ok(call.function()?.contract_argument.to_owned()))?;
    host.answer(Some(text))
}

pub(super) fn contract_context(host: &mut Host<'_, '_>) -> Outcome<i32> {
    host.charge(0, 0)?;
    let text = host.with(|_, call| Ok(call.function()?.contract_context.map(str::to_owned)))?;
    host.answer(text)
}

/// Copies the last answer to a place; the caller has room for its length.
pub(super) fn read(host: &mut Host<'_, '_>, to: u32) -> Outcome<()> {
    let len = host.with(|_, call| Ok(call.buffer.len()))?;
    host.charge(len as u64, 0)?;
    host.with(|memory, call| {
        bytes_mut(memory, to, call.buffer.len())?.copy_from_slice(&call.buffer);
        Ok(())
    })
}

pub(super) fn result(host: &mut Host<'_, '_>, at: u32, len: u32) -> Outcome<()> {
    host.charge(len.into(), 0)?;
    host.with(|memory, call| {
        call.result = Some(text(memory, (at, len))?.to_owned());
        Ok(())
    })
}

pub(super) fn fail(host: &mut Host<'_, '_>, at: u32, len: u32) -> Outcome<()> {
    host.charge(len.into(), 0)?;
    host.with(|memory, _| Err(Error::Contextual(text(memory, (at, len))?.to_owned())))
}

pub(super) fn abort(host: &mut Host<'_, '_>, at: u32, len: u32) -> Outcome<()> {
    host.charge(len.into(), 0)?;
    host.with(|memory, _| Err(Error::Runtime(text(memory, (at, len))?.to_owned())))
}

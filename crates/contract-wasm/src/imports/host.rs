//! What every host function needs: the caller's memory, its fuel, and a way to end it.

use trustkeep_contract::{Database, Environment, Error, FunctionCall};
use wasmi::{Caller, Memory};

use crate::call::{Call, World};
use crate::limits::{FUEL_BYTE, FUEL_HOST_CALL};

/// The caller of a host function.
pub(super) struct Host<'c, 'w> {
    caller: Caller<'c, Call<'w>>,
    memory: Memory,
}

/// A text or bytes in the caller's memory: where, and how many bytes.
pub(super) type Place = (u32, u32);

/// What a host function gives to the interpreter.
pub(super) type Outcome<T> = Result<T, wasmi::Error>;

impl<'c, 'w> Host<'c, 'w> {
    pub(super) fn of(mut caller: Caller<'c, Call<'w>>) -> Outcome<Self> {
        let Some(memory) = caller.data().memory else {
            let error =
                "the contract called the host while its module started: do so in the exported function";
            caller.data_mut().ended = Some(Error::Runtime(error.into()));
            return Err(ended());
        };
        Ok(Self { caller, memory })
    }

    /// Takes the fuel of a call, of `bytes` that the host reads or writes, and of `more`.
    pub(super) fn charge(&mut self, bytes: u64, more: u64) -> Outcome<()> {
        let cost = bytes.saturating_mul(FUEL_BYTE).saturating_add(more).saturating_add(FUEL_HOST_CALL);
        self.take(cost)
    }

    pub(super) fn take(&mut self, cost: u64) -> Outcome<()> {
        match self.caller.get_fuel()?.checked_sub(cost) {
            Some(left) => self.caller.set_fuel(left),
            None => {
                self.caller.set_fuel(0)?;
                Err(wasmi::TrapCode::OutOfFuel.into())
            }
        }
    }

    pub(super) fn fuel(&self) -> Outcome<u64> {
        self.caller.get_fuel()
    }

    pub(super) fn set_fuel(&mut self, left: u64) -> Outcome<()> {
        self.caller.set_fuel(left)
    }

    /// Works on the caller's memory and on what the execution sees; an error ends the execution.
    pub(super) fn with<R>(
        &mut self,
        work: impl FnOnce(&mut [u8], &mut Call<'w>) -> trustkeep_contract::Result<R>,
    ) -> Outcome<R> {
        let (memory, call) = self.memory.data_and_store_mut(&mut self.caller);
        work(memory, call).map_err(|error| {
            call.ended = Some(error);
            ended()
        })
    }

    /// Leaves an answer for `read` and gives its length.
    pub(super) fn answer(&mut self, text: Option<String>) -> Outcome<i32> {
        let Some(text) = text else { return Ok(NOTHING) };
        self.take((text.len() as u64).saturating_mul(FUEL_BYTE))?;
        self.with(|_, call| {
            let len = i32::try_from(text.len())
                .map_err(|_| Error::Runtime("an answer has more than 2 GiB".into()))?;
            call.buffer = text.into_bytes();
            Ok(len)
        })
    }
}

/// The length of an answer that is not there.
const NOTHING: i32 = -1;

impl<'w> Call<'w> {
    pub(super) fn environment(&mut self) -> trustkeep_contract::Result<&mut (dyn Environment + 'w)> {
        match &mut self.world {
            World::Contract { environment, .. } => Ok(&mut **environment),
            World::Function { .. } => {
                Err(Error::Runtime("a function has no assets: only a contract does".into()))
            }
        }
    }

    pub(super) fn database(&mut self) -> trustkeep_contract::Result<&mut (dyn Database + 'w)> {
        match &mut self.world {
            World::Function { database, .. } => Ok(&mut **database),
            World::Contract { .. } => Err(only_function()),
        }
    }

    pub(super) fn function(&self) -> trustkeep_contract::Result<&FunctionCall<'w>> {
        match &self.world {
            World::Function { call, .. } => Ok(call),
            World::Contract { .. } => Err(only_function()),
        }
    }
}

fn only_function() -> Error {
    Error::Runtime("a contract has no mutable database: only a function does".into())
}

/// The bytes at a place.
pub(super) fn bytes(memory: &[u8], (at, len): Place) -> trustkeep_contract::Result<&[u8]> {
    let at = at as usize;
    memory.get(at..at.saturating_add(len as usize)).ok_or_else(outside)
}

/// `len` bytes to write at a place.
pub(super) fn bytes_mut(memory: &mut [u8], at: u32, len: usize) -> trustkeep_contract::Result<&mut [u8]> {
    let at = at as usize;
    memory.get_mut(at..at.saturating_add(len)).ok_or_else(outside)
}

/// The text at a place.
pub(super) fn text(memory: &[u8], place: Place) -> trustkeep_contract::Result<&str> {
    std::str::from_utf8(bytes(memory, place)?)
        .map_err(|_| Error::Runtime("the contract gave the host a text that is not UTF-8".into()))
}

/// The text at a place, or nothing if it has no bytes.
pub(super) fn optional_text(memory: &[u8], place: Place) -> trustkeep_contract::Result<Option<&str>> {
    if place.1 == 0 { Ok(None) } else { text(memory, place).map(Some) }
}

fn outside() -> Error {
    Error::Runtime("the contract gave the host a place outside its memory".into())
}

/// What ends the interpreter; the reason is kept in the call.
fn ended() -> wasmi::Error {
    wasmi::Error::new("ended by the host")
}

//! Contracts and functions in WebAssembly, run by an interpreter.
//!
//! **What it is**: [`WasmEngine`] takes a module of the interface in `docs/contracts.md`: it imports host functions of
//! module `trustkeep`, exports its `memory` and `invoke` (a contract) or `invoke_function` (a function), and exchanges
//! UTF-8 text, mostly JSON, through the host's buffer.
//!
//! **Invariants**
//! - Deterministic: no clock, no randomness, no WASI, one instance and one memory per execution, every NaN that an
//!   operation makes has the one canonical bit pattern, and memory grows alike on every machine. The same
//!   release runs the same module to the same end, down to the unit of fuel.
//! - Bounded: module, fuel, memory, table and call depth have the constants of [`limits`]. What a contract does wrong is
//!   an [`Error::Runtime`](trustkeep_contract::Error::Runtime), never a panic.
//! - A module is checked and translated once, at load; each execution has a fresh instance.
//!
//! **What it is not**: it keeps no module; who holds the contract holds the translated module.

mod call;
mod engine;
mod imports;
pub mod limits;
mod module;

pub use engine::WasmEngine;

#[cfg(test)]
mod tests;

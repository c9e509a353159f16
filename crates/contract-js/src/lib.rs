//! Contracts and functions in JavaScript, run by QuickJS.
//!
//! **What it is**: [`JsEngine`] takes a script that defines `invoke`, as `docs/contracts.md` tells those who write them.
//!
//! **Invariants**
//! - Deterministic: the language without clock, randomness, promises, weak references, locale, typed arrays (which show
//!   the bits of a NaN), and without the operations whose last digit depends on the platform's C library. The
//!   interpreter counts branches and calls, not time.
//! - Bounded: source, ticks, memory and stack have the constants of [`limits`]. What a contract does wrong is an
//!   [`Error::Runtime`](trustkeep_contract::Error::Runtime), never a panic.
//! - What ticks do not bound, because it is one huge operation, the processor's time does: a server's scripts run in
//!   processes ([`JsEngine::apart`], [`worker`]), which are ended with an
//!   [`Error::Unavailable`](trustkeep_contract::Error::Unavailable) that says nothing about the contract.
//! - Each execution has an interpreter of its own, made for it and dropped after it: nothing is left behind.
//!
//! **What it is not**: a sandbox that withstands whoever takes over the interpreter. Its process has no file and no network, but
//! it is of the server's user; WebAssembly is interpreted in safe Rust.

mod apart;
mod call;
mod engine;
mod exception;
mod host;
pub mod limits;
mod outside;
mod realm;
mod source;
mod wire;
pub mod worker;

pub use engine::JsEngine;

#[cfg(test)]
mod tests;

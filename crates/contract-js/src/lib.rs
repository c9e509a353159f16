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
//! - Each execution has an interpreter of its own, made for it and dropped after it: nothing is left behind.
//!
//! **What it is not**: a sandbox against the interpreter's own defects. QuickJS is C in the server's process; who
//! lets strangers register contracts lets them register WebAssembly, which is interpreted in safe Rust.

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

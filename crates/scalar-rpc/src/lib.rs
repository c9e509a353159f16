//! Scalar DL's protocol, level 3.14: what a client, a Ledger and an Auditor say to each other, to the byte.
//!
//! Messages and services ([`messages`] and the generated clients and servers), the bytes that are signed
//! ([`signing`]), who signs and how ([`identity`]), how an argument is put together ([`argument`]), how an error
//! travels ([`status`]), and how servers and clients are configured ([`properties`]). Sources: the protocol file of
//! scalar-labs/scalardl and the test vectors recorded from its classes.
//!
//! Not here: what a server does with a request, and how a client goes about it.

pub mod argument;
mod generated;
pub mod identity;
pub mod properties;
pub mod signing;
pub mod status;

pub use generated::{messages, services};
pub use status::{Error, Result, StatusCode};

/// The descriptors of every message and service, for server reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("generated/descriptors.bin");

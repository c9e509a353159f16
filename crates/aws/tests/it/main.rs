//! The chain and the client against local servers that answer as the real services do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod chain;
mod client;
mod double;
mod logs;

//! AWS KMS against moto, a real emulator of its API, and against a server that fails in AWS's words.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on should stop")]
#![expect(clippy::print_stdout, reason = "a skipped test says so")]

mod emulator;
mod failures;
mod moto;

//! Wallets in Askar's format, on SQLite and PostgreSQL: those of ACA-Py open as they are, and ACA-Py opens those made here.
//!
//! [`AskarSettings`] say where a wallet is and what opens it, in ACA-Py's words; [`AskarWallet`] is the backend.
//!
//! **What it is not**: it knows no protocol and no record's meaning; it encrypts nothing itself, Askar's crates do.
//!
//! Invariants:
//! - Writers follow one another, over all processes: a transaction begins by locking the profile (PostgreSQL) or the
//!   database (SQLite). What it reads afterwards no other changes before its end.
//! - However many instances open a wallet at once that is not there yet, they come to stand on one.
//! - A database that is something else, a libindy wallet for one, is never written to.

mod commit;
mod failure;
mod filter;
mod keys;
mod news;
mod opening;
mod probe;
mod settings;
mod statistics;
mod wallet;

pub use opening::Opening;
pub use settings::{AskarSettings, KeyDerivation, Options, PostgresStorage, Storage};
pub use wallet::AskarWallet;

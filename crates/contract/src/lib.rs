//! What a contract is, what it may do, and those that are built in.
//!
//! A [`Contract`] is a deterministic program over assets: it reads and appends through its [`Environment`] and nothing
//! else, so that two administrative domains which run it compute the same bytes. A [`Function`] changes mutable records beside it,
//! on the Ledger only. An [`Engine`] turns the bytes that a client registered into one or the other.
//!
//! Not here: who may execute what, and where assets are kept. Engines with a runtime of their own are crates beside
//! this one.

pub mod budget;
mod built_in;
mod database;
mod engine;
mod environment;
pub mod guest;
pub mod json;
#[cfg(any(test, feature = "testing"))]
pub mod testing;

pub use built_in::{
    BuiltIns, CLASS_MAGIC, HASH_STORE_CONTRACTS, PUT_TO_MUTABLE_DATABASE, TABLE_STORE_CONTRACTS,
    VALIDATE_LEDGER,
};
pub use database::{
    Column, ColumnValue, Database, DatabaseScan, Function, FunctionCall, Ordering, Selection,
};
pub use engine::{Engine, Engines, LoadError};
pub use environment::{
    Asset, AssetFilter, AssetMetadata, AssetOrder, ClientIdentityKey, Contract, Environment, Error, Result,
};

//! A client of Scalar DL's Ledger and Auditor: registers, executes, compares what both say, validates.
//!
//! [`Client`] does what the original's client service does: with an Auditor configured every execution goes through
//! three steps (order, execute, validate), and results or proofs that differ are an error with the code 305. It is
//! cheap to clone, and many calls may be in flight on its channels.
//!
//! ```no_run
//! # async fn example() -> trustkeep_scalar_rpc::Result<()> {
//! use trustkeep_scalar_client::{Client, ClientConfig};
//! use trustkeep_scalar_rpc::properties::Properties;
//!
//! let text = std::fs::read_to_string("client.properties").unwrap_or_default();
//! let properties = Properties::parse(&text, &|name| std::env::var(name).ok())?;
//! let client = Client::new(ClientConfig::from_properties(&properties)?)?;
//! client.bootstrap().await?;
//! let outcome = client.execute_contract("StateReader", r#"{"asset_id":"a"}"#).await?;
//! println!("{:?}", outcome.contract_result);
//! # Ok(())
//! # }
//! ```
//!
//! Not here: what a server does with a request, and the command line.

mod client;
mod config;
mod connection;
mod error;
mod execution;
mod hash_store;
mod registration;
pub mod table_store;
mod validation;

pub use client::Client;
pub use config::{ClientConfig, Identity, Target};
pub use connection::{AuditorConnection, LedgerConnection};
pub use execution::{Call, Execution, verify_proof};
pub use hash_store::HashStore;
pub use registration::class_stub;
pub use table_store::TableStore;
pub use validation::{Ages, Validation};

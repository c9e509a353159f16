//! The vault service: secrets custody over HashiCorp Vault's HTTP API, at the level of Vault 1.14.
//!
//! Inside, the domain stands above its HTTP edge:
//! - [`core`]: barrier, seal, mounts, tokens, policies, expiry, and the handling of one request;
//! - [`engines`]: secrets engines, one file each, that know a [`View`](core::View) of storage and nothing else;
//! - [`auth`]: auth methods, likewise;
//! - [`ha`]: one active node among several, standbys that forward to it;
//! - [`http`]: Vault's wire rules: paths, envelopes, errors;
//! - [`settings`]: Vault's server configuration file.
//!
//! Not here: databases (the store's backends), listeners and logs (the chassis), the command line (the binary).
//!
//! # Invariants
//! - Nothing reaches the store unencrypted but the seal's configuration.
//! - Sealed means that no key is left in memory.
//! - A request that was answered with success is durable.
//! - A request that was answered with a client error (4xx) changed nothing.

pub mod auth;
pub mod cidr;
pub mod core;
mod duration;
pub mod engines;
mod error;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod ha;
pub mod hcl;
pub mod help;
pub mod http;
mod password;
pub mod policy;
pub mod request;
pub mod response;
pub mod service;
pub mod settings;
pub mod telemetry;

pub use error::{Error, Result};

/// The version of Vault whose behaviour this server has; clients switch by it.
pub const VAULT_VERSION: &str = "1.14.8";
/// What `seal-status` reports beside the version.
pub const VAULT_BUILD_DATE: &str = "2023-12-04T17:45:28Z";
/// What mounts report of engines that are built in.
pub const VAULT_BUILTIN_VERSION: &str = "v1.14.8+builtin.vault";

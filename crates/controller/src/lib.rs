//! The portable VC controller: unit groups of units of nodes, on clouds and on existing servers, behind NII's REST API.
//!
//! **What it is**: a record of what users want and of what is there ([`model`]), jobs that bring the one to the other
//! ([`jobs`]), and the API that the users' SDK speaks.
//!
//! **What it is not**: it knows no cloud (that is a [`trustkeep_cloud::Provider`]), no database, and no vault: secrets and tokens come
//! through [`secrets::Secrets`].
//!
//! Invariants:
//! - What is wanted is durable before anything is done about it, and everything that is done may be repeated: a controller that was
//!   killed goes on where it was.
//! - No machine is made without a record that names its token; none is forgotten before its provider says that it is gone.
//! - Nothing is locked: a job owns its node by running, and a job that died is started again with the process.
//! - Every route checks token, API role, user role and owner before it looks at anything else.

pub mod accounts;
pub mod administration;
pub mod book;
pub mod catalogue;
pub mod cci;
pub mod configuration;
pub mod jobs;
pub mod membership;
pub mod metrics;
pub mod model;
pub mod monitoring;
pub mod parts;
pub mod refusal;
pub mod rest;
pub mod secrets;
pub mod service;
pub mod settings;

#[cfg(test)]
mod testing;
mod yaml;

//! AWS credentials in their documented order, and requests signed with SigV4.
//!
//! **What it is**: the small part of an AWS SDK that a few calls need: a [`Chain`] that finds and refreshes
//! credentials, [`region::resolve`], and a [`Client`] that signs, sends, retries and explains failures, for
//! services of the JSON protocols (KMS, ECS, Secrets Manager) and of the query protocol (STS, EC2, IAM).
//!
//! **What it is not**: it knows no service's operations (except the two of STS that yield credentials), does
//! not stream, does not presign, and knows nothing of S3's variant of signing.
//!
//! Invariants:
//! - Environment, clock and randomness are parameters ([`Context`]); nothing reads them behind one's back.
//! - Secrets are never logged, nor part of an error; request bodies are cleared from memory.
//! - Credentials are refreshed before they expire, by one task at a time; while a refresh fails, the old ones
//!   serve as long as they are valid.
//! - A source of credentials that is configured but fails stops the search: running under another identity
//!   than the intended one would be worse than not running.
//! - TLS is rustls with aws-lc-rs, always verified; plain HTTP only to an endpoint given explicitly.
//!
//! ```no_run
//! use std::sync::Arc;
//! use trustkeep_aws::{Call, Chain, ChainSettings, Client, Context, region};
//!
//! # async fn example() -> Result<(), trustkeep_aws::Error> {
//! let context = Context::process();
//! let settings = ChainSettings::default();
//! let region = region::resolve(&context, &settings).await?;
//! let credentials = Arc::new(Chain::new(context.clone(), settings)?);
//! let kms = Client::builder("kms", region).credentials(credentials).context(context).build()?;
//! let call = Call::json_1_1("TrentService.ListKeys", &serde_json::json!({ "Limit": 10 }))?.idempotent();
//! let reply: serde_json::Value = kms.send(call).await?.json()?;
//! # let _ = reply; Ok(())
//! # }
//! ```

pub mod client;
mod context;
pub mod credentials;
mod error;
pub mod region;
mod sts;
mod transport;

pub use client::{Call, Client, Reply, Retry};
pub use context::{Clock, Context, Env};
pub use credentials::{Chain, ChainSettings, Credentials, CredentialsProvider};
pub use error::{Attempt, Error, Result, ServiceError};
pub use transport::Connections;

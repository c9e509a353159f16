//! Another vault's transit engine behind the KMS trait.
//!
//! **What it is**: [`Transit`], one key of a transit engine that wraps and unwraps small secrets over Vault's HTTP API,
//! with the settings of Vault's `seal "transit"`, and errors that name the policy to grant or the setting to
//! correct. It keeps its token alive.
//!
//! **What it is not**: it neither makes nor rotates keys, and reads no environment: the settings are complete.
//!
//! Invariants:
//! - It asks for `update` on `<mount>/encrypt/<key>` and `<mount>/decrypt/<key>`, and for `auth/token/renew-self`
//!   unless renewal is off; nothing else.
//! - The token is in no message, log line or `Debug` output.

mod client;
mod error;
mod settings;
mod transit;

pub use settings::Settings;
pub use transit::Transit;

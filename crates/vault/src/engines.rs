//! Secrets engines, one file each. An engine sees requests below its mount and a view of storage, nothing else.

mod base64;
pub mod cubbyhole;
pub mod identity;
pub mod kv_v1;
pub mod kv_v2;
pub mod system;
#[cfg(test)]
pub(crate) mod test_support;
mod tools;
pub mod transit;
pub mod upgrading;

use std::sync::Arc;

use trustkeep_crypto::Random;

use crate::auth::Login;
use crate::core::{LeaseEntry, TokenEntry, View};
use crate::help::Help;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

/// A secrets engine or auth method behind a mount.
///
/// Handlers answer `Ok(None)` for 204.
#[async_trait::async_trait]
pub trait Engine: Send + Sync + 'static {
    /// Handles one request; its `path` is relative to the mount.
    async fn handle(&self, request: &Request) -> Result<Option<Response>>;

    /// Whether the path of a write exists: `Some(false)` makes it a create, `Some(true)` or `None` (no check)
    /// an update.
    async fn exists(&self, request: &Request) -> Result<Option<bool>> {
        let _ = request;
        Ok(None)
    }

    /// Whether the path below the mount takes requests without a token.
    fn is_public(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// Whether the path below the mount asks for the `sudo` capability.
    fn is_root(&self, path: &str) -> bool {
        let _ = path;
        false
    }

    /// What it says of its paths.
    fn help(&self) -> Help {
        Help::NONE
    }

    /// Renews a lease that this engine gave: how long it lives from now on. The core holds the answer to the
    /// mount's bounds.
    ///
    /// # Errors
    /// 400 where the engine refuses.
    async fn renew(&self, lease: &LeaseEntry, increment: i64) -> Result<crate::response::SecretLease> {
        let _ = (lease, increment);
        Err(Error::invalid("lease is not renewable"))
    }

    /// Undoes what a lease stands for. Called again after a crash or a failure, so it must not mind being
    /// called for what is gone already.
    ///
    /// # Errors
    /// What could not be undone; it is tried again later.
    async fn revoke(&self, lease: &LeaseEntry) -> Result<()> {
        let _ = lease;
        Ok(())
    }

    /// Whose login a request is, before it is answered: the alias that tries are counted for. `None` where it is
    /// no login, or one without tries to count.
    fn login_alias(&self, request: &Request) -> Option<String> {
        let _ = request;
        None
    }

    /// Looks at a login again before its token is renewed: its parameters as they are now.
    ///
    /// # Errors
    /// 400 where who logged in may not any more.
    async fn renew_login(&self, token: &TokenEntry) -> Result<Login> {
        let _ = token;
        Err(Error::invalid("lease is not renewable"))
    }

    /// Does what is due at `now` (unix seconds), for example removing what ended. Called every few seconds on the
    /// active node.
    ///
    /// # Errors
    /// What is logged; the next call comes all the same.
    async fn tick(&self, now: i64) -> Result<()> {
        let _ = now;
        Ok(())
    }

    /// Whether it only stands in until the mount's storage has its new form.
    fn is_upgrading(&self) -> bool {
        false
    }
}

/// What an engine is made from.
#[derive(Clone)]
pub struct EngineContext {
    /// Its storage.
    pub view: View,
    /// Names the mount in identities' aliases: `<type>_<8 hex>`.
    pub accessor: String,
    /// Where its keys and names come from.
    pub random: Arc<dyn Random>,
    /// The mount's options.
    pub options: std::collections::BTreeMap<String, String>,
    /// The mount's maximal lease in seconds, or the system's.
    pub lease_max: i64,
    /// The mount's default lease in seconds, or the system's.
    pub lease_default: i64,
}

//! Secrets engines, one file each. An engine sees requests below its mount and a view of storage, nothing else.

pub mod cubbyhole;
pub mod kv_v1;
pub mod kv_v2;
pub mod system;
#[cfg(test)]
pub(crate) mod test_support;
pub mod upgrading;

use crate::Result;
use crate::core::View;
use crate::request::Request;
use crate::response::Response;

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
    /// The mount's options.
    pub options: std::collections::BTreeMap<String, String>,
    /// The mount's maximal lease in seconds, or the system's.
    pub lease_max: i64,
    /// The mount's default lease in seconds, or the system's.
    pub lease_default: i64,
}

//! What stands in for a KV engine while its secrets move from version 1 to version 2.

use super::Engine;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

/// Refuses everything for the moment.
pub struct Upgrading;

#[async_trait::async_trait]
impl Engine for Upgrading {
    async fn handle(&self, _request: &Request) -> Result<Option<Response>> {
        Err(Error::invalid(
            "Upgrading from non-versioned to versioned data. This backend will be unavailable for a brief period and will resume service shortly.",
        ))
    }

    fn is_upgrading(&self) -> bool {
        true
    }
}

//! `config`: what holds for every secret of the mount.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::KvV2;
use super::time::signed_seconds;
use crate::core::Batch;
use crate::duration::go_duration;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

const ENTRY: &str = "config";

/// The mount's settings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Config {
    /// Versions to keep; 0 for ten.
    pub(super) max_versions: u32,
    /// Whether each write must name the version that it replaces.
    pub(super) cas_required: bool,
    /// Seconds until a new version counts as deleted; 0 for never, negative to overrule the secrets' own.
    pub(super) delete_version_after: i64,
}

impl KvV2 {
    pub(super) async fn handle_config(&self, request: &Request) -> Result<Option<Response>> {
        match request.operation {
            Operation::Read => {
                let config = self.config().await?;
                Ok(Some(Response::object(json!({
                    "cas_required": config.cas_required,
                    "delete_version_after": go_duration(config.delete_version_after),
                    "max_versions": config.max_versions,
                }))))
            }
            Operation::Create | Operation::Update => self.write_config(request).await,
            _ => Err(Error::UnsupportedOperation),
        }
    }

    /// The mount's settings; read once, for this node alone writes them.
    pub(super) async fn config(&self) -> Result<Config> {
        if let Some(config) = *self.config.read() {
            return Ok(config);
        }
        let _no_write = self.config_write.lock().await;
        let stored = self.view.get_json::<Config>(ENTRY).await?;
        let config = stored.map(|(config, _)| config).unwrap_or_default();
        *self.config.write() = Some(config);
        Ok(config)
    }

    async fn write_config(&self, request: &Request) -> Result<Option<Response>> {
        let max_versions = max_versions(request)?;
        let cas_required = flag(request, "cas_required")?;
        let delete_version_after = match request.data.get("delete_version_after") {
            None | Some(Value::Null) => None,
            Some(value) => Some(signed_seconds("delete_version_after", value)?.max(-1)),
        };
        if max_versions.is_none() && cas_required.is_none() && delete_version_after.is_none() {
            return Ok(None);
        }
        let mut config = self.config().await?;
        let _alone = self.config_write.lock().await;
        config = self.config.read().unwrap_or(config);
        config.max_versions = max_versions.unwrap_or(config.max_versions);
        config.cas_required = cas_required.unwrap_or(config.cas_required);
        config.delete_version_after = delete_version_after.unwrap_or(config.delete_version_after);
        self.view.commit(Batch::new().put_json(ENTRY, &config)?).await?;
        *self.config.write() = Some(config);
        Ok(None)
    }
}

/// `max_versions`, where it is given; null resets it.
pub(super) fn max_versions(request: &Request) -> Result<Option<u32>> {
    if !request.data.contains_key("max_versions") {
        return Ok(None);
    }
    let number = request.int("max_versions")?.unwrap_or(0);
    u32::try_from(number)
        .map(Some)
        .map_err(|_| Error::invalid(format!("max_versions must be between 0 and {}, not {number}", u32::MAX)))
}

/// A truth value, where it is given; null is false.
pub(super) fn flag(request: &Request, field: &str) -> Result<Option<bool>> {
    if !request.data.contains_key(field) {
        return Ok(None);
    }
    Ok(Some(request.bool(field)?.unwrap_or(false)))
}

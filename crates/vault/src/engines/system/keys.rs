//! Keys of an open vault: `sys/rotate`, `sys/key-status`, `sys/break-glass`, `sys/rekey/backup`.

use std::sync::Arc;

use serde_json::{Map, json};

use super::lifecycle::{put_shares, rfc3339};
use crate::core::{Core, RotationConfig, Unsealed};
use crate::request::{Operation, Request};
use crate::response::{Data, Response};
use crate::{Error, Result};

/// Answers these paths; `None` where it is none of them.
pub(super) async fn answer(
    core: &Arc<Core>,
    unsealed: &Arc<Unsealed>,
    request: &Request,
) -> Option<Result<Option<Response>>> {
    Some(match (request.path.as_str(), request.operation) {
        ("rotate", op) if op.is_write() => unsealed.barrier.rotate(request.now).await.map(|()| None),
        ("rotate/config", Operation::Read) => rotation(core).await,
        ("rotate/config", op) if op.is_write() => set_rotation(core, request).await,
        ("key-status", Operation::Read) => key_status(core, unsealed).await,
        ("break-glass", Operation::Read) => break_glass(core).await,
        ("break-glass", op) if op.is_write() => make_break_glass(core, request).await,
        ("break-glass", Operation::Delete) => core.remove_break_glass().await.map(|()| None),
        // Backups hold shares that were encrypted with PGP keys, which this version does not take.
        ("rekey/backup" | "rekey/recovery-key-backup", Operation::Read) => {
            Err(Error::invalid("no backed-up keys found"))
        }
        ("rekey/backup" | "rekey/recovery-key-backup", Operation::Delete) => Ok(None),
        (
            "rotate"
            | "rotate/config"
            | "key-status"
            | "break-glass"
            | "rekey/backup"
            | "rekey/recovery-key-backup",
            _,
        ) => Err(Error::UnsupportedOperation),
        _ => return None,
    })
}

async fn key_status(core: &Arc<Core>, unsealed: &Arc<Unsealed>) -> Result<Option<Response>> {
    let keyring = unsealed.barrier.keyring()?;
    Ok(Some(Response::object(json!({
        "encryptions": core.encryptions().await?,
        "install_time": rfc3339(keyring.installed()),
        "term": keyring.active_term(),
    }))))
}

async fn rotation(core: &Arc<Core>) -> Result<Option<Response>> {
    let config = core.rotation_config().await?;
    let interval = match config.interval {
        0 => json!(0),
        seconds => json!(format!("{}h{}m{}s", seconds / 3600, seconds / 60 % 60, seconds % 60)),
    };
    Ok(Some(Response::object(json!({
        "enabled": config.enabled,
        "interval": interval,
        "max_operations": config.max_operations,
    }))))
}

async fn set_rotation(core: &Arc<Core>, request: &Request) -> Result<Option<Response>> {
    let old = core.rotation_config().await?;
    let config = RotationConfig {
        enabled: request.bool("enabled")?.unwrap_or(old.enabled),
        max_operations: request.int("max_operations")?.unwrap_or(old.max_operations),
        interval: request.seconds("interval")?.unwrap_or(old.interval),
    };
    core.set_rotation_config(config).await.map(|()| None)
}

async fn break_glass(core: &Arc<Core>) -> Result<Option<Response>> {
    let status = core.break_glass_status().await?;
    Ok(Some(Response::object(match status {
        None => json!({ "enabled": false }),
        Some(status) => json!({
            "enabled": true,
            "secret_shares": status.shares,
            "secret_threshold": status.threshold,
            "created_time": rfc3339(status.created),
        }),
    })))
}

async fn make_break_glass(core: &Arc<Core>, request: &Request) -> Result<Option<Response>> {
    let number = |field: &str| request.int(field).map(|number| number.unwrap_or(0));
    let shares = core.make_break_glass(number("secret_shares")?, number("secret_threshold")?).await?;
    let mut data = Map::new();
    put_shares(&mut data, "keys", &shares);
    Ok(Some(Response { data: Some(Data::Map(data)), ..Default::default() }))
}

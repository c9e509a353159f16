//! `sys/locked-users`, and what a mount says of user lockout when it is tuned.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::core::Unsealed;
use crate::core::lockout::{KINDS, LockoutSettings};
use crate::core::mount::MountEntry;
use crate::request::{Operation, Request, parse_seconds};
use crate::response::Response;
use crate::{Error, Result};

/// `sys/locked-users` and `sys/locked-users/<mount accessor>/unlock/<alias>`.
pub(super) async fn answer(
    unsealed: &Arc<Unsealed>,
    request: &Request,
    path: &str,
) -> Result<Option<Response>> {
    let lockout = &unsealed.lockout;
    if path.is_empty() {
        if request.operation != Operation::Read {
            return Err(Error::UnsupportedOperation);
        }
        let accessor = request.text("mount_accessor")?.filter(|accessor| !accessor.is_empty());
        let locked = lockout.locked(&unsealed.mounts(), accessor.as_deref(), request.now);
        return Ok(Some(Response::object(locked)));
    }
    let (accessor, alias) = path.split_once("/unlock/").ok_or(Error::UnsupportedPath)?;
    if accessor.is_empty() || accessor.contains('/') || alias.is_empty() {
        return Err(Error::UnsupportedPath);
    }
    if !request.operation.is_write() {
        return Err(Error::UnsupportedOperation);
    }
    lockout.unlock(accessor, alias).await
}

/// Takes `user_lockout_config` over, where a mount is tuned with it.
///
/// # Errors
/// 400 for methods without lockout, and for values that are none.
pub(super) fn tune(entry: &mut MountEntry, fields: &Map<String, Value>) -> Result<()> {
    let given = match fields.get("user_lockout_config") {
        None | Some(Value::Null) => return Ok(()),
        Some(Value::Object(given)) if given.is_empty() => return Ok(()),
        Some(Value::Object(given)) => given,
        Some(_) => return Err(Error::invalid("unable to convert given user lockout config information")),
    };
    if !KINDS.contains(&entry.kind.as_str()) {
        let message =
            format!("tuning of user lockout configuration for auth type {:?} not allowed", entry.kind);
        return Err(Error::invalid(message));
    }
    let mut settings = entry.config.user_lockout_config.clone().unwrap_or_default();
    // Nothing and `system` are the server's value.
    let named = |field: &str| match given.get(field) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) if text.is_empty() => None,
        Some(Value::String(text)) if text == "system" => Some(Value::from(0)),
        Some(value) => Some(value.clone()),
    };
    let wrong =
        |field: &str| Error::invalid(format!("unable to parse the value of user_lockout_config.{field}"));
    let seconds = |field: &str, slot: &mut Option<i64>| -> Result<()> {
        if let Some(value) = named(field) {
            let seconds = parse_seconds(&value).ok_or_else(|| wrong(field))?;
            *slot = (seconds > 0).then_some(seconds);
        }
        Ok(())
    };
    seconds("lockout_duration", &mut settings.duration)?;
    seconds("lockout_counter_reset_duration", &mut settings.counter_reset)?;
    if let Some(value) = named("lockout_threshold") {
        let number = match &value {
            Value::String(text) => text.trim().parse().ok(),
            value => value.as_u64().and_then(|number| u32::try_from(number).ok()),
        };
        let number: u32 = number.ok_or_else(|| wrong("lockout_threshold"))?;
        settings.threshold = (number > 0).then_some(number);
    }
    match given.get("lockout_disable") {
        None | Some(Value::Null) => {}
        Some(Value::Bool(disabled)) => settings.disabled = Some(*disabled),
        Some(Value::String(text)) => {
            settings.disabled = Some(text.parse().map_err(|_| wrong("lockout_disable"))?);
        }
        Some(_) => return Err(wrong("lockout_disable")),
    }
    entry.config.user_lockout_config = Some(settings);
    Ok(())
}

/// Adds what a mount says of it to its tuning.
pub(super) fn describe(settings: &LockoutSettings, data: &mut Map<String, Value>) {
    data.insert("user_lockout_counter_reset_duration".into(), settings.counter_reset.unwrap_or(0).into());
    data.insert("user_lockout_disable".into(), settings.disabled.unwrap_or(false).into());
    data.insert("user_lockout_duration".into(), settings.duration.unwrap_or(0).into());
    data.insert("user_lockout_threshold".into(), settings.threshold.unwrap_or(0).into());
}

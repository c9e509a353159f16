//! What operators and support ask of a running server: its logs' level, its versions, its counters.

use serde_json::{Map, json};
use trustkeep_chassis::logs::{self, Level};

use crate::core::{Core, Unsealed};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

/// `sys/in-flight-req`
pub(super) fn in_flight(core: &Core) -> Result<Option<Response>> {
    Ok(Some(Response::document(200, &core.in_flight().describe().into())))
}

/// `sys/experiments`: there are none.
pub(super) fn experiments(request: &Request) -> Result<Option<Response>> {
    only_read(request)?;
    Ok(Some(Response::object(json!({ "available": [], "enabled": [] }))))
}

/// `sys/replication/status`: there is none.
pub(super) fn replication(request: &Request) -> Result<Option<Response>> {
    only_read(request)?;
    let disabled = json!({ "mode": "disabled" });
    Ok(Some(Response::object(json!({ "dr": disabled, "performance": disabled }))))
}

/// `sys/version-history`
pub(super) async fn version_history(unsealed: &Unsealed, request: &Request) -> Result<Option<Response>> {
    if request.operation != Operation::List {
        return Err(Error::UnsupportedOperation);
    }
    let versions = unsealed.version_history().await?;
    let mut info = Map::new();
    let mut previous: Option<String> = None;
    for entry in &versions {
        let described = json!({
            "build_date": entry.build_date,
            "previous_version": previous,
            "timestamp_installed": super::rfc3339(entry.installed.saturating_mul(NANOS)),
        });
        info.insert(entry.version.clone(), described);
        previous = Some(entry.version.clone());
    }
    let keys: Vec<_> = versions.into_iter().map(|entry| entry.version).collect();
    Ok(Some(Response::object(json!({ "keys": keys, "key_info": info }))))
}

/// `sys/internal/counters`, `sys/internal/inspect`
pub(super) async fn internal(unsealed: &Unsealed, request: &Request, path: &str) -> Result<Option<Response>> {
    match path {
        "counters/requests" => {
            only_read(request)?;
            Err(Error::NotFoundBecause("The functionality has been removed on this path".into()))
        }
        "counters/tokens" => {
            only_read(request)?;
            let total = unsealed.tokens.count().await?;
            Ok(Some(Response::object(json!({ "counters": { "service_tokens": { "total": total } } }))))
        }
        "counters/entities" => {
            only_read(request)?;
            let total = unsealed.identity.entity_ids().await?.len();
            Ok(Some(Response::object(json!({ "counters": { "entities": { "total": total } } }))))
        }
        // Vault without Enterprise does not count activity unless it is told to; then there is nothing to tell.
        "counters/activity" | "counters/activity/monthly" => only_read(request).map(|()| None),
        "counters/config" if request.operation.is_write() => match request.text("enabled")?.as_deref() {
            None | Some("default" | "disable") => Ok(None),
            Some(_) => Err(Error::invalid("enabled: clients are not counted by this version")),
        },
        "counters/config" => {
            only_read(request)?;
            Ok(Some(Response::object(json!({
                "default_report_months": 12,
                "enabled": "default-disabled",
                "queries_available": false,
                "retention_months": 24,
            }))))
        }
        _ if path.starts_with("inspect/") => {
            only_read(request)?;
            Err(Error::invalid(
                "The Vault Configuration must set \"introspection_endpoint\" to true to enable this endpoint",
            ))
        }
        _ => Err(Error::UnsupportedPath),
    }
}

/// `sys/loggers`: one logger, whose level can be changed until the next start.
pub(super) fn loggers(core: &Core, request: &Request, name: &str) -> Result<Option<Response>> {
    let handle = logs::handle();
    let known = name.is_empty() || name == LOGGER;
    match request.operation {
        Operation::Read if known => {
            let level = handle.map(|handle| handle.level()).unwrap_or_default();
            Ok(Some(Response::object(json!({ LOGGER: level.to_string() }))))
        }
        Operation::Read => Ok(Some(Response::object(json!({})))),
        op if op.is_write() || op == Operation::Delete => {
            let level: Level = if op == Operation::Delete {
                core.settings().log_level
            } else {
                match request.text("level")? {
                    None => return Err(Error::invalid("level is required")),
                    Some(level) if level.is_empty() => return Err(Error::invalid("level is empty")),
                    Some(level) => level.parse().map_err(|_| {
                        Error::invalid(format!("invalid level provided: unknown log level: {level}"))
                    })?,
                }
            };
            if !known {
                return Err(Error::invalid(format!("logger {name:?} not found")));
            }
            if let Some(handle) = handle {
                handle.set_level(level);
            }
            Ok(None)
        }
        _ => Err(Error::UnsupportedOperation),
    }
}

fn only_read(request: &Request) -> Result<()> {
    if request.operation == Operation::Read { Ok(()) } else { Err(Error::UnsupportedOperation) }
}

const LOGGER: &str = "core";
const NANOS: i64 = 1_000_000_000;

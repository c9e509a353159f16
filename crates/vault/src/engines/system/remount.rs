//! `sys/remount`: moving a secrets engine or an auth method to another path.

use std::sync::Arc;

use serde_json::json;

use super::mounts::{RESERVED, mount_path};
use crate::core::{Core, Unsealed};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

pub(super) fn answer(
    core: &Arc<Core>,
    unsealed: &Arc<Unsealed>,
    request: &Request,
    path: &str,
) -> Result<Option<Response>> {
    match (path, request.operation) {
        ("", op) if op.is_write() => remount(core, unsealed, request),
        ("", _) => Err(Error::UnsupportedOperation),
        (path, Operation::Read) => {
            let id = path.strip_prefix("status/").ok_or(Error::UnsupportedPath)?;
            let migration = unsealed.migrations.get(id).ok_or(Error::NotFound)?;
            Ok(Some(Response::object(json!({ "migration_id": id, "migration_info": migration }))))
        }
        (path, _) if path.starts_with("status/") => Err(Error::UnsupportedOperation),
        _ => Err(Error::UnsupportedPath),
    }
}

fn remount(core: &Arc<Core>, unsealed: &Arc<Unsealed>, request: &Request) -> Result<Option<Response>> {
    let (from, to) = (request.text("from")?.unwrap_or_default(), request.text("to")?.unwrap_or_default());
    if from.is_empty() || to.is_empty() {
        return Err(Error::invalid("both 'from' and 'to' path must be specified as a string"));
    }
    for (field, path) in [("from", &from), ("to", &to)] {
        if path.trim_matches(' ') != path {
            return Err(Error::invalid(format!("'{field}' path cannot contain trailing whitespace")));
        }
    }
    let from = mount_path(from.trim_start_matches('/'))?;
    let to = to.trim_start_matches('/');
    let to = clean(to).and_then(|()| mount_path(to))?;
    refuse_protected(&from, &to)?;
    let id = core.begin_remount(unsealed, &from, &to)?;
    Ok(Some(Response::object(json!({ "migration_id": id })).warn(
        "Mount move has been queued. Progress will be reported in Vault's server log, tagged with the returned migration_id",
    )))
}

fn clean(path: &str) -> Result<()> {
    let bare = path.trim_end_matches('/');
    if path.chars().any(char::is_control) {
        return Err(Error::invalid(
            "invalid destination mount: path cannot contain non-printable characters",
        ));
    }
    if bare.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(Error::invalid(format!("invalid destination mount path {path:?}")));
    }
    Ok(())
}

fn refuse_protected(from: &str, to: &str) -> Result<()> {
    let first = |path: &str| path.split('/').next().unwrap_or_default().to_owned();
    if let Some(method) = from.strip_prefix("auth/") {
        let Some(target) = to.strip_prefix("auth/") else {
            return Err(Error::invalid(format!("cannot remount auth mount to non-auth mount {to:?}")));
        };
        if method.is_empty() || method.starts_with("token/") {
            return Err(Error::invalid(format!("cannot remount {from:?}")));
        }
        if target.is_empty() || target.starts_with("token/") {
            return Err(Error::invalid(format!("cannot remount to destination {to:?}")));
        }
        return Ok(());
    }
    if RESERVED.contains(&first(from).as_str()) {
        return Err(Error::invalid(format!("cannot remount {from:?}")));
    }
    if RESERVED.contains(&first(to).as_str()) {
        return Err(Error::invalid(format!("cannot remount to destination {to}")));
    }
    Ok(())
}

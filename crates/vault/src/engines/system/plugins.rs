//! `sys/plugins`: the engines and auth methods that are built in. There are no others: a plugin's program is not run.

use serde_json::{Map, Value, json};

use crate::core::Unsealed;
use crate::core::mount::{AUTH_METHODS, SECRETS_ENGINES};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result, VAULT_BUILTIN_VERSION};

pub(super) fn answer(unsealed: &Unsealed, request: &Request, path: &str) -> Result<Option<Response>> {
    match path.trim_end_matches('/').split('/').collect::<Vec<_>>().as_slice() {
        ["catalog"] => match request.operation {
            Operation::Read | Operation::List => Ok(Some(catalog())),
            _ => Err(Error::UnsupportedOperation),
        },
        ["catalog", kind] => match request.operation {
            Operation::List | Operation::Read => {
                Response::list(names(kind)?.iter().map(|name| (*name).into()).collect())
            }
            op if op.is_write() => Err(refuse(request)?),
            _ => Err(Error::UnsupportedOperation),
        },
        ["catalog", kind, name] => match request.operation {
            Operation::Read => one(kind, name),
            Operation::Delete => {
                names(kind)?;
                Ok(None)
            }
            op if op.is_write() => {
                names(kind)?;
                Err(refuse(request)?)
            }
            _ => Err(Error::UnsupportedOperation),
        },
        ["reload", "backend"] if request.operation.is_write() => reload(unsealed, request),
        ["reload", "backend"] => Err(Error::UnsupportedOperation),
        _ => Err(Error::UnsupportedPath),
    }
}

fn names(kind: &str) -> Result<&'static [&'static str]> {
    match kind {
        "auth" => Ok(AUTH_METHODS),
        "secret" => Ok(SECRETS_ENGINES),
        "database" => Ok(&[]),
        other => Err(Error::invalid(format!("{other:?} is not a supported plugin type"))),
    }
}

fn catalog() -> Response {
    let mut detailed = Vec::new();
    let mut data = Map::new();
    for (kind, names) in [("auth", AUTH_METHODS), ("database", &[]), ("secret", SECRETS_ENGINES)] {
        data.insert(kind.into(), json!(names));
        detailed.extend(names.iter().map(|name| {
            json!({
                "builtin": true, "deprecation_status": "supported", "name": name, "type": kind,
                "version": VAULT_BUILTIN_VERSION,
            })
        }));
    }
    data.insert("detailed".into(), Value::Array(detailed));
    Response::data(data)
}

fn one(kind: &str, name: &str) -> Result<Option<Response>> {
    if !names(kind)?.contains(&name) {
        return Err(Error::NotFound);
    }
    Ok(Some(Response::object(json!({
        "args": [], "builtin": true, "command": "", "deprecation_status": "supported", "name": name, "sha256": "",
        "version": VAULT_BUILTIN_VERSION,
    }))))
}

/// A plugin's registration, checked in the order in which Vault checks it, ends at the missing plugin directory.
fn refuse(request: &Request) -> Result<Error> {
    let sha256 = match request.text("sha256")?.filter(|sum| !sum.is_empty()) {
        Some(sum) => sum,
        None => request.text("sha_256")?.unwrap_or_default(),
    };
    if sha256.is_empty() {
        return Ok(Error::invalid("missing SHA-256 value"));
    }
    if request.text("command")?.unwrap_or_default().is_empty() {
        return Ok(Error::invalid("missing command value"));
    }
    Ok(Error::invalid("could not set plugin, plugin directory is not configured"))
}

/// What is built in has nothing to reload; what is asked for must be there all the same.
fn reload(unsealed: &Unsealed, request: &Request) -> Result<Option<Response>> {
    let plugin = request.text("plugin")?.unwrap_or_default();
    let mounts = request.texts("mounts")?.unwrap_or_default();
    match (plugin.is_empty(), mounts.is_empty()) {
        (false, false) => return Err(Error::invalid("plugin and mounts cannot be set at the same time")),
        (true, true) => return Err(Error::invalid("plugin or mounts must be provided")),
        _ => {}
    }
    let known = unsealed.mounts();
    for mount in &mounts {
        let path = format!("{}/", mount.trim_matches('/'));
        if known.get(&path).is_none() {
            return Err(Error::invalid(format!("cannot fetch mount entry on {path:?}")));
        }
    }
    Ok(Some(Response::object(json!({ "reload_id": request.id }))))
}

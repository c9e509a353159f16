//! `sys/audit`, `sys/audit-hash`, `sys/config/auditing/request-headers`.

use serde_json::{Map, Value, json};

use crate::core::Unsealed;
use crate::core::audit::{AuditedHeader, DeviceEntry};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

/// `sys/audit` and `sys/audit/<path>`.
pub(super) async fn devices(unsealed: &Unsealed, request: &Request, path: &str) -> Result<Option<Response>> {
    match (path.trim_end_matches('/'), request.operation) {
        ("", Operation::Read) => {
            let described = unsealed.audit.entries().into_iter().map(describe).collect();
            Ok(Some(Response::data(described)))
        }
        ("", _) => Err(Error::UnsupportedOperation),
        (path, op) if op.is_write() => {
            let entry = DeviceEntry {
                path: format!("{path}/"),
                kind: request.text("type")?.unwrap_or_default(),
                description: request.text("description")?.unwrap_or_default(),
                options: request.text_map("options")?.unwrap_or_default(),
                local: request.bool("local")?.unwrap_or(false),
                uuid: String::new(),
            };
            unsealed.audit.enable(entry).await.map(|()| None)
        }
        (path, Operation::Delete) => unsealed.audit.disable(&format!("{path}/")).await.map(|()| None),
        _ => Err(Error::UnsupportedOperation),
    }
}

/// `sys/audit-hash/<path>`.
pub(super) fn hash(unsealed: &Unsealed, request: &Request, path: &str) -> Result<Option<Response>> {
    if !request.operation.is_write() {
        return Err(Error::UnsupportedOperation);
    }
    let input = request.text("input")?.filter(|input| !input.is_empty());
    let input = input.ok_or_else(|| Error::invalid("the \"input\" parameter is empty"))?;
    let hash = unsealed.audit.hash(&format!("{}/", path.trim_end_matches('/')), &input)?;
    Ok(Some(Response::object(json!({ "hash": hash }))))
}

/// `sys/config/auditing/request-headers` and below.
pub(super) async fn headers(unsealed: &Unsealed, request: &Request, path: &str) -> Result<Option<Response>> {
    let rest = path.strip_prefix("request-headers").ok_or(Error::UnsupportedPath)?;
    let name = rest.strip_prefix('/').unwrap_or_default().to_lowercase();
    if rest.is_empty() || rest == "/" {
        return match request.operation {
            Operation::Read => {
                let headers = unsealed.audit.audited_headers();
                Ok(Some(Response::object(json!({ "headers": headers.as_ref() }))))
            }
            _ => Err(Error::UnsupportedOperation),
        };
    }
    if name.is_empty() || http::HeaderName::try_from(name.as_str()).is_err() {
        return Err(Error::UnsupportedPath);
    }
    match request.operation {
        Operation::Read => {
            let found = unsealed.audit.audited_headers().0.get(&name).copied();
            let found = found.ok_or_else(|| Error::invalid("Could not find header in config"))?;
            Ok(Some(Response::object(json!({ name: found }))))
        }
        op if op.is_write() => {
            let header = AuditedHeader { hmac: request.bool("hmac")?.unwrap_or(false) };
            if unsealed.audit.audited_headers().0.len() >= HEADERS_MAX {
                return Err(Error::invalid(format!("at most {HEADERS_MAX} headers can be audited")));
            }
            let add = |headers: &mut crate::core::audit::AuditedHeaders| {
                headers.0.insert(name, header);
            };
            unsealed.audit.change_headers(add).await.map(|()| None)
        }
        Operation::Delete => {
            let remove = |headers: &mut crate::core::audit::AuditedHeaders| {
                headers.0.remove(&name);
            };
            unsealed.audit.change_headers(remove).await.map(|()| None)
        }
        _ => Err(Error::UnsupportedOperation),
    }
}

fn describe(entry: DeviceEntry) -> (String, Value) {
    let mut shown = Map::new();
    shown.insert("description".into(), entry.description.into());
    shown.insert("local".into(), entry.local.into());
    shown.insert("options".into(), json!(entry.options));
    shown.insert("path".into(), entry.path.clone().into());
    shown.insert("type".into(), entry.kind.into());
    (entry.path, Value::Object(shown))
}

const HEADERS_MAX: usize = 128;

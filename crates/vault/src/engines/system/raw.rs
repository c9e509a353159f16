//! `sys/raw`: the entries of the barrier as they are, for repairs (`hashicorp/vault: vault/logical_raw.go`). There only
//! with `raw_storage_endpoint`, and for holders of `sudo`.
//!
//! What the server keeps in memory (mounts, policies, tokens) is not read again after a write: seal and unseal it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::core::{Batch, Core, Unsealed};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

pub(super) async fn answer(
    core: &Core,
    unsealed: &Unsealed,
    request: &Request,
    path: &str,
) -> Result<Option<Response>> {
    if !core.settings().raw_storage_endpoint {
        return Err(Error::UnsupportedPath);
    }
    let barrier = &unsealed.barrier;
    let is_base64 = match request.text("encoding")?.as_deref() {
        None | Some("") => false,
        Some("base64") => true,
        Some(other) => return Err(Error::invalid(format!("invalid encoding {other:?}"))),
    };
    let verb = match request.operation {
        Operation::Read => "read",
        Operation::List => "list",
        Operation::Delete => "delete",
        op if op.is_write() => "write",
        _ => return Err(Error::UnsupportedOperation),
    };
    if PROTECTED.iter().any(|protected| path.starts_with(protected)) {
        return Err(Error::invalid(format!("cannot {verb} '{path}'")));
    }
    match request.operation {
        Operation::List => {
            let folder = path.trim_end_matches('/');
            Response::list(barrier.list(folder, "", LIST_MAX).await?)
        }
        _ if path.is_empty() => Err(Error::UnsupportedOperation),
        Operation::Read => {
            let entry = barrier.get(path).await?.ok_or(Error::NotFound)?;
            let value = match is_base64 {
                true => STANDARD.encode(entry.value.expose()),
                false => String::from_utf8_lossy(entry.value.expose()).into_owned(),
            };
            Ok(Some(Response::object(json!({ "value": value }))))
        }
        Operation::Delete => barrier.commit(Batch::new().delete(path)).await.map(|_| None),
        _ => {
            if request.text("compression_type")?.is_some_and(|kind| !kind.is_empty()) {
                return Err(Error::invalid("compression_type: entries of this server are not compressed"));
            }
            let value = request.text("value")?.unwrap_or_default();
            let value = match is_base64 {
                true => STANDARD.decode(&value).map_err(|error| Error::invalid(format!("value: {error}")))?,
                false => value.into_bytes(),
            };
            barrier.commit(Batch::new().put(path, value)).await.map(|_| None)
        }
    }
}

/// What guards the rest, and what is not behind the barrier.
const PROTECTED: [&str; 9] = [
    "core/keyring",
    "core/master",
    "core/root",
    "core/seal-config",
    "core/recovery-",
    "core/hsm/",
    "core/shamir-kek",
    "core/break-glass",
    "core/cluster/local/info",
];
const LIST_MAX: usize = 100_000;

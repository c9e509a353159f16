//! `sys/wrapping`: wrapping what the caller brings, unwrapping, looking at and rewrapping what was wrapped.

use std::sync::Arc;

use serde_json::json;
use serde_json::value::RawValue;

use crate::core::Unsealed;
use crate::core::ttl::NANOS;
use crate::request::{Operation, Request};
use crate::response::{Raw, Response};
use crate::{Error, Result};

pub(super) async fn answer(
    unsealed: &Arc<Unsealed>,
    request: &Request,
    path: &str,
) -> Result<Option<Response>> {
    let write = request.operation.is_write();
    match path {
        "wrap" if write => wrap(request),
        "unwrap" if write => unwrap(unsealed, request).await,
        "rewrap" if write => {
            let unwrapped = unsealed.unwrap(request).await?;
            let wrap_info = Some(Box::new(unsealed.rewrap(request, unwrapped).await?));
            Ok(Some(Response { wrap_info, ..Default::default() }))
        }
        "lookup" if write || request.operation == Operation::Read => {
            let info = unsealed.look_up_wrapped(request).await?;
            Ok(Some(Response::object(json!({
                "creation_path": info.creation_path,
                "creation_time": info.creation_time,
                "creation_ttl": info.creation_ttl / NANOS,
            }))))
        }
        "pubkey" if request.operation == Operation::Read => {
            let pem = unsealed.wrapping_public_key().await?.to_pem().map_err(Error::internal)?;
            Ok(Some(Response::object(json!({ "public_key": pem }))))
        }
        "wrap" | "unwrap" | "rewrap" | "lookup" | "pubkey" => Err(Error::UnsupportedOperation),
        _ => Err(Error::UnsupportedPath),
    }
}

/// Answers with what the caller brought, to the letter; the core wraps it.
fn wrap(request: &Request) -> Result<Option<Response>> {
    if request.wrap_ttl.is_none() {
        return Err(Error::invalid("endpoint requires response wrapping to be used"));
    }
    let text = std::str::from_utf8(&request.body).ok().filter(|text| !text.trim().is_empty());
    match text.and_then(|text| RawValue::from_string(text.trim().to_owned()).ok()) {
        Some(body) => Ok(Some(Response::text(body))),
        None => Ok(Some(Response::data(request.data.clone()))),
    }
}

/// Answers with the original response, to the letter.
async fn unwrap(unsealed: &Arc<Unsealed>, request: &Request) -> Result<Option<Response>> {
    let unwrapped = unsealed.unwrap(request).await?;
    if unwrapped.answer.is_empty() {
        return Ok(None);
    }
    let status = unwrapped.info.status.unwrap_or(200);
    let raw = Raw { status, content_type: "application/json", body: unwrapped.answer.into_bytes() };
    Ok(Some(Response { raw: Some(raw), ..Default::default() }))
}

//! From an answer to HTTP: envelopes and errors.

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Response as HttpResponse, StatusCode};
use http_body_util::Full;

use crate::Error;
use crate::core::Core;
use crate::ha::NotActive;
use crate::response::Response;
use crate::settings::{ResponseHeaders, StatusMatch};

/// The body of an answer.
pub type VaultResponse = Full<Bytes>;

/// An answer to a request that succeeded; nothing to say is 204.
pub(super) fn success(
    id: &str,
    response: Option<Response>,
    repeat_at_top: bool,
) -> HttpResponse<VaultResponse> {
    let Some(response) = response else { return with_body(204, Bytes::new()) };
    if let Some(raw) = response.raw {
        let mut answer = with_body(raw.status, raw.body.into());
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(raw.content_type));
        return answer;
    }
    match response.to_envelope(id, repeat_at_top) {
        Ok(body) => with_body(response.status.unwrap_or(200), body.into()),
        Err(error) => super::answer::error(&Error::internal(error)),
    }
}

/// An answer to a request that failed.
pub(super) fn error(error: &Error) -> HttpResponse<VaultResponse> {
    if error.status() >= 500 && !matches!(error, Error::Sealed | Error::Standby) {
        let detail = match error {
            Error::Internal(detail) => detail.clone(),
            other => other.to_string(),
        };
        tracing::error!(status = error.status(), detail, "a request failed");
    }
    let body = serde_json::json!({ "errors": error.messages() }).to_string();
    let mut response = with_body(error.status(), body.into());
    match error {
        Error::Standby => NotActive::Untouched.mark(&mut response),
        Error::Deposed => NotActive::MaybeDone.mark(&mut response),
        _ => {}
    }
    if matches!(error, Error::TooLarge(_)) {
        // The rest of the body is not read, so the connection ends: a client must not send on it again.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// The process's metrics, for listeners that show them to everybody.
pub(super) fn metrics<B>(core: &Core, request: &http::Request<B>) -> HttpResponse<VaultResponse> {
    if request.method() != http::Method::GET {
        return error(&Error::MethodNotAllowed);
    }
    let query = request.uri().query().unwrap_or_default();
    let format = query.split('&').find_map(|pair| pair.strip_prefix("format="));
    let accept = request.headers().get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
    success("", Some(core.metrics(format, accept)), false)
}

/// Adds the operator's own headers: for all answers, then for their hundred, then for their code.
pub(super) fn add_headers(response: &mut HttpResponse<VaultResponse>, wanted: &[ResponseHeaders]) {
    let code = response.status().as_u16();
    for headers in wanted {
        let applies = match headers.status {
            StatusMatch::Default => true,
            StatusMatch::Class(class) => class == code / 100,
            StatusMatch::Code(exact) => exact == code,
        };
        if applies {
            response.headers_mut().extend(headers.headers.iter().cloned());
        }
    }
}

/// Whether Vault repeats the fields of `data` beside it for this path (kept for clients older than the envelope).
pub(super) fn repeats_data_at_top(path: &str) -> bool {
    let Some(path) = path.strip_prefix("sys/") else { return false };
    let exact = [
        "auth",
        "audit",
        "config/cors",
        "ha-status",
        "key-status",
        "mounts",
        "policy",
        "policy/",
        "rekey/backup",
        "rekey/recovery-key-backup",
        "remount",
        "rotate",
        "wrapping/wrap",
    ];
    let below = [
        "audit/",
        "audit-hash/",
        "auth/",
        "config/auditing/request-headers",
        "capabilities",
        "mounts/",
        "policy/",
    ];
    exact.contains(&path) || below.iter().any(|prefix| path.starts_with(prefix))
}

pub(super) fn common_headers(headers: &mut HeaderMap) {
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
}

fn with_body(status: u16, body: Bytes) -> HttpResponse<VaultResponse> {
    let empty = body.is_empty();
    let mut response = HttpResponse::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if empty {
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    } else {
        common_headers(response.headers_mut());
    }
    response
}

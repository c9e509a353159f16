//! `sys/config`: cross-origin requests, the web page's headers, and what the server was started with.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use serde_json::json;

use crate::core::cors::Cors;
use crate::core::{Batch, Core, SYSTEM_CONFIG, Unsealed, View};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

pub(super) async fn answer(
    core: &Arc<Core>,
    unsealed: &Arc<Unsealed>,
    request: &Request,
    path: &str,
) -> Result<Option<Response>> {
    let op = request.operation;
    match path {
        "cors" if op == Operation::Read => Ok(Some(cors(core))),
        "cors" if op.is_write() => {
            let origins = request.texts("allowed_origins")?.unwrap_or_default();
            let headers = request.texts("allowed_headers")?.unwrap_or_default();
            let credentials = request.bool("allow_credentials")?.unwrap_or(false);
            unsealed.set_cors(Some(Cors::new(origins, headers, credentials)?)).await.map(|()| None)
        }
        "cors" if op == Operation::Delete => unsealed.set_cors(None).await.map(|()| None),
        "state/sanitized" if op == Operation::Read => {
            Ok(Some(Response::data(core.settings().sanitized.clone())))
        }
        "cors" | "state/sanitized" => Err(Error::UnsupportedOperation),
        _ => match path.strip_prefix("ui/headers") {
            Some(header) => ui_headers(core, unsealed, request, header.trim_matches('/')).await,
            None => Err(Error::UnsupportedPath),
        },
    }
}

fn cors(core: &Core) -> Response {
    Response::object(match core.cors() {
        None => json!({ "enabled": false }),
        Some(cors) => json!({
            "enabled": true,
            "allowed_origins": cors.allowed_origins,
            "allowed_headers": cors.allowed_headers,
            "allow_credentials": cors.allow_credentials,
        }),
    })
}

/// The headers of the web page, by lower-case name.
type Headers = BTreeMap<String, Vec<String>>;

async fn ui_headers(
    core: &Core,
    unsealed: &Unsealed,
    request: &Request,
    header: &str,
) -> Result<Option<Response>> {
    let view = View::new(unsealed.barrier.clone(), SYSTEM_CONFIG);
    let stored = view.get_json::<Headers>(UI).await?;
    let (mut headers, version) =
        stored.map_or((Headers::new(), None), |(headers, version)| (headers, Some(version)));
    let key = header.to_ascii_lowercase();
    match request.operation {
        Operation::List if header.is_empty() => {
            return Response::list(headers.into_keys().map(|name| canonical(&name)).collect());
        }
        _ if header.is_empty() => return Err(Error::UnsupportedOperation),
        Operation::Read => {
            let values = headers.remove(&key).ok_or(Error::NotFound)?;
            let many = request.bool("multivalue")?.unwrap_or(false);
            return Ok(Some(Response::object(match values.first() {
                Some(first) if !many => json!({ "value": first }),
                _ => json!({ "values": values }),
            })));
        }
        Operation::Delete => {
            headers.remove(&key);
        }
        op if op.is_write() => {
            let values = request.texts("values")?.unwrap_or_default();
            if values.is_empty() {
                return Err(Error::invalid("header and values must be specified"));
            }
            if key.starts_with("x-vault-") {
                return Err(Error::invalid("X-Vault headers cannot be set"));
            }
            HeaderName::try_from(&key)
                .map_err(|_| Error::invalid(format!("{header:?} is not the name of a header")))?;
            for value in &values {
                HeaderValue::try_from(value)
                    .map_err(|_| Error::invalid("values: not the value of a header"))?;
            }
            if headers.len() >= HEADERS_MAX && !headers.contains_key(&key) {
                return Err(Error::invalid(format!("at most {HEADERS_MAX} headers can be set")));
            }
            headers.insert(key.clone(), values);
        }
        _ => return Err(Error::UnsupportedOperation),
    }
    view.commit(Batch::new().expect(UI, version).put_json(UI, &headers)?).await?;
    core.set_ui_headers(header_list(&headers));
    let warning =
        "overriding default Content-Security-Policy which is secure by default, proceed with caution";
    let is_warned = request.operation.is_write() && key == "content-security-policy";
    Ok(is_warned.then(|| Response::default().warn(warning)))
}

/// The stored headers of the web page.
///
/// # Errors
/// The store's.
pub async fn load_ui_headers(view: &View) -> Result<Vec<(HeaderName, HeaderValue)>> {
    Ok(view.get_json::<Headers>(UI).await?.map(|(headers, _)| header_list(&headers)).unwrap_or_default())
}

fn header_list(headers: &Headers) -> Vec<(HeaderName, HeaderValue)> {
    let pairs = headers.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    pairs
        .filter_map(|(name, value)| {
            Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
        })
        .collect()
}

/// As Go writes names of headers: `X-Some-Thing`.
fn canonical(name: &str) -> String {
    let mut canonical = String::with_capacity(name.len());
    for c in name.chars() {
        let starts = canonical.is_empty() || canonical.ends_with('-');
        canonical.push(if starts { c.to_ascii_uppercase() } else { c });
    }
    canonical
}

const UI: &str = "ui";
const HEADERS_MAX: usize = 64;

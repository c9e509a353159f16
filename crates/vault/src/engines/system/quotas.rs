//! `sys/quotas`: rate limits. Quotas of leases are the enterprise edition's alone.

use serde_json::json;

use crate::core::Unsealed;
use crate::core::quota::{QuotaConfig, RateLimit};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

/// `sys/quotas/config`, `sys/quotas/rate-limit` and below.
pub(super) async fn answer(unsealed: &Unsealed, request: &Request, path: &str) -> Result<Option<Response>> {
    let quotas = &unsealed.quotas;
    let (kind, name) = path.split_once('/').unwrap_or((path, ""));
    match (kind, name, request.operation) {
        ("config", "", Operation::Read) => Ok(Some(Response::object(json!(quotas.config().as_ref())))),
        ("config", "", op) if op.is_write() => {
            let config = QuotaConfig {
                enable_rate_limit_audit_logging: request
                    .bool("enable_rate_limit_audit_logging")?
                    .unwrap_or(false),
                enable_rate_limit_response_headers: request
                    .bool("enable_rate_limit_response_headers")?
                    .unwrap_or(false),
                rate_limit_exempt_paths: request.texts("rate_limit_exempt_paths")?.unwrap_or_default(),
            };
            if config.rate_limit_exempt_paths.len() > EXEMPT_MAX {
                return Err(Error::invalid(format!("rate_limit_exempt_paths: at most {EXEMPT_MAX} paths")));
            }
            quotas.configure(config).await.map(|()| None)
        }
        ("rate-limit", "", Operation::List) => Response::list(quotas.names()),
        ("config" | "rate-limit", "", _) => Err(Error::UnsupportedOperation),
        ("rate-limit", name, _) if !is_name(name) => Err(Error::UnsupportedPath),
        ("rate-limit", name, Operation::Read) => {
            let limit = quotas.get(name).ok_or(Error::NotFound)?;
            Ok(Some(Response::object(json!({
                "block_interval": limit.block_interval,
                "interval": limit.interval,
                "name": limit.name,
                "path": format!("{}{}", limit.mount, limit.suffix),
                "rate": limit.rate,
                "role": "",
                "type": "rate-limit",
            }))))
        }
        ("rate-limit", name, op) if op.is_write() => {
            quotas.put(limit(unsealed, request, name)?).await.map(|()| None)
        }
        ("rate-limit", name, Operation::Delete) => quotas.delete(name).await.map(|()| None),
        ("rate-limit", ..) => Err(Error::UnsupportedOperation),
        _ => Err(Error::UnsupportedPath),
    }
}

fn limit(unsealed: &Unsealed, request: &Request, name: &str) -> Result<RateLimit> {
    let rate = match request.data.get("rate") {
        Some(serde_json::Value::Number(number)) => number.as_f64(),
        Some(serde_json::Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let rate = rate.filter(|rate| *rate > 0.0 && *rate <= RATE_MAX);
    let rate = rate.ok_or_else(|| Error::invalid("'rate' is invalid"))?;
    let interval = match request.seconds("interval")?.unwrap_or(1) {
        0 => 1,
        seconds if seconds <= INTERVAL_MAX => seconds,
        _ => return Err(Error::invalid("'interval' is invalid")),
    };
    let block_interval = request.seconds("block_interval")?.unwrap_or(0);
    if block_interval > INTERVAL_MAX {
        return Err(Error::invalid("'block' is invalid"));
    }
    let path = request.text("path")?.unwrap_or_default();
    let path = path.trim_start_matches('/');
    let (mount, suffix) = match path {
        "" => (String::new(), String::new()),
        path => {
            let mounts = unsealed.mounts();
            let routed = mounts.route(path);
            let (mount, suffix) =
                routed.ok_or_else(|| Error::invalid(format!("invalid mount path {path:?}")))?;
            (mount.entry.full_path(), suffix.trim_end_matches('/').to_owned())
        }
    };
    if request.text("role")?.is_some_and(|role| !role.is_empty()) {
        return Err(Error::invalid(format!(
            "Mount path {mount:?} does not support use with role-based quotas"
        )));
    }
    Ok(RateLimit { name: name.into(), mount, suffix, rate, interval, block_interval })
}

fn is_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.len() <= NAME_BYTES_MAX
        && name.bytes().all(|byte| word(byte) || byte == b'-' || byte == b'.')
        && name.bytes().next().is_some_and(word)
        && name.bytes().last().is_some_and(word)
}

const NAME_BYTES_MAX: usize = 256;
const EXEMPT_MAX: usize = 1024;
const RATE_MAX: f64 = 1e12;
/// A year, in seconds.
const INTERVAL_MAX: i64 = 365 * 24 * 3600;

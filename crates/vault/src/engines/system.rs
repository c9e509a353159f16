//! The system backend, `sys/`: lifecycle, mounts, policies and what command lines ask for.

mod access;
mod audit;
mod ceremonies;
mod config;
mod diagnostics;
mod help;
mod host;
mod keys;
pub(crate) mod leases;
mod lifecycle;
mod lockout;
mod mounts;
mod password_policies;
mod plugins;
mod policies;
mod quotas;
mod raw;
mod remount;
mod tools;
mod wrapping;

use std::sync::Arc;

use crate::core::mount::MountTable;
use crate::core::{Core, Unsealed};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

pub use ceremonies::is_ceremony;
pub use config::load_ui_headers;
pub use help::HELP;
pub use lifecycle::rfc3339;

/// Answers what needs neither a token nor an open barrier; `None` where the path is none of these.
pub async fn answer_without_token(core: &Arc<Core>, request: &Request) -> Option<Result<Option<Response>>> {
    let path = request.path.strip_prefix("sys/").filter(|_| request.operation != Operation::Help)?;
    let read = request.operation == Operation::Read;
    let write = request.operation.is_write();
    Some(match path {
        "health" if read => lifecycle::health(core, request).await,
        "seal-status" if read => lifecycle::seal_status(core).await,
        "init" if read => lifecycle::is_initialized(core).await,
        "init" if write => lifecycle::initialize(core, request).await,
        "unseal" if write => lifecycle::unseal(core, request).await,
        "leader" if read => lifecycle::leader(core),
        "seal" if write && standby(core) => Err(crate::ha::seal_on_standby()),
        "health" | "seal-status" | "init" | "unseal" | "leader" => Err(Error::UnsupportedOperation),
        "replication/status" => diagnostics::replication(request),
        "internal/specs/openapi" if read => access::openapi(core, request).await,
        "internal/ui/mounts" if read => access::visible_mounts(core, request).await,
        _ if read && path.starts_with("internal/ui/mounts/") => access::visible_mount(core, request).await,
        _ => return ceremonies::answer(core, request, path).await,
    })
}

fn standby(core: &Core) -> bool {
    core.standing() == crate::core::Standing::Standby
}

/// Answers a request below `sys/` whose token was found and whose policies allow it.
///
/// # Errors
/// See the parts; 404 for paths that are not there.
pub async fn answer(
    core: &Arc<Core>,
    unsealed: &Arc<Unsealed>,
    request: &Request,
) -> Result<Option<Response>> {
    if let Some(answer) = keys::answer(core, unsealed, request).await {
        return answer;
    }
    let (first, rest) = request.path.split_once('/').unwrap_or((&request.path, ""));
    match first {
        "mounts" => mounts::answer(core, unsealed, request, MountTable::Secret, rest).await,
        "auth" => mounts::answer(core, unsealed, request, MountTable::Auth, rest).await,
        "policy" => policies::answer(unsealed, request, rest, policies::Form::Legacy).await,
        "policies" => match rest.split_once('/').unwrap_or((rest, "")) {
            ("acl", name) => policies::answer(unsealed, request, name, policies::Form::Acl).await,
            ("password", path) => password_policies::answer(unsealed, request, path, core.random()).await,
            _ => Err(Error::UnsupportedPath),
        },
        "capabilities" | "capabilities-self" | "capabilities-accessor" if rest.is_empty() => {
            access::capabilities(unsealed, request).await
        }
        "config" if !rest.starts_with("auditing/") => config::answer(core, unsealed, request, rest).await,
        "plugins" => plugins::answer(unsealed, request, rest),
        "raw" => raw::answer(core, unsealed, request, rest).await,
        "host-info" if rest.is_empty() && request.operation == Operation::Read => host::answer(request).await,
        "in-flight-req" if rest.is_empty() && request.operation == Operation::Read => {
            diagnostics::in_flight(core)
        }
        "experiments" if rest.is_empty() => diagnostics::experiments(request),
        "version-history" if rest.is_empty() => diagnostics::version_history(unsealed, request).await,
        "loggers" => diagnostics::loggers(core, request, rest),
        "internal" if rest.starts_with("counters/") || rest.starts_with("inspect/") => {
            diagnostics::internal(unsealed, request, rest).await
        }
        "host-info" | "in-flight-req" if rest.is_empty() => Err(Error::UnsupportedOperation),
        "tools" => tools::answer(request, rest, core.random()),
        "locked-users" => lockout::answer(unsealed, request, rest).await,
        "remount" => remount::answer(core, unsealed, request, rest),
        "leases" => leases::answer(core, unsealed, request, rest).await,
        "renew" | "revoke" | "revoke-prefix" | "revoke-force" => {
            leases::answer(core, unsealed, request, &request.path).await
        }
        "wrapping" => wrapping::answer(unsealed, request, rest).await,
        "internal" => access::internal(unsealed, request, rest).await,
        "audit" => audit::devices(unsealed, request, rest).await,
        "quotas" => quotas::answer(unsealed, request, rest).await,
        "audit-hash" => audit::hash(unsealed, request, rest),
        "config" if rest.starts_with("auditing/") => {
            audit::headers(unsealed, request, rest.trim_start_matches("auditing/")).await
        }
        "metrics" if rest.is_empty() && request.operation == Operation::Read => metrics(core, request),
        _ => lifecycle::answer(core, request),
    }
}

/// Whether a path below `sys/` that asks for an open barrier takes requests without a token.
pub fn is_public(path: &str) -> bool {
    matches!(path, "wrapping/lookup" | "wrapping/pubkey")
}

/// Whether a path below `sys/` asks for `sudo` (`hashicorp/vault: vault/logical_system.go`, root paths).
pub fn is_root(operation: Operation, path: &str) -> bool {
    let exact = [
        "audit",
        "rotate",
        "break-glass",
        "config/cors",
        "seal",
        "step-down",
        "raw",
        "remount",
        "leases/lookup/",
    ];
    let below = [
        "audit/",
        "raw/",
        "config/auditing/",
        "config/ui/headers/",
        "plugins/catalog/",
        "revoke-prefix/",
        "revoke-force/",
        "leases/revoke-prefix/",
        "leases/revoke-force/",
        "leases/lookup/",
        "internal/inspect/",
    ];
    if let Some(rest) = path.strip_prefix("auth/") {
        return !rest.is_empty() && operation != Operation::Read;
    }
    exact.contains(&path) || below.iter().any(|prefix| path.starts_with(prefix))
}

/// Figures about the server.
fn metrics(core: &Core, request: &Request) -> Result<Option<Response>> {
    let accept = request.headers.get(http::header::ACCEPT).and_then(|accept| accept.to_str().ok());
    Ok(Some(core.metrics(request.text("format")?.as_deref(), accept)))
}

//! `sys/leases` and its older paths `sys/renew`, `sys/revoke`, `sys/revoke-prefix`, `sys/revoke-force`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::core::lease_store::Stored;
use crate::core::ttl::NANOS;
use crate::core::{Core, LeaseEntry, OnFailure, TokenEntry, Unsealed};
use crate::request::{Operation, Request};
use crate::response::{Raw, Response};
use crate::{Error, Result};

/// Answers a request at `path` below `sys/` without `leases/`; empty is `sys/leases` itself.
pub(super) async fn answer(
    core: &Arc<Core>,
    unsealed: &Arc<Unsealed>,
    request: &Request,
    path: &str,
) -> Result<Option<Response>> {
    let leases = Leases { core, unsealed, request, now: request.now / NANOS };
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    let (write, read) = (request.operation.is_write(), request.operation == Operation::Read);
    match first {
        "" if read => leases.irrevocable().await,
        "count" if read && rest.is_empty() => leases.count().await,
        "tidy" if write && rest.is_empty() => leases.tidy(),
        "lookup" if write && rest.is_empty() => leases.look_up().await,
        "lookup" if request.operation == Operation::List => {
            Response::list(unsealed.leases.list(rest, "", usize::MAX).await?)
        }
        "renew" if write => leases.renew(rest).await,
        "revoke" if write => leases.revoke(rest).await,
        "revoke-prefix" if write && !rest.is_empty() => leases.revoke_prefix(rest).await,
        "revoke-force" if write && !rest.is_empty() => {
            unsealed.revoke_prefix(rest, OnFailure::Forget, leases.now).await.map(|()| None)
        }
        "" | "count" | "tidy" | "lookup" | "renew" | "revoke" | "revoke-prefix" | "revoke-force" => {
            Err(Error::UnsupportedOperation)
        }
        _ => Err(Error::UnsupportedPath),
    }
}

struct Leases<'r> {
    core: &'r Arc<Core>,
    unsealed: &'r Arc<Unsealed>,
    request: &'r Request,
    now: i64,
}

impl Leases<'_> {
    async fn look_up(&self) -> Result<Option<Response>> {
        let id = self.id("")?;
        let shown = match self.unsealed.leases.get(&id).await? {
            Some(Stored::Secret(lease, _)) => describe(&lease, self.now),
            Some(Stored::Token(hash)) => {
                let token = self.unsealed.tokens.find_hash(&hash, self.now).await?;
                describe_token(&id, token.ok_or_else(invalid_lease)?.as_ref(), self.now)
            }
            None => return Err(invalid_lease()),
        };
        Ok(Some(Response::object(shown)))
    }

    async fn renew(&self, path: &str) -> Result<Option<Response>> {
        let increment = self.request.seconds("increment")?.unwrap_or(0);
        self.core.renew_lease(self.unsealed, &self.id(path)?, increment, self.now).await.map(Some)
    }

    async fn revoke(&self, path: &str) -> Result<Option<Response>> {
        let id = self.id(path)?;
        if self.request.bool("sync")?.unwrap_or(true) {
            return self.unsealed.revoke_lease(&id, self.now).await.map(|()| None);
        }
        self.unsealed.end_lease(&id, self.now).await?;
        Ok(Some(accepted()))
    }

    async fn revoke_prefix(&self, prefix: &str) -> Result<Option<Response>> {
        if self.request.bool("sync")?.unwrap_or(true) {
            return self.unsealed.revoke_prefix(prefix, OnFailure::Report, self.now).await.map(|()| None);
        }
        self.unsealed.end_prefix(prefix, self.now).await?;
        Ok(Some(accepted()))
    }

    fn tidy(&self) -> Result<Option<Response>> {
        let (unsealed, now) = (self.unsealed.clone(), self.now);
        tokio::spawn(async move {
            match unsealed.tidy_leases(now).await {
                Ok(tidied) => tracing::info!(tidied, "leases are tidy"),
                Err(error) => tracing::warn!(%error, "leases could not be tidied"),
            }
        });
        Ok(Some(started()))
    }

    async fn count(&self) -> Result<Option<Response>> {
        self.ask_for_irrevocable()?;
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let leases = self.unsealed.leases.irrevocable(usize::MAX).await?;
        for lease in &leases {
            *counts.entry(self.mount_of(lease)).or_default() += 1;
        }
        Ok(Some(Response::object(json!({ "counts": counts, "lease_count": leases.len() }))))
    }

    async fn irrevocable(&self) -> Result<Option<Response>> {
        self.ask_for_irrevocable()?;
        let limit = match self.request.text("limit")?.as_deref() {
            None | Some("") => IRREVOCABLE_SHOWN,
            Some("none") => usize::MAX,
            Some(text) => match text.parse::<i64>().map(usize::try_from) {
                Ok(Ok(limit)) if limit > 0 => limit,
                Ok(_) => return Err(Error::invalid("limit must be 'none' or a positive integer")),
                Err(_) => {
                    return Err(Error::invalid(format!(
                        "invalid 'limit' provided: strconv.Atoi: parsing {text:?}: invalid syntax"
                    )));
                }
            },
        };
        let mut leases = self.unsealed.leases.irrevocable(limit.saturating_add(1)).await?;
        let more = leases.len() > limit;
        leases.truncate(limit);
        leases.sort_by_key(|lease| lease.expire_time);
        let shown: Vec<_> = leases
            .iter()
            .map(|lease| json!({ "error": lease.irrevocable, "lease_id": lease.id, "mount_id": self.mount_of(lease) }))
            .collect();
        let response = Response::object(json!({ "lease_count": shown.len(), "leases": shown }));
        Ok(Some(if more {
            response.warn("Command halted because many irrevocable leases were found. To emit the entire list, re-run the command with force set true.")
        } else {
            response
        }))
    }

    fn ask_for_irrevocable(&self) -> Result<()> {
        match self.request.text("type")? {
            Some(kind) if kind.eq_ignore_ascii_case("irrevocable") => Ok(()),
            _ => Err(Error::NotFound),
        }
    }

    fn mount_of(&self, lease: &LeaseEntry) -> String {
        let mounts = self.unsealed.mounts();
        let mount = mounts.route(&lease.path).map(|(mount, _)| mount.entry.accessor.clone());
        mount.unwrap_or_else(|| "mount-accessor-not-found".into())
    }

    /// The lease that the body or the path names.
    fn id(&self, path: &str) -> Result<String> {
        match self.request.text("lease_id")?.filter(|id| !id.is_empty()) {
            Some(id) => Ok(id),
            None if !path.is_empty() => Ok(path.to_owned()),
            None => Err(Error::invalid("lease_id must be specified")),
        }
    }
}

/// 202 without a body: what was asked for happens in the background.
pub(crate) fn accepted() -> Response {
    let raw = Raw { status: 202, content_type: "application/json", body: Vec::new() };
    Response { raw: Some(raw), ..Default::default() }
}

/// 202 with the sentence that tidying was started.
pub(crate) fn started() -> Response {
    let response = Response { status: Some(202), ..Default::default() };
    response.warn(
        "Tidy operation successfully started. Any information from the operation will be printed to Vault's server logs.",
    )
}

fn describe(lease: &LeaseEntry, now: i64) -> Value {
    let mut shown = Map::new();
    shown.insert("expire_time".into(), rfc3339(lease.expire_time).into());
    shown.insert("id".into(), lease.id.clone().into());
    shown.insert("issue_time".into(), rfc3339(lease.issue_time).into());
    let last_renewal = (lease.last_renewal != 0).then(|| rfc3339(lease.last_renewal));
    shown.insert("last_renewal".into(), last_renewal.into());
    shown.insert("renewable".into(), lease.why_not_renewable(now).is_none().into());
    shown.insert("ttl".into(), (lease.expire_time - now).max(0).into());
    Value::Object(shown)
}

fn describe_token(id: &str, token: &TokenEntry, now: i64) -> Value {
    json!({
        "expire_time": (token.expire_time != 0).then(|| rfc3339(token.expire_time)),
        "id": id,
        "issue_time": rfc3339(token.creation_time),
        "last_renewal": (token.last_renewal != 0).then(|| rfc3339(token.last_renewal)),
        "renewable": token.renewable,
        "ttl": token.remaining(now),
    })
}

fn invalid_lease() -> Error {
    Error::invalid("invalid lease")
}

fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

/// `hashicorp/vault: vault/expiration.go`, `MaxIrrevocableLeasesToReturn`.
const IRREVOCABLE_SHOWN: usize = 10_000;

//! One request: token, policy, engine, and what the engine asks for: tokens, leases, wrapping.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::audit::{Caller, Trail};
use super::mount::Mount;
use super::standing::Visit;
use super::token::TokenEntry;
use super::{Core, NANOS, Unsealed};
use crate::engines::{identity, system};
use crate::policy::Acl;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result, auth, cidr};

impl Core {
    /// Answers a request whose `path` is the whole path below `/v1/`. A node that steps down waits until the answer
    /// is logged.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Standby`] only where nothing was done.
    pub async fn handle(self: &Arc<Self>, mut request: Request) -> Result<Option<Response>> {
        request.now = self.now();
        let entered = self.enter();
        let mut trail = Trail::default();
        let answer = self.answer(&entered, request, &mut trail).await;
        trail.end(answer).await.map_err(|error| match error {
            // What the end of the term kept from being done may be the second half.
            Error::Standby if entered.is_ok() => Error::Deposed,
            error => error,
        })
    }

    /// Answers a request and logs it before anything is done; its answer is logged by the caller.
    async fn answer(
        self: &Arc<Self>,
        entered: &Result<(Arc<Unsealed>, Visit)>,
        mut request: Request,
        trail: &mut Trail,
    ) -> Result<Option<Response>> {
        if (is_logged_without_token(&request) || system::is_ceremony(&request))
            && let Ok((unsealed, _)) = entered
        {
            trail.begin(&unsealed.audit, None, &request, Caller::Public, None).await?;
        }
        if let Some(answer) = Box::pin(system::answer_without_token(self, &request)).await {
            return answer;
        }
        let (unsealed, _) = entered.as_ref().map_err(Error::clone)?;
        let mounts = unsealed.mounts();
        if request.operation == Operation::Help {
            trail.begin(&unsealed.audit, None, &request, Caller::Public, None).await?;
            return Box::pin(self.help(unsealed, &request)).await;
        }
        if let Err(error) = unsealed.check_wrapping_token(&mut request).await {
            return Err(trail.refuse(&unsealed.audit, None, &request, Caller::Unknown, error).await);
        }
        let routed = mounts.route(&request.path);
        if let Some((mount, path)) = routed
            && is_public(mount, path)
            && !mount.is_moving
        {
            let (mount, path) = (mount.clone(), path.to_owned());
            let request = narrow(request, &mount, path);
            trail.begin(&unsealed.audit, Some(&mount), &request, Caller::Public, None).await?;
            return self.dispatch(unsealed, &mount, request).await;
        }
        let audit = &unsealed.audit;
        let mount = routed.map(|(mount, _)| mount);
        let began = Instant::now();
        let found = unsealed.authenticate(&request).await;
        self.telemetry.fetch_acl_and_token.record(began.elapsed());
        let (token, acl) = match found {
            Ok(found) => found,
            Err(error) => return Err(trail.refuse(audit, mount, &request, Caller::Unknown, error).await),
        };
        let routed = routed.map(|(mount, path)| (mount.clone(), path.to_owned()));
        let now = request.now;
        let answer = self.answer_holder(unsealed, routed, (&token, &acl), request, trail).await;
        unsealed.end_if_last_use(&token, now).await?;
        answer
    }

    /// Answers one whose token was found and has a use less now.
    async fn answer_holder(
        self: &Arc<Self>,
        unsealed: &Arc<Unsealed>,
        routed: Option<(Arc<Mount>, String)>,
        (token, acl): (&Arc<TokenEntry>, &Acl),
        mut request: Request,
        trail: &mut Trail,
    ) -> Result<Option<Response>> {
        let audit = &unsealed.audit;
        // A device that this request enables tells of it, too.
        let identity_policies = match audit.is_on() || request.path.starts_with("sys/audit/") {
            true => unsealed.identity_policies(token).await?,
            false => Vec::new(),
        };
        let Some((mount, path)) = routed else {
            let verdict = acl_or_missing(acl, &request);
            let caller = caller((token, &identity_policies), acl, &request, &request.path, verdict.is_ok());
            trail.begin(audit, None, &request, caller, verdict.as_ref().err()).await?;
            return Err(verdict.err().unwrap_or(Error::NoHandler(request.path)));
        };
        if mount.is_moving {
            let caller = caller((token, &identity_policies), acl, &request, &request.path, true);
            let refusal = Error::Tainted(request.path.clone());
            return Err(trail.refuse(audit, Some(&mount), &request, caller, refusal).await);
        }
        let full_path = request.path.clone();
        request.token = Some(token.clone());
        let request = narrow(request, &mount, path);
        let nobody_asks = acl.is_root() && !audit.is_on();
        let request = with_create_or_update(unsealed, &mount, nobody_asks, request).await?;
        let verdict = authorize(&mount, acl, &full_path, &request);
        let caller = caller((token, &identity_policies), acl, &request, &full_path, verdict.is_ok());
        trail.begin(audit, Some(&mount), &request, caller, verdict.as_ref().err()).await?;
        verdict?;
        self.dispatch(unsealed, &mount, request).await
    }

    /// Lets the mount's engine answer, and gives what it asks for: a token for a login, a lease for a secret. Then the
    /// answer is wrapped, where the request asks for that.
    async fn dispatch(
        self: &Arc<Self>,
        unsealed: &Arc<Unsealed>,
        mount: &Mount,
        request: Request,
    ) -> Result<Option<Response>> {
        let began = Instant::now();
        let attempt = unsealed.lockout.admit(mount, &request)?;
        let answer = match (&mount.engine, mount.entry.kind.as_str()) {
            (Some(engine), _) => engine.handle(&request).await,
            (None, "system") => Box::pin(system::answer(self, unsealed, &request)).await,
            (None, "identity") => Box::pin(identity::answer(unsealed, &request)).await,
            (None, _) => Box::pin(auth::token::answer(self, unsealed, &request)).await,
        };
        self.telemetry.route(request.operation, &request.mount_point, began.elapsed());
        let Some(mut response) = unsealed.lockout.settle(attempt, request.now, answer).await? else {
            return Ok(None);
        };
        if let Some(login) = response.login.take() {
            let path = format!("{}{}", request.mount_point, request.path);
            response = Box::pin(self.log_in(unsealed, mount, path, &request, (response, *login))).await?;
        }
        let response = self.lease(unsealed, mount, &request, response).await?;
        self.wrap(unsealed, mount, &request, response).await.map(Some)
    }
}

impl Unsealed {
    /// The request's token and what it may do; counts a use.
    ///
    /// # Errors
    /// 403 without a valid token.
    async fn authenticate(&self, request: &Request) -> Result<(Arc<TokenEntry>, Arc<Acl>)> {
        let id = request.client_token.as_deref().ok_or(Error::BadToken)?;
        let now = request.now / NANOS;
        let mut token = self.tokens.find(id, now).await?.ok_or(Error::BadToken)?;
        if !cidr::allows(&token.bound_cidrs, request.remote) {
            return Err(Error::BadToken);
        }
        let acl = self.acl_of(&token).await?;
        if token.num_uses != 0 {
            token = self.tokens.count_use(&token, now).await?;
        }
        Ok((token, acl))
    }

    /// What the request's token may do, where that is all that is asked of it; counts a use.
    ///
    /// # Errors
    /// 403 without a valid token.
    pub async fn acl_of_request(&self, request: &Request) -> Result<Arc<Acl>> {
        let (token, acl) = self.authenticate(request).await?;
        self.end_if_last_use(&token, request.now).await?;
        Ok(acl)
    }

    /// Revokes a token whose last use was just counted, once its request is answered: also where it was refused.
    ///
    /// # Errors
    /// The store's.
    async fn end_if_last_use(&self, token: &TokenEntry, now: i64) -> Result<()> {
        if token.num_uses == -1 {
            self.tokens.revoke_tree(&token.hash, now / NANOS).await?;
        }
        Ok(())
    }
}

/// Whether a path takes requests without a token.
fn is_public(mount: &Mount, path: &str) -> bool {
    match (&mount.engine, mount.entry.kind.as_str()) {
        (Some(engine), _) => engine.is_public(path),
        (None, "system") => system::is_public(path),
        (None, _) => false,
    }
}

/// The request as the mount's engine sees it.
fn narrow(mut request: Request, mount: &Mount, path: String) -> Request {
    request.mount_point = mount.entry.full_path();
    request.path = path;
    request
}

/// A write becomes a create where the engine says that nothing is there; only the policy and the audit ask for it.
async fn with_create_or_update(
    unsealed: &Unsealed,
    mount: &Mount,
    nobody_asks: bool,
    mut request: Request,
) -> Result<Request> {
    if request.operation == Operation::Update && !nobody_asks {
        let exists = match (&mount.engine, mount.entry.kind.as_str()) {
            (Some(engine), _) => engine.exists(&request).await?,
            (None, "system" | "identity") => None,
            (None, _) => auth::token::exists(unsealed, &request.path).await?,
        };
        if exists == Some(false) {
            request.operation = Operation::Create;
        }
    }
    Ok(request)
}

fn authorize(mount: &Mount, acl: &Acl, full_path: &str, request: &Request) -> Result<()> {
    let wrap_ttl = request.wrap_ttl.and_then(|ttl| u64::try_from(ttl).ok()).map(Duration::from_secs);
    let verdict = acl.allow_wrapped(request.operation, full_path, Some(&request.data), wrap_ttl);
    if !verdict.allowed {
        return Err(Error::PermissionDenied);
    }
    let is_root_path = match (&mount.engine, mount.entry.kind.as_str()) {
        (Some(engine), _) => engine.is_root(&request.path),
        (None, "system") => system::is_root(request.operation, &request.path),
        (None, "identity") => false,
        (None, _) => auth::token::is_root(&request.path),
    };
    if is_root_path && !verdict.sudo { Err(Error::PermissionDenied) } else { Ok(()) }
}

/// Only who may ask for a path learns that nothing is mounted there.
fn acl_or_missing(acl: &Acl, request: &Request) -> Result<()> {
    let verdict = acl.allow(request.operation, &request.path, Some(&request.data));
    if verdict.allowed { Ok(()) } else { Err(Error::PermissionDenied) }
}

fn caller<'r>(
    (entry, identity_policies): (&'r TokenEntry, &'r [String]),
    acl: &'r Acl,
    request: &Request,
    full_path: &'r str,
    allowed: bool,
) -> Caller<'r> {
    Caller::Token { entry, identity_policies, acl, operation: request.operation, full_path, allowed }
}

/// What is answered before a token is asked for and, unlike the paths of a sealed vault, is logged.
fn is_logged_without_token(request: &Request) -> bool {
    let Some(path) = request.path.strip_prefix("sys/internal/") else { return false };
    request.operation == Operation::Read
        && (path == "specs/openapi" || path == "ui/mounts" || path.starts_with("ui/mounts/"))
}

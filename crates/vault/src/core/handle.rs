//! One request: token, policy, engine.

use std::sync::Arc;

use super::audit::{Caller, Trail};
use super::mount::Mount;
use super::token::TokenEntry;
use super::{Core, NANOS, Unsealed};
use crate::engines::{identity, system};
use crate::policy::Acl;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result, auth, cidr};

impl Core {
    /// Answers a request whose `path` is the whole path below `/v1/`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn handle(self: &Arc<Self>, mut request: Request) -> Result<Option<Response>> {
        request.now = self.now();
        let mut trail = Trail::default();
        let answer = self.answer(request, &mut trail).await;
        trail.end(answer).await
    }

    /// Answers a request and logs it before anything is done; its answer is logged by the caller.
    async fn answer(self: &Arc<Self>, mut request: Request, trail: &mut Trail) -> Result<Option<Response>> {
        if (request.path.starts_with(VISIBLE_MOUNTS) || system::is_ceremony(&request.path))
            && let Ok(unsealed) = self.unsealed()
        {
            trail.begin(&unsealed.audit, None, &request, Caller::Public, None).await?;
        }
        if let Some(answer) = system::answer_without_token(self, &request).await {
            return answer;
        }
        let (unsealed, _visit) = self.enter()?;
        let mounts = unsealed.mounts();
        if request.operation == Operation::Help {
            trail.begin(&unsealed.audit, None, &request, Caller::Public, None).await?;
            return self.help(&unsealed, &request).await;
        }
        let routed = mounts.route(&request.path);
        if let Some((mount, path)) = routed
            && mount.engine.as_ref().is_some_and(|engine| engine.is_public(path))
            && !mount.is_moving
        {
            let (mount, path) = (mount.clone(), path.to_owned());
            let request = narrow(request, &mount, path);
            trail.begin(&unsealed.audit, Some(&mount), &request, Caller::Public, None).await?;
            return self.dispatch(&unsealed, &mount, request).await;
        }
        let audit = &unsealed.audit;
        let mount = routed.map(|(mount, _)| mount);
        let (token, acl) = match unsealed.authenticate(&request).await {
            Ok(found) => found,
            Err(error) => return Err(trail.refuse(audit, mount, &request, Caller::Unknown, error).await),
        };
        let Some((mount, path)) = routed else {
            let verdict = acl_or_missing(&acl, &request);
            let caller = caller(&token, &acl, &request, &request.path, verdict.is_ok());
            trail.begin(audit, None, &request, caller, verdict.as_ref().err()).await?;
            return Err(verdict.err().unwrap_or(Error::NoHandler(request.path)));
        };
        if mount.is_moving {
            return Err(Error::Tainted(request.path));
        }
        let (mount, path) = (mount.clone(), path.to_owned());
        let full_path = request.path.clone();
        request.token = Some(token.clone());
        let request = narrow(request, &mount, path);
        let request = with_create_or_update(&mount, acl.is_root() && !audit.is_on(), request).await?;
        let verdict = authorize(&mount, &acl, &full_path, &request);
        let caller = caller(&token, &acl, &request, &full_path, verdict.is_ok());
        trail.begin(audit, Some(&mount), &request, caller, verdict.as_ref().err()).await?;
        verdict?;
        let last_use = token.num_uses == -1;
        let answer = self.dispatch(&unsealed, &mount, request).await;
        if last_use {
            unsealed.tokens.revoke_tree(&token.hash).await?;
        }
        answer
    }

    /// Lets the mount's engine answer, and gives what it asks for: a token for a login.
    async fn dispatch(
        self: &Arc<Self>,
        unsealed: &Arc<Unsealed>,
        mount: &Mount,
        request: Request,
    ) -> Result<Option<Response>> {
        let answer = match (&mount.engine, mount.entry.kind.as_str()) {
            (Some(engine), _) => engine.handle(&request).await,
            (None, "system") => system::answer(self, unsealed, &request).await,
            (None, "identity") => identity::answer(unsealed, &request).await,
            (None, _) => auth::token::answer(self, unsealed, &request).await,
        };
        let Some(mut response) = answer? else { return Ok(None) };
        if let Some(login) = response.login.take() {
            let path = format!("{}{}", request.mount_point, request.path);
            response = self.log_in(unsealed, mount, path, &request, (response, *login)).await?;
        }
        Ok(Some(response))
    }
}

impl Unsealed {
    /// The request's token and what it may do; counts a use.
    ///
    /// # Errors
    /// 403 without a valid token.
    pub async fn authenticate(&self, request: &Request) -> Result<(Arc<TokenEntry>, Arc<Acl>)> {
        let id = request.client_token.as_deref().ok_or(Error::BadToken)?;
        let now = request.now / NANOS;
        let mut token = self.tokens.find(id, now).await?.ok_or(Error::BadToken)?;
        if !cidr::allows(&token.bound_cidrs, request.remote) {
            return Err(Error::BadToken);
        }
        if token.num_uses != 0 {
            token = self.tokens.count_use(&token, now).await?;
        }
        let acl = self.acl_of(&token).await?;
        Ok((token, acl))
    }
}

/// The request as the mount's engine sees it.
fn narrow(mut request: Request, mount: &Mount, path: String) -> Request {
    request.mount_point = mount.entry.full_path();
    request.path = path;
    request
}

/// A write becomes a create where the engine says that nothing is there; only the policy and the audit ask for it.
async fn with_create_or_update(mount: &Mount, nobody_asks: bool, mut request: Request) -> Result<Request> {
    if request.operation == Operation::Update
        && !nobody_asks
        && let Some(engine) = &mount.engine
        && engine.exists(&request).await? == Some(false)
    {
        request.operation = Operation::Create;
    }
    Ok(request)
}

fn authorize(mount: &Mount, acl: &Acl, full_path: &str, request: &Request) -> Result<()> {
    let verdict = acl.allow(request.operation, full_path, Some(&request.data));
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
    token: &'r TokenEntry,
    acl: &'r Acl,
    request: &Request,
    full_path: &'r str,
    allowed: bool,
) -> Caller<'r> {
    Caller::Token { entry: token, acl, operation: request.operation, full_path, allowed }
}

const VISIBLE_MOUNTS: &str = "sys/internal/ui/mounts";

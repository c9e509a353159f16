//! What a token may do, and what command lines and web pages ask before they do anything.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::core::mount::{Mount, MountTable};
use crate::core::{Core, Unsealed};
use crate::policy::Acl;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

/// `sys/capabilities`, `-self`, `-accessor`.
pub(super) async fn capabilities(unsealed: &Arc<Unsealed>, request: &Request) -> Result<Option<Response>> {
    if !request.operation.is_write() {
        return Err(Error::UnsupportedOperation);
    }
    let now = request.now / NANOS;
    let tokens = &unsealed.tokens;
    let token = match request.path.as_str() {
        "capabilities-self" => request.token.clone(),
        "capabilities-accessor" => tokens.find_accessor(&request.required("accessor")?, now).await?,
        _ => tokens.find(&request.required("token")?, now).await?,
    };
    let token = token.ok_or_else(|| Error::invalid("invalid token"))?;
    let paths = match request.texts("paths")? {
        Some(paths) if !paths.is_empty() => paths,
        _ => request.texts("path")?.unwrap_or_default(),
    };
    if paths.is_empty() {
        return Err(Error::invalid("paths must be supplied"));
    }
    let acl = unsealed.acl_of(&token).await?;
    let mut data = Map::new();
    let sorted = |path: &str| {
        let mut names = acl.capabilities(path.trim_start_matches('/'));
        names.sort_unstable();
        json!(names)
    };
    for path in &paths {
        data.insert(path.clone(), sorted(path));
    }
    if let [path] = paths.as_slice() {
        data.insert("capabilities".into(), sorted(path));
    }
    Ok(Some(Response::data(data)))
}

/// `sys/internal/ui/mounts`: what the caller can see; without a token, what is shown to everybody.
pub(super) async fn visible_mounts(core: &Arc<Core>, request: &Request) -> Result<Option<Response>> {
    let unsealed = core.unsealed()?;
    let acl = match request.client_token {
        Some(_) => unsealed.acl_of_request(request).await.ok(),
        None => None,
    };
    let of = |table| -> Map<String, Value> {
        let mounts = unsealed.mounts();
        let visible = mounts.of(table).into_iter().filter(|mount| is_visible(mount, acl.as_deref()));
        visible.map(|mount| (mount.entry.path.clone(), brief(mount, acl.is_some()))).collect()
    };
    Ok(Some(Response::object(json!({ "auth": of(MountTable::Auth), "secret": of(MountTable::Secret) }))))
}

/// `sys/internal/specs/openapi`: the document of what the caller can see.
pub(super) async fn openapi(core: &Arc<Core>, request: &Request) -> Result<Option<Response>> {
    let unsealed = core.unsealed()?;
    let acl = match request.client_token {
        Some(_) => unsealed.acl_of_request(request).await.ok(),
        None => None,
    };
    let generic = request.bool("generic_mount_paths")?.unwrap_or(false);
    let document = unsealed.openapi(generic, |mount| is_visible(mount, acl.as_deref()));
    Ok(Some(Response::document(200, &document)))
}

/// `sys/internal/ui/mounts/<path>`: every token may ask of a mount that its policies reach into.
pub(super) async fn visible_mount(core: &Arc<Core>, request: &Request) -> Result<Option<Response>> {
    let unsealed = core.unsealed()?;
    let acl = unsealed.acl_of_request(request).await?;
    let path = request.path.strip_prefix("sys/internal/ui/mounts/").unwrap_or_default();
    mount_of(&unsealed, &acl, path).map(Some)
}

/// `sys/internal/ui/resultant-acl`, `sys/internal/ui/namespaces`.
pub(super) async fn internal(
    unsealed: &Arc<Unsealed>,
    request: &Request,
    path: &str,
) -> Result<Option<Response>> {
    if request.operation != Operation::Read {
        return Err(Error::UnsupportedOperation);
    }
    let token = request.token.as_ref().ok_or(Error::BadToken)?;
    let acl = unsealed.acl_of(token).await?;
    match path {
        "ui/resultant-acl" => Ok(Some(Response::object(acl.resultant()))),
        "ui/namespaces" => Ok(Some(Response::object(json!({ "keys": [] })))),
        _ => Err(Error::UnsupportedPath),
    }
}

fn mount_of(unsealed: &Arc<Unsealed>, acl: &Acl, path: &str) -> Result<Response> {
    let refuse = || {
        Error::Forbidden(format!(
            "preflight capability check returned 403, please ensure client's policies grant access to path \"{}/\"",
            path.trim_end_matches('/')
        ))
    };
    let mounts = unsealed.mounts();
    let (mount, _) = mounts.route(path).ok_or_else(refuse)?;
    if !is_visible(mount, Some(acl)) {
        return Err(refuse());
    }
    let mut described = mount.entry.describe();
    if let Some(map) = described.as_object_mut() {
        map.insert("path".into(), mount.entry.full_path().into());
    }
    Ok(Response::object(described))
}

fn is_visible(mount: &Mount, acl: Option<&Acl>) -> bool {
    let unauthenticated = mount.entry.config.listing_visibility == "unauth";
    unauthenticated || acl.is_some_and(|acl| acl.has_any_access_below(&mount.entry.full_path()))
}

/// What everybody may see of a mount, or all of it.
fn brief(mount: &Mount, with_token: bool) -> Value {
    if with_token {
        return mount.entry.describe();
    }
    json!({ "description": mount.entry.description, "options": mount.entry.options, "type": mount.entry.kind })
}

const NANOS: i64 = 1_000_000_000;

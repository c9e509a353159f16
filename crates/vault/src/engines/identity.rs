//! `identity/`: entities, aliases and groups over HTTP (`hashicorp/vault: vault/identity_store_*.go`).
//!
//! Where they are kept, and what requests and logins ask of them, is the core's: [`crate::core::identity`].

mod alias;
mod entity;
mod field;
mod group;
mod group_alias;
mod help;
mod lookup;
mod merge;
mod show;

use std::sync::Arc;

use crate::core::Unsealed;
use crate::core::mount::Mount;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

pub use help::HELP;

/// Answers a request below `identity/`.
///
/// # Errors
/// 400 for bad fields, 404 and 405 for what is not there.
pub async fn answer(unsealed: &Arc<Unsealed>, request: &Request) -> Result<Option<Response>> {
    let identity = Identity { unsealed, request };
    let (first, rest) = request.path.split_once('/').unwrap_or((&request.path, ""));
    match (first, rest.trim_end_matches('/')) {
        ("entity", rest) => identity.entity(rest).await,
        ("entity-alias", rest) => identity.entity_alias(rest).await,
        ("group", rest) => identity.group(rest).await,
        ("group-alias", rest) => identity.group_alias(rest).await,
        ("lookup", "entity") if request.operation.is_write() => identity.look_up_entity().await,
        ("lookup", "group") if request.operation.is_write() => identity.look_up_group().await,
        ("lookup", "entity" | "group") => Err(Error::UnsupportedOperation),
        _ => Err(Error::UnsupportedPath),
    }
}

/// One request.
struct Identity<'r> {
    unsealed: &'r Arc<Unsealed>,
    request: &'r Request,
}

/// What a request does to one of many: the path's last part names it, or the body does.
enum One<'p> {
    List,
    Read(&'p str),
    Write(&'p str),
    Delete(&'p str),
}

impl Identity<'_> {
    /// `id/<id>`, `name/<name>`, and the lists of both.
    fn one<'p>(&self, name: &'p str) -> Result<One<'p>> {
        match (self.request.operation, name.is_empty()) {
            (Operation::List, true) => Ok(One::List),
            (Operation::Read, false) => Ok(One::Read(name)),
            (operation, false) if operation.is_write() => Ok(One::Write(name)),
            (Operation::Delete, false) => Ok(One::Delete(name)),
            _ => Err(Error::UnsupportedOperation),
        }
    }

    /// The mount that an alias is at.
    fn mount(&self, accessor: &str) -> Result<Arc<Mount>> {
        let mounts = self.unsealed.mounts();
        let mount = mounts.by_accessor(accessor).cloned();
        mount.ok_or_else(|| Error::invalid(format!("invalid mount accessor {accessor:?}")))
    }
}

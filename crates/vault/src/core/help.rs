//! `?help=1` at any path, and the OpenAPI document of all of them.

use std::sync::Arc;

use super::mount::{Mount, MountTable};
use super::{Core, Unsealed};
use crate::engines::{identity, system};
use crate::help::{Document, Help, Naming};
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result, auth};

impl Core {
    /// Describes the request's path.
    ///
    /// # Errors
    /// 403 without a token where the path asks for one; 404 where there is no such path.
    pub(super) async fn help(
        self: &Arc<Self>,
        unsealed: &Unsealed,
        request: &Request,
    ) -> Result<Option<Response>> {
        let mounts = unsealed.mounts();
        let routed = mounts.route(&request.path);
        let is_public = routed.is_some_and(|(mount, path)| of(mount).is_public(path));
        if !is_public {
            unsealed.acl_of_request(request).await?;
        }
        let (mount, path) = routed.ok_or_else(|| Error::NoHandler(request.path.clone()))?;
        let full_path = mount.entry.full_path();
        of(mount).answer(path, &naming(mount, &full_path, true)).map(Some)
    }
}

impl Unsealed {
    /// The OpenAPI document of the mounts that `is_shown`. With `generic`, parameters stand in place of their paths,
    /// and each engine is described once.
    pub fn openapi(&self, generic: bool, is_shown: impl Fn(&Mount) -> bool) -> serde_json::Value {
        let mounts = self.mounts();
        let mut document = Document::new();
        for table in [MountTable::Secret, MountTable::Auth] {
            for mount in mounts.of(table).into_iter().filter(|mount| is_shown(mount)) {
                let is_singleton =
                    ["system", "cubbyhole", "identity", "token"].contains(&mount.entry.kind.as_str());
                let full_path = mount.entry.full_path();
                document.add(&naming(mount, &full_path, !generic || is_singleton), of(mount).paths);
            }
        }
        document.finish()
    }
}

fn of(mount: &Mount) -> Help {
    match (&mount.engine, mount.entry.kind.as_str()) {
        (Some(engine), _) => engine.help(),
        (None, "system") => system::HELP,
        (None, "identity") => identity::HELP,
        (None, _) => auth::token::HELP,
    }
}

fn naming<'m>(mount: &'m Mount, full_path: &'m str, is_literal: bool) -> Naming<'m> {
    let tag = match (mount.entry.table, mount.entry.kind.as_str()) {
        (MountTable::Auth, _) => "auth",
        (_, "system") => "system",
        (_, "identity") => "identity",
        _ => "secrets",
    };
    Naming::new(full_path, &mount.entry.kind, tag, is_literal)
}

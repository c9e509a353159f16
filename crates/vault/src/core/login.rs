//! From a login that an auth method accepted to a token.

use super::mount::{Mount, MountEntry};
use super::token::TokenEntry;
use super::ttl::Wanted;
use super::{Core, NANOS, Unsealed};
use crate::auth::{Login, TokenKind};
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result, cidr};

impl Core {
    /// Makes the token of a login and puts it into the answer. `full_path` is that of the login.
    ///
    /// # Errors
    /// 400 where the method asks for a root token or the caller's address may not log in, and the store's.
    pub(super) async fn log_in(
        &self,
        unsealed: &Unsealed,
        mount: &Mount,
        full_path: String,
        request: &Request,
        (mut response, login): (Response, Login),
    ) -> Result<Response> {
        if !cidr::allows(&login.token.bound_cidrs, request.remote) {
            return Err(Error::PermissionDenied);
        }
        let now = request.now / NANOS;
        let policies = policies(&login)?;
        let entity_id = match &login.alias {
            Some(alias) => {
                unsealed.identity.log_in(&mount.entry, alias, request.now).await?.entity.id.clone()
            }
            None => String::new(),
        };
        let batch = is_batch(&mount.entry, &login)?;
        let wanted = Wanted {
            ttl: login.token.ttl,
            period: login.token.period,
            max_ttl: login.token.max_ttl,
            explicit_max_ttl: login.token.explicit_max_ttl,
            ..Wanted::default()
        };
        let (ttl, warning) = self.bounds(&mount.entry).ttl(wanted, now, now)?;
        response.warnings.extend(warning);
        let metadata = (!login.metadata.is_empty()).then_some(login.metadata);
        let entry = TokenEntry {
            policies,
            path: full_path,
            meta: metadata,
            display_name: display_name(&mount.entry, &login.display_name),
            num_uses: login.token.num_uses,
            creation_ttl: ttl,
            expire_time: now + ttl,
            explicit_max_ttl: login.token.explicit_max_ttl,
            period: login.token.period,
            renewable: !batch,
            bound_cidrs: login.token.bound_cidrs,
            batch,
            internal: login.internal,
            entity_id,
            ..TokenEntry::root(now)
        };
        let (id, entry) = unsealed.tokens.create(None, entry).await?;
        let mut auth = entry.to_auth(id, now);
        unsealed.add_identity(&mut auth).await?;
        response.auth = Some(auth);
        Ok(response)
    }
}

/// Whether the login gives a batch token, as the mount and the role say together
/// (`hashicorp/vault: vault/request_handling.go`).
fn is_batch(mount: &MountEntry, login: &Login) -> Result<bool> {
    let batch = match (TokenKind::parse(&mount.config.token_type)?, login.token.kind) {
        (TokenKind::Service, _) => false,
        (TokenKind::Batch, _) => true,
        (_, kind @ (TokenKind::Batch | TokenKind::Service)) => kind == TokenKind::Batch,
        (of_mount, kind) => of_mount == TokenKind::DefaultBatch || kind == TokenKind::DefaultBatch,
    };
    let limited = [
        ("num_uses", login.token.num_uses),
        ("period", login.token.period),
        ("explicit_max_ttl", login.token.explicit_max_ttl),
    ];
    match limited.into_iter().find(|(_, value)| *value != 0) {
        Some((field, _)) if batch => Err(Error::invalid(format!("batch tokens cannot have {field:?} set"))),
        _ => Ok(batch),
    }
}

fn policies(login: &Login) -> Result<Vec<String>> {
    let mut policies = login.token.policies.clone();
    if policies.iter().any(|policy| policy == "root") {
        return Err(Error::invalid("auth methods cannot create root tokens"));
    }
    if !login.token.no_default_policy && !policies.iter().any(|policy| policy == "default") {
        policies.push("default".into());
    }
    policies.sort();
    policies.dedup();
    Ok(policies)
}

fn display_name(mount: &MountEntry, name: &str) -> String {
    let mount = mount.path.trim_end_matches('/').replace('/', "-");
    if name.is_empty() { mount } else { format!("{mount}-{name}") }
}

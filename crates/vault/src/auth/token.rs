//! The token auth method, `auth/token/` (`hashicorp/vault: vault/token_store.go`, paths).

mod create;
mod help;
mod policies;
mod role;

use std::sync::Arc;

use serde_json::{Value, json};

use self::create::Path;
use crate::core::ttl::{Bounds, Wanted};
use crate::core::{Core, TokenEntry, Unsealed};
use crate::engines::system::leases;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result};

pub use help::HELP;

/// Answers a request below `auth/token/`.
///
/// # Errors
/// 400 for bad fields, 403 `bad token` for unknown tokens, 404 and 405 for what is not there.
pub async fn answer(
    core: &Arc<Core>,
    unsealed: &Arc<Unsealed>,
    request: &Request,
) -> Result<Option<Response>> {
    let tokens = Tokens { core, unsealed, request, now: request.now / NANOS };
    let write = request.operation.is_write();
    match request.path.as_str() {
        "create" if write => tokens.create(Path::Plain).await,
        "create-orphan" if write => tokens.create(Path::Orphan).await,
        "lookup-self" if write || request.operation == Operation::Read => {
            tokens.show(tokens.own()?, request.client_token.as_deref()).await
        }
        "lookup" if write || request.operation == Operation::Read => tokens.look_up().await,
        "lookup-accessor" if write => {
            let token = tokens.by_accessor().await?;
            tokens.show(&token, None).await
        }
        "renew-self" if write => tokens.renew(tokens.own()?, request.client_token.as_deref()).await,
        "renew" if write => {
            let id = tokens.id()?;
            let token = unsealed.tokens.find(&id, tokens.now).await?;
            tokens.renew(&token.ok_or_else(|| Error::invalid("token not found"))?, Some(&id)).await
        }
        "renew-accessor" if write => tokens.renew(&tokens.by_accessor().await?, None).await,
        "revoke-self" if write => tokens.revoke(tokens.own()?).await,
        "revoke" if write => match unsealed.tokens.find(&tokens.id()?, tokens.now).await? {
            Some(token) => tokens.revoke(&token).await,
            None => Ok(None),
        },
        "revoke-accessor" if write => tokens.revoke(tokens.by_accessor().await?.as_ref()).await,
        "revoke-orphan" if write => tokens.revoke_orphan().await,
        "accessors/" | "accessors" if request.operation == Operation::List => {
            Response::list(unsealed.tokens.accessors().await?)
        }
        "tidy" if write => Ok(Some(tokens.tidy())),
        "create" | "create-orphan" | "lookup" | "lookup-self" | "lookup-accessor" | "renew"
        | "renew-self" | "renew-accessor" | "revoke" | "revoke-self" | "revoke-accessor"
        | "revoke-orphan" | "accessors" | "accessors/" | "tidy" => Err(Error::UnsupportedOperation),
        path => match (path.strip_prefix("create/"), role_name(path)) {
            (Some(role), _) if write && !role.contains('/') => tokens.create(Path::Role(role)).await,
            (Some(_), _) if !write => Err(Error::UnsupportedOperation),
            (_, Some(name)) => role::answer(unsealed, request, name, tokens.bounds().max).await,
            _ => Err(Error::UnsupportedPath),
        },
    }
}

/// Whether a path asks for `sudo`.
pub fn is_root(path: &str) -> bool {
    matches!(path, "accessors" | "accessors/" | "create-orphan" | "revoke-orphan")
}

/// Whether what a path writes to exists; `None` for paths without such a question.
///
/// # Errors
/// The store's.
pub async fn exists(unsealed: &Unsealed, path: &str) -> Result<Option<bool>> {
    match role_name(path) {
        Some(name) => Ok(Some(role::load(unsealed, name).await?.is_some())),
        None => Ok(None),
    }
}

fn role_name(path: &str) -> Option<&str> {
    if path == "roles" { Some("") } else { path.strip_prefix("roles/") }
}

struct Tokens<'r> {
    core: &'r Arc<Core>,
    unsealed: &'r Arc<Unsealed>,
    request: &'r Request,
    now: i64,
}

impl Tokens<'_> {
    fn own(&self) -> Result<&Arc<TokenEntry>> {
        self.request.token.as_ref().ok_or(Error::BadToken)
    }

    fn id(&self) -> Result<String> {
        let id = self.request.text("token")?.filter(|id| !id.is_empty());
        id.ok_or_else(|| Error::invalid("missing token ID"))
    }

    async fn by_accessor(&self) -> Result<Arc<TokenEntry>> {
        let accessor = self.request.required("accessor")?;
        let found = self.unsealed.tokens.find_accessor(&accessor, self.now).await?;
        found.ok_or_else(|| Error::invalid("invalid accessor"))
    }

    async fn look_up(&self) -> Result<Option<Response>> {
        let Some(id) = self.request.text("token")?.filter(|id| !id.is_empty()) else {
            return self.show(self.own()?, self.request.client_token.as_deref()).await;
        };
        let token = self.unsealed.tokens.find(&id, self.now).await?;
        let token = token.ok_or_else(|| Error::Forbidden("bad token".into()))?;
        self.show(&token, Some(&id)).await
    }

    async fn revoke(&self, token: &TokenEntry) -> Result<Option<Response>> {
        if token.batch {
            return Err(Error::invalid("batch tokens cannot be revoked"));
        }
        self.unsealed.tokens.revoke_tree(&token.hash, self.now).await.map(|()| None)
    }

    async fn revoke_orphan(&self) -> Result<Option<Response>> {
        let token = self.unsealed.tokens.find(&self.id()?, self.now).await?;
        let token = token.ok_or_else(|| Error::invalid("token to revoke not found"))?;
        if token.batch {
            return Err(Error::invalid("batch tokens cannot be revoked"));
        }
        self.unsealed.tokens.revoke_orphan(&token.hash, self.now).await.map(|()| None)
    }

    fn tidy(&self) -> Response {
        let (unsealed, now) = (self.unsealed.clone(), self.now);
        tokio::spawn(async move {
            match unsealed.tokens.tidy(now).await {
                Ok(tidied) => tracing::info!(tidied, "tokens are tidy"),
                Err(error) => tracing::warn!(%error, "tokens could not be tidied"),
            }
        });
        leases::started()
    }

    /// Renews a token; `id` is told where it is known.
    async fn renew(&self, token: &Arc<TokenEntry>, id: Option<&str>) -> Result<Option<Response>> {
        let increment = self.request.seconds("increment")?.unwrap_or(0);
        if token.batch {
            return Err(Error::invalid("batch tokens cannot be renewed"));
        }
        if !token.renewable {
            return Err(Error::invalid("lease is not renewable"));
        }
        let (bounds, wanted) = self.renewal(token).await?;
        let wanted = Wanted { increment, ..wanted };
        let now = self.now;
        let (_, warning) = bounds.ttl(wanted, token.creation_time, now)?;
        let renewed = self.unsealed.tokens.update(&token.hash, now, |mut entry| {
            let (ttl, _) = bounds.ttl(wanted, entry.creation_time, now)?;
            entry.expire_time = now + ttl;
            entry.last_renewal = now;
            Ok(entry)
        });
        let mut auth = renewed.await?.to_auth(id.unwrap_or_default().to_owned(), now);
        self.unsealed.add_identity(&mut auth).await?;
        let warnings = warning.into_iter().collect();
        Ok(Some(Response { auth: Some(auth), warnings, ..Default::default() }))
    }

    /// What a token may be renewed to, as its role or auth method says now.
    async fn renewal(&self, token: &TokenEntry) -> Result<(Bounds, Wanted)> {
        let wanted = Wanted {
            ttl: token.creation_ttl,
            period: token.period,
            explicit_max_ttl: token.explicit_max_ttl,
            ..Wanted::default()
        };
        if !token.role.is_empty() && token.path.starts_with(OWN_PATH) {
            let role = role::load(self.unsealed, &token.role).await?;
            let missing = || {
                Error::invalid(format!(
                    "original token role {:?} could not be found, not renewing",
                    token.role
                ))
            };
            let parameters = role.ok_or_else(missing)?.token;
            let least = |a: i64, b: i64| if a > 0 && b > 0 { a.min(b) } else { a.max(b) };
            let wanted = Wanted {
                period: least(parameters.period, wanted.period),
                explicit_max_ttl: least(parameters.explicit_max_ttl, wanted.explicit_max_ttl),
                ..wanted
            };
            return Ok((self.bounds(), wanted));
        }
        if token.path.starts_with(OWN_PATH) {
            return Ok((self.bounds(), wanted));
        }
        let mounts = self.unsealed.mounts();
        let mount = mounts.route(&token.path).map(|(mount, _)| mount);
        let mount = mount.ok_or_else(|| Error::NoHandler(token.path.clone()))?;
        let engine = mount.engine.as_ref().ok_or_else(|| Error::invalid("lease is not renewable"))?;
        let login = engine.renew_login(token).await?.token;
        let wanted = Wanted { ttl: login.ttl, period: login.period, max_ttl: login.max_ttl, ..wanted };
        Ok((self.core.bounds(&mount.entry), wanted))
    }

    /// What bounds the tokens of this mount.
    fn bounds(&self) -> Bounds {
        let mounts = self.unsealed.mounts();
        let settings = self.core.settings();
        let system = Bounds { default: settings.default_lease_ttl, max: settings.max_lease_ttl };
        mounts.get(OWN_PATH).map_or(system, |mount| self.core.bounds(&mount.entry))
    }

    /// A token's entry; `id` is the token itself where it is to be told.
    async fn show(&self, entry: &TokenEntry, id: Option<&str>) -> Result<Option<Response>> {
        let mut data = describe(entry, id.unwrap_or_default(), self.now);
        let identity = self.unsealed.identity_policies(entry).await?;
        if let Some(data) = data.as_object_mut().filter(|_| !identity.is_empty()) {
            data.insert("external_namespace_policies".into(), json!({}));
            data.insert("identity_policies".into(), json!(identity));
        }
        Ok(Some(Response::object(data)))
    }
}

/// A token's entry as `lookup` shows it.
fn describe(entry: &TokenEntry, id: &str, now: i64) -> Value {
    let mut data = json!({
        "accessor": entry.accessor,
        "creation_time": entry.creation_time,
        "creation_ttl": entry.creation_ttl,
        "display_name": entry.display_name,
        "entity_id": entry.entity_id,
        "expire_time": (entry.expire_time != 0).then(|| rfc3339(entry.expire_time)),
        "explicit_max_ttl": entry.explicit_max_ttl,
        "id": id,
        "meta": entry.meta,
        "num_uses": entry.num_uses.max(0),
        "orphan": entry.parent.is_empty(),
        "path": entry.path,
        "policies": entry.policies,
        "ttl": entry.remaining(now),
        "type": entry.kind(),
    });
    if let Value::Object(map) = &mut data {
        // The first root token has no lease, and so not what is known of one.
        if entry.path != FIRST_ROOT {
            map.insert("issue_time".into(), rfc3339(entry.creation_time).into());
            map.insert("renewable".into(), entry.renewable.into());
        }
        if entry.period != 0 {
            map.insert("period".into(), entry.period.into());
        }
        if !entry.role.is_empty() {
            map.insert("role".into(), entry.role.clone().into());
        }
        if !entry.bound_cidrs.is_empty() {
            map.insert("bound_cidrs".into(), entry.bound_cidrs.clone().into());
        }
        if entry.last_renewal != 0 {
            map.insert("last_renewal".into(), rfc3339(entry.last_renewal).into());
            map.insert("last_renewal_time".into(), entry.last_renewal.into());
        }
    }
    data
}

fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

const NANOS: i64 = 1_000_000_000;
const OWN_PATH: &str = "auth/token/";
const FIRST_ROOT: &str = "auth/token/root";

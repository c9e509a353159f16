//! The token auth method, `auth/token/` (`hashicorp/vault: vault/token_store.go`, paths).

mod help;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::core::{Core, TokenEntry, Unsealed};
use crate::policy;
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
        "create" if write => tokens.create(false).await,
        "create-orphan" if write => tokens.create(true).await,
        "lookup-self" if write || request.operation == Operation::Read => {
            tokens.own().and_then(|token| tokens.show(token, false).map(Some))
        }
        "lookup" if write => tokens.named().await.and_then(|token| tokens.show(&token, false).map(Some)),
        "lookup-accessor" if write => {
            tokens.by_accessor().await.and_then(|token| tokens.show(&token, true).map(Some))
        }
        "renew-self" if write => tokens.renew(tokens.own()?).await,
        "renew" if write => tokens.renew(&tokens.named().await?).await,
        "renew-accessor" if write => tokens.renew(&tokens.by_accessor().await?).await,
        "revoke-self" if write => tokens.revoke(&tokens.own()?.hash).await,
        "revoke" if write => tokens.revoke_named().await,
        "revoke-accessor" if write => tokens.revoke(&tokens.by_accessor().await?.hash).await,
        "revoke-orphan" if write => tokens.revoke_orphan().await,
        "accessors/" | "accessors" if request.operation == Operation::List => {
            Response::list(unsealed.tokens.accessors().await?)
        }
        "create" | "create-orphan" | "lookup" | "lookup-self" | "lookup-accessor" | "renew"
        | "renew-self" | "renew-accessor" | "revoke" | "revoke-self" | "revoke-accessor"
        | "revoke-orphan" | "accessors" | "accessors/" => Err(Error::UnsupportedOperation),
        _ => Err(Error::UnsupportedPath),
    }
}

/// Whether a path asks for `sudo`.
pub fn is_root(path: &str) -> bool {
    matches!(path, "accessors" | "accessors/" | "create-orphan" | "revoke-orphan")
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

    async fn named(&self) -> Result<Arc<TokenEntry>> {
        let id = self.request.required("token")?;
        self.unsealed.tokens.find(&id, self.now).await?.ok_or_else(|| Error::Forbidden("bad token".into()))
    }

    async fn by_accessor(&self) -> Result<Arc<TokenEntry>> {
        let accessor = self.request.required("accessor")?;
        let found = self.unsealed.tokens.find_accessor(&accessor, self.now).await?;
        found.ok_or_else(|| Error::invalid("invalid accessor"))
    }

    async fn revoke_named(&self) -> Result<Option<Response>> {
        let id = self.request.required("token")?;
        self.revoke(&self.unsealed.tokens.hash(&id)).await
    }

    async fn revoke(&self, hash: &str) -> Result<Option<Response>> {
        self.unsealed.tokens.revoke_tree(hash).await.map(|()| None)
    }

    async fn revoke_orphan(&self) -> Result<Option<Response>> {
        let id = self.request.required("token")?;
        self.unsealed.tokens.revoke_orphan(&self.unsealed.tokens.hash(&id)).await.map(|()| None)
    }

    async fn renew(&self, token: &Arc<TokenEntry>) -> Result<Option<Response>> {
        let increment = self.request.seconds("increment")?.unwrap_or(0);
        if !token.renewable {
            return Err(Error::invalid("lease is not renewable"));
        }
        let (default, max) = self.ttl_bounds();
        let now = self.now;
        let renewed = self
            .unsealed
            .tokens
            .update(&token.hash, now, |mut entry| {
                let wanted = if increment > 0 { increment } else { entry.creation_ttl.min(default) };
                let ttl = if entry.period > 0 {
                    entry.period
                } else {
                    wanted.min((entry.creation_time + max - now).max(0))
                };
                let ttl = match entry.explicit_max_ttl {
                    0 => ttl,
                    explicit => ttl.min((entry.creation_time + explicit - now).max(0)),
                };
                entry.expire_time = now + ttl;
                entry.last_renewal = now;
                Ok(entry)
            })
            .await?;
        let id =
            self.request.text("token")?.or_else(|| self.request.client_token.as_deref().map(str::to_owned));
        let by_accessor = self.request.path == "renew-accessor";
        let auth = renewed.to_auth(if by_accessor { String::new() } else { id.unwrap_or_default() }, now);
        let capped = increment > auth.lease_duration;
        let response = Response { auth: Some(auth), ..Default::default() };
        let effective = renewed.expire_time - now;
        Ok(Some(if capped { response.warn(capped_warning(increment, effective)) } else { response }))
    }

    async fn create(&self, orphan_path: bool) -> Result<Option<Response>> {
        let request = self.request;
        let parent = self.own()?;
        if parent.num_uses != 0 {
            return Err(Error::invalid("restricted use token cannot generate child tokens"));
        }
        match request.text("type")?.as_deref() {
            None | Some("" | "service") => {}
            Some("batch") => return Err(Error::invalid("batch tokens are not supported by this version")),
            Some(other) => return Err(Error::invalid(format!("invalid 'token_type' value: {other}"))),
        }
        let acl = self.unsealed.acl_of(parent).await?;
        let sudo =
            acl.is_root() || acl.allow(Operation::Update, &format!("auth/token/{}", request.path), None).sudo;
        let mut warnings = Vec::new();
        let policies = self.policies_of_child(parent, sudo, &mut warnings).await?;
        let is_root = policies.iter().any(|policy| policy == "root");
        let orphan = orphan_path || request.bool("no_parent")?.unwrap_or(false);
        if orphan && !orphan_path && !sudo {
            return Err(Error::invalid("root or sudo privileges required to create orphan token"));
        }
        let period = request.seconds("period")?.unwrap_or(0);
        if period > 0 && !sudo {
            return Err(Error::invalid("root or sudo privileges required to create periodic token"));
        }
        let id = request.text("id")?.filter(|id| !id.is_empty());
        check_id(id.as_deref(), sudo)?;
        let num_uses = request.int("num_uses")?.unwrap_or(0);
        if num_uses < 0 {
            return Err(Error::invalid("number of uses cannot be negative"));
        }
        let explicit_max_ttl = request.seconds("explicit_max_ttl")?.unwrap_or(0);
        let requested = match request.seconds("ttl")? {
            Some(ttl) => ttl,
            None => request.seconds("lease")?.unwrap_or(0),
        };
        let ttl = self.ttl_of_child(
            requested,
            period,
            explicit_max_ttl,
            is_root,
            parent.expire_time == 0,
            &mut warnings,
        )?;
        let entry = TokenEntry {
            parent: if orphan { String::new() } else { parent.hash.clone() },
            policies,
            path: format!("auth/token/{}", request.path),
            meta: request.text_map("meta")?,
            display_name: display_name(request.text("display_name")?.as_deref()),
            num_uses,
            creation_ttl: ttl,
            expire_time: if ttl == 0 { 0 } else { self.now + ttl },
            explicit_max_ttl,
            period,
            renewable: ttl != 0 && request.bool("renewable")?.unwrap_or(true),
            entity_id: if orphan { String::new() } else { parent.entity_id.clone() },
            ..TokenEntry::root(self.now)
        };
        let (id, entry) = self.unsealed.tokens.create(id, entry).await?;
        Ok(Some(Response { auth: Some(entry.to_auth(id, self.now)), warnings, ..Default::default() }))
    }

    async fn policies_of_child(
        &self,
        parent: &TokenEntry,
        sudo: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<String>> {
        let asked = self.request.texts("policies")?.unwrap_or_default();
        let no_default = self.request.bool("no_default_policy")?.unwrap_or(false);
        let given = !asked.is_empty();
        let mut policies = if given {
            asked.into_iter().map(|name| name.to_lowercase()).collect()
        } else {
            parent.policies.clone()
        };
        policies.sort();
        policies.dedup();
        if let Some(name) = policies.iter().find(|name| !policy::is_assignable(name)) {
            return Err(Error::invalid(format!("cannot assign policy {name:?}")));
        }
        let root = policies.iter().any(|policy| policy == "root");
        if root && policies.len() > 1 {
            return Err(Error::invalid("root tokens may not have other policies"));
        }
        if root && !parent.is_root() {
            return Err(Error::invalid("root tokens may not be created without parent token being root"));
        }
        let is_default = |name: &String| name == "default";
        if !root && !no_default && !policies.iter().any(is_default) {
            policies.insert(0, "default".into());
            policies.sort();
        }
        if !given && no_default {
            policies.retain(|name| !is_default(name));
        }
        let covered = |name: &String| name == "default" || parent.policies.contains(name);
        if !sudo && !parent.is_root() && !policies.iter().all(covered) {
            return Err(Error::invalid("child policies must be subset of parent"));
        }
        for name in &policies {
            if self.unsealed.policies.get(name).await?.is_none() {
                warnings.push(format!("Policy {name:?} does not exist"));
            }
        }
        Ok(policies)
    }

    fn ttl_of_child(
        &self,
        requested: i64,
        period: i64,
        explicit_max: i64,
        is_root: bool,
        parent_endless: bool,
        warnings: &mut Vec<String>,
    ) -> Result<i64> {
        if is_root && requested == 0 && period == 0 {
            return if parent_endless {
                Ok(0)
            } else {
                Err(Error::invalid("expiring root tokens cannot create non-expiring root tokens"))
            };
        }
        let (default, max) = self.ttl_bounds();
        if explicit_max > max {
            warnings.push(format!("Explicit max TTL of {explicit_max} seconds is greater than system/mount allowed value; value is being capped to {max} seconds"));
        }
        let cap = if explicit_max > 0 { explicit_max.min(max) } else { max };
        if period > 0 {
            return Ok(if explicit_max > 0 { period.min(explicit_max) } else { period });
        }
        let wanted = if requested > 0 { requested } else { default };
        if requested > cap {
            warnings.push(capped_warning(requested, cap));
        }
        Ok(wanted.min(cap))
    }

    /// The default and the maximal seconds of this mount's tokens.
    fn ttl_bounds(&self) -> (i64, i64) {
        let settings = self.core.settings();
        let mounts = self.unsealed.mounts();
        let tuned = mounts
            .get("auth/token/")
            .map(|mount| (mount.entry.config.default_lease_ttl, mount.entry.config.max_lease_ttl));
        let (default, max) = tuned.unwrap_or_default();
        let max = if max > 0 { max } else { settings.max_lease_ttl };
        (if default > 0 { default } else { settings.default_lease_ttl }.min(max), max)
    }

    fn show(&self, entry: &TokenEntry, by_accessor: bool) -> Result<Response> {
        let request = self.request;
        let id = match (by_accessor, request.path.as_str()) {
            (true, _) => String::new(),
            (false, "lookup-self") => request.client_token.as_deref().unwrap_or_default().to_owned(),
            _ => request.required("token")?,
        };
        Ok(Response::object(describe(entry, &id, self.now)))
    }
}

/// An operator's own choice of a token.
fn check_id(id: Option<&str>, sudo: bool) -> Result<()> {
    let Some(id) = id else { return Ok(()) };
    if !sudo {
        return Err(Error::invalid("root or sudo privileges required to specify token id"));
    }
    if id.contains('.')
        || ["s.", "b.", "r.", "hvs.", "hvb.", "hvr."].iter().any(|prefix| id.starts_with(prefix))
    {
        return Err(Error::invalid("custom token ID cannot have a '.' in its name"));
    }
    if id.len() > 512 || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid(
            "custom token ID must be of at most 512 printable characters without blanks",
        ));
    }
    Ok(())
}

/// A token's entry as `lookup` shows it.
fn describe(entry: &TokenEntry, id: &str, now: i64) -> Value {
    let created = rfc3339(entry.creation_time);
    let mut data = json!({
        "accessor": entry.accessor,
        "creation_time": entry.creation_time,
        "creation_ttl": entry.creation_ttl,
        "display_name": entry.display_name,
        "entity_id": entry.entity_id,
        "expire_time": (entry.expire_time != 0).then(|| rfc3339(entry.expire_time)),
        "explicit_max_ttl": entry.explicit_max_ttl,
        "id": id,
        "issue_time": created,
        "meta": entry.meta,
        "num_uses": entry.num_uses.max(0),
        "orphan": entry.parent.is_empty(),
        "path": entry.path,
        "policies": entry.policies,
        "renewable": entry.renewable,
        "ttl": entry.remaining(now),
        "type": "service",
    });
    if let Value::Object(map) = &mut data {
        if entry.expire_time == 0 {
            map.shift_remove("renewable");
            map.shift_remove("issue_time");
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

fn capped_warning(requested: i64, cap: i64) -> String {
    format!(
        "TTL of \"{requested}s\" exceeded the effective max_ttl of \"{cap}s\"; TTL value is capped accordingly"
    )
}

fn display_name(asked: Option<&str>) -> String {
    let Some(asked) = asked.filter(|name| !name.is_empty()) else { return "token".into() };
    let clean: String =
        asked.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
    format!("token-{}", clean.trim_end_matches('-'))
}

fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map(|time| time.to_string()).unwrap_or_default()
}

const NANOS: i64 = 1_000_000_000;

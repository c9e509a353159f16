//! `auth/token/create`, `create-orphan`, `create/<role>` (`hashicorp/vault: vault/token_store.go`).

use serde_json::Value;

use super::policies::Asked;
use super::role::{self, TokenRole};
use super::{OWN_PATH, Tokens};
use crate::auth::{Alias, TokenKind};
use crate::core::TokenEntry;
use crate::core::ttl::Wanted;
use crate::request::Operation;
use crate::response::Response;
use crate::{Error, Result};

/// Which of the paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Path<'a> {
    /// `create`
    Plain,
    /// `create-orphan`
    Orphan,
    /// `create/<role>`
    Role(&'a str),
}

/// What bounds a new token's life, in seconds.
struct Life {
    /// What the request says: shown and stored.
    explicit_max_ttl: i64,
    period: i64,
    /// With what the role says.
    wanted: Wanted,
}

impl Tokens<'_> {
    pub(super) async fn create(&self, path: Path<'_>) -> Result<Option<Response>> {
        let (request, parent) = (self.request, self.own()?);
        let role = match path {
            Path::Role(name) => {
                let role = role::load(self.unsealed, name).await?;
                Some(role.ok_or_else(|| Error::invalid(format!("unknown role {name}")))?)
            }
            _ => None,
        };
        let role = role.as_ref();
        if parent.batch {
            return Err(Error::invalid("batch tokens cannot create more tokens"));
        }
        if parent.num_uses != 0 {
            return Err(Error::invalid("restricted use token cannot generate child tokens"));
        }
        let acl = self.unsealed.acl_of(parent).await?;
        let full_path = format!("auth/token/{}", request.path);
        let sudo = acl.is_root() || acl.allow(Operation::Update, &full_path, None).sudo;
        let batch = self.is_batch(role)?;
        let num_uses = self.num_uses(role)?;
        let alias = self.alias(role)?;
        let id = request.text("id")?.filter(|id| !id.is_empty());
        check_id(id.as_deref(), sudo)?;
        let asked = Asked {
            policies: request.texts("policies")?.unwrap_or_default(),
            no_default: request.bool("no_default_policy")?.unwrap_or(false),
            parent: &parent.policies,
            sudo,
            role,
        };
        let policies = asked.decide()?;
        let is_root = policies.iter().any(|policy| policy == "root");
        if is_root && batch {
            return Err(Error::invalid("batch tokens cannot be root tokens"));
        }
        let orphan = match role {
            Some(role) => role.orphan,
            None => self.is_orphan(path, sudo)?,
        };
        let mut warnings = Vec::new();
        let life = self.life(role, batch, sudo, &mut warnings)?;
        let ttl = self.ttl_of_child(&life, is_root, &mut warnings)?;
        if ttl == 0 && parent.creation_ttl != 0 {
            return Err(Error::invalid("expiring root tokens cannot create non-expiring root tokens"));
        }
        let bound_cidrs = match role {
            _ if ttl == 0 => Vec::new(),
            Some(role) => role.token.bound_cidrs.clone(),
            None if orphan => Vec::new(),
            None => parent.bound_cidrs.clone(),
        };
        let renewable = request.bool("renewable")?.unwrap_or(true) && role.is_none_or(|role| role.renewable);
        let suffix = role.map(|role| role.path_suffix.as_str()).filter(|suffix| !suffix.is_empty());
        let entry = TokenEntry {
            parent: if orphan { String::new() } else { parent.hash.clone() },
            policies,
            path: suffix.map_or(full_path.clone(), |suffix| format!("{full_path}/{suffix}")),
            meta: request.text_map("meta")?,
            display_name: display_name(request.text("display_name")?.as_deref()),
            num_uses,
            creation_ttl: ttl,
            expire_time: if ttl == 0 { 0 } else { self.now + ttl },
            explicit_max_ttl: life.explicit_max_ttl,
            period: life.period,
            renewable: ttl != 0 && renewable && !batch,
            role: role.map(|role| role.name.clone()).unwrap_or_default(),
            bound_cidrs,
            entity_id: self.entity(alias, parent, orphan).await?,
            batch,
            ..TokenEntry::root(self.now)
        };
        let (id, entry) = self.unsealed.tokens.create(id, entry).await?;
        for name in &entry.policies {
            if self.unsealed.policies.get(name).await?.is_none() {
                warnings.push(format!("Policy {name:?} does not exist"));
            }
        }
        let mut auth = entry.to_auth(id, self.now);
        self.unsealed.add_identity(&mut auth).await?;
        Ok(Some(Response { auth: Some(auth), warnings, ..Default::default() }))
    }

    /// Whether a batch token is to be made; refuses what one cannot have.
    fn is_batch(&self, role: Option<&TokenRole>) -> Result<bool> {
        let asked = self.request.text("type")?.unwrap_or_default();
        let kind = match role.map_or(TokenKind::DefaultService, |role| role.token.kind) {
            TokenKind::Service => "service",
            TokenKind::Batch => "batch",
            TokenKind::DefaultBatch if asked.is_empty() => "batch",
            _ => asked.as_str(),
        };
        match kind {
            "" | "service" => return Ok(false),
            "batch" => {}
            _ => return Err(Error::invalid("invalid 'token_type' value")),
        }
        for field in ["explicit_max_ttl", "num_uses", "period"] {
            let value = match field {
                "num_uses" => self.request.int(field)?,
                _ => self.request.seconds(field)?,
            };
            if value.unwrap_or(0) != 0 {
                return Err(Error::invalid(format!("batch tokens cannot have {field:?} set")));
            }
        }
        if role.is_some_and(|role| role.token.num_uses != 0) {
            return Err(Error::invalid("batch tokens cannot have \"num_uses\" set"));
        }
        Ok(true)
    }

    fn num_uses(&self, role: Option<&TokenRole>) -> Result<i64> {
        let uses = self.request.int("num_uses")?.unwrap_or(0);
        if uses < 0 {
            return Err(Error::invalid("number of uses cannot be negative"));
        }
        let of_role = role.map_or(0, |role| role.token.num_uses);
        Ok([uses, of_role].into_iter().filter(|uses| *uses > 0).min().unwrap_or(0))
    }

    /// The entity alias that the token is for, which a role must allow.
    fn alias(&self, role: Option<&TokenRole>) -> Result<Option<Alias>> {
        let Some(name) = self.request.text("entity_alias")?.filter(|name| !name.is_empty()) else {
            return Ok(None);
        };
        match role {
            None => Err(Error::invalid("'entity_alias' is only allowed in combination with token role")),
            Some(role) if !role.allows_alias(&name) => Err(Error::invalid("invalid 'entity_alias' value")),
            Some(_) => Ok(Some(Alias { name, ..Alias::default() })),
        }
    }

    /// The entity of a token: its alias's, or its parent's.
    async fn entity(&self, alias: Option<Alias>, parent: &TokenEntry, orphan: bool) -> Result<String> {
        let Some(alias) = alias else {
            return Ok(if orphan { String::new() } else { parent.entity_id.clone() });
        };
        let mounts = self.unsealed.mounts();
        let mount =
            mounts.get(OWN_PATH).ok_or_else(|| Error::invalid("auth token mount accessor not found"))?;
        let holder = self.unsealed.identity.log_in(&mount.entry, &alias, self.request.now).await?;
        Ok(holder.entity.id.clone())
    }

    fn is_orphan(&self, path: Path<'_>, sudo: bool) -> Result<bool> {
        if !self.request.bool("no_parent")?.unwrap_or(false) {
            return Ok(path == Path::Orphan);
        }
        if sudo {
            return Ok(true);
        }
        Err(Error::invalid("root or sudo privileges required to create orphan token"))
    }

    fn life(
        &self,
        role: Option<&TokenRole>,
        batch: bool,
        sudo: bool,
        warnings: &mut Vec<String>,
    ) -> Result<Life> {
        let explicit_max_ttl = self.positive("explicit_max_ttl")?;
        let period = self.positive("period")?;
        if period > 0 && !sudo {
            return Err(Error::invalid("root or sudo privileges required to create periodic token"));
        }
        let ttl = match self.positive("ttl")? {
            0 if self.request.text("ttl")?.is_none_or(|ttl| ttl.is_empty()) => self.positive("lease")?,
            ttl => ttl,
        };
        let mut wanted = Wanted { ttl, period, explicit_max_ttl, ..Wanted::default() };
        if let Some(role) = role.filter(|_| !batch) {
            for (slot, of_role, what) in [
                (&mut wanted.explicit_max_ttl, role.token.explicit_max_ttl, "Explicit max TTL"),
                (&mut wanted.period, role.token.period, "Period"),
            ] {
                if of_role == 0 {
                    continue;
                }
                if *slot > 0 {
                    *slot = of_role.min(*slot);
                    warnings.push(format!(
                        "{what} specified both during creation call and in role; using the lesser value of {slot} seconds"
                    ));
                } else {
                    *slot = of_role;
                }
            }
        }
        let max = self.bounds().max;
        if wanted.explicit_max_ttl > max {
            warnings.push(format!(
                "Explicit max TTL of {} seconds is greater than system/mount allowed value; value is being capped to {max} \
                 seconds",
                wanted.explicit_max_ttl
            ));
            wanted.explicit_max_ttl = max;
        }
        Ok(Life { explicit_max_ttl, period, wanted })
    }

    fn ttl_of_child(&self, life: &Life, is_root: bool, warnings: &mut Vec<String>) -> Result<i64> {
        let wanted = life.wanted;
        if is_root && wanted.ttl == 0 && wanted.period == 0 {
            return Ok(wanted.explicit_max_ttl);
        }
        let (ttl, warning) = self.bounds().ttl(wanted, self.now, self.now)?;
        warnings.extend(warning);
        Ok(ttl)
    }

    /// A duration in seconds that is not negative; 0 where it is not given.
    fn positive(&self, field: &str) -> Result<i64> {
        let negative = match self.request.data.get(field) {
            Some(Value::Number(number)) => number.as_i64().is_some_and(|seconds| seconds < 0),
            Some(Value::String(text)) => text.trim_start().starts_with('-'),
            _ => false,
        };
        if negative {
            return Err(Error::invalid(format!("{field} must be positive")));
        }
        Ok(self.request.seconds(field)?.unwrap_or(0))
    }
}

/// An operator's own choice of a token.
fn check_id(id: Option<&str>, sudo: bool) -> Result<()> {
    let Some(id) = id else { return Ok(()) };
    if !sudo {
        return Err(Error::invalid("root or sudo privileges required to specify token id"));
    }
    if id.contains('.') {
        return Err(Error::invalid("custom token ID cannot have a '.' in its name"));
    }
    if id.len() > CUSTOM_ID_BYTES_MAX || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid(
            "custom token ID must be of at most 512 printable characters without blanks",
        ));
    }
    Ok(())
}

fn display_name(asked: Option<&str>) -> String {
    let Some(asked) = asked.filter(|name| !name.is_empty()) else { return "token".into() };
    let clean: String =
        asked.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '-' }).collect();
    format!("token-{}", clean.trim_end_matches('-'))
}

const CUSTOM_ID_BYTES_MAX: usize = 512;

//! From a login that an auth method accepted to a token.

use super::mount::{Mount, MountEntry};
use super::token::TokenEntry;
use super::{Core, NANOS, Unsealed};
use crate::auth::Login;
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
        let (ttl, warning) = self.login_ttl(&mount.entry, &login);
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
            renewable: true,
            bound_cidrs: login.token.bound_cidrs,
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

    /// Seconds that a login's token lives, with a warning where it asked for more than it may have.
    pub(super) fn login_ttl(&self, mount: &MountEntry, login: &Login) -> (i64, Option<String>) {
        let settings = self.settings();
        let or = |value: i64, otherwise: i64| if value > 0 { value } else { otherwise };
        let bounds = [login.token.max_ttl, login.token.explicit_max_ttl];
        let mount_max = or(mount.config.max_lease_ttl, settings.max_lease_ttl);
        let max = bounds.into_iter().filter(|bound| *bound > 0).fold(mount_max, i64::min);
        let wanted = or(
            login.token.period,
            or(login.token.ttl, or(mount.config.default_lease_ttl, settings.default_lease_ttl)),
        );
        let asked = login.token.period > 0 || login.token.ttl > 0;
        let warning = (asked && wanted > max).then(|| {
            format!(
                "TTL of \"{wanted}s\" exceeded the effective max_ttl of \"{max}s\"; TTL value is capped accordingly"
            )
        });
        (wanted.min(max), warning)
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

//! Giving leases and renewing them.

use serde_json::Map;
use trustkeep_crypto::random;
use trustkeep_store::Error as StoreError;

use super::lease::LeaseEntry;
use super::lease_store::Stored;
use super::mount::Mount;
use super::ttl::Wanted;
use super::{Core, NANOS, Unsealed};
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

impl Core {
    /// Registers the lease that an engine asks for, and says so in the answer.
    ///
    /// # Errors
    /// 403 where the token is gone meanwhile, and the store's: then what was given is undone.
    pub(super) async fn lease(
        &self,
        unsealed: &Unsealed,
        mount: &Mount,
        request: &Request,
        mut response: Response,
    ) -> Result<Response> {
        let Some(secret) = response.secret.take() else { return Ok(response) };
        let now = request.now / NANOS;
        let wanted = Wanted { ttl: secret.ttl, max_ttl: secret.max_ttl, ..Wanted::default() };
        let (mut ttl, warning) = self.bounds(&mount.entry).ttl(wanted, now, now)?;
        response.warnings.extend(warning);
        let path = format!("{}{}", request.mount_point, request.path);
        let mut lease = LeaseEntry {
            id: format!("{}/{}", path.trim_end_matches('/'), random::base62(self.random(), KEY_LEN)),
            path,
            issue_time: now,
            max_ttl: secret.max_ttl,
            renewable: secret.renewable,
            internal: secret.internal,
            ..LeaseEntry::default()
        };
        if let Some(token) = &request.token {
            // A batch token is stored nowhere: the lease ends with its time, and goes with its parent.
            lease.token = if token.batch { token.parent.clone() } else { token.hash.clone() };
            lease.token_end = if token.batch { token.expire_time } else { 0 };
        }
        if lease.token_end > 0 {
            ttl = ttl.min(lease.token_end - now);
        }
        lease.expire_time = now + ttl;
        lease.due = lease.expire_time;
        if let Err(error) = unsealed.register(&lease, now).await {
            if let Err(undoing) = unsealed.undo(&lease).await {
                tracing::error!(error = %undoing, "what was given without a lease could not be undone");
            }
            return Err(error);
        }
        response.lease_id = lease.id;
        response.renewable = lease.renewable;
        response.lease_duration = ttl;
        Ok(response)
    }

    /// Renews the lease of a secret for `increment` seconds or, where that is 0, for what its engine says.
    ///
    /// # Errors
    /// 400 where there is none, it has ended, cannot be renewed or belongs to a token; the engine's; the store's.
    pub async fn renew_lease(
        &self,
        unsealed: &Unsealed,
        id: &str,
        increment: i64,
        now: i64,
    ) -> Result<Response> {
        for _ in 0..RETRIES {
            let (lease, version) = match unsealed.leases.get(id).await? {
                Some(Stored::Secret(lease, version)) => (*lease, version),
                Some(Stored::Token(_)) => {
                    return Err(Error::invalid("tokens cannot be renewed through this endpoint"));
                }
                None => return Err(Error::invalid("lease not found")),
            };
            if let Some(why) = lease.why_not_renewable(now) {
                return Err(Error::invalid(why));
            }
            let mounts = unsealed.mounts();
            let mount = mounts.route(&lease.path).map(|(mount, _)| mount);
            let mount = mount.ok_or_else(|| Error::NoHandler(lease.path.clone()))?;
            let engine = mount.engine.as_ref().ok_or_else(|| Error::invalid("lease is not renewable"))?;
            let secret = engine.renew(&lease, increment).await?;
            let wanted = Wanted { increment, ttl: secret.ttl, max_ttl: secret.max_ttl, ..Wanted::default() };
            let (mut ttl, warning) = self.bounds(&mount.entry).ttl(wanted, lease.issue_time, now)?;
            if lease.token_end > 0 {
                ttl = ttl.min((lease.token_end - now).max(0));
            }
            let mut renewed = lease.clone();
            renewed.expire_time = now + ttl;
            renewed.due = renewed.expire_time;
            renewed.last_renewal = now;
            renewed.max_ttl = secret.max_ttl;
            renewed.renewable = secret.renewable;
            if secret.internal != Map::new() {
                renewed.internal = secret.internal;
            }
            match unsealed.leases.commit(unsealed.leases.change(&lease, version, &renewed)?).await {
                Err(Error::Store(StoreError::Conflict { .. })) => continue,
                other => other?,
            }
            return Ok(Response {
                lease_id: renewed.id,
                renewable: renewed.renewable,
                lease_duration: ttl,
                warnings: warning.into_iter().collect(),
                ..Default::default()
            });
        }
        Err(Error::Unavailable("too many changes of this lease at once; try again".into()))
    }
}

impl Unsealed {
    /// Stores a lease, if its token still stands.
    async fn register(&self, lease: &LeaseEntry, now: i64) -> Result<()> {
        if lease.token.is_empty() {
            return self.leases.commit(self.leases.creation(lease)?).await;
        }
        self.tokens.commit_for(&lease.token, now, || self.leases.creation(lease)).await
    }
}

const KEY_LEN: usize = 24;
const RETRIES: usize = 8;

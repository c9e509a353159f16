//! User lockout: who fails to log in too often must wait (`hashicorp/vault: vault/request_handling.go`).
//!
//! Failures are counted in memory for aliases that exist, by the mount's accessor and the alias as the method stores
//! it. Who is locked out is stored as well, at `core/login/locked/<accessor>/<hash of the alias>`: neither a restart
//! nor a change of leader unlocks.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use trustkeep_crypto::hash;

use super::barrier::{Barrier, Batch};
use super::mount::{Mount, MountEntry, MountTable};
use super::view::View;
use crate::request::Request;
use crate::response::Response;
use crate::{Error, Result};

/// What an operator says of lockouts; what is missing is as for all methods, or as in Vault.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LockoutSettings {
    /// Failures in a row; 5.
    pub threshold: Option<u32>,
    /// Seconds; 15 minutes.
    pub duration: Option<i64>,
    /// Seconds without a failure after which counting begins anew; 15 minutes.
    pub counter_reset: Option<i64>,
    /// Whether nobody is locked out.
    pub disabled: Option<bool>,
}

/// The server's own settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LockoutRules {
    /// By auth method: `userpass`, `approle`, `ldap`, or `all` for what those do not say.
    pub by_kind: BTreeMap<String, LockoutSettings>,
    /// The environment's word, which beats everything else.
    pub disabled: Option<bool>,
}

/// What holds for one mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Bounds {
    threshold: u32,
    duration: i64,
    counter_reset: i64,
}

/// Who failed to log in, and how often.
pub struct Lockout {
    view: View,
    rules: LockoutRules,
    failures: Mutex<HashMap<Who, Failures>>,
}

/// An alias at a mount.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Who {
    mount_accessor: String,
    alias: String,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Failures {
    count: u32,
    /// Unix seconds.
    last: i64,
}

/// A try that may go on, and who is to be blamed if it fails.
pub struct Try {
    who: Who,
    bounds: Bounds,
}

#[derive(Serialize, Deserialize)]
struct LockedEntry {
    who: Who,
    failures: Failures,
}

impl LockoutRules {
    fn bounds(&self, mount: &MountEntry) -> Option<Bounds> {
        if mount.table != MountTable::Auth || !KINDS.contains(&mount.kind.as_str()) {
            return None;
        }
        let own = mount.config.user_lockout_config.as_ref();
        let layers = [own, self.by_kind.get(&mount.kind), self.by_kind.get("all")];
        let layers = || layers.into_iter().flatten();
        let disabled = self.disabled.or(layers().find_map(|layer| layer.disabled)).unwrap_or(false);
        let threshold = layers().find_map(|layer| layer.threshold).unwrap_or(5);
        (!disabled && threshold > 0).then(|| Bounds {
            threshold,
            duration: layers().find_map(|layer| layer.duration).unwrap_or(15 * 60),
            counter_reset: layers().find_map(|layer| layer.counter_reset).unwrap_or(15 * 60),
        })
    }
}

impl Lockout {
    /// Those of an unsealed barrier: who was locked out still is.
    ///
    /// # Errors
    /// The store's.
    pub async fn load(barrier: &std::sync::Arc<Barrier>, rules: LockoutRules) -> Result<Self> {
        let view = View::new(barrier.clone(), LOCKED);
        let mut failures = HashMap::new();
        for accessor in view.list("").await? {
            for name in view.list_page(&accessor, "", TRACKED_MAX).await? {
                let path = format!("{accessor}{name}");
                if let Some((entry, _)) = view.get_json::<LockedEntry>(&path).await? {
                    failures.insert(entry.who, entry.failures);
                }
            }
        }
        Ok(Lockout { view, rules, failures: Mutex::new(failures) })
    }

    /// Lets a request at a mount go on; `None` where there is nothing to count.
    ///
    /// # Errors
    /// 403 for who is locked out.
    pub fn admit(&self, mount: &Mount, request: &Request) -> Result<Option<Try>> {
        let Some(alias) = mount.engine.as_ref().and_then(|engine| engine.login_alias(request)) else {
            return Ok(None);
        };
        let Some(bounds) = self.rules.bounds(&mount.entry) else { return Ok(None) };
        let who = Who { mount_accessor: mount.entry.accessor.clone(), alias };
        let attempt = Try { who, bounds };
        if self.is_locked(&attempt, request.now / NANOS) {
            Err(Error::PermissionDenied)
        } else {
            Ok(Some(attempt))
        }
    }

    /// Notes how a try went; what it was answered with comes back, unless others locked it out meanwhile.
    ///
    /// # Errors
    /// The try's own, 403 for who is locked out by now, and the store's.
    pub async fn settle<T>(&self, attempt: Option<Try>, now: i64, outcome: Result<T>) -> Result<T> {
        let Some(attempt) = attempt else { return outcome };
        let now = now / NANOS;
        match &outcome {
            // Of many tries at once, one that guessed right after the others locked the user out must not learn it.
            Ok(_) if self.is_locked(&attempt, now) => return Err(Error::PermissionDenied),
            Ok(_) => self.forgive(&attempt.who).await?,
            Err(Error::InvalidCredentials(_)) => self.blame(&attempt, now).await?,
            Err(_) => {}
        }
        outcome
    }

    fn is_locked(&self, attempt: &Try, now: i64) -> bool {
        self.failures
            .lock()
            .get(&attempt.who)
            .is_some_and(|failures| failures.locked_until(attempt.bounds) > now)
    }

    async fn forgive(&self, who: &Who) -> Result<()> {
        let forgiven = self.failures.lock().remove(who);
        match forgiven {
            Some(_) => self.unstore(who).await,
            None => Ok(()),
        }
    }

    async fn blame(&self, attempt: &Try, now: i64) -> Result<()> {
        let failures = {
            let mut all = self.failures.lock();
            make_room(&mut all);
            let failures = all.entry(attempt.who.clone()).or_insert(Failures { count: 0, last: now });
            let begins_anew = now > failures.last.saturating_add(attempt.bounds.counter_reset)
                || (failures.count >= attempt.bounds.threshold
                    && failures.locked_until(attempt.bounds) <= now);
            failures.count = if begins_anew { 1 } else { failures.count.saturating_add(1) };
            failures.last = now;
            *failures
        };
        if failures.count < attempt.bounds.threshold {
            return Ok(());
        }
        tracing::warn!(
            mount_accessor = attempt.who.mount_accessor,
            "too many failed logins: a user is locked out"
        );
        let entry = LockedEntry { who: attempt.who.clone(), failures };
        self.view.commit(Batch::new().put_json(path(&attempt.who), &entry)?).await.map(|_| ())
    }

    async fn unstore(&self, who: &Who) -> Result<()> {
        let path = path(who);
        if self.view.get(&path).await?.is_some() {
            self.view.commit(Batch::new().delete(path)).await?;
        }
        Ok(())
    }

    /// `sys/locked-users`: who is locked out at `mounts`, at one of them where `accessor` names it.
    pub fn locked(&self, mounts: &super::mount::Mounts, accessor: Option<&str>, now: i64) -> Value {
        let mut by_mount: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (who, failures) in self.failures.lock().iter() {
            let bounds =
                mounts.by_accessor(&who.mount_accessor).and_then(|mount| self.rules.bounds(&mount.entry));
            let is_locked = bounds.is_some_and(|bounds| failures.locked_until(bounds) > now / NANOS);
            if is_locked && accessor.is_none_or(|accessor| accessor == who.mount_accessor) {
                by_mount.entry(who.mount_accessor.clone()).or_default().push(who.alias.clone());
            }
        }
        let total: usize = by_mount.values().map(Vec::len).sum();
        let mut of_mounts: Vec<_> = by_mount.into_iter().collect();
        of_mounts.sort_by_key(|(_, aliases)| std::cmp::Reverse(aliases.len()));
        let of_mounts: Vec<Value> = of_mounts
            .into_iter()
            .map(|(accessor, mut aliases)| {
                aliases.sort();
                json!({ "mount_accessor": accessor, "counts": aliases.len(), "alias_identifiers": aliases })
            })
            .collect();
        let namespace = json!({ "namespace_id": "root", "namespace_path": "", "counts": total, "mount_accessors": of_mounts });
        json!({ "by_namespace": [namespace], "total": total })
    }

    /// Lets an alias log in again.
    ///
    /// # Errors
    /// The store's.
    pub async fn unlock(&self, mount_accessor: &str, alias: &str) -> Result<Option<Response>> {
        let who = Who { mount_accessor: mount_accessor.into(), alias: alias.into() };
        self.unstore(&who).await?;
        self.failures.lock().remove(&who);
        Ok(None)
    }

    /// Forgets, some at a time, who has waited long enough, and whose mount is gone.
    ///
    /// # Errors
    /// The store's.
    pub async fn tick(&self, mounts: &super::mount::Mounts, now: i64) -> Result<()> {
        let is_over = |who: &Who, failures: &Failures| {
            let mount = mounts.by_accessor(&who.mount_accessor);
            match mount.and_then(|mount| self.rules.bounds(&mount.entry)) {
                Some(bounds) => failures.last.saturating_add(bounds.duration.max(bounds.counter_reset)) < now,
                None => true,
            }
        };
        let over: Vec<Who> = {
            let all = self.failures.lock();
            let over = all.iter().filter(|(who, failures)| is_over(who, failures));
            over.take(TICK_MAX).map(|(who, _)| who.clone()).collect()
        };
        for who in over {
            self.unstore(&who).await?;
            let mut all = self.failures.lock();
            if all.get(&who).is_some_and(|failures| is_over(&who, failures)) {
                all.remove(&who);
            }
        }
        Ok(())
    }
}

impl Failures {
    /// Unix seconds; 0 for who is not locked out.
    fn locked_until(&self, bounds: Bounds) -> i64 {
        if self.count >= bounds.threshold { self.last.saturating_add(bounds.duration) } else { 0 }
    }
}

/// Where there are too many, those whose last failure is the longest ago go: an eighth at a time.
fn make_room(all: &mut HashMap<Who, Failures>) {
    if all.len() < TRACKED_MAX {
        return;
    }
    let mut times: Vec<i64> = all.values().map(|failures| failures.last).collect();
    let (_, bound, _) = times.select_nth_unstable(TRACKED_MAX / 8);
    let bound = *bound;
    let mut left = TRACKED_MAX / 8;
    all.retain(|_, failures| {
        let goes = failures.last <= bound && left > 0;
        left -= usize::from(goes);
        !goes
    });
}

/// Hashed: an alias may hold what no path can.
fn path(who: &Who) -> String {
    format!("{}/{}", who.mount_accessor, hex::encode(hash::sha256(who.alias.as_bytes())))
}

/// The auth methods that lock users out.
pub const KINDS: [&str; 3] = ["userpass", "approle", "ldap"];
const LOCKED: &str = "core/login/locked/";
const NANOS: i64 = 1_000_000_000;
/// Users with failed logins that are remembered: some 20 MB.
const TRACKED_MAX: usize = 65_536;
const TICK_MAX: usize = 256;

//! Rate-limit quotas: how many requests an address may make in an interval
//! (`hashicorp/vault: vault/quotas`).
//!
//! Of the rules that apply to a path, the closest alone counts: one for the path, for a beginning of it (`*`),
//! for its mount, for everything. Rules are stored behind the barrier, counts are of this process.

mod limiter;

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use parking_lot::RwLock;
use serde::{Deserialize, Serialize};
use trustkeep_chassis::clock::SharedClock;

use self::limiter::Limiter;
pub use self::limiter::Standing;
use super::Core;
use super::audit::{Caller, Trail};
use super::barrier::{Barrier, Batch};
use super::view::View;
use crate::request::Request;
use crate::{Error, Result};

/// The quotas of an unsealed vault.
pub struct Quotas {
    view: View,
    clock: SharedClock,
    rules: RwLock<Arc<Rules>>,
    config: RwLock<Arc<QuotaConfig>>,
    changing: tokio::sync::Mutex<()>,
}

/// A rule as it is stored, one entry each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateLimit {
    /// Its name.
    pub name: String,
    /// The mount it is for, with a trailing `/`; empty for everything.
    pub mount: String,
    /// The path below the mount; empty for all of it, with `*` at its end for all that begin so.
    pub suffix: String,
    /// Requests of one address in an interval; rounded.
    pub rate: f64,
    /// Seconds, at least 1.
    pub interval: i64,
    /// Seconds for which an address that went over the rate is refused; 0 for the rest of the interval.
    pub block_interval: i64,
}

/// What holds for all rules.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct QuotaConfig {
    /// Whether refusals are logged to audit devices.
    pub enable_rate_limit_audit_logging: bool,
    /// Whether answers tell how much is left.
    pub enable_rate_limit_response_headers: bool,
    /// Beginnings of paths that are not counted; a leading `!` makes an exception from a shorter one.
    pub rate_limit_exempt_paths: Vec<String>,
}

impl Default for QuotaConfig {
    fn default() -> Self {
        QuotaConfig {
            enable_rate_limit_audit_logging: false,
            enable_rate_limit_response_headers: false,
            rate_limit_exempt_paths: EXEMPT.iter().map(|path| (*path).to_owned()).collect(),
        }
    }
}

#[derive(Default)]
struct Rules {
    by_name: BTreeMap<String, Arc<Rule>>,
    by_mount: HashMap<String, OfMount>,
}

/// The rules of one mount; those for everything stand below the empty name.
#[derive(Default)]
struct OfMount {
    exact: HashMap<String, Arc<Rule>>,
    /// The longest first.
    beginnings: Vec<(String, Arc<Rule>)>,
}

struct Rule {
    limit: RateLimit,
    limiter: Limiter,
}

impl Core {
    /// Counts a request that was not handled yet. `headers` get what its sender may learn of it.
    ///
    /// # Errors
    /// 429 where a rule refuses it.
    pub async fn count_for_quotas(&self, request: &Request, headers: &mut HeaderMap) -> Result<()> {
        let (Ok(unsealed), Some(remote)) = (self.unsealed(), request.remote) else { return Ok(()) };
        let mount = || {
            let mounts = unsealed.mounts();
            mounts.route(&request.path).map(|(mount, _)| mount.entry.full_path()).unwrap_or_default()
        };
        let Some(standing) = unsealed.quotas.count(&request.path, mount, remote.ip()) else { return Ok(()) };
        let config = unsealed.quotas.config();
        if config.enable_rate_limit_response_headers {
            standing.tell(headers);
        }
        if standing.allowed {
            return Ok(());
        }
        let refusal = Error::RateLimited(request.path.clone());
        if config.enable_rate_limit_audit_logging {
            let mut trail = Trail::default();
            return Err(trail.refuse(&unsealed.audit, None, request, Caller::Unknown, refusal).await);
        }
        Err(refusal)
    }
}

impl Standing {
    fn tell(&self, headers: &mut HeaderMap) {
        headers.insert("x-ratelimit-limit", self.limit.into());
        headers.insert("x-ratelimit-remaining", self.remaining.into());
        headers.insert("x-ratelimit-reset", self.reset.into());
        if !self.allowed {
            headers.insert("retry-after", self.retry_after.into());
        }
    }
}

impl Quotas {
    /// The stored rules.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn load(barrier: &Arc<Barrier>, clock: SharedClock) -> Result<Self> {
        let view = View::new(barrier.clone(), QUOTAS);
        let mut rules = BTreeMap::new();
        for name in view.list("rate-limit").await? {
            if let Some((limit, _)) = view.get_json::<RateLimit>(&format!("rate-limit/{name}")).await? {
                rules.insert(name, Arc::new(Rule::new(limit)));
            }
        }
        let config = view.get_json::<QuotaConfig>("config").await?;
        Ok(Quotas {
            view,
            clock,
            rules: RwLock::new(Arc::new(Rules::new(rules))),
            config: RwLock::new(Arc::new(config.map(|(config, _)| config).unwrap_or_default())),
            changing: tokio::sync::Mutex::default(),
        })
    }

    /// Counts a request, and tells how its address stands. `None` where no rule counts it.
    ///
    /// `mount` is the mount that the path falls below, with a trailing `/`; it is asked for only where there are
    /// rules.
    pub fn count(&self, path: &str, mount: impl FnOnce() -> String, from: IpAddr) -> Option<Standing> {
        let rules = self.rules.read().clone();
        if rules.by_name.is_empty() || self.config().exempts(path) {
            return None;
        }
        let rule = rules.closest(path, &mount())?;
        let standing = rule.limiter.count(from.to_canonical(), self.clock.monotonic());
        if !standing.allowed {
            metrics::counter!("vault_quota_rate_limit_violation", "name" => rule.limit.name.clone())
                .increment(1);
        }
        Some(standing)
    }

    /// What holds for all rules.
    pub fn config(&self) -> Arc<QuotaConfig> {
        self.config.read().clone()
    }

    /// Replaces what holds for all rules.
    ///
    /// # Errors
    /// The store's.
    pub async fn configure(&self, config: QuotaConfig) -> Result<()> {
        let _one_at_a_time = self.changing.lock().await;
        self.view.commit(Batch::new().put_json("config", &config)?).await?;
        *self.config.write() = Arc::new(config);
        Ok(())
    }

    /// The names of all rules, sorted.
    pub fn names(&self) -> Vec<String> {
        self.rules.read().by_name.keys().cloned().collect()
    }

    /// The rule of a name.
    pub fn get(&self, name: &str) -> Option<RateLimit> {
        self.rules.read().by_name.get(name).map(|rule| rule.limit.clone())
    }

    /// Makes or replaces a rule; its counts start over.
    ///
    /// # Errors
    /// 400 where another rule is for the same path, and the store's.
    pub async fn put(&self, limit: RateLimit) -> Result<()> {
        let _one_at_a_time = self.changing.lock().await;
        let mut rules = self.rules.read().by_name.clone();
        let same = |other: &&Arc<Rule>| {
            other.limit.name != limit.name
                && (&other.limit.mount, &other.limit.suffix) == (&limit.mount, &limit.suffix)
        };
        if let Some(other) = rules.values().find(same) {
            let name = &other.limit.name;
            return Err(Error::invalid(format!(
                "quota rule with similar properties exists under the name {name:?}"
            )));
        }
        if rules.len() >= RULES_MAX && !rules.contains_key(&limit.name) {
            return Err(Error::invalid(format!("at most {RULES_MAX} rate limit quotas are possible")));
        }
        self.view.commit(Batch::new().put_json(format!("rate-limit/{}", limit.name), &limit)?).await?;
        rules.insert(limit.name.clone(), Arc::new(Rule::new(limit)));
        *self.rules.write() = Arc::new(Rules::new(rules));
        Ok(())
    }

    /// Removes a rule, if it is there.
    ///
    /// # Errors
    /// The store's.
    pub async fn delete(&self, name: &str) -> Result<()> {
        let _one_at_a_time = self.changing.lock().await;
        let mut rules = self.rules.read().by_name.clone();
        if rules.remove(name).is_some() {
            self.view.commit(Batch::new().delete(format!("rate-limit/{name}"))).await?;
            *self.rules.write() = Arc::new(Rules::new(rules));
        }
        Ok(())
    }
}

impl QuotaConfig {
    /// Of the listed beginnings of a path the longest decides.
    fn exempts(&self, path: &str) -> bool {
        let split = |listed: &'_ String| match listed.strip_prefix('!') {
            Some(exception) => (exception.len(), false, path.starts_with(exception)),
            None => (listed.len(), true, path.starts_with(listed.as_str())),
        };
        let matching = self.rate_limit_exempt_paths.iter().map(split).filter(|(_, _, matches)| *matches);
        matching.max_by_key(|(len, ..)| *len).is_some_and(|(_, exempt, _)| exempt)
    }
}

impl Rules {
    fn new(by_name: BTreeMap<String, Arc<Rule>>) -> Self {
        let mut by_mount: HashMap<String, OfMount> = HashMap::new();
        for rule in by_name.values() {
            let of_mount = by_mount.entry(rule.limit.mount.clone()).or_default();
            match rule.limit.suffix.strip_suffix('*') {
                Some(beginning) => of_mount.beginnings.push((beginning.to_owned(), rule.clone())),
                None => {
                    of_mount.exact.insert(rule.limit.suffix.clone(), rule.clone());
                }
            }
        }
        for of_mount in by_mount.values_mut() {
            of_mount.beginnings.sort_by_key(|(beginning, _)| std::cmp::Reverse(beginning.len()));
        }
        Rules { by_name, by_mount }
    }

    fn closest(&self, path: &str, mount: &str) -> Option<&Arc<Rule>> {
        let everything = || self.by_mount.get("")?.exact.get("");
        let Some(of_mount) = self.by_mount.get(mount) else { return everything() };
        let suffix = path.strip_prefix(mount).unwrap_or(path).trim_end_matches('/');
        let begins = |(beginning, rule)| suffix.starts_with(beginning as &str).then_some(rule);
        (of_mount.exact.get(suffix))
            .or_else(|| {
                of_mount.beginnings.iter().map(|(beginning, rule)| (beginning, rule)).find_map(begins)
            })
            .or_else(|| of_mount.exact.get(""))
            .or_else(everything)
    }
}

impl Rule {
    fn new(limit: RateLimit) -> Self {
        let limiter = Limiter::new(limit.rate, limit.interval, limit.block_interval);
        Rule { limit, limiter }
    }
}

const QUOTAS: &str = "sys/quotas/";
const RULES_MAX: usize = 4096;
/// What operators need to repair a vault is not counted (`hashicorp/vault: vault/quotas/quotas.go`).
const EXEMPT: [&str; 7] = [
    "sys/generate-recovery-token/attempt",
    "sys/generate-recovery-token/update",
    "sys/generate-root/attempt",
    "sys/generate-root/update",
    "sys/health",
    "sys/seal-status",
    "sys/unseal",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(name: &str, mount: &str, suffix: &str) -> (String, Arc<Rule>) {
        let limit = RateLimit {
            name: name.into(),
            mount: mount.into(),
            suffix: suffix.into(),
            rate: 1.0,
            interval: 1,
            block_interval: 0,
        };
        (name.into(), Arc::new(Rule::new(limit)))
    }

    #[test]
    fn the_closest_rule_counts() {
        let rules = Rules::new(BTreeMap::from([
            rule("all", "", ""),
            rule("mount", "kv/", ""),
            rule("short", "kv/", "a*"),
            rule("long", "kv/", "a/b*"),
            rule("path", "kv/", "a/b/c"),
        ]));
        for (path, mount, expected) in [
            ("kv/a/b/c", "kv/", "path"),
            ("kv/a/b/c/", "kv/", "path"),
            ("kv/a/b/d", "kv/", "long"),
            ("kv/ax", "kv/", "short"),
            ("kv/x", "kv/", "mount"),
            ("other/x", "other/", "all"),
            ("nowhere", "", "all"),
        ] {
            assert_eq!(rules.closest(path, mount).unwrap().limit.name, expected, "{path}");
        }
    }

    #[test]
    fn the_longest_exemption_decides() {
        let exempt = ["sys/health", "kv/", "!kv/secret"].map(str::to_owned).to_vec();
        let config = QuotaConfig { rate_limit_exempt_paths: exempt, ..Default::default() };
        assert!(config.exempts("sys/health") && config.exempts("kv/x"));
        assert!(!config.exempts("kv/secret/x") && !config.exempts("sys/mounts"));
    }
}

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use trustkeep_crypto::Random;
use trustkeep_crypto::random::SystemRandom;

/// What this crate takes from its surroundings, so that a test can replace it.
#[derive(Clone)]
pub struct Context {
    /// Environment variables.
    pub env: Env,
    /// The time of day.
    pub clock: Clock,
    /// Randomness, for retry delays.
    pub random: Arc<dyn Random>,
}

/// Tells the time of day. Any clock of the caller's fits: `Arc::new(move || clock.now())`.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

impl Context {
    /// The process's environment, the system's clock and random generator.
    pub fn process() -> Self {
        Self { env: Env::process(), clock: Arc::new(system_time), random: Arc::new(SystemRandom) }
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("env", &self.env).finish_non_exhaustive()
    }
}

/// Environment variables: the process's, or a fixed set. A variable set to nothing counts as not set.
#[derive(Clone)]
pub struct Env(Source);

#[derive(Clone)]
enum Source {
    Process,
    Fixed(Arc<BTreeMap<String, String>>),
}

impl Env {
    /// The process's environment, read anew each time.
    pub fn process() -> Self {
        Self(Source::Process)
    }

    /// These variables and no others.
    pub fn fixed<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(Source::Fixed(Arc::new(variables.into_iter().map(|(n, v)| (n.into(), v.into())).collect())))
    }

    /// The variable's value, unless it is missing, empty or not UTF-8.
    pub fn get(&self, name: &str) -> Option<String> {
        let value = match &self.0 {
            Source::Process => std::env::var(name).ok(),
            Source::Fixed(variables) => variables.get(name).cloned(),
        };
        value.filter(|value| !value.is_empty())
    }

    /// The first of `names` that has a value.
    pub fn first(&self, names: &[&str]) -> Option<String> {
        names.iter().find_map(|name| self.get(name))
    }

    /// The endpoint set for `service` (for instance "kms") through `AWS_ENDPOINT_URL_<SERVICE>`, or for all
    /// services through `AWS_ENDPOINT_URL`; neither counts under `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true`.
    pub fn endpoint(&self, service: &str) -> Option<String> {
        let ignored = self.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS");
        if ignored.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return None;
        }
        let of_service = format!("AWS_ENDPOINT_URL_{}", service.to_uppercase().replace(['-', ' '], "_"));
        self.first(&[&of_service, "AWS_ENDPOINT_URL"])
    }

    /// A path below the user's home directory.
    pub(crate) fn below_home(&self, path: &str) -> Option<PathBuf> {
        self.first(&["HOME", "USERPROFILE"]).map(|home| PathBuf::from(home).join(path))
    }
}

/// Shows where variables come from, not what they hold: they may be secrets.
impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::Process => f.write_str("Env(process)"),
            Source::Fixed(variables) => f.debug_set().entries(variables.keys()).finish(),
        }
    }
}

fn system_time() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the default of a parameter; all else takes Context::clock"
    )]
    let now = std::time::SystemTime::now();
    // Fails only for years beyond 9999, which is a broken hardware clock.
    Timestamp::try_from(now).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_variables_are_not_set() {
        let env = Env::fixed([("A", ""), ("B", "b")]);
        assert_eq!(env.get("A"), None);
        assert_eq!(env.first(&["A", "B"]), Some("b".into()));
        assert!(!format!("{env:?}").contains("\"b\""));
    }

    #[test]
    fn endpoints_of_one_service_win_over_those_of_all() {
        let both = [("AWS_ENDPOINT_URL", "http://all"), ("AWS_ENDPOINT_URL_KMS", "http://kms")];
        assert_eq!(Env::fixed(both).endpoint("kms").unwrap(), "http://kms");
        assert_eq!(Env::fixed(both).endpoint("sts").unwrap(), "http://all");
        let ignored = both.into_iter().chain([("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]);
        assert_eq!(Env::fixed(ignored).endpoint("kms"), None);
    }
}

//! Vault's server configuration file (`hashicorp/vault: command/server/config.go`), as HCL or JSON.
//!
//! Files and folders given are merged in their order: the later value of a key wins, listeners add up. The environment
//! beats the files. Numbers and truth values may be written as strings. All problems are reported at once, each with
//! file, line, key and the nearest known key. A mistyped block is a problem, because what it says would be lost;
//! a key that is unknown, or known and without effect in this server, is a warning, as in Vault.

mod files;
mod listener;
mod network;
mod sanitized;
mod seal;
mod section;
mod storage;
mod telemetry;
#[cfg(test)]
mod tests;
mod user_lockout;

use std::path::PathBuf;
use std::time::Duration;

use trustkeep_chassis::config::{Problems, Source, value};

pub use listener::{ForwardedFor, Listener, ResponseHeaders, StatusMatch};
pub use network::Network;
pub use seal::{AwsKms, Seal, Transit};
pub use storage::{Dynamodb, Postgresql, Storage};
pub use telemetry::Telemetry;

use section::{Keys, Reader, Section};

/// What the server file says, with defaults where it is silent. `Debug` shows no secret.
#[derive(Debug)]
pub struct Settings {
    /// Where the vault keeps its data.
    pub storage: Storage,
    /// Where it keeps its leadership, if not in `storage`.
    pub ha_storage: Option<Storage>,
    /// At least one.
    pub listeners: Vec<Listener>,
    /// What unseals; `None` is key shares, as is [`Seal::Shamir`].
    pub seal: Option<Seal>,
    /// The stanza with `disabled = true`: the seal that the vault is to be migrated from.
    pub disabled_seal: Option<Seal>,
    /// Where clients reach this node: a URL.
    pub api_addr: Option<String>,
    /// Where other nodes reach this node: a URL.
    pub cluster_addr: Option<String>,
    /// Made up by the vault where missing.
    pub cluster_name: Option<String>,
    /// Whether nodes must not forward requests to each other.
    pub disable_clustering: bool,
    /// Whether the web page is served.
    pub ui: bool,
    /// The least severe level that is logged.
    pub log_level: LogLevel,
    /// The form of log lines.
    pub log_format: LogFormat,
    /// Whether memory may be swapped out.
    pub disable_mlock: bool,
    /// Of a token or lease for which nothing else is said; at most `max_lease_ttl`. 768 hours.
    pub default_lease_ttl: Duration,
    /// No token or lease lives longer. 768 hours.
    pub max_lease_ttl: Duration,
    /// Entries of the storage cache.
    pub cache_size: usize,
    /// Of a request on listeners that say nothing else.
    pub default_max_request_duration: Duration,
    /// Metrics.
    pub telemetry: Telemetry,
    /// After how many failed logins who must wait.
    pub user_lockout: crate::core::lockout::LockoutRules,
    /// Whether `sys/raw` is there.
    pub raw_storage_endpoint: bool,
    /// Where the process number is written.
    pub pid_file: Option<PathBuf>,
    /// There are no plugins; no audit log is written there.
    pub plugin_directory: Option<PathBuf>,
    /// What was ignored, with file, line and key; to be logged at start.
    pub warnings: Vec<String>,
}

/// The least severe level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// `trace`
    Trace,
    /// `debug`
    Debug,
    /// `info`
    Info,
    /// `warn`
    Warn,
    /// `error`
    Error,
}

impl LogLevel {
    /// Its name, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            LogLevel::Trace => "trace",
            LogLevel::Debug => "debug",
            LogLevel::Info => "info",
            LogLevel::Warn => "warn",
            LogLevel::Error => "error",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "trace" => Ok(LogLevel::Trace),
            "debug" => Ok(LogLevel::Debug),
            "" | "info" | "notice" => Ok(LogLevel::Info),
            "warn" | "warning" => Ok(LogLevel::Warn),
            "error" | "err" => Ok(LogLevel::Error),
            _ => Err(format!("\"{text}\" is not a log level (trace, debug, info, warn, error)")),
        }
    }
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Standard,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// Its name, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            LogFormat::Standard => "standard",
            LogFormat::Json => "json",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_lowercase().as_str() {
            "" | "standard" => Ok(LogFormat::Standard),
            "json" => Ok(LogFormat::Json),
            _ => Err(format!("\"{text}\" is not a log format (standard, json)")),
        }
    }
}

impl Settings {
    /// Reads files, and in folders all `*.hcl` and `*.json` in the order of their names; `env` looks up
    /// environment variables, an empty one counting as missing.
    ///
    /// # Errors
    /// Everything that is wrong.
    pub fn load(paths: &[PathBuf], env: &dyn Fn(&str) -> Option<String>) -> Result<Self, Problems> {
        let mut reader = Reader::new(env);
        let files = files::read(paths, &mut reader);
        let top = Section::top(&files);
        match Self::parse(&top, &mut reader) {
            Some(mut settings) => {
                settings.warnings = reader.warnings;
                reader.problems.into_result(settings)
            }
            None => Err(reader.problems),
        }
    }

    fn parse(top: &Section<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        // What is missing may stand in a file that could not be read.
        let complete = reader.problems.is_empty();
        top.check_keys(&KEYS, reader);
        let storage = storage::only(top, &["storage", "backend"], reader);
        if complete && !top.has("storage") && !top.has("backend") {
            let message =
                format!("is missing; add storage \"file\" {{ path = \"…\" }} ({})", storage::SUPPORTED);
            reader.problems.add(top.place(), "storage", message);
        }
        let ha_storage = storage::only(top, &["ha_storage", "ha_backend"], reader);
        let hour = Duration::from_secs(3600);
        let request_duration = top.get("default_max_request_duration", &[], value::duration, reader);
        let request_duration = positive(request_duration).unwrap_or(Duration::from_secs(90));
        let listeners = listener::all(top, request_duration, reader);
        if complete && !top.has("listener") {
            let message = "is missing; add listener \"tcp\" { address = \"127.0.0.1:8200\" … }";
            reader.problems.add(top.place(), "listener", message);
        }
        let (seal, disabled_seal) = seal::all(top, reader);
        let default_lease_ttl = positive(top.get("default_lease_ttl", &[], value::duration, reader));
        let max_lease_ttl =
            positive(top.get("max_lease_ttl", &[], value::duration, reader)).unwrap_or(768 * hour);
        if default_lease_ttl.is_some_and(|ttl| ttl > max_lease_ttl) {
            let place = top.place_of("default_lease_ttl");
            reader.problems.add(place, "default_lease_ttl", "is longer than max_lease_ttl");
        }
        Some(Self {
            ha_storage,
            listeners,
            seal,
            disabled_seal,
            api_addr: top.get("api_addr", &["VAULT_API_ADDR"], url, reader).flatten(),
            cluster_addr: top.get("cluster_addr", &["VAULT_CLUSTER_ADDR"], url, reader).flatten(),
            cluster_name: top.text("cluster_name", &[], reader),
            disable_clustering: top.boolean("disable_clustering", &[], reader).unwrap_or(false),
            ui: top.boolean("ui", &["VAULT_UI"], reader).unwrap_or(false),
            log_level: top
                .get("log_level", &["VAULT_LOG_LEVEL"], LogLevel::parse, reader)
                .unwrap_or(LogLevel::Info),
            log_format: top
                .get("log_format", &["VAULT_LOG_FORMAT"], LogFormat::parse, reader)
                .unwrap_or(LogFormat::Standard),
            disable_mlock: top.boolean("disable_mlock", &["VAULT_DISABLE_MLOCK"], reader).unwrap_or(false),
            default_lease_ttl: default_lease_ttl.unwrap_or((768 * hour).min(max_lease_ttl)),
            max_lease_ttl,
            cache_size: top
                .get("cache_size", &[], value::number, reader)
                .filter(|size| *size > 0)
                .unwrap_or(131_072),
            default_max_request_duration: request_duration,
            telemetry: telemetry::parse(top, reader),
            user_lockout: user_lockout::parse(top, reader),
            raw_storage_endpoint: top
                .boolean("raw_storage_endpoint", &["VAULT_RAW_STORAGE_ENDPOINT"], reader)
                .unwrap_or(false),
            pid_file: top.text("pid_file", &[], reader).map(PathBuf::from),
            plugin_directory: top.path("plugin_directory", &[], reader),
            warnings: Vec::new(),
            // Last, so that the others' problems are noted without it.
            storage: storage?,
        })
    }
}

/// Vault takes zero for "not set".
fn positive(duration: Option<Duration>) -> Option<Duration> {
    duration.filter(|duration| !duration.is_zero())
}

fn url(text: &str) -> Result<Option<String>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || format!("\"{text}\" is not a URL (\"https://vault.example.org:8200\")");
    let parsed: http::Uri = text.parse().map_err(|_| wrong())?;
    match (parsed.scheme_str(), parsed.host()) {
        (Some("http" | "https"), Some(_)) => Ok(Some(text.trim_end_matches('/').to_owned())),
        _ => Err(wrong()),
    }
}

const KEYS: Keys = Keys {
    keys: &[
        "api_addr",
        "cluster_addr",
        "cluster_name",
        "disable_clustering",
        "ui",
        "log_level",
        "log_format",
        "disable_mlock",
        "default_lease_ttl",
        "max_lease_ttl",
        "cache_size",
        "default_max_request_duration",
        "raw_storage_endpoint",
        "pid_file",
    ],
    blocks: &[
        "storage",
        "backend",
        "ha_storage",
        "ha_backend",
        "listener",
        "seal",
        "telemetry",
        "user_lockout",
    ],
    without_effect: &[
        "service_registration",
        "log_file",
        "log_rotate_bytes",
        "log_rotate_duration",
        "log_rotate_max_files",
        "disable_cache",
        "plugin_directory",
        "plugin_file_uid",
        "plugin_file_permissions",
        "introspection_endpoint",
        "enable_response_header_hostname",
        "enable_response_header_raft_node_id",
        "log_requests_level",
        "disable_printable_check",
        "experiments",
        "disable_sealwrap",
        "disable_performance_standby",
        "disable_indexing",
        "disable_sentinel_trace",
        "cluster_cipher_suites",
        "detect_deadlocks",
        "imprecise_lease_role_tracking",
        "license_path",
        "entropy",
        "sentinel",
        "replication",
        "reporting",
        "kms_library",
    ],
    prefixes_without_effect: &[],
};

/// Where a file's first line is, or no file at all.
fn nowhere() -> Source {
    Source::Default
}

//! Figures about the running vault under Vault's own names (`hashicorp/vault: helper/metricsutil`,
//! `website/content/docs/internals/telemetry`), as JSON and in the Prometheus text form.
//!
//! What is timed is counted without locks, since every request pays for it. Quantiles come from buckets that are at
//! most a quarter of their value wide.

mod timer;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::RwLock;
use serde_json::{Value, json};

pub use timer::{Interval, Timer};

use crate::core::Core;
use crate::core::mount::MountTable;
use crate::request::Operation;
use crate::response::{Raw, Response};

/// The timers of a vault.
#[derive(Debug, Default)]
pub struct Telemetry {
    /// Whole requests but logins.
    pub handle_request: Timer,
    /// Whole logins.
    pub handle_login_request: Timer,
    /// From a token to what it may do.
    pub fetch_acl_and_token: Timer,
    /// By operation and mount. There are as many as mounts that were asked since the start, at most
    /// [`ROUTES_MAX`]; what comes later is not counted one by one.
    routes: RwLock<BTreeMap<(&'static str, String), Arc<Timer>>>,
    rotated: parking_lot::Mutex<Option<Instant>>,
}

/// What the barrier does.
#[derive(Debug, Default)]
pub struct BarrierTimers {
    /// Reads.
    pub get: Timer,
    /// Commits, of whatever number of entries.
    pub put: Timer,
    /// Lists.
    pub list: Timer,
}

impl Telemetry {
    /// Counts a whole request.
    pub fn request(&self, is_login: bool, took: Duration) {
        let timer = if is_login { &self.handle_login_request } else { &self.handle_request };
        timer.record(took);
    }

    /// Counts a request that a mount answered.
    pub fn route(&self, operation: Operation, mount: &str, took: Duration) {
        let operation = operation.as_str();
        // The look-up by reference would need a key of its own; the mount's name is short.
        let key = (operation, mount.to_owned());
        if let Some(timer) = self.routes.read().get(&key) {
            return timer.record(took);
        }
        let mut routes = self.routes.write();
        if routes.len() < ROUTES_MAX || routes.contains_key(&key) {
            routes.entry(key).or_default().record(took);
        }
    }

    /// Closes the interval that the JSON form shows, if it is over.
    pub fn rotate(&self, barrier: &BarrierTimers) {
        let now = Instant::now();
        let mut rotated = self.rotated.lock();
        if rotated.is_none_or(|last| now.duration_since(last) >= INTERVAL) {
            let since = rotated.map_or(INTERVAL, |last| now.duration_since(last));
            *rotated = Some(now);
            drop(rotated);
            for (_, timer) in self.timers(barrier) {
                timer.with(|timer| timer.rotate(since));
            }
        }
    }

    fn timers<'t>(&'t self, barrier: &'t BarrierTimers) -> Vec<(String, Shared<'t>)> {
        let mut timers: Vec<(String, Shared<'t>)> = vec![
            ("core.handle_request".into(), Shared::Borrowed(&self.handle_request)),
            ("core.handle_login_request".into(), Shared::Borrowed(&self.handle_login_request)),
            ("core.fetch_acl_and_token".into(), Shared::Borrowed(&self.fetch_acl_and_token)),
            ("barrier.get".into(), Shared::Borrowed(&barrier.get)),
            ("barrier.put".into(), Shared::Borrowed(&barrier.put)),
            ("barrier.list".into(), Shared::Borrowed(&barrier.list)),
        ];
        for ((operation, mount), timer) in self.routes.read().iter() {
            // Vault writes the mount's path with `-` for `/`.
            let name = format!("route.{operation}.{}", mount.replace('/', "-"));
            timers.push((name, Shared::Owned(timer.clone())));
        }
        timers
    }
}

/// A name, a value, and labels besides the cluster's.
type Gauge = (&'static str, f64, Vec<(&'static str, String)>);

enum Shared<'t> {
    Borrowed(&'t Timer),
    Owned(Arc<Timer>),
}

impl Shared<'_> {
    fn with<T>(&self, work: impl FnOnce(&Timer) -> T) -> T {
        match self {
            Shared::Borrowed(timer) => work(timer),
            Shared::Owned(timer) => work(timer),
        }
    }
}

impl Core {
    /// The answer to `sys/metrics`; `accept` is that header.
    pub fn metrics(&self, format: Option<&str>, accept: Option<&str>) -> Response {
        let wants_text = |accept: &str| {
            accept.starts_with("application/openmetrics-text")
                || accept.contains("vnd.google.protobuf")
                || accept.contains("version=0.0.4")
        };
        let format = match format {
            Some(format) if !format.is_empty() => format,
            _ if accept.is_some_and(wants_text) => "prometheus",
            _ => "",
        };
        match format {
            "prometheus" if self.settings().prometheus => {
                document(200, "text/plain; version=0.0.4; charset=utf-8", self.prometheus_text())
            }
            "prometheus" => document(400, "text/plain", "prometheus is not enabled".into()),
            "" => document(200, "application/json", self.metrics_json().to_string()),
            other => document(400, "text/plain", format!("metric response format {other:?} unknown")),
        }
    }

    /// Facts as they are now: name, value, labels besides the cluster's.
    fn gauges(&self) -> Vec<Gauge> {
        let flag = |value: bool| if value { 1.0 } else { 0.0 };
        let unsealed = self.unsealed().ok();
        let mut gauges = vec![
            ("core.unsealed", flag(!self.is_sealed()), Vec::new()),
            ("core.active", flag(unsealed.is_some()), Vec::new()),
            ("core.in_flight_requests", self.in_flight().count() as f64, Vec::new()),
        ];
        if let Some(unsealed) = unsealed {
            for (table, kind) in [(MountTable::Secret, "logical"), (MountTable::Auth, "auth")] {
                let count = unsealed.mounts().of(table).len() as f64;
                let labels = vec![("type", kind.to_owned()), ("local", "false".to_owned())];
                gauges.push(("core.mount_table.num_entries", count, labels));
            }
            gauges.push(("barrier.estimated_encryptions", unsealed.barrier.encryptions() as f64, Vec::new()));
        }
        if let Some(reading) = trustkeep_chassis::metrics::process::Reading::take() {
            gauges.push(("runtime.alloc_bytes", reading.resident_bytes as f64, Vec::new()));
            gauges.push(("runtime.sys_bytes", reading.virtual_bytes as f64, Vec::new()));
        }
        gauges
    }

    fn cluster_label(&self) -> String {
        let name = self.unsealed().map(|unsealed| unsealed.cluster.name.clone());
        name.unwrap_or_else(|_| self.settings().cluster_name.clone())
    }

    fn metrics_json(&self) -> Value {
        let cluster = self.cluster_label();
        let gauges: Vec<Value> = self
            .gauges()
            .into_iter()
            .map(|(name, value, labels)| {
                let mut all = serde_json::Map::from_iter([("cluster".to_owned(), json!(cluster))]);
                all.extend(labels.into_iter().map(|(key, value)| (key.to_owned(), json!(value))));
                json!({ "Name": format!("vault.{name}"), "Value": value, "Labels": all })
            })
            .collect();
        let barrier = self.barrier();
        let samples: Vec<Value> = self
            .telemetry()
            .timers(barrier.timers())
            .into_iter()
            .filter_map(|(name, timer)| {
                let interval = timer.with(Timer::interval);
                (interval.count > 0).then(|| sample(&name, &interval))
            })
            .collect();
        let timestamp = jiff::Timestamp::from_nanosecond(i128::from(self.now()))
            .map(|time| time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string());
        json!({
            "Timestamp": timestamp.unwrap_or_default(),
            "Gauges": gauges,
            "Points": [],
            "Counters": [],
            "Samples": samples,
        })
    }

    /// Vault's own names first, then those of the process and its requests.
    fn prometheus_text(&self) -> String {
        let mut text = String::new();
        let cluster = escaped(&self.cluster_label());
        let mut last = "";
        // Writing into a String cannot fail.
        for (name, value, labels) in self.gauges() {
            let metric = prometheus_name(name);
            if name != last {
                let _ = writeln!(text, "# HELP {metric} {metric}\n# TYPE {metric} gauge");
                last = name;
            }
            let _ = write!(text, "{metric}{{cluster=\"{cluster}\"");
            for (key, value) in labels {
                let _ = write!(text, ",{key}=\"{}\"", escaped(&value));
            }
            let _ = writeln!(text, "}} {value}");
        }
        let barrier = self.barrier();
        for (name, timer) in self.telemetry().timers(barrier.timers()) {
            let metric = prometheus_name(&name);
            let total = timer.with(Timer::total);
            let recent = timer.with(Timer::interval);
            let _ = writeln!(text, "# HELP {metric} {metric}\n# TYPE {metric} summary");
            for quantile in [0.5, 0.9, 0.99] {
                let value = recent.quantile_ms(quantile).map_or("NaN".to_owned(), |ms| ms.to_string());
                let _ = writeln!(text, "{metric}{{cluster=\"{cluster}\",quantile=\"{quantile}\"}} {value}");
            }
            let _ = writeln!(text, "{metric}_sum{{cluster=\"{cluster}\"}} {}", total.sum_ms());
            let _ = writeln!(text, "{metric}_count{{cluster=\"{cluster}\"}} {}", total.count);
        }
        text.push_str(&trustkeep_chassis::metrics::render());
        text
    }
}

fn document(status: u16, content_type: &'static str, body: String) -> Response {
    Response { raw: Some(Raw { status, content_type, body: body.into_bytes() }), ..Default::default() }
}

fn sample(name: &str, interval: &Interval) -> Value {
    json!({
        "Name": format!("vault.{name}"),
        "Count": interval.count,
        "Rate": interval.sum_ms() / interval.seconds.max(1.0),
        "Sum": interval.sum_ms(),
        "Min": interval.min_ms(),
        "Max": interval.max_ms(),
        "Mean": interval.sum_ms() / interval.count as f64,
        "Stddev": interval.deviation_ms(),
        "Labels": {},
    })
}

/// As the Prometheus sink of Vault writes names.
fn prometheus_name(name: &str) -> String {
    let plain = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' });
    "vault_".chars().chain(plain).collect()
}

fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// How many pairs of operation and mount are counted.
const ROUTES_MAX: usize = 1000;
/// What the JSON form shows covers at least this long.
const INTERVAL: Duration = Duration::from_secs(10);

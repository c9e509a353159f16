use std::time::Duration;

use trustkeep_chassis::config::value;

use super::section::{Keys, Reader, Section};

/// `telemetry { … }`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// How long a metric without news is shown; zero switches the Prometheus form off. 24 hours.
    pub prometheus_retention_time: Duration,
    /// Whether gauges go without the host's name before their own.
    pub disable_hostname: bool,
    /// How often usage is counted; zero never. 10 minutes.
    pub usage_gauge_period: Duration,
    /// Labels of one usage gauge. 500.
    pub maximum_gauge_cardinality: usize,
    /// The buckets by which leases are counted. 1 hour.
    pub lease_metrics_epsilon: Duration,
    /// Whether metrics that no prefix filter names are shown.
    pub filter_default: bool,
    /// Prefixes, `+` before those shown, `-` before those not shown.
    pub prefix_filter: Vec<String>,
}

const KEYS: Keys = Keys {
    keys: &[
        "prometheus_retention_time",
        "disable_hostname",
        "usage_gauge_period",
        "maximum_gauge_cardinality",
        "lease_metrics_epsilon",
        "filter_default",
        "prefix_filter",
    ],
    blocks: &[],
    without_effect: &[
        "metrics_prefix",
        "enable_hostname_label",
        "num_lease_metrics_buckets",
        "add_lease_metrics_namespace_labels",
        "add_mount_point_rollback_metrics",
    ],
    prefixes_without_effect: &["statsd_", "statsite_", "dogstatsd_", "circonus_", "stackdriver_"],
};

/// All stanzas of that name as one.
pub(super) fn parse(top: &Section<'_>, reader: &mut Reader<'_>) -> Telemetry {
    let minute = Duration::from_secs(60);
    let mut telemetry = Telemetry {
        prometheus_retention_time: 24 * 60 * minute,
        disable_hostname: false,
        usage_gauge_period: 10 * minute,
        maximum_gauge_cardinality: 500,
        lease_metrics_epsilon: 60 * minute,
        filter_default: true,
        prefix_filter: Vec::new(),
    };
    fn set<T>(target: &mut T, value: Option<T>) {
        if let Some(value) = value {
            *target = value;
        }
    }
    for section in top.blocks("telemetry", reader) {
        section.check_keys(&KEYS, reader);
        let retention = section.get("prometheus_retention_time", &[], value::duration, reader);
        set(&mut telemetry.prometheus_retention_time, retention);
        set(&mut telemetry.disable_hostname, section.boolean("disable_hostname", &[], reader));
        set(
            &mut telemetry.usage_gauge_period,
            section.get("usage_gauge_period", &[], value::duration, reader),
        );
        let cardinality = section.get("maximum_gauge_cardinality", &[], value::number, reader);
        set(&mut telemetry.maximum_gauge_cardinality, cardinality);
        let epsilon = section.get("lease_metrics_epsilon", &[], value::duration, reader);
        set(&mut telemetry.lease_metrics_epsilon, epsilon);
        set(&mut telemetry.filter_default, section.boolean("filter_default", &[], reader));
        set(&mut telemetry.prefix_filter, section.texts("prefix_filter", reader));
    }
    telemetry
}

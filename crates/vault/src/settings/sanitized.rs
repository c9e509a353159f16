use serde_json::{Map, Value, json};

use super::{Listener, Seal, Settings, Storage};

impl Settings {
    /// The configuration without secrets and addresses of other services, as `sys/config/state/sanitized` shows it
    /// (`hashicorp/vault: command/server/config.go`, Sanitized).
    pub fn sanitized(&self) -> Map<String, Value> {
        let shown = json!({
            "api_addr": self.api_addr.clone().unwrap_or_default(),
            "cache_size": self.cache_size,
            "cluster_addr": self.cluster_addr.clone().unwrap_or_default(),
            "cluster_cipher_suites": "",
            "cluster_name": self.cluster_name.clone().unwrap_or_default(),
            "default_lease_ttl": self.default_lease_ttl.as_secs(),
            "default_max_request_duration": self.default_max_request_duration.as_secs(),
            "disable_cache": false,
            "disable_clustering": self.disable_clustering,
            "disable_indexing": false,
            "disable_mlock": self.disable_mlock,
            "disable_performance_standby": false,
            "disable_printable_check": false,
            "disable_sealwrap": false,
            "disable_sentinel_trace": false,
            "enable_response_header_hostname": false,
            "enable_response_header_raft_node_id": false,
            "enable_ui": self.ui,
            "experiments": Value::Null,
            "introspection_endpoint": false,
            "listeners": self.listeners.iter().map(listener).collect::<Vec<_>>(),
            "log_format": self.log_format.as_str(),
            "log_level": self.log_level.as_str(),
            "log_requests_level": "",
            "max_lease_ttl": self.max_lease_ttl.as_secs(),
            "pid_file": self.pid_file.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
            "plugin_directory": "",
            "plugin_file_permissions": 0,
            "plugin_file_uid": 0,
            "raw_storage_endpoint": self.raw_storage_endpoint,
            "seals": [{ "type": self.seal.as_ref().map_or("shamir", seal), "disabled": false }],
            "storage": storage(&self.storage),
            "telemetry": {
                "disable_hostname": self.telemetry.disable_hostname,
                "filter_default": self.telemetry.filter_default,
                "lease_metrics_epsilon": self.telemetry.lease_metrics_epsilon.as_secs(),
                "maximum_gauge_cardinality": self.telemetry.maximum_gauge_cardinality,
                "prefix_filter": self.telemetry.prefix_filter,
                "prometheus_retention_time": self.telemetry.prometheus_retention_time.as_secs(),
                "usage_gauge_period": self.telemetry.usage_gauge_period.as_secs(),
            },
        });
        let Value::Object(mut shown) = shown else { return Map::new() };
        if let Some(ha_storage) = &self.ha_storage {
            shown.insert("ha_storage".into(), storage(ha_storage));
        }
        shown
    }
}

fn listener(listener: &Listener) -> Value {
    json!({
        "type": "tcp",
        "config": {
            "address": listener.address.to_string(),
            "cluster_address": listener.cluster_address.to_string(),
            "max_request_duration": listener.max_request_duration.as_secs(),
            "max_request_size": listener.max_request_size,
            "tls_disable": listener.tls.is_none(),
        },
    })
}

fn storage(storage: &Storage) -> Value {
    json!({ "type": storage.kind(), "redirect_addr": "", "cluster_addr": "", "disable_clustering": false })
}

fn seal(seal: &Seal) -> &'static str {
    match seal {
        Seal::Shamir => "shamir",
        Seal::AwsKms(_) => "awskms",
        Seal::Transit(_) => "transit",
    }
}

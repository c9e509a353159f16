//! What secrets engines and auth methods have in common: settings of a mount, and tables of mounts.

use serde_json::{Map, Value, json};

use super::data::pair;
use super::duration::GoDuration;
use super::secret::sorted;
use super::table;

/// Settings of a mount, given when it is enabled or tuned.
#[derive(Debug, clap::Args)]
pub(super) struct Tuning {
    /// A text for people
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// How long leases and tokens live if nothing is asked; -1 for the system's value
    #[arg(long, value_name = "TTL")]
    default_lease_ttl: Option<GoDuration>,
    /// How long they may live at most; -1 for the system's value
    #[arg(long, value_name = "TTL")]
    max_lease_ttl: Option<GoDuration>,
    /// Request field that the audit log shows in clear; may be given several times
    #[arg(long, value_name = "KEY")]
    audit_non_hmac_request_keys: Vec<String>,
    /// Response field that the audit log shows in clear; may be given several times
    #[arg(long, value_name = "KEY")]
    audit_non_hmac_response_keys: Vec<String>,
    /// Whether the mount is listed to people without a token: unauth or hidden
    #[arg(long, value_name = "unauth|hidden")]
    listing_visibility: Option<String>,
    /// Request header to hand to the mount; may be given several times
    #[arg(long, value_name = "NAME")]
    passthrough_request_headers: Vec<String>,
    /// Response header the mount may set; may be given several times
    #[arg(long, value_name = "NAME")]
    allowed_response_headers: Vec<String>,
    /// Option of the engine; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    options: Vec<(String, String)>,
    /// Version of the engine (key/value: 1 or 2)
    #[arg(long, value_name = "N")]
    version: Option<u32>,
}

/// What can be said only when a mount is made.
#[derive(Debug, clap::Args)]
pub(super) struct Making {
    /// Where to enable it, if not at its type's name
    #[arg(long, value_name = "PATH")]
    pub(super) path: Option<String>,
    /// Keep it out of replication
    #[arg(long)]
    local: bool,
    /// Encrypt its storage with the seal as well
    #[arg(long)]
    seal_wrap: bool,
    /// Version of the plugin
    #[arg(long, value_name = "VERSION")]
    plugin_version: Option<String>,
}

impl Tuning {
    /// The settings that were given, for the `config` of a new mount.
    pub(super) fn config(&self) -> Map<String, Value> {
        let mut config = Map::new();
        for (name, ttl) in
            [("default_lease_ttl", self.default_lease_ttl), ("max_lease_ttl", self.max_lease_ttl)]
        {
            if let Some(ttl) = ttl {
                config.insert(name.to_owned(), ttl.to_setting().into());
            }
        }
        let lists = [
            ("audit_non_hmac_request_keys", &self.audit_non_hmac_request_keys),
            ("audit_non_hmac_response_keys", &self.audit_non_hmac_response_keys),
            ("passthrough_request_headers", &self.passthrough_request_headers),
            ("allowed_response_headers", &self.allowed_response_headers),
        ];
        for (name, list) in lists {
            if !list.is_empty() {
                let items: Vec<&str> =
                    list.iter().flat_map(|items| items.split(',')).map(str::trim).collect();
                config.insert(name.to_owned(), items.into());
            }
        }
        if let Some(visibility) = &self.listing_visibility {
            config.insert("listing_visibility".to_owned(), visibility.as_str().into());
        }
        config
    }

    /// The body of a `tune`.
    pub(super) fn body(&self) -> Map<String, Value> {
        let mut body = self.config();
        if let Some(description) = &self.description {
            body.insert("description".to_owned(), description.as_str().into());
        }
        let options = self.options();
        if !options.is_empty() {
            body.insert("options".to_owned(), Value::Object(options));
        }
        body
    }

    /// The body of an `enable`.
    pub(super) fn creation(&self, kind: &str, making: &Making, mut config: Map<String, Value>) -> Value {
        config.extend(self.config());
        if let Some(version) = &making.plugin_version {
            config.insert("plugin_version".to_owned(), version.as_str().into());
        }
        let mut body = json!({
            "type": kind,
            "description": self.description.as_deref().unwrap_or_default(),
            "config": config,
            "local": making.local,
            "seal_wrap": making.seal_wrap,
        });
        let options = self.options();
        if let (Value::Object(body), false) = (&mut body, options.is_empty()) {
            body.insert("options".to_owned(), Value::Object(options));
        }
        body
    }

    fn options(&self) -> Map<String, Value> {
        let mut options: Map<String, Value> =
            self.options.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        if let Some(version) = self.version {
            options.insert("version".to_owned(), version.to_string().into());
        }
        options
    }
}

/// A table of mounts with the columns named in `simple` or, if `detailed`, all there is to say.
pub(super) fn list(mounts: &Value, simple: &[(&str, &str)], detailed: bool, of_auth: bool) -> String {
    let mut columns: Vec<(&str, &str)> = simple.to_vec();
    if detailed {
        columns = vec![("Path", ""), ("Plugin", "type"), ("Accessor", "accessor")];
        columns.extend([("Default TTL", "default_lease_ttl"), ("Max TTL", "max_lease_ttl")]);
        columns.push(if of_auth {
            ("Token Type", "token_type")
        } else {
            ("Force No Cache", "force_no_cache")
        });
        columns.extend([
            ("Replication", "replication"),
            ("Seal Wrap", "seal_wrap"),
            ("External Entropy Access", "external_entropy_access"),
            ("Options", "options"),
            ("Description", "description"),
            ("UUID", "uuid"),
            ("Version", "plugin_version"),
            ("Running Version", "running_plugin_version"),
            ("Running SHA256", "running_sha256"),
            ("Deprecation Status", "deprecation_status"),
        ]);
    }
    let mut entries = entries(mounts);
    entries.sort_unstable_by(|one, other| one.0.cmp(other.0));
    let rows = entries
        .into_iter()
        .map(|(path, mount)| columns.iter().map(|(_, key)| cell(path, mount, key)).collect())
        .collect();
    let header: Vec<&str> = columns.iter().map(|(title, _)| *title).collect();
    table::table(&header, rows)
}

/// For JSON: the mounts in the order of their paths.
pub(super) fn structured(mounts: &Value) -> Value {
    let mut entries = entries(mounts);
    entries.sort_unstable_by(|one, other| one.0.cmp(other.0));
    Value::Object(entries.into_iter().map(|(path, mount)| (path.to_owned(), mount.clone())).collect())
}

/// Old answers carry the envelope's fields beside the mounts: only objects with a type are mounts.
fn entries(mounts: &Value) -> Vec<(&str, &Value)> {
    let map = mounts.as_object().into_iter().flatten();
    map.filter(|(_, mount)| mount.get("type").is_some()).map(|(path, mount)| (path.as_str(), mount)).collect()
}

fn cell(path: &str, mount: &Value, key: &str) -> String {
    let config = mount.get("config");
    match key {
        "" => path.to_owned(),
        "replication" => {
            let local = mount.get("local").and_then(Value::as_bool).unwrap_or(false);
            if local { "local" } else { "replicated" }.to_owned()
        }
        "default_lease_ttl" | "max_lease_ttl" => {
            let kind = mount.get("type").and_then(Value::as_str).unwrap_or_default();
            match config.and_then(|config| config.get(key)).and_then(Value::as_i64) {
                _ if kind == "system" || kind == "cubbyhole" => String::new(),
                Some(seconds) if seconds != 0 => seconds.to_string(),
                _ => "system".to_owned(),
            }
        }
        "token_type" => config.and_then(|config| config.get(key)).map(table::plain).unwrap_or_default(),
        "force_no_cache" => {
            config.and_then(|config| config.get(key)).map_or("false".to_owned(), table::plain)
        }
        "options" => match mount.get(key) {
            None | Some(Value::Null) => "map[]".to_owned(),
            Some(options) => table::plain(&sorted(options)),
        },
        "seal_wrap" | "external_entropy_access" => mount.get(key).map_or("false".to_owned(), table::plain),
        _ => mount.get(key).filter(|value| !value.is_null()).map(table::plain).unwrap_or_default(),
    }
}

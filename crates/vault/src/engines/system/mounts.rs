//! `sys/mounts` and `sys/auth`: enabling, listing, tuning and disabling.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::core::mount::{MountConfig, MountEntry, MountTable, new_entry};
use crate::core::{Core, Unsealed};
use crate::request::{Operation, Request, parse_seconds};
use crate::response::Response;
use crate::{Error, Result};

pub(super) async fn answer(
    core: &Arc<Core>,
    unsealed: &Arc<Unsealed>,
    request: &Request,
    table: MountTable,
    path: &str,
) -> Result<Option<Response>> {
    let op = request.operation;
    if path.is_empty() {
        return match op {
            Operation::Read => Ok(Some(Response::data(unsealed.describe_mounts(table)))),
            _ => Err(Error::UnsupportedOperation),
        };
    }
    let mounts = Mounts { core, unsealed, request, table };
    if let Some(path) = path.strip_suffix("/tune") {
        // `sys/mounts/auth/<path>/tune` tunes an auth method.
        let (table, path) = match path.strip_prefix("auth/") {
            Some(path) if table == MountTable::Secret => (MountTable::Auth, path),
            _ => (table, path),
        };
        let mounts = Mounts { table, ..mounts };
        return match op {
            Operation::Read => mounts.tuning(path),
            op if op.is_write() => mounts.tune(path).await,
            _ => Err(Error::UnsupportedOperation),
        };
    }
    match op {
        Operation::Read => mounts.show(path),
        Operation::Delete => mounts.disable(path).await,
        op if op.is_write() => mounts.enable(path).await,
        _ => Err(Error::UnsupportedOperation),
    }
}

struct Mounts<'r> {
    core: &'r Arc<Core>,
    unsealed: &'r Arc<Unsealed>,
    request: &'r Request,
    table: MountTable,
}

impl Mounts<'_> {
    fn show(&self, path: &str) -> Result<Option<Response>> {
        Ok(Some(Response::object(self.entry(path)?.describe())))
    }

    async fn enable(&self, path: &str) -> Result<Option<Response>> {
        let request = self.request;
        let path = mount_path(path)?;
        let config = request.data.get("config").and_then(Value::as_object).cloned().unwrap_or_default();
        let named = |config: &Map<String, Value>| {
            config.get("plugin_name").and_then(Value::as_str).map(str::to_owned)
        };
        let kind = request
            .text("type")?
            .filter(|kind| !kind.is_empty())
            .or_else(|| named(&config))
            .unwrap_or_default();
        if kind.is_empty() {
            return Err(Error::invalid("backend type must be specified as a string"));
        }
        self.refuse_protected(&path, &kind)?;
        let description = request.text("description")?.unwrap_or_default();
        let mut entry = new_entry(self.table, &path, &kind, &description, self.core.random());
        entry.options = request.text_map("options")?;
        let version = match kind.as_str() {
            "kv-v1" => Some("1"),
            "kv-v2" => Some("2"),
            _ => None,
        };
        if version.is_some() || kind == "generic" {
            entry.accessor = entry.accessor.replacen(&kind, "kv", 1);
            entry.kind = "kv".into();
        }
        if let Some(version) = version {
            entry.options.get_or_insert_default().insert("version".into(), version.into());
        }
        if entry.kind == "kv" {
            check_kv_version(entry.options.as_ref())?;
        }
        entry.local = request.bool("local")?.unwrap_or(false);
        entry.seal_wrap = request.bool("seal_wrap")?.unwrap_or(false);
        entry.external_entropy_access = request.bool("external_entropy_access")?.unwrap_or(false);
        apply(&mut entry.config, &config, self.table)?;
        self.unsealed.mount(entry, self.leases()).await?;
        Ok(None)
    }

    async fn disable(&self, path: &str) -> Result<Option<Response>> {
        let path = mount_path(path)?;
        if protected(self.table).contains(&path.as_str()) {
            return Err(Error::invalid(format!("cannot unmount {:?}", self.full_path(&path))));
        }
        self.unsealed.unmount(&self.full_path(&path)).await?;
        Ok(None)
    }

    fn tuning(&self, path: &str) -> Result<Option<Response>> {
        let entry = self.entry(path)?;
        let (default, max) = self.leases();
        let or = |value: i64, system: i64| if value == 0 { system } else { value };
        let mut data = Map::new();
        data.insert("default_lease_ttl".into(), or(entry.config.default_lease_ttl, default).into());
        data.insert("description".into(), entry.description.clone().into());
        data.insert("force_no_cache".into(), entry.config.force_no_cache.into());
        data.insert("max_lease_ttl".into(), or(entry.config.max_lease_ttl, max).into());
        entry.config.describe_lists(&mut data);
        if let Some(settings) = &entry.config.user_lockout_config {
            super::lockout::describe(settings, &mut data);
        }
        if let Some(options) = &entry.options {
            data.insert("options".into(), json!(options));
        }
        if self.table == MountTable::Auth {
            let kind =
                if entry.config.token_type.is_empty() { "default-service" } else { &entry.config.token_type };
            data.insert("token_type".into(), kind.into());
        }
        Ok(Some(Response::data(data)))
    }

    async fn tune(&self, path: &str) -> Result<Option<Response>> {
        let path = mount_path(path)?;
        let request = self.request;
        let (description, options) = (request.text("description")?, request.text_map("options")?);
        let table = self.table;
        let change = |entry: &mut MountEntry| {
            if let Some(description) = description {
                entry.description = description;
            }
            if let Some(options) = options {
                change_options(entry, options)?;
            }
            super::lockout::tune(entry, &request.data)?;
            apply(&mut entry.config, &request.data, table)
        };
        self.unsealed.change_mount(&self.full_path(&path), self.leases(), change).await?;
        Ok(None)
    }

    fn entry(&self, path: &str) -> Result<MountEntry> {
        let full_path = self.full_path(&mount_path(path)?);
        let mounts = self.unsealed.mounts();
        let missing = || match self.table {
            MountTable::Secret => Error::invalid("No secret engine mount at ".to_owned() + path + "/"),
            MountTable::Auth => Error::invalid("No auth engine at ".to_owned() + path + "/"),
        };
        mounts.get(&full_path).map(|mount| mount.entry.clone()).ok_or_else(missing)
    }

    fn full_path(&self, path: &str) -> String {
        match self.table {
            MountTable::Secret => path.to_owned(),
            MountTable::Auth => format!("auth/{path}"),
        }
    }

    fn leases(&self) -> (i64, i64) {
        let settings = self.core.settings();
        (settings.default_lease_ttl, settings.max_lease_ttl)
    }

    fn refuse_protected(&self, path: &str, kind: &str) -> Result<()> {
        let first = path.split('/').next().unwrap_or_default();
        if self.table == MountTable::Secret && RESERVED.contains(&first) {
            return Err(Error::invalid(format!("cannot mount {path:?}")));
        }
        if self.table == MountTable::Auth && path == "token/" {
            return Err(Error::invalid("path is already in use at auth/token/"));
        }
        if ["system", "cubbyhole", "identity", "token"].contains(&kind) {
            return Err(Error::invalid(format!("mount type of {kind:?} is not mountable")));
        }
        Ok(())
    }
}

/// A mount's path with one trailing slash.
pub(super) fn mount_path(path: &str) -> Result<String> {
    let path = path.trim_end_matches('/');
    if path.is_empty() || path.starts_with('/') || path.contains("//") {
        return Err(Error::invalid("the path of a mount must not be empty or contain empty segments"));
    }
    if path.len() > PATH_BYTES_MAX {
        return Err(Error::invalid(format!("the path of a mount must be of at most {PATH_BYTES_MAX} bytes")));
    }
    Ok(format!("{path}/"))
}

fn protected(table: MountTable) -> &'static [&'static str] {
    match table {
        MountTable::Secret => &["sys/", "cubbyhole/", "identity/", "audit/", "auth/"],
        MountTable::Auth => &["token/"],
    }
}

fn check_kv_version(options: Option<&BTreeMap<String, String>>) -> Result<()> {
    match options.and_then(|options| options.get("version")).map(String::as_str) {
        None | Some("" | "1" | "2") => Ok(()),
        Some(other) => Err(Error::invalid(format!(
            "invalid value {other:?} for the option version: kv has versions 1 and 2"
        ))),
    }
}

fn change_options(entry: &mut MountEntry, options: BTreeMap<String, String>) -> Result<()> {
    let version = |options: Option<&BTreeMap<String, String>>| {
        options.and_then(|options| options.get("version")).cloned().unwrap_or_default()
    };
    if entry.kind == "kv" && options.contains_key("version") {
        check_kv_version(Some(&options))?;
        if version(entry.options.as_ref()) == "2" && version(Some(&options)) != "2" {
            return Err(Error::invalid("cannot downgrade mount from version 2"));
        }
    }
    let merged = entry.options.get_or_insert_default();
    for (key, value) in options {
        if value.is_empty() {
            merged.remove(&key);
        } else {
            merged.insert(key, value);
        }
    }
    Ok(())
}

/// Takes the tunable settings that `fields` names.
fn apply(config: &mut MountConfig, fields: &Map<String, Value>, table: MountTable) -> Result<()> {
    let wrong = |field: &str| Error::invalid(format!("unable to parse the value of {field}"));
    for (field, slot) in
        [("default_lease_ttl", &mut config.default_lease_ttl), ("max_lease_ttl", &mut config.max_lease_ttl)]
    {
        match fields.get(field) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text == "system" => *slot = 0,
            Some(value) => *slot = parse_seconds(value).ok_or_else(|| wrong(field))?,
        }
    }
    if config.max_lease_ttl != 0 && config.default_lease_ttl > config.max_lease_ttl {
        return Err(Error::invalid("backend default lease TTL cannot be greater than its maximum lease TTL"));
    }
    match fields.get("force_no_cache") {
        None | Some(Value::Null) => {}
        Some(Value::Bool(value)) => config.force_no_cache = *value,
        Some(Value::String(text)) => {
            config.force_no_cache = text.parse().map_err(|_| wrong("force_no_cache"))?
        }
        Some(_) => return Err(wrong("force_no_cache")),
    }
    match fields.get("listing_visibility") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) if matches!(text.as_str(), "" | "hidden" | "unauth") => {
            config.listing_visibility = text.clone()
        }
        Some(other) => return Err(Error::invalid(format!("invalid listing visibility type: {other}"))),
    }
    for (field, slot) in [
        ("audit_non_hmac_request_keys", &mut config.audit_non_hmac_request_keys),
        ("audit_non_hmac_response_keys", &mut config.audit_non_hmac_response_keys),
        ("passthrough_request_headers", &mut config.passthrough_request_headers),
        ("allowed_response_headers", &mut config.allowed_response_headers),
    ] {
        match fields.get(field) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => {
                *slot = text
                    .split(',')
                    .map(str::trim)
                    .filter(|entry| !entry.is_empty())
                    .map(str::to_owned)
                    .collect();
            }
            Some(Value::Array(list)) => {
                let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(|| wrong(field));
                *slot = list.iter().map(text).collect::<Result<_>>()?;
            }
            Some(_) => return Err(wrong(field)),
        }
    }
    match fields.get("token_type").and_then(Value::as_str) {
        None | Some("") => {}
        Some(_) if table == MountTable::Secret => {
            return Err(Error::invalid("'token_type' can only be modified on auth mounts"));
        }
        Some(kind) if ["default-service", "default-batch", "service", "batch"].contains(&kind) => {
            config.token_type = kind.to_owned();
        }
        Some(other) => return Err(Error::invalid(format!("invalid value for 'token_type': {other}"))),
    }
    Ok(())
}

/// First segments that no secrets engine is mounted below.
pub(super) const RESERVED: [&str; 5] = ["auth", "sys", "audit", "cubbyhole", "identity"];
const PATH_BYTES_MAX: usize = 512;

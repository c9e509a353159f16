//! Initialisation, sealing, health, keys.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use trustkeep_crypto::{SecretBytes, SecretString};

use crate::core::{Core, InitRequest, Standing, UnsealPart};
use crate::ha::Node;
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result, VAULT_BUILD_DATE, VAULT_VERSION};

/// `sys/seal`, `sys/step-down`, `sys/ha-status`.
pub(super) fn answer(core: &Arc<Core>, request: &Request) -> Result<Option<Response>> {
    match (request.path.as_str(), request.operation) {
        ("seal", op) if op.is_write() => {
            core.seal();
            Ok(None)
        }
        ("step-down", op) if op.is_write() => {
            if let Some(ha) = core.ha() {
                ha.step_down();
            }
            Ok(None)
        }
        ("ha-status", Operation::Read) => Ok(Some(ha_status(core)?)),
        ("seal" | "step-down" | "ha-status", _) => Err(Error::UnsupportedOperation),
        _ => Err(Error::UnsupportedPath),
    }
}

pub(super) async fn is_initialized(core: &Arc<Core>) -> Result<Option<Response>> {
    let initialized = core.seal_config().await?.is_some();
    Ok(Some(Response::document(200, &json!({ "initialized": initialized }))))
}

pub(super) async fn initialize(core: &Arc<Core>, request: &Request) -> Result<Option<Response>> {
    for field in ["pgp_keys", "recovery_pgp_keys"] {
        if request.texts(field)?.is_some_and(|keys| !keys.is_empty()) {
            return Err(pgp_unsupported(field));
        }
    }
    refuse_pgp(request, "root_token_pgp_key")?;
    let number = |field: &str| request.int(field).map(|number| number.unwrap_or(0));
    let stored = number("stored_shares")?;
    if !(0..=1).contains(&stored) {
        return Err(Error::invalid(
            "parameter stored_shares not applicable: one key is stored, with every seal",
        ));
    }
    let made = core.initialize(InitRequest {
        secret_shares: number("secret_shares")?,
        secret_threshold: number("secret_threshold")?,
        recovery_shares: number("recovery_shares")?,
        recovery_threshold: number("recovery_threshold")?,
        break_glass_shares: number("break_glass_shares")?,
        break_glass_threshold: number("break_glass_threshold")?,
    });
    let made = made.await?;
    let mut document = Map::new();
    put_shares(&mut document, "keys", &made.shares);
    if !made.recovery_shares.is_empty() {
        put_shares(&mut document, "recovery_keys", &made.recovery_shares);
    }
    if !made.break_glass_shares.is_empty() {
        put_shares(&mut document, "break_glass_keys", &made.break_glass_shares);
    }
    document.insert("root_token".into(), made.root_token.into());
    Ok(Some(Response::document(200, &Value::Object(document))))
}

/// Shares as `name` in hexadecimal and `name_base64`.
pub(super) fn put_shares(document: &mut Map<String, Value>, name: &str, shares: &[SecretBytes]) {
    let hex: Vec<_> = shares.iter().map(|share| share.to_hex().expose().to_owned()).collect();
    let base64: Vec<_> = shares.iter().map(|share| share.to_base64().expose().to_owned()).collect();
    document.insert(name.into(), hex.into());
    document.insert(format!("{name}_base64"), base64.into());
}

/// Refuses a PGP key.
///
/// # Errors
/// 400 where one is given.
pub(super) fn refuse_pgp(request: &Request, field: &str) -> Result<()> {
    match request.text(field)? {
        Some(key) if !key.is_empty() => Err(pgp_unsupported(field)),
        _ => Ok(()),
    }
}

/// No PGP here.
pub(super) fn pgp_unsupported(field: &str) -> Error {
    Error::invalid(format!("{field}: PGP encryption of keys is not supported by this version"))
}

pub(super) async fn unseal(core: &Arc<Core>, request: &Request) -> Result<Option<Response>> {
    let reset = request.bool("reset")?.unwrap_or(false);
    let key = SecretString::new(request.text("key")?.unwrap_or_default());
    if !reset && key.is_empty() {
        return Err(Error::invalid(
            "'key' must be specified in request body as JSON, or 'reset' set to true",
        ));
    }
    let migrate = request.bool("migrate")?.unwrap_or(false);
    let break_glass = request.bool("break_glass")?.unwrap_or(false);
    if core.seal_config().await?.is_none() {
        return Err(Error::Uninitialized);
    }
    if reset {
        if !core.is_sealed() {
            return Err(Error::invalid("vault is unsealed"));
        }
        core.reset_unseal().await;
    } else {
        core.unseal_with(UnsealPart { key: key.expose(), migrate, break_glass }).await?;
    }
    seal_status(core).await
}

pub(super) async fn seal_status(core: &Arc<Core>) -> Result<Option<Response>> {
    let status = core.seal_status().await?;
    let mut document = json!({
        "type": status.kind,
        "initialized": status.initialized,
        "sealed": core.is_sealed(),
        "t": status.threshold,
        "n": status.shares,
        "progress": status.progress,
        "nonce": status.nonce,
        "version": VAULT_VERSION,
        "build_date": VAULT_BUILD_DATE,
        "migration": status.migration,
        "recovery_seal": status.recovery_seal,
        "storage_type": core.settings().storage_type,
    });
    add_cluster(core, &mut document);
    Ok(Some(Response::document(200, &document)))
}

pub(super) async fn health(core: &Arc<Core>, request: &Request) -> Result<Option<Response>> {
    let code = |field: &str, default: u16| -> Result<u16> {
        match request.int(field) {
            Ok(None) => Ok(default),
            Ok(Some(code)) => u16::try_from(code)
                .ok()
                .filter(|code| (100..1000).contains(code))
                .ok_or_else(|| Error::invalid(format!("bad status code for {field}"))),
            Err(_) => Err(Error::invalid(format!("bad status code for {field}"))),
        }
    };
    for flag in ["standbyok", "perfstandbyok"] {
        if !matches!(request.data.get(flag), None | Some(Value::String(_))) || request.bool(flag).is_err() {
            return Err(Error::invalid(format!("bad value for {flag} parameter")));
        }
    }
    let active = code("activecode", 200)?;
    let (sealed_code, uninitialized_code) = (code("sealedcode", 503)?, code("uninitcode", 501)?);
    let standby = if request.bool("standbyok").ok().flatten() == Some(true) {
        active
    } else {
        code("standbycode", 429)?
    };
    code("drsecondarycode", 472)?;
    code("performancestandbycode", 473)?;
    let standing = core.standing();
    let sealed = standing == Standing::Sealed;
    // With the keys at hand there is no need to ask the store, which may be away.
    let initialized = !sealed || core.seal_config().await?.is_some();
    let status = match (initialized, standing) {
        (false, _) => uninitialized_code,
        (true, Standing::Sealed) => sealed_code,
        (true, Standing::Standby) => standby,
        (true, Standing::Active) => active,
    };
    let mode = if sealed { "unknown" } else { "disabled" };
    let mut document = json!({
        "initialized": initialized,
        "sealed": sealed,
        "standby": standing != Standing::Active,
        "performance_standby": false,
        "replication_performance_mode": mode,
        "replication_dr_mode": mode,
        "server_time_utc": request.now / NANOS,
        "version": VAULT_VERSION,
    });
    add_cluster(core, &mut document);
    Ok(Some(Response::document(status, &document)))
}

pub(super) fn leader(core: &Core) -> Result<Option<Response>> {
    let Some(ha) = core.ha() else { return leader_document(false, None, Default::default()) };
    if core.is_sealed() {
        return Err(Error::Sealed);
    }
    let since = ha.active_since().filter(|_| core.standing() == Standing::Active);
    leader_document(true, since.map(|since| since.to_string()), ha.leader_addresses().unwrap_or_default())
}

fn leader_document(
    ha_enabled: bool,
    active_since: Option<String>,
    (api, cluster): (String, String),
) -> Result<Option<Response>> {
    let document = json!({
        "ha_enabled": ha_enabled,
        "is_self": active_since.is_some(),
        "active_time": active_since.unwrap_or_else(|| "0001-01-01T00:00:00Z".into()),
        "leader_address": api,
        "leader_cluster_address": cluster,
        "performance_standby": false,
        "performance_standby_last_remote_wal": 0,
    });
    Ok(Some(Response::document(200, &document)))
}

/// The nodes that there are (`hashicorp/vault: vault/ha.go`); one that is alone has only itself to show.
fn ha_status(core: &Core) -> Result<Response> {
    let now = Timestamp::from_nanosecond(i128::from(core.now())).map_err(Error::internal)?;
    let nodes = match core.ha() {
        Some(ha) => ha.nodes(now),
        None => vec![Node::alone(&core.settings().api_addr)],
    };
    Ok(Response::object(json!({ "nodes": nodes })))
}

fn add_cluster(core: &Core, document: &mut Value) {
    let Ok(unsealed) = core.unsealed() else { return };
    let Some(map): Option<&mut Map<_, _>> = document.as_object_mut() else { return };
    map.insert("cluster_name".into(), unsealed.cluster.name.clone().into());
    map.insert("cluster_id".into(), unsealed.cluster.id.clone().into());
}

/// A time as Vault writes it.
pub fn rfc3339(nanoseconds: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)).map(|time| time.to_string()).unwrap_or_default()
}

const NANOS: i64 = 1_000_000_000;

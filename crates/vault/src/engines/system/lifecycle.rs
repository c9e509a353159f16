//! Initialisation, sealing, health, keys.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::core::seal::SealConfig;
use crate::core::{Core, InitRequest, Unsealed};
use crate::request::{Operation, Request};
use crate::response::Response;
use crate::{Error, Result, VAULT_BUILD_DATE, VAULT_VERSION};

/// `sys/seal`, `sys/key-status`, `sys/rotate`, `sys/step-down`.
pub(super) async fn answer(
    core: &Arc<Core>,
    unsealed: &Arc<Unsealed>,
    request: &Request,
) -> Result<Option<Response>> {
    match (request.path.as_str(), request.operation) {
        ("seal", op) if op.is_write() => {
            core.seal();
            Ok(None)
        }
        ("step-down", op) if op.is_write() => Ok(None),
        ("rotate", op) if op.is_write() => unsealed.barrier.rotate(request.now).await.map(|()| None),
        ("key-status", Operation::Read) => {
            let keyring = unsealed.barrier.keyring()?;
            Ok(Some(Response::object(json!({
                "encryptions": unsealed.barrier.encryptions(),
                "install_time": rfc3339(keyring.installed()),
                "term": keyring.active_term(),
            }))))
        }
        ("seal" | "step-down" | "rotate" | "key-status", _) => Err(Error::UnsupportedOperation),
        _ => Err(Error::UnsupportedPath),
    }
}

pub(super) async fn is_initialized(core: &Arc<Core>) -> Result<Option<Response>> {
    let initialized = core.seal_config().await?.is_some();
    Ok(Some(Response::document(200, &json!({ "initialized": initialized }))))
}

pub(super) async fn initialize(core: &Arc<Core>, request: &Request) -> Result<Option<Response>> {
    let keys = request.texts("pgp_keys")?.unwrap_or_default();
    if !keys.is_empty() || request.text("root_token_pgp_key")?.is_some_and(|key| !key.is_empty()) {
        return Err(Error::invalid("pgp_keys and root_token_pgp_key are not supported by this version"));
    }
    for field in ["recovery_shares", "recovery_threshold"] {
        if request.int(field)?.unwrap_or(0) != 0 {
            return Err(Error::invalid(
                "parameters recovery_shares,recovery_threshold not applicable to seal type shamir",
            ));
        }
    }
    let stored = request.int("stored_shares")?.unwrap_or(0);
    if !(0..=1).contains(&stored) {
        return Err(Error::invalid("parameter stored_shares not applicable to seal type shamir"));
    }
    let secret_shares = request.int("secret_shares")?.unwrap_or(0);
    let secret_threshold = request.int("secret_threshold")?.unwrap_or(0);
    let made = core.initialize(InitRequest { secret_shares, secret_threshold }).await?;
    let hex: Vec<_> = made.shares.iter().map(|share| share.to_hex().expose().to_owned()).collect();
    let base64: Vec<_> = made.shares.iter().map(|share| share.to_base64().expose().to_owned()).collect();
    let document = json!({ "keys": hex, "keys_base64": base64, "root_token": made.root_token });
    Ok(Some(Response::document(200, &document)))
}

pub(super) async fn unseal(core: &Arc<Core>, request: &Request) -> Result<Option<Response>> {
    let reset = request.bool("reset")?.unwrap_or(false);
    let key = request.text("key")?.unwrap_or_default();
    if !reset && key.is_empty() {
        return Err(Error::invalid(
            "'key' must be specified in request body as JSON, or 'reset' set to true",
        ));
    }
    if core.seal_config().await?.is_none() {
        return Err(Error::Uninitialized);
    }
    if reset {
        core.reset_unseal().await;
    } else {
        core.unseal(&key).await?;
    }
    seal_status(core).await
}

pub(super) async fn seal_status(core: &Arc<Core>) -> Result<Option<Response>> {
    let config = core.seal_config().await?;
    let (progress, nonce) = core.unseal_progress().await;
    let sealed = core.is_sealed();
    let numbers = |config: &SealConfig| (config.secret_threshold, config.secret_shares);
    let (t, n) = config.as_ref().map_or((0, 0), numbers);
    let mut document = json!({
        "type": config.as_ref().map_or("shamir", |config| config.kind.as_str()),
        "initialized": config.is_some(),
        "sealed": sealed,
        "t": t,
        "n": n,
        "progress": progress,
        "nonce": nonce,
        "version": VAULT_VERSION,
        "build_date": VAULT_BUILD_DATE,
        "migration": false,
        "recovery_seal": false,
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
    code("standbycode", 429)?;
    code("drsecondarycode", 472)?;
    code("performancestandbycode", 473)?;
    let initialized = core.seal_config().await?.is_some();
    let sealed = core.is_sealed();
    let status = match (initialized, sealed) {
        (false, _) => uninitialized_code,
        (true, true) => sealed_code,
        (true, false) => active,
    };
    let mode = if sealed { "unknown" } else { "disabled" };
    let mut document = json!({
        "initialized": initialized,
        "sealed": sealed,
        "standby": sealed,
        "performance_standby": false,
        "replication_performance_mode": mode,
        "replication_dr_mode": mode,
        "server_time_utc": request.now / NANOS,
        "version": VAULT_VERSION,
    });
    add_cluster(core, &mut document);
    Ok(Some(Response::document(status, &document)))
}

pub(super) fn leader() -> Result<Option<Response>> {
    let document = json!({
        "ha_enabled": false,
        "is_self": false,
        "active_time": "0001-01-01T00:00:00Z",
        "leader_address": "",
        "leader_cluster_address": "",
        "performance_standby": false,
        "performance_standby_last_remote_wal": 0,
    });
    Ok(Some(Response::document(200, &document)))
}

fn add_cluster(core: &Core, document: &mut Value) {
    let Ok(unsealed) = core.unsealed() else { return };
    let Some(map): Option<&mut Map<_, _>> = document.as_object_mut() else { return };
    map.insert("cluster_name".into(), unsealed.cluster.name.clone().into());
    map.insert("cluster_id".into(), unsealed.cluster.id.clone().into());
}

fn rfc3339(nanoseconds: i64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(nanoseconds)).map(|time| time.to_string()).unwrap_or_default()
}

const NANOS: i64 = 1_000_000_000;

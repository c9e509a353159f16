//! One vault server among several: what the configuration says of it.

use anyhow::Context as _;
use trustkeep_chassis::http::{Limits, ListenSettings};
use trustkeep_vault::ha::{Ha, HaSettings, cluster_address};
use trustkeep_vault::http::EdgeSettings;
use trustkeep_vault::settings::Settings;

/// How the server takes part; `None` if its storage is its own.
pub(super) fn settings(settings: &Settings) -> anyhow::Result<Option<HaSettings>> {
    if !settings.storage.ha_enabled() {
        return Ok(None);
    }
    // The original's words.
    let api_addr = settings.api_addr.as_deref();
    let api_addr = api_addr.context(
        "missing API address, please set in configuration or via environment: api_addr = \"https://…:8200\" or VAULT_API_ADDR, the URL under which clients and load balancers reach this server",
    )?;
    let cluster_addr = match &settings.cluster_addr {
        _ if settings.disable_clustering => None,
        Some(given) => Some(given.clone()),
        None => Some(cluster_address(api_addr)?),
    };
    let mut ha = HaSettings::new(api_addr, cluster_addr);
    ha.hostname = crate::host::name();
    Ok(Some(ha))
}

/// The ports for other servers: one beside each listener for clients.
pub(super) fn listeners(settings: &Settings, ha: &Ha) -> Vec<(ListenSettings, EdgeSettings)> {
    if ha.settings().cluster_addr.is_none() {
        return Vec::new();
    }
    let bytes_max = settings.listeners.iter().map(|listener| listener.max_request_size).max();
    let time_max = settings.listeners.iter().map(|listener| listener.max_request_duration).max();
    let edge = EdgeSettings {
        request_bytes_max: bytes_max.and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(32 << 20),
        ..EdgeSettings::default()
    };
    let limits = Limits { request_timeout: time_max, http2_streams_max: 1024, ..Limits::default() };
    let mut addresses: Vec<_> = settings.listeners.iter().map(|listener| listener.cluster_address).collect();
    addresses.sort();
    addresses.dedup();
    let listen = |address| {
        let listen = ListenSettings::new("vault cluster", address).with_limits(limits).with_tls(ha.tls());
        (listen, edge.clone())
    };
    addresses.into_iter().map(listen).collect()
}

//! From what was given to what an agent is told.

use std::net::{SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use trustkeep_agent::admin::{AdminSettings, Generation};
use trustkeep_agent::{TransportSettings, Webhook};
use trustkeep_crypto::SecretString;

use super::features::Features;
use super::given::Given;
use super::invitation::Invitation;
use super::option::Effect;
use super::size::bytes_of;

/// What runs.
#[derive(Debug)]
pub(crate) struct Settings {
    /// How the agent behaves.
    pub(crate) agent: trustkeep_agent::Settings,
    /// The admin API, and where it listens.
    pub(crate) admin: Option<(SocketAddr, AdminSettings)>,
    /// Where messages come in.
    pub(crate) inbound: Vec<(Inbound, SocketAddr)>,
    /// Where metrics and health are.
    pub(crate) metrics: Option<SocketAddr>,
    /// The wallet.
    pub(crate) wallet: WalletSettings,
    /// The DID that is in the wallet from the start.
    pub(crate) seed: Option<Seed>,
    /// Whether documents of `did:web` may come from private addresses.
    pub(crate) has_private_web: bool,
    /// The invitation that is printed.
    pub(crate) invitation: Option<Invitation>,
    /// What the log is told.
    pub(crate) log_level: &'static str,
    /// Its form.
    pub(crate) log_format: Option<String>,
    /// What was accepted and is not built: a line for the log each.
    pub(crate) notes: Vec<String>,
}

/// How messages come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inbound {
    /// By HTTP.
    Http,
    /// By WebSocket.
    WebSocket,
}

/// Which wallet, and what may be done to have it.
#[derive(Debug, Default)]
pub(crate) struct WalletSettings {
    /// Nothing is kept.
    pub(crate) is_in_memory: bool,
    /// Its name.
    pub(crate) name: Option<String>,
    /// What opens it, or where that is.
    pub(crate) key: Option<KeySource>,
    /// How the key is made of it.
    pub(crate) key_derivation: Option<String>,
    /// `default` or `postgres_storage`.
    pub(crate) storage_type: Option<String>,
    /// Where wallets that are files lie; else where the environment says.
    pub(crate) folder: Option<PathBuf>,
    /// A JSON text.
    pub(crate) storage_config: Option<String>,
    /// A JSON text.
    pub(crate) storage_creds: Option<SecretString>,
    /// Whether it is made if it is not there.
    pub(crate) is_provisioned: bool,
    /// Whether what is there is thrown away.
    pub(crate) is_recreated: bool,
}

/// Where the key of a wallet comes from.
#[derive(Debug)]
pub(crate) enum KeySource {
    /// It was given.
    Given(SecretString),
    /// It is in a file.
    File(String),
    /// It is in a vault, at this path and in this field.
    Vault {
        /// `secret/data/agent`.
        path: String,
        /// The field.
        field: String,
    },
}

/// A DID made of a seed.
#[derive(Debug)]
pub(crate) struct Seed {
    /// 32 characters, or base64.
    pub(crate) text: SecretString,
    /// Whether it is not the public DID.
    pub(crate) is_local: bool,
    /// Whether it may replace another public DID.
    pub(crate) may_replace: bool,
}

/// What does not go together, in ACA-Py's words where it has them: exit code 1.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct SettingsError(String);

type Result<T> = std::result::Result<T, SettingsError>;

impl Settings {
    /// Reads what was given.
    ///
    /// # Errors
    /// The first thing that does not go.
    pub(super) fn read(given: &Given, is_start: bool) -> Result<Self> {
        let notes = notes(given)?;
        let wallet = wallet(given, is_start)?;
        let endpoints = given.last("endpoint").unwrap_or_default().to_vec();
        let inbound = inbound(given, is_start)?;
        if is_start && endpoints.is_empty() && !given.has("no-transport") {
            return Err(error("-e/--endpoint is required"));
        }
        if is_start && !given.has("no-transport") {
            outbound(given)?;
        }
        let text = |name: &str| given.one(name).map(str::to_owned);
        let features = Features::of(given).map_err(error)?;
        let agent = trustkeep_agent::Settings {
            label: text("label"),
            endpoints,
            image_url: text("image-url"),
            auto_accept_invites: given.has("auto-accept-invites"),
            auto_accept_requests: given.has("auto-accept-requests"),
            auto_ping_connection: given.has("auto-ping-connection"),
            auto_respond_messages: given.has("auto-respond-messages"),
            auto_disclose_features: given.has("auto-disclose-features"),
            disclose_protocols: features.protocols,
            disclose_goal_codes: features.goal_codes,
            public_invites: given.has("public-invites"),
            requests_through_public_did: given.has("requests-through-public-did"),
            monitor_ping: given.has("monitor-ping"),
            monitor_forward: given.has("monitor-forward"),
            open_mediation: given.has("open-mediation"),
            mediator_invitation: given.one("mediator-invitation").map(str::to_owned),
            default_mediator_id: given.one("default-mediator-id").map(str::to_owned),
            clear_default_mediator: given.has("clear-default-mediator"),
            transport: transport(given)?,
            ..trustkeep_agent::Settings::default()
        };
        let admin = match given.last("admin") {
            Some(place) => Some((address("--admin", place)?, admin(given)?)),
            None => None,
        };
        let seed = given.one("seed").map(|seed| Seed {
            text: seed.into(),
            is_local: given.has("wallet-local-did"),
            may_replace: given.has("replace-public-did"),
        });
        Ok(Self {
            agent,
            admin,
            inbound,
            metrics: given.last("metrics").map(|place| address("--metrics", place)).transpose()?,
            wallet,
            seed,
            has_private_web: given.has("did-web-private-addresses"),
            invitation: Invitation::read(given).map_err(error)?,
            log_level: log_level(given)?,
            log_format: text("log-format"),
            notes,
        })
    }
}

/// Refuses what would be unsafe to pass over; tells of the rest.
fn notes(given: &Given) -> Result<Vec<String>> {
    let mut notes = Vec::new();
    for option in given.options() {
        match option.effect {
            Effect::Does(_) => {}
            Effect::Noted(what) => {
                notes.push(format!("--{} has no effect: what it is for is not built: {what}", option.name));
            }
            Effect::Refused(why) => return Err(error(format!("--{}: {why}", option.name))),
        }
    }
    Ok(notes)
}

fn inbound(given: &Given, is_start: bool) -> Result<Vec<(Inbound, SocketAddr)>> {
    let all = given.all("inbound-transport");
    if is_start && all.is_empty() && !given.has("no-transport") {
        return Err(error("-it/--inbound-transport is required"));
    }
    let each = all.iter().map(|values| match values.split_first() {
        Some((kind, place)) => Ok((kind_of(kind)?, address("--inbound-transport", place)?)),
        None => Err(error("-it/--inbound-transport: expected 3 arguments")),
    });
    each.collect()
}

fn kind_of(kind: &str) -> Result<Inbound> {
    match kind {
        "http" => Ok(Inbound::Http),
        "ws" => Ok(Inbound::WebSocket),
        other => Err(error(format!("--inbound-transport {other}: there are http and ws"))),
    }
}

fn outbound(given: &Given) -> Result<()> {
    let all = given.all("outbound-transport");
    if all.is_empty() {
        return Err(error("-ot/--outbound-transport is required"));
    }
    match all.iter().flatten().find(|kind| !matches!(kind.as_str(), "http" | "ws")) {
        Some(other) => Err(error(format!("--outbound-transport {other}: there are http and ws"))),
        None => Ok(()),
    }
}

fn transport(given: &Given) -> Result<TransportSettings> {
    let mut settings = TransportSettings::default();
    if let Some(bytes) = given.one("max-message-size") {
        let wrong = || error(format!("--max-message-size {bytes}: a number of bytes, or 2M, is expected"));
        settings.message_bytes_max = bytes_of(bytes).filter(|bytes| *bytes >= 1024).ok_or_else(wrong)?;
    }
    let seconds = |name: &str, preset: Duration| match given.one(name) {
        None => Ok(preset),
        Some(text) => match text.parse() {
            Ok(seconds @ 1..=86_400) => Ok(Duration::from_secs(seconds)),
            _ => Err(error(format!("--{name} {text}: a number of seconds is expected"))),
        },
    };
    settings.heartbeat = seconds("ws-heartbeat-interval", settings.heartbeat)?;
    settings.silence_max = seconds("ws-timeout-interval", settings.silence_max)?;
    for url in given.all("webhook-url").iter().flatten() {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(error("--webhook-url: a URL of http or https is expected"));
        }
        settings.webhooks.push(Webhook::parse(url));
    }
    Ok(settings)
}

fn admin(given: &Given) -> Result<AdminSettings> {
    let key = given.one("admin-api-key").filter(|key| !key.is_empty());
    if key.is_some() == given.has("admin-insecure-mode") {
        return Err(error("Either --admin-api-key or --admin-insecure-mode must be set but not both."));
    }
    let megabytes = match given.one("admin-client-max-request-size") {
        None => 1,
        Some(text) => match text.parse() {
            Ok(megabytes @ 1..=16) => megabytes,
            _ => return Err(error("--admin-client-max-request-size: a number from 1 to 16 is expected")),
        },
    };
    let generation = match given.one("admin-version") {
        None => Generation::default(),
        Some(version) => Generation::of_version(version)
            .ok_or_else(|| error(format!("--admin-version {version}: there are 0.7 and 1")))?,
    };
    let text = |name: &str| given.one(name).map(str::to_owned);
    Ok(AdminSettings {
        api_key: key.map(|key| Arc::new(SecretString::from(key))),
        request_bytes_max: megabytes << 20,
        invite_base_url: text("invite-base-url"),
        no_receive_invites: given.has("no-receive-invites"),
        help_link: text("help-link"),
        allow_insecure_seed: given.has("wallet-allow-insecure-seed"),
        generation,
        config: config(given),
    })
}

fn wallet(given: &Given, is_start: bool) -> Result<WalletSettings> {
    let is_in_memory = match given.one("wallet-type").unwrap_or("askar") {
        _ if given.has("wallet-test") => true,
        "basic" | "in_memory" => true,
        "askar" | "indy" | "askar-anoncreds" => false,
        "kanon-anoncreds" => {
            let why = "the store of kanon wallets is not built; use askar";
            return Err(error(format!("--wallet-type kanon-anoncreds: {why}")));
        }
        other => {
            let known = "askar, indy, askar-anoncreds, in_memory and basic";
            return Err(error(format!("--wallet-type {other}: there are {known}")));
        }
    };
    let text = |name: &str| given.one(name).map(str::to_owned);
    let key = match (given.one("wallet-key"), text("wallet-key-file")) {
        (Some(_), Some(_)) => return Err(error("--wallet-key and --wallet-key-file: one of them")),
        (None, file) => file.map(KeySource::File),
        (Some(key), None) => Some(key_source(key)?),
    };
    if !is_in_memory && (given.one("wallet-name").is_none() || key.is_none()) {
        return Err(error(
            "Parameters --wallet-name and --wallet-key must be provided for persistent wallets",
        ));
    }
    let is_postgres = given.one("wallet-storage-type") == Some("postgres_storage");
    if is_postgres && !(given.has("wallet-storage-config") && given.has("wallet-storage-creds")) {
        return Err(error(
            "Parameters --wallet-storage-config and --wallet-storage-creds must be provided for postgres wallets",
        ));
    }
    Ok(WalletSettings {
        is_in_memory,
        name: text("wallet-name"),
        key,
        key_derivation: text("wallet-key-derivation-method"),
        folder: None,
        storage_type: text("wallet-storage-type"),
        storage_config: text("wallet-storage-config"),
        storage_creds: given.one("wallet-storage-creds").map(SecretString::from),
        is_provisioned: !is_start || given.has("auto-provision"),
        is_recreated: given.has("recreate-wallet"),
    })
}

fn key_source(key: &str) -> Result<KeySource> {
    let Some(reference) = key.strip_prefix("vault:") else { return Ok(KeySource::Given(key.into())) };
    match reference.split_once('#') {
        Some((path, field)) if !path.is_empty() && !field.is_empty() => {
            Ok(KeySource::Vault { path: path.trim_matches('/').to_owned(), field: field.to_owned() })
        }
        _ => Err(error("--wallet-key: a reference to a vault is written vault:PATH#FIELD")),
    }
}

fn address(option: &str, place: &[String]) -> Result<SocketAddr> {
    let [host, port] = place else { return Err(error(format!("{option}: a host and a port are expected"))) };
    let wrong = |why: &dyn std::fmt::Display| error(format!("{option} {host} {port}: {why}"));
    let port: u16 = port.parse().map_err(|_| wrong(&"a port is a number up to 65535"))?;
    let mut found = (host.as_str(), port).to_socket_addrs().map_err(|error| wrong(&error))?;
    found.next().ok_or_else(|| wrong(&"no such host"))
}

fn log_level(given: &Given) -> Result<&'static str> {
    match given.one("log-level").map(str::to_ascii_lowercase).as_deref() {
        None | Some("info") => Ok("info"),
        Some("trace") => Ok("trace"),
        Some("debug") => Ok("debug"),
        Some("warning" | "warn") => Ok("warn"),
        Some("error" | "critical") => Ok("error"),
        Some(other) => {
            Err(error(format!("--log-level {other}: there are debug, info, warning, error and critical")))
        }
    }
}

/// ACA-Py's names of the settings that `GET /status/config` shows.
fn config(given: &Given) -> Map<String, Value> {
    let endpoints = given.last("endpoint").unwrap_or_default();
    let webhooks = given.all("webhook-url").iter().flatten();
    let webhooks: Vec<&str> = webhooks.map(|url| url.split('#').next().unwrap_or_default()).collect();
    let place = given.last("admin").unwrap_or_default();
    let mut config = Map::from_iter([
        ("admin.enabled".to_owned(), json!(true)),
        ("admin.host".to_owned(), json!(place.first())),
        ("admin.port".to_owned(), json!(place.get(1))),
        ("admin.webhook_urls".to_owned(), json!(webhooks)),
        ("default_endpoint".to_owned(), json!(endpoints.first())),
        ("additional_endpoints".to_owned(), json!(endpoints.get(1..).unwrap_or_default())),
        ("default_label".to_owned(), json!(given.one("label"))),
        ("transport.inbound_configs".to_owned(), json!(given.all("inbound-transport"))),
        ("ledger.disabled".to_owned(), json!(true)),
        ("wallet.type".to_owned(), json!(given.one("wallet-type").unwrap_or("askar"))),
        ("wallet.storage_type".to_owned(), json!(given.one("wallet-storage-type").unwrap_or("default"))),
    ]);
    let outbound: Vec<&String> = given.all("outbound-transport").iter().flatten().collect();
    config.insert("transport.outbound_configs".to_owned(), json!(outbound));
    for (option, name) in [
        ("admin-insecure-mode", "admin.admin_insecure_mode"),
        ("auto-accept-invites", "debug.auto_accept_invites"),
        ("auto-accept-requests", "debug.auto_accept_requests"),
        ("auto-ping-connection", "auto_ping_connection"),
        ("auto-provision", "auto_provision"),
        ("auto-respond-messages", "debug.auto_respond_messages"),
        ("monitor-ping", "debug.monitor_ping"),
        ("monitor-forward", "monitor_forward"),
        ("no-receive-invites", "admin.no_receive_invites"),
        ("open-mediation", "mediation.open"),
        ("clear-default-mediator", "mediation.clear"),
        ("mediator-connections-invite", "mediation.connections_invite"),
        ("preserve-exchange-records", "preserve_exchange_records"),
        ("public-invites", "public_invites"),
        ("requests-through-public-did", "requests_through_public_did"),
        ("wallet-local-did", "wallet.local_did"),
    ] {
        if given.has(option) {
            config.insert(name.to_owned(), json!(true));
        }
    }
    for (option, name) in [
        ("help-link", "admin.help_link"),
        ("image-url", "image_url"),
        ("invite-base-url", "invite_base_url"),
        ("mediator-invitation", "mediation.invite"),
        ("default-mediator-id", "mediation.default_id"),
        ("wallet-name", "wallet.name"),
    ] {
        if let Some(value) = given.one(option) {
            config.insert(name.to_owned(), json!(value));
        }
    }
    config
}

fn error(why: impl Into<String>) -> SettingsError {
    SettingsError(why.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUIDE: &str = "-l issuer -it http 0.0.0.0 8030 -ot http -e http://127.0.0.1:8030 --admin 0.0.0.0 8031 --auto-ping-connection --auto-respond-messages --auto-accept-invites --auto-accept-requests --preserve-exchange-records --genesis-url http://127.0.0.1:9000/genesis --log-level info --auto-provision --wallet-type indy --wallet-name agent --seed 000000000000000000000000Trustee1 --wallet-local-did --wallet-storage-type postgres_storage --wallet-storage-config {\"url\":\"127.0.0.1:5432\"} --wallet-storage-creds {\"account\":\"a\",\"password\":\"p\"}";

    fn read(line: &str) -> std::result::Result<Settings, String> {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let given = Given::read(&words, &|_| None, true).map_err(|error| error.to_string())?;
        Settings::read(&given, true).map_err(|error| error.to_string())
    }

    #[test]
    fn the_guides_deployment_is_understood() {
        let settings = read(&format!("{GUIDE} --admin-insecure-mode --wallet-key k")).unwrap();
        assert_eq!(settings.agent.endpoints, ["http://127.0.0.1:8030"]);
        assert!(settings.agent.auto_ping_connection && settings.agent.auto_respond_messages);
        assert_eq!(settings.inbound, [(Inbound::Http, "0.0.0.0:8030".parse().unwrap())]);
        let notes = settings.notes.join("\n");
        assert!(notes.contains("--genesis-url") && notes.contains("--preserve-exchange-records"), "{notes}");
        let (admin, api) = settings.admin.unwrap();
        assert_eq!(
            (admin.port(), api.api_key.is_none(), api.config["wallet.type"].as_str()),
            (8031, true, Some("indy"))
        );
        assert!(!serde_json::to_string(&api.config).unwrap().contains("Trustee1"));
    }

    #[test]
    fn what_does_not_go_together_is_told_as_the_original_tells_it() {
        for (more, expected) in [
            ("--wallet-key k", "Either --admin-api-key or --admin-insecure-mode must be set but not both."),
            (
                "--wallet-key k --admin-api-key a --admin-insecure-mode",
                "Either --admin-api-key or --admin-insecure-mode must be set but not both.",
            ),
            (
                "--admin-insecure-mode",
                "Parameters --wallet-name and --wallet-key must be provided for persistent wallets",
            ),
            (
                "--admin-insecure-mode --wallet-key vault:a",
                "--wallet-key: a reference to a vault is written vault:PATH#FIELD",
            ),
            (
                "--admin-insecure-mode --wallet-key k --multitenant",
                "--multitenant: tenants are not built yet, and one wallet for all of them would mix what must be apart",
            ),
            (
                "--admin-insecure-mode --wallet-key k --max-message-size x",
                "--max-message-size x: a number of bytes, or 2M, is expected",
            ),
        ] {
            assert_eq!(read(&format!("{GUIDE} {more}")).unwrap_err(), expected);
        }
        assert_eq!(
            read("--wallet-type in_memory -it http 0 1 -ot http").unwrap_err(),
            "-e/--endpoint is required"
        );
        assert_eq!(
            read("--wallet-type in_memory -e http://a").unwrap_err(),
            "-it/--inbound-transport is required"
        );
        assert_eq!(
            read("--wallet-type in_memory -e http://a -it http 127.0.0.1 1").unwrap_err(),
            "-ot/--outbound-transport is required"
        );
    }
}

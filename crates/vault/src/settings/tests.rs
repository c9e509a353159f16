use std::collections::HashMap;
use std::path::Path;

use serde_json::json;
use tempfile::TempDir;
use trustkeep_chassis::tls::{ClientCertificates, TlsVersion};

use super::*;

/// Loads these files, each given as name and text, from one folder.
fn load_files(files: &[(&str, &str)], env: &[(&str, &str)]) -> (TempDir, Result<Settings, Problems>) {
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    for (name, text) in files {
        paths.push(folder.path().join(name));
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let env: HashMap<String, String> = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let settings = Settings::load(&paths, &|name| env.get(name).cloned());
    (folder, settings)
}

fn load(text: &str, env: &[(&str, &str)]) -> Settings {
    load_files(&[("v.hcl", text)], env).1.unwrap_or_else(|problems| panic!("{problems}"))
}

/// The problems of a file, with the folder left out.
fn problems(text: &str) -> Vec<String> {
    problems_of(&[("v.hcl", text)])
}

fn problems_of(files: &[(&str, &str)]) -> Vec<String> {
    let (folder, settings) = load_files(files, &[]);
    let folder = format!("{}/", folder.path().display());
    settings.unwrap_err().iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
}

const LISTENER: &str = "listener \"tcp\" { tls_disable = true }\n";

/// The guide's file: truth values as strings, credentials in the file.
const GUIDE: &str = r#"
api_addr     = "http://10.0.0.1:8200"
cluster_addr = "http://10.0.0.1:8201"
ui           = true
log_level    = "Info"

listener "tcp" {
	address         = "10.0.0.1:8200"
	cluster_address = "10.0.0.1:8201"
	tls_disable     = "true" # behind a load balancer
}

storage "dynamodb" {
	ha_enabled = "true"
	region     = "ap-northeast-1"
	table      = "vault"
	access_key = "AKIAPLANTED"
	secret_key = "planted-secret-1"
}

seal "awskms" {
	region     = "ap-northeast-1"
	access_key = "AKIAPLANTED"
	secret_key = "planted-secret-2"
	kms_key_id = "19ec80b0-dfdd-4d97-8164-c6examplekey"
}
"#;

#[test]
fn the_guides_file_is_read() {
    let settings = load(GUIDE, &[]);
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
    assert_eq!(settings.api_addr.as_deref(), Some("http://10.0.0.1:8200"));
    assert!(settings.ui);
    assert_eq!(settings.log_level.as_str(), "info");
    assert_eq!(settings.listeners[0].address.to_string(), "10.0.0.1:8200");
    assert!(settings.listeners[0].tls.is_none());
    let Storage::Dynamodb(dynamodb) = &settings.storage else { panic!("{settings:?}") };
    assert!(dynamodb.ha_enabled);
    assert_eq!((dynamodb.table.as_str(), dynamodb.region.as_str()), ("vault", "ap-northeast-1"));
    assert_eq!(dynamodb.secret_key.as_ref().unwrap().expose(), "planted-secret-1");
    assert_eq!((dynamodb.max_parallel, dynamodb.read_capacity, dynamodb.max_retries), (128, 5, None));
    let Some(Seal::AwsKms(kms)) = &settings.seal else { panic!("{settings:?}") };
    assert_eq!(kms.kms_key_id, "19ec80b0-dfdd-4d97-8164-c6examplekey");
    assert_eq!(kms.secret_key.as_ref().unwrap().expose(), "planted-secret-2");
    assert!(!format!("{settings:?}").contains("planted-secret"));
}

#[test]
fn json_says_the_same_with_and_without_lists() {
    let tcp = json!({"address": "10.0.0.1:8200", "cluster_address": "10.0.0.1:8201", "tls_disable": 1});
    let dynamodb = json!({"ha_enabled": true, "region": "ap-northeast-1", "table": "vault",
        "access_key": "AKIAPLANTED", "secret_key": "planted-secret-1"});
    let kms = json!({"region": "ap-northeast-1", "access_key": "AKIAPLANTED", "secret_key": "planted-secret-2",
        "kms_key_id": "19ec80b0-dfdd-4d97-8164-c6examplekey"});
    let file = |listener, storage, seal| {
        json!({"api_addr": "http://10.0.0.1:8200", "cluster_addr": "http://10.0.0.1:8201", "ui": "true",
            "log_level": "Info", "listener": listener, "storage": storage, "seal": seal})
        .to_string()
    };
    let expected = format!("{:?}", load(GUIDE, &[]));
    for text in [
        file(json!({"tcp": tcp}), json!({"dynamodb": dynamodb}), json!({"awskms": kms})),
        file(json!([{"tcp": tcp}]), json!([{"dynamodb": dynamodb}]), json!([{"awskms": kms}])),
        file(json!([{"tcp": [tcp]}]), json!({"dynamodb": [dynamodb]}), json!({"awskms": kms})),
    ] {
        let settings = load_files(&[("v.json", &text)], &[]).1.unwrap();
        assert_eq!(format!("{settings:?}"), expected, "{text}");
    }
}

#[test]
fn the_file_of_hvacs_tests_is_read() {
    let settings = load(
        r#"backend "inmem" {
        }

        listener "tcp" {
          tls_cert_file = "tests/config_files/server-cert.pem"
          tls_key_file  = "tests/config_files/server-key.pem"
          tls_min_version = "tls10"
          address = "127.0.0.1:8204"
        }

        disable_mlock = true

        default_lease_ttl = "768h"
        max_lease_ttl = "768h""#,
        &[],
    );
    assert!(matches!(settings.storage, Storage::Inmem) && settings.disable_mlock);
    let tls = settings.listeners[0].tls.as_ref().unwrap();
    assert_eq!(tls.key_file, Path::new("tests/config_files/server-key.pem"));
    assert_eq!(
        (tls.version_min, &tls.client_certificates),
        (TlsVersion::Tls12, &ClientCertificates::Requested)
    );
    assert_eq!(settings.warnings.len(), 1);
    assert!(
        settings.warnings[0].ends_with(
            "v.hcl:7: listener.tcp.tls_min_version: \"tls10\" is broken and not offered; tls12 is used"
        ),
        "{:?}",
        settings.warnings
    );
}

#[test]
fn what_is_not_said_has_vaults_defaults() {
    let settings = load(&format!("storage \"file\" {{ path = \"/d\" }}\n{LISTENER}"), &[]);
    assert!(matches!(&settings.storage, Storage::File { path } if path == Path::new("/d")));
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    assert_eq!((settings.default_lease_ttl, settings.max_lease_ttl), (hours(768), hours(768)));
    assert_eq!((settings.cache_size, settings.log_format), (131_072, LogFormat::Standard));
    assert_eq!(settings.telemetry.prometheus_retention_time, hours(24));
    assert!(
        settings.seal.is_none() && settings.ha_storage.is_none() && !settings.ui && !settings.disable_mlock
    );
    let listener = &settings.listeners[0];
    assert_eq!(listener.address.to_string(), "127.0.0.1:8200");
    assert_eq!(listener.cluster_address.to_string(), "127.0.0.1:8201");
    assert_eq!((listener.max_request_size, listener.max_request_duration.as_secs()), (33_554_432, 90));
    assert_eq!((listener.http_read_timeout.as_secs(), listener.http_idle_timeout.as_secs()), (30, 300));
    assert_eq!((listener.http_read_header_timeout.as_secs(), listener.http_write_timeout.as_secs()), (10, 0));
}

#[test]
fn a_listener_is_read_whole() {
    let settings = load(
        r#"
        storage "inmem" {}
        default_max_request_duration = "20s"
        telemetry { prometheus_retention_time = "30s" disable_hostname = "1" prefix_filter = ["+vault.token"] }
        listener "tcp" {
          address = ":8200"
          tls_cert_file = "c" tls_key_file = "k" tls_client_ca_file = "ca"
          tls_require_and_verify_client_cert = "true"
          tls_max_version = "tls13"
          max_request_size = "1024"
          x_forwarded_for_authorized_addrs = "10.0.0.0/8, 192.168.1.1"
          x_forwarded_for_hop_skips = "1"
          x_forwarded_for_reject_not_present = false
          telemetry { unauthenticated_metrics_access = true }
          custom_response_headers {
            "404" = { "X-Not" = "here, or there" }
            "default" = { "Strict-Transport-Security" = ["max-age=31536000", "includeSubDomains"] }
            "2xx" = {}
          }
        }"#,
        &[],
    );
    let listener = &settings.listeners[0];
    let tls = listener.tls.as_ref().unwrap();
    assert_eq!(tls.client_certificates, ClientCertificates::Required("ca".into()));
    assert_eq!((listener.max_request_size, listener.max_request_duration.as_secs()), (1024, 20));
    assert!(listener.unauthenticated_metrics_access);
    let forwarded = listener.x_forwarded_for.as_ref().unwrap();
    let networks: Vec<_> = forwarded.authorized.iter().map(ToString::to_string).collect();
    assert_eq!(networks, ["10.0.0.0/8", "192.168.1.1/32"]);
    assert!(forwarded.hop_skips == 1 && forwarded.reject_not_authorized && !forwarded.reject_not_present);
    let headers = &listener.custom_response_headers;
    let statuses: Vec<_> = headers.iter().map(|headers| headers.status).collect();
    assert_eq!(statuses, [StatusMatch::Default, StatusMatch::Class(2), StatusMatch::Code(404)]);
    assert_eq!(headers[0].headers[0].1, "max-age=31536000; includeSubDomains");
    assert_eq!(headers[2].headers[0].1, "here, or there");
    assert_eq!(settings.telemetry.prefix_filter, ["+vault.token"]);
    assert!(settings.telemetry.disable_hostname);
    assert!(settings.warnings.is_empty(), "{:?}", settings.warnings);
}

#[test]
fn the_environment_beats_the_files() {
    let settings = load(
        GUIDE,
        &[
            ("VAULT_API_ADDR", "https://vault.example.org:8200/"),
            ("VAULT_CLUSTER_ADDR", ""),
            ("VAULT_UI", "false"),
            ("VAULT_LOG_LEVEL", "debug"),
            ("VAULT_LOG_FORMAT", "json"),
            ("VAULT_DISABLE_MLOCK", "1"),
            ("AWS_DYNAMODB_TABLE", "other"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_DYNAMODB_REGION", "eu-west-2"),
            ("AWS_DYNAMODB_ENDPOINT", "http://127.0.0.1:8000"),
            ("AWS_DYNAMODB_MAX_RETRIES", "3"),
            ("AWS_DYNAMODB_WRITE_CAPACITY", "7"),
            ("DYNAMODB_HA_ENABLED", "false"),
            ("VAULT_AWSKMS_SEAL_KEY_ID", "alias/v"),
            ("AWS_KMS_ENDPOINT", "http://127.0.0.1:1"),
            ("AWS_ACCESS_KEY_ID", "AKIAENV"),
            ("AWS_SECRET_ACCESS_KEY", "env-secret"),
        ],
    );
    assert_eq!(settings.api_addr.as_deref(), Some("https://vault.example.org:8200"));
    assert_eq!(settings.cluster_addr.as_deref(), Some("http://10.0.0.1:8201"));
    assert!(!settings.ui && settings.disable_mlock);
    assert_eq!((settings.log_level, settings.log_format), (LogLevel::Debug, LogFormat::Json));
    let Storage::Dynamodb(dynamodb) = &settings.storage else { panic!("{settings:?}") };
    assert_eq!((dynamodb.table.as_str(), dynamodb.region.as_str()), ("other", "eu-west-2"));
    assert_eq!((dynamodb.max_retries, dynamodb.write_capacity, dynamodb.ha_enabled), (Some(3), 7, false));
    assert_eq!(dynamodb.access_key.as_deref(), Some("AKIAPLANTED"));
    let Some(Seal::AwsKms(kms)) = &settings.seal else { panic!("{settings:?}") };
    assert_eq!((kms.kms_key_id.as_str(), kms.region.as_str()), ("alias/v", "eu-west-1"));
    assert_eq!(kms.secret_key.as_ref().unwrap().expose(), "env-secret");

    let bare = format!("storage \"postgresql\" {{}}\n{LISTENER}");
    let env = [
        ("VAULT_PG_CONNECTION_URL", "postgres://u:p@h/v"),
        ("VAULT_SEAL_TYPE", "awskms"),
        ("VAULT_AWSKMS_SEAL_KEY_ID", "k"),
    ];
    let settings = load(&bare, &env);
    let Storage::Postgresql(postgresql) = &settings.storage else { panic!("{settings:?}") };
    assert_eq!(postgresql.connection_url.expose(), "postgres://u:p@h/v");
    assert!(matches!(&settings.seal, Some(Seal::AwsKms(kms)) if kms.kms_key_id == "k"));
    assert!(!format!("{settings:?}").contains("u:p@"));
}

#[test]
fn a_seal_to_migrate_from_stands_beside_the_one_in_force() {
    let text = format!(
        r#"storage "inmem" {{}}
        seal "awskms" {{ kms_key_id = "k" disabled = "true" }}
        seal "transit" {{ address = "https://v:8200" token = "hvs.planted" key_name = "n" mount_path = "transit/" }}
        {LISTENER}"#
    );
    let settings = load(&text, &[]);
    assert!(matches!(settings.disabled_seal, Some(Seal::AwsKms(_))));
    assert!(matches!(&settings.seal, Some(Seal::Transit(transit)) if transit.key_name == "n"));
    assert!(!format!("{settings:?}").contains("planted"));
}

#[test]
fn files_and_folders_are_merged() {
    let one = "storage \"inmem\" {}\nui = true\nlog_level = \"warn\"\nlistener \"tcp\" { tls_disable = 1 }";
    let two = "{\"log_level\": \"error\", \"listener\": {\"tcp\": {\"address\": \"[::1]:1\", \"tls_disable\": true}}}";
    let (folder, settings) = load_files(&[("a.hcl", one), ("b.json", two)], &[]);
    let settings = settings.unwrap();
    assert!(settings.ui);
    assert_eq!((settings.log_level, settings.listeners.len()), (LogLevel::Error, 2));
    std::fs::write(folder.path().join("notes.txt"), "not { read").unwrap();
    let of_folder = Settings::load(&[folder.path().to_owned()], &|_| None).unwrap();
    assert_eq!(format!("{of_folder:?}"), format!("{settings:?}"));
}

#[test]
fn unknown_blocks_are_problems_and_unknown_keys_are_warnings() {
    let found = problems(
        "storage \"inmem\" {}\nlisener \"tcp\" {}\nlistener \"tcp\" {\n tls_disable = true\n telemtry {}\n}",
    );
    assert_eq!(
        found,
        [
            "v.hcl:2: lisener: unknown stanza; did you mean \"listener\"?",
            "v.hcl:5: listener.tcp.telemtry: unknown stanza; did you mean \"telemetry\"?",
        ]
    );
    let text = "storage \"inmem\" { pth = 1 }\nlog_levl = \"info\"\nplugin_directory = \"/p\"\n\
        service_registration \"kubernetes\" {}\ntelemetry { statsd_address = \"x\" }\n\
        listener \"tcp\" { tls_disable = true tls_cipher_suites = \"x\" }";
    let (folder, settings) = load_files(&[("v.hcl", text)], &[]);
    let folder = format!("{}/", folder.path().display());
    let warnings: Vec<_> =
        settings.unwrap().warnings.iter().map(|warning| warning.replace(&folder, "")).collect();
    assert_eq!(
        warnings,
        [
            "v.hcl:2: log_levl: unknown key; did you mean \"log_level\"?",
            "v.hcl:3: plugin_directory: has no effect in this server",
            "v.hcl:4: service_registration: has no effect in this server",
            "v.hcl:1: storage.inmem.pth: unknown key",
            "v.hcl:6: listener.tcp.tls_cipher_suites: has no effect in this server",
            "v.hcl:5: telemetry.statsd_address: has no effect in this server",
        ]
    );
}

#[test]
fn every_mistake_has_its_own_words() {
    let inmem = |text: &str| format!("storage \"inmem\" {{}}\n{text}");
    for (text, expected) in [
        (
            "storage \"inmem\" {".to_owned(),
            "v.hcl:1: column 18: expected a key or \"}\", found the end of the text",
        ),
        ("ui true".to_owned(), "v.hcl:1: column 8: expected \"{\" after \"true\", found the end of the text"),
        (
            inmem("ui = yes"),
            "v.hcl:2: column 6: expected a value, found a bare word; texts stand in double quotes",
        ),
        (
            LISTENER.to_owned(),
            "v.hcl: storage: is missing; add storage \"file\" { path = \"…\" } (supported: file, inmem, postgresql, dynamodb)",
        ),
        (inmem(""), "v.hcl: listener: is missing; add listener \"tcp\" { address = \"127.0.0.1:8200\" … }"),
        (
            inmem("storage \"file\" { path = \"/d\" }"),
            "v.hcl:2: storage: there can be only one; remove one of the two",
        ),
        (
            inmem("backend \"file\" { path = \"/d\" }"),
            "v.hcl:2: backend: there can be only one; remove one of the two",
        ),
        (
            "storage \"raft\" {}".to_owned(),
            "v.hcl:1: storage.raft: \"raft\" is not a storage of this server; supported: file, inmem, postgresql, dynamodb",
        ),
        (
            "storage {}".to_owned(),
            "v.hcl:1: storage: names no kind: storage \"file\" { … } (supported: file, inmem, postgresql, dynamodb)",
        ),
        ("storage = \"file\"".to_owned(), "v.hcl:1: storage: expected a block, found a string"),
        (
            "storage \"file\" {}".to_owned(),
            "v.hcl:1: storage.file.path: is missing; name the folder for the data",
        ),
        (
            inmem("ha_storage \"file\" { path = \"/d\" }"),
            "v.hcl:2: ha_storage.file: \"file\" cannot be shared by nodes; use postgresql or dynamodb",
        ),
        (
            "storage \"postgresql\" {}".to_owned(),
            "v.hcl:1: storage.postgresql.connection_url: is missing; give it here or in VAULT_PG_CONNECTION_URL (\"postgres://user:password@host/vault\")",
        ),
        (
            "storage \"dynamodb\" { access_key = \"a\" }".to_owned(),
            "v.hcl:1: storage.dynamodb.secret_key: is missing, but access_key is there",
        ),
        (
            "storage \"dynamodb\" {\n max_parallel = \"many\" }".to_owned(),
            "v.hcl:2: storage.dynamodb.max_parallel: \"many\" is not a whole number in the allowed range",
        ),
        (
            "storage \"dynamodb\" {\n secret_key = [1] }".to_owned(),
            "v.hcl:2: storage.dynamodb.secret_key: expected one value, found a list",
        ),
        (inmem("ui = \"maybe\""), "v.hcl:2: ui: \"maybe\" is not true or false"),
        (inmem("ui = []"), "v.hcl:2: ui: expected one value, found a list"),
        (
            inmem("max_lease_ttl = \"1x\""),
            "v.hcl:2: max_lease_ttl: \"1x\" is not a duration (\"30s\", \"1h30m\", \"768h\", \"1d\", or a number of seconds)",
        ),
        (
            inmem("max_lease_ttl = \"1h\"\ndefault_lease_ttl = \"2h\""),
            "v.hcl:3: default_lease_ttl: is longer than max_lease_ttl",
        ),
        (
            inmem("api_addr = \"10.0.0.1:8200\""),
            "v.hcl:2: api_addr: \"10.0.0.1:8200\" is not a URL (\"https://vault.example.org:8200\")",
        ),
        (
            inmem("log_level = \"loud\""),
            "v.hcl:2: log_level: \"loud\" is not a log level (trace, debug, info, warn, error)",
        ),
        (inmem("log_format = \"xml\""), "v.hcl:2: log_format: \"xml\" is not a log format (standard, json)"),
        (
            inmem("listener \"unix\" {}"),
            "v.hcl:2: listener.unix: \"unix\" is not a listener of this server; supported: tcp",
        ),
        (
            inmem("listener \"tcp\" {\n tls_disable = true\n address = \"127.0.0.1\" }"),
            "v.hcl:4: listener.tcp.address: \"127.0.0.1\" is not an address with a port (\"127.0.0.1:8200\", \"[::1]:8200\")",
        ),
        (
            inmem("listener \"tcp\" {\n tls_key_file = \"k\" }"),
            "v.hcl:2: listener.tcp.tls_cert_file: is missing; give tls_cert_file and tls_key_file, or tls_disable = true",
        ),
        (
            inmem(
                "listener \"tcp\" { tls_key_file = \"k\" tls_cert_file = \"c\" tls_require_and_verify_client_cert = true }",
            ),
            "v.hcl:2: listener.tcp.tls_client_ca_file: is missing; name the authorities that tls_require_and_verify_client_cert trusts",
        ),
        (
            inmem("listener \"tcp\" { tls_disable = true custom_response_headers { \"2x\" = {} } }"),
            "v.hcl:2: listener.tcp.custom_response_headers.2x: expected \"default\", a class (\"2xx\") or a code (\"404\")",
        ),
        (
            inmem(
                "listener \"tcp\" { tls_disable = true custom_response_headers { \"200\" = { X-Vault-A = \"b\" } } }",
            ),
            "v.hcl:2: listener.tcp.custom_response_headers.200.X-Vault-A: headers that begin with X-Vault- are the server's own",
        ),
        (
            inmem("seal \"pkcs11\" {}"),
            "v.hcl:2: seal: \"pkcs11\" is not a seal of this server; supported: shamir, awskms, transit",
        ),
        (
            inmem("seal \"awskms\" {}"),
            "v.hcl:2: seal.awskms.kms_key_id: is missing; give it here or in VAULT_AWSKMS_SEAL_KEY_ID",
        ),
        (
            inmem("seal \"shamir\" {}\nseal \"shamir\" {}"),
            "v.hcl:3: seal.shamir: there can be only one that is not disabled",
        ),
    ] {
        let found = problems(&text);
        assert!(found.iter().any(|problem| problem == expected), "{text}\n{expected}\n{found:#?}");
    }
}

#[test]
fn all_problems_are_reported_at_once() {
    let found = problems_of(&[
        ("a.hcl", "storage \"file\" {}\nui = \"maybe\"\n"),
        ("b.hcl", "listener \"tcp\" { address = \"x\" }\n"),
        ("c.hcl", "listener \"tcp\" {\n"),
    ]);
    let expected = [
        "c.hcl:2: column 1: expected a key or \"}\", found the end of the text",
        "a.hcl:1: storage.file.path: is missing; name the folder for the data",
        "b.hcl:1: listener.tcp.address: \"x\" is not an address with a port (\"127.0.0.1:8200\", \"[::1]:8200\")",
        "b.hcl:1: listener.tcp.tls_cert_file: is missing; give tls_cert_file and tls_key_file, or tls_disable = true",
        "b.hcl:1: listener.tcp.tls_key_file: is missing; give tls_cert_file and tls_key_file, or tls_disable = true",
        "a.hcl:2: ui: \"maybe\" is not true or false",
    ];
    assert_eq!(found, expected);
    let missing = Settings::load(&[PathBuf::from("/nowhere/v.hcl")], &|_| None).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/v.hcl: the file cannot be read: "), "{missing}");
    let none = Settings::load(&[], &|_| None).unwrap_err().to_string();
    assert!(none.contains("no configuration file is given (-config=FILE)"), "{none}");
}

#[test]
fn lockouts_are_read_by_method() {
    let top = format!("storage \"inmem\" {{}}\n{LISTENER}");
    let stanzas = "user_lockout \"all\" { lockout_duration = \"10m\" }\n\
                   user_lockout \"userpass\" { lockout_threshold = \"25\"  disable_lockout = \"true\" }\n";
    let rules = load(&format!("{top}{stanzas}"), &[("VAULT_DISABLE_USER_LOCKOUT", "false")]).user_lockout;
    assert_eq!((rules.by_kind["all"].duration, rules.by_kind["all"].threshold), (Some(600), None));
    assert_eq!(
        (rules.by_kind["userpass"].threshold, rules.by_kind["userpass"].disabled),
        (Some(25), Some(true))
    );
    assert_eq!(rules.disabled, Some(false));
    let wrong = problems(&format!("{top}user_lockout \"github\" {{ lockout_threshold = 3 }}\n"));
    assert!(wrong.len() == 1 && wrong[0].contains("has no lockout"), "{wrong:?}");
}

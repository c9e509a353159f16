use std::path::PathBuf;

use trustkeep_chassis::config::value;
use trustkeep_crypto::SecretString;

use super::section::{Keys, Reader, Section};

/// The kinds that this server has.
pub(super) const SUPPORTED: &str = "supported: file, inmem, postgresql, dynamodb";

/// Where data, or leadership, is kept.
#[derive(Debug)]
pub enum Storage {
    /// A folder of this machine.
    File {
        /// The folder.
        path: PathBuf,
    },
    /// Memory, lost at the end; also written `inmem_ha`.
    Inmem,
    /// A PostgreSQL database.
    Postgresql(Postgresql),
    /// A DynamoDB table.
    Dynamodb(Dynamodb),
}

/// `storage "postgresql"`
#[derive(Debug)]
pub struct Postgresql {
    /// With the password. `VAULT_PG_CONNECTION_URL` beats it.
    pub connection_url: SecretString,
    /// `None`: the server's own.
    pub table: Option<String>,
    /// Operations at one time.
    pub max_parallel: usize,
    /// Connections kept open without work.
    pub max_idle_connections: Option<usize>,
    /// Whether several nodes share it.
    pub ha_enabled: bool,
    /// `None`: the server's own.
    pub ha_table: Option<String>,
}

/// `storage "dynamodb"`. Each key but the credentials can come from the environment, which wins.
#[derive(Debug)]
pub struct Dynamodb {
    /// `AWS_DYNAMODB_TABLE`; else `vault-dynamodb-backend`.
    pub table: String,
    /// `AWS_DYNAMODB_REGION`, `AWS_REGION`, `AWS_DEFAULT_REGION`; else `us-east-1`.
    pub region: String,
    /// `AWS_DYNAMODB_ENDPOINT`; `None`: the region's.
    pub endpoint: Option<String>,
    /// With `secret_key`; without them, the environment, the profile or the machine's role gives credentials.
    pub access_key: Option<String>,
    /// With `access_key`.
    pub secret_key: Option<SecretString>,
    /// Of temporary credentials.
    pub session_token: Option<SecretString>,
    /// Whether several nodes share it. `DYNAMODB_HA_ENABLED`.
    pub ha_enabled: bool,
    /// Requests at one time.
    pub max_parallel: usize,
    /// Of a table that the server creates. `AWS_DYNAMODB_READ_CAPACITY`.
    pub read_capacity: u32,
    /// Of a table that the server creates. `AWS_DYNAMODB_WRITE_CAPACITY`.
    pub write_capacity: u32,
    /// `AWS_DYNAMODB_MAX_RETRIES`; `None`: the backend's.
    pub max_retries: Option<u32>,
}

impl Storage {
    /// Whether several nodes share it, one of them active.
    pub fn ha_enabled(&self) -> bool {
        match self {
            Storage::Postgresql(settings) => settings.ha_enabled,
            Storage::Dynamodb(settings) => settings.ha_enabled,
            Storage::File { .. } | Storage::Inmem => false,
        }
    }

    /// Its name as `seal-status` shows it.
    pub fn kind(&self) -> &'static str {
        match self {
            Storage::File { .. } => "file",
            Storage::Inmem => "inmem",
            Storage::Postgresql(_) => "postgresql",
            Storage::Dynamodb(_) => "dynamodb",
        }
    }
}

/// The one storage under these keys.
pub(super) fn only(top: &Section<'_>, keys: &[&str], reader: &mut Reader<'_>) -> Option<Storage> {
    let mut stanzas = Vec::new();
    for key in keys {
        for stanza in top.blocks(key, reader) {
            let found = stanza.all_blocks(reader);
            if found.is_empty() {
                reader.problems.add(
                    stanza.place(),
                    *key,
                    format!("names no kind: {key} \"file\" {{ … }} ({SUPPORTED})"),
                );
            }
            stanzas.extend(found.into_iter().map(|(kind, section)| (*key, kind, section)));
        }
    }
    if let Some((key, _, second)) = stanzas.get(1) {
        let message = "there can be only one; remove one of the two";
        reader.problems.add(second.place(), *key, message);
        return None;
    }
    let (key, kind, section) = stanzas.into_iter().next()?;
    parse(key, &kind, &section, reader)
}

/// What old files have in this stanza.
const MOVED: [&str; 5] =
    ["redirect_addr", "advertise_addr", "api_addr", "cluster_addr", "disable_clustering"];

fn parse(key: &str, kind: &str, section: &Section<'_>, reader: &mut Reader<'_>) -> Option<Storage> {
    let check = |keys: &'static [&'static str], reader: &mut Reader<'_>| {
        let known = Keys { keys, blocks: &[], without_effect: &MOVED, prefixes_without_effect: &[] };
        section.check_keys(&known, reader);
    };
    match kind {
        "file" if key.starts_with("ha_") => {
            section.problem("", "\"file\" cannot be shared by nodes; use postgresql or dynamodb", reader);
            None
        }
        "file" => {
            check(&["path"], reader);
            let path = section.path("path", &[], reader);
            if path.is_none() {
                section.problem("path", "is missing; name the folder for the data", reader);
            }
            path.map(|path| Storage::File { path })
        }
        "inmem" | "inmem_ha" | "inmem_transactional" | "inmem_transactional_ha" => {
            check(&[], reader);
            Some(Storage::Inmem)
        }
        "postgresql" => {
            check(
                &[
                    "connection_url",
                    "table",
                    "max_parallel",
                    "max_idle_connections",
                    "ha_enabled",
                    "ha_table",
                ],
                reader,
            );
            postgresql(section, reader).map(Storage::Postgresql)
        }
        "dynamodb" => {
            check(
                &[
                    "table",
                    "region",
                    "endpoint",
                    "access_key",
                    "secret_key",
                    "session_token",
                    "ha_enabled",
                    "max_parallel",
                    "read_capacity",
                    "write_capacity",
                    "dynamodb_max_retries",
                ],
                reader,
            );
            dynamodb(section, reader).map(Storage::Dynamodb)
        }
        other => {
            section.problem("", format!("\"{other}\" is not a storage of this server; {SUPPORTED}"), reader);
            None
        }
    }
}

fn postgresql(section: &Section<'_>, reader: &mut Reader<'_>) -> Option<Postgresql> {
    let connection_url = section.secret("connection_url", &["VAULT_PG_CONNECTION_URL"], reader);
    if connection_url.is_none() {
        let message = "is missing; give it here or in VAULT_PG_CONNECTION_URL (\"postgres://user:password@host/vault\")";
        section.problem("connection_url", message, reader);
    }
    Some(Postgresql {
        table: section.text("table", &[], reader),
        max_parallel: max_parallel(section, reader),
        max_idle_connections: section.get("max_idle_connections", &[], value::number, reader),
        ha_enabled: section.boolean("ha_enabled", &[], reader).unwrap_or(false),
        ha_table: section.text("ha_table", &[], reader),
        // Last, so that the others' problems are noted without it.
        connection_url: connection_url?,
    })
}

fn dynamodb(section: &Section<'_>, reader: &mut Reader<'_>) -> Option<Dynamodb> {
    const REGION: [&str; 3] = ["AWS_DYNAMODB_REGION", "AWS_REGION", "AWS_DEFAULT_REGION"];
    let capacity = |key: &str, env: &str, reader: &mut Reader<'_>| {
        section.get(key, &[env], value::number::<u32>, reader).filter(|units| *units > 0).unwrap_or(5)
    };
    let access_key = section.text("access_key", &[], reader);
    let secret_key = section.secret("secret_key", &[], reader);
    check_pair(section, access_key.is_some(), secret_key.is_some(), reader);
    Some(Dynamodb {
        table: section
            .text("table", &["AWS_DYNAMODB_TABLE"], reader)
            .unwrap_or_else(|| "vault-dynamodb-backend".to_owned()),
        region: section.text("region", &REGION, reader).unwrap_or_else(|| "us-east-1".to_owned()),
        endpoint: section.text("endpoint", &["AWS_DYNAMODB_ENDPOINT"], reader),
        access_key,
        secret_key,
        session_token: section.secret("session_token", &[], reader),
        ha_enabled: section.boolean("ha_enabled", &["DYNAMODB_HA_ENABLED"], reader).unwrap_or(false),
        max_parallel: max_parallel(section, reader),
        read_capacity: capacity("read_capacity", "AWS_DYNAMODB_READ_CAPACITY", reader),
        write_capacity: capacity("write_capacity", "AWS_DYNAMODB_WRITE_CAPACITY", reader),
        max_retries: section.get(
            "dynamodb_max_retries",
            &["AWS_DYNAMODB_MAX_RETRIES"],
            value::number,
            reader,
        ),
    })
}

fn max_parallel(section: &Section<'_>, reader: &mut Reader<'_>) -> usize {
    section.get("max_parallel", &[], value::number, reader).filter(|parallel| *parallel > 0).unwrap_or(128)
}

/// One half of a key pair is a mistake.
pub(super) fn check_pair(section: &Section<'_>, access_key: bool, secret_key: bool, reader: &mut Reader<'_>) {
    match (access_key, secret_key) {
        (true, false) => section.problem("secret_key", "is missing, but access_key is there", reader),
        (false, true) => section.problem("access_key", "is missing, but secret_key is there", reader),
        _ => {}
    }
}

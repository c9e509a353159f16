//! The store behind a Ledger or an Auditor, as ScalarDB's keys in its `.properties` say.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rand::SeedableRng as _;
use trustkeep_crypto::SecretString;
use trustkeep_scalar_rpc::properties::Properties;
use trustkeep_store::{MemoryStore, SharedStore, Table};
use trustkeep_store_dynamodb::{DynamoStore, Settings as DynamoSettings};
use trustkeep_store_embedded::EmbeddedStore;
use trustkeep_store_postgres::{PostgresSettings, PostgresStore, schema_ddl};
use zeroize::Zeroizing;

use super::growing_settings;

/// An open store.
pub(crate) struct ScalarStore {
    pub(crate) store: SharedStore,
    embedded: Option<Arc<EmbeddedStore>>,
}

/// Where `scalar.db.*` say that the store is.
enum Place<'a> {
    Memory,
    Embedded(&'a Path),
    Postgres(PostgresSettings),
    Dynamo(DynamoSettings),
}

impl ScalarStore {
    /// Opens the store that the properties name.
    pub(crate) async fn open(properties: &Properties) -> anyhow::Result<Self> {
        Ok(match place(properties)? {
            Place::Memory => Self { store: Arc::new(MemoryStore::new()), embedded: None },
            Place::Embedded(dir) => {
                let embedded = Arc::new(EmbeddedStore::open(growing_settings(dir))?);
                Self { store: embedded.clone(), embedded: Some(embedded) }
            }
            Place::Postgres(settings) => {
                let store = PostgresStore::open(settings).await.context("scalar.db.contact_points")?;
                Self { store: Arc::new(store), embedded: None }
            }
            Place::Dynamo(settings) => {
                let random = rand::rngs::StdRng::from_os_rng();
                let store = DynamoStore::open(settings, random).await.context("scalar.db.storage=dynamo")?;
                Self { store: Arc::new(store), embedded: None }
            }
        })
    }

    /// Closes it, so that the next server starts at once.
    pub(crate) async fn close(self) {
        let Self { store, embedded } = self;
        drop(store);
        if let Some(embedded) = embedded.and_then(Arc::into_inner) {
            embedded.close().await;
        }
    }
}

/// What `trustkeep schema --print` shows of these tables in the store that the properties name.
pub(crate) fn describe(properties: &Properties, tables: &[Table]) -> anyhow::Result<String> {
    Ok(match place(properties)? {
        Place::Memory => "scalar.db.storage=memory has no tables: nothing outlives the process\n".into(),
        Place::Embedded(_) => {
            "the embedded store makes its tables by itself: there is nothing to prepare\n".into()
        }
        Place::Postgres(settings) => schema_ddl(&settings, tables)?,
        Place::Dynamo(settings) => DynamoStore::describe(&settings, tables)?,
    })
}

/// What store the properties name, without any secret, and what these tables are called there.
pub(crate) fn list(properties: &Properties, tables: &[Table]) -> anyhow::Result<(String, Vec<String>)> {
    let (place, prefix) = match place(properties)? {
        Place::Memory => ("memory".into(), String::new()),
        Place::Embedded(dir) => (format!("the embedded store in {}", dir.display()), String::new()),
        Place::Postgres(_) => ("PostgreSQL".into(), String::new()),
        Place::Dynamo(settings) => (format!("DynamoDB, {}", settings.region), settings.table_prefix),
    };
    Ok((place, tables.iter().map(|table| format!("{prefix}{}", table.qualified())).collect()))
}

fn place(properties: &Properties) -> anyhow::Result<Place<'_>> {
    let storage = properties.text("scalar.db.storage").context(
        "scalar.db.storage is not set: embedded (a directory of this machine), jdbc (PostgreSQL), dynamo (DynamoDB) or \
         memory (for trying)",
    )?;
    let contact_points = || {
        let what = match storage {
            "embedded" => "the directory",
            "jdbc" => "jdbc:postgresql://HOST:PORT/DATABASE",
            _ => "the region",
        };
        let points = properties.text("scalar.db.contact_points");
        points.with_context(|| format!("scalar.db.contact_points is not set: {what}"))
    };
    match storage {
        "memory" => Ok(Place::Memory),
        "embedded" => Ok(Place::Embedded(Path::new(contact_points()?))),
        "jdbc" => Ok(Place::Postgres(postgres(properties, contact_points()?)?)),
        "dynamo" => Ok(Place::Dynamo(dynamo(properties, contact_points()?)?)),
        other => anyhow::bail!(
            "scalar.db.storage={other} is not one of embedded, jdbc (PostgreSQL), dynamo and memory"
        ),
    }
}

/// A JDBC URL of PostgreSQL as one of libpq's; user and password stand beside it.
fn postgres(properties: &Properties, url: &str) -> anyhow::Result<PostgresSettings> {
    let place = url.strip_prefix("jdbc:postgresql:").with_context(
        || "scalar.db.contact_points must begin with jdbc:postgresql://: other databases are not supported",
    )?;
    // Without a host the driver means this machine.
    let place = match place.strip_prefix("//") {
        Some(place) if place.starts_with('/') => format!("localhost{place}"),
        Some(place) => place.to_owned(),
        None => format!("localhost/{place}"),
    };
    let (place, query) = place.split_once('?').unwrap_or((&place, ""));
    let parameters: Vec<String> = query.split('&').filter_map(parameter).collect();
    let mut whole = Zeroizing::new(String::from("postgresql://"));
    if let Some(user) = properties.text("scalar.db.username") {
        encode(user, &mut whole);
        if let Some(password) = properties.secret("scalar.db.password") {
            whole.push(':');
            encode(password.expose(), &mut whole);
        }
        whole.push('@');
    }
    whole.push_str(&format!("{place}?{}", parameters.join("&")));
    PostgresSettings::parse(&whole).context("scalar.db.contact_points, scalar.db.username")
}

/// A parameter of the JDBC driver in libpq's words; `None` for one that says how the driver does its own work.
fn parameter(pair: &str) -> Option<String> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    match name {
        ""
        | "binaryTransfer"
        | "defaultRowFetchSize"
        | "loggerLevel"
        | "preparedStatementCacheQueries"
        | "preparedStatementCacheSizeMiB"
        | "prepareThreshold"
        | "reWriteBatchedInserts"
        | "tcpKeepAlive" => None,
        "ssl" if value == "false" => Some("sslmode=disable".into()),
        "ssl" => Some("sslmode=verify-full".into()),
        "ApplicationName" => Some(format!("application_name={value}")),
        "connectTimeout" => Some(format!("connect_timeout={value}")),
        _ => Some(pair.to_owned()),
    }
}

/// The region, with an access key as user and its secret as password, or the credentials that the environment has.
fn dynamo(properties: &Properties, region: &str) -> anyhow::Result<DynamoSettings> {
    let secret = properties.secret("scalar.db.password");
    let given = properties.text("scalar.db.username").zip(secret.as_ref().map(SecretString::expose));
    let credentials = match given {
        Some((key, secret)) => DynamoSettings::static_credentials(key, secret, None),
        None => super::environment_credentials(region)?,
    };
    let mut settings = DynamoSettings::new(region, credentials);
    settings.endpoint = properties.text("scalar.db.dynamo.endpoint_override").map(str::to_owned);
    settings.table_prefix =
        properties.text("scalar.db.dynamo.namespace.prefix").unwrap_or_default().to_owned();
    if settings.endpoint.as_ref().is_some_and(|endpoint| !endpoint.contains(".amazonaws.com")) {
        settings.transaction_rows_max = super::EMULATOR_ROWS_MAX;
    }
    Ok(settings)
}

/// Percent-encodes what stands before the host of a URL.
fn encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            into.push(char::from(byte));
        } else {
            into.push('%');
            for digit in [byte >> 4, byte & 15] {
                into.extend(char::from_digit(u32::from(digit), 16));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> anyhow::Result<String> {
        let properties = Properties::parse(text, &|_| None)?;
        Ok(match place(&properties)? {
            Place::Memory => "memory".into(),
            Place::Embedded(dir) => format!("embedded {}", dir.display()),
            Place::Postgres(_) => "postgres".into(),
            Place::Dynamo(settings) => format!("dynamo {} {:?}", settings.region, settings.endpoint),
        })
    }

    #[test]
    fn each_storage_is_told_by_its_keys() -> anyhow::Result<()> {
        assert_eq!(read("scalar.db.storage=memory")?, "memory");
        assert_eq!(read("scalar.db.storage=embedded\nscalar.db.contact_points=/data")?, "embedded /data");
        let jdbc = "scalar.db.storage=jdbc\nscalar.db.contact_points=jdbc:postgresql://127.0.0.1:5432/db\n\
                    scalar.db.username=a@b\nscalar.db.password=p:/@ %\n";
        assert_eq!(read(jdbc)?, "postgres");
        let dynamo = "scalar.db.storage=dynamo\nscalar.db.contact_points=eu-central-1\nscalar.db.username=k\n\
                      scalar.db.password=s\nscalar.db.dynamo.endpoint_override=http://localhost:8000\n";
        assert_eq!(read(dynamo)?, "dynamo eu-central-1 Some(\"http://localhost:8000\")");
        Ok(())
    }

    #[test]
    fn urls_of_jdbc_are_read_as_the_driver_reads_them() -> anyhow::Result<()> {
        for (url, host) in [
            ("jdbc:postgresql://db.example:6432/ledger?ssl=true&reWriteBatchedInserts=true", "db.example"),
            ("jdbc:postgresql://127.0.0.1/ledger?ApplicationName=me&connectTimeout=3", "127.0.0.1"),
            ("jdbc:postgresql:///ledger", "localhost"),
            ("jdbc:postgresql:ledger", "localhost"),
        ] {
            let properties =
                Properties::parse("scalar.db.username=u\nscalar.db.password=hushhush", &|_| None)?;
            let said = format!("{:?}", postgres(&properties, url)?);
            assert!(said.contains(host) && said.contains("Some(\"ledger\")"), "{said}");
            assert!(!said.contains("hushhush"), "{said}");
        }
        Ok(())
    }

    #[test]
    fn what_is_missing_is_named_and_no_password_shown() {
        for (text, says) in [
            ("", "scalar.db.storage is not set"),
            ("scalar.db.storage=cassandra", "cassandra is not one of"),
            ("scalar.db.storage=embedded", "scalar.db.contact_points is not set: the directory"),
            ("scalar.db.storage=jdbc\nscalar.db.contact_points=jdbc:mysql://h/d", "jdbc:postgresql://"),
            (
                "scalar.db.storage=jdbc\nscalar.db.contact_points=jdbc:postgresql://h:x/d\nscalar.db.username=u\n\
                 scalar.db.password=hushhush",
                "scalar.db.contact_points",
            ),
        ] {
            let error = format!("{:#}", read(text).unwrap_err());
            assert!(error.contains(says) && !error.contains("hushhush"), "{error}");
        }
    }
}

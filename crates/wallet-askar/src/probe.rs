//! What stands in a database before anything is opened or made there.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use trustkeep_wallet::{Error, Result};

use crate::failure::{Kind, kind_of_sqlx};
use crate::{AskarSettings, PostgresStorage, Storage};

/// How long another process may lock a SQLite file.
const BUSY_MAX: Duration = Duration::from_secs(5);
/// The database of libindy's schemes that keep all wallets in one.
const INDY_DATABASE: &str = "wallets";

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// No database, or an empty one.
    Nothing,
    /// An Askar store.
    Askar,
    /// A wallet of libindy.
    Indy,
    /// Tables of something else, in the way.
    Other,
}

/// Looks, and changes nothing.
pub(crate) async fn probe(settings: &AskarSettings) -> Result<Found> {
    let (found, refused) = match &settings.storage {
        Storage::Sqlite(file) => (sqlite(file).await, file.display().to_string()),
        Storage::Postgres(storage) => (postgres(settings, storage).await, settings.place()),
    };
    match found {
        Ok(found) => Ok(found),
        Err(error) => match kind_of_sqlx(&error) {
            Kind::Missing => Ok(Found::Nothing),
            Kind::Denied => Err(Error::Denied(format!("{refused}: {error}"))),
            Kind::Wrong => Err(Error::Invalid(format!("{refused}: {error}"))),
            _ => Err(Error::Unavailable(format!("{refused}: {error}"))),
        },
    }
}

async fn sqlite(file: &Path) -> sqlx::Result<Found> {
    if !file.exists() {
        return Ok(Found::Nothing);
    }
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(BUSY_MAX);
    let mut connection: SqliteConnection = options.disable_statement_logging().connect().await?;
    let tables = sqlx::query_scalar("SELECT name FROM sqlite_master WHERE type = 'table'")
        .fetch_all(&mut connection)
        .await?;
    connection.close().await?;
    Ok(judge(&tables))
}

async fn postgres(settings: &AskarSettings, storage: &PostgresStorage) -> sqlx::Result<Found> {
    let Some(url) = settings.postgres_url() else { return Ok(Found::Nothing) };
    let options = PgConnectOptions::from_str(url.expose())?.disable_statement_logging();
    let patience = Duration::from_secs(storage.connection_timeout);
    let connect = |options: PgConnectOptions| async move {
        let connection: sqlx::Result<PgConnection> =
            tokio::time::timeout(patience, options.connect()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        connection
    };
    match connect(options.clone()).await {
        Ok(mut connection) => {
            let tables = sqlx::query_scalar(
                "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND pg_table_is_visible(oid) \
                 AND relnamespace <> 'pg_catalog'::regnamespace",
            )
            .fetch_all(&mut connection)
            .await?;
            connection.close().await?;
            Ok(judge(&tables))
        }
        Err(error) if storage.is_shared_by_wallets && kind_of_sqlx(&error) == Kind::Missing => {
            // Which is how libindy keeps them that ACA-Py was told to use so.
            let Ok(mut connection) = connect(options.database(INDY_DATABASE)).await else {
                return Err(error);
            };
            let wallet = sqlx::query("SELECT 1 FROM metadata WHERE wallet_id = $1")
                .bind(&settings.name)
                .fetch_optional(&mut connection)
                .await;
            Ok(if matches!(wallet, Ok(Some(_))) { Found::Indy } else { Found::Nothing })
        }
        Err(error) => Err(error),
    }
}

fn judge(tables: &[String]) -> Found {
    let has = |name: &str| tables.iter().any(|table| table == name);
    if has("tags_encrypted") && has("items") {
        Found::Indy
    } else if ["config", "profiles", "items", "items_tags"].into_iter().all(has) {
        Found::Askar
    } else if ["config", "profiles", "items", "items_tags"].into_iter().any(has) {
        Found::Other
    } else {
        Found::Nothing
    }
}

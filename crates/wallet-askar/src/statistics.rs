//! What SQLite is told about an Askar store's tables.
//!
//! Askar's queries by tag leave SQLite's planner a choice: to begin with the tag, or to try every item of the profile.
//! Knowing nothing of the tables it tries every item, which takes a thousand times as long in a wallet of 100,000
//! connections. So it is told, in the place that SQLite has for that, that a profile is large and a tag rare.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};

/// How long another process may lock the file.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// Table, index, rows of the table and, of its first columns, rows that are alike in them.
const STATISTICS: [(&str, &str, &str); 4] = [
    ("items", "ix_items_uniq", "1000000 1000000 500000 50000 1"),
    ("items_tags", "ix_items_tags_item_id", "3000000 3"),
    ("items_tags", "ix_items_tags_name_enc", "3000000 500000 3"),
    ("items_tags", "ix_items_tags_name_plain", "3000000 500000 3"),
];

/// Tells it, once for each file; connections that are open hear of it. A file where that does not succeed is slower, and
/// otherwise the same.
pub(crate) async fn tell(file: &Path) {
    if let Err(error) = write(file).await {
        tracing::warn!(%error, file = %file.display(), "SQLite could not be told how to find records");
    }
}

async fn write(file: &Path) -> sqlx::Result<()> {
    let options = SqliteConnectOptions::new().filename(file).busy_timeout(BUSY_MAX);
    let mut connection: SqliteConnection = options.disable_statement_logging().connect().await?;
    if !is_told(&mut connection).await? {
        // Makes the table for statistics, which no other statement may.
        connection.execute("BEGIN IMMEDIATE; ANALYZE config;").await?;
        for (table, index, statistics) in STATISTICS {
            sqlx::query("DELETE FROM sqlite_stat1 WHERE tbl = ?1 AND idx = ?2")
                .bind(table)
                .bind(index)
                .execute(&mut connection)
                .await?;
            sqlx::query("INSERT INTO sqlite_stat1 (tbl, idx, stat) VALUES (?1, ?2, ?3)")
                .bind(table)
                .bind(index)
                .bind(statistics)
                .execute(&mut connection)
                .await?;
        }
        // Other connections look at the statistics when the schema has changed.
        connection
            .execute("CREATE TABLE trustkeep_told (n INTEGER); DROP TABLE trustkeep_told; COMMIT")
            .await?;
    }
    connection.close().await
}

async fn is_told(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    let is_there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sqlite_master WHERE name = 'sqlite_stat1'")
        .fetch_one(&mut *connection)
        .await?;
    if is_there == 0 {
        return Ok(false);
    }
    let statistic = "SELECT stat FROM sqlite_stat1 WHERE tbl = ?1 AND idx = ?2";
    for (table, index, expected) in STATISTICS {
        let found: Option<String> =
            sqlx::query_scalar(statistic).bind(table).bind(index).fetch_optional(&mut *connection).await?;
        if found.as_deref() != Some(expected) {
            return Ok(false);
        }
    }
    Ok(true)
}

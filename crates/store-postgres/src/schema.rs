//! The tables in the database: their definition, making them, and telling whether they fit.

use std::collections::BTreeMap;

use tokio_postgres::Transaction;
use trustkeep_store::{Error, Result, Table};

use crate::failure::translate;
use crate::names::{Names, OWN_SCHEMA, key_columns, quoted, sql_type};
use crate::session::Session;
use crate::{FORMAT, PostgresSettings};

/// Versions are taken from the sequence in blocks of this many.
pub(crate) const VERSION_BLOCK: i64 = 1_000;

/// The statements that make `tables`, for an administrator to run who does not give the service that right.
///
/// # Errors
/// [`Error::Invalid`] for the namespace `trustkeep`, which is the store's own, or a bad prefix.
pub fn schema_ddl(settings: &PostgresSettings, tables: &[Table]) -> Result<String> {
    settings.check()?;
    let names = Names::new(&settings.schema_prefix);
    let mut statements = own_ddl(&names);
    for table in tables {
        check_namespace(table)?;
        statements.extend(table_ddl(&names, table));
    }
    statements.dedup();
    Ok(statements.into_iter().map(|statement| format!("{statement};\n")).collect())
}

fn check_namespace(table: &Table) -> Result<()> {
    match table.namespace() {
        OWN_SCHEMA => {
            Err(Error::Invalid(format!("{table:?}: the namespace {OWN_SCHEMA} is the store's own")))
        }
        _ => Ok(()),
    }
}

/// The store's own tables: which format this is, where versions come from, what each writer committed last.
fn own_ddl(names: &Names) -> Vec<String> {
    let (meta, version, writer) = (names.own("meta"), names.own("version"), names.own("writer"));
    vec![
        format!("CREATE SCHEMA IF NOT EXISTS {}", names.schema(OWN_SCHEMA)),
        format!(
            "CREATE TABLE IF NOT EXISTS {meta} (one boolean PRIMARY KEY CHECK (one), format integer NOT NULL)"
        ),
        format!("INSERT INTO {meta} VALUES (true, {FORMAT}) ON CONFLICT DO NOTHING"),
        format!(
            "CREATE SEQUENCE IF NOT EXISTS {version} AS bigint INCREMENT BY {VERSION_BLOCK} START WITH 1"
        ),
        format!(
            "CREATE TABLE IF NOT EXISTS {writer} (slot bigint PRIMARY KEY, last bigint NOT NULL, \
             failed bigint[] NOT NULL, at timestamptz NOT NULL) WITH (fillfactor = 50)"
        ),
    ]
}

fn table_ddl(names: &Names, table: &Table) -> [String; 2] {
    let column = |column: &trustkeep_store::Column| {
        let collation = if column.kind == trustkeep_store::ColumnType::Text { " COLLATE \"C\"" } else { "" };
        format!("{} {}{collation}", quoted(column), sql_type(column.kind))
    };
    let mut columns: Vec<String> = std::iter::once(table.partition())
        .chain(table.clustering())
        .map(|key| format!("{} NOT NULL", column(key)))
        .collect();
    columns.push("version bigint NOT NULL".into());
    columns.extend(table.columns().iter().map(column));
    columns.push(format!("PRIMARY KEY ({})", key_columns(table).join(", ")));
    [
        format!("CREATE SCHEMA IF NOT EXISTS {}", names.schema(table.namespace())),
        format!("CREATE TABLE IF NOT EXISTS {} ({})", names.table(table), columns.join(", ")),
    ]
}

/// Makes what is missing and refuses what stands in another shape. Needs no right to make anything where
/// nothing is missing.
pub(crate) async fn create_tables(session: &mut Session, names: &Names, tables: &[Table]) -> Result<()> {
    let transaction =
        session.client.transaction().await.map_err(|error| translate(&error, "CONNECT", "it"))?;
    let lock = format!("SELECT pg_advisory_xact_lock({})", names.schema_lock());
    run(&transaction, &lock, "CONNECT", "the database").await?;
    if format_of(&transaction, names).await?.is_none() {
        for statement in own_ddl(names) {
            run(&transaction, &statement, "CREATE", "the database").await?;
        }
    }
    for table in tables {
        check_namespace(table)?;
        if !stands(&transaction, names, table).await? {
            let [schema, definition] = table_ddl(names, table);
            if !schema_exists(&transaction, &names.schema_name(table.namespace())).await? {
                run(&transaction, &schema, "CREATE", "the database").await?;
            }
            let object = format!("schema {}", names.schema(table.namespace()));
            run(&transaction, &definition, "CREATE", &object).await?;
        }
    }
    transaction.commit().await.map_err(|error| translate(&error, "CREATE", "the database"))
}

async fn run(transaction: &Transaction<'_>, statement: &str, right: &str, object: &str) -> Result<()> {
    transaction.batch_execute(statement).await.map_err(|error| translate(&error, right, object))
}

async fn schema_exists(transaction: &Transaction<'_>, name: &str) -> Result<bool> {
    let query = "SELECT FROM pg_namespace WHERE nspname = $1";
    let found = transaction.query_opt(query, &[&name]).await;
    Ok(found.map_err(|error| translate(&error, "SELECT", "pg_namespace"))?.is_some())
}

/// The store's format, if it was ever made. Refuses one that a newer version wrote.
async fn format_of(transaction: &Transaction<'_>, names: &Names) -> Result<Option<i32>> {
    let meta = names.own("meta");
    let known = transaction
        .query_one("SELECT to_regclass($1) IS NOT NULL", &[&meta])
        .await
        .map_err(|error| translate(&error, "USAGE", &meta))?;
    if !known.get::<_, bool>(0) {
        return Ok(None);
    }
    let found = transaction.query_opt(&format!("SELECT format FROM {meta}"), &[]).await;
    let found = found.map_err(|error| translate(&error, "SELECT", &meta))?;
    let format = found.map(|row| row.get::<_, i32>(0));
    check_format(format)?;
    Ok(format)
}

fn check_format(format: Option<i32>) -> Result<()> {
    match format {
        Some(newer) if newer > FORMAT => Err(Error::Schema(format!(
            "this store was written by a newer version of the program (format {newer}, this one knows up to \
             {FORMAT}); run that version or newer"
        ))),
        _ => Ok(()),
    }
}

/// Refuses a store that a newer version wrote; one that was never made is fine.
pub(crate) async fn check_store(session: &mut Session, names: &Names) -> Result<()> {
    let transaction =
        session.client.transaction().await.map_err(|error| translate(&error, "CONNECT", "it"))?;
    format_of(&transaction, names).await.map(drop)
}

/// Whether a table stands, in the shape of its definition.
async fn stands(transaction: &Transaction<'_>, names: &Names, table: &Table) -> Result<bool> {
    let query = "SELECT a.attname::text, format_type(a.atttypid, a.atttypmod) \
          || CASE WHEN a.atttypid = 'text'::regtype THEN ' ' || coalesce(l.collname, '') ELSE '' END, \
          coalesce(array_position(i.indkey::int2[], a.attnum), -1)::int4 \
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
        LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary \
        LEFT JOIN pg_collation l ON l.oid = a.attcollation \
        WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p')";
    let schema = names.schema_name(table.namespace());
    let rows = transaction.query(query, &[&schema, &table.name()]).await;
    let rows = rows.map_err(|error| translate(&error, "SELECT", "the catalogue"))?;
    if rows.is_empty() {
        return Ok(false);
    }
    let found: BTreeMap<String, (String, i32)> =
        rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect();
    let mut expected: BTreeMap<String, (String, i32)> = BTreeMap::new();
    let mut expect = |column: &trustkeep_store::Column, position: i32| {
        let collation = if column.kind == trustkeep_store::ColumnType::Text { " C" } else { "" };
        expected.insert(column.name.clone(), (format!("{}{collation}", sql_type(column.kind)), position));
    };
    // Positions in an index count from 0.
    expect(table.partition(), 0);
    table.clustering().into_iter().for_each(|column| expect(column, 1));
    table.columns().iter().for_each(|column| expect(column, -1));
    expected.insert("version".into(), ("bigint".into(), -1));
    if found == expected {
        return Ok(true);
    }
    let differing = expected.iter().find(|(name, shape)| found.get(*name) != Some(shape));
    let reason = match differing {
        Some((name, (kind, _))) => match found.get(name) {
            None => format!("column {name} is missing"),
            Some((other, _)) if other != kind => format!("column {name} is {other}, expected {kind}"),
            Some(_) => format!("column {name} has another place in the primary key"),
        },
        None => "it has more columns".to_owned(),
    };
    Err(Error::Schema(format!("{} stands in another shape: {reason}", table.qualified())))
}

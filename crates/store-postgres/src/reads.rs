//! Reading: single records and ranges, many at a time on each connection.

use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_postgres::types::ToSql;
use trustkeep_store::{Error, Key, Order, Page, Record, Result, Scan, Table, Value, Version};

use crate::PostgresSettings;
use crate::failure::{is_broken, is_stale_plan, translate};
use crate::names::{Names, key_columns, quoted};
use crate::session::{Link, Session};
use crate::value::{parameter, read, read_row};

type Parameters<'a> = Vec<Box<dyn ToSql + Sync + Send + 'a>>;

/// The connections that reads take turns on.
#[derive(Debug)]
pub(crate) struct Reads {
    links: Vec<Link>,
    next: AtomicUsize,
    names: Names,
    timeout: std::time::Duration,
}

impl Reads {
    pub(crate) fn new(settings: &Arc<PostgresSettings>, names: Names) -> Self {
        let links = (0..settings.read_connections).map(|_| Link::new(settings.clone())).collect();
        // A server that does not answer at all is given up a little later than it would give up itself.
        let timeout = settings.statement_timeout + std::time::Duration::from_secs(2);
        Reads { links, next: AtomicUsize::new(0), names, timeout }
    }

    pub(crate) async fn get(&self, table: &Table, key: &Key) -> Result<Option<Arc<Record>>> {
        let columns: Vec<String> = table.columns().iter().map(quoted).collect();
        let list = std::iter::once("version".to_owned()).chain(columns).collect::<Vec<_>>().join(", ");
        let conditions: Vec<String> = key_columns(table)
            .iter()
            .enumerate()
            .map(|(index, name)| format!("{name} = ${}", index + 1))
            .collect();
        let query =
            format!("SELECT {list} FROM {} WHERE {}", self.names.table(table), conditions.join(" AND "));
        let values: Parameters<'_> =
            std::iter::once(&key.partition).chain(&key.clustering).map(parameter).collect();
        let rows = self.query(table, &query, &values).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let version = version_at(row, 0)?;
        Ok(Some(Arc::new(Record { key: key.clone(), version, row: read_row(row, 1, table)? })))
    }

    pub(crate) async fn scan(&self, table: &Table, scan: &Scan) -> Result<Page> {
        let Some(place) = table.clustering().map(quoted) else { return Ok(Page::default()) };
        let mut values: Parameters<'_> = vec![parameter(&scan.partition)];
        let mut condition = format!("{} = $1", quoted(table.partition()));
        let bounds = [(&scan.range.start, ">"), (&scan.range.end, "<")];
        for (bound, sign) in bounds {
            let (value, equal) = match bound {
                Bound::Unbounded => continue,
                Bound::Included(value) => (value, "="),
                Bound::Excluded(value) => (value, ""),
            };
            values.push(parameter(value));
            condition.push_str(&format!(" AND {place} {sign}{equal} ${}", values.len()));
        }
        let direction = if scan.order == Order::Descending { "DESC" } else { "ASC" };
        let order = format!("{place} {direction}");
        self.page(table, &condition, &order, values, scan.limit).await
    }

    pub(crate) async fn scan_table(&self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page> {
        let keys = key_columns(table);
        let values: Parameters<'_> = after
            .into_iter()
            .flat_map(|key| std::iter::once(&key.partition).chain(&key.clustering))
            .map(parameter)
            .collect();
        let places: Vec<String> = (1..=values.len()).map(|index| format!("${index}")).collect();
        let condition = match after {
            Some(_) => format!("({}) > ({})", keys.join(", "), places.join(", ")),
            None => "true".to_owned(),
        };
        self.page(table, &condition, &keys.join(", "), values, limit).await
    }

    async fn page(
        &self,
        table: &Table,
        condition: &str,
        order: &str,
        mut values: Parameters<'_>,
        limit: usize,
    ) -> Result<Page> {
        let mut list = key_columns(table);
        let keys = list.len();
        list.push("version".into());
        list.extend(table.columns().iter().map(quoted));
        values.push(Box::new(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)));
        let query = format!(
            "SELECT {} FROM {} WHERE {condition} ORDER BY {order} LIMIT ${}",
            list.join(", "),
            self.names.table(table),
            values.len()
        );
        let rows = self.query(table, &query, &values).await?;
        let records: Result<Vec<_>> = rows
            .iter()
            .take(limit)
            .map(|row| {
                let part = |index, column| {
                    let value: Option<Value> = read(row, index, column)?;
                    value.ok_or_else(|| Error::Corrupt(format!("{}: a key is empty", table.qualified())))
                };
                let partition = part(0, table.partition())?;
                let clustering = table.clustering().map(|column| part(1, column)).transpose()?;
                let version = version_at(row, keys)?;
                let row = read_row(row, keys + 1, table)?;
                Ok(Arc::new(Record { key: Key { partition, clustering }, version, row }))
            })
            .collect();
        Ok(Page { records: records?, more: rows.len() > limit })
    }

    /// Runs a query on one of the connections, a second time if the connection broke.
    async fn query(
        &self,
        table: &Table,
        query: &str,
        values: &[Box<dyn ToSql + Sync + Send + '_>],
    ) -> Result<Vec<tokio_postgres::Row>> {
        let mut tries = 0;
        loop {
            let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.links.len();
            let Some(link) = self.links.get(turn) else {
                return Err(Error::Unavailable("no connection for reads".into()));
            };
            let session = link.session().await?;
            tries += 1;
            match tokio::time::timeout(self.timeout, ask(&session, query, values)).await {
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(error)) if tries < 2 && (is_broken(&error) || is_stale_plan(&error)) => {
                    if is_broken(&error) {
                        link.give_up(&session);
                    }
                    session.forget_statements();
                }
                Ok(Err(error)) => return Err(translate(&error, "SELECT", table.qualified())),
                Err(_) => {
                    link.give_up(&session);
                    return Err(Error::Unavailable("PostgreSQL does not answer".into()));
                }
            }
        }
    }
}

async fn ask(
    session: &Session,
    query: &str,
    values: &[Box<dyn ToSql + Sync + Send + '_>],
) -> std::result::Result<Vec<tokio_postgres::Row>, tokio_postgres::Error> {
    let statement = session.prepare(query).await?;
    let values: Vec<&(dyn ToSql + Sync)> =
        values.iter().map(|value| &**value as &(dyn ToSql + Sync)).collect();
    session.client.query(&statement, &values).await
}

fn version_at(row: &tokio_postgres::Row, index: usize) -> Result<Version> {
    row.try_get(index).map(Version).map_err(|error| Error::Corrupt(format!("version: {error}")))
}

//! Commits and point reads in a second, at several numbers of callers:
//! `cargo run --release -p trustkeep-store-postgres --example throughput -- postgresql://...`.
//!
//! Each commit expects a row's version and replaces the row (200 bytes); each read is of one row.

#![expect(clippy::print_stdout, reason = "a measurement prints its figures")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use trustkeep_store::{ColumnType, Commit, Error, Key, Row, Store, Table};
use trustkeep_store_postgres::{PostgresSettings, PostgresStore};

const ROWS: i64 = 20_000;
const TIME: Duration = Duration::from_secs(5);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("usage: throughput URL [commit connections] [read connections]")?;
    let mut settings = PostgresSettings::parse(&url)?.schema_prefix("bench_");
    settings.commit_connections =
        arguments.next().map_or(Ok(settings.commit_connections), |text| text.parse())?;
    settings.read_connections =
        arguments.next().map_or(Ok(settings.read_connections), |text| text.parse())?;
    let store = Arc::new(PostgresStore::open(settings).await?);
    let table = Table::define("load", "row")
        .partition("owner", ColumnType::Text)
        .clustering("place", ColumnType::Int)
        .column("value", ColumnType::Bytes)
        .build()?;
    store.create_tables(std::slice::from_ref(&table)).await?;
    for from in (0..ROWS).step_by(5_000) {
        let fill = (from..from + 5_000)
            .fold(Commit::new(), |commit, index| commit.put(&table, key(index), Row::of([vec![7_u8; 200]])));
        store.commit(fill).await?;
    }
    for callers in [1, 16, 64, 256] {
        let commits = measure(&store, &table, callers, true).await;
        let reads = measure(&store, &table, callers, false).await;
        println!("{callers:>4} callers: {commits:>8.0} commits/s  {reads:>8.0} reads/s");
    }
    Ok(())
}

fn key(index: i64) -> Key {
    Key::of(format!("owner-{}", index % 100)).at(index)
}

async fn measure(store: &Arc<PostgresStore>, table: &Table, callers: i64, writing: bool) -> f64 {
    let done = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        let (store, table, done) = (store.clone(), table.clone(), done.clone());
        tasks.spawn(async move {
            let mut index = caller;
            let mut versions = std::collections::HashMap::new();
            while begin.elapsed() < TIME {
                // Rows of different callers differ.
                index = (index + callers) % (ROWS - ROWS % callers);
                if writing {
                    let mut commit = Commit::new().put(&table, key(index), Row::of([vec![8_u8; 200]]));
                    if let Some(version) = versions.get(&index) {
                        commit = commit.expect_version(&table, key(index), *version);
                    }
                    versions.insert(index, store.commit(commit).await?);
                } else {
                    store.get(&table, &key(index)).await?;
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), Error>(())
        });
    }
    for outcome in tasks.join_all().await {
        if let Err(error) = outcome {
            println!("a caller failed: {error}");
        }
    }
    done.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64()
}

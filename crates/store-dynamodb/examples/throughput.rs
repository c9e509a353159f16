//! Commits a second beside plain `PutItem` requests a second, at 1, 16 and 64 writers, against one endpoint:
//!
//! ```text
//! cargo run -p trustkeep-store-dynamodb --example throughput -- http://127.0.0.1:8000 [rows a transaction] [seconds]
//! ```
//!
//! `put` is one new row a commit. `fenced` is the same under a lease: every commit also expects the lease's
//! row to hold its epoch. Both are transactions, shared by the commits that wait at the same time.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use rand::SeedableRng;
use rand::rngs::StdRng;
use trustkeep_store::ColumnType::{Int, Text};
use trustkeep_store::{Commit, Expect, Key, Row, Store, Table, Value};
use trustkeep_store_dynamodb::{DynamoStore, Settings};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Bytes of the text in each row.
const ROW_BYTES: usize = 200;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments.next().unwrap_or_else(|| "http://127.0.0.1:8000".into());
    let rows = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let time = Duration::from_secs(arguments.next().map_or(Ok(5), |text| text.parse())?);

    let credentials = Settings::static_credentials("AKIATRUSTKEEPBENCH", "not-a-secret", None);
    let mut settings = Settings::new("eu-central-1", credentials.clone());
    settings.endpoint = Some(endpoint.clone());
    settings.table_prefix = format!("bench{}-", std::process::id());
    settings.transaction_rows_max = rows;
    let store = Arc::new(DynamoStore::open(settings.clone(), StdRng::from_os_rng()).await?);
    let entry = Table::define("bench", "entry").partition("id", Text).column("words", Text).build()?;
    let lease = Table::define("bench", "lease").partition("name", Text).column("epoch", Int).build()?;
    store.create_tables(&[entry.clone(), lease.clone()]).await?;
    store.commit(Commit::new().put(&lease, Key::of("active"), Row::of([7]))).await?;
    let raw = aws_sdk_dynamodb::Client::from_conf(
        aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("eu-central-1"))
            .credentials_provider(credentials)
            .endpoint_url(&endpoint)
            .build(),
    );
    let physical: Arc<str> = format!("{}bench.entry", settings.table_prefix).into();

    println!("{endpoint}, rows of {ROW_BYTES} bytes, {rows} rows a transaction, {} s each", time.as_secs());
    println!("{:>8} {:>14} {:>14} {:>14}", "writers", "PutItem/s", "put/s", "fenced/s");
    for writers in [1, 16, 64] {
        let plain = rate(writers, time, |id| {
            let (raw, physical) = (raw.clone(), physical.clone());
            async move {
                let request = raw
                    .put_item()
                    .table_name(&*physical)
                    .item("id", AttributeValue::S(format!("raw-{id}")))
                    .item("words", AttributeValue::S("x".repeat(ROW_BYTES)));
                Box::pin(request.send()).await?;
                Ok(())
            }
        });
        let plain = plain.await?;
        let mut ours = Vec::new();
        for fenced in [false, true] {
            let measured = rate(writers, time, |id| {
                let (store, entry, lease) = (store.clone(), entry.clone(), lease.clone());
                async move {
                    let row = Row::of(["x".repeat(ROW_BYTES)]);
                    let mut commit = Commit::new().put(&entry, Key::of(format!("{fenced}-{id}")), row);
                    if fenced {
                        let key = Key::of("active");
                        let value = Value::Int(7);
                        commit = commit.expect(Expect::Column { table: lease, key, column: 0, value });
                    }
                    store.commit(commit).await?;
                    Ok(())
                }
            });
            ours.push(format!("{:>14.0}", measured.await?));
        }
        println!("{writers:>8} {plain:>14.0} {}", ours.join(" "));
    }
    Ok(())
}

/// How often a second `writers` tasks get through `work` together.
async fn rate<F>(
    writers: usize,
    time: Duration,
    work: impl Fn(String) -> F + Clone + Send + Sync,
) -> Outcome<f64>
where
    F: Future<Output = Outcome<()>> + Send + 'static,
{
    let begin = Instant::now();
    let tasks = (0..writers).map(|writer| {
        let work = work.clone();
        async move {
            let mut done = 0_u32;
            while begin.elapsed() < time {
                work(format!("{writers}-{writer}-{done}")).await?;
                done += 1;
            }
            Outcome::Ok(done)
        }
    });
    let done: u32 = futures::future::try_join_all(tasks).await?.into_iter().sum();
    Ok(f64::from(done) / begin.elapsed().as_secs_f64())
}

//! The work of every measurement: a 256-byte record under a random 32-byte key, with a 40-byte index entry.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::rngs::SmallRng;
use rand::{Rng, RngCore, SeedableRng};
use trustkeep_store::{ColumnType, Commit, Key, Row, Scan, Store, Table, Value};

/// The tables.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    record: Table,
    index: Table,
    entry: Table,
}

impl Tables {
    /// Defines them and makes them in the store.
    pub(crate) async fn make(store: &dyn Store) -> Result<Tables> {
        let record = Table::define("bench", "record").partition("id", ColumnType::Bytes);
        let index = Table::define("bench", "index").partition("id", ColumnType::Bytes);
        let entry = Table::define("bench", "entry").partition("log", ColumnType::Int);
        let tables = Tables {
            record: record.column("body", ColumnType::Bytes).build()?,
            index: index.column("at", ColumnType::Int).build()?,
            entry: entry.clustering("at", ColumnType::Int).column("body", ColumnType::Bytes).build()?,
        };
        store.create_tables(&[tables.record.clone(), tables.index.clone(), tables.entry.clone()]).await?;
        Ok(tables)
    }

    fn commit(&self, rng: &mut SmallRng, key: &[u8]) -> Commit {
        let mut body = vec![0; 256];
        rng.fill_bytes(&mut body);
        let mut index = vec![0; 32];
        rng.fill_bytes(&mut index);
        Commit::new().put(&self.record, Key::of(key.to_vec()), Row::of([body])).put(
            &self.index,
            Key::of(index),
            Row::of([rng.random::<i64>()]),
        )
    }
}

/// The key of a preloaded record.
fn key_of(number: u64) -> Vec<u8> {
    let mut key = vec![0; 32];
    SmallRng::seed_from_u64(number).fill_bytes(&mut key);
    key
}

/// Writes `records` preloaded records, many a commit, and a log of as many entries over a hundredth of them.
pub(crate) async fn preload(store: &dyn Store, tables: &Tables, records: u64) -> Result<()> {
    let mut rng = SmallRng::seed_from_u64(u64::MAX);
    let mut commit = Commit::new();
    for number in 0..records {
        let one = tables.commit(&mut rng, &key_of(number));
        commit.writes.extend(one.writes);
        let mut body = vec![0; 256];
        rng.fill_bytes(&mut body);
        let entry = Key::of((number % 20) as i64).at(number as i64);
        commit = commit.put(&tables.entry, entry, Row::of([body]));
        if commit.writes.len() >= 1500 || number + 1 == records {
            store.commit(std::mem::take(&mut commit)).await?;
        }
    }
    Ok(())
}

/// What a run of commits took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commits {
    /// Commits a second.
    pub(crate) rate: f64,
    /// Median, 99th of a hundred and longest latency.
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    pub(crate) longest: Duration,
    /// Bytes that the process sent to the disk, for each commit.
    pub(crate) bytes: f64,
}

/// `writers` tasks that commit one after the other until `count` commits are done.
pub(crate) async fn commits(
    store: &Arc<dyn Store>,
    tables: &Tables,
    writers: usize,
    count: usize,
) -> Result<Commits> {
    let before = written_bytes()?;
    let begin = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..writers {
        let (store, tables) = (store.clone(), tables.clone());
        tasks.spawn(async move {
            let mut rng = SmallRng::from_os_rng();
            let mut took = Vec::with_capacity(count / writers);
            let mut key = [0; 32];
            for _ in 0..count / writers {
                rng.fill_bytes(&mut key);
                let commit = tables.commit(&mut rng, &key);
                let begin = Instant::now();
                store.commit(commit).await?;
                took.push(begin.elapsed());
            }
            anyhow::Ok(took)
        });
    }
    let mut took = Vec::with_capacity(count);
    while let Some(done) = tasks.join_next().await {
        took.extend(done??);
    }
    let all = begin.elapsed();
    took.sort_unstable();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or_default();
    Ok(Commits {
        rate: took.len() as f64 / all.as_secs_f64(),
        median: at(0.5),
        p99: at(0.99),
        longest: took.last().copied().unwrap_or_default(),
        bytes: (written_bytes()? - before) as f64 / took.len() as f64,
    })
}

/// `count` point reads of random keys among the first `keys` preloaded ones, by each of `readers` threads; reads a
/// second and reader.
pub(crate) async fn point_reads(
    store: &Arc<dyn Store>,
    tables: &Tables,
    keys: u64,
    count: usize,
    readers: usize,
) -> Result<f64> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..readers {
        let (store, tables) = (store.clone(), tables.clone());
        tasks.spawn(async move {
            let mut rng = SmallRng::from_os_rng();
            // Keys are made beforehand, so that reads alone are measured.
            let keys: Vec<Key> = (0..keys).map(|number| Key::of(key_of(number))).collect();
            let picks: Vec<usize> = (0..count).map(|_| rng.random_range(0..keys.len())).collect();
            let begin = Instant::now();
            for pick in picks {
                let key = keys.get(pick).context("no such key")?;
                store.get(&tables.record, key).await?.context("a preloaded record is missing")?;
            }
            anyhow::Ok(count as f64 / begin.elapsed().as_secs_f64())
        });
    }
    let mut sum = 0.0;
    while let Some(done) = tasks.join_next().await {
        sum += done??;
    }
    Ok(sum / readers as f64)
}

/// Reads each of the first `keys` preloaded records once.
pub(crate) async fn warm(store: &Arc<dyn Store>, tables: &Tables, keys: u64) -> Result<()> {
    for number in 0..keys {
        store.get(&tables.record, &Key::of(key_of(number))).await?;
    }
    Ok(())
}

/// Pages of `page` rows through one partition; rows a second.
pub(crate) async fn scan(store: &Arc<dyn Store>, tables: &Tables, page: usize) -> Result<f64> {
    let begin = Instant::now();
    let mut rows = 0;
    for log in 0..20i64 {
        let mut scan = Scan::partition(log, page);
        loop {
            let found = store.scan(&tables.entry, &scan).await?;
            rows += found.records.len();
            let Some(last) = found.records.last().filter(|_| found.more) else { break };
            let after = last.key.clustering.clone().unwrap_or(Value::Int(0));
            scan = Scan::partition(log, page).after(after);
        }
    }
    Ok(rows as f64 / begin.elapsed().as_secs_f64())
}

/// Bytes that this process has sent to the disk.
pub(crate) fn written_bytes() -> Result<u64> {
    let io = std::fs::read_to_string("/proc/self/io")?;
    let line = io.lines().find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(line.context("no write_bytes in /proc/self/io")?.parse()?)
}

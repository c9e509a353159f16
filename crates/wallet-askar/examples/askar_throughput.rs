//! What a wallet does in a second, with 1, 16 and 64 at once:
//!
//! ```text
//! cargo run --release -p trustkeep-wallet-askar --example askar_throughput -- /tmp/wallet.db [seconds]
//! cargo run --release -p trustkeep-wallet-askar --example askar_throughput -- user:password@host:port [seconds]
//! ```
//!
//! `get` reads a record by its name, `find` one by a tag, among a thousand; `queue` is what a message costs: two entries of
//! queues, in segments that commits at the same time share; `insert` makes a record with three tags, `replace` changes
//! one that was read. The processor time is that of this process, SQLite's included, PostgreSQL's not.

#![expect(clippy::print_stdout, reason = "it prints what it measured")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use trustkeep_crypto::SecretString;
use trustkeep_crypto::random::{SystemRandom, uuid};
use trustkeep_wallet::queue::{Entry, Lane};
use trustkeep_wallet::{Batch, Query, Record, Result, Wallet};
use trustkeep_wallet_askar::{AskarSettings, AskarWallet, KeyDerivation, Opening, Options};

type Outcome<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Bytes of a record's value, and of an entry.
const VALUE_BYTES: usize = 600;
/// Records that stand there.
const RECORDS: u64 = 1_000;
/// A key of 32 bytes.
const RAW_KEY: &str = "8qvTPAXtk5XBKqdKsdeAYSnsWtV6ykXXCpYmuQVgeMkT";

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().ok_or("the place of a wallet: a file, or user:password@host:port")?;
    let time = Duration::from_secs(arguments.next().map_or(Ok(3), |text| text.parse())?);
    let wallet = Wallet::new(Arc::new(AskarWallet::open(&settings(&place)?, Opening::Recreated).await?));
    for number in 0..RECORDS {
        wallet.commit(insert(number)).await?;
    }
    println!(
        "{place}, values of {VALUE_BYTES} bytes, {} s each; in brackets µs of processor time",
        time.as_secs()
    );
    println!(
        "{:>8} {:>16} {:>16} {:>16} {:>16} {:>16}",
        "at once", "get/s", "find/s", "queue/s", "insert/s", "replace/s"
    );
    for at_once in [1, 16, 64] {
        let next = AtomicU64::new(RECORDS + 1_000_000 * at_once);
        let get = rate(&wallet, at_once, time, |wallet, number| async move {
            wallet.get("connection", &(number % RECORDS).to_string()).await.map(drop)
        });
        let get = get.await?;
        let find = rate(&wallet, at_once, time, |wallet, number| async move {
            wallet
                .find(&Query::tagged("connection", "their_did", format!("did:{}", number % RECORDS)))
                .await
                .map(drop)
        });
        let find = find.await?;
        let queue =
            rate(
                &wallet,
                at_once,
                time,
                |wallet, number| async move { wallet.commit(enqueue(number)).await },
            )
            .await?;
        let insert = rate(&wallet, at_once, time, |wallet, _| {
            let next = next.fetch_add(1, Ordering::Relaxed);
            async move { wallet.commit(insert(next)).await }
        });
        let insert = insert.await?;
        let replace = rate(&wallet, at_once, time, |wallet, number| replace(wallet, number % RECORDS));
        let replace = replace.await?;
        println!("{at_once:>8} {get:>16} {find:>16} {queue:>16} {insert:>16} {replace:>16}");
    }
    Ok(())
}

fn settings(place: &str) -> Result<AskarSettings> {
    let key = SecretString::new(RAW_KEY.to_owned());
    let Some((user, address)) = place.split_once('@') else {
        return Ok(AskarSettings::sqlite(place, key, KeyDerivation::Raw));
    };
    let (account, password) = user.split_once(':').unwrap_or((user, ""));
    let creds = SecretString::new(format!(r#"{{"account":"{account}","password":"{password}"}}"#));
    let config = format!(r#"{{"url":"{address}"}}"#);
    AskarSettings::from_options(&Options {
        name: Some("trustkeep_throughput"),
        key: Some(&key),
        key_derivation: Some("RAW"),
        storage_type: Some("postgres_storage"),
        storage_config: Some(&config),
        storage_creds: Some(&creds),
        ..Options::default()
    })
}

fn connection(number: u64, value: &str) -> Record {
    Record::new("connection", number.to_string(), value.repeat(VALUE_BYTES))
        .tagged("their_did", format!("did:{number}"))
        .tagged("my_did", format!("my:{number}"))
        .tagged("state", "active")
}

fn insert(number: u64) -> Batch {
    let mut batch = Batch::new();
    batch.insert(connection(number, "x"));
    batch
}

fn enqueue(number: u64) -> Batch {
    let mut batch = Batch::new();
    for queue in ["outbound", "events"] {
        let lane = Lane { queue, name: (number % RECORDS).to_string() };
        let id = uuid(&SystemRandom).to_string();
        batch.enqueue(lane, Entry { id, payload: "x".repeat(VALUE_BYTES) });
    }
    batch
}

async fn replace(wallet: Wallet, number: u64) -> Result<()> {
    loop {
        let Some(read) = wallet.get("connection", &number.to_string()).await? else { return Ok(()) };
        let mut batch = Batch::new();
        batch.replace(read, connection(number, "y"));
        match wallet.commit(batch).await {
            Err(error) if error.is_conflict() => {}
            other => return other,
        }
    }
}

/// How often a second so many at once get through it, and what processor time each took.
async fn rate<F>(
    wallet: &Wallet,
    at_once: u64,
    time: Duration,
    work: impl Fn(Wallet, u64) -> F,
) -> Result<String>
where
    F: Future<Output = Result<()>>,
{
    let (begin, used) = (Instant::now(), processor_time());
    let work = &work;
    let loops = (0..at_once).map(|one| async move {
        let mut done = 0;
        while begin.elapsed() < time {
            work(wallet.clone(), one + done * at_once).await?;
            done += 1;
        }
        Result::Ok(done)
    });
    let done: u64 = futures::future::try_join_all(loops).await?.into_iter().sum();
    let done = done as f64;
    let used = (processor_time() - used) / done * 1e6;
    Ok(format!("{:.0} ({used:.0})", done / begin.elapsed().as_secs_f64()))
}

/// Seconds that this process has used, in hundredths.
fn processor_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

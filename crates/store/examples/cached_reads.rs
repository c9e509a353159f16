//! How many cached reads one core answers in a second: `cargo run --release --example cached_reads`.

#![expect(clippy::print_stdout, reason = "a measurement prints its figure")]

use std::sync::Arc;
use std::time::Instant;

use trustkeep_store::{CachedStore, ColumnType, Commit, Key, MemoryStore, Row, SharedStore, Table};

const ROWS: i64 = 10_000;
const READS: i64 = 5_000_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let table = Table::define("bench", "row")
        .partition("path", ColumnType::Text)
        .clustering("key", ColumnType::Text)
        .column("value", ColumnType::Bytes)
        .build()?;
    let inner: SharedStore = Arc::new(MemoryStore::new());
    inner.create_tables(std::slice::from_ref(&table)).await?;
    let keys: Vec<Key> =
        (0..ROWS).map(|row| Key::of("logical/5f0c6a/secret").at(format!("row-{row}"))).collect();
    for key in &keys {
        inner.commit(Commit::new().put(&table, key.clone(), Row::of([vec![7_u8; 200]]))).await?;
    }
    let cached: SharedStore = Arc::new(CachedStore::new(inner.clone(), 64 << 20));
    for (name, store) in [("memory", inner), ("cached", cached)] {
        let (mut found, mut rounds) = (0, keys.iter().cycle());
        let begin = Instant::now();
        for _ in 0..READS {
            if let Some(key) = rounds.next() {
                found += i64::from(store.get(&table, key).await?.is_some());
            }
        }
        let seconds = begin.elapsed().as_secs_f64();
        println!("{name}: {:.2} million reads/s ({found} found)", READS as f64 / seconds / 1e6);
    }
    Ok(())
}

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::*;
use crate::conformance::Harness;
use crate::{ColumnType, Expect, MemoryStore, Row};

struct Cached;

#[async_trait::async_trait]
impl Harness for Cached {
    async fn open(&self) -> SharedStore {
        // Small, so that entries are turned out all the time.
        Arc::new(CachedStore::new(Arc::new(MemoryStore::new()), 64 << 10))
    }
}

async fn cached() -> Option<Cached> {
    Some(Cached)
}

crate::conformance!(cached);

/// A store whose reads and commits stop at gates, and that counts reads.
#[derive(Debug)]
struct Gated {
    inner: MemoryStore,
    reads: AtomicU64,
    /// A read that has its answer waits here before it gives it.
    answers: Semaphore,
    /// Signals that a read has its answer.
    read: Semaphore,
    outcome_unknown: bool,
}

impl Gated {
    async fn with_row(outcome_unknown: bool) -> (Arc<Self>, CachedStore, Table) {
        let table =
            Table::define("cache", "row").partition("key", ColumnType::Text).column("value", ColumnType::Int);
        let table = table.build().unwrap();
        let inner = MemoryStore::new();
        inner.create_tables(std::slice::from_ref(&table)).await.unwrap();
        inner.commit(Commit::new().put(&table, Key::of("a"), Row::of([1]))).await.unwrap();
        let (reads, answers, read) = (AtomicU64::new(0), Semaphore::new(0), Semaphore::new(0));
        let gated = Arc::new(Gated { inner, reads, answers, read, outcome_unknown });
        (gated.clone(), CachedStore::new(gated, 1 << 20), table)
    }
}

#[async_trait::async_trait]
impl Store for Gated {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn create_tables(&self, tables: &[Table]) -> Result<()> {
        self.inner.create_tables(tables).await
    }

    async fn get(&self, table: &Table, key: &Key) -> Result<Option<Arc<Record>>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let answer = self.inner.get(table, key).await;
        self.read.add_permits(1);
        self.answers.acquire().await.unwrap().forget();
        answer
    }

    async fn scan(&self, table: &Table, scan: &Scan) -> Result<Page> {
        self.inner.scan(table, scan).await
    }

    async fn scan_table(&self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page> {
        self.inner.scan_table(table, after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version> {
        if self.outcome_unknown {
            return Err(Error::OutcomeUnknown("the test says so".into()));
        }
        self.inner.commit(commit).await
    }
}

async fn value(store: &CachedStore, table: &Table) -> i64 {
    store.get(table, &Key::of("a")).await.unwrap().unwrap().int(0).unwrap()
}

#[tokio::test]
async fn records_and_their_absence_are_read_once() {
    let (gated, store, table) = Gated::with_row(false).await;
    gated.answers.add_permits(100);
    for _ in 0..5 {
        assert_eq!(value(&store, &table).await, 1);
        assert_eq!(store.get(&table, &Key::of("none")).await.unwrap(), None);
    }
    assert_eq!(gated.reads.load(Ordering::SeqCst), 2);
    store.commit(Commit::new().put(&table, Key::of("none"), Row::of([3]))).await.unwrap();
    assert!(store.get(&table, &Key::of("none")).await.unwrap().is_some());
    assert_eq!(gated.reads.load(Ordering::SeqCst), 3);
    store.cache().clear();
    assert_eq!((value(&store, &table).await, gated.reads.load(Ordering::SeqCst)), (1, 4));
}

#[tokio::test]
async fn a_read_that_a_commit_overtook_is_not_kept() {
    let (gated, store, table) = Gated::with_row(false).await;
    let reading = tokio::spawn({
        let (store, table) = (store.clone(), table.clone());
        async move { value(&store, &table).await }
    });
    gated.read.acquire().await.unwrap().forget();
    store.commit(Commit::new().put(&table, Key::of("a"), Row::of([2]))).await.unwrap();
    gated.answers.add_permits(100);
    assert_eq!(reading.await.unwrap(), 1, "it began before the commit and may see what stood before");
    assert_eq!(value(&store, &table).await, 2, "the old record was put back");
    assert_eq!(value(&store, &table).await, 2);
    assert_eq!(gated.reads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn rows_of_an_unknown_outcome_are_not_kept() {
    let (gated, store, table) = Gated::with_row(true).await;
    gated.answers.add_permits(100);
    assert_eq!(value(&store, &table).await, 1);
    let commit = Commit::new().put(&table, Key::of("a"), Row::of([2]));
    assert!(matches!(store.commit(commit.clone()).await, Err(Error::OutcomeUnknown(_))));
    assert_eq!(value(&store, &table).await, 1);
    // Now the commit happens after all.
    gated.inner.commit(commit).await.unwrap();
    assert_eq!(value(&store, &table).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_read_sees_less_than_what_was_acknowledged_before_it() {
    let table = Table::define("cache", "row").partition("key", ColumnType::Int).column("v", ColumnType::Int);
    let table = table.build().unwrap();
    let inner = Arc::new(MemoryStore::new());
    inner.create_tables(std::slice::from_ref(&table)).await.unwrap();
    let store = CachedStore::new(inner, 1 << 20);
    let acknowledged: Arc<[AtomicU64; 4]> = Arc::default();
    let mut tasks = JoinSet::new();
    for row in 0..4_usize {
        let (store, table, acknowledged) = (store.clone(), table.clone(), acknowledged.clone());
        tasks.spawn(async move {
            for value in 1..=3_000_i64 {
                let key = Key::of(i64::try_from(row).unwrap());
                let commit = Commit::new().put(&table, key.clone(), Row::of([value]));
                // Every fifth is dropped while under way; it is carried out all the same, unless it is late.
                if value % 5 == 0 {
                    let value = (value - 1).into();
                    let in_time = Expect::Column { table: table.clone(), key, column: 0, value };
                    let _ = polled_once(store.commit(commit.expect(in_time))).await;
                    continue;
                }
                store.commit(commit).await.unwrap();
                acknowledged[row].store(value.cast_unsigned(), Ordering::SeqCst);
            }
        });
    }
    for _ in 0..4 {
        let (store, table, acknowledged) = (store.clone(), table.clone(), acknowledged.clone());
        tasks.spawn(async move {
            while acknowledged.iter().any(|value| value.load(Ordering::SeqCst) < 2_999) {
                for (row, value) in acknowledged.iter().enumerate() {
                    let least = value.load(Ordering::SeqCst).cast_signed();
                    let key = Key::of(i64::try_from(row).unwrap());
                    let seen =
                        store.get(&table, &key).await.unwrap().map_or(0, |record| record.int(0).unwrap());
                    assert!(seen >= least, "row {row}: saw {seen} after {least} was acknowledged");
                }
                tokio::task::yield_now().await;
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
}

/// Polls a future once and drops it.
async fn polled_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn the_cache_keeps_within_its_bytes() {
    let (gated, store, table) = Gated::with_row(false).await;
    gated.answers.add_permits(1_000_000);
    for index in 0..20_000 {
        store.get(&table, &Key::of(format!("{index}"))).await.unwrap();
    }
    assert!(store.cache().bytes() <= 1 << 20, "{} bytes", store.cache().bytes());
    assert!(store.cache().bytes() > 1 << 18);
}

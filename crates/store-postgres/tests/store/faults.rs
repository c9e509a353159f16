//! Servers that crash, connections that break, answers that are lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use trustkeep_store::conformance::concurrency::{History, Verdict};
use trustkeep_store::{ColumnType, Commit, Error, Key, Row, SharedStore, Store, Table};
use trustkeep_store_postgres::{PostgresSettings, PostgresStore};

use crate::proxy::{Flow, Proxy};
use crate::server::{self, Server};

/// Tasks that write through `stores` until told to end.
struct Load {
    history: History,
    tasks: JoinSet<usize>,
    end: Arc<AtomicBool>,
    progress: Arc<Notify>,
}

impl Load {
    async fn start(stores: &[SharedStore], tasks: usize) -> Load {
        let history = History::new(&stores[0], 12).await;
        let mut load = Load { history, tasks: JoinSet::new(), end: Arc::default(), progress: Arc::default() };
        for task in 0..tasks {
            let (history, store) = (load.history.clone(), stores[task % stores.len()].clone());
            let (end, progress) = (load.end.clone(), load.progress.clone());
            load.tasks.spawn(async move {
                let mut random = StdRng::seed_from_u64(task as u64);
                let mut unknown = 0;
                while !end.load(Ordering::Relaxed) {
                    match history.transact(&store, &mut random).await {
                        Ok(_) => {}
                        Err(Error::OutcomeUnknown(_)) => unknown += 1,
                        // As a client would, it does not ask again at once.
                        Err(Error::Unavailable(_)) => tokio::time::sleep(Duration::from_millis(10)).await,
                        Err(other) => panic!("{other:?}"),
                    }
                    progress.notify_one();
                }
                unknown
            });
        }
        load
    }

    /// Waits until so many more commits were acknowledged.
    async fn more(&self, count: usize) {
        let target = self.history.acknowledged() + count;
        while self.history.acknowledged() < target {
            self.progress.notified().await;
        }
    }

    /// Ends the load; answers what the history's judge says, and how many outcomes remained unknown.
    async fn judge(self, store: &SharedStore) -> (Verdict, usize) {
        self.end.store(true, Ordering::Relaxed);
        let unknown = self.tasks.join_all().await.into_iter().sum();
        (self.history.judge(store).await, unknown)
    }
}

async fn through(proxy: &Proxy, settings: &PostgresSettings) -> SharedStore {
    let url = format!("postgresql://postgres@{}/postgres", proxy.address);
    let settings = PostgresSettings::parse(&url).unwrap().schema_prefix(settings.schema_prefix.clone());
    Arc::new(PostgresStore::open(settings).await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_server_loses_nothing_acknowledged() {
    let Some(server) = Server::start() else { return };
    let store: SharedStore =
        Arc::new(PostgresStore::open(server::settings(&server.url("postgres"))).await.unwrap());
    let load = Load::start(std::slice::from_ref(&store), 8).await;
    let server = Arc::new(server);
    for _ in 0..3 {
        load.more(100).await;
        let server = server.clone();
        let restart = move || {
            server.crash();
            server.resume();
        };
        tokio::task::spawn_blocking(restart).await.unwrap();
    }
    load.more(100).await;
    let (verdict, unknown) = load.judge(&store).await;
    assert!(verdict.committed >= 400, "{verdict:?}");
    assert_eq!(unknown, 0, "the server came back in time to say what had happened");
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_connections_leave_no_outcome_unknown() {
    let Some(server) = Server::start() else { return };
    let settings = server::settings(&server.url("postgres"));
    let proxy = Proxy::before(server.port()).await;
    let store = through(&proxy, &settings).await;
    let load = Load::start(std::slice::from_ref(&store), 8).await;
    for round in 0..12 {
        load.more(20).await;
        if round % 3 == 1 {
            proxy.set(Flow::RequestsOnly);
            tokio::task::yield_now().await;
        }
        proxy.cut();
    }
    load.more(20).await;
    let (verdict, unknown) = load.judge(&store).await;
    assert!(verdict.committed >= 240, "{verdict:?}");
    assert_eq!(unknown, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_stores_on_one_database_are_serialisable() {
    let Some(url) = server::shared() else { return };
    let settings = server::settings(&url);
    let mut stores: Vec<SharedStore> = Vec::new();
    for _ in 0..3 {
        stores.push(Arc::new(PostgresStore::open(settings.clone()).await.unwrap()));
    }
    let load = Load::start(&stores, 12).await;
    load.more(600).await;
    let (verdict, unknown) = load.judge(&stores[0]).await;
    assert!(verdict.committed >= 600 && unknown == 0, "{verdict:?}, {unknown} unknown");
}

/// A counter behind a proxy, and a store past it.
struct Counter {
    proxy: Proxy,
    store: SharedStore,
    direct: SharedStore,
    table: Table,
    _server: Server,
}

impl Counter {
    async fn new() -> Option<Counter> {
        let server = Server::start()?;
        let settings = server::settings(&server.url("postgres"));
        let direct: SharedStore = Arc::new(PostgresStore::open(settings.clone()).await.unwrap());
        let proxy = Proxy::before(server.port()).await;
        let store = through(&proxy, &settings).await;
        let table = Table::define("test", "counter").partition("name", ColumnType::Text);
        let table = table.column("value", ColumnType::Int).build().unwrap();
        direct.create_tables(std::slice::from_ref(&table)).await.unwrap();
        let counter = Counter { proxy, store, direct, table, _server: server };
        // Both commit connections stand and have their statements.
        let first = Commit::new().put(&counter.table, Key::of("a"), Row::of([0]));
        counter.store.commit(first).await.unwrap();
        Some(counter)
    }

    /// The commit that adds one.
    async fn increment(&self) -> Commit {
        let record = self.direct.get(&self.table, &Key::of("a")).await.unwrap().unwrap();
        let row = Row::of([record.int(0).unwrap() + 1]);
        Commit::new().expect_version(&self.table, Key::of("a"), record.version).put(
            &self.table,
            Key::of("a"),
            row,
        )
    }

    async fn value(&self) -> i64 {
        self.direct.get(&self.table, &Key::of("a")).await.unwrap().unwrap().int(0).unwrap()
    }

    /// Starts a commit, waits for `happened` to see that it arrived, then cuts.
    async fn commit_and_cut(&self, commit: Commit, value: i64) -> trustkeep_store::Result<()> {
        let store = self.store.clone();
        let committing = tokio::spawn(async move { store.commit(commit).await.map(drop) });
        while self.value().await != value {
            tokio::task::yield_now().await;
        }
        self.proxy.cut();
        committing.await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_acknowledged_once_it_is_known_to_have_happened() {
    let Some(counter) = Counter::new().await else { return };
    for value in 1..=3 {
        // The shape of this commit is prepared on every connection before answers stop coming.
        for _ in 0..8 {
            counter.store.commit(counter.increment().await).await.unwrap();
        }
        let (commit, before) = (counter.increment().await, counter.value().await);
        counter.proxy.set(Flow::RequestsOnly);
        counter.commit_and_cut(commit, before + 1).await.unwrap();
        assert_eq!(counter.value().await, before + 1, "round {value}: it was carried out twice");
    }
}

// One thread, so that both commits wait before the committer looks, and go in one group.
#[tokio::test]
async fn a_conflict_whose_answer_is_lost_is_told_all_the_same() {
    let Some(counter) = Counter::new().await else { return };
    let stale = counter.increment().await;
    for _ in 0..8 {
        counter.store.commit(counter.increment().await).await.unwrap();
    }
    // One that fails beside one that holds, so that it is seen when both have arrived.
    let (commit, before) = (counter.increment().await, counter.value().await);
    counter.proxy.set(Flow::RequestsOnly);
    let store = counter.store.clone();
    let failing = tokio::spawn(async move { store.commit(stale).await });
    counter.commit_and_cut(commit, before + 1).await.unwrap();
    let answer = failing.await.unwrap();
    assert!(matches!(answer, Err(Error::Conflict { .. })), "{answer:?}");
    assert_eq!(counter.value().await, before + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_never_arrived_is_sent_again() {
    let Some(counter) = Counter::new().await else { return };
    for _ in 0..8 {
        counter.store.commit(counter.increment().await).await.unwrap();
    }
    let (commit, before) = (counter.increment().await, counter.value().await);
    counter.proxy.set(Flow::Neither);
    let store = counter.store.clone();
    let committing = tokio::spawn(async move { store.commit(commit).await });
    tokio::task::yield_now().await;
    counter.proxy.cut();
    committing.await.unwrap().unwrap();
    assert_eq!(counter.value().await, before + 1);
    // Reads go on too, on connections of their own.
    assert_eq!(
        counter.store.get(&counter.table, &Key::of("a")).await.unwrap().unwrap().int(0),
        Some(before + 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_locked_by_others_time_out_for_all_who_wait() {
    let Some(url) = server::shared() else { return };
    let mut settings = server::settings(&url);
    settings.statement_timeout = Duration::from_millis(300);
    let prefix = settings.schema_prefix.clone();
    let store: SharedStore = Arc::new(PostgresStore::open(settings).await.unwrap());
    let table = Table::define("test", "row").partition("name", ColumnType::Int).build().unwrap();
    store.create_tables(std::slice::from_ref(&table)).await.unwrap();
    store.commit(Commit::new().put(&table, Key::of(0), Row::default())).await.unwrap();
    // Someone who knows nothing of the store's locks.
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute(&format!("BEGIN; LOCK TABLE \"{prefix}test\".row")).await.unwrap();
    let mut waiting = JoinSet::new();
    for index in 0..40 {
        let (store, commit) = (store.clone(), Commit::new().put(&table, Key::of(index), Row::default()));
        waiting.spawn(async move { store.commit(commit).await });
    }
    let begin = std::time::Instant::now();
    for answer in waiting.join_all().await {
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }
    assert!(begin.elapsed() < Duration::from_secs(6), "each waited for itself: {:?}", begin.elapsed());
    client.batch_execute("ROLLBACK").await.unwrap();
    store.commit(Commit::new().put(&table, Key::of(1), Row::default())).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stays_away_leaves_the_outcome_unknown() {
    let Some(server) = Server::start() else { return };
    let proxy = Proxy::before(server.port()).await;
    let url = format!("postgresql://postgres@{}/postgres", proxy.address);
    let mut settings = PostgresSettings::parse(&url).unwrap();
    settings.settle_timeout = Duration::from_millis(300);
    let store: SharedStore = Arc::new(PostgresStore::open(settings).await.unwrap());
    let table = Table::define("test", "row").partition("name", ColumnType::Text).build().unwrap();
    store.create_tables(std::slice::from_ref(&table)).await.unwrap();
    let put = |name: &str| Commit::new().put(&table, Key::of(name), Row::default());
    for name in ["a", "b", "c", "d"] {
        store.commit(put(name)).await.unwrap();
    }
    proxy.set(Flow::RequestsOnly);
    let committing = tokio::spawn({
        let (store, commit) = (store.clone(), put("e"));
        async move { store.commit(commit).await }
    });
    let direct =
        PostgresStore::open(PostgresSettings::parse(&server.url("postgres")).unwrap()).await.unwrap();
    while direct.get(&table, &Key::of("e")).await.unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    server.crash();
    proxy.cut();
    let answer = committing.await.unwrap();
    assert!(matches!(answer, Err(Error::OutcomeUnknown(_))), "{answer:?}");
    let refused = store.commit(put("f")).await;
    assert!(matches!(refused, Err(Error::Unavailable(_))), "{refused:?}");
    assert!(matches!(store.get(&table, &Key::of("a")).await, Err(Error::Unavailable(_))));
    server.resume();
    store.commit(put("g")).await.unwrap();
    let mut found = store.get(&table, &Key::of("e")).await;
    // Connections for reads are made anew after a pause.
    while let Err(Error::Unavailable(_)) = found {
        tokio::task::yield_now().await;
        found = store.get(&table, &Key::of("e")).await;
    }
    assert!(found.unwrap().is_some());
}

use parking_lot::Mutex;

use super::*;
use crate::{Limits, MemoryStore, Page, Scan};

/// A store whose commits fail as the test says.
#[derive(Debug, Default)]
struct Weather {
    inner: MemoryStore,
    storm: Mutex<Storm>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Storm {
    #[default]
    Calm,
    Unavailable,
    /// The commit happens, but nobody is told.
    Unknown,
    /// The commit never ends.
    Silent,
}

#[async_trait::async_trait]
impl Store for Weather {
    fn limits(&self) -> Limits {
        self.inner.limits()
    }

    async fn create_tables(&self, tables: &[Table]) -> Result<()> {
        self.inner.create_tables(tables).await
    }

    async fn get(&self, table: &Table, key: &Key) -> Result<Option<Arc<Record>>> {
        self.inner.get(table, key).await
    }

    async fn scan(&self, table: &Table, scan: &Scan) -> Result<Page> {
        self.inner.scan(table, scan).await
    }

    async fn scan_table(&self, table: &Table, after: Option<&Key>, limit: usize) -> Result<Page> {
        self.inner.scan_table(table, after, limit).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version> {
        let storm = *self.storm.lock();
        match storm {
            Storm::Calm => self.inner.commit(commit).await,
            Storm::Unavailable => Err(Error::Unavailable("the test says so".into())),
            Storm::Unknown => {
                self.inner.commit(commit).await?;
                Err(Error::OutcomeUnknown("the test says so".into()))
            }
            Storm::Silent => std::future::pending().await,
        }
    }
}

async fn weather() -> (Arc<Weather>, LeaseSettings) {
    let store = Arc::new(Weather::default());
    let table = lease_table("test").unwrap();
    store.create_tables(std::slice::from_ref(&table)).await.unwrap();
    (store, LeaseSettings::new(table, "leader", "one").ttl(Duration::from_secs(20)))
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn an_outage_shorter_than_the_lease_is_survived() {
    let (store, settings) = weather().await;
    let lease = Lease::acquire(store.clone(), settings).await.unwrap();
    for storm in [Storm::Unavailable, Storm::Unknown] {
        *store.storm.lock() = storm;
        sleep(seconds(12)).await;
        assert!(lease.is_held(), "{storm:?}");
        *store.storm.lock() = Storm::Calm;
        sleep(seconds(60)).await;
        assert!(lease.is_held(), "it was not renewed after {storm:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_outage_longer_than_the_lease_loses_it_before_others_may_take_it() {
    for storm in [Storm::Unavailable, Storm::Silent] {
        let (store, settings) = weather().await;
        let lease = Lease::acquire(store.clone(), settings.clone()).await.unwrap();
        let mut other =
            Contender::new(store.clone(), LeaseSettings { holder: "two".into(), ..settings }).unwrap();
        *store.storm.lock() = storm;
        let begin = Instant::now();
        assert!(other.attempt().await.unwrap().is_none());
        lease.lost().await;
        assert_eq!(begin.elapsed().as_secs(), 18, "lost a tenth before its time to live, {storm:?}");
        assert!(!lease.is_held());
        *store.storm.lock() = Storm::Calm;
        assert!(other.attempt().await.unwrap().is_none(), "taken before its time to live");
        sleep(seconds(2)).await;
        assert!(other.attempt().await.unwrap().is_some(), "it was free");
        assert!(matches!(
            store.commit(Commit::new().expect(lease.fence())).await,
            Err(Error::Conflict { .. })
        ));
    }
}

#[tokio::test(start_paused = true)]
async fn a_contender_that_came_late_counts_from_what_it_saw() {
    let (store, settings) = weather().await;
    drop(Lease::acquire(store.clone(), settings.clone()).await.unwrap());
    // Long expired, but this contender cannot know it.
    sleep(seconds(1_000)).await;
    let begin = Instant::now();
    let lease = Lease::acquire(store, LeaseSettings { holder: "two".into(), ..settings }).await.unwrap();
    assert!((20..=22).contains(&begin.elapsed().as_secs()), "{:?}", begin.elapsed());
    assert_eq!(lease.epoch(), 2);
}

#[tokio::test(start_paused = true)]
async fn acquiring_waits_out_an_outage_and_its_own_unknown_outcome() {
    let (store, settings) = weather().await;
    *store.storm.lock() = Storm::Unknown;
    let waiting = tokio::spawn(Lease::acquire(store.clone(), settings));
    sleep(seconds(5)).await;
    *store.storm.lock() = Storm::Calm;
    let lease = waiting.await.unwrap().unwrap();
    assert!(lease.is_held() && lease.epoch() == 2, "{lease:?}");
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    let (store, settings) = weather().await;
    let bad = [
        LeaseSettings { holder: String::new(), ..settings.clone() },
        LeaseSettings { name: String::new(), ..settings.clone() },
        LeaseSettings { renew_every: seconds(10), ..settings.clone() },
        LeaseSettings { watch_every: Duration::ZERO, ..settings },
    ];
    for settings in bad {
        assert!(matches!(Contender::new(store.clone(), settings), Err(Error::Invalid(_))));
    }
}

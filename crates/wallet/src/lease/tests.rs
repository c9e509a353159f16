use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::queue::{SHARDS, shard_name};
use crate::{Backend, Changes, MemoryWallet, StoredKey};

fn shards() -> Vec<String> {
    (0..SHARDS).map(|shard| shard_name("outbound", shard)).collect()
}

fn join(backend: &Arc<MemoryWallet>, me: &str) -> Membership {
    let backend: Arc<dyn Backend> = backend.clone();
    Membership::join(Wallet::new(backend), me.to_owned(), shards(), TERM)
}

/// Waits until the members hold as many shards as said; gives how long that took.
async fn settled(members: &[&Membership], parts: &[usize]) -> Duration {
    let began = Instant::now();
    let mut watched: Vec<_> = members.iter().map(|member| member.held()).collect();
    for (held, part) in watched.iter_mut().zip(parts) {
        held.wait_for(|held| held.len() == *part).await.unwrap();
    }
    let mut names: Vec<String> =
        watched.iter().flat_map(|held| held.borrow().keys().cloned().collect::<Vec<_>>()).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), parts.iter().sum::<usize>());
    began.elapsed()
}

#[tokio::test(start_paused = true)]
async fn who_is_alone_holds_everything_at_once() {
    let wallet = Arc::new(MemoryWallet::new());
    let one = join(&wallet, "one");
    assert!(settled(&[&one], &[8]).await < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn shards_are_shared_evenly_and_given_back_at_once() {
    let wallet = Arc::new(MemoryWallet::new());
    let (one, two, three) = (join(&wallet, "1"), join(&wallet, "2"), join(&wallet, "3"));
    assert!(settled(&[&one, &two, &three], &[3, 3, 2]).await < Duration::from_secs(1));
    one.leave().await;
    assert!(settled(&[&two, &three], &[4, 4]).await < Duration::from_secs(1));
    three.leave().await;
    assert!(settled(&[&two], &[8]).await < Duration::from_secs(1));
    two.leave().await;
    let left = Wallet::new(wallet).find(&Query::all(CATEGORY)).await.unwrap();
    assert!(left.iter().all(|record| record.name.starts_with("shard/")), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn who_is_gone_is_replaced_after_a_term_and_fenced_off() {
    let wallet = Arc::new(MemoryWallet::new());
    let (one, two) = (join(&wallet, "1"), join(&wallet, "2"));
    settled(&[&one, &two], &[4, 4]).await;
    let held = one.held.borrow().clone();
    one.work.abort();
    let took = settled(&[&two], &[8]).await;
    assert!(took > TERM - TERM / ROUNDS && took < TERM + TERM / 2, "{took:?}");
    for holding in held.values() {
        let mut batch = Batch::new();
        batch.expect(holding.fence());
        assert!(Wallet::new(wallet.clone()).commit(batch).await.unwrap_err().is_conflict());
    }
}

#[tokio::test(start_paused = true)]
async fn a_shard_passes_on_when_nobody_works_on_it_any_more() {
    let wallet = Arc::new(MemoryWallet::new());
    let one = join(&wallet, "1");
    settled(&[&one], &[8]).await;
    let mut held = one.held();
    let (_, worked_on) =
        held.borrow_and_update().last_key_value().map(|(k, v)| (k.clone(), v.clone())).unwrap();
    let two = join(&wallet, "2");
    settled(&[&one, &two], &[4, 3]).await;
    let mut batch = Batch::new();
    batch.expect(worked_on.fence());
    Wallet::new(wallet.clone()).commit(batch).await.unwrap();
    drop(worked_on);
    assert!(settled(&[&one, &two], &[4, 4]).await < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn who_hears_nothing_of_the_wallet_holds_nothing_after_a_term() {
    let wallet = Arc::new(Silent::default());
    let one = Membership::join(Wallet::new(wallet.clone()), "1".to_owned(), shards(), TERM);
    settled(&[&one], &[8]).await;
    wallet.is_silent.store(true, Ordering::Relaxed);
    let ended = settled(&[&one], &[0]).await;
    assert!(ended <= TERM + TERM / ROUNDS, "{ended:?}");
    wallet.is_silent.store(false, Ordering::Relaxed);
    settled(&[&one], &[8]).await;
}

/// A wallet that at times answers nothing.
#[derive(Debug, Default)]
struct Silent {
    inner: MemoryWallet,
    is_silent: AtomicBool,
}

impl Silent {
    async fn inner(&self) -> &MemoryWallet {
        if self.is_silent.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        &self.inner
    }
}

#[async_trait::async_trait]
impl Backend for Silent {
    async fn get(&self, category: &str, name: &str) -> Result<Option<Record>> {
        self.inner().await.get(category, name).await
    }

    async fn find(&self, query: &Query) -> Result<Vec<Record>> {
        self.inner().await.find(query).await
    }

    async fn count(&self, query: &Query) -> Result<u64> {
        self.inner().await.count(query).await
    }

    async fn key(&self, name: &str) -> Result<Option<StoredKey>> {
        self.inner().await.key(name).await
    }

    async fn commit(&self, batches: &[Batch]) -> Result<Vec<Result<()>>> {
        self.inner().await.commit(batches).await
    }

    async fn tell(&self, what: &str) -> Result<()> {
        self.inner().await.tell(what).await
    }

    fn changes(&self) -> Changes {
        self.inner.changes()
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}

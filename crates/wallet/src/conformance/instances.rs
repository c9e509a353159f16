//! Several instances on one wallet.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::timeout;

use super::Harness;
use crate::lease::Membership;
use crate::queue::{Entry, Lane, SHARDS, Segment, shard_name};
use crate::{Batch, Query, Record, Wallet};

/// How long something may take that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(30);

async fn wallets<H: Harness>(harness: &H) -> [Wallet; 2] {
    [Wallet::new(harness.open().await), Wallet::new(harness.open().await)]
}

/// Each reads, adds one, and begins anew if another was faster.
pub async fn counters_lose_no_increment<H: Harness>(harness: &H) {
    const TASKS: usize = 4;
    const INCREMENTS: usize = 10;
    let wallets = wallets(harness).await;
    let mut batch = Batch::new();
    batch.insert(Record::new("counter", "1", "0"));
    wallets[0].commit(batch).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..TASKS {
        let wallet = wallets[task % wallets.len()].clone();
        tasks.spawn(async move {
            for _ in 0..INCREMENTS {
                loop {
                    let read = wallet.get("counter", "1").await.unwrap().unwrap();
                    let count: usize = String::from_utf8(read.value.clone()).unwrap().parse().unwrap();
                    let mut batch = Batch::new();
                    batch.replace(read, Record::new("counter", "1", (count + 1).to_string()));
                    match wallet.commit(batch).await {
                        Ok(()) => break,
                        Err(error) => assert!(error.is_conflict(), "{error}"),
                    }
                }
            }
        });
    }
    tasks.join_all().await;
    let count = wallets[1].get("counter", "1").await.unwrap().unwrap();
    assert_eq!(String::from_utf8(count.value).unwrap(), (TASKS * INCREMENTS).to_string());
}

/// The others are refused.
pub async fn one_of_many_makes_a_record<H: Harness>(harness: &H) {
    let wallets = wallets(harness).await;
    for round in 0..5 {
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..6 {
            let wallet = wallets[task % wallets.len()].clone();
            tasks.spawn(async move {
                let mut batch = Batch::new();
                batch.insert(Record::new("event", format!("{round}/{task}"), ""));
                batch.insert(Record::new("c", round.to_string(), task.to_string()));
                wallet.commit(batch).await
            });
        }
        let made = tasks.join_all().await.into_iter().filter(Result::is_ok).count();
        assert_eq!(made, 1);
        assert_eq!(wallets[0].count(&Query::all("event")).await.unwrap(), round + 1);
    }
}

/// Each lane's entries, whoever put them there, come in the order in which their commits were acknowledged.
pub async fn a_lane_is_seen_in_the_order_of_its_commits<H: Harness>(harness: &H) {
    const LANES: usize = 6;
    const ENTRIES: usize = 12;
    let wallets = wallets(harness).await;
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..LANES {
        let wallets = wallets.clone();
        tasks.spawn(async move {
            for entry in 0..ENTRIES {
                let mut batch = Batch::new();
                let lane = Lane { queue: "outbound", name: format!("lane {lane}") };
                let id = format!("{}/{entry}", lane.name);
                batch.enqueue(lane, Entry { id, payload: entry.to_string() });
                wallets[entry % wallets.len()].commit(batch).await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    let mut lanes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for shard in 0..SHARDS {
        let mut known = 0;
        loop {
            let shard = shard_name("outbound", shard);
            let segments = Segment::after(&wallets[0], &shard, known, 5).await.unwrap();
            if segments.is_empty() {
                break;
            }
            known += segments.len();
            for queued in segments.iter().flat_map(Segment::queued) {
                lanes.entry(queued.lane.clone()).or_default().push(queued.payload.clone());
            }
        }
    }
    assert_eq!(lanes.len(), LANES);
    let in_order: Vec<String> = (0..ENTRIES).map(|entry| entry.to_string()).collect();
    assert!(lanes.values().all(|entries| *entries == in_order), "{lanes:?}");
}

/// And the teller itself.
pub async fn what_one_tells_another_hears<H: Harness>(harness: &H) {
    let (one, other) = (harness.open().await, harness.open().await);
    let mut own = one.changes();
    one.tell("outbound/3").await.unwrap();
    assert_eq!(own.recv().await.unwrap(), "outbound/3");
    if !harness.tells_others() {
        return;
    }
    let mut heard = other.changes();
    // The other may not listen yet: what is told before is not heard. Or it listened from the start and hears the first only now.
    let hears = async {
        loop {
            one.tell("events/1").await.unwrap();
            match timeout(Duration::from_millis(100), heard.recv()).await.map(Result::unwrap) {
                Ok(first) if first == "outbound/3" => {}
                Ok(what) => return what,
                Err(_) => {}
            }
        }
    };
    assert_eq!(timeout(PATIENCE, hears).await.unwrap(), "events/1");
}

/// Each holds its part, and all when the other has left.
pub async fn shards_are_shared_by_two_instances<H: Harness>(harness: &H) {
    const TERM: Duration = Duration::from_secs(2);
    let shards = || (0..SHARDS).map(|shard| shard_name("outbound", shard));
    let join = |wallet: &Wallet, me: &str| Membership::join(wallet.clone(), me.to_owned(), shards(), TERM);
    let [one, two] = wallets(harness).await;
    let (one, two) = (join(&one, "1"), join(&two, "2"));
    let (mut of_one, mut of_two) = (one.held(), two.held());
    let half = usize::from(SHARDS / 2);
    let share = async {
        of_one.wait_for(|held| held.len() == half).await.unwrap();
        of_two.wait_for(|held| held.len() == half).await.unwrap();
    };
    timeout(PATIENCE, share).await.unwrap();
    timeout(PATIENCE, one.leave()).await.unwrap();
    timeout(PATIENCE, of_two.wait_for(|held| held.len() == usize::from(SHARDS))).await.unwrap().unwrap();
}

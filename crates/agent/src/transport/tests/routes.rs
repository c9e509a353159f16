//! What others may answer to a key leaves when our mediator knows the key.

use super::faults::{OK, next, peer};
use super::*;
use crate::Stored as _;
use crate::protocols::mediation::{MediationRole, RoutedKey};

#[tokio::test]
async fn what_waits_for_the_mediator_leaves_when_it_knows_the_key_and_holds_up_its_lane_alone() {
    let wallet: Arc<dyn Backend> = Arc::new(MemoryWallet::new());
    let sender = agent("faber", 1, Settings::default(), SystemClock::shared(), wallet.clone());
    let (good, mut coming) = peer(OK).await;
    let key = Work::new(&sender).new_key().unwrap().verkey();
    let announced = Announced { key: key.to_string(), mediator: "the mediator".to_owned() };
    enqueue_after(&sender, "held", &good, "key", "held END", Some(announced)).await;
    enqueue(&sender, "held", &good, "key", "behind END").await;
    let supervisor = Supervisor::new(Shutdown::new());
    Transport::new(sender.clone()).unwrap().spawn(&supervisor);
    for number in 0..20 {
        enqueue(&sender, "other", &good, "key", &format!("{number} END")).await;
        assert_eq!(next(&mut coming).await, format!("{number} END"));
    }
    // Another instance hears from the mediator.
    let other = agent("faber", 2, Settings::default(), SystemClock::shared(), wallet);
    let mut work = Work::new(&other);
    RoutedKey::new(&work, MediationRole::Client, "the mediator", &key).save(&mut work);
    work.routes_changed();
    work.commit().await.unwrap();
    for what in other.wakes().untold().await {
        other.wallet().tell(&what).await.unwrap();
    }
    assert_eq!(next(&mut coming).await, "held END");
    assert_eq!(next(&mut coming).await, "behind END");
    supervisor.shutdown().trigger("the test is over");
    supervisor.join(PATIENCE).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_mediator_that_never_says_that_it_knows_a_key_holds_nobody_up_for_ever() {
    let agent = agent("faber", 1, Settings::default(), manual(), Arc::new(MemoryWallet::new()));
    let mut work = Work::new(&agent);
    let key = work.new_key().unwrap().verkey();
    // That another knows it is of no use.
    RoutedKey::new(&work, MediationRole::Client, "another", &key).save(&mut work);
    work.commit().await.unwrap();
    let began = tokio::time::Instant::now();
    Announced { key: key.to_string(), mediator: "the mediator".to_owned() }.wait(&agent).await;
    assert_eq!(began.elapsed().as_secs(), 5);
}

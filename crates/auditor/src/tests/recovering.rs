//! A client vanished: the Ledger decides, and others go on after the grace period.

use trustkeep_scalar_rpc::Result;
use trustkeep_scalar_rpc::messages::AssetLockRecoveryResult as Answer;

use crate::testing::{Lie, World, key, refused};

const PUT: &str = r#"{"id":"a","v":1}"#;
const GET: &str = r#"{"id":"a"}"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanished_before_the_ledger_is_aborted() -> Result<()> {
    let world = World::new().await;
    world.run("put", "n0", PUT).await?;
    let vanished = world.order(&world.request("put", "n1", PUT)).await?;
    refused(world.run("put", "n2", PUT).await, "DL-AUDITOR-504001");
    world.wait();
    world.run("put", "n3", PUT).await?;
    assert_eq!(world.lock("a").await, (Some(1), 0));
    // It comes back too late, and the Ledger knows.
    assert_eq!(world.execute(&vanished).unwrap_err().code.number(), 504);
    refused(world.validate(&vanished, vec![]).await, "DL-AUDITOR-504003");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_vanished_after_the_ledger_is_completed() -> Result<()> {
    let world = World::new().await;
    let late = world.order(&world.request("move", "n1", r#"{"from":"a","to":"b"}"#)).await?;
    let proofs = world.execute(&late)?;
    world.wait();
    assert_eq!(world.run("get", "n2", GET).await?.contract_result, r#"{"v":-1}"#);
    assert_eq!((world.lock("a").await, world.lock("b").await), ((Some(0), 0), (Some(0), 0)));
    // It comes back and gets its answer.
    assert_eq!(world.validate(&late, proofs).await?.proofs.len(), 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_vanished_do_not_keep_writers_off() -> Result<()> {
    let world = World::new().await;
    world.run("put", "n0", PUT).await?;
    for nonce in ["r1", "r2"] {
        world.order(&world.request("get", nonce, GET)).await?;
    }
    let done = world.order(&world.request("get", "r3", GET)).await?;
    let proofs = world.execute(&done)?;
    world.wait();
    // A reader that is not stale is waited for, however old the others are.
    world.order(&world.request("get", "r4", GET)).await?;
    refused(world.run("put", "n1", PUT).await, "DL-AUDITOR-504002");
    assert_eq!(world.lock("a").await, (Some(0), 1));
    world.wait();
    world.run("put", "n2", PUT).await?;
    // The reader whose execution the Ledger committed still gets its answer.
    assert_eq!(world.validate(&done, proofs).await?.contract_result, r#"{"v":1}"#);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn another_process_watches_by_its_own_clock() -> Result<()> {
    let world = World::new().await;
    world.order(&world.request("put", "n1", PUT)).await?;
    world.wait();
    let another = world.another().await;
    // It sees the order for the first time now, and believes no stamp but a very old one.
    refused(another.order(&world.request("put", "n2", PUT)).await, "DL-AUDITOR-504001");
    world.wait();
    another.order(&world.request("put", "n3", PUT)).await?;
    world.clock.advance(crate::recovery::CLOCKS_APART_MAX + world.auditor.grace);
    let third = world.another().await;
    third.order(&world.request("put", "n4", PUT)).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_ledger_cannot_show_is_kept_as_evidence() -> Result<()> {
    for (lie, committed, message) in [
        (Lie::HidesProofs, true, "DL-AUDITOR-305002"),
        (Lie::OtherNonce, true, "DL-AUDITOR-305006"),
        (Lie::Undecided, false, "DL-AUDITOR-504001"),
        (Lie::Silent, true, "DL-AUDITOR-503001"),
    ] {
        let world = World::new().await;
        let vanished = world.order(&world.request("put", "n1", PUT)).await?;
        if committed {
            world.execute(&vanished)?;
        }
        world.ledger.lie(lie);
        world.wait();
        for nonce in ["n2", "n3"] {
            refused(world.order(&world.request("put", nonce, PUT)).await, message);
        }
        assert_eq!(world.lock("a").await, (None, 1), "{lie:?}");
        // Once it tells the truth all goes on.
        world.ledger.lie(Lie::None);
        world.run("put", "n4", PUT).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_denies_its_commit_is_found_when_the_client_shows_it() -> Result<()> {
    let world = World::new().await;
    let late = world.order(&world.request("put", "n1", PUT)).await?;
    let proofs = world.execute(&late)?;
    world.ledger.lie(Lie::DeniesCommit);
    world.wait();
    world.order(&world.request("put", "n2", PUT)).await?;
    refused(world.validate(&late, proofs).await, "DL-AUDITOR-305008");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_recovered_on_request() -> Result<()> {
    let world = World::new().await;
    refused(world.auditor.recover_lock(&key("a")).await, "DL-AUDITOR-409001");
    world.run("put", "n0", PUT).await?;
    assert_eq!(world.auditor.recover_lock(&key("a")).await?, Answer::NotNeeded);
    world.order(&world.request("put", "n1", PUT)).await?;
    assert_eq!(world.auditor.recover_lock(&key("a")).await?, Answer::NotRecoverable);
    world.wait();
    world.ledger.lie(Lie::Undecided);
    assert_eq!(world.auditor.recover_lock(&key("a")).await?, Answer::Failed);
    world.ledger.lie(Lie::None);
    assert_eq!(world.auditor.recover_lock(&key("a")).await?, Answer::Succeeded);
    assert_eq!(world.auditor.recover_lock(&key("a")).await?, Answer::NotNeeded);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn purged_nonces_stay_refused() -> Result<()> {
    let enabled = "scalar.dl.auditor.transaction_state_purge.enabled=true";
    refused(World::new().await.auditor.purger.scan().await, "DL-AUDITOR-407002");
    let world = World::with(enabled).await;
    let first = world.request("put", "n1", PUT);
    world.run("put", "n1", PUT).await?;
    world.order(&world.request("get", "n2", GET)).await?;
    let fresh = world.auditor.purger.scan().await?;
    assert_eq!((fresh.total_targets, fresh.purged, fresh.skipped), (2, 0, 2));
    world.wait();
    let done = world.auditor.purger.scan().await?;
    assert_eq!((done.total_targets, done.purged, done.skipped), (2, 1, 1));
    assert_eq!(world.ledger.finished(), ["n1"]);
    refused(world.order(&first).await, "DL-AUDITOR-304001");
    assert!(world.auditor.books.request_proof("n1").await?.is_none());
    world.ledger.lie(Lie::Silent);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_proof_goes_right_after_its_end_where_that_is_wished_for() -> Result<()> {
    let world = World::with(
        "scalar.dl.auditor.transaction_state_purge.enabled=true\n\
         scalar.dl.auditor.transaction_state_purge.on_completion.enabled=true",
    )
    .await;
    world.run("put", "n1", PUT).await?;
    let books = &world.auditor.books;
    while books.request_proof("n1").await?.is_some() {
        tokio::task::yield_now().await;
    }
    assert!(books.is_spent("n1").await?);
    Ok(())
}

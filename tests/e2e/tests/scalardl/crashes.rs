//! Whoever is killed between two steps: what was committed stays, what was not leaves nothing, nothing happens twice.

use std::time::Instant;

use trustkeep_scalar_rpc::messages::{AssetLockRecoveryResult, TransactionState};

use crate::domains::{Domains, GRACE_MS, refused};

#[tokio::test]
async fn either_server_may_die_between_any_two_steps() -> anyhow::Result<()> {
    let mut domains = Domains::start().await?;
    domains.put("a", 1).await?;
    assert_eq!(domains.get("a").await?, (0, 1));

    let request = domains.order("a", 2).await?;
    domains.auditor.restart().await?;
    domains.ledger.restart().await?;
    let executed = domains.client.execute_at_ledger(request.clone()).await?;
    domains.ledger.restart().await?;
    domains.auditor.restart().await?;
    let first = domains.client.validate_at_auditor(request.clone(), executed.proofs.clone()).await?;
    // The answer was lost, and more: the same again.
    domains.auditor.restart().await?;
    let second = domains.client.validate_at_auditor(request.clone(), executed.proofs).await?;
    assert_eq!((first.contract_result, first.proofs), (second.contract_result, second.proofs));
    assert_eq!(domains.get("a").await?, (1, 2));

    refused(domains.client.order(request.clone()).await, "DL-AUDITOR-304001");
    refused(domains.client.execute_at_ledger(request).await, "DL-LEDGER-504001");
    Ok(())
}

#[tokio::test]
async fn a_client_that_vanished_keeps_nobody_for_longer_than_the_grace_period() -> anyhow::Result<()> {
    let mut domains = Domains::start().await?;
    domains.put("a", 1).await?;
    // Before the Ledger: it never happened, also for the Ledger's own part.
    let vanished = domains.order("a", 2).await?;
    refused(domains.put("a", 3).await, "DL-AUDITOR-504001");
    assert_eq!(domains.client.recover_lock("", "a").await?, AssetLockRecoveryResult::NotRecoverable);
    let begun = Instant::now();
    domains.put_at_last("a", 3).await?;
    assert!(begun.elapsed().as_millis() < u128::from(GRACE_MS) * 10, "{:?}", begun.elapsed());
    refused(domains.client.execute_at_ledger(vanished.clone()).await, "DL-LEDGER-504001");
    refused(domains.client.validate_at_auditor(vanished, vec![]).await, "DL-AUDITOR-504003");
    assert_eq!(domains.get("a").await?, (1, 3));

    // After the Ledger, with the Auditor restarted besides: it happened, once.
    let vanished = domains.order("a", 4).await?;
    let executed = domains.client.execute_at_ledger(vanished.clone()).await?;
    domains.auditor.restart().await?;
    domains.put_at_last("a", 5).await?;
    assert_eq!(domains.get("a").await?, (3, 5));
    domains.client.validate_at_auditor(vanished, executed.proofs).await?;
    assert_eq!(domains.client.recover_lock("", "a").await?, AssetLockRecoveryResult::NotNeeded);
    assert!(!domains.auditor.log().contains("do not fit"), "{}", domains.auditor.log());
    Ok(())
}

#[tokio::test]
async fn a_ledger_that_is_away_is_waited_for() -> anyhow::Result<()> {
    let mut domains = Domains::start().await?;
    domains.put("a", 1).await?;
    let vanished = domains.order("a", 2).await?;
    domains.ledger.kill().await?;
    refused(domains.order("a", 3).await, "DL-AUDITOR-504001");
    tokio::time::sleep(std::time::Duration::from_millis(GRACE_MS)).await;
    refused(domains.order("a", 3).await, "DL-AUDITOR-503001");
    domains.ledger.start().await?;
    domains.put_at_last("a", 3).await?;
    let nonce = trustkeep_scalar_rpc::argument::Argument::parse(&vanished.contract_argument)?.nonce;
    assert_eq!(domains.client.retrieve_state(&nonce).await?, TransactionState::Aborted);
    Ok(())
}

#[tokio::test]
async fn purged_requests_stay_refused() -> anyhow::Result<()> {
    let mut domains = Domains::start().await?;
    let request = domains.order("a", 1).await?;
    let executed = domains.client.execute_at_ledger(request.clone()).await?;
    domains.client.validate_at_auditor(request.clone(), executed.proofs).await?;
    tokio::time::sleep(std::time::Duration::from_millis(GRACE_MS)).await;
    let held = domains.order("a", 2).await?;
    let purged = domains.client.purge_state().await?;
    assert_eq!((purged.total_targets, purged.purged, purged.skipped), (2, 1, 1));
    domains.auditor.restart().await?;
    domains.ledger.restart().await?;
    refused(domains.client.order(request.clone()).await, "DL-AUDITOR-304001");
    refused(domains.client.execute_at_ledger(request).await, "DL-LEDGER-504001");
    let executed = domains.client.execute_at_ledger(held.clone()).await?;
    domains.client.validate_at_auditor(held, executed.proofs).await?;
    assert_eq!(domains.get("a").await?, (1, 2));
    Ok(())
}

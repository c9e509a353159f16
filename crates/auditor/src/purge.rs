//! Purging: request proofs whose orders have ended are only a history of nonces; sixteen bytes of each are enough.
//!
//! The Ledger is told first, so that a failure on the way leaves a request proof and is mended by the next scan.

use std::sync::Arc;

use tokio::sync::Semaphore;
use trustkeep_chassis::shutdown::Shutdown;
use trustkeep_scalar_rpc::messages::TransactionStatePurgeResponse;
use trustkeep_scalar_rpc::{Result, StatusCode};
use trustkeep_store::{Commit, Contender, Error as StoreError, Key, LeaseSettings, Row, Value};

use crate::books::Books;
use crate::failure;
use crate::ledger::Ledger;
use crate::request::{RequestProof, fingerprint};
use crate::settings::PurgeSettings;
use crate::settling::Standing;

/// How many request proofs are purged at the same time right after their ends; more are left to the scans.
const AT_ONCE_MAX: usize = 64;
/// How many request proofs a scan reads at a time.
const PAGE_ROWS: usize = 100;
/// The lease of the one process that scans.
const LEASE: &str = "transaction_state_purge";

/// What removes request proofs.
#[derive(Clone, Debug)]
pub(crate) struct Purger {
    books: Arc<Books>,
    ledger: Ledger,
    settings: PurgeSettings,
    /// A proof that is younger may be of an order whose end its client has not heard of, milliseconds.
    grace_ms: i64,
    turns: Arc<Semaphore>,
    scanning: Arc<tokio::sync::Mutex<Scanning>>,
}

/// The state of the scans of this process.
#[derive(Debug)]
struct Scanning {
    contender: Contender,
    /// Where the last one ended, so that what cannot be purged does not fill every scan.
    after: Option<Key>,
}

/// What became of one request proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Purged,
    Skipped,
}

impl Purger {
    /// A purger in the name of `holder`, which is different for every process.
    ///
    /// # Errors
    /// 500 if the lease cannot be asked for.
    pub(crate) fn new(
        books: Arc<Books>,
        ledger: Ledger,
        settings: PurgeSettings,
        grace: std::time::Duration,
        holder: String,
    ) -> Result<Self> {
        let lease = LeaseSettings::new(books.leases.clone(), LEASE, holder);
        let contender =
            Contender::new(books.store.clone(), lease).map_err(|error| failure::PURGING.error(&error))?;
        Ok(Self {
            books,
            ledger,
            settings,
            grace_ms: i64::try_from(grace.as_millis()).unwrap_or(i64::MAX),
            turns: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            scanning: Arc::new(tokio::sync::Mutex::new(Scanning { contender, after: None })),
        })
    }

    /// An order has ended: its request proof goes, beside the request, if that is wished for and there is room.
    pub(crate) fn completed(&self, nonce: &str) {
        if !self.settings.enabled || !self.settings.on_completion {
            return;
        }
        let Ok(turn) = self.turns.clone().try_acquire_owned() else { return };
        let (purger, nonce) = (self.clone(), nonce.to_owned());
        tokio::spawn(async move {
            let purged = match purger.books.request_proof(&nonce).await {
                Ok(Some(proof)) => purger.purge(&proof).await.map(drop),
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = purged {
                tracing::warn!(%nonce, %error, "a request proof was left to the next scan");
            }
            drop(turn);
        });
    }

    /// Looks through request proofs, as many as are configured, and purges those of orders that have ended.
    ///
    /// # Errors
    /// 407002 if purging is not configured, 504004 if another process or request is at it, 500, 503001.
    pub(crate) async fn scan(&self) -> Result<TransactionStatePurgeResponse> {
        if !self.settings.enabled {
            return Err(failure::purge_disabled());
        }
        let Ok(mut scanning) = self.scanning.try_lock() else { return Err(failure::purge_running()) };
        let lease = scanning.contender.attempt().await.map_err(|error| failure::PURGING.error(&error))?;
        let Some(lease) = lease else { return Err(failure::purge_running()) };
        let purged = self.scan_on(&mut scanning.after).await;
        if let Err(error) = lease.release().await {
            tracing::debug!(%error, "the lease of the purge was not released: it ends by itself");
        }
        purged
    }

    /// Scans every now and then until the server stops.
    pub(crate) async fn run(&self, shutdown: Shutdown) {
        let Some(interval) = self.settings.interval.filter(|_| self.settings.enabled) else { return };
        loop {
            tokio::select! {
                () = tokio::time::sleep(interval) => {}
                () = shutdown.wait() => return,
            }
            match self.scan().await {
                Ok(done) if done.total_targets > 0 && done.skipped * 2 > done.total_targets => {
                    tracing::warn!(?done, "most request proofs that the purge looked at cannot be purged");
                }
                Ok(done) => tracing::debug!(?done, "purged request proofs"),
                Err(error) if error.code == StatusCode::Conflict => {}
                Err(error) => tracing::warn!(%error, "the purge failed"),
            }
        }
    }

    async fn scan_on(&self, after: &mut Option<Key>) -> Result<TransactionStatePurgeResponse> {
        let mut done = TransactionStatePurgeResponse::default();
        let mut left = self.settings.limit;
        while left > 0 {
            let page =
                self.books.store.scan_table(&self.books.request_proofs, after.as_ref(), left.min(PAGE_ROWS));
            let page = page.await.map_err(|error| failure::PURGING.error(&error))?;
            for record in &page.records {
                done.total_targets += 1;
                match self.visit(record).await? {
                    Fate::Purged => done.purged += 1,
                    Fate::Skipped => done.skipped += 1,
                }
            }
            left = left.saturating_sub(page.records.len());
            *after = page.records.last().map(|record| record.key.clone()).filter(|_| page.more);
            if !page.more {
                break;
            }
        }
        Ok(done)
    }

    async fn visit(&self, record: &trustkeep_store::Record) -> Result<Fate> {
        let proof = match RequestProof::of(record) {
            Ok(proof) => proof,
            Err(error) => {
                tracing::error!(key = ?record.key, %error, "a request proof was changed");
                return Ok(Fate::Skipped);
            }
        };
        if self.books.now().saturating_sub(proof.registered_at) < self.grace_ms {
            return Ok(Fate::Skipped);
        }
        match self.purge(&proof).await {
            // What is wrong with one order does not keep the others.
            Err(error) if error.code == StatusCode::InconsistentStates => {
                tracing::error!(nonce = proof.request.nonce, %error, "a request proof is kept as evidence");
                Ok(Fate::Skipped)
            }
            fate => fate,
        }
    }

    async fn purge(&self, proof: &RequestProof) -> Result<Fate> {
        if let Standing::Held(_) = self.books.standing(proof).await?
            && !proof.claims.is_empty()
        {
            return Ok(Fate::Skipped);
        }
        let nonce = &proof.request.nonce;
        self.ledger.finish(nonce).await?;
        let (books, place) = (&self.books, Key::of(nonce.as_str()));
        let commit = Commit::new()
            .expect_version(&books.request_proofs, place.clone(), proof.version)
            .delete(&books.request_proofs, place)
            .put(&books.spent_nonces, fingerprint(nonce), Row::of([Value::Int(books.now())]));
        match books.store.commit(commit).await {
            Ok(_) => Ok(Fate::Purged),
            Err(StoreError::Conflict { .. }) => Ok(Fate::Skipped),
            Err(error) => Err(failure::PURGING.error(&error)),
        }
    }
}

//! What this node is to the others: sealed, standing by, or the one that answers.
//!
//! A standby has the keyring and nothing else: no mounts, no tokens, and storage that refuses to write. Each term
//! of leadership has a barrier of its own, over an empty cache and with the term's fence in every commit, so that
//! whatever of a former term is still under way can neither write nor read as if it were of this one.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Notify;
use trustkeep_crypto::{Key256, Random};
use trustkeep_store::{CachedStore, Expect, Hold, Lease};

use super::keys::MASTER;
use super::{Barrier, Core, NANOS, PathStore, Unsealed, entry_table};
use crate::{Error, Result};

/// What a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It has no keys.
    Sealed,
    /// It has the keys and another node answers.
    Standby,
    /// It answers.
    Active,
}

/// Storage of a vault that no other node writes to meanwhile.
#[derive(Debug)]
pub struct Exclusive {
    paths: Arc<PathStore>,
    lease: Option<Lease>,
}

impl Exclusive {
    /// The paths; every commit expects that this is still so.
    pub fn paths(&self) -> &PathStore {
        &self.paths
    }

    /// A barrier over them, sealed.
    pub(super) fn barrier(&self, random: Arc<dyn Random>) -> Barrier {
        Barrier::new(self.paths.clone(), random)
    }

    /// Lets the others in again.
    pub async fn finish(self) {
        if let Some(lease) = self.lease
            && let Err(error) = lease.release().await
        {
            tracing::warn!(%error, "the storage's lease could not be released: others wait for it to end");
        }
    }
}

impl Core {
    /// What this node is.
    pub fn standing(&self) -> Standing {
        if self.unsealed.read().as_ref().is_some_and(|unsealed| unsealed.leads()) {
            Standing::Active
        } else if self.ha.is_some() && !self.cold.is_sealed() {
            Standing::Standby
        } else {
            Standing::Sealed
        }
    }

    /// The barrier: that of the present term on the active node, else one that reads only.
    pub fn barrier(&self) -> Arc<Barrier> {
        match self.unsealed.read().as_ref() {
            Some(unsealed) => unsealed.barrier.clone(),
            None => self.cold.clone(),
        }
    }

    /// What is behind the barrier, for one request: a node that steps down waits until this is dropped.
    ///
    /// # Errors
    /// 503 while sealed or standing by.
    pub fn enter(&self) -> Result<(Arc<Unsealed>, Visit)> {
        let unsealed = self.unsealed.read();
        match unsealed.as_ref() {
            Some(unsealed) if unsealed.leads() => Ok((unsealed.clone(), Visit::begin(unsealed))),
            _ => {
                drop(unsealed);
                Err(self.not_active())
            }
        }
    }

    /// Whether what was read in this term was current: the lease is held still. True where there is none.
    pub fn vouches_for(&self, term: &Arc<Unsealed>) -> bool {
        term.leads() && self.unsealed.read().as_ref().is_none_or(|now| Arc::ptr_eq(now, term))
    }

    /// Storage for what is written while nobody is active: initialisation.
    ///
    /// # Errors
    /// 503 where another node has it, and the store's.
    pub async fn exclusive(&self) -> Result<Exclusive> {
        match &self.ha {
            None => Ok(Exclusive { paths: self.cold.paths().clone(), lease: None }),
            Some(ha) => {
                let lease = ha.borrow_lease().await?;
                let paths = PathStore::new(self.store.clone(), entry_table()?);
                paths.set_fence(Some(lease.fence()));
                Ok(Exclusive { paths: Arc::new(paths), lease: Some(lease) })
            }
        }
    }

    /// A term's barrier: open, its cache empty, its commits fenced. The keyring is that of the store, since a
    /// former leader may have changed it.
    pub(crate) async fn term(&self, fence: Expect, cache_bytes: u64) -> Result<Arc<Barrier>> {
        self.refresh_keyring().await?;
        let store = Arc::new(CachedStore::new(self.store.clone(), cache_bytes));
        let paths = PathStore::new(store, entry_table()?);
        paths.set_fence(Some(fence));
        let barrier = Barrier::new(Arc::new(paths), self.random.clone());
        barrier.adopt(self.cold.keyring()?);
        Ok(Arc::new(barrier))
    }

    /// Reads the keyring anew.
    ///
    /// # Errors
    /// 400 where it does not open with the root key that is known: then the node must be unsealed again.
    pub(crate) async fn refresh_keyring(&self) -> Result<()> {
        let known = self.cold.keyring()?;
        let stored = match self.cold.load_keyring(known.root_key()).await {
            // Rekeyed, perhaps: who knows the terms up to then finds the new root key behind the barrier.
            Err(Error::Invalid(refusal)) => {
                let terms = self.cold.caught_up(&known).await?;
                let found = self.cold.get_with(&terms, MASTER).await.ok().flatten();
                let Some(found) = found else { return Err(Error::Invalid(refusal)) };
                let root_key = Key256::from_slice(found.value.expose()).map_err(Error::internal)?;
                self.cold.load_keyring(&root_key).await?
            }
            loaded => loaded?,
        };
        self.cold.replace(&known, Arc::new(stored));
        Ok(())
    }

    /// The barrier that reads past every cache, for what another node wrote.
    pub(crate) fn cold(&self) -> &Arc<Barrier> {
        &self.cold
    }

    /// Loads what is behind a barrier and answers from then on.
    pub(crate) async fn activate(&self, barrier: Arc<Barrier>, hold: Option<Hold>) -> Result<()> {
        let unsealed = Arc::new(self.load(barrier, hold).await?);
        {
            let mut place = self.unsealed.write();
            // It may have been sealed meanwhile; `seal` closes the barrier first and then comes here.
            self.cold.keyring()?;
            *place = Some(unsealed.clone());
        }
        let leases = (self.settings.default_lease_ttl, self.settings.max_lease_ttl);
        let now = self.now() / NANOS;
        tokio::spawn(async move {
            unsealed.finish_unmounting().await;
            unsealed.finish_upgrading(leases).await;
            if let Err(error) = unsealed.note_version(now).await {
                tracing::warn!(%error, "the version could not be noted for sys/version-history");
            }
        });
        Ok(())
    }

    /// Answers no more. The keys stay; the content goes as soon as nobody uses it any more.
    pub(crate) fn stand_by(&self) -> Option<Arc<Unsealed>> {
        let ended = self.unsealed.write().take()?;
        if let (Ok(before), Ok(latest)) = (self.cold.keyring(), ended.barrier.keyring()) {
            self.cold.replace(&before, latest);
        }
        Some(ended)
    }

    pub(super) fn not_active(&self) -> Error {
        match self.standing() {
            Standing::Sealed => Error::Sealed,
            Standing::Standby | Standing::Active => Error::Standby,
        }
    }
}

impl Unsealed {
    /// Whether the lease is held still, where there is one.
    pub(super) fn leads(&self) -> bool {
        self.hold.as_ref().is_none_or(Hold::is_held)
    }

    /// Waits for the end of the term; for ever where there are no terms.
    pub(crate) async fn over(&self) {
        match &self.hold {
            Some(hold) => hold.over().await,
            None => std::future::pending().await,
        }
    }

    /// Waits until no request uses it any more, at most this long; what goes on then finds the barrier closed.
    pub(crate) async fn drain(&self, patience: Duration) {
        let idle = self.requests.idle();
        if tokio::time::timeout(patience, idle).await.is_err() {
            tracing::warn!("requests were cut off: they did not end in time");
        }
        self.barrier.end();
    }
}

/// The requests under way in one term.
#[derive(Debug, Default)]
pub(super) struct Requests {
    count: AtomicUsize,
    ended: Notify,
}

impl Requests {
    async fn idle(&self) {
        loop {
            let ended = self.ended.notified();
            if self.count.load(Ordering::SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// One request under way; dropped at its end.
pub struct Visit(Arc<Unsealed>);

impl Visit {
    fn begin(unsealed: &Arc<Unsealed>) -> Self {
        unsealed.requests.count.fetch_add(1, Ordering::SeqCst);
        Visit(unsealed.clone())
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let requests = &self.0.requests;
        if requests.count.fetch_sub(1, Ordering::SeqCst) == 1 {
            requests.ended.notify_waiters();
        }
    }
}

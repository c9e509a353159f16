//! Ending leases: on request, by prefix, with their token, when they are due.
//!
//! What was promised (a revocation answered with 202, a token's leases) is stored before the answer, so that a crash
//! leaves none alive. What an engine cannot undo is tried again, six times over five minutes, then once a day.

use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use trustkeep_crypto::random;
use trustkeep_store::{Error as StoreError, Version};

use super::Unsealed;
use super::barrier::Batch;
use super::lease::LeaseEntry;
use super::lease_store::{PrefixJob, Stored};
use crate::{Error, Result};

/// What becomes of leases that cannot be revoked now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnFailure {
    /// The first one ends the revocation and is reported.
    Report,
    /// They are forgotten; what they stand for may live on.
    Forget,
    /// They are tried again later.
    TryLater,
}

impl Unsealed {
    /// Revokes a lease or token at once; one that is not there is no error.
    ///
    /// # Errors
    /// 400 where the engine cannot undo it (it is tried again later), and the store's.
    pub async fn revoke_lease(&self, id: &str, now: i64) -> Result<()> {
        self.revoke_all(vec![id.to_owned()], OnFailure::Report, (now, i64::MAX)).await
    }

    /// Ends a lease or token now; the rest happens in the background, also after a crash.
    ///
    /// # Errors
    /// The store's.
    pub async fn end_lease(self: &Arc<Self>, id: &str, now: i64) -> Result<()> {
        for _ in 0..RETRIES {
            match self.leases.get(id).await? {
                None => return Ok(()),
                Some(Stored::Token(hash)) => return self.tokens.revoke_tree(&hash, now).await,
                Some(Stored::Secret(lease, version)) => {
                    let ended = lease.clone().ended(now);
                    let unowned = self.leases.disowned(&lease);
                    let batch = self.leases.change(&lease, version, &ended)?.and(unowned);
                    match self.leases.commit(batch).await {
                        Err(Error::Store(StoreError::Conflict { .. })) => {}
                        other => {
                            self.expire_soon(now);
                            return other;
                        }
                    }
                }
            }
        }
        Err(Error::Unavailable("too many changes of this lease at once; try again".into()))
    }

    /// Revokes the lease of that id and all below it, a bounded number at a time.
    ///
    /// # Errors
    /// With [`OnFailure::Report`], 400 for the first that an engine cannot undo; the store's.
    pub async fn revoke_prefix(&self, prefix: &str, on_failure: OnFailure, now: i64) -> Result<()> {
        self.revoke_below(prefix, on_failure, (now, i64::MAX)).await
    }

    /// Promises the same, to be carried out in the background, also after a crash.
    ///
    /// # Errors
    /// The store's.
    pub async fn end_prefix(self: &Arc<Self>, prefix: &str, now: i64) -> Result<()> {
        let job = PrefixJob { prefix: prefix.to_owned(), issued_until: now };
        let name = format!("{now:012x}-{}", random::base62(self.barrier.random().as_ref(), 16));
        self.leases.promise(&name, &job).await?;
        self.expire_soon(now);
        Ok(())
    }

    /// Revokes what is due at `now` (unix seconds) and keeps what was promised; returns how many leases ended. Does
    /// nothing where another task is at it.
    ///
    /// # Errors
    /// The store's.
    pub async fn expire_leases(&self, now: i64) -> Result<usize> {
        let Ok(_one_at_a_time) = self.expiring.try_lock() else { return Ok(0) };
        for (name, job) in self.leases.promised().await? {
            self.revoke_below(&job.prefix, OnFailure::TryLater, (now, job.issued_until)).await?;
            self.leases.kept(&name).await?;
        }
        let mut ended = 0;
        loop {
            let due = self.leases.due(now, self.leases.at_once()).await?;
            if due.is_empty() {
                return Ok(ended);
            }
            let mut leases = Vec::with_capacity(due.len());
            for due in due {
                match self.leases.indexed(&due.path).await? {
                    Some((lease, version)) if self.leases.due_path(&lease) == due.path => {
                        leases.push((lease, version));
                    }
                    _ => self.leases.commit(self.leases.unindex(&due.path)).await?,
                }
            }
            ended += leases.len();
            self.revoke_secrets(leases, OnFailure::TryLater, now).await?;
        }
    }

    /// Has what a lease stands for undone by its engine.
    ///
    /// # Errors
    /// The engine's, and 500 where it takes too long.
    pub(super) async fn undo(&self, lease: &LeaseEntry) -> Result<()> {
        let mounts = self.mounts();
        let Some((mount, _)) = mounts.route(&lease.path) else { return Ok(()) };
        let Some(engine) = &mount.engine else { return Ok(()) };
        match tokio::time::timeout(UNDO_MAX, engine.revoke(lease)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(Error::internal("the engine took too long")),
        }
    }

    fn expire_soon(self: &Arc<Self>, now: i64) {
        let this = self.clone();
        tokio::spawn(async move {
            if let Err(error) = this.expire_leases(now).await {
                tracing::warn!(%error, "leases could not be revoked; trying again");
            }
        });
    }

    async fn revoke_below(
        &self,
        prefix: &str,
        on_failure: OnFailure,
        (now, issued_until): (i64, i64),
    ) -> Result<()> {
        let at = prefix.trim_end_matches('/');
        if !prefix.ends_with('/') && !at.is_empty() {
            self.revoke_all(vec![at.to_owned()], on_failure, (now, issued_until)).await?;
        }
        let folder = if at.is_empty() { String::new() } else { format!("{at}/") };
        // Folders to go through, each with the name after which to go on.
        let mut pending = vec![(folder, String::new())];
        while let Some((folder, after)) = pending.pop() {
            let names = self.leases.list(&folder, &after, self.leases.at_once()).await?;
            let Some(last) = names.last() else { continue };
            pending.push((folder.clone(), last.clone()));
            let (folders, ids): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.ends_with('/'));
            pending.extend(folders.into_iter().map(|name| (format!("{folder}{name}"), String::new())));
            let ids = ids.into_iter().map(|name| format!("{folder}{name}")).collect();
            self.revoke_all(ids, on_failure, (now, issued_until)).await?;
        }
        Ok(())
    }

    /// Revokes leases and tokens by id, those that were issued until then.
    async fn revoke_all(
        &self,
        ids: Vec<String>,
        on_failure: OnFailure,
        (now, issued_until): (i64, i64),
    ) -> Result<()> {
        let found: Vec<_> = stream::iter(ids)
            .map(|id| async move { self.leases.get(&id).await })
            .buffered(AT_ONCE)
            .collect()
            .await;
        let mut secrets = Vec::new();
        for stored in found {
            match stored? {
                Some(Stored::Secret(lease, version)) if lease.issue_time <= issued_until => {
                    secrets.push((*lease, version));
                }
                Some(Stored::Token(hash)) => {
                    let entry = self.tokens.find_hash(&hash, now).await?;
                    if entry.is_none_or(|entry| entry.creation_time <= issued_until) {
                        self.tokens.revoke_tree(&hash, now).await?;
                    }
                }
                _ => {}
            }
        }
        self.revoke_secrets(secrets, on_failure, now).await
    }

    async fn revoke_secrets(
        &self,
        leases: Vec<(LeaseEntry, Version)>,
        on_failure: OnFailure,
        now: i64,
    ) -> Result<()> {
        let undone: Vec<_> = stream::iter(leases)
            .map(|(lease, version)| async move { (self.undo(&lease).await, lease, version) })
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        let (mut gone, mut first_failure) = (Batch::new(), None);
        for (outcome, lease, version) in undone {
            match outcome {
                Ok(()) => gone = gone.and(self.leases.removal(&lease)),
                Err(error) if on_failure == OnFailure::Forget => {
                    tracing::warn!(%error, lease = lease.id, "a lease is forgotten that could not be revoked");
                    gone = gone.and(self.leases.removal(&lease));
                }
                Err(error) => {
                    tracing::warn!(%error, lease = lease.id, "a lease could not be revoked; trying again later");
                    self.put_off(lease, version, &error, now).await?;
                    first_failure.get_or_insert(error);
                }
            }
        }
        if !gone.is_empty() {
            self.leases.commit(gone).await?;
        }
        match first_failure {
            Some(error) if on_failure == OnFailure::Report => {
                Err(Error::invalid(format!("failed to revoke entry: {error}")))
            }
            _ => Ok(()),
        }
    }

    /// Ends a lease whose revocation failed, and puts the next try off.
    async fn put_off(&self, lease: LeaseEntry, version: Version, error: &Error, now: i64) -> Result<()> {
        let failed = LeaseEntry { expire_time: lease.expire_time.min(now), ..lease.clone() };
        let failed = failed.failed(error.to_string(), now);
        match self.leases.commit(self.leases.change(&lease, version, &failed)?).await {
            // Changed meanwhile: it is due at another time, or gone.
            Err(Error::Store(StoreError::Conflict { .. })) => Ok(()),
            other => other,
        }
    }
}

const AT_ONCE: usize = 32;
const RETRIES: usize = 8;
const UNDO_MAX: Duration = Duration::from_secs(60);

//! Where leases are stored.
//!
//! Below `sys/expire/`: the lease at `id/<lease id>`, so that a prefix of ids is a folder; its place in the index by
//! time; and its place below its token, which takes it along. Nothing is read at the start. Tokens have an empty
//! entry at `id/<path>/h<hash>`: they are found, listed and revoked as leases too.

use serde::{Deserialize, Serialize};
use trustkeep_store::Version;

use super::barrier::Batch;
use super::due::{Due, DueIndex};
use super::lease::LeaseEntry;
use super::token::TokenEntry;
use super::view::View;
use crate::Result;

/// Leases behind an open barrier.
#[derive(Clone, Debug)]
pub struct LeaseStore {
    view: View,
    due: DueIndex,
}

/// What is stored at the id of a lease.
#[derive(Debug)]
pub enum Stored {
    /// The lease of a secret.
    Secret(Box<LeaseEntry>, Version),
    /// A token with this hash.
    Token(String),
}

/// A revocation by prefix that was promised and is carried out in the background.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PrefixJob {
    /// What the ids begin with.
    pub prefix: String,
    /// Leases issued later (unix seconds) are spared.
    pub issued_until: i64,
}

impl LeaseStore {
    /// The leases in `view`.
    pub fn new(view: View) -> Self {
        LeaseStore { due: DueIndex::new(view.clone(), "due"), view }
    }

    /// What makes a lease.
    ///
    /// # Errors
    /// 500 where the entry has no JSON form.
    pub fn creation(&self, lease: &LeaseEntry) -> Result<Batch> {
        let path = id_path(&lease.id);
        let batch = Batch::new().expect(&path, None).put_json(path, lease)?;
        let batch = batch.put(self.due.path(lease.due, lease.key()), lease.id.as_bytes().to_vec());
        let batch = match owner_path(lease) {
            Some(path) => batch.put(path, lease.id.as_bytes().to_vec()),
            None => batch,
        };
        Ok(self.view.absolute(batch))
    }

    /// What removes a lease.
    pub fn removal(&self, lease: &LeaseEntry) -> Batch {
        let batch = Batch::new().delete(id_path(&lease.id)).delete(self.due.path(lease.due, lease.key()));
        let batch = match owner_path(lease) {
            Some(path) => batch.delete(path),
            None => batch,
        };
        let batch = if lease.irrevocable.is_empty() { batch } else { batch.delete(irrevocable_path(lease)) };
        self.view.absolute(batch)
    }

    /// What changes a lease from `old`, read at `version`, to `new`.
    ///
    /// # Errors
    /// 500 where the entry has no JSON form.
    pub fn change(&self, old: &LeaseEntry, version: Version, new: &LeaseEntry) -> Result<Batch> {
        let path = id_path(&new.id);
        let mut batch = Batch::new().expect(&path, Some(version)).put_json(path, new)?;
        if old.due != new.due {
            batch = batch
                .delete(self.due.path(old.due, old.key()))
                .put(self.due.path(new.due, new.key()), new.id.as_bytes().to_vec());
        }
        if old.irrevocable.is_empty() && !new.irrevocable.is_empty() {
            batch = batch.put(irrevocable_path(new), new.id.as_bytes().to_vec());
        }
        Ok(self.view.absolute(batch))
    }

    /// What takes a lease from its token.
    pub fn disowned(&self, lease: &LeaseEntry) -> Batch {
        match owner_path(lease) {
            Some(path) => self.unindex(&path),
            None => Batch::new(),
        }
    }

    /// What makes a token show up among the leases. Those of wrapped responses do not: their paths are names of secrets,
    /// which the storage is not to show.
    pub fn token_creation(&self, token: &TokenEntry) -> Batch {
        if token.is_wrapping() {
            return Batch::new();
        }
        self.view.absolute(Batch::new().put(id_path(&token_lease_id(token)), Vec::new()))
    }

    /// What removes it from there.
    pub fn token_removal(&self, token: &TokenEntry) -> Batch {
        self.view.absolute(Batch::new().delete(id_path(&token_lease_id(token))))
    }

    /// What removes the entry at an id that stands for nothing.
    pub fn removal_of_id(&self, id: &str) -> Batch {
        self.view.absolute(Batch::new().delete(id_path(id)))
    }

    /// Carries out batches that this store made.
    ///
    /// # Errors
    /// 503 while sealed, a conflict where a lease was changed meanwhile, and the store's others.
    pub async fn commit(&self, batch: Batch) -> Result<()> {
        self.view.commit_absolute(batch).await.map(|_| ())
    }

    /// How many leases one commit may remove.
    pub fn at_once(&self) -> usize {
        (self.view.rows_max() / ROWS_A_LEASE).clamp(1, LEASES_AT_ONCE_MAX)
    }

    /// What stands at an id.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn get(&self, id: &str) -> Result<Option<Stored>> {
        if id.is_empty() || id.split('/').any(str::is_empty) {
            return Ok(None);
        }
        let path = id_path(id);
        if let Some(hash) = token_hash(id)
            && let Some(entry) = self.view.get(&path).await?
            && entry.value.is_empty()
        {
            return Ok(Some(Stored::Token(hash.to_owned())));
        }
        let found = self.view.get_json::<LeaseEntry>(&path).await?;
        Ok(found.map(|(lease, version)| Stored::Secret(Box::new(lease), version)))
    }

    /// At most `limit` names in a folder of ids (empty, or ending in `/`) that sort after `after`.
    ///
    /// # Errors
    /// The same.
    pub async fn list(&self, folder: &str, after: &str, limit: usize) -> Result<Vec<String>> {
        self.view.list_page(&id_path(folder), after, limit).await
    }

    /// At most `limit` entries of the index by time that are due at `now` (unix seconds).
    ///
    /// # Errors
    /// The same.
    pub(super) async fn due(&self, now: i64, limit: usize) -> Result<Vec<Due>> {
        self.due.due(now, limit).await
    }

    /// The lease that an entry of an index stands for; `None` where it is gone or due at another time by now.
    ///
    /// # Errors
    /// The same.
    pub async fn indexed(&self, path: &str) -> Result<Option<(LeaseEntry, Version)>> {
        let Some(entry) = self.view.get(path).await? else { return Ok(None) };
        let id = String::from_utf8_lossy(entry.value.expose()).into_owned();
        match self.get(&id).await? {
            Some(Stored::Secret(lease, version)) => Ok(Some((*lease, version))),
            _ => Ok(None),
        }
    }

    /// Where a lease stands in the index by time.
    pub fn due_path(&self, lease: &LeaseEntry) -> String {
        self.due.path(lease.due, lease.key())
    }

    /// What removes an entry of an index that stands for nothing.
    pub fn unindex(&self, path: &str) -> Batch {
        self.view.absolute(Batch::new().delete(path))
    }

    /// Makes the leases of a token due at `now`: for when it goes. A bounded number at a time.
    ///
    /// # Errors
    /// 503 while sealed, and the store's. Carrying on later is safe.
    pub async fn end_all_of(&self, token: &str, now: i64) -> Result<()> {
        let folder = format!("token/{token}");
        loop {
            let keys = self.view.list_page(&folder, "", self.at_once()).await?;
            if keys.is_empty() {
                return Ok(());
            }
            let mut batch = Batch::new();
            for key in keys {
                let path = format!("{folder}/{key}");
                batch = batch.and(self.unindex(&path));
                if let Some((lease, version)) = self.indexed(&path).await? {
                    batch = batch.and(self.change(&lease, version, &lease.clone().ended(now))?);
                }
            }
            match self.commit(batch).await {
                Err(crate::Error::Store(trustkeep_store::Error::Conflict { .. })) => {}
                other => other?,
            }
        }
    }

    /// Ids of leases that could not be revoked, at most `limit`.
    ///
    /// # Errors
    /// The same.
    pub async fn irrevocable(&self, limit: usize) -> Result<Vec<LeaseEntry>> {
        let mut found = Vec::new();
        for key in self.view.list_page("irrevocable", "", limit).await? {
            if let Some((lease, _)) = self.indexed(&format!("irrevocable/{key}")).await? {
                found.push(lease);
            }
        }
        Ok(found)
    }

    /// Promises a revocation by prefix.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn promise(&self, name: &str, job: &PrefixJob) -> Result<()> {
        self.view.commit(Batch::new().put_json(format!("jobs/{name}"), job)?).await.map(|_| ())
    }

    /// The promises that are not kept yet, with their names, at most a page of them.
    ///
    /// # Errors
    /// The same.
    pub async fn promised(&self) -> Result<Vec<(String, PrefixJob)>> {
        let mut jobs = Vec::new();
        for name in self.view.list_page("jobs", "", JOBS_A_PAGE).await? {
            if let Some((job, _)) = self.view.get_json::<PrefixJob>(&format!("jobs/{name}")).await? {
                jobs.push((name, job));
            }
        }
        Ok(jobs)
    }

    /// Forgets a promise that was kept.
    ///
    /// # Errors
    /// The same.
    pub async fn kept(&self, name: &str) -> Result<()> {
        self.view.commit(Batch::new().delete(format!("jobs/{name}"))).await.map(|_| ())
    }

    /// The index by token: the hashes of tokens that have leases, and below each its leases.
    pub fn owners(&self) -> View {
        self.view.below("token/")
    }
}

impl LeaseEntry {
    /// The same lease, ended at `now`.
    pub fn ended(mut self, now: i64) -> Self {
        self.expire_time = self.expire_time.min(now);
        if self.irrevocable.is_empty() {
            self.due = self.due.min(now);
        }
        self.token.clear();
        self
    }
}

/// The id under which a token is a lease.
pub fn token_lease_id(token: &TokenEntry) -> String {
    format!("{}/h{}", token.path.trim_end_matches('/'), token.hash)
}

/// The hash in the id of a token's lease.
fn token_hash(id: &str) -> Option<&str> {
    let hash = id.rsplit_once('/')?.1.strip_prefix('h')?;
    (hash.len() == HASH_LEN && hash.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(hash)
}

fn id_path(id: &str) -> String {
    format!("id/{id}")
}

fn owner_path(lease: &LeaseEntry) -> Option<String> {
    (!lease.token.is_empty()).then(|| format!("token/{}/{}", lease.token, lease.key()))
}

fn irrevocable_path(lease: &LeaseEntry) -> String {
    format!("irrevocable/{}", lease.key())
}

/// The folder of leases in the barrier.
pub const LEASES: &str = "sys/expire/";
const HASH_LEN: usize = 64;
/// A lease changed or removed: itself, an expectation, and up to three entries of indexes.
const ROWS_A_LEASE: usize = 5;
const LEASES_AT_ONCE_MAX: usize = 250;
const JOBS_A_PAGE: usize = 100;

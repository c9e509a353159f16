//! The token store: making, finding, renewing and revoking tokens.
//!
//! A token is stored under the HMAC of its id, so that reading the storage gives no usable token away. Beside
//! the entry stand its accessor, its place below its parent, its place among the leases, and its place in the
//! expiry index. Batch tokens are the exception: they carry themselves.

pub(crate) mod batch;
mod tidy;

use std::sync::Arc;

use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use trustkeep_crypto::{Random, hmac, random};
use trustkeep_store::Error as StoreError;

use super::barrier::{Barrier, Batch};
use super::due::DueIndex;
use super::lease_store::LeaseStore;
use super::token::TokenEntry;
use super::view::View;
use crate::engines::cubbyhole;
use crate::{Error, Result};

/// Tokens of an unsealed vault.
pub struct TokenStore {
    barrier: Arc<Barrier>,
    view: View,
    expiry: DueIndex,
    leases: LeaseStore,
    cubbyhole: View,
    salt: hmac::Key,
    random: Arc<dyn Random>,
    cache: Cache<String, Arc<TokenEntry>>,
}

/// What is stored under an accessor.
#[derive(Serialize, Deserialize)]
struct AccessorEntry {
    accessor: String,
    hash: String,
}

impl TokenStore {
    /// The token store of an unsealed barrier; `cubbyhole` is where the tokens' own secrets stand, which go
    /// with them as their `leases` do.
    ///
    /// # Errors
    /// 500 where the salt is missing, and the store's.
    pub async fn load(
        barrier: &Arc<Barrier>,
        cubbyhole: View,
        leases: LeaseStore,
        random: Arc<dyn Random>,
    ) -> Result<Self> {
        let view = View::new(barrier.clone(), TOKENS);
        let salt =
            view.get(SALT).await?.ok_or_else(|| Error::internal("the token store's salt is missing"))?;
        let salt = hmac::Key::new(hmac::Algorithm::Sha256, salt.value.expose());
        let expiry = DueIndex::new(view.clone(), "expire");
        let (barrier, cache) = (barrier.clone(), Cache::new(TOKENS_CACHED));
        Ok(TokenStore { barrier, view, expiry, leases, cubbyhole, salt, random, cache })
    }

    /// The root token of a new vault, with what is to be stored of it.
    ///
    /// # Errors
    /// 500 where the entry has no JSON form.
    pub fn initialize(random: &dyn Random, now: i64) -> Result<(String, Batch)> {
        let secret = random::secret(random, 32);
        let salt = hmac::Key::new(hmac::Algorithm::Sha256, secret.expose());
        let (id, accessor) = new_id_and_accessor(random);
        let hash = hash(&salt, &id);
        let root = TokenEntry { hash, accessor, ..TokenEntry::root(now) };
        let batch = Batch::new().put(SALT, secret).and(creation(&salt, &root)?);
        Ok((id, batch.below(TOKENS)))
    }

    /// Where token roles stand.
    pub fn roles(&self) -> View {
        self.view.below("roles/")
    }

    /// Where the tokens' own secrets stand, in a folder each.
    pub fn cubbyhole(&self) -> &View {
        &self.cubbyhole
    }

    /// What a token is stored under.
    pub fn hash(&self, id: &str) -> String {
        hash(&self.salt, id)
    }

    /// The entry of a token that has not ended at `now` (unix seconds) and has a use left.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn find(&self, id: &str, now: i64) -> Result<Option<Arc<TokenEntry>>> {
        if let Some(sealed) = id.strip_prefix(batch::PREFIX) {
            return self.open_batch(sealed, now).await;
        }
        if !is_well_formed(id) {
            return Ok(None);
        }
        self.find_hash(&self.hash(id), now).await
    }

    /// The same by what the token hashes to.
    ///
    /// # Errors
    /// The same.
    pub async fn find_hash(&self, hash: &str, now: i64) -> Result<Option<Arc<TokenEntry>>> {
        Ok(self.load_entry(hash).await?.filter(|entry| !entry.is_expired(now) && entry.num_uses >= 0))
    }

    /// Whether a token with that hash is stored, ended or not.
    ///
    /// # Errors
    /// The same.
    pub async fn is_stored(&self, hash: &str) -> Result<bool> {
        Ok(self.load_entry(hash).await?.is_some())
    }

    /// The same by accessor.
    ///
    /// # Errors
    /// The same.
    pub async fn find_accessor(&self, accessor: &str, now: i64) -> Result<Option<Arc<TokenEntry>>> {
        if !is_well_formed(accessor) {
            return Ok(None);
        }
        let path = format!("accessor/{}", self.hash(accessor));
        match self.view.get_json::<AccessorEntry>(&path).await? {
            Some((entry, _)) => self.find_hash(&entry.hash, now).await,
            None => Ok(None),
        }
    }

    /// How many tokens there are.
    ///
    /// # Errors
    /// The same.
    pub async fn count(&self) -> Result<usize> {
        Ok(self.view.list("accessor").await?.len())
    }

    /// All accessors.
    ///
    /// # Errors
    /// The same.
    pub async fn accessors(&self) -> Result<Vec<String>> {
        let mut accessors = Vec::new();
        for name in self.view.list("accessor").await? {
            if let Some((entry, _)) = self.view.get_json::<AccessorEntry>(&format!("accessor/{name}")).await?
            {
                accessors.push(entry.accessor);
            }
        }
        Ok(accessors)
    }

    /// Makes a token and returns it. `entry.hash` and `entry.accessor` are filled in here; `id` is an operator's own
    /// choice or `None`. The parent, where there is one, must still stand when it is stored.
    ///
    /// # Errors
    /// 400 where `id` is taken, the parent is gone, or a batch token would be too long; 503 while sealed, and the
    /// store's.
    pub async fn create(&self, id: Option<String>, entry: TokenEntry) -> Result<(String, Arc<TokenEntry>)> {
        if entry.batch {
            return self.seal_batch(entry);
        }
        self.create_with(id, entry, |_| Ok(Batch::new())).await
    }

    /// The same for a stored token, with what comes into its cubbyhole in the same commit.
    ///
    /// # Errors
    /// The same.
    pub async fn create_with(
        &self,
        id: Option<String>,
        mut entry: TokenEntry,
        cubbyhole: impl Fn(&TokenEntry) -> Result<Batch>,
    ) -> Result<(String, Arc<TokenEntry>)> {
        let (fresh, accessor) = new_id_and_accessor(self.random.as_ref());
        let id = id.unwrap_or(fresh);
        entry.hash = self.hash(&id);
        entry.accessor = accessor;
        for _ in 0..RETRIES {
            let mut batch = self.with_expiry(creation(&self.salt, &entry)?, &entry, true);
            if !entry.parent.is_empty() {
                let gone = || Error::invalid("parent token lookup failed: no parent found");
                let standing = self.standing(&entry.parent, entry.creation_time).await?;
                batch = batch.and(standing.ok_or_else(gone)?);
            }
            let own = cubbyhole::folder(&self.cubbyhole, &entry.hash)?.absolute(cubbyhole(&entry)?);
            let batch = self.view.absolute(batch).and(self.leases.token_creation(&entry)).and(own);
            match self.view.commit_absolute(batch).await {
                Ok(_) => {
                    let entry = Arc::new(entry);
                    return Ok((id, entry));
                }
                Err(Error::Store(StoreError::Conflict { .. })) => {
                    if self.view.get(&format!("id/{}", entry.hash)).await?.is_some() {
                        return Err(Error::invalid("cannot create a token with a duplicate ID"));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(contended())
    }

    /// Has a commit fail unless a token still stands; `None` where it is gone already.
    async fn standing(&self, hash: &str, now: i64) -> Result<Option<Batch>> {
        let path = format!("id/{hash}");
        let found = self.view.get_json::<TokenEntry>(&path).await?;
        let found = found.filter(|(entry, _)| !entry.is_expired(now));
        Ok(found.map(|(_, version)| Batch::new().expect(path, Some(version))))
    }

    /// Carries out a batch of absolute paths if the token still stands at `now` (unix seconds) when it is stored.
    ///
    /// # Errors
    /// 403 where it is gone, 503 while sealed, and the store's.
    pub async fn commit_for(&self, hash: &str, now: i64, batch: impl Fn() -> Result<Batch>) -> Result<()> {
        for _ in 0..RETRIES {
            let standing = self.standing(hash, now).await?.ok_or(Error::BadToken)?;
            let standing = self.view.absolute(standing);
            match self.view.commit_absolute(batch()?.and(standing)).await {
                Err(Error::Store(StoreError::Conflict { .. })) => {}
                other => return other.map(|_| ()),
            }
        }
        Err(contended())
    }

    /// Sets a new end: `change` gets the stored entry and returns it changed.
    ///
    /// # Errors
    /// 403 `bad token` where it is gone meanwhile, what `change` refuses, and the store's.
    pub async fn update(
        &self,
        hash: &str,
        now: i64,
        change: impl Fn(TokenEntry) -> Result<TokenEntry>,
    ) -> Result<Arc<TokenEntry>> {
        let path = format!("id/{hash}");
        for _ in 0..RETRIES {
            let Some((old, version)) = self.view.get_json::<TokenEntry>(&path).await? else {
                return Err(bad_token());
            };
            if old.is_expired(now) {
                return Err(bad_token());
            }
            let new = change(old.clone())?;
            let mut batch = Batch::new().expect(&path, Some(version)).put_json(&path, &new)?;
            if old.expire_time != new.expire_time {
                batch = self.with_expiry(self.with_expiry(batch, &old, false), &new, true);
            }
            let outcome = self.view.commit(batch).await;
            self.cache.remove(hash);
            match outcome {
                Ok(_) => return Ok(Arc::new(new)),
                Err(Error::Store(StoreError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Err(contended())
    }

    /// Counts one use of a token whose uses are limited. After its last use, `num_uses` of the entry returned
    /// is -1 and the caller revokes it once the request is done.
    ///
    /// # Errors
    /// 403 where no use is left, and the store's.
    pub async fn count_use(&self, entry: &Arc<TokenEntry>, now: i64) -> Result<Arc<TokenEntry>> {
        if entry.num_uses == 0 {
            return Ok(entry.clone());
        }
        self.update(&entry.hash, now, |mut entry| {
            match entry.num_uses {
                0 => {}
                1 => entry.num_uses = -1,
                uses if uses > 1 => entry.num_uses = uses - 1,
                _ => return Err(Error::BadToken),
            }
            Ok(entry)
        })
        .await
        .map_err(|error| if matches!(error, Error::Forbidden(_)) { Error::BadToken } else { error })
    }

    /// Removes a token and all below it; their leases are due at `now` (unix seconds).
    ///
    /// Each is first marked as ended, which refuses it new children and puts it where the sweeper looks; then
    /// it goes, leaves first. So neither a child made meanwhile nor a crash in between leaves one alive.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn revoke_tree(&self, hash: &str, now: i64) -> Result<()> {
        self.end(hash).await?;
        let mut pending = vec![hash.to_owned()];
        while let Some(hash) = pending.last().cloned() {
            let children = self.view.list_page(&format!("parent/{hash}"), "", REVOKE_BATCH).await?;
            if children.is_empty() {
                pending.pop();
                self.remove(&hash, now).await?;
            }
            for child in children {
                if self.load_entry(&child).await?.is_some() {
                    self.end(&child).await?;
                    pending.push(child);
                } else {
                    self.view.commit(Batch::new().delete(format!("parent/{hash}/{child}"))).await?;
                }
            }
        }
        Ok(())
    }

    /// Removes a token; its children become orphans.
    ///
    /// # Errors
    /// The same.
    pub async fn revoke_orphan(&self, hash: &str, now: i64) -> Result<()> {
        // Without the mark in the expiry index: a sweep after a crash would take the children along.
        for child in self.view.list(&format!("parent/{hash}")).await? {
            let path = format!("id/{child}");
            for _ in 0..RETRIES {
                let unlink = Batch::new().delete(format!("parent/{hash}/{child}"));
                let Some((mut entry, version)) = self.view.get_json::<TokenEntry>(&path).await? else {
                    self.view.commit(unlink).await?;
                    break;
                };
                entry.parent.clear();
                let outcome =
                    self.view.commit(unlink.expect(&path, Some(version)).put_json(&path, &entry)?).await;
                self.cache.remove(&child);
                match outcome {
                    Err(Error::Store(StoreError::Conflict { .. })) => {}
                    other => {
                        other?;
                        break;
                    }
                }
            }
        }
        self.remove(hash, now).await
    }

    /// Revokes every token that ended before `now` (unix seconds), with all below it; returns how many.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn sweep(&self, now: i64) -> Result<usize> {
        let mut revoked = 0;
        loop {
            let due = self.expiry.due(now, SWEEP_BATCH).await?;
            if due.is_empty() {
                return Ok(revoked);
            }
            for due in due {
                match self.load_entry(&due.key).await? {
                    Some(entry) if entry.is_expired(now) => self.revoke_tree(&due.key, now).await?,
                    _ => {
                        self.view.commit(Batch::new().delete(due.path)).await?;
                    }
                }
                revoked += 1;
            }
        }
    }

    async fn load_entry(&self, hash: &str) -> Result<Option<Arc<TokenEntry>>> {
        let guard = match self.cache.get_value_or_guard_async(hash).await {
            Ok(entry) => return Ok(Some(entry)),
            Err(guard) => guard,
        };
        let Some((entry, _)) = self.view.get_json::<TokenEntry>(&format!("id/{hash}")).await? else {
            return Ok(None);
        };
        let entry = Arc::new(entry);
        // Refused when the entry was changed or removed meanwhile: an old one never comes back.
        let _ = guard.insert(entry.clone());
        Ok(Some(entry))
    }

    /// Marks a token as ended.
    async fn end(&self, hash: &str) -> Result<()> {
        let ended = self.update(hash, 0, |entry| Ok(TokenEntry { expire_time: 1, ..entry })).await;
        match ended {
            Ok(_) | Err(Error::Forbidden(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn remove(&self, hash: &str, now: i64) -> Result<()> {
        let Some(entry) = self.load_entry(hash).await? else { return Ok(()) };
        self.leases.end_all_of(hash, now).await?;
        cubbyhole::clear(&self.cubbyhole, hash).await?;
        let mut batch = Batch::new()
            .delete(format!("id/{hash}"))
            .delete(format!("accessor/{}", self.hash(&entry.accessor)));
        if !entry.parent.is_empty() {
            batch = batch.delete(child_path(&entry));
        }
        let batch = self.view.absolute(self.with_expiry(batch, &entry, false));
        let outcome = self.view.commit_absolute(batch.and(self.leases.token_removal(&entry))).await;
        self.cache.remove(hash);
        outcome.map(|_| ())
    }

    fn with_expiry(&self, batch: Batch, entry: &TokenEntry, add: bool) -> Batch {
        let path = self.expiry.path(entry.expire_time, &entry.hash);
        match (entry.expire_time, add) {
            (0, _) => batch,
            (_, true) => batch.put(path, Vec::new()),
            (_, false) => batch.delete(path),
        }
    }
}

/// Whether a text can be a token or an accessor at all.
fn is_well_formed(id: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn new_id_and_accessor(random: &dyn Random) -> (String, String) {
    (format!("hvs.{}", random::base62(random, 24)), random::base62(random, 24))
}

fn hash(salt: &hmac::Key, id: &str) -> String {
    salt.sign(id.as_bytes()).to_hex()
}

fn creation(salt: &hmac::Key, entry: &TokenEntry) -> Result<Batch> {
    let path = format!("id/{}", entry.hash);
    let accessor = AccessorEntry { accessor: entry.accessor.clone(), hash: entry.hash.clone() };
    let batch = Batch::new()
        .expect(&path, None)
        .put_json(path, entry)?
        .put_json(format!("accessor/{}", hash(salt, &entry.accessor)), &accessor)?;
    Ok(if entry.parent.is_empty() { batch } else { batch.put(child_path(entry), Vec::new()) })
}

fn child_path(entry: &TokenEntry) -> String {
    format!("parent/{}/{}", entry.parent, entry.hash)
}

fn bad_token() -> Error {
    Error::Forbidden("bad token".into())
}

fn contended() -> Error {
    Error::Unavailable("too many changes of this token at once; try again".into())
}

const TOKENS: &str = "sys/token/";
const SALT: &str = "salt";
const TOKENS_CACHED: usize = 32_768;
const ID_BYTES_MAX: usize = 4096;
const SWEEP_BATCH: usize = 256;
const REVOKE_BATCH: usize = 256;
const RETRIES: usize = 32;

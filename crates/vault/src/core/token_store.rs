//! The token store: making, finding, renewing and revoking tokens.
//!
//! A token is stored under the HMAC of its id, so that reading the storage gives no usable token away. Beside
//! the entry stand its accessor, its place below its parent, and its place in the expiry index: folders of
//! 16 seconds each, so that the sweeper reads what is due and never all there is.

use std::sync::Arc;

use quick_cache::sync::Cache;
use serde::{Deserialize, Serialize};
use trustkeep_crypto::{Random, hmac, random};
use trustkeep_store::Error as StoreError;

use super::barrier::{Barrier, Batch};
use super::token::TokenEntry;
use super::view::View;
use crate::engines::cubbyhole;
use crate::{Error, Result};

/// Tokens of an unsealed vault.
pub struct TokenStore {
    view: View,
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
    /// with them.
    ///
    /// # Errors
    /// 500 where the salt is missing, and the store's.
    pub async fn load(barrier: &Arc<Barrier>, cubbyhole: View, random: Arc<dyn Random>) -> Result<Self> {
        let view = View::new(barrier.clone(), TOKENS);
        let salt =
            view.get(SALT).await?.ok_or_else(|| Error::internal("the token store's salt is missing"))?;
        let salt = hmac::Key::new(hmac::Algorithm::Sha256, salt.value.expose());
        Ok(TokenStore { view, cubbyhole, salt, random, cache: Cache::new(TOKENS_CACHED) })
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

    /// What a token is stored under.
    pub fn hash(&self, id: &str) -> String {
        hash(&self.salt, id)
    }

    /// The entry of a token that has not ended at `now` (unix seconds).
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn find(&self, id: &str, now: i64) -> Result<Option<Arc<TokenEntry>>> {
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
        Ok(self.load_entry(hash).await?.filter(|entry| !entry.is_expired(now)))
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

    /// Stores a new token and returns it. `entry.hash` and `entry.accessor` are filled in here; `id` is an
    /// operator's own choice or `None`. The parent, where there is one, must still stand when it is stored.
    ///
    /// # Errors
    /// 400 where `id` is taken or the parent is gone, 503 while sealed, and the store's.
    pub async fn create(
        &self,
        id: Option<String>,
        mut entry: TokenEntry,
    ) -> Result<(String, Arc<TokenEntry>)> {
        let (fresh, accessor) = new_id_and_accessor(self.random.as_ref());
        let id = id.unwrap_or(fresh);
        entry.hash = self.hash(&id);
        entry.accessor = accessor;
        for _ in 0..RETRIES {
            let mut batch = creation(&self.salt, &entry)?;
            if !entry.parent.is_empty() {
                let path = format!("id/{}", entry.parent);
                let parent = self.view.get_json::<TokenEntry>(&path).await?;
                let standing = parent.filter(|(parent, _)| !parent.is_expired(entry.creation_time));
                let gone = || Error::invalid("parent token lookup failed: no parent found");
                batch = batch.expect(path, Some(standing.ok_or_else(gone)?.1));
            }
            match self.view.commit(with_expiry(batch, &entry, true)).await {
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
            if expiry_path(&old) != expiry_path(&new) {
                batch = with_expiry(with_expiry(batch, &old, false), &new, true);
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

    /// Removes a token and all below it.
    ///
    /// Each is first marked as ended, which refuses it new children and puts it where the sweeper looks; then
    /// it goes, leaves first. So neither a child made meanwhile nor a crash in between leaves one alive.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn revoke_tree(&self, hash: &str) -> Result<()> {
        self.end(hash).await?;
        let mut pending = vec![hash.to_owned()];
        while let Some(hash) = pending.last().cloned() {
            let children = self.view.list_page(&format!("parent/{hash}"), "", REVOKE_BATCH).await?;
            if children.is_empty() {
                pending.pop();
                self.remove(&hash).await?;
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
    pub async fn revoke_orphan(&self, hash: &str) -> Result<()> {
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
        self.remove(hash).await
    }

    /// Revokes every token that ended before `now` (unix seconds), with all below it; returns how many.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn sweep(&self, now: i64) -> Result<usize> {
        let mut revoked = 0;
        for folder in self.view.list("expire").await? {
            let Some(bucket) = folder.strip_suffix('/') else { continue };
            if i64::from_str_radix(bucket, 16).is_ok_and(|bucket| bucket > now / BUCKET_SECONDS) {
                break;
            }
            for name in self.view.list(&format!("expire/{bucket}")).await? {
                let Some((end, hash)) = name.split_once('-') else { continue };
                if i64::from_str_radix(end, 16).is_ok_and(|end| end > now) {
                    continue;
                }
                match self.load_entry(hash).await? {
                    Some(entry) if entry.is_expired(now) => self.revoke_tree(hash).await?,
                    _ => {
                        self.view.commit(Batch::new().delete(format!("expire/{bucket}/{name}"))).await?;
                    }
                }
                revoked += 1;
            }
        }
        Ok(revoked)
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

    async fn remove(&self, hash: &str) -> Result<()> {
        let Some(entry) = self.load_entry(hash).await? else { return Ok(()) };
        cubbyhole::clear(&self.cubbyhole, hash).await?;
        let mut batch = Batch::new()
            .delete(format!("id/{hash}"))
            .delete(format!("accessor/{}", self.hash(&entry.accessor)));
        if !entry.parent.is_empty() {
            batch = batch.delete(child_path(&entry));
        }
        let outcome = self.view.commit(with_expiry(batch, &entry, false)).await;
        self.cache.remove(hash);
        outcome.map(|_| ())
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

fn expiry_path(entry: &TokenEntry) -> Option<String> {
    let end = entry.expire_time;
    (end != 0).then(|| format!("expire/{:012x}/{end:012x}-{}", end / BUCKET_SECONDS, entry.hash))
}

fn with_expiry(batch: Batch, entry: &TokenEntry, add: bool) -> Batch {
    match expiry_path(entry) {
        Some(path) if add => batch.put(path, Vec::new()),
        Some(path) => batch.delete(path),
        None => batch,
    }
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
const BUCKET_SECONDS: i64 = 16;
const REVOKE_BATCH: usize = 256;
const RETRIES: usize = 32;

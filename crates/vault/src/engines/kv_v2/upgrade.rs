//! From version 1 to version 2: every secret becomes the first version of a versioned one.

use std::collections::VecDeque;

use super::config::Config;
use super::{ATTEMPTS, KvV2, contended};
use crate::core::{Batch, View};
use crate::engines::kv_v1;
use crate::{Error, Result};

/// Secrets that one commit moves at most; each takes two rows and may need folders.
const MOVE_MAX: usize = 16;
/// Bytes of secrets after which a commit takes no more.
const MOVE_BYTES: usize = 512 << 10;

/// Moves what KV version 1 stored in a mount's `view` to where version 2 keeps it, as versions written at `now`
/// (unix nanoseconds), and returns how many secrets it moved.
///
/// A secret goes over in one commit: whoever stops it half-way finds each secret in exactly one of the two
/// places, and carries on by calling it again. A secret that version 2 has already (the mount was used as
/// version 1 again in between) gets a new version. Nobody may write through version 1 meanwhile; version 2 may
/// be read and written.
///
/// # Errors
/// 503 while sealed, and the store's.
pub async fn upgrade(view: &View, now: i64) -> Result<u64> {
    let engine = KvV2::over(view.clone());
    let config = engine.config().await?;
    let mut moved = 0;
    let mut folders = VecDeque::from([String::new()]);
    while let Some(folder) = folders.pop_front() {
        let names = view.list(&format!("{}{folder}", kv_v1::FOLDER)).await?;
        let mut secrets = Vec::new();
        for name in names {
            let path = format!("{folder}{name}");
            if name.ends_with('/') { folders.push_back(path) } else { secrets.push(path) }
        }
        let mut rest = secrets.as_slice();
        while !rest.is_empty() {
            let taken = engine.move_some(rest, &config, now).await?;
            moved += taken as u64;
            rest = rest.get(taken..).unwrap_or_default();
        }
    }
    Ok(moved)
}

/// Whether a mount's `view` holds nothing of KV version 1, so that version 2 may serve it.
///
/// # Errors
/// 503 while sealed, and the store's.
pub async fn is_upgraded(view: &View) -> Result<bool> {
    let mut folders = vec![kv_v1::FOLDER.to_owned()];
    while let Some(folder) = folders.pop() {
        for name in view.list(&folder).await? {
            match name.ends_with('/') {
                // A folder may have stayed behind empty, so only a secret counts.
                true => folders.push(format!("{folder}{name}")),
                false => return Ok(false),
            }
        }
    }
    Ok(true)
}

impl KvV2 {
    /// Moves the first of the given secrets, as many as fit a commit, and returns how many.
    pub(super) async fn move_some(&self, paths: &[String], config: &Config, now: i64) -> Result<usize> {
        for _ in 0..ATTEMPTS {
            let mut batch = Batch::new();
            let (mut taken, mut bytes) = (0, 0);
            let most = (self.view.rows_max() / 3).clamp(1, MOVE_MAX);
            for path in paths.iter().take(most) {
                let old = format!("{}{path}", kv_v1::FOLDER);
                if let Some(entry) = self.view.get(&old).await? {
                    bytes += entry.value.len();
                    if taken > 0 && bytes > MOVE_BYTES {
                        break;
                    }
                    let mut secret = self.find_or_new(path, now).await?;
                    secret.push(entry.value, config, now);
                    batch = batch.and(secret.into_batch()?).expect(&old, Some(entry.version)).delete(old);
                }
                taken += 1;
            }
            if batch.is_empty() {
                return Ok(taken);
            }
            match self.view.commit(batch).await {
                Ok(_) => return Ok(taken),
                Err(Error::Store(trustkeep_store::Error::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Err(contended())
    }
}

//! What an engine sees of the barrier: its own folder.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use trustkeep_store::Version;

use super::barrier::{Barrier, Batch, Entry};
use crate::{Error, Result};

/// A folder of the barrier. Paths given to it are relative and never leave it.
#[derive(Clone, Debug)]
pub struct View {
    barrier: Arc<Barrier>,
    prefix: Arc<str>,
}

impl View {
    /// The folder `prefix`, which is empty or ends in `/`.
    pub fn new(barrier: Arc<Barrier>, prefix: &str) -> Self {
        View { barrier, prefix: prefix.into() }
    }

    /// A folder within this one; `prefix` ends in `/`.
    pub fn below(&self, prefix: &str) -> View {
        View { barrier: self.barrier.clone(), prefix: format!("{}{prefix}", self.prefix).into() }
    }

    /// The entry at `path`.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn get(&self, path: &str) -> Result<Option<Entry>> {
        self.barrier.get(&self.path(path)).await
    }

    /// The JSON document at `path` with its version.
    ///
    /// # Errors
    /// The same, and 500 where the document is not of this form.
    pub async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<Option<(T, Version)>> {
        let Some(entry) = self.get(path).await? else { return Ok(None) };
        let value = serde_json::from_slice(entry.value.expose());
        let value =
            value.map_err(|_| Error::internal(format!("the entry {path} is not of the form expected")))?;
        Ok(Some((value, entry.version)))
    }

    /// All names in `folder` (relative, with or without trailing slash), sorted; folders end in `/`.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn list(&self, folder: &str) -> Result<Vec<String>> {
        self.list_page(folder, "", usize::MAX).await
    }

    /// At most `limit` names in `folder` that sort after `after`.
    ///
    /// # Errors
    /// The same.
    pub async fn list_page(&self, folder: &str, after: &str, limit: usize) -> Result<Vec<String>> {
        let path = self.path(folder);
        self.barrier.list(path.strip_suffix('/').unwrap_or(&path), after, limit).await
    }

    /// Carries out a batch whose paths are relative to this folder.
    ///
    /// # Errors
    /// 503 while sealed, a conflict where an expectation does not hold, and the store's others.
    pub async fn commit(&self, batch: Batch) -> Result<Version> {
        self.barrier.commit(batch.below(&self.prefix)).await
    }

    /// Carries out a batch of absolute paths; see [`View::absolute`].
    ///
    /// # Errors
    /// The same.
    pub async fn commit_absolute(&self, batch: Batch) -> Result<Version> {
        self.barrier.commit(batch).await
    }

    /// The batch with absolute paths, to be joined with one of another folder.
    pub fn absolute(&self, batch: Batch) -> Batch {
        batch.below(&self.prefix)
    }

    /// Removes everything in the folder `folder` (relative; empty for all), a bounded number at a time.
    ///
    /// # Errors
    /// 503 while sealed, and the store's.
    pub async fn clear(&self, folder: &str) -> Result<()> {
        let mut pending = vec![folder.trim_end_matches('/').to_owned()];
        while let Some(folder) = pending.last().cloned() {
            let names = self.list_page(&folder, "", self.rows_max()).await?;
            let join =
                |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            let folders = names.iter().filter_map(|name| name.strip_suffix('/')).map(join);
            let below = pending.len();
            pending.extend(folders.collect::<Vec<_>>());
            let leaves: Vec<_> = names.iter().filter(|name| !name.ends_with('/')).collect();
            if !leaves.is_empty() {
                let batch = leaves.iter().fold(Batch::new(), |batch, name| batch.delete(join(name)));
                self.commit(batch).await?;
            } else if pending.len() == below {
                pending.pop();
            }
        }
        Ok(())
    }

    /// How many entries one batch may change.
    pub fn rows_max(&self) -> usize {
        self.barrier.rows_max()
    }

    fn path(&self, path: &str) -> String {
        format!("{}{path}", self.prefix)
    }
}

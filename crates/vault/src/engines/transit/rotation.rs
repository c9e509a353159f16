//! New versions of keys, asked for or due.

use std::sync::Arc;

use super::Transit;
use super::key::Key;
use crate::{Error, Result};

impl Transit {
    /// Adds a version to a key. `None` where it is gone.
    ///
    /// # Errors
    /// 400 for an imported key that may not be rotated here, and the store's.
    pub(super) async fn rotate(&self, key: &Key, now: i64) -> Result<Option<Arc<Key>>> {
        refuse_imported(key)?;
        let fresh = Key::generate(&key.settings, &self.random, now).await?;
        let (kind, name) = (key.settings.kind, key.settings.name.clone());
        self.keys
            .change(&name, now, |key| {
                refuse_imported(key)?;
                if key.settings.kind != kind {
                    return Err(Error::Unavailable("the key was replaced meanwhile, try again".into()));
                }
                key.push(fresh.clone())?;
                key.settings.imported = false;
                Ok(true)
            })
            .await
    }

    /// Rotates the keys whose latest version is older than their period. One that fails does not stop the
    /// others, and is tried again at the next look.
    ///
    /// # Errors
    /// The store's, where the keys cannot be listed.
    pub(super) async fn rotate_due(&self, now: i64) -> Result<()> {
        let mut last = String::new();
        loop {
            let names = self.keys.rotating_after(&last, PAGE).await?;
            let Some(end) = names.last().cloned() else { return Ok(()) };
            for name in names {
                if let Err(error) = self.rotate_if_due(&name, now).await {
                    tracing::warn!(%error, key = name, "a transit key could not be rotated");
                }
            }
            last = end;
        }
    }

    async fn rotate_if_due(&self, name: &str, now: i64) -> Result<()> {
        let Some(key) = self.keys.read(name).await? else { return Ok(()) };
        let period = key.settings.auto_rotate_period.saturating_mul(NANOS);
        let age = now.saturating_sub(key.latest()?.created);
        if period == 0 || age <= period || refuse_imported(&key).is_err() {
            return Ok(());
        }
        tracing::info!(key = name, "a transit key is rotated: its period is over");
        self.rotate(&key, now).await.map(|_| ())
    }
}

fn refuse_imported(key: &Key) -> Result<()> {
    if key.settings.imported && !key.settings.allow_rotation {
        let name = &key.settings.name;
        return Err(Error::Failed(format!("imported key {name} does not allow rotation within Vault")));
    }
    Ok(())
}

/// Names read at a time.
const PAGE: usize = 500;
const NANOS: i64 = 1_000_000_000;

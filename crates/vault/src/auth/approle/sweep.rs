//! Removing what is worth nothing any more: ended secret ids, and those of deleted roles.

use std::sync::atomic::Ordering;

use super::AppRole;
use super::secret_id::{SecretId, path};
use crate::Result;
use crate::core::Batch;
use crate::request::Request;
use crate::response::Response;

impl AppRole {
    /// `tidy/secret-id`: what is done every minute, at once and to its end.
    pub(super) async fn tidy(&self, request: &Request) -> Result<Option<Response>> {
        self.sweep(request.now, usize::MAX).await?;
        let response = Response { status: Some(202), ..Default::default() };
        Ok(Some(response.warn(
            "Tidy operation successfully started. Any information from the operation will be printed to Vault's \
             server logs.",
        )))
    }

    /// Sweeps once a minute, or sooner where there was more than one sweep takes.
    pub(super) async fn sweep_if_due(&self, now: i64) -> Result<()> {
        if now < self.next_sweep.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.next_sweep.store(now + SWEEP_SECONDS, Ordering::Relaxed);
        let is_all = self.sweep(now.saturating_mul(NANOS), SWEEP_MAX).await;
        if !matches!(is_all, Ok(true)) {
            self.sweep_soon();
        }
        is_all.map(|_| ())
    }

    /// Lets the next tick sweep.
    pub(super) fn sweep_soon(&self) {
        self.next_sweep.store(0, Ordering::Relaxed);
    }

    /// Removes up to `max` secret ids that ended, and the same of deleted roles; whether those were all. `now` is in unix
    /// nanoseconds.
    async fn sweep(&self, now: i64, max: usize) -> Result<bool> {
        Ok(self.sweep_ended(now, max).await? & self.sweep_gone(max).await?)
    }

    async fn sweep_ended(&self, now: i64, max: usize) -> Result<bool> {
        let mut left = max;
        loop {
            let names = self.view.list_page("expire", "", left.min(BATCH)).await?;
            let ended = |name: &&String| {
                let end = name.split('-').next().and_then(|end| i64::from_str_radix(end, 16).ok());
                end.is_none_or(|end| end <= now)
            };
            let due: Vec<_> = names.iter().take_while(ended).collect();
            if due.is_empty() {
                return Ok(true);
            }
            for name in &due {
                self.remove_ended(name).await?;
            }
            left = left.saturating_sub(due.len());
            if left == 0 {
                return Ok(false);
            }
        }
    }

    async fn remove_ended(&self, name: &str) -> Result<()> {
        // <16 hex>-<uuid>-<64 hex>
        let parts = name.split_once('-').and_then(|(_, rest)| rest.rsplit_once('-'));
        if let Some((storage_id, hash)) = parts
            && let Some((entry, version)) = self.view.get_json::<SecretId>(&path(storage_id, hash)).await?
        {
            return self.remove(storage_id, hash, &entry, Some(version)).await;
        }
        self.view.commit(Batch::new().delete(format!("expire/{name}"))).await.map(|_| ())
    }

    async fn sweep_gone(&self, max: usize) -> Result<bool> {
        let mut left = max;
        let gone = self.view.list_page("gone", "", BATCH).await?;
        let is_all = gone.len() < BATCH;
        for storage_id in gone {
            loop {
                let folder = format!("secret/{storage_id}");
                let hashes = self.view.list_page(&folder, "", left.min(BATCH)).await?;
                if hashes.is_empty() {
                    break;
                }
                for hash in &hashes {
                    if let Some((entry, _)) = self.view.get_json::<SecretId>(&path(&storage_id, hash)).await?
                    {
                        self.remove(&storage_id, hash, &entry, None).await?;
                    }
                }
                left = left.saturating_sub(hashes.len());
                if left == 0 {
                    return Ok(false);
                }
            }
            self.view.commit(Batch::new().delete(format!("gone/{storage_id}"))).await?;
        }
        Ok(is_all)
    }
}

const NANOS: i64 = 1_000_000_000;
const SWEEP_SECONDS: i64 = 60;
/// Secret ids that one tick removes: a second or two on a store far away.
const SWEEP_MAX: usize = 256;
const BATCH: usize = 256;

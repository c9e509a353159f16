//! Removing mounts, with what they gave and what they keep.

use std::sync::Arc;

use super::barrier::Batch;
use super::mount::Mount;
use super::revocation::OnFailure;
use super::view::View;
use super::{NANOS, Unsealed};
use crate::Result;

impl Unsealed {
    /// Removes a mount: its leases (for an auth method, the tokens of its logins) are revoked first, its storage is
    /// cleared in the background, also after a crash.
    ///
    /// # Errors
    /// 400 where a lease cannot be revoked: the mount stays then. The store's.
    pub async fn unmount(self: &Arc<Self>, full_path: &str) -> Result<()> {
        let _one_at_a_time = self.changing_mounts.lock().await;
        let mounts = self.mounts();
        let Some(mount) = mounts.get(full_path) else { return Ok(()) };
        let closed = Mount { entry: mount.entry.clone(), engine: mount.engine.clone(), is_moving: true };
        *self.mounts.write() = Arc::new(mounts.with(closed));
        if let Err(error) = self.empty(mount, full_path).await {
            *self.mounts.write() = mounts.clone();
            return Err(error);
        }
        *self.mounts.write() = Arc::new(mounts.without(full_path));
        let this = self.clone();
        tokio::spawn(async move { this.finish_unmounting().await });
        Ok(())
    }

    /// What is done while the mount takes no requests any more.
    async fn empty(&self, mount: &Mount, full_path: &str) -> Result<()> {
        let now = i64::try_from(self.clock.now().as_nanosecond()).unwrap_or(i64::MAX) / NANOS;
        self.revoke_prefix(full_path, OnFailure::Report, now).await?;
        let leaving = format!("{LEAVING}{}", mount.entry.uuid);
        let batch = Batch::new().put(leaving, mount.entry.storage_prefix().into_bytes());
        let batch = batch.and(self.identity.leaving(&mount.entry.accessor));
        self.barrier.commit(batch.delete(mount.entry.storage_path())).await.map(drop)
    }

    /// Clears the storage of mounts that were removed. What fails is tried again at the next removal or unseal.
    pub(super) async fn finish_unmounting(&self) {
        let one_at_a_time = self.changing_mounts.lock().await;
        if let Err(error) = self.clear_leaving().await {
            tracing::warn!(%error, "the storage of a removed mount could not be cleared");
        }
        drop(one_at_a_time);
        if let Err(error) = self.identity.forget_leaving().await {
            tracing::warn!(%error, "the aliases at a removed mount could not be removed");
        }
    }

    async fn clear_leaving(&self) -> Result<()> {
        let leaving = View::new(self.barrier.clone(), LEAVING);
        for uuid in leaving.list("").await? {
            let Some(entry) = leaving.get(&uuid).await? else { continue };
            let prefix = String::from_utf8_lossy(entry.value.expose()).into_owned();
            View::new(self.barrier.clone(), &prefix).clear("").await?;
            leaving.commit(Batch::new().delete(uuid)).await?;
        }
        Ok(())
    }
}

const LEAVING: &str = "core/leaving/";

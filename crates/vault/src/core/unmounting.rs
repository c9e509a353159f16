//! Removing a mount, and what it leaves behind: its storage, and the aliases by which it knew entities.

use std::sync::Arc;

use super::barrier::Batch;
use super::view::View;
use super::{LEAVING, Unsealed};
use crate::Result;

impl Unsealed {
    /// Removes a mount; its storage is cleared in the background, also after a crash.
    ///
    /// # Errors
    /// The store's.
    pub async fn unmount(self: &Arc<Self>, full_path: &str) -> Result<()> {
        let _one_at_a_time = self.changing_mounts.lock().await;
        let mounts = self.mounts();
        let Some(mount) = mounts.get(full_path) else { return Ok(()) };
        let leaving = format!("{LEAVING}{}", mount.entry.uuid);
        let batch = Batch::new().put(leaving, mount.entry.storage_prefix().into_bytes());
        let batch = batch.and(self.identity.leaving(&mount.entry.accessor));
        self.barrier.commit(batch.delete(mount.entry.storage_path())).await?;
        *self.mounts.write() = Arc::new(mounts.without(full_path));
        let this = self.clone();
        tokio::spawn(async move { this.finish_unmounting().await });
        Ok(())
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

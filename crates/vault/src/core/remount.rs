//! Moving a mount to another path (`hashicorp/vault: vault/logical_system.go`, handleRemount).
//!
//! A mount's storage is named after its id, so that the move is one entry: the path in the mount's description. Before
//! it, the mount takes no more requests and its leases are revoked, because their names begin with the path. A crash
//! on the way leaves the mount where it was.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::Serialize;

use super::barrier::Batch;
use super::mount::{Mount, MountEntry, MountTable};
use super::revocation::OnFailure;
use super::{Core, NANOS, Unsealed};
use crate::{Error, Result};

/// The moves since the vault was unsealed, the latest ones.
#[derive(Debug, Default)]
pub struct Migrations(Mutex<VecDeque<(String, Migration)>>);

/// A move and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Migration {
    /// The path it left.
    pub source_mount: String,
    /// The path it goes to.
    pub target_mount: String,
    /// `in-progress`, `success` or `failure`.
    pub status: &'static str,
}

impl Migrations {
    /// How a move stands.
    pub fn get(&self, id: &str) -> Option<Migration> {
        self.0.lock().iter().find(|(known, _)| known == id).map(|(_, migration)| migration.clone())
    }

    fn begin(&self, id: &str, migration: Migration) {
        let mut all = self.0.lock();
        if all.len() == MIGRATIONS_MAX {
            all.pop_front();
        }
        all.push_back((id.into(), migration));
    }

    fn end(&self, id: &str, status: &'static str) {
        let mut all = self.0.lock();
        if let Some((_, migration)) = all.iter_mut().find(|(known, _)| known == id) {
            migration.status = status;
        }
    }
}

impl Core {
    /// Begins to move the mount at `from` to `to`: full paths with their trailing `/`. Gives the number under which
    /// [`Unsealed::migrations`] tells how it goes.
    ///
    /// # Errors
    /// 400 where there is no such mount or the new path is in use.
    pub fn begin_remount(self: &Arc<Self>, unsealed: &Arc<Unsealed>, from: &str, to: &str) -> Result<String> {
        let mounts = unsealed.mounts();
        mounts.get(from).ok_or_else(|| Error::invalid(format!("no matching mount at {from:?}")))?;
        if let Some(other) = mounts.collision(to) {
            return Err(Error::invalid(format!("path already in use at {other:?}")));
        }
        let id = trustkeep_crypto::random::uuid(self.random()).to_string();
        let migration =
            Migration { source_mount: from.into(), target_mount: to.into(), status: "in-progress" };
        unsealed.migrations.begin(&id, migration);
        let (core, unsealed) = (self.clone(), unsealed.clone());
        let (from, to, migration_id) = (from.to_owned(), to.to_owned(), id.clone());
        tokio::spawn(async move {
            let moved = core.remount(&unsealed, &from, &to).await;
            match &moved {
                Ok(()) => tracing::info!(migration_id, from, to, "a mount was moved"),
                Err(error) => tracing::error!(migration_id, from, to, %error, "a mount could not be moved"),
            }
            unsealed.migrations.end(&migration_id, if moved.is_ok() { "success" } else { "failure" });
        });
        Ok(id)
    }

    async fn remount(&self, unsealed: &Arc<Unsealed>, from: &str, to: &str) -> Result<()> {
        let _one_at_a_time = unsealed.changing_mounts.lock().await;
        let mounts = unsealed.mounts();
        let old = mounts.get(from).ok_or_else(|| Error::invalid(format!("no matching mount at {from:?}")))?;
        if let Some(other) = mounts.collision(to) {
            return Err(Error::invalid(format!("path in use at {other:?}")));
        }
        let like = |entry: MountEntry, is_moving| Mount { entry, engine: old.engine.clone(), is_moving };
        *unsealed.mounts.write() = Arc::new(mounts.with(like(old.entry.clone(), true)));
        let mut entry = old.entry.clone();
        entry.path = match entry.table {
            MountTable::Secret => to.to_owned(),
            MountTable::Auth => to.strip_prefix("auth/").unwrap_or(to).to_owned(),
        };
        match self.remount_quiet(unsealed, from, &entry).await {
            Ok(()) => {
                *unsealed.mounts.write() = Arc::new(mounts.without(from).with(like(entry, false)));
                Ok(())
            }
            Err(error) => {
                *unsealed.mounts.write() = mounts.clone();
                Err(error)
            }
        }
    }

    /// What is done while the mount takes no requests.
    async fn remount_quiet(&self, unsealed: &Arc<Unsealed>, from: &str, entry: &MountEntry) -> Result<()> {
        let now = self.now() / NANOS;
        unsealed.revoke_prefix(from.trim_end_matches('/'), OnFailure::Report, now).await?;
        unsealed.barrier.commit(Batch::new().put_json(entry.storage_path(), entry)?).await.map(drop)
    }
}

const MIGRATIONS_MAX: usize = 256;

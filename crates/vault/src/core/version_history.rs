//! Which versions ran this vault, and since when (`hashicorp/vault: vault/version_store.go`).

use serde::{Deserialize, Serialize};

use super::Unsealed;
use super::barrier::Batch;
use super::view::View;
use crate::{Result, VAULT_BUILD_DATE, VAULT_VERSION};

/// A version that unsealed this vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledVersion {
    /// Its number.
    pub version: String,
    /// Unix seconds at which it did so first.
    pub installed: i64,
    /// When it was built, RFC 3339.
    pub build_date: String,
}

impl Unsealed {
    /// Notes this version, if it is not noted yet.
    ///
    /// # Errors
    /// The store's.
    pub(super) async fn note_version(&self, now: i64) -> Result<()> {
        let view = self.versions();
        if view.get(VAULT_VERSION).await?.is_some() {
            return Ok(());
        }
        let entry = InstalledVersion {
            version: VAULT_VERSION.into(),
            installed: now,
            build_date: VAULT_BUILD_DATE.into(),
        };
        view.commit(Batch::new().put_json(VAULT_VERSION, &entry)?).await.map(drop)
    }

    /// All of them, the oldest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn version_history(&self) -> Result<Vec<InstalledVersion>> {
        let view = self.versions();
        let mut versions = Vec::new();
        for name in view.list("").await? {
            versions.extend(view.get_json::<InstalledVersion>(&name).await?.map(|(entry, _)| entry));
        }
        versions.sort_by_key(|entry| entry.installed);
        Ok(versions)
    }

    fn versions(&self) -> View {
        View::new(self.barrier.clone(), VERSIONS)
    }
}

const VERSIONS: &str = "core/versions/";

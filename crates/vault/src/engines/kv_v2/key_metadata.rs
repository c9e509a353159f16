//! What is known of a secret beside its values, and the window of versions that are kept.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::config::Config;

/// Versions kept where neither mount nor secret say otherwise.
const MAX_VERSIONS_DEFAULT: u32 = 10;

/// A secret's metadata as it is stored. Times are unix nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct KeyMetadata {
    /// Versions to keep; 0 leaves it to the mount.
    pub(super) max_versions: u32,
    /// Whether each write must name the version that it replaces.
    pub(super) cas_required: bool,
    /// Seconds until a new version counts as deleted; 0 leaves it to the mount.
    pub(super) delete_version_after: i64,
    /// When the secret was made.
    pub(super) created: i64,
    /// When its last version was written.
    pub(super) updated: i64,
    /// The newest version's number; 0 before the first.
    pub(super) current: u64,
    /// The oldest version kept; 0 until the first was dropped.
    pub(super) oldest: u64,
    /// No document of a version below this number is stored any more. It trails `oldest` where more versions
    /// were dropped at once than one commit takes.
    pub(super) swept: u64,
    /// The versions kept, oldest first, without gaps, the last being `current`.
    pub(super) versions: VecDeque<VersionMetadata>,
    /// What users say of the secret.
    pub(super) custom: BTreeMap<String, String>,
}

/// What is known of one version. Stored as a triple, for there may be many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "(i64, i64, bool)", into = "(i64, i64, bool)")]
pub(super) struct VersionMetadata {
    /// When it was written.
    pub(super) created: i64,
    /// When it was or will be deleted; 0 for never.
    pub(super) deletion: i64,
    /// Whether its data are gone for good.
    pub(super) destroyed: bool,
}

impl KeyMetadata {
    /// A secret made now that has no version yet.
    pub(super) fn new(now: i64) -> Self {
        KeyMetadata { created: now, updated: now, swept: 1, ..Default::default() }
    }

    /// A version that is kept.
    pub(super) fn version(&self, number: u64) -> Option<&VersionMetadata> {
        self.versions.get(self.place(number)?)
    }

    /// The same, to be changed.
    pub(super) fn version_mut(&mut self, number: u64) -> Option<&mut VersionMetadata> {
        let place = self.place(number)?;
        self.versions.get_mut(place)
    }

    /// The numbers of the versions kept, oldest first.
    pub(super) fn numbers(&self) -> std::ops::RangeInclusive<u64> {
        self.first()..=self.current
    }

    /// Appends a version and drops those that no longer fit. The larger of the mount's and the secret's
    /// `max_versions` counts, as in Vault.
    pub(super) fn add_version(&mut self, now: i64, deletion: i64, config: &Config) {
        self.current += 1;
        self.versions.push_back(VersionMetadata { created: now, deletion, destroyed: false });
        self.updated = now;
        let max = match self.max_versions.max(config.max_versions) {
            0 => MAX_VERSIONS_DEFAULT,
            max => max,
        };
        if self.current - self.oldest >= u64::from(max) {
            self.oldest = self.current - u64::from(max) + 1;
            while self.first() < self.oldest && self.versions.len() > 1 {
                self.versions.pop_front();
            }
        }
    }

    /// When a version written now counts as deleted; 0 for never. The shorter of the mount's and the secret's
    /// `delete_version_after` counts, and a negative one of the mount switches both off.
    pub(super) fn deletion_of_new(&self, now: i64, config: &Config) -> i64 {
        let seconds = match (config.delete_version_after, self.delete_version_after) {
            (mount, _) if mount < 0 => 0,
            (0, own) => own,
            (mount, 0) => mount,
            (mount, own) => mount.min(own),
        };
        if seconds > 0 { now.saturating_add(seconds.saturating_mul(1_000_000_000)) } else { 0 }
    }

    fn first(&self) -> u64 {
        (self.current + 1).saturating_sub(self.versions.len() as u64)
    }

    fn place(&self, number: u64) -> Option<usize> {
        usize::try_from(number.checked_sub(self.first())?).ok()
    }
}

impl VersionMetadata {
    /// Whether it is deleted at `now`, for good or not.
    pub(super) fn is_gone(&self, now: i64) -> bool {
        self.destroyed || self.is_deleted(now)
    }

    /// Whether its deletion has come.
    pub(super) fn is_deleted(&self, now: i64) -> bool {
        self.deletion != 0 && self.deletion <= now
    }
}

impl From<(i64, i64, bool)> for VersionMetadata {
    fn from((created, deletion, destroyed): (i64, i64, bool)) -> Self {
        VersionMetadata { created, deletion, destroyed }
    }
}

impl From<VersionMetadata> for (i64, i64, bool) {
    fn from(version: VersionMetadata) -> Self {
        (version.created, version.deletion, version.destroyed)
    }
}

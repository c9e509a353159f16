//! Disks that outlive machines.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One disk that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskOrder {
    /// Tells this disk from all others for ever: 32 hexadecimal digits, the disk's id.
    pub token: String,
    /// Its name at the provider.
    pub name: String,
    /// Tags of the owner and of the user.
    pub tags: BTreeMap<String, String>,
}

/// One disk, as its provider sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// The provider's own identifier.
    pub id: String,
    /// Whose order it was; empty if the tag is gone.
    pub token: String,
    /// What it is doing.
    pub state: DiskState,
    /// In GiB.
    pub size: u64,
    /// The machine that it is attached to.
    pub machine: Option<String>,
    /// When it was made.
    pub created_at: Option<Timestamp>,
}

/// What a disk is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskState {
    /// Being made.
    Pending,
    /// There, whether attached or not.
    Ready,
    /// Being removed, or failed.
    Gone,
}

/// A disk at a machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// The provider's identifier of the disk.
    pub volume_id: String,
    /// As the machine sees it, where the provider says so.
    pub device_name: Option<String>,
}

//! Machines: what is asked of a provider, and what it has.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::volume::Volume;

/// One machine that is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Tells this machine from all others for ever: 32 hexadecimal digits, the node's id. Ordering it again gives the same machine.
    pub token: String,
    /// Its name at the provider: `VCP-<controller>-<unit group>`, alike for all nodes of a unit group.
    pub name: String,
    /// The address that it must have in its private network; without one the provider chooses.
    pub address: Option<IpAddr>,
    /// The hardware address that it must have, where the provider allows to choose.
    pub mac: Option<String>,
    /// In OpenSSH's format, for the login of the machine's first user.
    pub public_key: String,
    /// Tags of the owner and of the user.
    pub tags: BTreeMap<String, String>,
    /// Disks of the provider to attach, in this order.
    pub volumes: Vec<String>,
}

/// One machine, as its provider sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// The provider's own identifier.
    pub id: String,
    /// Whose order it was; empty if the tag is gone.
    pub token: String,
    /// What it is doing.
    pub state: MachineState,
    /// Its address in the private network, once it has one.
    pub address: Option<IpAddr>,
    /// What is attached, without the disk that it boots from.
    pub volumes: Vec<Volume>,
    /// When it was started.
    pub launched_at: Option<Timestamp>,
    /// The provider's reason for its state, if it gives one.
    pub reason: Option<String>,
}

/// What a machine is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MachineState {
    /// Being made or started.
    Pending,
    /// Powered on.
    Running,
    /// On its way to [`Self::Stopped`].
    Stopping,
    /// Powered off; it can be started again.
    Stopped,
    /// On its way to being gone, or still listed although it is.
    Gone,
}

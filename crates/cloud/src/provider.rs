//! The contract of a provider.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};
use trustkeep_crypto::SecretString;

use crate::fault::{Fault, Kind, Result};
use crate::machine::{Machine, Order};
use crate::volume::{Disk, DiskOrder};

/// Makes, finds, powers and removes machines and disks.
///
/// Every method may be called again after its answer was lost. A fault is what the provider said, in its kind; temporary faults were
/// already tried again within the method for a few seconds, and are the caller's to try later.
#[async_trait::async_trait]
pub trait Provider: Send + Sync + fmt::Debug + 'static {
    /// As catalogues and specs name it: `aws`.
    fn name(&self) -> &'static str;

    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Under which name its machines and disks are told apart from those of other clouds: providers over one cloud list the same ones.
    fn realm(&self) -> &'static str {
        self.name()
    }

    /// Makes the machine, or finds the one that an earlier call with the same token made. It may still be pending, and its disks
    /// not yet attached; [`Self::settle`] sees to that.
    async fn create(&self, place: &Place, order: &Order) -> Result<Machine>;

    /// Looks at a machine that was ordered, and does what is left to do until it is as ordered (disks to attach). `None`: it is gone, or
    /// never was. One that ended is shown as [`crate::MachineState::Gone`], with the provider's reason, while the provider still lists it.
    async fn settle(&self, place: &Place, order: &Order) -> Result<Option<Machine>>;

    /// Removes the machine, whatever state it is in. `true` once nothing of it is left.
    async fn delete(&self, place: &Place, token: &str) -> Result<bool>;

    /// Starts or stops a machine that exists. Done at once if it is so already; the change takes a while.
    async fn power(&self, place: &Place, token: &str, on: bool) -> Result<()>;

    /// Every machine in the place that carries the owner's tag, in as few calls as possible: for refreshing many nodes and for
    /// finding what no record knows.
    async fn list(&self, place: &Place, owner: &str) -> Result<Vec<Machine>>;

    /// Makes the disk, or finds the one that an earlier call with the same token made.
    async fn create_disk(&self, place: &Place, order: &DiskOrder) -> Result<Disk> {
        let _ = (place, order);
        Err(self.unsupported("disks"))
    }

    /// Removes the disk. `true` once it is gone. A disk that is attached is a [`Kind::Conflict`].
    async fn delete_disk(&self, place: &Place, token: &str) -> Result<bool> {
        let _ = (place, token);
        Err(self.unsupported("disks"))
    }

    /// Every disk in the place that carries the owner's tag.
    async fn list_disks(&self, place: &Place, owner: &str) -> Result<Vec<Disk>> {
        let _ = (place, owner);
        Ok(Vec::new())
    }

    /// The fault for something that the provider does not have.
    fn unsupported(&self, what: &str) -> Fault {
        Fault::new(Kind::Unsupported, format!("provider {} has no {what}", self.name()))
    }
}

/// What a provider can do beside making and removing machines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Powering machines off and on.
    pub power: bool,
    /// Disks that outlive machines.
    pub disks: bool,
    /// Tags on machines and disks.
    pub tags: bool,
    /// Machines whose address is chosen by the user.
    pub fixed_address: bool,
    /// Machines whose hardware address is chosen by the user.
    pub fixed_mac: bool,
    /// Machines that were there before and stay: their addresses must be given.
    pub existing: bool,
}

/// Where, how and as whom: what all calls about the machines of one unit have alike.
#[derive(Debug)]
pub struct Place {
    /// The entry of the VPN catalogue, by its keys (`aws_region`).
    pub network: BTreeMap<String, String>,
    /// The spec's `cloud_params`, by their keys (`instance_type`), without credentials.
    pub params: Map<String, Value>,
    /// The credentials that the spec names, resolved (`access_key`).
    pub credentials: BTreeMap<String, SecretString>,
    /// The controller that owns what is made here: `vcc_id`, 32 hexadecimal digits. What is made carries it as a tag.
    pub owner: String,
}

impl Place {
    /// A parameter that is a text, unless it is missing, empty or `None`.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.params.get(key).and_then(Value::as_str).filter(|text| !text.is_empty() && *text != "None")
    }

    /// A parameter that is a number, or a text that is one.
    pub fn number(&self, key: &str) -> Option<u64> {
        match self.params.get(key)? {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        }
    }
}

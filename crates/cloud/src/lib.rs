//! Where nodes live: machines that a provider makes or that are there already, and what is done to each of them by SSH.
//!
//! **What it is**: two contracts. A [`Provider`] makes, finds, powers and removes machines and disks; for the existing servers
//! of [`on_premises`] there is nothing to make. [`Hosts`] does on any machine, through SSH, what turns it into a node: it starts the base
//! container, looks after it and removes it.
//!
//! **What it is not**: it keeps no record and knows no unit, no user and no catalogue; that is the controller's. Other clouds
//! are crates beside it.
//!
//! Invariants:
//! - Every operation may be repeated: what a token made before is found again and never made twice.
//! - What a provider makes carries the owner's tags from the moment it exists, so that [`Provider::list`] finds what was not recorded.
//! - Nothing that a user wrote reaches a shell: Docker is spoken to by its API.
//! - Credentials are secret types, resolved for each call and kept nowhere.

pub mod fault;
pub mod host;
pub mod machine;
pub mod on_premises;
pub mod provider;
pub mod volume;

pub use fault::{Fault, Kind, Result};
pub use host::{BaseContainer, ControllerKey, Hosts, ImageStore, Inspection, Login, SshHosts, StoredImage};
pub use machine::{Machine, MachineState, Order};
pub use on_premises::OnPremises;
pub use provider::{Capabilities, Place, Provider};
pub use volume::{Disk, DiskOrder, DiskState, Volume};

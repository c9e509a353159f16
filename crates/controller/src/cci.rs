//! CCI documents: what users write to describe a unit group or a unit, as YAML in base64.
//!
//! The documents are made by the users' SDK, which formats Python values into a template: lists arrive as `['a', 'b']`, what is not
//! set as the text `None`. Both a list with one `vc` or `unit` and the bare map are read; the keys may stand below `unit` or
//! beside it. What a document may say to which provider is in [`schema`], as tables.

mod address;
mod container;
mod error;
mod read;
pub mod schema;
mod shown;
mod value;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod refusals;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value};
use trustkeep_crypto::SecretString;

pub use address::Growth;
pub use error::{CciError, CciErrors};
pub use read::check_unit_name;
pub(crate) use value::shown as excerpt;

/// The most nodes or disks that one unit may have.
pub const COUNT_MAX: u32 = 1000;

/// The most bytes of a document before base64.
pub const SIZE_MAX: usize = crate::yaml::SIZE_MAX;

/// The most bytes of a user's init command, before base64: what fits into an environment variable after it.
pub const INIT_COMMAND_MAX: usize = 93 * 1024;

/// Recovery modes: `none` leaves a base container that ended as it is, to be seen as `CONTAINER_ERROR` (all that is known of the original);
/// `restart` has the engine start it again, also when its machine boots.
pub const RECOVERY_MODES: [&str; 2] = ["none", "restart"];

/// A unit group that is wanted: the document `- vc:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VcSpec {
    /// Its name.
    pub name: String,
    /// Whether its units have nodes or disks.
    pub kind: Kind,
}

/// What the units of a unit group hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Nodes.
    Compute,
    /// Disks.
    Storage,
}

/// A unit that is wanted: the document `- unit:`.
#[derive(Debug)]
pub struct UnitSpec {
    /// Its name: `^[a-zA-Z0-9_\-]+$`.
    pub name: String,
    /// Nodes or disks.
    pub kind: Kind,
    /// The provider: `aws`, `onpremises`. Specs of disks name the one without `_disk`.
    pub provider: String,
    /// The network of the VPN catalogue: `default`.
    pub private_network: String,
    /// How many nodes or disks.
    pub count: u32,
    /// The base container's image; empty for disks.
    pub image: String,
    /// One of [`RECOVERY_MODES`].
    pub recovery_mode: String,
    /// Options of the base container.
    pub docker: DockerOptions,
    /// `params_v`: binds.
    pub binds: Vec<String>,
    /// `params_e`, in order; where a name stands twice, the later one is meant.
    pub env: Vec<(String, SecretString)>,
    /// A script with its shebang, that runs in the base container at every start.
    pub user_init_command: Option<String>,
    /// `cloud_params` without credentials, addresses and disks.
    pub params: Map<String, Value>,
    /// The credentials, by their keys in `cloud_params`.
    pub credentials: BTreeMap<String, Credential>,
    /// Fixed addresses; empty or as many as `count`.
    pub addresses: Vec<IpAddr>,
    /// Fixed hardware addresses; empty or as many as `count`.
    pub macs: Vec<String>,
    /// Disks to attach.
    pub disks: Vec<DiskReference>,
    /// The user's tags.
    pub tags: BTreeMap<String, String>,
    /// The document as it is shown again: literal credentials and secret-looking environment are taken out.
    pub text: String,
}

/// Options of `docker run` that users may set.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DockerOptions {
    /// `--hostname`.
    pub hostname: Option<String>,
    /// `--dns`.
    pub dns: Vec<String>,
    /// `--dns-search`.
    pub dns_search: Vec<String>,
    /// `--dns-opt`; documents may also call it `options`, as the original's `spec_options` do.
    pub dns_options: Vec<String>,
    /// `--add-host`, each `name:address`.
    pub extra_hosts: Vec<String>,
    /// `--gpus`: `all`, a count, or `device=…`.
    pub gpus: Option<String>,
}

/// A credential of a spec.
#[derive(Debug)]
pub enum Credential {
    /// In the document itself.
    Literal(SecretString),
    /// `vault://<path>`, to be read with the caller's token; its field is `value`.
    Vault(String),
}

/// A disk to attach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskReference {
    /// A disk that the provider knows by this identifier.
    Cloud(String),
    /// A disk of a storage unit group: `vcp:<vcid>:<unit>:<disk_id>`.
    Unit {
        /// Its unit group.
        vcid: String,
        /// Its unit.
        unit: String,
        /// Its identifier.
        disk_id: String,
    },
}

//! CCI documents: what users write to describe a unit group or a unit, as YAML in base64.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde_json::{Map, Value};
use trustkeep_crypto::SecretString;

mod error;

pub use error::CciError;

/// The most nodes or disks that one unit may have.
pub const COUNT_MAX: u32 = 1000;

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
    /// As it was given.
    pub recovery_mode: String,
    /// Options of the base container.
    pub docker: DockerOptions,
    /// `params_v`: binds.
    pub binds: Vec<String>,
    /// `params_e`, in order.
    pub env: Vec<(String, SecretString)>,
    /// A script that runs in the base container at every start.
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
    /// `--dns-opt`.
    pub dns_options: Vec<String>,
    /// `--add-host`, each `name:address`.
    pub extra_hosts: Vec<String>,
    /// `--gpus`: `all`, a count, or `device=…`.
    pub gpus: Option<String>,
    /// `options`: further words for `docker run`, as they were given.
    pub options: Vec<String>,
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

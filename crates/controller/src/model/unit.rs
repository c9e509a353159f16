//! Units and unit groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::node::{Disk, Node};
use super::state::{GroupState, NodeState, UnitState};
use crate::cci::{DockerOptions, Kind};

/// A unit group (`VC`): what its owner works with as one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// 32 hexadecimal digits, unique for ever.
    pub vcid: String,
    /// Its number at this controller, from 1; never given twice.
    pub vcno: i64,
    /// Its name.
    pub name: String,
    /// Whether its units have nodes or disks.
    pub kind: Kind,
    /// The user that it belongs to.
    pub owner: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it is being removed.
    pub deleting: bool,
    /// Its units by name.
    #[serde(skip)]
    pub units: BTreeMap<String, Arc<Unit>>,
}

/// A unit: nodes, or disks, that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unit {
    /// Its name in its unit group.
    pub name: String,
    /// What its nodes are made by.
    pub spec: Spec,
    /// The name under which the vault keeps the secrets of its spec.
    pub custody: String,
    /// The number that the next node or disk gets.
    pub next_no: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// Whether it goes when its last node has gone.
    pub deleting: bool,
    /// Its nodes, by their numbers.
    #[serde(skip)]
    pub nodes: Vec<Arc<Node>>,
    /// Its disks, by their numbers.
    #[serde(skip)]
    pub disks: Vec<Arc<Disk>>,
}

/// What the nodes of a unit are made by: the user's specification without its secrets, which the vault keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The provider.
    pub provider: String,
    /// The network of the VPN catalogue.
    pub private_network: String,
    /// That network's entry, as it stood when the unit was made.
    pub network: BTreeMap<String, String>,
    /// The base container's image.
    pub image: String,
    /// What is done about a node that fails by itself.
    pub recovery_mode: String,
    /// Options of the base container.
    pub docker: DockerOptions,
    /// Binds of the base container.
    pub binds: Vec<String>,
    /// The names of its environment, in order; the values are in the vault.
    pub env: Vec<String>,
    /// What runs in the base container at every start.
    pub user_init_command: Option<String>,
    /// `cloud_params`, without credentials, addresses and disks.
    pub params: Map<String, Value>,
    /// Disks that each node is attached to.
    pub volumes: Volumes,
    /// The user's tags.
    pub tags: BTreeMap<String, String>,
    /// The document as it is shown again.
    pub text: String,
}

/// The disks that a spec names, as the provider knows them, and those among them that are ours.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volumes {
    /// The provider's identifiers, in order.
    pub ids: Vec<String>,
    /// `disk_id` of each that belongs to a storage unit.
    pub disks: Vec<String>,
}

impl Group {
    /// What it is doing.
    pub fn state(&self) -> GroupState {
        let units = || self.units.values().map(|unit| unit.state());
        if self.deleting {
            GroupState::Deleting
        } else if self.units.values().any(|unit| unit.is_busy()) {
            GroupState::Applying
        } else if units().any(|state| state == UnitState::Error) {
            GroupState::Error
        } else {
            GroupState::Running
        }
    }

    /// A node of the group, with its unit.
    pub fn node(&self, node_id: &str) -> Option<(&Arc<Unit>, &Arc<Node>)> {
        self.units.values().find_map(|unit| Some((unit, unit.node(node_id)?)))
    }
}

impl Unit {
    /// What it is doing.
    pub fn state(&self) -> UnitState {
        if self.deleting && !self.is_empty() && self.states().all(|state| !state.is_error()) {
            return UnitState::All(NodeState::Deleting);
        }
        UnitState::over(self.states())
    }

    /// Whether something is on its way.
    pub fn is_busy(&self) -> bool {
        self.states().any(NodeState::is_passing)
    }

    /// Whether it has neither nodes nor disks.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty() && self.disks.is_empty()
    }

    /// What is wrong with its nodes, each text once.
    pub fn error(&self) -> String {
        let errors =
            self.nodes.iter().map(|node| &node.error).chain(self.disks.iter().map(|disk| &disk.error));
        let mut texts: Vec<&str> = Vec::new();
        for error in errors.filter(|error| !error.is_empty()) {
            if !texts.contains(&error.as_str()) && texts.len() < ERRORS_SHOWN_MAX {
                texts.push(error);
            }
        }
        texts.join("\n")
    }

    /// A node by its id.
    pub fn node(&self, node_id: &str) -> Option<&Arc<Node>> {
        self.nodes.iter().find(|node| node.id == node_id)
    }

    /// A disk by its id.
    pub fn disk(&self, disk_id: &str) -> Option<&Arc<Disk>> {
        self.disks.iter().find(|disk| disk.id == disk_id)
    }

    fn states(&self) -> impl Iterator<Item = NodeState> {
        self.nodes.iter().map(|node| node.state).chain(self.disks.iter().map(|disk| disk.state))
    }
}

/// How many different errors of its nodes a unit shows.
const ERRORS_SHOWN_MAX: usize = 5;

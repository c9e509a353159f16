//! Nodes and disks.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use trustkeep_cloud::{Disk as CloudDisk, Inspection, Machine};

use super::state::NodeState;

/// One node of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its number in its unit, from 1; never given twice.
    pub no: u32,
    /// 32 hexadecimal digits, unique for ever.
    pub id: String,
    /// How many machines it had before this one. Providers remember a token longer than its machine lives.
    #[serde(default)]
    pub generation: u32,
    /// What it is to become.
    pub wanted: Wanted,
    /// What it is doing.
    pub state: NodeState,
    /// The address that it was ordered with.
    pub address: Option<IpAddr>,
    /// The hardware address that it was ordered with.
    pub mac: Option<String>,
    /// Its machine, as it was last seen.
    pub machine: Option<Machine>,
    /// The host key that its machine showed first.
    pub host_key: Option<String>,
    /// Its base container, as it was last seen.
    pub container: Option<Inspection>,
    /// The last run of its user's script.
    #[serde(default)]
    pub init: Option<Init>,
    /// Whether it is looked after.
    pub watch: bool,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When its machine was started.
    pub booted_at: Option<Timestamp>,
    /// When its base container was started.
    pub container_at: Option<Timestamp>,
    /// What went wrong, in words for the user; empty if nothing did.
    pub error: String,
}

/// A run of the user's script, which belongs to one start of a base container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Init {
    /// Docker's identifier of the base container.
    pub container_id: String,
    /// When that was started.
    pub started_at: Option<Timestamp>,
    /// How the script failed, in words for the user; empty if it did not.
    pub error: String,
}

impl Init {
    /// The run for the start that a base container is in.
    pub fn of(container: &Inspection, error: String) -> Self {
        Self { container_id: container.container_id.clone(), started_at: container.started_at, error }
    }

    /// Whether it was for this start.
    pub fn is_for(&self, container: &Inspection) -> bool {
        self.container_id == container.container_id && self.started_at == container.started_at
    }
}

/// What a node or disk is to become.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    /// [`NodeState::Running`].
    Running,
    /// [`NodeState::Suspended`]: without its base container running.
    Suspended,
    /// [`NodeState::Stopped`]: without a machine.
    Stopped,
    /// [`NodeState::PowerOff`].
    PowerOff,
    /// Gone, whatever it costs to find out.
    Gone,
    /// Gone; what cannot be reached is left behind and removed when it returns.
    GoneByForce,
}

impl Wanted {
    /// Whether it is to be removed.
    pub fn is_gone(self) -> bool {
        matches!(self, Self::Gone | Self::GoneByForce)
    }

    /// The state that fulfils it; there is none for what is gone.
    pub fn state(self) -> Option<NodeState> {
        match self {
            Self::Running => Some(NodeState::Running),
            Self::Suspended => Some(NodeState::Suspended),
            Self::Stopped => Some(NodeState::Stopped),
            Self::PowerOff => Some(NodeState::PowerOff),
            Self::Gone | Self::GoneByForce => None,
        }
    }

    /// As metrics write it: the state that fulfils it, or `gone`.
    pub fn name(self) -> &'static str {
        self.state().map_or("gone", NodeState::name)
    }

    /// The state on the way there, from `now`.
    pub fn passing(self, now: NodeState) -> NodeState {
        match self {
            Self::Running if matches!(now, NodeState::Suspended | NodeState::Resuming) => NodeState::Resuming,
            Self::Running => NodeState::Booting,
            Self::Suspended => NodeState::Suspending,
            Self::Stopped => NodeState::Stopping,
            Self::PowerOff => NodeState::ShuttingDown,
            Self::Gone | Self::GoneByForce => NodeState::Deleting,
        }
    }
}

impl Node {
    /// A node that nothing was done about yet.
    pub fn new(no: u32, id: String, address: Option<IpAddr>, mac: Option<String>, now: Timestamp) -> Self {
        Self {
            no,
            id,
            generation: 0,
            wanted: Wanted::Running,
            state: NodeState::Booting,
            address,
            mac,
            machine: None,
            host_key: None,
            container: None,
            init: None,
            watch: true,
            created_at: now,
            booted_at: None,
            container_at: None,
            error: String::new(),
        }
    }

    /// Whether nothing is left to do about it. What went wrong waits for its user.
    pub fn is_settled(&self) -> bool {
        !self.state.is_passing()
    }

    /// The token of its machine.
    pub fn token(&self) -> String {
        match self.generation {
            0 => self.id.clone(),
            generation => format!("{}-{generation}", self.id),
        }
    }

    /// The same node without its machine, which is gone.
    #[must_use]
    pub fn bereft(&self) -> Self {
        Self {
            generation: self.generation + 1,
            machine: None,
            container: None,
            init: None,
            host_key: None,
            booted_at: None,
            container_at: None,
            ..self.clone()
        }
    }

    /// Where it is reached: the address of its machine, else the one that was ordered.
    pub fn address(&self) -> Option<IpAddr> {
        self.machine.as_ref().and_then(|machine| machine.address).or(self.address)
    }

    /// The same node on its way to something else.
    #[must_use]
    pub fn heading(&self, wanted: Wanted) -> Self {
        let mut node = self.clone();
        node.state = wanted.passing(self.state);
        node.wanted = wanted;
        node.error.clear();
        node
    }

    /// The same node, settled as it was wanted.
    #[must_use]
    pub fn arrived(&self) -> Self {
        let mut node = self.clone();
        if let Some(state) = self.wanted.state() {
            node.state = state;
        }
        node.error.clear();
        node
    }

    /// The same node with something wrong.
    #[must_use]
    pub fn failed(&self, state: NodeState, error: String) -> Self {
        Self { state, error, ..self.clone() }
    }
}

/// One disk of a unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Its number in its unit, from 1; never given twice.
    pub no: u32,
    /// 32 hexadecimal digits, unique for ever; also the token at its provider.
    pub id: String,
    /// [`Wanted::Running`] or gone. By force: also if it was never made and its provider cannot be asked.
    pub wanted: Wanted,
    /// `BOOTING`, `RUNNING`, `DELETING` or `HOST_ERROR`.
    pub state: NodeState,
    /// The disk, as it was last seen.
    pub disk: Option<CloudDisk>,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// What went wrong, in words for the user; empty if nothing did.
    pub error: String,
}

impl Disk {
    /// A disk that nothing was done about yet.
    pub fn new(no: u32, id: String, now: Timestamp) -> Self {
        Self {
            no,
            id,
            wanted: Wanted::Running,
            state: NodeState::Booting,
            disk: None,
            created_at: now,
            error: String::new(),
        }
    }

    /// The same disk on its way out: gone, or gone by force.
    #[must_use]
    pub fn leaving(&self, wanted: Wanted) -> Self {
        Self { wanted, state: NodeState::Deleting, error: String::new(), ..self.clone() }
    }
}

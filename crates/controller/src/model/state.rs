//! The states that users see, by the names of the original (SDK manual, state diagrams).

use serde::{Deserialize, Serialize};

/// What a node, or a disk, is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NodeState {
    /// On its way to [`Self::Running`].
    Booting,
    /// As it should be.
    Running,
    /// Its base container is being stopped.
    Suspending,
    /// Its base container is stopped; its machine runs.
    Suspended,
    /// Its base container is being started again.
    Resuming,
    /// Its machine is being removed.
    Stopping,
    /// It has no machine; a start makes a new one.
    Stopped,
    /// Its machine is being powered off.
    ShuttingDown,
    /// Its machine is powered off.
    PowerOff,
    /// It is being removed altogether.
    Deleting,
    /// Its machine answers, its base container does not run.
    ContainerError,
    /// Its machine could not be made, or does not answer.
    HostError,
}

impl NodeState {
    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Booting => "BOOTING",
            Self::Running => "RUNNING",
            Self::Suspending => "SUSPENDING",
            Self::Suspended => "SUSPENDED",
            Self::Resuming => "RESUMING",
            Self::Stopping => "STOPPING",
            Self::Stopped => "STOPPED",
            Self::ShuttingDown => "SHUTTING_DOWN",
            Self::PowerOff => "POWER_OFF",
            Self::Deleting => "DELETING",
            Self::ContainerError => "CONTAINER_ERROR",
            Self::HostError => "HOST_ERROR",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Every state.
    pub const ALL: [Self; 12] = [
        Self::Booting,
        Self::Running,
        Self::Suspending,
        Self::Suspended,
        Self::Resuming,
        Self::Stopping,
        Self::Stopped,
        Self::ShuttingDown,
        Self::PowerOff,
        Self::Deleting,
        Self::ContainerError,
        Self::HostError,
    ];

    /// Whether it will change by itself: clients wait until it has.
    pub fn is_passing(self) -> bool {
        matches!(
            self,
            Self::Booting
                | Self::Suspending
                | Self::Resuming
                | Self::Stopping
                | Self::ShuttingDown
                | Self::Deleting
        )
    }

    /// Whether something is wrong.
    pub fn is_error(self) -> bool {
        matches!(self, Self::ContainerError | Self::HostError)
    }
}

/// What a unit is doing, seen over its nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitState {
    /// All its nodes are doing this.
    All(NodeState),
    /// Something is wrong with one of its nodes, and none is on its way.
    Error,
    /// Its nodes do different things.
    Indefinite,
}

impl UnitState {
    /// The state over these nodes; a unit without any is running.
    pub fn over(states: impl IntoIterator<Item = NodeState>) -> Self {
        let (mut first, mut mixed, mut error, mut passing) = (None, false, false, false);
        for state in states {
            mixed |= *first.get_or_insert(state) != state;
            error |= state.is_error();
            passing |= state.is_passing();
        }
        match first {
            _ if error && !passing => Self::Error,
            Some(_) if mixed => Self::Indefinite,
            Some(state) => Self::All(state),
            None => Self::All(NodeState::Running),
        }
    }

    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::All(state) => state.name(),
            Self::Error => "ERROR",
            Self::Indefinite => "INDEFINITE",
        }
    }
}

/// What a unit group is doing, seen over its units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// Something is on its way.
    Applying,
    /// All is settled.
    Running,
    /// It is being removed.
    Deleting,
    /// Something is wrong with one of its units.
    Error,
}

impl GroupState {
    /// As the API writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applying => "APPLYING",
            Self::Running => "RUNNING",
            Self::Deleting => "DELETING",
            Self::Error => "ERROR",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use NodeState::{Booting, ContainerError, PowerOff, Running};

    #[test]
    fn a_unit_is_what_its_nodes_are() {
        let over = |states: &[NodeState]| UnitState::over(states.iter().copied()).name();
        assert_eq!(over(&[]), "RUNNING");
        assert_eq!(over(&[Running, Running]), "RUNNING");
        assert_eq!(over(&[Running, PowerOff]), "INDEFINITE");
        assert_eq!(over(&[Running, ContainerError]), "ERROR");
        assert_eq!(over(&[ContainerError]), "ERROR");
        assert_eq!(over(&[Booting, ContainerError]), "INDEFINITE", "it is not settled yet");
    }

    #[test]
    fn names_lead_back() {
        for state in NodeState::ALL {
            assert_eq!(NodeState::from_name(state.name()), Some(state));
            assert_eq!(serde_json::to_value(state).unwrap(), state.name());
        }
    }
}

//! What is recorded of unit groups, units, nodes and disks.
//!
//! A record says what is wanted and what was last known to be there. What users see as the state of a unit or a unit group is
//! never recorded: it follows from its nodes.

mod node;
mod state;
mod unit;

pub use node::{Disk, Init, Node, Wanted};
pub use state::{GroupState, NodeState, UnitState};
pub use unit::{Group, Spec, Unit, Volumes};

//! What goes with the last thing in it: units and unit groups that are being removed.

use crate::book::{Changes, Found};

/// Removes the unit if it is to go and `id` was the last in it, and then the unit group in the same way. `true`: the unit
/// goes.
pub(super) fn remove_empty<T>(found: &Found<T>, id: &str, changes: &mut Changes) -> bool {
    let unit = &found.unit;
    let others = unit.nodes.iter().map(|node| &node.id).chain(unit.disks.iter().map(|disk| &disk.id));
    if !unit.deleting || others.filter(|other| *other != id).count() > 0 {
        return false;
    }
    let group = &found.group;
    changes.remove_unit(&group.vcid, &unit.name);
    if group.deleting && group.units.len() == 1 {
        changes.remove_group(&group.vcid);
    }
    true
}

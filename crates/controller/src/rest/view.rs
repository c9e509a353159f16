//! Records as the SDK reads them. `error_message` is a text and `volumes` a list, always: the SDK takes their lengths.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::book::Page;
use crate::cci::Kind;
use crate::model::{Disk, Group, Node, NodeState, Unit};
use crate::parts::instance_name;
use crate::service::Controller;

/// A unit group with all that is in it.
pub(super) fn group(controller: &Controller, page: &Page, group: &Group) -> Value {
    let units: Vec<_> = group.units.values().map(|one| unit(controller, page, group, one)).collect();
    let vcc_id = &controller.parts().identity.vcc_id;
    json!({
        "vcc_id": vcc_id,
        "vcno": group.vcno,
        "vcid": group.vcid,
        "name": group.name,
        "description": group.name,
        "owner": group.owner,
        "state": group.state().name(),
        "cdate": date(Some(group.created_at)),
        "type": group.kind,
        "error_message": "",
        "cloud_instance_name": instance_name(vcc_id, &group.vcid),
        "unit": units,
    })
}

/// A unit with its nodes or disks.
pub(super) fn unit(controller: &Controller, page: &Page, group: &Group, unit: &Unit) -> Value {
    let common = json!({
        "name": unit.name,
        "state": unit.state().name(),
        "error_message": unit.error(),
        "info": unit.spec.text,
        "provider": unit.spec.provider,
        "cdate": date(Some(unit.created_at)),
    });
    // The SDK wants exactly the list that goes with the type of the unit group.
    let (members, list) = match group.kind {
        Kind::Compute => ("node", unit.nodes.iter().map(|one| node(controller, unit, one)).collect()),
        Kind::Storage => ("disk", unit.disks.iter().map(|one| disk(controller, page, one)).collect()),
    };
    let mut value = Map::from_iter([(members.to_owned(), Value::Array(list))]);
    value.extend(common.as_object().cloned().unwrap_or_default());
    Value::Object(value)
}

/// A node.
pub(super) fn node(controller: &Controller, unit: &Unit, node: &Node) -> Value {
    let machine = node.machine.as_ref();
    let address = node.address().map(|address| address.to_string()).unwrap_or_default();
    // A server that was there before has no other name than its address.
    let instance = machine.map(|machine| machine.id.as_str()).filter(|id| *id != address).unwrap_or_default();
    json!({
        "node_no": node.no,
        "node_id": node.id,
        "state": node.state.name(),
        "cloud_instance_address": address,
        "cloud_instance_id": instance,
        "volumes": machine.map(|machine| machine.volumes.as_slice()).unwrap_or_default(),
        "cdate": date(Some(node.created_at)),
        "boot_date": date(node.booted_at),
        "container_date": date(node.container_at),
        "watch_mode": node.watch,
        "provider": unit.spec.provider,
        "name": format!("{}-{}", unit.name, node.no),
        "error_message": node.error,
        "progress": controller.jobs().progress(&node.id),
    })
}

/// A disk.
pub(super) fn disk(controller: &Controller, page: &Page, disk: &Disk) -> Value {
    let made = disk.disk.as_ref();
    // Disks have no state of their own for what failed.
    let state = if disk.state == NodeState::HostError { "ERROR" } else { disk.state.name() };
    json!({
        "disk_no": disk.no,
        "disk_id": disk.id,
        "state": state,
        "in_use": page.is_in_use(&disk.id),
        "cdate": date(Some(disk.created_at)),
        "cloud_disk_id": made.map(|made| made.id.as_str()).unwrap_or_default(),
        "cloud_disk_size": made.map(|made| made.size).unwrap_or_default(),
        "name": format!("disk-{}", disk.no),
        "error_message": disk.error,
        "progress": controller.jobs().progress(&disk.id),
    })
}

/// `YYYY/MM/DD HH:MM:SS UTC`, or nothing.
fn date(at: Option<Timestamp>) -> String {
    at.map(|at| at.strftime("%Y/%m/%d %H:%M:%S UTC").to_string()).unwrap_or_default()
}

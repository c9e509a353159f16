//! Records as the SDK reads them. `error_message` is a text and `volumes` a list, always: the SDK takes their lengths.
//!
//! They are written from the records straight into the answer: a list of a thousand nodes is half a megabyte, and notebooks ask for it often.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use trustkeep_cloud::Volume;

use crate::book::Page;
use crate::cci::Kind;
use crate::model::{Disk, Group, Node, NodeState, Unit};
use crate::parts::instance_name;
use crate::service::Controller;

/// A unit group with all that is in it.
#[derive(Serialize)]
pub(super) struct GroupView<'a> {
    vcc_id: &'a str,
    vcno: i64,
    vcid: &'a str,
    name: &'a str,
    description: &'a str,
    owner: &'a str,
    state: &'static str,
    cdate: Date,
    #[serde(rename = "type")]
    kind: Kind,
    error_message: &'static str,
    cloud_instance_name: String,
    unit: Vec<UnitView<'a>>,
}

/// A unit with its nodes or disks: the SDK wants exactly the list that goes with the type of the unit group.
#[derive(Serialize)]
pub(super) struct UnitView<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<Vec<NodeView<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disk: Option<Vec<DiskView<'a>>>,
    name: &'a str,
    state: &'static str,
    error_message: String,
    info: &'a str,
    provider: &'a str,
    cdate: Date,
}

/// A node.
#[derive(Serialize)]
pub(super) struct NodeView<'a> {
    node_no: u32,
    node_id: &'a str,
    state: &'static str,
    cloud_instance_address: String,
    cloud_instance_id: &'a str,
    volumes: &'a [Volume],
    cdate: Date,
    boot_date: Date,
    container_date: Date,
    watch_mode: bool,
    provider: &'a str,
    name: String,
    error_message: &'a str,
    progress: String,
}

/// A disk.
#[derive(Serialize)]
pub(super) struct DiskView<'a> {
    disk_no: u32,
    disk_id: &'a str,
    state: &'static str,
    in_use: bool,
    cdate: Date,
    cloud_disk_id: &'a str,
    cloud_disk_size: u64,
    name: String,
    error_message: &'a str,
    progress: String,
}

/// `YYYY/MM/DD HH:MM:SS UTC`, or nothing.
struct Date(Option<Timestamp>);

pub(super) fn group<'a>(controller: &'a Controller, page: &Page, group: &'a Group) -> GroupView<'a> {
    let vcc_id = &controller.parts().identity.vcc_id;
    GroupView {
        vcc_id,
        vcno: group.vcno,
        vcid: &group.vcid,
        name: &group.name,
        description: &group.name,
        owner: &group.owner,
        state: group.state().name(),
        cdate: Date(Some(group.created_at)),
        kind: group.kind,
        error_message: "",
        cloud_instance_name: instance_name(vcc_id, &group.vcid),
        unit: group.units.values().map(|one| unit(controller, page, group, one)).collect(),
    }
}

pub(super) fn unit<'a>(controller: &Controller, page: &Page, group: &Group, unit: &'a Unit) -> UnitView<'a> {
    let (node, disk) = match group.kind {
        Kind::Compute => (Some(unit.nodes.iter().map(|one| node(controller, unit, one)).collect()), None),
        Kind::Storage => (None, Some(unit.disks.iter().map(|one| disk(controller, page, one)).collect())),
    };
    UnitView {
        node,
        disk,
        name: &unit.name,
        state: unit.state().name(),
        error_message: unit.error(),
        info: &unit.spec.text,
        provider: &unit.spec.provider,
        cdate: Date(Some(unit.created_at)),
    }
}

pub(super) fn node<'a>(controller: &Controller, unit: &'a Unit, node: &'a Node) -> NodeView<'a> {
    let machine = node.machine.as_ref();
    let address = node.address().map(|address| address.to_string()).unwrap_or_default();
    // A server that was there before has no other name than its address.
    let instance = machine.map(|machine| machine.id.as_str()).filter(|id| *id != address).unwrap_or_default();
    NodeView {
        node_no: node.no,
        node_id: &node.id,
        state: node.state.name(),
        cloud_instance_address: address,
        cloud_instance_id: instance,
        volumes: machine.map(|machine| machine.volumes.as_slice()).unwrap_or_default(),
        cdate: Date(Some(node.created_at)),
        boot_date: Date(node.booted_at),
        container_date: Date(node.container_at),
        watch_mode: node.watch,
        provider: &unit.spec.provider,
        name: format!("{}-{}", unit.name, node.no),
        error_message: &node.error,
        progress: controller.jobs().progress(&node.id),
    }
}

pub(super) fn disk<'a>(controller: &Controller, page: &Page, disk: &'a Disk) -> DiskView<'a> {
    let made = disk.disk.as_ref();
    DiskView {
        disk_no: disk.no,
        disk_id: &disk.id,
        // Disks have no state of their own for what failed.
        state: if disk.state == NodeState::HostError { "ERROR" } else { disk.state.name() },
        in_use: page.is_in_use(&disk.id),
        cdate: Date(Some(disk.created_at)),
        cloud_disk_id: made.map(|made| made.id.as_str()).unwrap_or_default(),
        cloud_disk_size: made.map(|made| made.size).unwrap_or_default(),
        name: format!("disk-{}", disk.no),
        error_message: &disk.error,
        progress: controller.jobs().progress(&disk.id),
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(at) => serializer.collect_str(&at.strftime("%Y/%m/%d %H:%M:%S UTC")),
            None => serializer.serialize_str(""),
        }
    }
}

//! What one change writes and removes.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::{Estate, Page, Server};
use crate::model::{Disk, Group, Node, Unit};

/// Records to write (`Some`) and to remove (`None`), the last word for each.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub(super) groups: BTreeMap<String, Option<Group>>,
    pub(super) units: BTreeMap<(String, String), Option<Unit>>,
    pub(super) nodes: BTreeMap<Place, Option<Node>>,
    pub(super) disks: BTreeMap<Place, Option<Disk>>,
    pub(super) servers: BTreeMap<IpAddr, Option<Server>>,
    pub(super) estates: BTreeMap<String, Option<Estate>>,
    pub(super) next_vcno: Option<i64>,
}

/// Unit group, unit, node or disk.
pub(super) type Place = (String, String, String);

impl Changes {
    /// Writes a unit group, not what is in it.
    pub fn put_group(&mut self, group: Group) {
        self.groups.insert(group.vcid.clone(), Some(group));
    }

    /// Removes a unit group, of which nothing is left.
    pub fn remove_group(&mut self, vcid: &str) {
        self.groups.insert(vcid.to_owned(), None);
    }

    /// Writes a unit, not what is in it.
    pub fn put_unit(&mut self, vcid: &str, unit: Unit) {
        self.units.insert((vcid.to_owned(), unit.name.clone()), Some(unit));
    }

    /// Removes a unit, of which nothing is left.
    pub fn remove_unit(&mut self, vcid: &str, unit: &str) {
        self.units.insert((vcid.to_owned(), unit.to_owned()), None);
    }

    /// Writes a node.
    pub fn put_node(&mut self, vcid: &str, unit: &str, node: Node) {
        self.nodes.insert(place(vcid, unit, &node.id), Some(node));
    }

    /// Removes a node.
    pub fn remove_node(&mut self, vcid: &str, unit: &str, node_id: &str) {
        self.nodes.insert(place(vcid, unit, node_id), None);
    }

    /// Writes a disk.
    pub fn put_disk(&mut self, vcid: &str, unit: &str, disk: Disk) {
        self.disks.insert(place(vcid, unit, &disk.id), Some(disk));
    }

    /// Removes a disk.
    pub fn remove_disk(&mut self, vcid: &str, unit: &str, disk_id: &str) {
        self.disks.insert(place(vcid, unit, disk_id), None);
    }

    /// Writes a server; one about which nothing is left to know is removed.
    pub fn put_server(&mut self, server: Server) {
        self.servers.insert(server.address, Some(server));
    }

    /// Writes what a unit left, or what is there of one that is being added.
    pub fn put_estate(&mut self, estate: Estate) {
        self.estates.insert(estate.custody.clone(), Some(estate));
    }

    /// Removes what was left by a unit.
    pub fn remove_estate(&mut self, custody: &str) {
        self.estates.insert(custody.to_owned(), None);
    }

    /// Sets the number of the next unit group.
    pub fn set_next_vcno(&mut self, next: i64) {
        self.next_vcno = Some(next);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
            && self.units.is_empty()
            && self.nodes.is_empty()
            && self.disks.is_empty()
            && self.servers.is_empty()
            && self.estates.is_empty()
            && self.next_vcno.is_none()
    }

    /// Makes the same changes to what is in memory. What a record lies in must be there.
    pub(super) fn apply(self, page: &mut Page) {
        for (vcid, group) in self.groups {
            match group {
                Some(mut group) => {
                    group.units = page.groups.get(&vcid).map(|old| old.units.clone()).unwrap_or_default();
                    page.groups.insert(vcid, Arc::new(group));
                }
                None => drop(page.groups.remove(&vcid)),
            }
        }
        for ((vcid, name), unit) in self.units {
            let Some(group) = page.groups.get_mut(&vcid).map(Arc::make_mut) else { continue };
            match unit {
                Some(mut unit) => {
                    if let Some(old) = group.units.get(&name) {
                        (unit.nodes, unit.disks) = (old.nodes.clone(), old.disks.clone());
                    }
                    group.units.insert(name, Arc::new(unit));
                }
                None => drop(group.units.remove(&name)),
            }
        }
        for ((vcid, unit, id), node) in self.nodes {
            if let Some(unit) = unit_of(page, &vcid, &unit) {
                replace(&mut unit.nodes, node, |node| node.id == id, |node| node.no);
            }
        }
        for ((vcid, unit, id), disk) in self.disks {
            if let Some(unit) = unit_of(page, &vcid, &unit) {
                replace(&mut unit.disks, disk, |disk| disk.id == id, |disk| disk.no);
            }
        }
        for (address, server) in self.servers {
            match server {
                Some(server) => drop(page.servers.insert(address, Arc::new(server))),
                None => drop(page.servers.remove(&address)),
            }
        }
        for (custody, estate) in self.estates {
            match estate {
                Some(estate) => drop(page.estates.insert(custody, Arc::new(estate))),
                None => drop(page.estates.remove(&custody)),
            }
        }
        page.next_vcno = self.next_vcno.unwrap_or(page.next_vcno);
    }
}

fn place(vcid: &str, unit: &str, id: &str) -> Place {
    (vcid.to_owned(), unit.to_owned(), id.to_owned())
}

fn unit_of<'a>(page: &'a mut Page, vcid: &str, unit: &str) -> Option<&'a mut Unit> {
    let group = page.groups.get_mut(vcid).map(Arc::make_mut)?;
    group.units.get_mut(unit).map(Arc::make_mut)
}

fn replace<T>(items: &mut Vec<Arc<T>>, item: Option<T>, is_it: impl Fn(&T) -> bool, no: impl Fn(&T) -> u32) {
    let at = items.iter().position(|old| is_it(old));
    match (at, item) {
        (Some(at), Some(item)) => {
            if let Some(old) = items.get_mut(at) {
                *old = Arc::new(item);
            }
        }
        (Some(at), None) => drop(items.remove(at)),
        (None, Some(item)) => {
            let at = items.partition_point(|old| no(old) < no(&item));
            items.insert(at, Arc::new(item));
        }
        (None, None) => {}
    }
}

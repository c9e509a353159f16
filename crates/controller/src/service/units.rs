//! Units that exist: shown, grown, removed.

use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::{Asker, Controller};
use crate::book::{Changes, Page};
use crate::cci::{COUNT_MAX, Growth, Kind};
use crate::model::{Disk, Group, Node, Unit, Wanted};
use crate::refusal::Refusal;

impl Controller {
    /// One unit, with its unit group.
    ///
    /// # Errors
    /// There is none.
    pub fn unit(&self, asker: &Asker, vcid: &str, name: &str) -> Result<(Arc<Group>, Arc<Unit>), Refusal> {
        let group = self.group(asker, vcid)?;
        let unit = find_unit(&group, name)?.clone();
        Ok((group, unit))
    }

    /// Adds nodes or disks to a unit.
    ///
    /// # Errors
    /// There is no such unit; too many; addresses that are missing, outside the network or taken.
    pub async fn grow_unit(
        &self,
        asker: &Asker,
        vcid: &str,
        name: &str,
        growth: &Growth,
    ) -> Result<(), Refusal> {
        asker.check_write()?;
        let change = self.parts.book.change(|page, changes| {
            let group = asker.group(page, vcid)?;
            let unit = find_unit(group, name)?;
            if unit.deleting || group.deleting {
                return Err(Refusal::conflict(format!("unit {name}: it is being deleted")));
            }
            if unit.nodes.len() + unit.disks.len() + growth.count as usize > COUNT_MAX as usize {
                return Err(Refusal::invalid(format!("num_nodes: a unit has at most {COUNT_MAX} nodes")));
            }
            if group.kind == Kind::Compute && !unit.spec.volumes.ids.is_empty() {
                let text = format!("unit {name}: its disks are attached to its one node, so it has one only");
                return Err(Refusal::conflict(text));
            }
            let mut unit = Unit::clone(unit);
            let ids = self.add(page, changes, group, &mut unit, growth)?;
            changes.put_unit(vcid, unit);
            Ok(ids)
        });
        for id in change.await.map_err(Refusal::from)? {
            self.kick(vcid, &id);
        }
        Ok(())
    }

    /// Removes a unit with everything in it. By force, also what cannot be reached.
    ///
    /// # Errors
    /// There is no such unit.
    pub async fn delete_unit(
        &self,
        asker: &Asker,
        vcid: &str,
        name: &str,
        force: bool,
    ) -> Result<(), Refusal> {
        asker.check_write()?;
        let wanted = if force { Wanted::GoneByForce } else { Wanted::Gone };
        let change = self.parts.book.change(|page, changes| {
            let group = asker.group(page, vcid)?;
            Ok::<_, Refusal>(self.send_away(changes, vcid, find_unit(group, name)?, wanted))
        });
        self.sent_away(vcid, change.await.map_err(Refusal::from)?);
        Ok(())
    }

    /// Adds records of new nodes or disks to a unit, and claims their servers.
    pub(super) fn add(
        &self,
        page: &Page,
        changes: &mut Changes,
        group: &Group,
        unit: &mut Unit,
        growth: &Growth,
    ) -> Result<Vec<String>, Refusal> {
        let (existing, capable) = match self.parts.provider(&unit.spec.provider) {
            Ok(provider) => (provider.capabilities().existing, provider.capabilities()),
            Err(fault) => return Err(Refusal::invalid(format!("cloud_provider: {fault}"))),
        };
        let count = growth.count as usize;
        let given = growth.addresses.len();
        if existing && group.kind == Kind::Compute && given != count {
            return Err(Refusal::invalid(format!(
                "ip_address_list: it must name the server of each node, {count} of them, and names {given}"
            )));
        }
        if given > 0 && given != count {
            return Err(Refusal::invalid(format!("ip_address_list: {given} addresses for {count} nodes")));
        }
        if !growth.macs.is_empty() && !capable.fixed_mac {
            return Err(Refusal::invalid(format!(
                "mac_address_list: provider {} does not let choose hardware addresses",
                unit.spec.provider
            )));
        }
        self.check_addresses(page, group, unit, &growth.addresses, existing)?;
        let now = self.parts.clock.now();
        let mut ids = Vec::new();
        for at in 0..count {
            let (id, no) = (self.new_id(), unit.next_no);
            unit.next_no += 1;
            match group.kind {
                Kind::Storage => changes.put_disk(&group.vcid, &unit.name, Disk::new(no, id.clone(), now)),
                Kind::Compute => {
                    let address = growth.addresses.get(at).copied();
                    let mac = growth.macs.get(at).cloned();
                    changes.put_node(&group.vcid, &unit.name, Node::new(no, id.clone(), address, mac, now));
                    if let Some(address) = address.filter(|_| existing) {
                        let mut server = page.server(address);
                        server.node_id = Some(id.clone());
                        changes.put_server(server);
                    }
                }
            }
            ids.push(id);
        }
        Ok(ids)
    }

    fn check_addresses(
        &self,
        page: &Page,
        group: &Group,
        unit: &Unit,
        addresses: &[IpAddr],
        existing: bool,
    ) -> Result<(), Refusal> {
        let mask = unit.spec.network.get("private_network_ipmask");
        let network = mask.and_then(|mask| mask.parse::<IpNet>().ok());
        for (at, address) in addresses.iter().enumerate() {
            let refuse = |text: String| Err(Refusal::invalid(format!("ip_address_list: {address} {text}")));
            if addresses.iter().take(at).any(|earlier| earlier == address) {
                return refuse("is there twice".into());
            }
            if let Some(network) = network.filter(|network| !network.contains(address)) {
                return refuse(format!("is not in {network}, the network {}", unit.spec.private_network));
            }
            if let Some(IpNet::V4(network)) = network
                && network.prefix_len() < 31
                && [network.network(), network.broadcast()].map(IpAddr::V4).contains(address)
            {
                return refuse(format!("is no machine's address in {network}"));
            }
            let taken = page.servers.get(address).and_then(|server| server.node_id.as_ref());
            if existing && taken.is_some() {
                let text = format!("ip_address_list: {address} has a node already; a server has one");
                return Err(Refusal::conflict(text));
            }
            let same = |node: &Arc<Node>| node.address() == Some(*address);
            let nodes = group.units.values().flat_map(|unit| &unit.nodes);
            if nodes.into_iter().any(same) {
                return Err(Refusal::conflict(format!("ip_address_list: {address} is that of another node")));
            }
        }
        Ok(())
    }
}

/// A unit of a unit group.
pub(super) fn find_unit<'a>(group: &'a Group, name: &str) -> Result<&'a Arc<Unit>, Refusal> {
    let missing = || Refusal::missing(format!("unit {name}: vc {} has no such unit", group.name));
    group.units.get(name).ok_or_else(missing)
}

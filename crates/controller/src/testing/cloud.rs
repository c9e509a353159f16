//! A cloud that makes machines and disks.

use jiff::Timestamp;
use trustkeep_cloud::{
    Capabilities, Disk, DiskOrder, DiskState, Fault, Kind, Machine, MachineState, Order, Place, Provider,
    Result, Volume,
};

use super::World;

/// Under one of its names.
#[derive(Debug)]
pub(super) struct Cloud(pub(super) World, pub(super) &'static str);

#[async_trait::async_trait]
impl Provider for Cloud {
    fn name(&self) -> &'static str {
        self.1
    }

    fn realm(&self) -> &'static str {
        "aws"
    }

    fn capabilities(&self) -> Capabilities {
        let power = self.1 == "aws";
        Capabilities { power, disks: true, tags: true, fixed_address: true, ..Default::default() }
    }

    async fn create(&self, _: &Place, order: &Order) -> Result<Machine> {
        let make = |state: &mut super::State| {
            state.addresses += 1;
            let last = 100 + state.addresses;
            let made = state.machines.entry(order.token.clone()).or_insert_with(|| Machine {
                id: format!("i-{}", order.token),
                token: order.token.clone(),
                state: MachineState::Pending,
                address: Some(order.address.unwrap_or([10, 0, 0, last].into())),
                volumes: Vec::new(),
                launched_at: Some(Timestamp::UNIX_EPOCH),
                reason: None,
            });
            Ok(made.clone())
        };
        self.0.act(make).await
    }

    async fn settle(&self, _: &Place, order: &Order) -> Result<Option<Machine>> {
        let settle = |state: &mut super::State| {
            let Some(machine) = state.machines.get_mut(&order.token) else { return Ok(None) };
            if machine.state == MachineState::Pending {
                machine.state = MachineState::Running;
            }
            let volume = |id: &String| Volume { volume_id: id.clone(), device_name: None };
            machine.volumes = order.volumes.iter().map(volume).collect();
            let machine = machine.clone();
            for disk in state.disks.values_mut().filter(|disk| order.volumes.contains(&disk.id)) {
                disk.machine = Some(machine.id.clone());
            }
            Ok(Some(machine))
        };
        self.0.act(settle).await
    }

    async fn delete(&self, _: &Place, token: &str) -> Result<bool> {
        let delete = |state: &mut super::State| {
            let gone = state.machines.remove(token);
            if let Some(machine) = gone {
                if let Some(address) = machine.address {
                    state.containers.remove(&address);
                }
                for disk in state.disks.values_mut() {
                    disk.machine = disk.machine.take().filter(|id| *id != machine.id);
                }
                return Ok(false);
            }
            Ok(true)
        };
        self.0.act(delete).await
    }

    async fn power(&self, _: &Place, token: &str, on: bool) -> Result<()> {
        if !self.capabilities().power {
            return Err(self.unsupported("power operations"));
        }
        let power = |state: &mut super::State| match state.machines.get_mut(token) {
            Some(machine) => {
                machine.state = if on { MachineState::Pending } else { MachineState::Stopped };
                Ok(())
            }
            None => Err(Fault::new(Kind::Invalid, "no such machine")),
        };
        self.0.act(power).await
    }

    async fn list(&self, place: &Place, _: &str) -> Result<Vec<Machine>> {
        let list = |state: &mut super::State| {
            let key = place.credentials.get("access_key").map(|key| key.expose().to_owned());
            state.sweeps.push((self.name(), key.clone()));
            match key {
                Some(key) if state.refused_keys.contains(&key) => {
                    Err(Fault::new(Kind::Denied, "AuthFailure"))
                }
                _ => Ok(state.machines.values().cloned().collect()),
            }
        };
        self.0.act(list).await
    }

    async fn create_disk(&self, _: &Place, order: &DiskOrder) -> Result<Disk> {
        let make = |state: &mut super::State| {
            let made = state.disks.entry(order.token.clone()).or_insert_with(|| Disk {
                id: format!("vol-{}", order.token),
                token: order.token.clone(),
                state: DiskState::Ready,
                size: 8,
                machine: None,
                created_at: None,
            });
            Ok(made.clone())
        };
        self.0.act(make).await
    }

    async fn list_disks(&self, _: &Place, _: &str) -> Result<Vec<Disk>> {
        self.0.act(|state| Ok(state.disks.values().cloned().collect())).await
    }

    async fn delete_disk(&self, _: &Place, token: &str) -> Result<bool> {
        let delete = |state: &mut super::State| {
            if state.disks.get(token).is_some_and(|disk| disk.machine.is_some()) {
                return Err(Fault::new(Kind::Conflict, "VolumeInUse: the disk is attached"));
            }
            Ok(state.disks.remove(token).is_none())
        };
        self.0.act(delete).await
    }
}

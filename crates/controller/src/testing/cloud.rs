//! A cloud that makes machines and disks.

use jiff::Timestamp;
use trustkeep_cloud::{
    Capabilities, Disk, DiskOrder, DiskState, Fault, Kind, Machine, MachineState, Order, Place, Provider,
    Result, Volume,
};

use super::World;

#[derive(Debug)]
pub(super) struct Cloud(pub(super) World);

#[async_trait::async_trait]
impl Provider for Cloud {
    fn name(&self) -> &'static str {
        "aws"
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities { power: true, disks: true, tags: true, fixed_address: true, ..Default::default() }
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
        let power = |state: &mut super::State| match state.machines.get_mut(token) {
            Some(machine) => {
                machine.state = if on { MachineState::Pending } else { MachineState::Stopped };
                Ok(())
            }
            None => Err(Fault::new(Kind::Invalid, "no such machine")),
        };
        self.0.act(power).await
    }

    async fn list(&self, _: &Place, _: &str) -> Result<Vec<Machine>> {
        self.0.act(|state| Ok(state.machines.values().cloned().collect())).await
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

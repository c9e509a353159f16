//! Instances as machines: finding, attaching, powering.

use trustkeep_cloud::{Fault, Kind, Machine, MachineState, Result, Volume};

use crate::ec2::Instance;
use crate::provider::Visit;
use crate::tags;

/// The names under which disks are attached, in order: those that EC2 recommends for volumes.
const DEVICES: [&str; 11] = [
    "/dev/sdf", "/dev/sdg", "/dev/sdh", "/dev/sdi", "/dev/sdj", "/dev/sdk", "/dev/sdl", "/dev/sdm",
    "/dev/sdn", "/dev/sdo", "/dev/sdp",
];

/// Every state that is not the end.
const ALIVE: [&str; 5] = ["pending", "running", "stopping", "stopped", "shutting-down"];

/// The instances of one token, of which there should be at most one that is alive.
pub(crate) struct Found {
    /// The oldest first.
    pub(crate) alive: Vec<Instance>,
    /// Terminated or on the way; EC2 lists them for about an hour. The newest first.
    pub(crate) gone: Vec<Instance>,
}

/// What an instance is doing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    Pending,
    Running,
    Stopping,
    Stopped,
    ShuttingDown,
    Terminated,
}

impl Life {
    pub(crate) fn of(instance: &Instance) -> Self {
        match instance.instance_state.name.as_str() {
            "running" => Self::Running,
            "stopping" => Self::Stopping,
            "stopped" => Self::Stopped,
            "shutting-down" => Self::ShuttingDown,
            "terminated" => Self::Terminated,
            _ => Self::Pending,
        }
    }

    fn is_over(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::Terminated)
    }
}

/// As the controller sees it.
pub(crate) fn of(instance: &Instance) -> Machine {
    let state = match Life::of(instance) {
        Life::Pending => MachineState::Pending,
        Life::Running => MachineState::Running,
        Life::Stopping => MachineState::Stopping,
        Life::Stopped => MachineState::Stopped,
        Life::ShuttingDown | Life::Terminated => MachineState::Gone,
    };
    let root = instance.root_device_name.as_deref().unwrap_or_default();
    let attached = instance.block_device_mapping.item.iter().filter(|mapping| mapping.device_name != root);
    let mut volumes: Vec<Volume> = attached
        .filter_map(|mapping| {
            let volume_id = mapping.ebs.as_ref()?.volume_id.clone();
            Some(Volume { volume_id, device_name: Some(mapping.device_name.clone()) })
        })
        .collect();
    volumes.sort_by(|a, b| a.device_name.cmp(&b.device_name));
    // EC2's message begins with its code, as a rule.
    let reason = instance.state_reason.as_ref().map(|reason| match reason.message.as_str() {
        "" => reason.code.clone(),
        message if message.starts_with(&reason.code) => message.to_owned(),
        message => format!("{}: {message}", reason.code),
    });
    Machine {
        id: instance.instance_id.clone(),
        token: instance.tag_set.value(tags::NODE).to_owned(),
        state,
        address: instance.private_ip_address.as_deref().and_then(|address| address.parse().ok()),
        volumes,
        launched_at: instance.launch_time.as_deref().and_then(|time| time.parse().ok()),
        reason: reason.filter(|reason| !reason.is_empty()),
    }
}

impl Visit<'_> {
    /// What there is of a token and of our owner's.
    pub(crate) async fn find(&self, token: &str) -> Result<Found> {
        let (node, owner) = (format!("tag:{}", tags::NODE), format!("tag:{}", tags::OWNER));
        let filters: [(&str, &[&str]); 2] = [(&node, &[token]), (&owner, &[&self.site.owner])];
        let mut instances = self.ec2.instances(&filters).await?;
        instances.extend(self.aws.shared.recent.unlisted(&self.site.owner, token, &instances));
        let (mut gone, mut alive): (Vec<_>, Vec<_>) =
            instances.into_iter().partition(|instance| Life::of(instance).is_over());
        alive.sort_by(|a, b| a.launch_time.cmp(&b.launch_time));
        gone.sort_by(|a, b| b.launch_time.cmp(&a.launch_time));
        Ok(Found { alive, gone })
    }

    /// All of an owner's in the region, without those that are gone.
    pub(crate) async fn list(&self, owner: &str) -> Result<Vec<Machine>> {
        let tag = format!("tag:{}", tags::OWNER);
        let filters: [(&str, &[&str]); 2] = [(&tag, &[owner]), ("instance-state-name", &ALIVE)];
        Ok(self.ec2.instances(&filters).await?.iter().map(of).collect())
    }

    pub(crate) async fn power(&self, token: &str, on: bool) -> Result<()> {
        let found = self.find(token).await?;
        let Some(instance) = found.alive.first() else {
            return Err(
                self.invalid("the instance is gone: start makes a new one, delete removes the record")
            );
        };
        let id = instance.instance_id.as_str();
        let not_yet = |doing: &str| {
            Fault::new(Kind::Unavailable, format!("{id} is still {doing}. It will be tried again"))
        };
        match (Life::of(instance), on) {
            (Life::Running | Life::Pending, true) | (Life::Stopped | Life::Stopping, false) => Ok(()),
            (Life::Stopping, true) => Err(not_yet("stopping")),
            (Life::Pending, false) => Err(not_yet("starting")),
            (_, true) => Ok(self.ec2.start(id).await?),
            (_, false) => Ok(self.ec2.stop(id).await?),
        }
    }

    /// Attaches what is not attached yet, each under the name that its place in the order gives it.
    pub(crate) async fn attach(&self, machine: &Machine, wanted: &[String]) -> Result<Vec<Volume>> {
        if wanted.len() > DEVICES.len() {
            return Err(self.invalid(format!(
                "{} disks are too many: {} can be attached",
                wanted.len(),
                DEVICES.len()
            )));
        }
        let mut round = 1;
        loop {
            match self.attach_missing(machine, wanted).await? {
                None => break,
                // What became of the call is seen in the next round.
                Some(failure)
                    if round < self.attempts_max()
                        && (failure.is_unsettled() || failure.code() == "VolumeInUse") =>
                {
                    self.pause(round).await;
                    round += 1;
                }
                Some(failure) => return Err(failure.into()),
            }
        }
        let mut volumes: Vec<Volume> = wanted
            .iter()
            .zip(DEVICES)
            .map(|(id, device)| Volume { volume_id: id.clone(), device_name: Some(device.to_owned()) })
            .collect();
        // What was attached by others stays listed.
        volumes.extend(machine.volumes.iter().filter(|volume| !wanted.contains(&volume.volume_id)).cloned());
        Ok(volumes)
    }

    async fn attach_missing(
        &self,
        machine: &Machine,
        wanted: &[String],
    ) -> Result<Option<crate::fault::Failure>> {
        let ids: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let known = self.ec2.volumes_by_id(&ids).await?;
        for (id, device) in wanted.iter().zip(DEVICES) {
            let Some(volume) = known.iter().find(|volume| volume.volume_id == *id) else {
                return Err(self.invalid(format!("there is no volume {id} in {}", self.site.region)));
            };
            let attached =
                volume.attachment_set.item.iter().find(|attachment| attachment.status != "detached");
            match attached {
                Some(attachment) if attachment.instance_id == machine.id => continue,
                Some(attachment) => {
                    let text = format!(
                        "VolumeInUse: {id} is attached to {} as {}. Remove the node that it is attached to, or detach it",
                        attachment.instance_id, attachment.device
                    );
                    return Err(Fault::new(Kind::Conflict, text));
                }
                None if volume.status == "creating" => {
                    let text = format!("{id} is still being made. It will be tried again");
                    return Err(Fault::new(Kind::Unavailable, text));
                }
                None => {}
            }
            if let Err(failure) = self.ec2.attach(id, &machine.id, device).await {
                return Ok(Some(failure));
            }
        }
        Ok(None)
    }
}

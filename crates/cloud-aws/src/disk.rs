//! Volumes as disks.

use trustkeep_cloud::{Disk, DiskOrder, DiskState, Fault, Kind, Result};

use crate::ec2::{Parameters, Volume};
use crate::provider::Visit;
use crate::tags;

impl Visit<'_> {
    pub(crate) async fn create_disk(&self, order: &DiskOrder) -> Result<Disk> {
        if let Some(volume) = self.find_disk(&order.token).await? {
            return Ok(disk(&volume));
        }
        let parameters = self.disk_parameters(order).await?;
        let mut lost = 0;
        loop {
            let failure = match self.ec2.create_volume(parameters.clone()).await {
                Ok(volume) => return Ok(Disk { token: order.token.clone(), ..disk(&volume) }),
                Err(failure) => failure,
            };
            lost += 1;
            if !failure.is_unsettled() || lost >= self.attempts_max() {
                return Err(failure.into());
            }
            self.pause(lost).await;
            if let Some(volume) = self.find_disk(&order.token).await? {
                return Ok(disk(&volume));
            }
        }
    }

    pub(crate) async fn delete_disk(&self, token: &str) -> Result<bool> {
        let Some(volume) = self.find_disk(token).await? else { return Ok(true) };
        if let Some(attachment) =
            volume.attachment_set.item.iter().find(|attachment| attachment.status != "detached")
        {
            let text = format!(
                "VolumeInUse: {} is attached to {} as {}. Remove the node that it is attached to, or detach it",
                volume.volume_id, attachment.instance_id, attachment.device
            );
            return Err(Fault::new(Kind::Conflict, text));
        }
        match self.ec2.delete_volume(&volume.volume_id).await {
            Err(failure) if failure.code() != "InvalidVolume.NotFound" => Err(failure.into()),
            _ => Ok(true),
        }
    }

    pub(crate) async fn list_disks(&self, owner: &str) -> Result<Vec<Disk>> {
        let tag = format!("tag:{}", tags::OWNER);
        let volumes = self.ec2.volumes(&[(&tag, &[owner])]).await?;
        // Disks that machines boot from carry the owner's tag as well.
        let ordered =
            volumes.iter().filter(|volume| !is_gone(volume) && !volume.tag_set.value(tags::DISK).is_empty());
        Ok(ordered.map(disk).collect())
    }

    async fn find_disk(&self, token: &str) -> Result<Option<Volume>> {
        let (own, owner) = (format!("tag:{}", tags::DISK), format!("tag:{}", tags::OWNER));
        let filters: [(&str, &[&str]); 2] = [(&own, &[token]), (&owner, &[&self.site.owner])];
        let volumes = self.ec2.volumes(&filters).await?;
        Ok(volumes.into_iter().find(|volume| !is_gone(volume)))
    }

    async fn disk_parameters(&self, order: &DiskOrder) -> Result<Parameters> {
        let size = self
            .place
            .number("size")
            .filter(|size| *size > 0)
            .ok_or_else(|| self.invalid("size of the disk must be a number of GiB, 1 or more"))?;
        let tags = tags::of(&order.tags, &order.name, &self.site.owner, (tags::DISK, &order.token))?;
        let zone = match &self.site.zone {
            Some(zone) => zone.clone(),
            None => self.subnet().await?.availability_zone,
        };
        let snapshot = self.snapshot().await?;
        Ok(Parameters::new()
            .set("AvailabilityZone", &zone)
            .set("Size", &size.to_string())
            .maybe("VolumeType", self.place.text("type"))
            .maybe("SnapshotId", snapshot.as_deref())
            // Unlike nodes, disks have one life: a client token is enough.
            .set("ClientToken", &order.token)
            .tags(&[("volume", &tags)]))
    }

    /// For disks `cloud_image` is a snapshot: its id, or the name that its owner gave it.
    async fn snapshot(&self) -> Result<Option<String>> {
        let Some(wanted) = self.place.text("cloud_image").filter(|wanted| *wanted != "default") else {
            return Ok(None);
        };
        if wanted.starts_with("snap-") {
            return Ok(Some(wanted.to_owned()));
        }
        let parameters = Parameters::new()
            .list("Owner", &["self"])
            .filters(&[("tag:Name", &[wanted]), ("status", &["completed"])]);
        let named = self.ec2.snapshots(parameters).await?;
        let newest = named.into_iter().max_by(|a, b| a.start_time.cmp(&b.start_time));
        newest.map(|snapshot| Some(snapshot.snapshot_id)).ok_or_else(|| {
            self.invalid(format!(
                "cloud_image of a disk is a snapshot, and you have none in {} whose tag Name is {wanted:?}",
                self.site.region
            ))
        })
    }
}

fn is_gone(volume: &Volume) -> bool {
    ["deleting", "deleted"].contains(&volume.status.as_str())
}

fn disk(volume: &Volume) -> Disk {
    let attached = volume.attachment_set.item.iter().find(|attachment| attachment.status != "detached");
    Disk {
        id: volume.volume_id.clone(),
        token: volume.tag_set.value(tags::DISK).to_owned(),
        state: match volume.status.as_str() {
            "creating" => DiskState::Pending,
            "available" | "in-use" => DiskState::Ready,
            _ => DiskState::Gone,
        },
        size: volume.size,
        machine: attached.map(|attachment| attachment.instance_id.clone()),
        created_at: volume.create_time.as_deref().and_then(|time| time.parse().ok()),
    }
}

//! Starting an instance, once.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use trustkeep_cloud::{Fault, Kind, Machine, Order, Result};

use crate::ec2::{Instance, Parameters, Subnet};
use crate::machine::{self, Life};
use crate::provider::{Market, Visit};
use crate::{tags, user_data};

/// How many lives a token may have had within the time that EC2 remembers client tokens.
const LIVES_MAX: usize = 64;
/// An instance that is launched now is not older, whatever this machine's clock says.
const FRESH: SignedDuration = SignedDuration::from_mins(15);

impl Visit<'_> {
    /// Makes the instance. `gone` are those that the token had before.
    ///
    /// Its client token is the order's with the number of the life it begins, as EC2 answers a client token that it remembers
    /// with the instance that this made, even if that is terminated.
    pub(crate) async fn launch(&self, order: &Order, gone: &[Instance]) -> Result<Machine> {
        let parameters = self.parameters(order).await?;
        let (mut life, mut lost, mut taken) = (gone.len(), 0, 0);
        while life < gone.len() + LIVES_MAX {
            let request = parameters.clone().set("ClientToken", &format!("{}-{life}", order.token));
            let failure = match self.ec2.run(request).await {
                Ok(Some(instance)) if self.is_of_an_earlier_life(&instance, gone) => {
                    life += 1;
                    continue;
                }
                Ok(Some(instance)) => {
                    self.aws.shared.recent.add(&self.site.owner, &order.token, &instance);
                    return Ok(Machine { token: order.token.clone(), ..machine::of(&instance) });
                }
                Ok(None) => return Err(Fault::new(Kind::Unavailable, "RunInstances: EC2 named no instance")),
                Err(failure) => failure,
            };
            let is_mismatch = failure.code() == "IdempotentParameterMismatch";
            if failure.code() == "InvalidIPAddress.InUse" {
                let fault = Fault::from(failure);
                if let Some(fault) = self.in_use(order.address, &fault).await? {
                    return Err(fault);
                }
                taken += 1;
                if taken >= self.attempts_max() {
                    return Err(fault);
                }
                self.pause(taken).await;
                continue;
            }
            if !failure.is_unsettled() && !is_mismatch {
                return Err(failure.into());
            }
            // It may be there: an answer was lost, or the same order came with other parameters before.
            lost += 1;
            if lost >= self.attempts_max() {
                return Err(failure.into());
            }
            self.pause(lost).await;
            if let Some(instance) = self.find(&order.token).await?.alive.first() {
                return Ok(machine::of(instance));
            }
            life += usize::from(is_mismatch);
        }
        let text = format!(
            "{LIVES_MAX} instances were made and removed for this node within a day; try again later"
        );
        Err(Fault::new(Kind::Unavailable, text))
    }

    /// Everything but the client token, which the same order always has alike.
    async fn parameters(&self, order: &Order) -> Result<Parameters> {
        let instance_type = self
            .place
            .text("instance_type")
            .ok_or_else(|| self.invalid("instance_type is missing in the spec"))?;
        if order.mac.is_some() {
            return Err(self.invalid("EC2 chooses the hardware addresses: leave out mac_addresses"));
        }
        let market = self.market()?;
        let tags = tags::of(&order.tags, &order.name, &self.site.owner, (tags::NODE, &order.token))?;
        // The disk that it boots from goes with it: it carries the name and the owner, but is no disk that was ordered.
        let mut volume_tags = tags.clone();
        volume_tags.remove(tags::NODE);
        let tagged: &[(&str, &BTreeMap<String, String>)] = match self.aws.market {
            Market::OnDemand => &[("instance", &tags), ("volume", &volume_tags)],
            Market::Spot => {
                &[("instance", &tags), ("volume", &volume_tags), ("spot-instances-request", &tags)]
            }
        };
        let address = self.address(order.address).await?;
        let image = self.image(instance_type).await?;
        let mut parameters = Parameters::new()
            .set("ImageId", &image.id)
            .set("InstanceType", instance_type)
            .set("MinCount", "1")
            .set("MaxCount", "1")
            .set("SubnetId", &self.site.subnet)
            .list("SecurityGroupId", &[&self.site.security_group])
            .maybe("PrivateIpAddress", address.map(|address| address.to_string()).as_deref())
            .set("UserData", &STANDARD.encode(user_data::cloud_config(&order.public_key)))
            .tags(tagged);
        let size = self.place.number("volume_size").map(|gib| gib.to_string());
        let root = [("VolumeSize", size.as_deref()), ("VolumeType", self.place.text("volume_type"))];
        if root.iter().any(|(_, value)| value.is_some()) {
            parameters = parameters
                .set("BlockDeviceMapping.1.DeviceName", &image.root_device)
                .set("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true");
            for (key, value) in root {
                parameters = parameters.maybe(&format!("BlockDeviceMapping.1.Ebs.{key}"), value);
            }
        }
        Ok(market.into_iter().fold(parameters, |parameters, (key, value)| parameters.set(key, &value)))
    }

    fn is_of_an_earlier_life(&self, instance: &Instance, gone: &[Instance]) -> bool {
        let launched_at: Option<Timestamp> =
            instance.launch_time.as_deref().and_then(|time| time.parse().ok());
        let is_old = launched_at.is_some_and(|at| self.aws.shared.context.now().duration_since(at) > FRESH);
        matches!(Life::of(instance), Life::ShuttingDown | Life::Terminated)
            || gone.iter().any(|earlier| earlier.instance_id == instance.instance_id)
            || is_old
    }

    /// Who has an address that EC2 says is in use. `None`: nobody that is listed, so it may be given free in a moment.
    async fn in_use(&self, address: Option<IpAddr>, says: &Fault) -> Result<Option<Fault>> {
        let Some(address) = address else { return Ok(Some(says.clone())) };
        let text = address.to_string();
        let filters: [(&str, &[&str]); 2] =
            [("private-ip-address", &[&text]), ("subnet-id", &[&self.site.subnet])];
        let holders = self.ec2.instances(&filters).await?;
        let has_it = |instance: &&Instance| instance.private_ip_address.as_deref() == Some(text.as_str());
        Ok(holders.iter().filter(has_it).find_map(|holder| {
            let id = &holder.instance_id;
            match Life::of(holder) {
                Life::Terminated => None,
                Life::ShuttingDown => {
                    let text = format!(
                        "{address} is still held by {id}, which is being removed. It will be tried again"
                    );
                    Some(Fault::new(Kind::Unavailable, text))
                }
                _ => {
                    let name = holder.tag_set.value("Name");
                    Some(Fault::new(
                        Kind::Conflict,
                        format!("{address} belongs to {id} ({name}): {}", says.text),
                    ))
                }
            }
        }))
    }

    /// Checks what emulators do not, and what EC2 says less plainly.
    async fn address(&self, address: Option<IpAddr>) -> Result<Option<Ipv4Addr>> {
        let subnet = self.subnet().await?;
        if let Some(zone) = self.site.zone.as_deref().filter(|zone| *zone != subnet.availability_zone) {
            return Err(self.invalid(format!(
                "aws_availability_zone is {zone} in the VPN catalogue, but {} lies in {}",
                self.site.subnet, subnet.availability_zone
            )));
        }
        let address = match address {
            None => return Ok(None),
            Some(IpAddr::V4(address)) => address,
            Some(address) => return Err(self.invalid(format!("{address} is not an IPv4 address"))),
        };
        if let Some((first, last)) = hosts(&subnet.cidr_block)
            && !(first..=last).contains(&address)
        {
            return Err(self.invalid(format!(
                "{address} cannot be used in {} ({}): from {first} to {last} can, the others AWS keeps for itself",
                self.site.subnet, subnet.cidr_block
            )));
        }
        Ok(Some(address))
    }

    pub(crate) async fn subnet(&self) -> Result<Subnet> {
        let key =
            (self.site.region.clone(), self.site.credentials.access_key_id.clone(), self.site.subnet.clone());
        let ask = async {
            self.ec2.subnet(&self.site.subnet).await?.ok_or_else(|| {
                self.invalid(format!(
                    "InvalidSubnetID.NotFound: there is no subnet {} in {}. Correct aws_vpc_subnet_id in the VPN catalogue",
                    self.site.subnet, self.site.region
                ))
            })
        };
        self.aws.shared.subnets.get(key, ask).await
    }
}

/// The addresses of a subnet that instances can have: not the first four, not the last.
fn hosts(cidr: &str) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let (network, prefix) = cidr.split_once('/')?;
    let network = u32::from(network.parse::<Ipv4Addr>().ok()?);
    let prefix: u32 = prefix.parse().ok().filter(|prefix| (1..=30).contains(prefix))?;
    let size = 1_u32.checked_shl(32 - prefix)?;
    Some((network.checked_add(4)?.into(), network.checked_add(size - 2)?.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amazon_keeps_five_addresses() {
        let (first, last) = hosts("172.30.2.0/24").unwrap();
        assert_eq!((first.to_string(), last.to_string()), ("172.30.2.4".into(), "172.30.2.254".into()));
        let (first, last) = hosts("10.0.0.16/28").unwrap();
        assert_eq!((first.to_string(), last.to_string()), ("10.0.0.20".into(), "10.0.0.30".into()));
        for strange in ["", "10.0.0.0", "10.0.0.0/0", "10.0.0.0/33", "x/24", "255.255.255.255/1"] {
            assert_eq!(hosts(strange), None, "{strange}");
        }
    }
}

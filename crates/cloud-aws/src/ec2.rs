//! EC2's operations, as many as it takes: the query protocol, answered in XML.

use serde::de::DeserializeOwned;
use trustkeep_aws::{Call, Client};

use crate::fault::Failure;

mod parameters;
mod shapes;

pub(crate) use parameters::Parameters;
use shapes::{
    Acknowledged, Changes, Images, InstanceTypes, Paged, Reservation, Reservations, Snapshots, SpotRequests,
    Subnets, Volumes,
};
pub(crate) use shapes::{Image, Instance, Snapshot, SpotRequest, Subnet, Volume};

/// The version of the API.
const VERSION: &str = "2016-11-15";
/// A listing that does not end within so many pages is refused.
const PAGES_MAX: usize = 1_000;

type Result<T> = std::result::Result<T, Failure>;

/// A client in one region, as one account.
pub(crate) struct Ec2 {
    pub(crate) client: Client,
    /// Entries of one page: an instance takes some 6 KiB of XML, and an answer is read up to 4 MiB.
    pub(crate) page_size: u32,
}

impl Ec2 {
    pub(crate) async fn instances(&self, filters: &[(&str, &[&str])]) -> Result<Vec<Instance>> {
        let parameters = Parameters::new().filters(filters);
        let reservations = self.pages::<Reservations>("DescribeInstances", parameters).await?;
        Ok(reservations.into_iter().flat_map(|reservation| reservation.instances_set.item).collect())
    }

    /// Makes one instance. Not repeated by itself: what became of it is the caller's to find out.
    pub(crate) async fn run(&self, parameters: Parameters) -> Result<Option<Instance>> {
        let made: Reservation = self.once("RunInstances", parameters).await?;
        Ok(made.instances_set.item.into_iter().next())
    }

    /// Their states afterwards.
    pub(crate) async fn terminate(&self, ids: &[&str]) -> Result<Vec<String>> {
        let changes: Changes =
            self.again("TerminateInstances", Parameters::new().list("InstanceId", ids)).await?;
        Ok(changes.instances_set.item.into_iter().map(|change| change.current_state.name).collect())
    }

    pub(crate) async fn start(&self, id: &str) -> Result<()> {
        self.again::<Changes>("StartInstances", Parameters::new().list("InstanceId", &[id])).await.map(drop)
    }

    pub(crate) async fn stop(&self, id: &str) -> Result<()> {
        self.again::<Changes>("StopInstances", Parameters::new().list("InstanceId", &[id])).await.map(drop)
    }

    pub(crate) async fn volumes(&self, filters: &[(&str, &[&str])]) -> Result<Vec<Volume>> {
        self.pages::<Volumes>("DescribeVolumes", Parameters::new().filters(filters)).await
    }

    /// These volumes; all of them must exist.
    pub(crate) async fn volumes_by_id(&self, ids: &[&str]) -> Result<Vec<Volume>> {
        let answer: Volumes = self.again("DescribeVolumes", Parameters::new().list("VolumeId", ids)).await?;
        Ok(answer.split().0)
    }

    pub(crate) async fn create_volume(&self, parameters: Parameters) -> Result<Volume> {
        self.once("CreateVolume", parameters).await
    }

    /// Attaching again is an error of EC2's: the caller looks first.
    pub(crate) async fn attach(&self, volume: &str, instance: &str, device: &str) -> Result<()> {
        let parameters =
            Parameters::new().set("VolumeId", volume).set("InstanceId", instance).set("Device", device);
        self.once::<Acknowledged>("AttachVolume", parameters).await.map(drop)
    }

    pub(crate) async fn delete_volume(&self, id: &str) -> Result<()> {
        self.again::<Acknowledged>("DeleteVolume", Parameters::new().set("VolumeId", id)).await.map(drop)
    }

    pub(crate) async fn images(&self, parameters: Parameters) -> Result<Vec<Image>> {
        let answer: Images = self.again("DescribeImages", parameters).await?;
        Ok(answer.images_set.item)
    }

    pub(crate) async fn snapshots(&self, parameters: Parameters) -> Result<Vec<Snapshot>> {
        let answer: Snapshots = self.again("DescribeSnapshots", parameters).await?;
        Ok(answer.snapshot_set.item)
    }

    /// What processors of this type run: `x86_64`, `arm64`.
    pub(crate) async fn architectures(&self, instance_type: &str) -> Result<Vec<String>> {
        let parameters = Parameters::new().list("InstanceType", &[instance_type]);
        let answer: InstanceTypes = self.again("DescribeInstanceTypes", parameters).await?;
        let types = answer.instance_type_set.item.into_iter();
        Ok(types.flat_map(|kind| kind.processor_info.supported_architectures.item).collect())
    }

    pub(crate) async fn subnet(&self, id: &str) -> Result<Option<Subnet>> {
        let answer: Subnets =
            self.again("DescribeSubnets", Parameters::new().list("SubnetId", &[id])).await?;
        Ok(answer.subnet_set.item.into_iter().next())
    }

    pub(crate) async fn spot_requests(&self, filters: &[(&str, &[&str])]) -> Result<Vec<SpotRequest>> {
        self.pages::<SpotRequests>("DescribeSpotInstanceRequests", Parameters::new().filters(filters)).await
    }

    pub(crate) async fn cancel_spot_requests(&self, ids: &[&str]) -> Result<()> {
        let parameters = Parameters::new().list("SpotInstanceRequestId", ids);
        self.again::<Acknowledged>("CancelSpotInstanceRequests", parameters).await.map(drop)
    }

    async fn pages<T: Paged + DeserializeOwned>(
        &self,
        action: &'static str,
        parameters: Parameters,
    ) -> Result<Vec<T::Item>> {
        let parameters = parameters.set("MaxResults", &self.page_size.to_string());
        let mut items = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let page = match &next {
                Some(token) => parameters.clone().set("NextToken", token),
                None => parameters.clone(),
            };
            let (found, more) = self.again::<T>(action, page).await?.split();
            items.extend(found);
            next = more.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(items);
            }
        }
        let reason = format!("the list does not end within {PAGES_MAX} pages");
        Err(Failure { action, error: trustkeep_aws::Error::Answer { service: "ec2".into(), reason } })
    }

    async fn again<T: DeserializeOwned>(&self, action: &'static str, parameters: Parameters) -> Result<T> {
        self.send(action, Call::query(action, VERSION, parameters.iter()).idempotent()).await
    }

    async fn once<T: DeserializeOwned>(&self, action: &'static str, parameters: Parameters) -> Result<T> {
        self.send(action, Call::query(action, VERSION, parameters.iter())).await
    }

    async fn send<T: DeserializeOwned>(&self, action: &'static str, call: Call) -> Result<T> {
        let reply = self.client.send(call).await.and_then(|reply| reply.xml());
        reply.map_err(|error| Failure { action, error })
    }
}

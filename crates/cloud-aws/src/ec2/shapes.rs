//! What EC2 answers, as far as it is read. Whatever may be missing is taken as empty: emulators leave out a good deal.

use serde::Deserialize;

/// A list: `<somethingSet><item>…</item></somethingSet>`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Set<T> {
    #[serde(default = "Vec::new")]
    pub(crate) item: Vec<T>,
}

impl<T> Default for Set<T> {
    fn default() -> Self {
        Self { item: Vec::new() }
    }
}

/// A tag of a resource.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Tag {
    pub(crate) key: String,
    #[serde(default)]
    pub(crate) value: String,
}

impl Set<Tag> {
    /// The tag's value; empty if there is none.
    pub(crate) fn value(&self, key: &str) -> &str {
        self.item.iter().find(|tag| tag.key == key).map_or("", |tag| tag.value.as_str())
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Reservations {
    reservation_set: Set<Reservation>,
    next_token: Option<String>,
}

/// What RunInstances answers too.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Reservation {
    pub(super) instances_set: Set<Instance>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Instance {
    pub(crate) instance_id: String,
    pub(crate) instance_state: State,
    pub(crate) private_ip_address: Option<String>,
    pub(crate) launch_time: Option<String>,
    pub(crate) root_device_name: Option<String>,
    pub(crate) block_device_mapping: Set<Mapping>,
    pub(crate) tag_set: Set<Tag>,
    pub(crate) state_reason: Option<Reason>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    pub(crate) name: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Mapping {
    pub(crate) device_name: String,
    pub(crate) ebs: Option<Ebs>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Ebs {
    pub(crate) volume_id: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reason {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// Start, stop, terminate.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Changes {
    pub(super) instances_set: Set<Change>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Change {
    pub(super) current_state: State,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Volumes {
    volume_set: Set<Volume>,
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Volume {
    pub(crate) volume_id: String,
    pub(crate) size: u64,
    pub(crate) status: String,
    pub(crate) create_time: Option<String>,
    pub(crate) attachment_set: Set<Attachment>,
    pub(crate) tag_set: Set<Tag>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Attachment {
    pub(crate) instance_id: String,
    pub(crate) device: String,
    pub(crate) status: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Images {
    pub(super) images_set: Set<Image>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Image {
    pub(crate) image_id: String,
    pub(crate) name: String,
    pub(crate) creation_date: String,
    pub(crate) root_device_name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Snapshots {
    pub(super) snapshot_set: Set<Snapshot>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Snapshot {
    pub(crate) snapshot_id: String,
    pub(crate) start_time: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Subnets {
    pub(super) subnet_set: Set<Subnet>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Subnet {
    pub(crate) cidr_block: String,
    pub(crate) availability_zone: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct InstanceTypes {
    pub(super) instance_type_set: Set<InstanceType>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct InstanceType {
    pub(super) processor_info: Processor,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Processor {
    pub(super) supported_architectures: Set<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct SpotRequests {
    spot_instance_request_set: Set<SpotRequest>,
    next_token: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct SpotRequest {
    pub(crate) spot_instance_request_id: String,
    pub(crate) instance_id: Option<String>,
    pub(crate) tag_set: Set<Tag>,
    pub(crate) status: Option<Reason>,
}

/// An answer of which only the arrival counts.
#[derive(Debug, Deserialize)]
pub(super) struct Acknowledged {}

/// One page of a list.
pub(super) trait Paged {
    type Item;

    /// The entries, and where the next page begins.
    fn split(self) -> (Vec<Self::Item>, Option<String>);
}

impl Paged for Reservations {
    type Item = Reservation;

    fn split(self) -> (Vec<Reservation>, Option<String>) {
        (self.reservation_set.item, self.next_token)
    }
}

impl Paged for Volumes {
    type Item = Volume;

    fn split(self) -> (Vec<Volume>, Option<String>) {
        (self.volume_set.item, self.next_token)
    }
}

impl Paged for SpotRequests {
    type Item = SpotRequest;

    fn split(self) -> (Vec<SpotRequest>, Option<String>) {
        (self.spot_instance_request_set.item, self.next_token)
    }
}

//! What the specs of each provider say: one table a provider, for nodes and for disks.
//!
//! Source: the provider plug-ins of the original's SDK 25.10. Required is what they always send and a machine cannot be made without.

/// The specs of one provider.
#[derive(Debug)]
pub struct Schema {
    /// `cloud_provider` in a document.
    pub provider: &'static str,
    /// `cloud_params` of a unit of nodes.
    pub nodes: &'static [Param],
    /// `cloud_params` of a unit of disks, if the provider has disks.
    pub disks: Option<&'static [Param]>,
    /// Whether what is made can carry tags.
    pub has_tags: bool,
}

/// One key of `cloud_params`.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name.
    pub key: &'static str,
    /// What it holds.
    pub kind: ParamKind,
    /// Whether it must be there.
    pub is_required: bool,
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParamKind {
    /// A text of one line.
    Text,
    /// A whole number of at least 1.
    Count,
    /// A whole number.
    Whole,
    /// A number with or without a fraction, not negative.
    Decimal,
    /// A text, but none of these, each with the reason.
    Except(&'static [(&'static str, &'static str)]),
    /// One of these.
    OneOf(&'static [&'static str]),
    /// A secret, or a `vault://` reference to one.
    Credential,
    /// Fixed addresses.
    Addresses,
    /// Fixed hardware addresses.
    Macs,
    /// Disks to attach.
    Disks,
}

use ParamKind::{Addresses, Count, Credential, Decimal, Disks, Except, Macs, OneOf, Text, Whole};

const fn need(key: &'static str, kind: ParamKind) -> Param {
    Param { key, kind, is_required: true }
}

const fn may(key: &'static str, kind: ParamKind) -> Param {
    Param { key, kind, is_required: false }
}

const ADDRESSES: Param = may("ip_address_list", Addresses);
const MACS: Param = may("mac_address_list", Macs);
const IMAGE: Param = may("cloud_image", Text);
const VERSION: Param = may("cci_version", Text);

/// Types of Amazon's volumes.
const VOLUME_TYPE: ParamKind = Except(&[("io1", NO_IOPS), ("io2", NO_IOPS)]);
const NO_IOPS: &str =
    "cannot be had: it needs a number of operations a second, which a spec has no key for; gp3 does without";

/// Every provider whose documents are read.
pub const SCHEMAS: &[Schema] = &[
    Schema {
        provider: "aws",
        nodes: &[
            VERSION,
            need("instance_type", Text),
            may("volume_size", Count),
            may("volume_type", VOLUME_TYPE),
            IMAGE,
            ADDRESSES,
            need("access_key", Credential),
            may("volume_id", Disks),
            need("secret_key", Credential),
        ],
        disks: Some(&[
            VERSION,
            need("size", Count),
            may("type", VOLUME_TYPE),
            IMAGE,
            need("access_key", Credential),
            need("secret_key", Credential),
        ]),
        has_tags: true,
    },
    Schema {
        provider: "aws_spot",
        nodes: &[
            VERSION,
            may("spot_type", OneOf(&["one-time", "persistent"])),
            may("spot_price", Decimal),
            may("block_duration_minutes", Whole),
            need("instance_type", Text),
            may("volume_size", Count),
            may("volume_type", VOLUME_TYPE),
            IMAGE,
            ADDRESSES,
            need("access_key", Credential),
            may("volume_id", Disks),
            need("secret_key", Credential),
        ],
        disks: None,
        has_tags: true,
    },
    Schema {
        provider: "azure",
        nodes: &[
            VERSION,
            need("vm_size", Text),
            may("disk_size_gb", Count),
            may("managed_disk_type", Text),
            IMAGE,
            need("subscription_id", Credential),
            need("client_id", Credential),
            need("client_secret", Credential),
            need("tenant_id", Credential),
            ADDRESSES,
            may("ext_managed_disk", Disks),
        ],
        disks: Some(&[
            VERSION,
            need("disk_size_gb", Count),
            may("storage_account_type", Text),
            IMAGE,
            need("subscription_id", Credential),
            need("client_id", Credential),
            need("client_secret", Credential),
            need("tenant_id", Credential),
        ]),
        has_tags: true,
    },
    Schema {
        provider: "oracle",
        nodes: &[
            VERSION,
            need("shape", Text),
            may("boot_volume_size_in_gbs", Count),
            ADDRESSES,
            may("volume_id", Disks),
            IMAGE,
            need("user_ocid", Credential),
            need("fingerprint", Credential),
            need("private_key", Credential),
        ],
        disks: Some(&[
            VERSION,
            need("size_in_gbs", Count),
            IMAGE,
            need("user_ocid", Credential),
            need("fingerprint", Credential),
            need("private_key", Credential),
        ]),
        has_tags: true,
    },
    Schema {
        provider: "sakura",
        nodes: &[
            VERSION,
            need("core", Count),
            need("memory", Count),
            may("sakuracloud_disk_plan", Text),
            may("sakuracloud_disk_size", Count),
            may("server_disks", Disks),
            ADDRESSES,
            IMAGE,
            need("token", Credential),
            need("secret", Credential),
        ],
        disks: Some(&[
            VERSION,
            may("sakuracloud_disk_plan", Text),
            need("sakuracloud_disk_size", Count),
            IMAGE,
            need("token", Credential),
            need("secret", Credential),
        ]),
        // Its disks carry them, its machines do not.
        has_tags: true,
    },
    Schema {
        provider: "gcp",
        nodes: &[
            VERSION,
            need("machine_type", Text),
            may("disk_size_gb", Count),
            may("disk_type", Text),
            may("attached_disk", Disks),
            IMAGE,
            ADDRESSES,
            need("credentials", Credential),
        ],
        disks: None,
        has_tags: false,
    },
    Schema {
        provider: "vmware",
        nodes: &[
            VERSION,
            need("num_cpus", Count),
            may("disk_size", Count),
            need("memory", Count),
            IMAGE,
            ADDRESSES,
            MACS,
            need("user", Credential),
            need("password", Credential),
        ],
        disks: None,
        has_tags: false,
    },
    Schema {
        provider: "mdx2",
        nodes: &[
            VERSION,
            need("flavor_name", Text),
            may("volume_size", Count),
            may("volume_type", Text),
            need("user_name", Credential),
            need("password", Credential),
            ADDRESSES,
            may("volume_id", Disks),
            IMAGE,
        ],
        disks: Some(&[
            VERSION,
            need("size", Count),
            may("type", Text),
            need("user_name", Credential),
            need("password", Credential),
            IMAGE,
        ]),
        has_tags: true,
    },
    Schema {
        provider: "hokudai",
        nodes: &[
            VERSION,
            need("flavor_name", Text),
            may("volume_size", Count),
            need("user_name", Credential),
            need("password", Credential),
            ADDRESSES,
            IMAGE,
        ],
        disks: None,
        has_tags: false,
    },
    Schema { provider: "openstack", nodes: OPENSTACK, disks: None, has_tags: false },
    Schema { provider: "own-openstack", nodes: OPENSTACK, disks: None, has_tags: false },
    Schema {
        provider: "proxmox",
        nodes: &[
            VERSION,
            need("num_cpus", Count),
            // A number of GiB, or a text of Proxmox VE ("40G").
            may("disk_size", Text),
            need("memory", Count),
            IMAGE,
            ADDRESSES,
            MACS,
            need("token_id", Credential),
            need("token_secret", Credential),
            may("user_name", Text),
        ],
        disks: None,
        has_tags: true,
    },
    Schema {
        provider: "onpremises",
        nodes: &[
            VERSION,
            may("user_name", Text),
            Param { is_required: true, ..ADDRESSES },
            may("network_if", Text),
        ],
        disks: None,
        has_tags: false,
    },
];

/// Plug-ins of users' own clouds say what the original's smallest OpenStack plug-in does, and a disk where they have one.
const OPENSTACK: &[Param] = &[
    VERSION,
    need("flavor_name", Text),
    may("volume_size", Count),
    may("volume_type", Text),
    need("user_name", Credential),
    need("password", Credential),
    ADDRESSES,
    may("volume_id", Disks),
    IMAGE,
];

/// The specs of the provider of this name. `aws_disk` and its like are names of the SDK alone: documents say `aws`.
pub fn of(provider: &str) -> Option<&'static Schema> {
    SCHEMAS.iter().find(|schema| schema.provider == provider)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_table_says_a_key_twice() {
        for schema in SCHEMAS {
            for table in [Some(schema.nodes), schema.disks].into_iter().flatten() {
                let mut keys: Vec<_> = table.iter().map(|param| param.key).collect();
                keys.sort_unstable();
                assert!(keys.windows(2).all(|pair| pair[0] != pair[1]), "{}: {keys:?}", schema.provider);
            }
        }
    }

    #[test]
    fn the_documentation_has_every_key() {
        let page = include_str!("../../../../docs/providers.md");
        let tables =
            SCHEMAS.iter().flat_map(|schema| schema.nodes.iter().chain(schema.disks.unwrap_or_default()));
        for param in tables {
            assert!(page.contains(&format!("`{}`", param.key)), "{}", param.key);
        }
        assert!(SCHEMAS.iter().all(|schema| page.contains(&format!("`{}`", schema.provider))));
    }
}

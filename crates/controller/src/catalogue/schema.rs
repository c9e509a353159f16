//! What a network of each provider may say: one table a provider.
//!
//! Source: the original's list of catalogue items (26.10), its sample and its manual.

/// The networks of one provider.
#[derive(Debug)]
pub struct Schema {
    /// The provider, as the catalogue names it.
    pub provider: &'static str,
    /// The keys of a network, without the [`SHARED`] ones.
    pub items: &'static [Item],
}

/// One key of a network.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Its name.
    pub key: &'static str,
    /// What it holds.
    pub kind: ItemKind,
    /// Whether it must be there.
    pub is_required: bool,
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A text of one line.
    Text,
    /// A text, or a list of them.
    Texts,
    /// One of these; others are taken with a warning, because providers add some.
    Known(&'static [&'static str]),
    /// An IP address.
    Address,
    /// A network with its mask: `172.30.2.0/24`.
    Range,
    /// The length of a prefix, 1 to 32.
    Prefix,
    /// A whole number of at least 1.
    Count,
    /// True or false.
    Flag,
    /// `http://…` or `https://…`.
    Url,
}

use ItemKind::{Address, Count, Flag, Known, Prefix, Range, Text, Texts, Url};

const fn need(key: &'static str, kind: ItemKind) -> Item {
    Item { key, kind, is_required: true }
}

const fn may(key: &'static str, kind: ItemKind) -> Item {
    Item { key, kind, is_required: false }
}

/// Keys that a network of any provider may have.
pub const SHARED: &[Item] = &[
    may("private_network_ipmask", Range),
    may("ntp_servers", Texts),
    may("cloud_instance_dns_servers", Texts),
];

/// Keys that the original's manual misprints, and what is meant.
pub const MISPRINTS: &[(&str, &str)] =
    &[("aws_vcp_subnet_id", "aws_vpc_subnet_id"), ("aws_vcp_security_group_id", "aws_vpc_security_group_id")];

/// Every provider whose networks are read.
pub const SCHEMAS: &[Schema] = &[
    Schema { provider: "aws", items: AWS },
    Schema { provider: "aws_spot", items: AWS },
    Schema {
        provider: "azure",
        items: &[
            need("azure_resource_group_name", Text),
            need("azure_vnet_name", Text),
            need("azure_subnet_name", Text),
            need("azure_security_group_name", Text),
            need("azure_location", Text),
            may("azure_zone", Text),
        ],
    },
    Schema {
        provider: "oracle",
        items: &[
            need("oracle_tenancy_ocid", Text),
            need("oracle_compartment_id", Text),
            need("oracle_subnet_id", Text),
            need("oracle_region", Text),
            need("oracle_availability_domain", Text),
        ],
    },
    Schema {
        provider: "sakura",
        items: &[
            need("sakura_local_switch_id", Text),
            need("sakura_private_subnet_gateway_ip", Address),
            need("sakura_zone", Known(&["tk1a", "tk1b", "is1a", "is1b", "is1c", "tk1v"])),
        ],
    },
    Schema {
        provider: "gcp",
        items: &[
            need("gcp_project", Text),
            need("gcp_subnetwork", Text),
            need("gcp_region", Text),
            need("gcp_zone", Text),
        ],
    },
    Schema {
        provider: "vmware",
        items: &[
            need("vmware_vsphere_server", Text),
            need("vmware_allow_unverified_ssl", Flag),
            need("vmware_vsphere_datacenter_name", Text),
            need("vmware_vsphere_resource_pool_name", Text),
            need("vmware_vsphere_network_name", Text),
            need("vmware_vsphere_network_mask", Prefix),
            need("vmware_template_virtual_machine_name", Text),
            need("vmware_ipv4_gateway", Address),
            may("vmware_virtual_machine_domain", Text),
        ],
    },
    Schema {
        provider: "mdx2",
        items: &[
            need("tenant_name", Text),
            need("network_name", Text),
            need("security_group", Text),
            may("domain_id", Text),
        ],
    },
    Schema { provider: "hokudai", items: HOKUDAI },
    Schema { provider: "openstack", items: OPENSTACK },
    Schema { provider: "own-openstack", items: OPENSTACK },
    Schema {
        provider: "proxmox",
        items: &[
            need("proxmox_target_nodes", Texts),
            need("proxmox_template_virtual_machine_name", Text),
            need("proxmox_pm_api_url", Url),
            need("proxmox_ipv4_gateway", Address),
            need("proxmox_bridge", Text),
            need("proxmox_storage", Text),
            may("proxmox_pm_tls_insecure", Flag),
            may("pm_parallel", Count),
        ],
    },
    Schema { provider: "onpremises", items: &[] },
];

const AWS: &[Item] = &[
    need("aws_region", Text),
    need("aws_vpc_subnet_id", Text),
    need("aws_vpc_security_group_id", Text),
    may("aws_availability_zone", Text),
];

/// Its items are in no public text; those of its kind are taken.
const HOKUDAI: &[Item] = &[
    may("tenant_name", Text),
    may("network_name", Text),
    may("network_uuid", Text),
    may("security_group", Text),
    may("domain_id", Text),
    may("region", Text),
];

const OPENSTACK: &[Item] = &[
    need("network_uuid", Text),
    need("tenant_name", Text),
    need("region", Text),
    may("security_group", Text),
    may("domain_id", Text),
    may("auth_url", Url),
];

/// The networks of the provider of this name.
pub fn of(provider: &str) -> Option<&'static Schema> {
    SCHEMAS.iter().find(|schema| schema.provider == provider)
}

use proptest::prelude::*;
use serde_json::json;

use super::*;

const ALL: &str = "cci_version: '1.0'

aws: &aws
  default:
    aws_region: ap-northeast-1
    aws_vpc_subnet_id: subnet-0a743
    aws_vpc_security_group_id: sg-0a56
    aws_availability_zone: ap-northeast-1a
    private_network_ipmask: 172.30.2.0/24
  us_west_subnet:
    aws_region: us-west-2
    aws_vcp_subnet_id: subnet-0b
    aws_vcp_security_group_id: sg-0b
    ntp_servers: [10.0.0.1, 10.0.0.2]
aws_spot: *aws
azure:
  default:
    azure_resource_group_name: niivcp
    azure_vnet_name: vnet
    azure_subnet_name: subnet
    azure_security_group_name: nsg
    azure_location: Japan East
oracle:
  default:
    oracle_tenancy_ocid: ocid1.tenancy.oc1..a
    oracle_compartment_id: ocid1.compartment.oc1..a
    oracle_subnet_id: ocid1.subnet.oc1.ap-tokyo-1.a
    oracle_region: ap-tokyo-1
    oracle_availability_domain: mkro:AP-TOKYO-1-AD-1
sakura:
  default:
    sakura_local_switch_id: \"123456789012\"
    sakura_private_subnet_gateway_ip: 172.23.1.1
    sakura_zone: tk1a
    private_network_ipmask: 172.23.1.0/24
gcp:
  default: {gcp_project: p, gcp_subnetwork: s, gcp_region: asia-northeast1, gcp_zone: asia-northeast1-c}
vmware:
  default:
    vmware_vsphere_server: vcenter.example.com
    vmware_allow_unverified_ssl: false
    vmware_vsphere_datacenter_name: dc-01
    vmware_vsphere_resource_pool_name: parent
    vmware_vsphere_network_name: VM Network
    vmware_vsphere_network_mask: 24
    vmware_template_virtual_machine_name: vcp-ubuntu24
    vmware_ipv4_gateway: 192.168.3.1
mdx2:
  default: {tenant_name: t, network_name: n, security_group: default}
hokudai:
  default: {tenant_name: t}
own-openstack:
  default:
    network_uuid: ffffffff
    tenant_name: mytenant
    region: RegionOne
    private_network_ipmask: 10.0.1.0/24
proxmox:
  default:
    proxmox_target_nodes: vmconsole
    proxmox_template_virtual_machine_name: vcp-ubuntu24
    proxmox_pm_api_url: http://192.168.3.39:8006/api2/json
    proxmox_ipv4_gateway: 192.168.3.1
    proxmox_bridge: vmbr0
    proxmox_storage: local-lvm
    proxmox_pm_tls_insecure: False
    pm_parallel: 2
onpremises:
  default: {}
";

fn parse(text: &str) -> Result<Catalogue, Problems> {
    Catalogue::parse(Path::new("config/vpn_catalog.yml"), text)
}

#[test]
fn the_networks_of_every_provider_are_read() {
    let catalogue = parse(ALL).unwrap();
    let known = schema::SCHEMAS.iter().map(|schema| schema.provider);
    let missing: Vec<_> = known.filter(|provider| catalogue.network(provider, "default").is_none()).collect();
    assert_eq!(missing, ["openstack"]);
    let network = catalogue.network("aws_spot", "us_west_subnet").unwrap();
    assert_eq!(network.values["aws_vpc_subnet_id"], "subnet-0b");
    assert_eq!(network.values["ntp_servers"], "10.0.0.1,10.0.0.2");
    assert_eq!(catalogue.network("onpremises", ""), Some(&Network::default()));
    assert_eq!(catalogue.network("aws", "elsewhere"), None);
    assert_eq!(catalogue.names("aws").collect::<Vec<_>>(), ["default", "us_west_subnet"]);
    let warnings = catalogue.warnings().join("\n");
    assert!(
        warnings
            .contains("vpn_catalog.yml:12: aws.us_west_subnet.aws_vcp_subnet_id: taken as aws_vpc_subnet_id"),
        "{warnings}"
    );
}

#[test]
fn the_documentation_has_every_key() {
    let page = include_str!("../../../../docs/providers.md");
    for item in schema::SCHEMAS.iter().flat_map(|schema| schema.items).chain(schema::SHARED) {
        assert!(page.contains(&format!("`{}`", item.key)), "{}", item.key);
    }
}

#[test]
fn the_document_is_what_the_sdk_expects() {
    let catalogue = parse(ALL).unwrap().document();
    assert_eq!(catalogue["cci_version"], "1.0");
    assert_eq!(catalogue["onpremises"], json!({"default": {}}));
    assert_eq!(catalogue["aws"]["default"]["private_network_ipmask"], "172.30.2.0/24");
    assert_eq!(catalogue["aws"]["us_west_subnet"]["aws_vpc_subnet_id"], "subnet-0b");
    assert_eq!(catalogue["aws"]["us_west_subnet"]["ntp_servers"], json!(["10.0.0.1", "10.0.0.2"]));
    assert_eq!(catalogue["sakura"]["default"]["sakura_local_switch_id"], "123456789012");
    assert_eq!(catalogue["vmware"]["default"]["vmware_vsphere_network_mask"], 24);
    assert_eq!(catalogue["vmware"]["default"]["vmware_allow_unverified_ssl"], false);
}

#[test]
fn each_slip_is_named_with_file_line_and_the_nearest_key() {
    for (from, to, expected) in [
        (
            "aws_region: ap",
            "aws_regoin: ap",
            "config/vpn_catalog.yml:5: aws.default.aws_regoin: unknown key; did you mean \"aws_region\"?",
        ),
        ("    aws_region: ap-northeast-1\n", "", "vpn_catalog.yml:4: aws.default.aws_region: is missing"),
        (
            "aws_vpc_subnet_id: subnet-0a743",
            "aws_vpc_subnet_id: [a]",
            "vpn_catalog.yml:6: aws.default.aws_vpc_subnet_id: a list where a text",
        ),
        (
            "172.30.2.0/24",
            "172.30.2.0",
            "vpn_catalog.yml:9: aws.default.private_network_ipmask: \"172.30.2.0\" is not a network",
        ),
        ("172.30.2.0/24", "172.30.2.0/33", "\"172.30.2.0/33\" is not a network"),
        ("azure:", "azur:", "vpn_catalog.yml:16: azur: unknown provider; did you mean \"azure\"?"),
        ("azure:", "nimbus:", "nimbus: unknown provider"),
        ("172.23.1.1\n", "gateway\n", "sakura_private_subnet_gateway_ip: \"gateway\" is not an IP address"),
        ("ssl: false", "ssl: maybe", "vmware_allow_unverified_ssl: \"maybe\" is not true or false"),
        (
            "mask: 24",
            "mask: 255.255.255.0",
            "vmware_vsphere_network_mask: \"255.255.255.0\" is not the length",
        ),
        (
            "http://192",
            "ftp://192",
            "proxmox_pm_api_url: \"ftp://192.168.3.39:8006/api2/json\" is not an address",
        ),
        ("pm_parallel: 2", "pm_parallel: 0", "proxmox.default.pm_parallel: \"0\" is not a whole number"),
        ("onpremises:\n  default: {}", "", "onpremises: is missing; write onpremises: {default: {}}"),
        ("onpremises:\n  default: {}", "onpremises:\n  other: {}", "onpremises.default: is missing"),
        ("onpremises:\n  default: {}", "onpremises:", "onpremises: nothing where networks are expected"),
        ("onpremises:\n  default: {}", "onpremises: {default: {a: 1}}", "onpremises.default.a: unknown key"),
        ("onpremises:\n  default: {}", "onpremises: {default: x}", "a text where the network's items"),
        ("cci_version: '1.0'", "cci_version: []", "vpn_catalog.yml:1: cci_version: a text is expected"),
        ("    aws_vpc_security_group_id: sg-0a56", "\taws_vpc_security_group_id: sg-0a56", "found a tab"),
        (
            "azure_location",
            "azure_vnet_name",
            "vpn_catalog.yml:22: the key \"azure_vnet_name\" a second time",
        ),
        (
            "    aws_vcp_subnet_id",
            "    aws_vpc_subnet_id: a\n    aws_vcp_subnet_id",
            "aws_vpc_subnet_id stands twice",
        ),
    ] {
        assert!(ALL.contains(from), "{from}");
        let said = parse(&ALL.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(said.contains(expected), "{to}: {said}");
    }
    let said = parse("- a").unwrap_err().to_string();
    assert!(said.contains("a list where the providers are expected"), "{said}");
    assert!(parse("").unwrap_err().to_string().contains("onpremises: is missing"));
}

#[test]
fn files_are_found_under_both_names_and_with_the_pool_of_sakura() {
    let directory = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(directory.path().join(name), text).unwrap();
    let load = || Catalogue::load(directory.path());
    let said = load().unwrap_err().to_string();
    assert!(said.contains("vpn_catalog.yml: is missing; for existing servers"), "{said}");

    put("vpn_config.yml", ALL);
    let warnings = load().unwrap().warnings().join("\n");
    assert!(warnings.contains("vpn_config.yml: read, but the file's name is vpn_catalog.yml"), "{warnings}");
    put("vpn_catalog.yml", "onpremises: {default: {}}");
    assert!(load().unwrap().warnings().is_empty());

    put("vpn_catalog.yml", ALL);
    put(
        "sakura_config.yml",
        "default:\n  prefix_len: 24\n  ip_addresses:\n    - 172.23.1.3\n    - 172.23.1.2\n",
    );
    let catalogue = load().unwrap();
    let network = catalogue.network("sakura", "default").unwrap();
    assert_eq!(
        (&*network.values["prefix_len"], &*network.values["ip_addresses"]),
        ("24", "172.23.1.3,172.23.1.2")
    );
    assert!(catalogue.document()["sakura"]["default"].get("ip_addresses").is_none());
    for (text, expected) in [
        (
            "other: {prefix_len: 24, ip_addresses: []}",
            "sakura_config.yml:1: other: sakura has no network other",
        ),
        ("default:\n  prefix_len: 33\n  ip_addresses: []", "default.prefix_len: a prefix of 1 to 32"),
        ("default:\n  prefix_len: 24\n  ip_adresses: []", ":3: default.ip_adresses: unknown key"),
        ("default:\n  prefix_len: 24\n  ip_addresses: 172.23.1.2", "default.ip_addresses: a list"),
        (
            "default:\n  prefix_len: 24\n  ip_addresses:\n  - 172.23.1.x",
            ":4: default.ip_addresses: \"172.23.1.x\" is not",
        ),
        ("default:\n  prefix_len: 24\n  ip_addresses: [172.23.1.2, 172.23.1.2]", "172.23.1.2 stands twice"),
        ("default:\n  prefix_len: 24\n  ip_addresses: [172.23.2.2]", "172.23.2.2 is outside"),
        ("default: [", "sakura_config.yml:2: "),
    ] {
        put("sakura_config.yml", text);
        let said = load().unwrap_err().to_string();
        assert!(said.contains(expected), "{text}: {said}");
    }
}

proptest! {
    #[test]
    fn no_catalogue_makes_the_reader_panic(at in 0usize..2600, cut in 0usize..60, text in "[-\\[\\]{}:,&*!|>'\"%@`?#=/a-c0 \n\té]{0,20}") {
        let mut catalogue = ALL.to_owned();
        let at = at.min(catalogue.len());
        let end = (at + cut).min(catalogue.len());
        catalogue.replace_range(at..end, &text);
        let _ = parse(&catalogue);
        let _ = parse(&text);
    }
}

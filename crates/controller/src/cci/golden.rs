//! What the original's SDK sends for each provider, in its layout, and what is made of it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

pub(super) fn encode(text: &str) -> String {
    STANDARD.encode(text)
}

/// The base part as recorded, with the keys of a unit of nodes.
pub(super) fn nodes(count: u32, provider_part: &str) -> String {
    format!(
        "
- unit:
    cci_version: \"1.1\"
    name: web
    description: \"\"
    private_network: default
    num_nodes: {count}
    image: vcp/base:1.6.2
    recovery_mode: none
    docker_opt: {{}}
    params:
        v:
        - /sys/fs/cgroup:/sys/fs/cgroup:ro
        e:
        - AUTHORIZED_KEYS=c3NoLXJzYSBBQUFB
        - MUNGE_KEY=bXVuZ2U=
{}",
        provider_part.trim_start_matches('\n')
    )
}

pub(super) fn disks(count: u32, provider_part: &str) -> String {
    format!(
        "
- unit:
    cci_version: \"1.0\"
    name: data
    description: \"\"
    private_network: default
    num_disks: {count}
{}",
        provider_part.trim_start_matches('\n')
    )
}

pub(super) const AWS: &str = r#"
    cloud_provider: aws
    cloud_params:
        cci_version: "1.2"
        instance_type: m5.large
        volume_size: 16
        volume_type: gp2
        cloud_image: default
        ip_address_list: ['172.30.2.100', '172.30.2.101']
        access_key: vault://cubbyhole/aws/access_key
        volume_id: ['vol-08cbb04b35c8c9545', 'vcp:0123456789abcdef0123456789abcdef:data:fedcba9876543210fedcba9876543210']
        secret_key: 0123456789/secret+literal
        tags: {'key1': 'value1', 'Owner': 'it''s me'}
"#;

const PROVIDERS: &[(&str, Kind, &str)] = &[
    ("aws", Kind::Compute, AWS),
    (
        "aws_spot",
        Kind::Compute,
        r#"
    cloud_provider: aws_spot
    cloud_params:
        cci_version: "1.1"
        spot_type: one-time
        spot_price: "0.05"
        block_duration_minutes: 0
        instance_type: m5.large
        volume_size: 8
        volume_type: standard
        cloud_image: default
        ip_address_list: []
        access_key: vault://cubbyhole/aws/access_key
        volume_id: []
        secret_key: vault://cubbyhole/aws/secret_key
        tags: {}
"#,
    ),
    (
        "azure",
        Kind::Compute,
        r#"
    cloud_provider: azure
    cloud_params:
        cci_version: "1.2"
        vm_size: Standard_D3_v2
        disk_size_gb: 100
        managed_disk_type: Standard_LRS
        cloud_image: default
        subscription_id: vault://cubbyhole/azure/subscription_id
        client_id: vault://cubbyhole/azure/client_id
        client_secret: vault://cubbyhole/azure/client_secret
        tenant_id: vault://cubbyhole/azure/tenant_id
        ip_address_list: []
        ext_managed_disk: []
        tags: {}
"#,
    ),
    (
        "oracle",
        Kind::Compute,
        r#"
    cloud_provider: oracle
    cloud_params:
        cci_version: "1.0"
        shape: VM.Standard.E2.1
        boot_volume_size_in_gbs: 50
        ip_address_list: []
        volume_id: ['ocid1.volume.oc1.ap-tokyo-1.abx']
        cloud_image: default
        user_ocid: vault://cubbyhole/oracle/user_ocid
        fingerprint: vault://cubbyhole/oracle/fingerprint
        private_key: vault://cubbyhole/oracle/private_key
        tags: {}
"#,
    ),
    (
        "sakura",
        Kind::Compute,
        r#"
    cloud_provider: sakura
    cloud_params:
        cci_version: "1.1"
        core: 1
        memory: 1
        sakuracloud_disk_plan: ssd
        sakuracloud_disk_size: 20
        server_disks: []
        ip_address_list: []
        cloud_image: default
        token: vault://cubbyhole/sakura/token
        secret: vault://cubbyhole/sakura/secret
"#,
    ),
    (
        "gcp",
        Kind::Compute,
        r#"
    cloud_provider: gcp
    cloud_params:
        cci_version: "1.0"
        machine_type: f1-micro
        disk_size_gb: 40
        disk_type: pd-standard
        attached_disk: []
        cloud_image: default
        ip_address_list: []
        credentials: vault://cubbyhole/gcp/credentials
"#,
    ),
    (
        "vmware",
        Kind::Compute,
        r#"
    cloud_provider: vmware
    cloud_params:
        cci_version: "1.1"
        num_cpus: 1
        disk_size: 40
        memory: 1024
        cloud_image: default
        ip_address_list: ['172.30.2.100', '172.30.2.101']
        mac_address_list: ['00:50:56:00:00:01', '00:50:56:00:00:02']
        user: "vault://cubbyhole/vmware/user"
        password: "vault://cubbyhole/vmware/password"
"#,
    ),
    (
        "mdx2",
        Kind::Compute,
        r#"
    cloud_provider: mdx2
    cloud_params:
        cci_version: "1.0"
        flavor_name: vc1m2g
        volume_size: 25
        volume_type: tripleo
        user_name: "vault://cubbyhole/mdx2/user_name"
        password: vault://cubbyhole/mdx2/password
        ip_address_list: []
        volume_id: []
        cloud_image: default
        tags: {}
"#,
    ),
    (
        "hokudai",
        Kind::Compute,
        r#"
    cloud_provider: hokudai
    cloud_params:
        cci_version: "1.1"
        flavor_name: 1core-6GB
        volume_size: 50
        user_name: "user"
        password: vault://cubbyhole/hokudai/password
        ip_address_list: []
        cloud_image: default
"#,
    ),
    (
        "own-openstack",
        Kind::Compute,
        r#"
    cloud_provider: own-openstack
    cloud_params:
        cci_version: "1.0"
        flavor_name: cn000
        user_name: "user"
        password: vault://secret/openstack/password
        ip_address_list: []
        cloud_image: default
"#,
    ),
    (
        "proxmox",
        Kind::Compute,
        r#"
    cloud_provider: proxmox
    cloud_params:
        cci_version: "1.0"
        num_cpus: 1
        disk_size: 40
        memory: 2048
        cloud_image: default
        ip_address_list: []
        mac_address_list: []
        token_id: "vault://cubbyhole/proxmox/token_id"
        token_secret: "vault://cubbyhole/proxmox/token_secret"
        user_name: ubuntu

        tags: {}
"#,
    ),
    (
        "onpremises",
        Kind::Compute,
        r#"
    cloud_provider: onpremises
    cloud_params:
        cci_version: "1.0"
        user_name: None
        ip_address_list: ['10.201.0.11', '10.201.0.12']
        network_if: None
"#,
    ),
    (
        "aws",
        Kind::Storage,
        r#"
    cloud_provider: aws
    cloud_params:
        cci_version: "1.0"
        size: 8
        type: standard
        cloud_image: default
        access_key: vault://cubbyhole/aws/access_key
        secret_key: vault://cubbyhole/aws/secret_key
        tags: {}
"#,
    ),
    (
        "azure",
        Kind::Storage,
        r#"
    cloud_provider: azure
    cloud_params:
        cci_version: "1.0"
        disk_size_gb: 8
        storage_account_type: Standard_LRS
        cloud_image: default
        subscription_id: vault://cubbyhole/azure/subscription_id
        client_id: vault://cubbyhole/azure/client_id
        tenant_id: vault://cubbyhole/azure/tenant_id
        client_secret: vault://cubbyhole/azure/client_secret
        tags: {}
"#,
    ),
    (
        "oracle",
        Kind::Storage,
        r#"
    cloud_provider: oracle
    cloud_params:
        cci_version: "1.0"
        size_in_gbs: 20
        cloud_image: default
        user_ocid: vault://cubbyhole/oracle/user_ocid
        fingerprint: vault://cubbyhole/oracle/fingerprint
        private_key: vault://cubbyhole/oracle/private_key
        tags: {}
"#,
    ),
    (
        "sakura",
        Kind::Storage,
        r#"
    cloud_provider: sakura
    cloud_params:
        cci_version: "1.0"
        sakuracloud_disk_plan: ssd
        sakuracloud_disk_size: 20
        cloud_image: default
        secret: vault://cubbyhole/sakura/secret
        token: vault://cubbyhole/sakura/token
        tags: {}
"#,
    ),
    (
        "mdx2",
        Kind::Storage,
        r#"
    cloud_provider: mdx2
    cloud_params:
        cci_version: "1.0"
        size: 25
        type: tripleo
        user_name: "user"
        password: vault://cubbyhole/mdx2/password
        cloud_image: default
        tags: {}
"#,
    ),
];

#[test]
fn every_provider_is_read_as_its_plug_in_sends_it() {
    for (provider, kind, part) in PROVIDERS {
        let text = match kind {
            Kind::Compute => nodes(2, part),
            Kind::Storage => disks(2, part),
        };
        let spec = UnitSpec::decode(&encode(&text)).unwrap_or_else(|error| panic!("{provider}: {error}"));
        assert_eq!((&*spec.provider, spec.kind, spec.count), (*provider, *kind, 2));
        assert_eq!(spec.private_network, "default");
        // What is shown again can be sent again.
        let again =
            UnitSpec::decode(&encode(&spec.text)).unwrap_or_else(|error| panic!("{provider}: {error}"));
        assert_eq!(again.text, spec.text, "{provider}");
        assert_eq!(
            (again.params, again.disks, again.tags),
            (spec.params, spec.disks, spec.tags),
            "{provider}"
        );
    }
    let told: std::collections::BTreeSet<_> = PROVIDERS.iter().map(|(provider, ..)| *provider).collect();
    let known = schema::SCHEMAS.iter().map(|schema| schema.provider);
    assert_eq!(known.filter(|provider| !told.contains(provider)).collect::<Vec<_>>(), ["openstack"]);
}

#[test]
fn a_unit_of_aws_is_all_that_was_said() {
    let spec = UnitSpec::decode(&encode(&nodes(2, AWS))).unwrap();
    assert_eq!((&*spec.name, &*spec.image, &*spec.recovery_mode), ("web", "vcp/base:1.6.2", "none"));
    assert_eq!(spec.params["instance_type"], "m5.large");
    assert_eq!(spec.params["volume_size"], 16);
    assert!(!spec.params.contains_key("secret_key"));
    let Credential::Vault(path) = &spec.credentials["access_key"] else { panic!() };
    assert_eq!(path, "cubbyhole/aws/access_key");
    let Credential::Literal(secret) = &spec.credentials["secret_key"] else { panic!() };
    assert_eq!(secret.expose(), "0123456789/secret+literal");
    assert_eq!(spec.addresses, ["172.30.2.100", "172.30.2.101"].map(|text| text.parse::<IpAddr>().unwrap()));
    assert_eq!(spec.disks[0], DiskReference::Cloud("vol-08cbb04b35c8c9545".to_owned()));
    let DiskReference::Unit { unit, .. } = &spec.disks[1] else { panic!() };
    assert_eq!(unit, "data");
    assert_eq!(spec.tags["Owner"], "it's me");
    assert_eq!(spec.binds, ["/sys/fs/cgroup:/sys/fs/cgroup:ro"]);
    assert_eq!((&*spec.env[1].0, spec.env[1].1.expose()), ("MUNGE_KEY", "bXVuZ2U="));
    for secret in ["secret+literal", "bXVuZ2U="] {
        assert!(!spec.text.contains(secret), "{}", spec.text);
        assert!(!format!("{spec:?}").contains(secret));
    }
    assert!(spec.text.contains("vault://cubbyhole/aws/access_key"), "{}", spec.text);
    assert!(spec.text.contains("AUTHORIZED_KEYS=c3NoLXJzYSBBQUFB"), "{}", spec.text);
    assert!(spec.text.starts_with("- unit:\n    cci_version: \"1.1\"\n    name: web\n"), "{}", spec.text);
}

#[test]
fn existing_servers_are_counted_by_their_addresses() {
    let part = "
    cloud_provider: onpremises
    cloud_params: {user_name: ubuntu, ip_address_list: ['10.0.0.1', '10.0.0.2', '10.0.0.3'], network_if: eth1}
";
    let spec = UnitSpec::decode(&encode(&nodes(1, part))).unwrap();
    assert_eq!((spec.count, spec.addresses.len()), (3, 3));
    assert_eq!(spec.params["user_name"], "ubuntu");
}

#[test]
fn other_ways_to_write_it_are_read_too() {
    let text = "unit:\n  name: w\n  num_nodes: '2'\n  image: 10.0.0.1:5000/vcp/base\n  recovery_mode: restart
  cloud_provider: onpremises\n  tags: {}\n  cloud_params:\n    ip_address_list: [10.0.0.1, 10.0.0.2]
  params: {'e': ['A=b: c', 'A=', 'UGROUP_NAME=x'], 'v': None}
  docker_opt: {'hostname': 'n1', 'dns': '1.1.1.1', 'dns-search': ['example.com'], 'options': ['timeout:60'],
    '--add-host': ['a:10.0.0.9', 'b:fd00::1'], 'gpus': 'all', 'dns_opt': None}
  user_init_command: IyEvYmluL3NoCmVjaG8gaGkK\n";
    let spec = UnitSpec::decode(&encode(text)).unwrap();
    assert_eq!((spec.count, &*spec.recovery_mode), (2, "restart"));
    assert_eq!(spec.env[0].1.expose(), "b: c");
    assert!(spec.binds.is_empty());
    assert_eq!(
        spec.docker,
        DockerOptions {
            hostname: Some("n1".to_owned()),
            dns: vec!["1.1.1.1".to_owned()],
            dns_search: vec!["example.com".to_owned()],
            dns_options: vec!["timeout:60".to_owned()],
            extra_hosts: vec!["a:10.0.0.9".to_owned(), "b:fd00::1".to_owned()],
            gpus: Some("all".to_owned()),
        }
    );
    assert_eq!(spec.user_init_command.as_deref(), Some("#!/bin/sh\necho hi\n"));
    let beside = text.replace("unit:\n", "- unit:\n");
    UnitSpec::decode(&encode(&beside)).unwrap();
}

#[test]
fn a_unit_group_is_read() {
    let text = "
- vc:
    cci_version: \"25.10.0\"
    type: storage
    description: 私の VC
    name: 私の VC
";
    let vc = VcSpec::decode(&encode(text)).unwrap();
    assert_eq!(vc, VcSpec { name: "私の VC".to_owned(), kind: Kind::Storage });
    let folded = encode(text)
        .as_bytes()
        .chunks(20)
        .map(|part| String::from_utf8_lossy(part) + "\n")
        .collect::<String>();
    assert_eq!(VcSpec::decode(&folded).unwrap(), vc);
    let plain = VcSpec::decode(&encode("vc: {name: x, type: None}")).unwrap();
    assert_eq!(plain, VcSpec { name: "x".to_owned(), kind: Kind::Compute });
}

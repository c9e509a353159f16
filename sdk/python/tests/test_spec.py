"""Specs: attributes, texts, and the documents they send."""
import base64

import pytest
from ruamel.yaml import YAML

from vcpsdk.plugins.providers import PROVIDERS
from vcpsdk.vcp_tools import VcpSDKError
from vcpsdk.vcpsdk import VcpSpecClass


@pytest.fixture
def spec_of(config_dir):
    (config_dir / "vcp_config.yml").open("a").write(
        "\naic: {user_name: u, password: p}\nabc: {user_name: u, password: p}\n"
        "chameleon: {application_credential_id: a, application_credential_secret: s}\n")
    (config_dir / "vcp_flavor.yml").open("a").write(
        "\naic: {default: {flavor_name: f}}\nabc: {default: {flavor_name: f}}\nchameleon: {default: {}}\n")
    files = VcpSpecClass(str(config_dir))
    return lambda provider, flavor=None: files.find_spec(
        provider, flavor or ("default" if provider in ("onpremises", "aic", "abc", "chameleon") else "small"))


def document(spec, name="web"):
    return YAML(typ="safe").load(spec.cci(name))[0]["unit"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_sends_a_document_that_is_yaml(spec_of, provider):
    spec = spec_of(provider)
    unit = document(spec)
    assert unit["cloud_provider"] == PROVIDERS[provider].cloud
    assert list(unit["cloud_params"])[0] == "cci_version"
    assert ("tags" in unit["cloud_params"]) == PROVIDERS[provider].tags
    assert ("num_disks" in unit) == provider.endswith("_disk") == (spec.unit_type == "storage")
    assert type(spec).__name__ == "VcpSpecResource" + "".join(word.capitalize() for word in provider.split("_"))
    assert str(spec).startswith(f"\n{'=' * 24}\n{provider}\n{'-' * 24}\n\n    cci_version: ")


def test_a_spec_of_aws_reads_as_it_was_recorded(spec_of):
    spec = spec_of("aws")
    spec.image, spec.volume_size = "vcp/base:1.6.2", 15
    assert str(spec) == """
========================
aws
------------------------

    cci_version: "1.1"
    name: 
    description: 
    private_network: default
    num_nodes: 1
    image: vcp/base:1.6.2
    recovery_mode: none
    docker_opt: {}
    params:
        {'v': [], 'e': []}

    instance_type: m5.large
    volume_size: 15
    volume_type: gp2
    volume_id: []
    cloud_image: default
    ip_address_list: []
    tags: {}
========================"""


def test_a_spec_of_azure_reads_as_it_was_recorded(spec_of):
    assert str(spec_of("azure")).endswith("""
        {'v': [], 'e': []}


        vm_size: Standard_B1s
        disk_size_gb: 40
        managed_disk_type: Standard_LRS
        ext_managed_disk: []
        cloud_image: default
        ip_address_list: []
    tags: 
        tags: {}
========================""")


def test_the_document_of_existing_servers(spec_of, tmp_path):
    spec = spec_of("onpremises")
    key = tmp_path / "id.pub"
    key.write_text("ssh-ed25519 AAAA user\n")
    spec.image = "harbor.vcloud.nii.ac.jp/vcp/openhpc:master-3.4-multi"
    spec.num_nodes = 1
    spec.ip_addresses, spec.user_name = ["10.0.0.1"], "ubuntu"
    spec.params_v = ["/sys/fs/cgroup:/sys/fs/cgroup:rw"]
    spec.params_v.append("/srv/OpenHPC:/exports")
    spec.params_e = ["A=it's"]
    spec.set_ssh_pubkey(str(key))
    spec.hostname, spec.dns, spec.add_host = "n1", ["1.1.1.1"], ["a:10.0.0.9"]
    assert spec.cci("web") == """
- unit:
    cci_version: "1.1"
    name: web
    description: 'web'
    private_network: default
    num_nodes: 1
    image: harbor.vcloud.nii.ac.jp/vcp/openhpc:master-3.4-multi
    recovery_mode: none
    docker_opt: {'hostname': 'n1', 'dns': ['1.1.1.1'], 'add_host': ['a:10.0.0.9']}
    params:
        v: ['/sys/fs/cgroup:/sys/fs/cgroup:rw', '/srv/OpenHPC:/exports']
        e: ['A=it''s', 'AUTHORIZED_KEYS=""" + base64.b64encode(key.read_bytes()).decode() + """']
    cloud_provider: onpremises
    cloud_params:
        cci_version: "1.0"
        user_name: ubuntu
        ip_address_list: ['10.0.0.1']
        network_if: None"""


def test_what_was_set_last_counts(spec_of):
    spec = spec_of("aws")
    spec.ip_addresses = ["10.0.0.1", "10.0.0.2"]
    assert spec.num_nodes == 2
    spec.num_nodes = 3
    assert (spec.num_nodes, spec.ip_addresses) == (3, [])


def test_values_arrive_as_they_were_given(spec_of):
    spec = spec_of("vmware")
    spec._params["password"] = 'a"b: c#\\'
    spec.params_e = ["A=b: c # d", "B=\\n", "C=line\nline", "D='\"", "E=日本"]
    unit = document(spec, "a-b_1")
    assert unit["params"]["e"] == spec.params_e
    assert unit["cloud_params"]["password"] == 'a"b: c#\\'
    spec = spec_of("aws")
    spec._params["secret_key"] = "0123"
    spec.set_tag("Owner", "it's me: x")
    assert document(spec)["cloud_params"]["secret_key"] == "0123"
    assert document(spec)["cloud_params"]["tags"] == {"Owner": "it's me: x"}


def test_an_unknown_attribute_is_named(spec_of):
    for provider, name in (("aws", "vm_size"), ("onpremises", "cloud_image"), ("aws_disk", "num_nodes"), ("aws", "cci"), ("aws", "_x")):
        with pytest.raises(AttributeError) as error:
            setattr(spec_of(provider), name, 1)
        assert str(error.value) == f"spec resource has no attributes!!  [{name}]"


def test_what_cannot_be_sent_is_named_before_it_is_sent(spec_of):
    spec = spec_of("aws")
    spec.volume_size = "large"
    with pytest.raises(VcpSDKError, match="spec.volume_size of aws can't be 'large'"):
        spec.cci("web")
    spec = spec_of("aws")
    spec.num_nodes = -1
    with pytest.raises(VcpSDKError, match="spec.num_nodes of aws can't be -1"):
        spec.cci("web")
    with pytest.raises(VcpSDKError, match="no shebang"):
        spec.user_init_command = "echo"
    with pytest.raises(VcpSDKError, match="larger than 93 KB"):
        spec.user_init_command = "#!/bin/sh\n" + "x" * 96_000
    spec.user_init_command = "#! /bin/bash\nid\n"
    spec.num_nodes = 1
    assert base64.b64decode(document(spec)["user_init_command"]) == b"#! /bin/bash\nid\n"


def test_unknown_providers_and_flavors_are_errors(spec_of):
    for provider, flavor in (("nowhere", "small"), ("aws", "tiny")):
        with pytest.raises(VcpSDKError, match=rf"no flavor provider_name\[{provider}\] flavor\[{flavor}\]"):
            spec_of(provider, flavor)

"""Our SDK, the controller and existing servers: the calls of the OCS templates in their order."""

import contextlib
import json
import subprocess

import pytest

from controller_server import ControllerServer
from sdk_place import configured
from simulated import Servers
from vcpsdk.vcp_tools import VcpSDKError
from vcpsdk.vcpsdk import VcpSDK


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A controller, three servers, and a key for the nodes."""
    folder = tmp_path_factory.mktemp("sdk")
    controller = ControllerServer(folder).start()
    servers = Servers(folder, controller.data / ".ssh" / "id_ed25519.pub")
    catalogue = f"cci_version: '1.0'\nonpremises:\n  default:\n    private_network_ipmask: {servers.network}\n"
    (controller.config / "config" / "vpn_catalog.yml").write_text(catalogue)
    controller.run("init.sh")
    controller.vcc("image", "add", servers.image_file)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
    yield controller, servers, folder / "key"
    controller.stop()
    servers.stop()


@pytest.fixture
def sdk(place, tmp_path, monkeypatch):
    controller, servers, _ = place
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", controller.ca)
    monkeypatch.setenv("VCPSDK_POLL_SECONDS", "0.2")
    monkeypatch.setenv("VCPSDK_KNOWN_HOSTS", str(tmp_path / "known_hosts"))
    sdk = VcpSDK(controller.token(), config_dir=str(configured(tmp_path, controller, wait=120)))
    yield sdk
    for group in sdk.find_ugroups():
        group.cleanup()
    assert [servers.containers(address) for address in servers.addresses] == [[], [], []]


def spec_of(sdk, servers, key, addresses):
    """A spec as notebooks fill it in."""
    spec = sdk.get_spec("onpremises", "default")
    spec.image = servers.image
    spec.params_v = ["/lib/modules:/lib/modules:ro"]
    spec.user_name = "root"
    spec.num_nodes = len(addresses)
    spec.ip_addresses = addresses
    spec.set_ssh_pubkey(f"{key}.pub")
    return spec


def test_the_life_of_a_unit(place, sdk):
    _, servers, key = place
    group = sdk.create_ugroup("life")
    spec = spec_of(sdk, servers, key, servers.addresses[:2])
    spec.hostname, spec.dns, spec.add_host = "node", ["10.9.9.9"], ["peer:10.9.9.8"]
    unit = group.create_unit("w", spec)
    nodes = unit.find_nodes()
    assert [(node.no, node.state, node.cloud_instance_address) for node in nodes] == [
        (number, "RUNNING", address) for number, address in enumerate(servers.addresses[:2], 1)]
    (seen,) = json.loads(servers.docker(servers.addresses[0], "inspect", *servers.containers(servers.addresses[0])))
    assert seen["HostConfig"]["ExtraHosts"] == ["peer:10.9.9.8"] and seen["HostConfig"]["Dns"] == ["10.9.9.9"]
    out, _ = nodes[0].ssh_exec("cat", private_key_path=str(key), stdin_fd=subprocess.Popen(["echo", "hi"], stdout=subprocess.PIPE).stdout)
    assert out == "hi\n"
    with pytest.raises(Exception, match="stderr = "):
        nodes[0].ssh_exec("false", private_key_path=str(key))
    assert len(unit.delete_nodes(ip_address=servers.addresses[0])) == 1
    assert sorted(node.cloud_instance_address for node in unit.add_nodes(ip_addresses=[servers.addresses[2]])) == sorted(servers.addresses[1:])
    with pytest.raises(VcpSDKError, match="already exist unit"):
        group.create_unit("w", spec)
    group.delete_units("w", force=True)
    assert group.get_unit("w") is None
    group.cleanup()
    assert sdk.get_ugroup("life") is None


def test_the_calls_of_openhpc(place, sdk):
    """OpenHPC-v3: 020 makes master and compute nodes, 081 adds, 082 removes, 920 takes all away."""
    _, servers, key = place
    assert sdk.get_vpn_catalog("onpremises").get("private_network_ipmask") == servers.network
    sdk.df_ugroups()
    group = sdk.create_ugroup("OpenHPC")
    master = spec_of(sdk, servers, key, servers.addresses[:1])
    master.params_v.append("/srv/OpenHPC:/exports")
    master.params_e.extend(["MUNGE_KEY=bXVuZ2U=", "CLUSTER=OpenHPC", "ENABLE_NSS_SLURM=1"])
    print(master)
    group.create_unit("master", master)
    assert not any(node.state != "RUNNING" for node in group.get_unit("master").find_nodes())
    compute = group.create_unit("compute", spec_of(sdk, servers, key, servers.addresses[1:2]))
    compute.df_nodes()
    assert sorted(group.find_ip_addresses()) == servers.addresses[:2]
    compute.add_nodes(num_add_nodes=1, ip_addresses=servers.addresses[2:])
    assert group.get_unit("compute").find_ip_addresses(node_state="RUNNING") == servers.addresses[1:]
    group.get_unit("compute").delete_nodes(ip_address=servers.addresses[2])
    for address in compute.find_ip_addresses(node_state="RUNNING"):
        with pytest.raises(Exception, match="power_off failed"):
            compute.power_off_nodes(ip_address=address)
    for address in compute.find_ip_addresses():
        with contextlib.suppress(Exception):
            compute.delete_units(ip_address=address)
    group.delete_units("compute", force=True)
    group.delete_units("master", force=True)
    sdk.get_ugroup("OpenHPC").cleanup()


def test_the_calls_of_hybrid_cloud(place, sdk):
    """HybridCloud: add_vcnode.py, get_vcnode.py, delete_vcnode.py."""
    _, servers, key = place
    group = sdk.create_ugroup("hybrid")
    group.create_unit("compute", spec_of(sdk, servers, key, servers.addresses[:1]))
    group = sdk.get_ugroup(ugroup_name="hybrid")
    used = [node.cloud_instance_address for node in group.find_nodes()]
    free = next(address for address in servers.addresses if address not in used)
    added = group.get_unit("compute").add_nodes(num_add_nodes=1, ip_addresses=[free])
    assert added[0].state == "RUNNING"
    assert [node.cloud_instance_address for node in group.get_unit("compute").find_nodes()] == servers.addresses[:2]
    group.get_unit("compute").delete_nodes(ip_addresses=[free])
    assert group.find_ip_addresses() == servers.addresses[:1]
    group.cleanup()

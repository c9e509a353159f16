"""What the OCS templates call, in their order, on existing servers: each test is the notebooks of one template after another."""

import contextlib
import secrets

import hvac
import pytest
import requests

from sdk_place import spec_of


def is_named(sdk, provider):
    """How a notebook finds out whether a provider's name is right."""
    try:
        sdk.df_flavors(provider)
        sdk.get_spec(provider, "default")
    except Exception:
        return False
    return True


def states(unit):
    return {node.cloud_instance_address: node.state for node in unit.find_nodes()}


def test_openhpc(place, sdk):
    """010 parameters and munge.key, 020 master and compute nodes, 081 one more, 911 power, 082 one less, 920 all away."""
    _, servers, key = place
    first, second, third = servers.addresses
    # 010
    assert is_named(sdk, "onpremises") and not is_named(sdk, "onpremise") and sdk.get_ugroup("OpenHPC") is None
    munge_key, path = secrets.token_hex(512), "cubbyhole/OpenHPC/OpenHPC/munge.key"
    url, token = sdk.vcc_info()["vault_url"], sdk._oc.vcc_access_token
    kept = requests.post(f"{url}/v1/{path}", headers={"X-Vault-Token": token}, json={"munge.key": munge_key}, verify=True, timeout=30)
    assert kept.status_code == 204
    # 020
    sdk.df_ugroups()
    group = sdk.create_ugroup("OpenHPC")
    master = spec_of(sdk, servers, key, [first])
    master.params_v.append("/srv/OpenHPC:/exports")
    master.hostname, master.dns, master.dns_search = "master", [first], ["ohpc.internal"]
    print(master)
    read = requests.get(f"{url}/v1/{path}", headers={"X-Vault-Token": token}, timeout=30).json()["data"]["munge.key"]
    assert read == munge_key
    client = hvac.Client(url=url, token=token)
    assert client.read(path)["data"] == {"munge.key": munge_key} and client.list("cubbyhole/OpenHPC")["data"]["keys"] == ["OpenHPC/"]
    master.params_e.extend([f"MUNGE_KEY={read}", "CLUSTER=OpenHPC", "ENABLE_NSS_SLURM=1"])
    print(master)
    group.create_unit("master", master)
    assert not any(node.state != "RUNNING" for node in group.get_unit("master").find_nodes())
    compute = spec_of(sdk, servers, key, [second])
    compute.dns, compute.dns_search, compute.add_host = [first], ["ohpc.internal"], [f"master:{first}"]
    compute.params_e.extend([f"MUNGE_KEY={read}", "MASTER_HOSTNAME=master", "CLUSTER=OpenHPC", "FEATURE=cpu"])
    group.create_unit("cpu", compute)
    assert sorted(group.find_ip_addresses()) == [first, second]
    # 081
    unit = sdk.get_ugroup("OpenHPC").get_unit("cpu")
    unit.add_nodes(ip_addresses=[third])
    unit.df_nodes()
    assert unit.find_ip_addresses(node_state="RUNNING") == [second, third]
    # 911: nobody is told that the power stays on, and nothing changes.
    for address in unit.find_ip_addresses(node_state="RUNNING"):
        with contextlib.suppress(Exception):
            unit.power_off_nodes(ip_address=address)
    assert unit.find_ip_addresses(node_state="POWER_OFF") == [] and set(states(unit).values()) == {"RUNNING"}
    # 082
    with contextlib.suppress(Exception):
        unit.delete_nodes(ip_address=third)
    assert unit.find_ip_addresses() == [second]
    # 920 calls a method that no unit has.
    for address in unit.find_ip_addresses():
        with pytest.raises(AttributeError):
            unit.delete_units(ip_address=address)
    group = sdk.get_ugroup("OpenHPC")
    group.delete_units("cpu", force=True)
    group.cleanup()
    assert sdk.get_ugroup("OpenHPC") is None and sdk.get_ugroup("OpenHPC_disk") is None


def test_coursewarehub(place, sdk, said):
    """011 manager and workers, 921 one worker more, 911 power, 922 one less, 991 all away."""
    _, servers, key = place
    first, second, third = servers.addresses
    # 011
    assert sdk.get_vpn_catalog("onpremises").get("private_network_ipmask") == servers.network
    manager = sdk.get_spec("onpremises", "default")
    manager.image, manager.ip_addresses, manager.user_name = servers.image, [first], "root"
    manager.params_v = ["/sys/fs/cgroup:/sys/fs/cgroup:rw", "/lib/modules:/lib/modules:rw"]
    manager.set_ssh_pubkey(f"{key}.pub")
    manager.params_e.append("UGROUP_NAME=CoursewareHub")
    manager.params_v.append("/exported:/exported")
    manager.params_e.append("EXTRA_MOUNT_POINTS=/share:/data")
    manager.dns = ["127.10.0.53"]
    group = sdk.create_ugroup("CoursewareHub")
    unit = group.create_unit("manager", manager)
    assert said[-1] == "unit manager is RUNNING" and unit.find_ip_addresses()[0] == first
    worker = spec_of(sdk, servers, key, [second])
    worker.params_e.append(f"NFS_SERVER={first}")
    worker.dns = [first]
    workers = group.create_unit("worker", worker)
    assert (group.name, unit.name, workers.name) == ("CoursewareHub", "manager", "worker")
    # 921
    workers = sdk.get_ugroup("CoursewareHub").get_unit("worker")
    workers.add_nodes(ip_addresses=[third], num_add_nodes=1)
    assert states(workers) == {second: "RUNNING", third: "RUNNING"} and said[-1] == "add_node completed."
    # 911
    for verb, operation in (("power_off", workers.power_off_nodes), ("power_on", workers.power_on_nodes)):
        with pytest.raises(Exception) as error:
            operation(**{f"num_{verb}_nodes": 2})
        assert error.value.args == ("VCP", f"{verb} failed")
        assert said[-2] == f"{verb} failed: http_status(400)"
        assert "VCPInvalidParameterException: " in said[-1] and said[-1].endswith(":provider onpremises has no power operations")
    assert states(workers) == {second: "RUNNING", third: "RUNNING"}
    # 922
    assert [node.cloud_instance_address for node in workers.delete_nodes(ip_addresses=[third])] == [second]
    assert said[-2:] == ["a node deleted.", "deleted node(s) completed."]
    # 991
    group = sdk.get_ugroup("CoursewareHub")
    workers, managers = group.get_unit("worker"), group.get_unit("manager")
    assert workers.delete_nodes(num_delete_nodes=len(workers.find_nodes())) == [] and managers.delete_nodes() == []
    assert group.df_nodes() == [] and [unit.name for unit in group.find_units()] == ["manager", "worker"]
    group.cleanup()
    assert said[-1] == "cleanup completed. vc CoursewareHub is cleanup(no unit)"
    assert sdk.get_ugroup("CoursewareHub_disk") is None


def test_moodle(place, sdk):
    """Moodle-Simple 011 with the user's name in the configuration, 911; and how mcj-cloudhub asks for the version."""
    _, servers, key = place
    version = sdk.version_dict()
    assert tuple(int(part) for part in version["vc_controller"]["version"].split("+")[0].split(".")) >= (25, 4)
    assert set(version) == {"vcplib", "vcpsdk", "vc_controller"} and "onpremises" in version["vc_controller"]["plugin"]
    with open(f"{sdk.config_dir}/vcp_config.yml", "a") as config:
        config.write("\nonpremises:\n    user_name: root\n")
    spec = sdk.get_spec("onpremises", "default")
    spec.image, spec.ip_addresses = servers.image, servers.addresses[:1]
    spec.set_ssh_pubkey(f"{key}.pub")
    spec.params_e.append("TZ=Asia/Tokyo")
    print(spec)
    group = sdk.create_ugroup("Moodle")
    unit = group.create_unit("moodle", spec)
    assert states(unit) == {servers.addresses[0]: "RUNNING"} and group.find_ip_addresses() == servers.addresses[:1]
    assert list(group.df_nodes().data["node_state"]) == ["RUNNING"]
    (seen,) = servers.docker(servers.addresses[0], "inspect", "--format", "{{.Config.Env}}", *servers.containers(servers.addresses[0])).splitlines()
    assert "TZ=Asia/Tokyo" in seen
    sdk.get_ugroup("Moodle").cleanup()
    assert sdk.get_ugroup("Moodle") is None


def test_hybrid_cloud(place, sdk):
    """add_vcnode.py, get_vcnode.py, delete_vcnode.py."""
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

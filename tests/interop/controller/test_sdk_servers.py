"""Our SDK, the controller and existing servers: a unit's whole life, and everybody's rights."""

import base64
import json
import subprocess

import pytest

from sdk_place import spec_of
from vcpsdk.vcp_tools import VcpSDKError
from vcpsdk.vcpsdk import VcpSDK


def inspected(servers, address):
    """The one container there, as `docker inspect` shows it."""
    (container,) = servers.containers(address)
    return json.loads(servers.docker(address, "inspect", container))[0]


def test_the_life_of_a_unit(place, sdk):
    controller, servers, key = place
    first, second, third = servers.addresses
    group = sdk.create_ugroup("life")
    spec = spec_of(sdk, servers, key, servers.addresses)
    spec.params_e.append("TITLE=linux & sécurité")
    spec.hostname, spec.dns, spec.add_host = "node", ["10.9.9.9"], ["peer:10.9.9.8"]
    unit = group.create_unit("w", spec)
    vcid, nodes = group._vc.vcid, unit.find_nodes()
    assert [(node.no, node.state, node.cloud_instance_address) for node in nodes] == [
        (number, "RUNNING", address) for number, address in enumerate(servers.addresses, 1)]
    for number, address in enumerate(servers.addresses, 1):
        seen = inspected(servers, address)
        host, env = seen["HostConfig"], dict(variable.split("=", 1) for variable in seen["Config"]["Env"])
        assert (host["Privileged"], host["NetworkMode"]) == (True, "host")
        assert {"/dev:/dev", "/lib/modules:/lib/modules:ro"} <= set(host["Binds"])
        assert (host["ExtraHosts"], host["Dns"], seen["Config"]["Hostname"]) == (["peer:10.9.9.8"], ["10.9.9.9"], "node")
        assert (env["PRIVATE_IP"], env["VCCCTR_IPADDR"]) == (address, "127.0.0.1")
        assert (env["SERF_NODE_ID"], env["VCCC_ID"]) == (f"{vcid}:w:{number}", vcid)
        assert base64.b64decode(env["AUTHORIZED_KEYS"]) == key.with_suffix(".pub").read_bytes()
        assert env["TITLE"] == "linux & sécurité"
    for node in nodes:
        assert node.ssh_exec("hostname", private_key_path=str(key))[0] == "node\n"
    out, _ = nodes[0].ssh_exec("cat", private_key_path=str(key), stdin_fd=subprocess.Popen(["echo", "hi"], stdout=subprocess.PIPE).stdout)
    assert out == "hi\n"
    with pytest.raises(Exception, match="stderr = "):
        nodes[0].ssh_exec("false", private_key_path=str(key))
    assert [node.no for node in unit.delete_nodes(ip_address=first)] == [2, 3]
    assert servers.containers(first) == []
    assert [node.cloud_instance_address for node in unit.add_nodes(ip_addresses=[first])] == [second, third, first]
    with pytest.raises(VcpSDKError, match="already exist unit"):
        group.create_unit("w", spec)
    group.delete_units("w", force=True)
    assert group.get_unit("w") is None
    # The servers can be used again at once.
    again = group.create_unit("again", spec)
    assert again.find_ip_addresses(node_state="RUNNING") == servers.addresses
    group.cleanup()
    assert sdk.get_ugroup("life") is None
    assert controller.call("GET", f"/vcs/{vcid}", sdk._oc.vcc_access_token).status_code == 404
    for address in servers.addresses:
        assert servers.containers(address) == [] and servers.docker(address, "volume", "ls", "--quiet") == ""


def test_a_readonly_token_changes_nothing(place, sdk, said):
    controller, servers, key = place
    token = sdk._oc.vcc_access_token
    sdk.create_ugroup("kept").create_unit("w", spec_of(sdk, servers, key, servers.addresses[:1]))
    before = controller.call("GET", "/vcs", token).json()
    reader = VcpSDK(controller.token("nobody", "--readonly"), config_dir=sdk.config_dir)
    group = reader.get_ugroup("kept")
    unit = group.get_unit("w")
    (node,) = unit.find_nodes()
    assert (reader.authority()["role"], node.state) == ("readonly", "RUNNING")
    writes = {
        "create vc": lambda: reader.create_ugroup("more"),
        "update vc": lambda: group.update_ugroup_name("other"),
        "change owner vc": lambda: group.change_owner("nobody"),
        "add unit": lambda: group.create_unit("x", spec_of(sdk, servers, key, servers.addresses[1:2])),
        "delete unit": lambda: group.delete_units("w", force=True),
        "delete vc": group.cleanup,
        "add node": lambda: unit.add_nodes(ip_addresses=servers.addresses[1:2]),
        "delete node": unit.delete_nodes,
        "power_off": unit.power_off_nodes,
        "power_on": unit.power_on_nodes,
        "watch": unit.watch_nodes,
        "unwatch": unit.unwatch_nodes,
        "watch unit": unit.watch,
        "unwatch unit": unit.unwatch,
        "backup": node.backup,
    }
    for verb in ("suspend", "resume", "stop", "start"):
        writes |= {f"{verb} unit": getattr(unit._unit, verb), f"{verb} node": getattr(node, verb)}
    for operation, write in writes.items():
        said.clear()
        with pytest.raises(Exception) as error:
            write()
        assert error.value.args == ("VCP", f"{operation} failed")
        assert said[0] == f"{operation} failed: http_status(403)" and "VCPAuthException: " in said[1], operation
    assert controller.call("GET", "/vcs", token).json() == before


def test_what_others_have_is_reached_in_privileged_mode_only(place, sdk):
    controller, servers, key = place
    group = sdk.create_ugroup("theirs")
    unit = group.create_unit("w", spec_of(sdk, servers, key, servers.addresses[:1]))
    (node,), vcid = unit.find_nodes(), group._vc.vcid
    other = VcpSDK(controller.user("other"), config_dir=sdk.config_dir)
    boss = VcpSDK(controller.user("chief", "super"), config_dir=sdk.config_dir)
    for stranger in (other, boss):
        token = stranger._oc.vcc_access_token
        for path in (f"/vcs/{vcid}", f"/vcs/{vcid}/w", f"/vcs/{vcid}/w/{node.id}"):
            for method in ("GET", "DELETE"):
                assert controller.call(method, path, token).status_code == 404, (method, path)
        assert controller.call("PATCH", f"/vcs/{vcid}/w/{node.id}/suspend", token).status_code == 404
        assert stranger.find_ugroups(vcid=vcid) == [] and stranger.df_nodes() == []
    for refused in (other.df_ugroups, other.df_nodes, other.find_ugroups, lambda privileged: other.create_ugroup("x", privileged=privileged)):
        with pytest.raises(Exception, match="config vc failed"):
            refused(privileged=True)
    assert list(boss.df_ugroups(privileged=True).data["vcname"]) == ["theirs"]
    seen = boss.get_ugroup("theirs", privileged=True)
    assert seen.find_ip_addresses(privileged=True) == servers.addresses[:1]
    assert len(seen.get_unit("w", privileged=True).add_nodes(ip_addresses=servers.addresses[1:2], privileged=True)) == 2
    seen.change_owner("other", privileged=True)
    assert group.find_units() == [] and sdk.get_ugroup("theirs") is None
    assert [node.state for node in other.get_ugroup("theirs").find_nodes()] == ["RUNNING", "RUNNING"]
    boss.get_ugroup("theirs", privileged=True).cleanup(privileged=True)
    assert other.get_ugroup("theirs") is None

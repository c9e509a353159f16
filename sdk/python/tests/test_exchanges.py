"""What goes over the wire, what is said meanwhile, and what is shown of the answers."""
import base64
import json

import pytest
from ruamel.yaml import YAML

from vcplib.occtr import is_privileged
from vcpsdk.plugins.mdx_ext import MdxResourceExt, MdxRestException
from vcpsdk.vcp_tools import VcpSDKError
from vcpsdk.vcpsdk import VcpSDK

VCID, NODE = "0123456789abcdef" * 2, "fedcba9876543210" * 2


def node(number=1, state="RUNNING", **more):
    return {"node_no": number, "node_id": NODE, "state": state, "cloud_instance_address": f"10.0.0.{number}",
            "cloud_instance_id": "i-1", "volumes": [], "boot_date": "b", "container_date": "c", "watch_mode": True, **more}


def unit(state="RUNNING", nodes=None, **more):
    return {"name": "web", "state": state, "node": [node()] if nodes is None else nodes, **more}


def vc(units=(), state="RUNNING", **more):
    return {"vcc_id": "c" * 32, "vcno": 7, "vcid": VCID, "name": "g", "owner": "nobody", "state": state,
            "cdate": "2026/01/02 03:04:05 UTC", "type": "compute", "unit": list(units), **more}


@pytest.fixture
def ugroup(sdk, wire):
    wire.answers["GET /vcs"] = (200, {"vcs": [vc([unit()])]})
    wire.answers[f"GET /vcs/{VCID}"] = (200, vc([unit()]))
    wire.answers[f"GET /vcs/{VCID}/web"] = (200, unit())
    found = sdk.get_ugroup("g")
    wire.log.clear()
    return found


def test_the_handshake(wire, config_dir):
    sdk = VcpSDK(" token\n", config_dir=str(config_dir))
    assert wire.asked == ["GET ", "GET /vcs", "GET /accounts/authority"]
    for _, _, headers, body in wire.log:
        assert headers["x-vcc-access-token"] == "token" and headers["Content-Type"] == "application/json"
        assert "x-vcc-privileged" not in headers and body == ""
    assert sdk.authority() == {"role": "fullaccess", "user_name": "nobody", "user_role": "regular"}


def test_a_refused_token(wire, config_dir, said):
    message = "Mon Jan  2 UTC: VCPAuthException: \\'x\\':token lookup is failed:\\npermission denied"
    wire.answers["GET "] = (403, {"message": message})
    with pytest.raises(Exception) as error:
        VcpSDK("bad", config_dir=str(config_dir))
    assert error.value.args == ("VCP", "config vc failed")
    assert said() == ["config vc failed: http_status(403)",
                      "Mon Jan  2 UTC: VCPAuthException: 'x':token lookup is failed:\npermission denied"]


def test_no_controller_there(wire, config_dir, said):
    wire.server.server_close()
    wire.server.shutdown()
    with pytest.raises(Exception) as error:
        VcpSDK("token", config_dir=str(config_dir))
    assert error.value.args == ("VCP", "server error") and "no answer from http://127.0.0.1" in said()[0]


def test_a_unit_group_is_made(sdk, wire):
    wire.answers["GET /vcs"] = [(200, {"vcs": []}), (200, {"vcs": [vc(state="APPLYING")]})]
    wire.answers["POST /vcs"] = (202, {"vcid": VCID})
    assert sdk.create_ugroup("g").name == "g"
    assert wire.asked == ["GET ", "GET /vcs", "POST /vcs", "GET ", "GET /vcs"]
    document = base64.b64decode(json.loads(wire.log[2][3])["cci"]).decode()
    assert document == '\n- vc:\n    cci_version: "25.10.0+20251001"\n    type: compute\n    description: "g"\n    name: g'
    with pytest.raises(VcpSDKError, match="aleady exist UnitGroup. change name or cleanup first!"):
        sdk.create_ugroup("g")
    assert not is_privileged()


def test_a_unit_is_made_and_waited_for(sdk, ugroup, wire, said):
    booting, running = (200, vc([unit("BOOTING", [])])), (200, vc([unit()]))
    wire.answers[f"GET /vcs/{VCID}"] = [(200, vc()), booting, booting, booting, running]
    wire.answers[f"POST /vcs/{VCID}"] = (202, {})
    made = ugroup.create_unit("web", sdk.get_spec("aws", "small"), privileged=True)
    assert made.name == "web" and made.state == "RUNNING"
    assert said() == ["BOOTING ... 0 sec", "BOOTING ... 0 sec", "unit web is RUNNING"]
    method, _, headers, body = wire.log[1]
    assert method == "POST" and json.loads(body)["unit_name"] == "web"
    assert b"access_key: vault://cubbyhole/aws/access_key\n" in base64.b64decode(json.loads(body)["info"])
    assert all(headers["x-vcc-privileged"] == "True" for _, _, headers, _ in wire.log)
    assert not is_privileged()
    with pytest.raises(VcpSDKError, match=r"already exist unit\[web\]"):
        ugroup.create_unit("web", sdk.get_spec("aws", "small"))
    with pytest.raises(VcpSDKError, match=r"not much ugroup_type vc\[compute\] and spec\[storage\]"):
        ugroup.create_unit("disk", sdk.get_spec("aws_disk", "small"))


def test_a_unit_that_fails_shows_why(sdk, ugroup, wire, said):
    wire.answers[f"GET /vcs/{VCID}"] = [(200, vc()), (200, vc([unit("ERROR", [], error_message="InvalidClientTokenId")]))]
    wire.answers[f"POST /vcs/{VCID}"] = (202, {})
    with pytest.raises(VcpSDKError, match=r"failed \(web\)"):
        ugroup.create_unit("web", sdk.get_spec("aws", "small"))
    assert said()[0] == "unit web is ERROR"
    assert str(ugroup) == (
        f"[Vc]\n+ type[compute] name[g] owner(nobody) vcno(7) state[RUNNING] vcid[{VCID}]\n"
        "[VcUnit]\n+ type[compute] name[web]  state[ERROR]\n*** HAS ERROR:\n---\nInvalidClientTokenId\n---\n\n\n")


def test_time_that_is_over_is_told(sdk, ugroup, wire, said):
    wire.answers[f"GET /vcs/{VCID}/web"] = (200, unit("INDEFINITE", [node(1, "BOOTING")]))
    wire.answers[f"PUT /vcs/{VCID}/web"] = (202, {})
    unit_of = ugroup.get_unit("web")
    unit_of._wait_timeout_sec = 0.05
    with pytest.raises(VcpSDKError, match="Full of waiting time"):
        unit_of.add_nodes(ip_addresses=["10.0.0.5"], ip_address="10.0.0.6")
    put = next(entry for entry in wire.log if entry[0] == "PUT")
    assert json.loads(put[3]) == {"ip_address_list": ["10.0.0.5", "10.0.0.6"], "mac_address_list": [], "num_nodes": 2}


def test_nodes_go_one_after_the_other(ugroup, wire, said):
    wire.answers[f"GET /vcs/{VCID}/web"] = (200, unit(nodes=[node(2), node(1)]))
    wire.answers[f"DELETE /vcs/{VCID}/web/{NODE}"] = (202, {})
    web = ugroup.get_unit("web")
    assert [found.no for found in web.delete_nodes(2)] == [1, 2]
    assert said() == ["unit web is RUNNING", "a node deleted.", "unit web is RUNNING", "a node deleted.", "deleted node(s) completed."]
    assert [entry[3] for entry in wire.log if entry[0] == "DELETE"] == ["{}", "{}"]
    with pytest.raises(VcpSDKError, match="invalid argment, one condition parameter allowed"):
        web.delete_nodes(1, ip_address="10.0.0.1")
    with pytest.raises(VcpSDKError, match="must be wait_for=True"):
        web.power_off_nodes(2, wait_for=False)
    wire.log.clear()
    web.delete_nodes(ip_addresses=[])
    assert not [entry for entry in wire.log if entry[0] == "DELETE"], "no address is not every address"


def test_cleanup(ugroup, wire, said):
    wire.answers[f"DELETE /vcs/{VCID}"] = (202, {})
    wire.answers[f"GET /vcs/{VCID}"] = [(200, vc([unit("DELETING"), {**unit("DELETING"), "name": "b"}])), (404, {"message": "gone"})]
    ugroup.cleanup()
    assert said() == ["web is DELETING\nb is DELETING ... 0 sec", "cleanup completed. vc g is cleanup(no unit)"]
    assert json.loads(wire.log[0][3]) == {"force": "true"}
    with pytest.raises(VcpSDKError, match="no yet setup unit_group"):
        ugroup.df_nodes()


def test_a_disk_in_use_stays(sdk, wire):
    disk = {"name": "d", "state": "RUNNING", "disk": [{"disk_no": 1, "disk_id": NODE, "state": "RUNNING", "in_use": True,
                                                       "cloud_disk_id": "vol-1", "cloud_disk_size": 8, "cdate": "x"}]}
    storage = vc([disk], type="storage")
    wire.answers.update({"GET /vcs": (200, {"vcs": [storage]}), f"GET /vcs/{VCID}": (200, storage), f"DELETE /vcs/{VCID}": (202, {})})
    group = sdk.get_ugroup("g")
    found = group.find_nodes()[0]
    assert (found.used_state, found.cloud_disk_id, found.cloud_instance_address) == ("in-use", "vol-1", None)
    spec = sdk.get_spec("aws", "small")
    spec.disks = [found, "vol-2"]
    assert spec.disks == [f"vcp:{VCID}:d:{NODE}", "vol-2"]
    assert list(group.df_nodes().data.columns) == ["vcno", "vcname", "unit_name", "unit_state", "disk_no", "disk_id", "node_state",
                                                   "cloud_disk_id", "cloud_disk_size"]
    with pytest.raises(Exception, match="power_off only compute node"):
        found.power_off()
    with pytest.raises(VcpSDKError, match="not completed!!!"):
        group.cleanup()


def test_tables(sdk, ugroup, wire):
    table = sdk.df_ugroups()
    assert list(table.data.columns) == ["vcno", "vctype", "owner", "vcname", "state", "vcid", "cdate"]
    assert table.data.loc[0, "vcid"] == "01234567..." and "background-color: #dfd" in table.to_html()
    assert list(ugroup.df_units().columns) == ["vctype", "vcno", "vcname", "vc_state", "vcid", "cdate", "unit_name", "unit_state"]
    nodes = ugroup.df_nodes().data
    assert list(nodes.columns) == ["vcno", "vcname", "unit_name", "unit_state", "node_no", "node_id", "node_state",
                                   "cloud_instance_address", "cloud_instance_id", "cloud_instance_name", "volumes"]
    assert nodes.loc[0, "cloud_instance_name"] == "VCP-cccccccc-01234567" and nodes.loc[0, "volumes"] == "none"
    wire.answers[f"GET /vcs/{VCID}"] = (200, vc())
    assert ugroup.df_nodes() == []
    flavors = sdk.df_flavors("aws")
    assert list(flavors.columns)[0] == "flavor" and list(flavors["flavor"])[:2] == ["small", "medium"]
    with pytest.raises(VcpSDKError):
        sdk.df_flavors("nowhere")


def test_texts_of_a_node(ugroup):
    found = ugroup.find_nodes(ip_address="10.0.0.1", node_state="RUNNING")[0]
    assert str(found) == (f"[VcNode]\n+ type[compute] no(1) state[RUNNING] id[{NODE}] cloud_instance_address[10.0.0.1] "
                          "cloud_instance_id[i-1] boot_date[b] container_date[c] watch_mode[True]\n")
    assert ugroup.find_ip_addresses(node_state="POWER_OFF") == [] and ugroup.find_ip_addresses() == ["10.0.0.1"]
    assert not hasattr(ugroup.get_unit("web"), "delete_units")


def test_version_is_read_as_templates_read_it(sdk, wire, capsys):
    wire.answers["GET /version"] = (200, {"version": "25.10.0+20251001", "git_tag": "v1", "plugin": {"aws": "1.2+20210401"}})
    sdk.version()
    read = YAML(typ="safe").load(capsys.readouterr().out)
    assert read["vc_controller"]["vc_controller"] == "25.10.0+20251001"
    assert read["vc_controller"]["plugin"] == {"aws": "1.2+20210401"} and read["vcpsdk"]["plugin"]["aws_disk"] == "1.0+20190408"
    assert read["vcplib"]["filename"].endswith("vcplib/occtr.py")
    assert sdk.version_dict()["vc_controller"]["version"] == "25.10.0+20251001"


def test_the_catalogue(sdk, wire):
    wire.answers["GET /vpn_catalog"] = (200, {"vpn_catalog": {"cci_version": "1.0", "onpremises": {"default": {}}}})
    assert sdk.get_vpn_catalog("onpremises") == {} and sdk.get_vpn_catalog() == {"onpremises": {"default": {}}}
    with pytest.raises(Exception) as error:
        sdk.get_vpn_catalog("aws")
    assert error.value.args[1] == "not exist in vpn_catalog, provider[aws] vpn_catalog_name[default]"


def test_mdx_says_what_to_do():
    with pytest.raises(MdxRestException, match=r"deploy_vm: .*provider onpremises"):
        MdxResourceExt("token").deploy_vm("vm", {})

"""The names that programs written for the original use: modules, classes, arguments in their order, and what they are without being given."""
import importlib
import inspect

import pytest

from vcplib.occtr import VcNode
from vcpsdk.plugins.mdx_ext import MdxResourceExt, MdxRestException
from vcpsdk.plugins.providers import PROVIDERS
from vcpsdk.vcp_tools import VcpSDKError
from vcpsdk.vcpsdk import VcpSDK, VcpUnitClass, VcpUnitGroupClass

SEARCH = "node_id='', node_state='', node_no='', ip_addresses=[], ip_address=None, cloud_instance_id=None, mapper=None, privileged=False"
CHOICE = "node_no=None, cloud_instance_id=None, ip_addresses=None, ip_address=None"
DOCKER = "ssh_user_name='root', private_key_path=None"

SIGNATURES = {
    VcpSDK: {
        "__init__": "vcc_access_token='', config_dir='', verbose=0", "authority": "", "create_ugroup":
        "ugroup_name, ugroup_type='compute', privileged=False", "df_flavors": "provider_name", "df_nodes": "privileged=False",
        "df_ugroups": "privileged=False", "find_ugroups":
        "ugroup_name='', vcid='', vcno='', state=None, ugroup_type='', privileged=False", "get_extension": "provider_name",
        "get_publickey": "", "get_spec": "provider_name, flavor", "get_ugroup": "ugroup_name, privileged=False",
        "get_vpn_catalog": "provider=None, vpn_catalog_name='default'", "vcc_info": "", "version": "", "version_dict": "",
    },
    VcpUnitGroupClass: {
        "__init__": "vc=None, vcp_config=''", "change_owner": "new_owner, privileged=False", "cleanup":
        "wait_for=True, privileged=False", "create_unit": "unit_name, spec, wait_for=True, privileged=False, verbose=-1",
        "delete_units": "unit_name, wait_for=True, force=False, privileged=False, verbose=0", "df_nodes": "privileged=False",
        "df_units": "privileged=False", "find_nodes": f"unit_name='', {SEARCH}", "find_units": "unit_name='', privileged=False",
        "get_unit": "unit_name, privileged=False", "update_ugroup_name": "ugroup_name, ugroup_type='compute', privileged=False",
    },
    VcpUnitClass: {
        "add_nodes": "num_add_nodes=1, ip_addresses=[], ip_address=None, mac_addresses=[], mac_address=None, wait_for=True, "
        "verbose=0, privileged=False", "delete_nodes": f"num_delete_nodes=None, {CHOICE}, wait_for=True, verbose=0, privileged=False",
        "df_nodes": "privileged=False", "find_nodes": SEARCH, "power_off_nodes":
        f"num_power_off_nodes=None, {CHOICE}, wait_for=True, privileged=False, verbose=0", "power_on_nodes":
        f"num_power_on_nodes=None, {CHOICE}, wait_for=True, privileged=False, verbose=0", "unwatch": "", "unwatch_nodes":
        f"num_watch_nodes=None, {CHOICE}, privileged=False, verbose=0", "watch": "wait_for=True", "watch_nodes":
        f"num_watch_nodes=None, {CHOICE}, wait_for=True, privileged=False, verbose=0",
    },
    VcNode: {
        "__init__": "unit, node_json", "add_publickey": "add_publickey_path, private_key_path=None, ssh_user_name=None",
        "docker_cp": f"src, dest, options=[], cwd=None, {DOCKER}", "docker_exec": f"container, options=[], cmd=[], {DOCKER}",
        "docker_image_inspect": f"image, options=[], {DOCKER}", "docker_image_ls": f"options=[], {DOCKER}",
        **{name: "" for name in ("backup", "config", "delete", "power_off", "power_on", "resume", "start", "stop", "suspend", "unwatch",
                                 "watch")},
    },
}

ATTRIBUTES = {
    "block_duration_minutes": "aws_spot", "boot_volume_size_in_gbs": "oracle", "disk_size": "proxmox vmware",
    "cloud_image": "abc aic aws aws_disk aws_spot azure azure_disk chameleon gcp hokudai mdx2 mdx2_disk oracle oracle_disk proxmox "
    "sakura sakura_disk vmware", "disk_size_gb": "azure azure_disk gcp", "disk_type": "gcp", "disks":
    "aws aws_spot azure gcp mdx2 oracle sakura", "flavor_name": "abc aic hokudai mdx2", "instance_type": "aws aws_spot",
    "ip_addresses": "abc aic aws aws_spot azure chameleon gcp hokudai mdx2 onpremises oracle proxmox sakura vmware",
    "mac_addresses": "proxmox vmware", "machine_type": "gcp", "managed_disk_type": "azure", "memory": "proxmox sakura vmware",
    "network_if": "onpremises", "num_cores": "sakura", "num_cpus": "proxmox vmware", "reservation": "chameleon", "shape": "oracle",
    "sakuracloud_disk_plan": "sakura sakura_disk", "sakuracloud_disk_size": "sakura sakura_disk", "size": "aws_disk mdx2_disk",
    "size_in_gbs": "oracle_disk", "spot_price": "aws_spot", "spot_type": "aws_spot", "storage_account_type": "azure_disk",
    "type": "aws_disk mdx2_disk", "user_name": "mdx2 onpremises proxmox", "vcp_config_key": "proxmox", "vm_size": "azure",
    "volume_size": "aws hokudai mdx2", "volume_type": "aws mdx2",
}

EXTENSIONS = ["VcpChameleonOpenrc", "VcpExtResourceChameleon", "VcpExtResourceChameleonHostLeaseInfo", "VcpExtResourceChameleonNetwork"]


def told(function):
    """Arguments with their defaults; an empty tuple stands for an empty list, and nobody can change it."""
    parameters = list(inspect.signature(function).parameters.values())[1:]
    return ", ".join(parameter.name if parameter.default is parameter.empty else
                     f"{parameter.name}={[] if parameter.default == () else parameter.default!r}" for parameter in parameters)


@pytest.mark.parametrize("owner", SIGNATURES, ids=lambda owner: owner.__name__)
def test_methods_take_what_the_originals_take(owner):
    assert {name: told(getattr(owner, name)) for name in SIGNATURES[owner]} == SIGNATURES[owner]


def test_each_provider_has_its_module_and_attributes():
    for provider in PROVIDERS.values():
        spec = getattr(importlib.import_module(f"vcpsdk.plugins.{provider.name}"), provider.class_name)
        wanted = [name for name, providers in ATTRIBUTES.items() if provider.name in providers.split()]
        common = ["set_ssh_pubkey", "set_tag", "cci", "version", "num_disks" if provider.unit_type == "storage" else "num_nodes"]
        assert [name for name in wanted + common if not hasattr(spec, name)] == [], provider.name


def test_what_other_services_do_is_refused_by_name():
    module = importlib.import_module("vcpsdk.plugins.chameleon_ext")
    for name in EXTENSIONS:
        with pytest.raises(VcpSDKError, match="spec.reservation"):
            getattr(module, name)("chameleon", "", "token")
    assert MdxResourceExt("token").endpoint.startswith("https://")
    with pytest.raises(MdxRestException, match="deploy_vm: this SDK does not speak to the mdx service"):
        MdxResourceExt("token").deploy_vm("vm", {}, wait_for=False)

"""Our SDK, the controller and EC2 as moto plays it. Machines that answer at the instances' addresses are simulated, so that
logging in and base containers are real."""

import json

import pytest

from aws_account import Account, tags
from controller_server import ControllerServer
from sdk_place import configured
from simulated import Servers, new_key
from vcpsdk.vcp_tools import VcpSDKError
from vcpsdk.vcpsdk import VcpSDK


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A controller whose cloud is an account at moto, servers at the addresses of its subnet, and a key for the nodes."""
    folder = tmp_path_factory.mktemp("aws")
    controller = ControllerServer(folder)
    # The controller's key is there before its first start: its cloud has to know the network of the servers, which let it in.
    authorized = new_key(controller.data / ".ssh" / "id_ed25519").with_suffix(".pub")
    servers = Servers(folder, authorized)
    account = Account(folder, servers.network)
    with open(controller.config / ".env", "a") as settings:
        settings.write("VCC_PAUSE=200ms\nVCC_CHECK_INTERVAL=2s\n")
    controller.environment["AWS_ENDPOINT_URL_EC2"] = account.endpoint
    controller.start()
    controller.vcc("image", "add", servers.image_file)
    yield controller, servers, account, new_key(folder / "key")
    assert controller.stop() == 0
    assert "panicked" not in controller.log.read_text()
    account.stop()
    servers.stop()


@pytest.fixture
def sdk(place, tmp_path, monkeypatch):
    """An SDK whose token has the account's key in the vault, and a subnet."""
    controller, servers, account, _ = place
    (controller.config / "config" / "vpn_catalog.yml").write_text(account.new_catalogue())
    controller.vcc("vpncatalog", "set")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", controller.ca)
    monkeypatch.setenv("VCPSDK_POLL_SECONDS", "0.2")
    monkeypatch.setenv("VCPSDK_KNOWN_HOSTS", str(tmp_path / "known_hosts"))
    token = controller.token()
    vault = controller.hvac(token)
    vault.write("cubbyhole/aws/access_key", value=account.key[0])
    vault.write("cubbyhole/aws/secret_key", value=account.key[1])
    sdk = VcpSDK(token, config_dir=str(configured(tmp_path, controller, wait=60)))
    yield sdk
    for group in sdk.find_ugroups(ugroup_type="compute") + sdk.find_ugroups(ugroup_type="storage"):
        group.cleanup()
    assert (account.instances(), account.volumes()) == ({}, {})
    assert set(account.spot_requests()) <= {"cancelled", "closed"}
    for address in servers.addresses:
        terminated(servers, address)


def terminated(servers, address):
    """The disk of a machine goes with it."""
    for container in servers.containers(address):
        servers.docker(address, "rm", "--force", container)


def spec_of(sdk, place, provider, addresses):
    """A spec as notebooks fill it in."""
    _, servers, _, key = place
    spec = sdk.get_spec(provider, "small")
    spec.image = servers.image
    spec.ip_addresses = addresses
    spec.set_ssh_pubkey(f"{key}.pub")
    return spec


def test_nodes_and_a_disk(place, sdk):
    controller, servers, account, key = place
    storage = sdk.create_ugroup("disks", "storage")
    wanted = sdk.get_spec("aws_disk", "small")
    wanted.size = 17
    wanted.set_tag("course", "linux & sécurité")
    (disk,) = storage.create_unit("data", wanted).find_nodes()
    volume = account.volumes()[disk.cloud_disk_id]
    assert (disk.state, disk.cloud_disk_size, disk.used_state) == ("RUNNING", 17, "un-use")
    assert (volume["Size"], volume["VolumeType"], tags(volume)["course"]) == (17, "standard", "linux & sécurité")

    group = sdk.create_ugroup("cloud")
    pair = spec_of(sdk, place, "aws", servers.addresses[:2])
    pair.volume_size, pair.volume_type = 20, "gp3"
    pair.set_tag("course", "linux & sécurité")
    unit = group.create_unit("pair", pair)
    single = spec_of(sdk, place, "aws", servers.addresses[2:])
    single.disks = [disk]
    group.create_unit("single", single)

    instances, volumes = account.instances("running"), account.volumes()
    assert sorted(instances) == servers.addresses
    name = f"VCP-{group._vc.vcc_id[:8]}-{group._vc.vcid[:8]}"
    for node in group.find_nodes():
        address, instance = node.cloud_instance_address, instances[node.cloud_instance_address]
        assert (node.state, node.cloud_instance_id) == ("RUNNING", instance["InstanceId"])
        assert tags(instance)["Name"] == name and instance["InstanceType"] == "m5.large"
        assert tags(instance)["VCP-unit"] == node.unit.name and tags(instance)["VCP-vcid"] == group._vc.vcid
        assert node.ssh_exec("echo hi", private_key_path=str(key))[0] == "hi\n"
        (container,) = servers.containers(address)
        (seen,) = json.loads(servers.docker(address, "inspect", container))
        env = seen["Config"]["Env"]
        assert f"PRIVATE_IP={address}" in env and f"SERF_NODE_ID={group._vc.vcid}:{node.unit.name}:{node.no}" in env
    for address in servers.addresses[:2]:
        (root,) = instances[address]["BlockDeviceMappings"]
        assert tags(instances[address])["course"] == "linux & sécurité"
        booted = volumes[root["Ebs"]["VolumeId"]]
        assert (booted["Size"], booted["VolumeType"], tags(booted)["Name"]) == (20, "gp3", name)
    assert set(group.df_nodes().data["cloud_instance_name"]) == {name}
    (with_disk,) = group.find_nodes(unit_name="single")
    assert with_disk.volumes == [{"volume_id": disk.cloud_disk_id, "device_name": "/dev/sdf"}]
    (attachment,) = volumes[disk.cloud_disk_id]["Attachments"]
    assert (attachment["InstanceId"], attachment["Device"]) == (with_disk.cloud_instance_id, "/dev/sdf")
    assert storage.find_nodes()[0].used_state == "in-use"

    powered_off_and_on(servers, account, unit)
    a_disk_that_is_attached_stays(account, storage, disk)
    group.cleanup()
    assert account.instances() == {} and list(account.volumes()) == [disk.cloud_disk_id]
    storage.cleanup()
    assert account.volumes() == {}
    assert controller.call("GET", f"/vcs/{disk.vc.vcid}", sdk._oc.vcc_access_token).status_code == 404


def powered_off_and_on(servers, account, unit):
    first, second = servers.addresses[:2]
    before = account.instances()[first]["InstanceId"]
    (container,) = servers.containers(first)
    unit.power_off_nodes(ip_address=first)
    assert account.instances("stopped")[first]["InstanceId"] == before
    # What ends with the machine.
    servers.docker(first, "kill", container)
    servers.tell("cut", first)
    assert unit.find_ip_addresses(node_state="POWER_OFF") == [first]
    assert unit.find_ip_addresses(node_state="RUNNING") == [second]
    servers.tell("heal", first)
    assert [node.state for node in unit.power_on_nodes(ip_address=first)] == ["RUNNING", "RUNNING"]
    assert account.instances("running")[first]["InstanceId"] == before
    assert servers.containers(first) == [container]
    assert json.loads(servers.docker(first, "inspect", container))[0]["State"]["Running"]


def a_disk_that_is_attached_stays(account, storage, disk):
    with pytest.raises(VcpSDKError, match="not completed!!!"):
        storage.cleanup()
    (kept,) = storage.find_nodes()
    assert (kept.id, kept.state) == (disk.id, "RUNNING") and "VolumeInUse: " in kept.error_message
    assert account.volumes()[disk.cloud_disk_id]["State"] == "in-use"


def test_a_spot_instance(place, sdk):
    _, servers, account, key = place
    group = sdk.create_ugroup("spot")
    spec = spec_of(sdk, place, "aws_spot", servers.addresses[:1])
    spec.spot_price = "0.05"
    spec.set_tag("course", "a")
    unit = group.create_unit("w", spec)
    (node,) = unit.find_nodes()
    instance = account.instances("running")[servers.addresses[0]]
    assert (instance["InstanceId"], instance["InstanceLifecycle"]) == (node.cloud_instance_id, "spot")
    assert tags(instance)["course"] == "a"
    assert node.ssh_exec("echo hi", private_key_path=str(key))[0] == "hi\n"
    with pytest.raises(Exception, match="power_off failed"):
        unit.power_off_nodes()
    group.cleanup()
    assert account.instances() == {}


def test_a_key_that_is_wrong_is_said_and_mended(place, sdk, capsys):
    _, servers, account, _ = place
    group = sdk.create_ugroup("wrong")
    for access_key, secret_key, says in (
        ("AKIAIOSFODNN7EXAMPLE", account.key[1], "AuthFailure"),
        (account.key[0], "another secret", "AuthFailure"),
        (account.key[1], account.key[0], "exchanged"),
    ):
        sdk.post_credential("aws/access_key", access_key)
        sdk.post_credential("aws/secret_key", secret_key)
        with pytest.raises(VcpSDKError, match=r"failed \(w\)"):
            group.create_unit("w", spec_of(sdk, place, "aws", servers.addresses[:2]))
        assert group.get_unit("w").state == group.state == "ERROR"
        capsys.readouterr()
        print(group)
        shown = capsys.readouterr().out
        assert "+ type[compute] name[w]  state[ERROR]\n*** HAS ERROR:\n---\n" in shown and says in shown
        assert account.key[1] not in shown and "another secret" not in shown
        # Nothing was made with it, so nothing is in the way of its end.
        group.delete_units("w", force=True)
        assert group.find_units() == []
    sdk.post_credential("aws/access_key", account.key[0])
    sdk.post_credential("aws/secret_key", account.key[1])
    unit = group.create_unit("w", spec_of(sdk, place, "aws", servers.addresses[:2]))
    assert unit.find_ip_addresses(node_state="RUNNING") == servers.addresses[:2]
    group.cleanup()


def test_a_secret_that_cannot_be_read_is_named(place, sdk, said):
    controller, servers, account, _ = place
    group = sdk.create_ugroup("unread")
    # Of the same user, but what the first token keeps is that token's alone.
    token = controller.token()
    theirs = VcpSDK(token, config_dir=sdk.config_dir).get_ugroup("unread")
    for kept in ({}, {"access_key": {"value": account.key[0]}}, {"secret_key": {"key": account.key[1]}}):
        for name, fields in kept.items():
            controller.hvac(token).write(f"cubbyhole/aws/{name}", **fields)
        said.clear()
        with pytest.raises(Exception) as error:
            theirs.create_unit("w", spec_of(sdk, place, "aws", servers.addresses[:1]))
        assert error.value.args == ("VCP", "add unit failed")
        assert said[0] == "add unit failed: http_status(403)"
        lacking = "secret_key" if kept else "access_key"
        assert "VCPVaultReadException: " in said[1] and f":cubbyhole/aws/{lacking} vault read is failed: " in said[1]
        assert group.find_units() == [] and account.instances() == {}
    group.cleanup()

"""Our SDK with the real controller: the first calls of every notebook, refusals as notebooks see them, and users."""

import time

import pytest
from ruamel.yaml import YAML

import processes
from sdk_place import configured
from vcpsdk.vcp_tools import VcpSDKError
from vcpsdk.vcpsdk import VcpSDK


@pytest.fixture
def sdk_of(controller, tmp_path, monkeypatch):
    """Makes SDKs for tokens; each keeps what it asked in `.asked`."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", controller.ca)
    monkeypatch.setenv("VCPSDK_POLL_SECONDS", "0.1")
    configured(tmp_path, controller)

    def made(token):
        sdk = VcpSDK(token, config_dir=str(tmp_path))
        sdk.asked = []
        sdk._oc.session.hooks["response"].append(
            lambda answer, *_, **__: sdk.asked.append((answer.request.method, answer.request.path_url, answer.status_code)))
        return sdk

    return made


def test_the_first_calls_of_every_notebook(controller, sdk_of, capsys):
    sdk = sdk_of(controller.token())
    assert sdk.authority() == {"role": "fullaccess", "user_name": "nobody", "user_role": "regular"}
    capsys.readouterr()
    sdk.version()
    version = YAML(typ="safe").load(capsys.readouterr().out)["vc_controller"]["vc_controller"]
    # As the templates' check_vcc_version(vcp, "25.04") reads it.
    assert tuple(int(part) for part in version.split("+")[0].split(".")) >= (25, 4)
    assert sdk.get_publickey().startswith("ssh-")
    assert sdk.get_vpn_catalog("onpremises") == {} and sdk.get_vpn_catalog() == {"onpremises": {"default": {}}}
    with pytest.raises(Exception, match="not exist in vpn_catalog"):
        sdk.get_vpn_catalog("aws")
    assert list(sdk.df_ugroups().data.columns) == ["vcno", "vctype", "owner", "vcname", "state", "vcid", "cdate"]
    assert sdk.vcc_info()["vault_url"] == controller.vault_url
    base = "/vcp/v1/occtr"
    paths = ["/accounts/authority", "/version", "/publickey", "/vpn_catalog", "/vpn_catalog", "/vpn_catalog", "", "/vcs"]
    assert sdk.asked == [("GET", base + path, 200) for path in paths]


def test_a_unit_group_comes_and_goes(controller, sdk_of, said):
    sdk = sdk_of(controller.token())
    group = sdk.create_ugroup("first")
    assert (group.name, group.owner, len(group._vc.vcid)) == ("first", "nobody", 32)
    with pytest.raises(VcpSDKError, match="aleady exist UnitGroup"):
        sdk.create_ugroup("first")
    group.name = "renamed"
    assert sdk.get_ugroup("first") is None and sdk.get_ugroup("renamed").owner == "nobody"
    assert group.df_nodes() == [] and list(group.df_units().columns)[0] == "vctype"
    assert str(group).startswith("[Vc]\n+ type[compute] name[renamed] owner(nobody) vcno(")
    vcid = group._vc.vcid
    group.cleanup()
    assert said[-1].startswith("cleanup completed. vc ")
    processes.eventually(lambda: sdk.find_ugroups(vcid=vcid) == [], what="the end of the unit group")


def test_refusals_as_notebooks_see_them(controller, sdk_of, said):
    with pytest.raises(Exception) as error:
        sdk_of("00000000-0000-0000-0000-000000000000")
    assert error.value.args == ("VCP", "config vc failed")
    assert said[0] == "config vc failed: http_status(403)"
    assert "VCPAuthException: " in said[1] and said[1].endswith(":token lookup is failed: permission denied")
    sdk = sdk_of(controller.token())
    group = sdk.create_ugroup("refused")
    spec = sdk.get_spec("onpremises", "default")
    spec.params_e = ["A=b"]
    said.clear()
    with pytest.raises(Exception) as error:
        group.create_unit("none", spec)
    assert error.value.args == ("VCP", "add unit failed")
    assert said[0].startswith("add unit failed: http_status(4") and "ip_address" in said[1]
    assert group.find_units() == []
    group.cleanup()


def test_credentials_are_kept_for_their_token_alone(controller, sdk_of):
    mine, other = sdk_of(controller.token()), sdk_of(controller.token())
    mine.post_credential("aws/access_key", "AKIA")
    assert mine.get_credential("aws/access_key") == "AKIA"
    with pytest.raises(VcpSDKError, match=r"http_status\(404\)"):
        other.get_credential("aws/access_key")


def test_users_see_what_is_theirs(controller, sdk_of, said):
    first, second = sdk_of(controller.user("first")), sdk_of(controller.user("second"))
    boss_token = controller.user("boss", "super")
    boss = sdk_of(boss_token)
    group = first.create_ugroup("of-first")
    assert second.get_ugroup("of-first") is None and boss.get_ugroup("of-first") is None
    with pytest.raises(Exception, match="config vc failed"):
        second.get_ugroup("of-first", privileged=True)
    assert said[0].startswith("config vc failed: http_status(403)")
    assert boss.get_ugroup("of-first", privileged=True).owner == "first"
    assert boss.get_ugroup("of-first") is None, "the privilege ended with its call"
    boss.get_ugroup("of-first", privileged=True).change_owner("second", privileged=True)
    assert first.get_ugroup("of-first") is None and second.get_ugroup("of-first").owner == "second"
    second.get_ugroup("of-first").cleanup()
    del group


def test_a_token_that_ended_is_refused_within_seconds(controller, sdk_of):
    token = controller.token()
    sdk = sdk_of(token)
    controller.vcc("token", "revoke", "-t", token)
    begun = time.monotonic()

    def is_refused():
        try:
            sdk.authority()
        except Exception as error:
            return error.args == ("VCP", "authority error")
        return False

    processes.eventually(is_refused, what="the refusal")
    assert time.monotonic() - begun < 5

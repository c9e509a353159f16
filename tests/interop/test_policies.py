"""Policies with hvac: written, read, listed, deleted, and enforced."""

import hvac.exceptions
import pytest

RULES = """
# Rules of a test
path "{mount}/data/app/*"      {{ capabilities = ["create", "read"] }}
path "{mount}/data/app/config" {{ capabilities = ["read", "update"] }}
path "{mount}/metadata/app/*"  {{ capabilities = ["list"] }}
path "{mount}/metadata/app"    {{ capabilities = ["list"] }}
path "{mount}/data/app/hidden" {{ capabilities = ["deny"] }}
path "{mount}/data/+/shared"   {{ capabilities = ["read"] }}
"""


@pytest.fixture
def limited(vault, root, kv2):
    """A client whose token may what RULES say."""
    name = vault.new_name("policy")
    root.sys.create_or_update_policy(name, RULES.format(mount=kv2))
    yield vault.client(root.auth.token.create(policies=[name])["auth"]["client_token"])
    root.sys.delete_policy(name)


def test_policies_are_written_read_listed_and_deleted(vault, root):
    text = 'path "secret/*" {\n  capabilities = ["read"]\n}\n'
    root.sys.create_or_update_policy("Some-Policy", text)
    assert root.sys.read_policy("some-policy")["data"] == {"name": "some-policy", "rules": text}
    modern = vault.request("GET", "sys/policies/acl/some-policy").json()["data"]
    assert modern == {"name": "some-policy", "policy": text}
    listed = root.sys.list_policies()
    assert listed["policies"] == listed["data"]["policies"] == listed["data"]["keys"]
    # `root` is no stored policy: it comes last.
    assert listed["policies"][:-1] == sorted(listed["policies"][:-1]) and listed["policies"][-1] == "root"
    assert {"default", "some-policy"} <= set(listed["policies"])
    assert "some-policy" in vault.request("LIST", "sys/policies/acl").json()["data"]["keys"]
    root.sys.delete_policy("some-policy")
    with pytest.raises(hvac.exceptions.InvalidPath):
        root.sys.read_policy("some-policy")
    assert "some-policy" not in root.sys.list_policies()["policies"]


def test_json_is_as_good_as_hcl(vault, root, kv2):
    root.sys.create_or_update_policy("json", {"path": {f"{kv2}/data/x": {"capabilities": ["read"]}}})
    client = vault.client(root.auth.token.create(policies=["json"])["auth"]["client_token"])
    assert client.sys.get_capabilities([f"{kv2}/data/x"])["data"][f"{kv2}/data/x"] == ["read"]
    root.sys.delete_policy("json")


def test_policies_that_make_no_sense_are_refused(vault, root):
    for text in ["path", 'path "x" { capabilities = ["fly"] }', 'path "x" { unknown = 1 }', "}{", 'path "x+*" {}']:
        answer = vault.request("POST", "sys/policies/acl/senseless", {"policy": text})
        assert answer.status_code == 400 and answer.json()["errors"], text
    assert vault.request("GET", "sys/policies/acl/senseless").status_code == 404
    for name in ["root", "response-wrapping", "control-group"]:
        assert vault.request("POST", f"sys/policies/acl/{name}", {"policy": ""}).status_code == 400
    for name in ["root", "default"]:
        assert vault.request("DELETE", f"sys/policies/acl/{name}").status_code == 400
    assert {"default", "root"} <= set(root.sys.list_policies()["policies"])


def test_a_limited_token_does_what_it_may_and_no_more(root, limited, kv2):
    owner, user = root.secrets.kv.v2, limited.secrets.kv.v2
    refused = hvac.exceptions.Forbidden

    def read(path):
        return user.read_secret_version(path, mount_point=kv2, raise_on_deleted_version=True)["data"]["data"]

    for path in ["app/config", "app/hidden", "app/old", "other/shared", "other/own"]:
        owner.create_or_update_secret(path, {"of": path}, mount_point=kv2)
    # read
    assert read("app/config") == {"of": "app/config"}
    assert read("other/shared") == {"of": "other/shared"}
    for path in ["app/hidden", "other/own", "other/deeper/shared"]:
        with pytest.raises(refused, match="permission denied"):
            read(path)
    # create, but not update
    user.create_or_update_secret("app/new", {"by": "user"}, mount_point=kv2)
    assert read("app/new") == {"by": "user"}
    for path in ["app/new", "app/old", "app/hidden", "other/shared", "elsewhere"]:
        with pytest.raises(refused):
            user.create_or_update_secret(path, {"by": "user"}, mount_point=kv2)
    # update
    user.create_or_update_secret("app/config", {"by": "user"}, mount_point=kv2)
    # list
    assert user.list_secrets("app", mount_point=kv2)["data"]["keys"] == ["config", "hidden", "new", "old"]
    for path in ["", "other"]:
        with pytest.raises(refused):
            user.list_secrets(path, mount_point=kv2)
    # delete, and everything else
    for attempt in [
        lambda: user.delete_latest_version_of_secret("app/config", mount_point=kv2),
        lambda: user.delete_metadata_and_all_versions("app/config", mount_point=kv2),
        lambda: user.read_secret_metadata("app/config", mount_point=kv2),
        lambda: user.configure(max_versions=1, mount_point=kv2),
        lambda: limited.sys.list_mounted_secrets_engines(),
        lambda: limited.sys.enable_secrets_engine("kv", path="theirs"),
        lambda: limited.sys.create_or_update_policy("own", RULES.format(mount=kv2)),
        lambda: limited.auth.token.create(policies=["root"]),
        lambda: limited.sys.seal(),
    ]:
        with pytest.raises(refused):
            attempt()
    assert owner.read_secret_version("app/hidden", mount_point=kv2, raise_on_deleted_version=True)["data"]["data"] == {"of": "app/hidden"}
    assert owner.read_secret_version("app/old", mount_point=kv2, raise_on_deleted_version=True)["data"]["data"] == {"of": "app/old"}


def test_what_a_policy_says_counts_at_once(vault, root, kv2):
    root.secrets.kv.v2.create_or_update_secret("x", {"n": 1}, mount_point=kv2)
    root.sys.create_or_update_policy("changing", f'path "{kv2}/*" {{ capabilities = ["read"] }}')
    token = root.auth.token.create(policies=["changing"])["auth"]["client_token"]
    status = lambda: vault.request("GET", f"{kv2}/data/x", token=token).status_code
    assert status() == 200
    root.sys.create_or_update_policy("changing", f'path "{kv2}/*" {{ capabilities = ["deny"] }}')
    assert status() == 403
    root.sys.create_or_update_policy("changing", f'path "{kv2}/*" {{ capabilities = ["read"] }}')
    assert status() == 200
    root.sys.delete_policy("changing")
    assert status() == 403


def test_capabilities_are_told(vault, root, limited, kv2):
    paths = {
        f"{kv2}/data/app/x": ["read", "create"], f"{kv2}/data/app/config": ["read", "update"],
        f"{kv2}/data/app/hidden": ["deny"], f"{kv2}/data/elsewhere": ["deny"], f"{kv2}/metadata/app": ["list"],
    }
    answer = limited.sys.get_capabilities(list(paths))["data"]
    assert {path: sorted(answer[path]) for path in paths} == {path: sorted(caps) for path, caps in paths.items()}
    single = root.sys.get_capabilities([f"{kv2}/data/app/config"], token=limited.token)["data"]
    assert sorted(single["capabilities"]) == ["read", "update"]
    accessor = limited.auth.token.lookup_self()["data"]["accessor"]
    by_accessor = root.sys.get_capabilities([f"{kv2}/data/app/config"], accessor=accessor)["data"]
    assert by_accessor["capabilities"] == single["capabilities"]
    assert root.sys.get_capabilities(["any/path"])["data"]["capabilities"] == ["root"]
    with pytest.raises(hvac.exceptions.InvalidRequest):
        root.sys.get_capabilities(["any/path"], token="hvs.unknown")
    assert vault.request("POST", "sys/capabilities-self", {}).status_code == 400


def test_parameters_can_be_limited(vault, root, kv1):
    root.sys.create_or_update_policy(
        "parameters",
        f'path "{kv1}/p" {{\n  capabilities = ["create", "update"]\n'
        '  allowed_parameters = { "colour" = ["green", "blue*"], "free" = [] }\n'
        '  required_parameters = ["colour"]\n}\n',
    )
    token = root.auth.token.create(policies=["parameters"])["auth"]["client_token"]
    status = lambda body: vault.request("POST", f"{kv1}/p", body, token=token).status_code
    assert status({"colour": "green", "free": "any"}) == 204
    assert status({"colour": "blueish"}) == 204
    for body in [{"colour": "red"}, {"free": "x"}, {"colour": "green", "other": "x"}]:
        assert status(body) == 403, body
    root.sys.delete_policy("parameters")

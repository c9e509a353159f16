"""The AppRole auth method with hvac: roles, secret ids, logins, their bounds."""

import concurrent.futures
import time

import hvac.exceptions
import pytest


@pytest.fixture
def approle(vault, root):
    """The path of an approle mount that only this test uses."""
    path = vault.new_name("approle")
    root.sys.enable_auth_method("approle", path=path)
    yield path
    root.sys.disable_auth_method(path)


def make_role(root, approle, name="r", **fields):
    """Makes a role; gives its role id."""
    root.auth.approle.create_or_update_approle(name, mount_point=approle, **fields)
    return root.auth.approle.read_role_id(name, mount_point=approle)["data"]["role_id"]


def make_secret_id(root, approle, name="r", **fields):
    return root.auth.approle.generate_secret_id(name, mount_point=approle, **fields)["data"]


def login(vault, approle, role_id, secret_id=None):
    client = vault.client(token=None)
    return client.auth.approle.login(role_id, secret_id, use_token=False, mount_point=approle)["auth"]


def test_a_role_logs_in(vault, root, approle):
    role_id = make_role(root, approle, token_policies=["p"], token_ttl="20m", token_max_ttl="30m")
    secret_id = make_secret_id(root, approle, metadata={"host": "h1"})
    assert set(secret_id) == {"secret_id", "secret_id_accessor", "secret_id_num_uses", "secret_id_ttl"}
    made = login(vault, approle, role_id, secret_id["secret_id"])
    assert made["token_policies"] == ["default", "p"] and made["lease_duration"] == 1200
    assert made["metadata"] == {"host": "h1", "role_name": "r"}
    client = vault.client(made["client_token"])
    assert client.auth.token.renew_self(increment="1h")["auth"]["lease_duration"] <= 1800
    entity = root.secrets.identity.read_entity(made["entity_id"])["data"]
    assert entity["aliases"][0]["name"] == role_id
    root.auth.approle.delete_role("r", mount_point=approle)
    with pytest.raises(hvac.exceptions.VaultError):
        client.auth.token.renew_self()
    with pytest.raises(hvac.exceptions.InvalidRequest, match="invalid role or secret ID"):
        login(vault, approle, role_id, secret_id["secret_id"])


def test_roles_are_read_listed_and_deleted(vault, root, approle):
    make_role(root, approle, "one", secret_id_num_uses=3, secret_id_ttl="10m", token_period="1h")
    make_role(root, approle, "two")
    assert root.auth.approle.list_roles(mount_point=approle)["data"]["keys"] == ["one", "two"]
    data = root.auth.approle.read_role("one", mount_point=approle)["data"]
    assert (data["bind_secret_id"], data["secret_id_num_uses"], data["secret_id_ttl"]) == (True, 3, 600)
    assert (data["token_period"], data["local_secret_ids"], data["secret_id_bound_cidrs"]) == (3600, False, None)
    root.auth.approle.update_role_id("one", "chosen", mount_point=approle)
    assert root.auth.approle.read_role_id("one", mount_point=approle)["data"]["role_id"] == "chosen"
    assert vault.request("GET", f"auth/{approle}/role/one/token-ttl").json()["data"] == {"token_ttl": 0}
    assert vault.request("POST", f"auth/{approle}/role/one/token-ttl", {"token_ttl": "5m"}).status_code == 204
    assert vault.request("GET", f"auth/{approle}/role/one/token-ttl").json()["data"] == {"token_ttl": 300}
    assert vault.request("DELETE", f"auth/{approle}/role/one/token-ttl").status_code == 204
    root.auth.approle.delete_role("one", mount_point=approle)
    with pytest.raises(hvac.exceptions.InvalidPath):
        root.auth.approle.read_role("one", mount_point=approle)


def test_secret_ids_are_looked_up_and_destroyed(vault, root, approle):
    role_id = make_role(root, approle)
    make_role(root, approle, "other")
    made = root.auth.approle.create_custom_secret_id("r", "mine", metadata={"a": "b"}, mount_point=approle)["data"]
    assert made["secret_id"] == "mine"
    by_id = root.auth.approle.read_secret_id("r", "mine", mount_point=approle)["data"]
    accessor = made["secret_id_accessor"]
    assert by_id == root.auth.approle.read_secret_id_accessor("r", accessor, mount_point=approle)["data"]
    assert by_id["metadata"] == {"a": "b"} and by_id["expiration_time"] == "0001-01-01T00:00:00Z"
    assert root.auth.approle.list_secret_id_accessors("r", mount_point=approle)["data"]["keys"] == [accessor]
    # CVE-2023-24999: not by way of another role.
    with pytest.raises(hvac.exceptions.InvalidPath):
        root.auth.approle.destroy_secret_id_accessor("other", accessor, mount_point=approle)
    assert login(vault, approle, role_id, "mine")["client_token"]
    root.auth.approle.destroy_secret_id_accessor("r", accessor, mount_point=approle)
    with pytest.raises(hvac.exceptions.InvalidRequest):
        login(vault, approle, role_id, "mine")
    second = make_secret_id(root, approle)["secret_id"]
    root.auth.approle.destroy_secret_id("r", second, mount_point=approle)
    with pytest.raises(hvac.exceptions.InvalidRequest):
        login(vault, approle, role_id, second)


def test_uses_hold_under_parallel_logins(vault, root, approle):
    role_id = make_role(root, approle)
    secret_id = make_secret_id(root, approle)["secret_id"]
    limited = vault.request("POST", f"auth/{approle}/role/r/secret-id", {"num_uses": 5}).json()["data"]["secret_id"]

    def attempt(secret_id):
        body = {"role_id": role_id, "secret_id": secret_id}
        return vault.request("POST", f"auth/{approle}/login", body, token=None).status_code

    off = {"user_lockout_config": {"lockout_disable": True}}
    assert vault.request("POST", f"sys/auth/{approle}/tune", off).status_code == 204
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(attempt, [limited] * 24))
        assert (codes.count(200), codes.count(400)) == (5, 19)
        assert set(pool.map(attempt, [secret_id] * 16)) == {200}
    assert len(root.auth.approle.list_secret_id_accessors("r", mount_point=approle)["data"]["keys"]) == 1


def test_secret_ids_end(vault, root, approle):
    role_id = make_role(root, approle, secret_id_ttl="1s")
    secret_id = make_secret_id(root, approle)["secret_id"]
    assert login(vault, approle, role_id, secret_id)["client_token"]
    deadline = time.monotonic() + 10
    while vault.request("POST", f"auth/{approle}/login", {"role_id": role_id, "secret_id": secret_id}).status_code == 200:
        assert time.monotonic() < deadline
    tidied = vault.request("POST", f"auth/{approle}/tidy/secret-id")
    assert tidied.status_code == 202 and tidied.json()["warnings"]
    with pytest.raises(hvac.exceptions.InvalidPath):
        root.auth.approle.list_secret_id_accessors("r", mount_point=approle)


def test_cidrs_bind_secret_ids_and_tokens(vault, root, approle):
    role_id = make_role(root, approle, secret_id_bound_cidrs=["127.0.0.0/8"], token_bound_cidrs=["127.0.0.0/8"])
    with pytest.raises(hvac.exceptions.InvalidRequest, match="subset"):
        make_secret_id(root, approle, cidr_list=["10.0.0.0/8"])
    near = make_secret_id(root, approle, cidr_list=["127.0.0.1/32"])["secret_id"]
    assert login(vault, approle, role_id, near)["client_token"]
    far = make_secret_id(root, approle, cidr_list=["127.9.0.0/16"])["secret_id"]
    with pytest.raises(hvac.exceptions.InvalidRequest, match="CIDR"):
        login(vault, approle, role_id, far)
    elsewhere = make_secret_id(root, approle, token_bound_cidrs=["127.9.0.0/16"])["secret_id"]
    with pytest.raises(hvac.exceptions.Forbidden):
        login(vault, approle, role_id, elsewhere)


def test_a_role_may_go_without_secret_ids(vault, root, approle):
    with pytest.raises(hvac.exceptions.InvalidRequest, match="at least one constraint"):
        make_role(root, approle, "open", bind_secret_id=False)
    role_id = make_role(root, approle, "open", bind_secret_id=False, token_bound_cidrs=["127.0.0.1/32"])
    assert login(vault, approle, role_id)["client_token"]


def test_missing_and_wrong_ids(vault, root, approle):
    role_id = make_role(root, approle)
    for body, message in [
        ({}, "missing role_id"),
        ({"role_id": role_id}, "missing secret_id"),
        ({"role_id": role_id, "secret_id": "x"}, "invalid role or secret ID"),
        ({"role_id": "x", "secret_id": "x"}, "invalid role or secret ID"),
    ]:
        answer = vault.request("POST", f"auth/{approle}/login", body, token=None)
        assert (answer.status_code, answer.json()["errors"]) == (400, [message])

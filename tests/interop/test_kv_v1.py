"""KV version 1, and each token's cubbyhole, which follows the same rules."""

import hvac.exceptions
import pytest


def test_a_secret_is_written_read_listed_and_deleted(root, kv1):
    kv = root.secrets.kv.v1
    secret = {"text": "ä€𝄞", "number": 1.5, "big": 12345678901234567890, "list": [1, None, True], "map": {"k": {}}}
    kv.create_or_update_secret("a/b/c", secret, mount_point=kv1)
    kv.create_or_update_secret("a/b", {"shadow": "no"}, mount_point=kv1)
    kv.create_or_update_secret("top", {"x": ""}, mount_point=kv1)
    answer = kv.read_secret("a/b/c", mount_point=kv1)
    assert answer["data"] == secret and answer["lease_duration"] == 2764800 and answer["renewable"] is False
    assert kv.list_secrets("", mount_point=kv1)["data"]["keys"] == ["a/", "top"]
    assert kv.list_secrets("a", mount_point=kv1)["data"]["keys"] == ["b", "b/"]
    kv.create_or_update_secret("a/b/c", {"only": "this"}, mount_point=kv1)
    assert kv.read_secret("a/b/c", mount_point=kv1)["data"] == {"only": "this"}
    kv.delete_secret("a/b/c", mount_point=kv1)
    kv.delete_secret("a/b/c", mount_point=kv1)
    with pytest.raises(hvac.exceptions.InvalidPath):
        kv.read_secret("a/b/c", mount_point=kv1)
    assert kv.list_secrets("a", mount_point=kv1)["data"]["keys"] == ["b"]
    with pytest.raises(hvac.exceptions.InvalidPath):
        kv.list_secrets("a/b", mount_point=kv1)


def test_a_secrets_own_ttl_is_its_lease(root, kv1):
    root.secrets.kv.v1.create_or_update_secret("short", {"ttl": "90s", "v": "1"}, mount_point=kv1)
    answer = root.secrets.kv.v1.read_secret("short", mount_point=kv1)
    assert (answer["lease_duration"], answer["data"]["ttl"]) == (90, "90s")


def test_nothing_is_no_secret(vault, kv1):
    answer = vault.request("POST", f"{kv1}/empty", {})
    assert answer.status_code == 400 and answer.json()["errors"] == ["missing data fields"]
    assert vault.request("GET", f"{kv1}/empty").status_code == 404


def test_names_are_taken_as_they_are(vault, kv1):
    for name in ["with blank", "a%b", "ünïcode", "a+b", "q?x", "h#y", "data", "metadata"]:
        quoted = "".join(c if c.isalnum() and c.isascii() else "".join(f"%{b:02X}" for b in c.encode()) for c in name)
        assert vault.request("POST", f"{kv1}/{quoted}", {"name": name}).status_code == 204
        assert vault.request("GET", f"{kv1}/{quoted}").json()["data"] == {"name": name}
        assert name in vault.request("LIST", kv1).json()["data"]["keys"]


def test_a_cubbyhole_belongs_to_one_token(vault, root):
    child = vault.client(root.auth.token.create(policies=["default"])["auth"]["client_token"])
    root.write_data("cubbyhole/mine", data={"of": "root"})
    child.write_data("cubbyhole/mine", data={"of": "child"})
    child.write_data("cubbyhole/deep/er", data={"of": "child"})
    assert root.read("cubbyhole/mine")["data"] == {"of": "root"}
    assert child.read("cubbyhole/mine")["data"] == {"of": "child"}
    assert child.list("cubbyhole")["data"]["keys"] == ["deep/", "mine"]
    assert root.list("cubbyhole")["data"]["keys"] == ["mine"]
    child.delete("cubbyhole/mine")
    assert child.read("cubbyhole/mine") is None
    assert root.read("cubbyhole/mine")["data"] == {"of": "root"}
    root.delete("cubbyhole/mine")

"""Secrets engines: enabled, tuned, listed, disabled."""

import re

import hvac.exceptions
import pytest


def test_a_new_vault_has_its_own_mounts(root):
    answer = root.sys.list_mounted_secrets_engines()
    assert set(answer["data"]) >= {"sys/", "cubbyhole/"}
    # For clients from before the envelope, the mounts stand beside `data` too.
    assert answer["sys/"] == answer["data"]["sys/"]
    system = answer["data"]["sys/"]
    assert system["type"] == "system" and re.fullmatch(r"system_[0-9a-f]{8}", system["accessor"])
    assert "token/" in root.sys.list_auth_methods()["data"]


@pytest.mark.parametrize("version", ["1", "2"])
def test_an_engine_is_enabled_listed_and_disabled(vault, root, version):
    path = vault.new_name("engine")
    root.sys.enable_secrets_engine(
        "kv", path=path, description="of a test", options={"version": version},
        config={"default_lease_ttl": "1h", "max_lease_ttl": "24h"},
    )
    entry = root.sys.list_mounted_secrets_engines()["data"][f"{path}/"]
    assert entry["type"] == "kv" and entry["description"] == "of a test" and entry["options"] == {"version": version}
    assert (entry["config"]["default_lease_ttl"], entry["config"]["max_lease_ttl"]) == (3600, 86400)
    assert re.fullmatch(r"kv_[0-9a-f]{8}", entry["accessor"]) and len(entry["uuid"]) == 36
    one = vault.request("GET", f"sys/mounts/{path}").json()
    assert one["data"]["accessor"] == entry["accessor"]
    root.sys.disable_secrets_engine(path)
    assert f"{path}/" not in root.sys.list_mounted_secrets_engines()["data"]
    # As often as one likes.
    root.sys.disable_secrets_engine(path)
    with pytest.raises(hvac.exceptions.InvalidPath):
        root.secrets.kv.v1.read_secret("x", mount_point=path)


@pytest.mark.parametrize("kind, version", [("kv-v1", "1"), ("kv-v2", "2")])
def test_the_versions_have_names_of_their_own(vault, root, kind, version):
    path = vault.new_name("named")
    root.sys.enable_secrets_engine(kind, path=path)
    entry = root.sys.list_mounted_secrets_engines()["data"][f"{path}/"]
    assert (entry["type"], entry["options"]["version"]) == ("kv", version)
    root.sys.disable_secrets_engine(path)


def test_an_engine_is_tuned(root, kv2):
    root.sys.tune_mount_configuration(kv2, default_lease_ttl="2h", max_lease_ttl="4h", description="tuned")
    tuned = root.sys.read_mount_configuration(kv2)["data"]
    assert (tuned["default_lease_ttl"], tuned["max_lease_ttl"], tuned["description"]) == (7200, 14400, "tuned")
    with pytest.raises(hvac.exceptions.InvalidRequest):
        root.sys.tune_mount_configuration(kv2, default_lease_ttl="8h")
    assert root.sys.read_mount_configuration(kv2)["data"] == tuned


def test_version_1_becomes_2_and_never_1_again(vault, root, kv1):
    root.secrets.kv.v1.create_or_update_secret("old", {"a": "1"}, mount_point=kv1)
    vault.request("POST", f"sys/mounts/{kv1}/tune", {"options": {"version": "2"}}).raise_for_status()
    assert root.sys.list_mounted_secrets_engines()["data"][f"{kv1}/"]["options"]["version"] == "2"
    answer = vault.request("POST", f"sys/mounts/{kv1}/tune", {"options": {"version": "1"}})
    assert answer.status_code == 400 and "downgrade" in answer.json()["errors"][0]


def test_disabling_takes_the_secrets_along(vault, root):
    path = vault.new_name("again")
    for _ in range(2):
        root.sys.enable_secrets_engine("kv", path=path, options={"version": "2"})
        with pytest.raises(hvac.exceptions.InvalidPath):
            root.secrets.kv.v2.read_secret_version("kept", mount_point=path, raise_on_deleted_version=True)
        root.secrets.kv.v2.create_or_update_secret("kept", {"a": "1"}, mount_point=path)
        root.sys.disable_secrets_engine(path)


def test_paths_that_are_taken_are_refused(vault, root, kv2):
    for path in [kv2, f"{kv2}/below", "sys", "sys/below", "auth/below", "cubbyhole", "identity", "audit/x"]:
        with pytest.raises(hvac.exceptions.InvalidRequest):
            root.sys.enable_secrets_engine("kv", path=path)
    with pytest.raises(hvac.exceptions.InvalidRequest):
        root.sys.enable_secrets_engine("no-such-engine", path=vault.new_name("none"))
    for path in ["sys", "cubbyhole", "identity"]:
        with pytest.raises(hvac.exceptions.InvalidRequest):
            root.sys.disable_secrets_engine(path)
    answer = vault.request("POST", f"sys/mounts/{kv2}", {"type": "kv"})
    assert answer.json()["errors"] == [f"path is already in use at {kv2}/"]


def test_command_lines_find_the_version_of_an_engine(vault, root, kv1, kv2):
    visible = vault.request("GET", "sys/internal/ui/mounts").json()["data"]
    assert visible["secret"][f"{kv2}/"]["options"] == {"version": "2"}
    assert "token/" in visible["auth"]
    for path, version in [(kv1, "1"), (kv2, "2")]:
        found = vault.request("GET", f"sys/internal/ui/mounts/{path}/some/secret").json()["data"]
        assert (found["path"], found["type"], found["options"]["version"]) == (f"{path}/", "kv", version)
    assert vault.request("GET", f"sys/internal/ui/mounts/{kv2}/x", token="hvs.unknown").status_code == 403
    anonymous = vault.request("GET", "sys/internal/ui/mounts", token=None).json()["data"]
    assert f"{kv2}/" not in anonymous["secret"]
    vault.request("POST", f"sys/mounts/{kv2}/tune", {"listing_visibility": "unauth"}).raise_for_status()
    anonymous = vault.request("GET", "sys/internal/ui/mounts", token=None).json()["data"]
    assert set(anonymous["secret"]) == {f"{kv2}/"}

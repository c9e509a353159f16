"""What a vault knows outlives its process, on the stores that outlive it."""

import signal

import hvac.exceptions
import pytest


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL], ids=lambda end: end.name)
def test_a_restarted_vault_finds_everything(vault, end):
    root = vault.client()
    name = vault.new_name("kept")
    root.sys.enable_secrets_engine("kv", path=name, options={"version": "2"}, description="kept")
    for number in range(3):
        root.secrets.kv.v2.create_or_update_secret("a/b", {"n": number}, mount_point=name)
    root.secrets.kv.v2.delete_secret_versions("a/b", [2], mount_point=name)
    root.sys.create_or_update_policy(name, f'path "{name}/*" {{ capabilities = ["read"] }}')
    made = root.auth.token.create(policies=[name], ttl="1h", meta={"k": "v"})["auth"]
    counted = root.auth.token.create(policies=["default"], num_uses=2)["auth"]["client_token"]
    assert vault.request("GET", "auth/token/lookup-self", token=counted).status_code == 200
    gone = root.auth.token.create(policies=[name])["auth"]["client_token"]
    root.auth.token.revoke(gone)
    cluster = root.sys.read_seal_status()["cluster_id"]
    mounts = root.sys.list_mounted_secrets_engines()["data"]

    code = vault.stop(end)
    assert code == (-signal.SIGKILL if end == signal.SIGKILL else 0), vault.log()
    vault.start()
    if vault.store == "inmem":
        assert vault.health() == 501
        vault.initialize()
        vault.unseal()
        return

    assert vault.health() == 503
    with pytest.raises(hvac.exceptions.VaultDown):
        vault.client(made["client_token"]).secrets.kv.v2.read_secret_version("a/b", 1, mount_point=name, raise_on_deleted_version=True)
    vault.unseal()
    root = vault.client()
    user = vault.client(made["client_token"])
    read = lambda version: user.secrets.kv.v2.read_secret_version("a/b", version, mount_point=name, raise_on_deleted_version=True)["data"]["data"]
    assert (read(1), read(3)) == ({"n": 0}, {"n": 2})
    with pytest.raises(hvac.exceptions.InvalidPath):
        read(2)
    with pytest.raises(hvac.exceptions.Forbidden):
        user.secrets.kv.v2.create_or_update_secret("a/b", {"n": 9}, mount_point=name)
    data = user.auth.token.lookup_self()["data"]
    assert data["meta"] == {"k": "v"} and 0 < data["ttl"] <= 3600
    statuses = [vault.request("GET", "auth/token/lookup-self", token=counted).status_code for _ in range(2)]
    assert statuses == [200, 403]
    assert vault.request("GET", "auth/token/lookup-self", token=gone).status_code == 403
    assert root.sys.list_mounted_secrets_engines()["data"] == mounts
    assert root.sys.read_seal_status()["cluster_id"] == cluster
    root.sys.disable_secrets_engine(name)


def test_a_second_server_leaves_a_living_one_alone(vault):
    if vault.store == "inmem":
        return
    from vault_server import VaultServer

    second = VaultServer.__new__(VaultServer)
    second.__dict__.update(vault.__dict__)
    with pytest.raises(RuntimeError, match="did not print"):
        second.start()
    assert second.process.wait(60) == 1
    assert vault.health() == 200
    assert vault.client().is_authenticated()

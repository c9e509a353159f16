"""Leases with hvac: KV version 1 gives them where its mount is made to; tokens are leases too."""

import hvac.exceptions
import pytest

import processes


@pytest.fixture
def leased(vault, root):
    """The path of a KV engine that gives a lease at each read."""
    path = vault.new_name("leased")
    root.sys.enable_secrets_engine("kv", path=path, options={"version": "1", "leased_passthrough": "true"})
    root.secrets.kv.v1.create_or_update_secret("app", {"k": "v", "ttl": "1h"}, mount_point=path)
    yield path
    root.sys.disable_secrets_engine(path)


def read(root, path):
    return root.secrets.kv.v1.read_secret("app", mount_point=path)


def test_a_lease_is_read_renewed_and_revoked(root, leased):
    secret = read(root, leased)
    assert secret["lease_id"].startswith(f"{leased}/app/") and secret["lease_duration"] == 3600 and secret["renewable"]
    shown = root.sys.read_lease(secret["lease_id"])["data"]
    assert shown["id"] == secret["lease_id"] and 3590 < shown["ttl"] <= 3600 and shown["last_renewal"] is None
    renewed = root.sys.renew_lease(secret["lease_id"], increment=7200)
    assert renewed["lease_duration"] == 7200 and renewed["lease_id"] == secret["lease_id"]
    assert root.sys.read_lease(secret["lease_id"])["data"]["last_renewal"]
    assert bool(root.sys.revoke_lease(secret["lease_id"]))
    with pytest.raises(hvac.exceptions.InvalidPath):
        root.sys.list_leases(prefix=leased)
    with pytest.raises(hvac.exceptions.InvalidRequest, match="invalid lease"):
        root.sys.read_lease(secret["lease_id"])
    with pytest.raises(hvac.exceptions.InvalidRequest, match="lease not found"):
        root.sys.renew_lease(secret["lease_id"])


def test_prefixes_are_listed_and_revoked(vault, root, leased):
    leases = [read(root, leased)["lease_id"] for _ in range(30)]
    assert root.sys.list_leases(prefix=leased)["data"]["keys"] == ["app/"]
    assert len(root.sys.list_leases(prefix=f"{leased}/app")["data"]["keys"]) == 30
    assert bool(root.sys.revoke_prefix(leases[0])) and bool(root.sys.revoke_force(leases[1]))
    assert len(root.sys.list_leases(prefix=f"{leased}/app")["data"]["keys"]) == 28
    later = vault.request("PUT", f"sys/leases/revoke-prefix/{leased}", {"sync": False})
    assert (later.status_code, later.text) == (202, "")
    gone = lambda: vault.request("LIST", f"sys/leases/lookup/{leased}").status_code == 404  # noqa: E731
    processes.eventually(gone, what="the end of the leases")


def test_leases_go_with_their_token(vault, root, leased):
    root.sys.create_or_update_policy("leases", f'path "{leased}/*" {{ capabilities = ["read"] }}')
    token = root.auth.token.create(policies=["leases"])["auth"]["client_token"]
    lease = read(vault.client(token), leased)["lease_id"]
    root.auth.token.revoke(token)
    gone = lambda: vault.request("POST", "sys/leases/lookup", {"lease_id": lease}).status_code == 400  # noqa: E731
    processes.eventually(gone, what="the end of the lease")


def test_leases_end_by_themselves(vault, root, leased):
    root.secrets.kv.v1.create_or_update_secret("app", {"k": "v", "ttl": "1s"}, mount_point=leased)
    lease = read(root, leased)["lease_id"]
    gone = lambda: vault.request("POST", "sys/leases/lookup", {"lease_id": lease}).status_code == 400  # noqa: E731
    processes.eventually(gone, what="the end of the lease")


def test_logins_are_leases_and_go_with_their_method(vault, root):
    path = vault.new_name("userpass")
    root.sys.enable_auth_method("userpass", path=path)
    root.auth.userpass.create_or_update_user("me", "a password", mount_point=path)
    tokens = [vault.client(None).auth.userpass.login("me", "a password", mount_point=path)["auth"] for _ in range(3)]
    keys = root.sys.list_leases(prefix=f"auth/{path}/login/me")["data"]["keys"]
    assert len(keys) == 3
    renewed = root.auth.token.renew(tokens[0]["client_token"], increment="2h")["auth"]
    assert renewed["lease_duration"] == 7200
    root.sys.revoke_lease(f"auth/{path}/login/me/{keys[0]}")
    works = lambda made: vault.request("GET", "auth/token/lookup-self", token=made["client_token"]).status_code == 200  # noqa: E731
    assert sorted(works(made) for made in tokens) == [False, True, True]
    root.sys.disable_auth_method(path)
    assert not any(works(made) for made in tokens)


def test_what_is_irrevocable_is_counted(vault):
    answer = vault.request("GET", "sys/leases/count?type=irrevocable")
    assert answer.json()["data"] == {"counts": {}, "lease_count": 0}
    assert vault.request("GET", "sys/leases?type=irrevocable").json()["data"] == {"lease_count": 0, "leases": []}
    tidy = vault.request("POST", "sys/leases/tidy")
    assert tidy.status_code == 202 and tidy.json()["warnings"]

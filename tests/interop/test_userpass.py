"""The userpass auth method with hvac: users, logins, renewals, lockouts."""

import hvac.exceptions
import pytest


@pytest.fixture
def users(vault, root):
    """The path of a userpass mount that only this test uses."""
    path = vault.new_name("userpass")
    root.sys.enable_auth_method("userpass", path=path)
    yield path
    root.sys.disable_auth_method(path)


def login(vault, users, name, password):
    return vault.client(token=None).auth.userpass.login(name, password, use_token=False, mount_point=users)["auth"]


def test_users_are_made_read_listed_and_deleted(root, users):
    userpass = root.auth.userpass
    with pytest.raises(hvac.exceptions.InvalidPath):
        userpass.list_user(mount_point=users)
    assert userpass.create_or_update_user("Alice", "pw", policies="a,b", mount_point=users).status_code == 204
    data = userpass.read_user("alice", mount_point=users)["data"]
    assert data["policies"] == data["token_policies"] == ["a", "b"]
    assert (data["token_ttl"], data["token_type"], data["token_bound_cidrs"]) == (0, "default", [])
    assert not any("password" in field for field in data)
    assert userpass.list_user(mount_point=users)["data"]["keys"] == ["alice"]
    userpass.delete_user("ALICE", mount_point=users)
    with pytest.raises(hvac.exceptions.InvalidPath):
        userpass.read_user("alice", mount_point=users)


def test_a_login_gives_a_token_of_the_user(vault, root, users):
    root.auth.userpass.create_or_update_user("bob", "pw", policies=["p"], mount_point=users, token_ttl="30m")
    made = login(vault, users, "Bob", "pw")
    assert made["token_policies"] == ["default", "p"] and made["metadata"] == {"username": "bob"}
    assert (made["lease_duration"], made["renewable"], made["orphan"]) == (1800, True, True)
    client = vault.client(made["client_token"])
    data = client.auth.token.lookup_self()["data"]
    assert data["path"] == f"auth/{users}/login/bob" or data["path"] == f"auth/{users}/login/Bob"
    assert data["display_name"] == f"{users}-bob" and data["entity_id"] == made["entity_id"] != ""
    entity = client.secrets.identity.read_entity(made["entity_id"])["data"]
    assert entity["aliases"][0]["name"] == "bob", "the default policy lets everybody read their own entity"
    root.auth.userpass.update_password_on_user("bob", "new", mount_point=users)
    with pytest.raises(hvac.exceptions.InvalidRequest):
        login(vault, users, "bob", "pw")
    assert login(vault, users, "bob", "new")["entity_id"] == made["entity_id"]


def test_a_renewal_asks_for_the_user_again(vault, root, users):
    root.auth.userpass.create_or_update_user("carol", "pw", policies=["p"], mount_point=users, token_ttl="30m")
    client = vault.client(login(vault, users, "carol", "pw")["client_token"])
    assert client.auth.token.renew_self()["auth"]["lease_duration"] == 1800
    root.auth.userpass.create_or_update_user("carol", policies=["p", "q"], mount_point=users)
    with pytest.raises(hvac.exceptions.VaultError):
        client.auth.token.renew_self()
    root.auth.userpass.delete_user("carol", mount_point=users)
    with pytest.raises(hvac.exceptions.VaultError):
        client.auth.token.renew_self()


def test_users_and_nobody_get_the_same_answer(vault, root, users):
    root.auth.userpass.create_or_update_user("dave", "pw", mount_point=users)
    answers = [
        vault.request("POST", f"auth/{users}/login/{name}", {"password": "wrong"}, token=None) for name in ["dave", "eve"]
    ]
    assert [answer.status_code for answer in answers] == [400, 400]
    assert answers[0].json() == answers[1].json() == {"errors": ["invalid username or password"]}
    missing = vault.request("POST", f"auth/{users}/login/dave", {}, token=None)
    assert (missing.status_code, missing.json()) == (400, {"errors": ["missing password"]})


def test_cidrs_bind_logins(vault, root, users):
    bound = {"password": "pw", "token_bound_cidrs": "10.0.0.0/8"}
    assert vault.request("POST", f"auth/{users}/users/far", bound).status_code == 204
    assert vault.request("POST", f"auth/{users}/login/far", {"password": "pw"}, token=None).status_code == 403
    near = {"password": "pw", "token_bound_cidrs": ["127.0.0.1"]}
    assert vault.request("POST", f"auth/{users}/users/near", near).status_code == 204
    assert login(vault, users, "near", "pw")["client_token"]


def test_five_failures_lock_a_user_out(vault, root, users):
    root.auth.userpass.create_or_update_user("frank", "pw", mount_point=users)
    accessor = root.sys.list_auth_methods()["data"][f"{users}/"]["accessor"]
    for name in ["frank", "FRANK", "Frank", "fRank", "frAnk"]:
        with pytest.raises(hvac.exceptions.InvalidRequest):
            login(vault, users, name, "wrong")
    for name in ["frank", "FrAnK"]:
        with pytest.raises(hvac.exceptions.Forbidden):
            login(vault, users, name, "pw")
    locked = vault.request("GET", f"sys/locked-users?mount_accessor={accessor}").json()["data"]
    assert locked["total"] == 1
    assert locked["by_namespace"][0]["mount_accessors"] == [
        {"mount_accessor": accessor, "counts": 1, "alias_identifiers": ["frank"]}
    ]
    assert vault.request("POST", f"sys/locked-users/{accessor}/unlock/frank").status_code == 204
    assert login(vault, users, "frank", "pw")["client_token"]


def test_a_mount_can_say_how_many(vault, root, users):
    root.auth.userpass.create_or_update_user("grace", "pw", mount_point=users)
    lockout = {"lockout_threshold": "2", "lockout_duration": "1s", "lockout_counter_reset_duration": "5m"}
    assert vault.request("POST", f"sys/auth/{users}/tune", {"user_lockout_config": lockout}).status_code == 204
    tuned = root.sys.read_auth_method_tuning(users)["data"]
    assert (tuned["user_lockout_threshold"], tuned["user_lockout_duration"], tuned["user_lockout_disable"]) == (2, 1, False)
    for _ in range(2):
        with pytest.raises(hvac.exceptions.InvalidRequest):
            login(vault, users, "grace", "wrong")
    off = {"user_lockout_config": {"lockout_disable": True}}
    assert vault.request("POST", f"sys/auth/{users}/tune", off).status_code == 204
    assert login(vault, users, "grace", "pw")["client_token"]

"""Response wrapping with hvac: an answer is kept behind a token that is good for one use."""

import concurrent.futures

import hvac.exceptions
import pytest
import requests

import processes

NOT_VALID = "wrapping token is not valid or does not exist"


def wrapped(vault, method, path, body=None, ttl="60s", **more):
    answer = vault.request(method, path, body, headers={"X-Vault-Wrap-TTL": ttl}, **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("payload, ttl", [(None, 60), ({"test": "test"}, 60), (None, 120), ({"a": {"b": [1, None]}}, 120)])
def test_what_is_wrapped_is_unwrapped(root, payload, ttl):
    info = root.sys.wrap(payload=payload, ttl=ttl)["wrap_info"]
    assert info["ttl"] == ttl and info["creation_path"] == "sys/wrapping/wrap" and info["accessor"]
    unwrapped = root.sys.unwrap(info["token"])
    assert unwrapped["data"] == (payload or {}) and unwrapped["wrap_info"] is None and unwrapped["request_id"]
    with pytest.raises(hvac.exceptions.InvalidRequest, match=NOT_VALID):
        root.sys.unwrap(info["token"])


def test_the_answer_tells_nothing_but_where_it_is_kept(vault, root):
    answer = wrapped(vault, "POST", "auth/token/create", {"policies": ["default"]})
    assert answer["request_id"] == "" and answer["data"] is None and answer["auth"] is None and answer["lease_id"] == ""
    info = answer["wrap_info"]
    assert list(info) == ["token", "accessor", "ttl", "creation_time", "creation_path", "wrapped_accessor"]
    looked_up = requests.post(
        f"{vault.address}/v1/sys/wrapping/lookup", json={"token": info["token"]}, timeout=30
    ).json()["data"]
    assert looked_up == {
        "creation_path": "auth/token/create", "creation_time": info["creation_time"], "creation_ttl": 60,
    }
    auth = vault.client(info["token"]).sys.unwrap()["auth"]
    assert auth["accessor"] == info["wrapped_accessor"]
    assert vault.client(auth["client_token"]).auth.token.lookup_self()["data"]["policies"] == ["default"]


def test_a_token_that_is_unwrapped_works(root):
    made = root.auth.token.create(period="30m", wrap_ttl="15m")
    assert made["auth"] is None and made["wrap_info"]["ttl"] == 900
    auth = root.sys.unwrap(token=made["wrap_info"]["token"])["auth"]
    assert auth["lease_duration"] == 1800
    assert root.auth.token.lookup(auth["client_token"])["data"]["period"] == 1800


def test_reads_lists_and_logins_are_wrapped(vault, root, kv2):
    root.secrets.kv.v2.create_or_update_secret("app", {"k": "v"}, mount_point=kv2)
    read = wrapped(vault, "GET", f"{kv2}/data/app")["wrap_info"]
    assert read["creation_path"] == f"{kv2}/data/app"
    assert root.sys.unwrap(read["token"])["data"]["data"] == {"k": "v"}
    names = wrapped(vault, "LIST", f"{kv2}/metadata")["wrap_info"]
    assert root.sys.unwrap(names["token"])["data"]["keys"] == ["app"]
    none = vault.request("LIST", f"{kv2}/metadata/none", headers={"X-Vault-Wrap-TTL": "60"})
    assert none.status_code == 404
    path = vault.new_name("userpass")
    root.sys.enable_auth_method("userpass", path=path)
    root.auth.userpass.create_or_update_user("me", "a password", mount_point=path)
    login = wrapped(vault, "POST", f"auth/{path}/login/me", {"password": "a password"}, token=None)
    auth = root.sys.unwrap(login["wrap_info"]["token"])["auth"]
    assert auth["metadata"] == {"username": "me"} and auth["accessor"] == login["wrap_info"]["wrapped_accessor"]
    root.sys.disable_auth_method(path)


def test_rewrapping_gives_a_new_token_for_the_same(vault, root):
    info = wrapped(vault, "GET", "auth/token/lookup-self")["wrap_info"]
    again = root.sys.rewrap(info["token"])["wrap_info"] if hasattr(root.sys, "rewrap") else vault.request(
        "POST", "sys/wrapping/rewrap", {"token": info["token"]}
    ).json()["wrap_info"]
    assert again["creation_path"] == "auth/token/lookup-self" and again["token"] != info["token"]
    with pytest.raises(hvac.exceptions.InvalidRequest):
        root.sys.unwrap(info["token"])
    assert root.sys.unwrap(again["token"])["data"]["id"] == root.token


def test_clients_of_old_read_the_cubbyhole(vault):
    info = wrapped(vault, "GET", "auth/token/lookup-self")["wrap_info"]
    read = vault.request("GET", "cubbyhole/response", token=info["token"])
    assert read.status_code == 200 and '"display_name":"root"' in read.json()["data"]["response"]
    assert vault.request("GET", "cubbyhole/response", token=info["token"]).status_code == 403


def test_of_many_that_unwrap_at_once_one_wins(vault, root):
    for _ in range(5):
        token = root.sys.wrap(payload={"k": "v"})["wrap_info"]["token"]

        def unwrap(number):
            if number % 2:
                return vault.request("POST", "sys/wrapping/unwrap", {"token": token}).status_code
            return vault.request("POST", "sys/wrapping/unwrap", token=token).status_code

        with concurrent.futures.ThreadPoolExecutor(12) as pool:
            codes = list(pool.map(unwrap, range(12)))
        assert codes.count(200) == 1 and set(codes) <= {200, 400, 403}, codes


def test_bad_times_and_tokens_are_refused(vault, root):
    for bad in ["-1", "soon", "-5m"]:
        answer = vault.request("GET", "auth/token/lookup-self", headers={"X-Vault-Wrap-TTL": bad})
        assert answer.status_code == 400 and answer.json()["errors"], bad
    bare = vault.request("GET", "auth/token/lookup-self", headers={"X-Vault-Wrap-TTL": "0"})
    assert bare.json()["wrap_info"] is None and bare.json()["data"]
    answer = vault.request("POST", "sys/wrapping/wrap", {"k": "v"})
    assert (answer.status_code, answer.json()["errors"]) == (400, ["endpoint requires response wrapping to be used"])
    plain = root.auth.token.create(policies=["default"])["auth"]["client_token"]
    for token in ["hvs.unknown", plain]:
        for path in ["unwrap", "lookup", "rewrap"]:
            answer = vault.request("POST", f"sys/wrapping/{path}", {"token": token})
            assert (answer.status_code, answer.json()["errors"]) == (400, [NOT_VALID]), path


def test_wrapping_tokens_end(vault, root):
    token = root.sys.wrap(payload={"k": "v"}, ttl=1)["wrap_info"]["token"]
    ended = lambda: vault.request("POST", "sys/wrapping/lookup", {"token": token}).status_code == 400  # noqa: E731
    processes.eventually(ended, what="the end of the wrapping token")


def test_policies_bound_the_time(vault, root):
    root.sys.create_or_update_policy(
        "wrapped-only",
        'path "auth/token/lookup-self" { capabilities = ["read"] min_wrapping_ttl = "30s" max_wrapping_ttl = "90s" }',
    )
    token = root.auth.token.create(policies=["wrapped-only"], no_default_policy=True)["auth"]["client_token"]
    for ttl, code in [("60", 200), ("10", 403), ("100", 403), ("0", 403)]:
        answer = vault.request("GET", "auth/token/lookup-self", token=token, headers={"X-Vault-Wrap-TTL": ttl})
        assert answer.status_code == code, ttl

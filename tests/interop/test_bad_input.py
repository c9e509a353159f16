"""What makes no sense is answered as Vault answers it: with its codes, its shapes and the texts clients match."""

import contextlib
import socket
import urllib.parse

import pytest
import requests


@pytest.mark.parametrize(
    "method, path, body, status, part",
    [
        ("GET", "nowhere/at/all", None, 404, 'no handler for route "nowhere/at/all". route entry not found.'),
        ("GET", "sys/nowhere", None, 404, "unsupported path"),
        ("DELETE", "sys/rotate", None, 405, "unsupported operation"),
        ("POST", "sys/mounts/x", {}, 400, "backend type must be specified as a string"),
        ("POST", "sys/mounts/x", {"type": "pki"}, 400, "plugin not found in the catalog: pki"),
        ("POST", "sys/auth/x", {"type": "kubernetes"}, 400, "plugin not found in the catalog: kubernetes"),
        ("POST", "sys/remount", {"from": "a"}, 400, "both 'from' and 'to' path must be specified as a string"),
        ("POST", "sys/remount", {"from": "sys", "to": "a"}, 400, 'cannot remount "sys/"'),
        ("POST", "sys/config/cors", {}, 400, "at least one origin or the wildcard must be provided."),
        ("GET", "sys/internal/counters/requests", None, 404, "The functionality has been removed on this path"),
        ("GET", "sys/internal/inspect/router/root", None, 400, "introspection_endpoint"),
        ("GET", "sys/raw/core/mounts", None, 404, "unsupported path"),
        ("POST", "sys/loggers", {"level": "loud"}, 400, "invalid level provided: unknown log level: loud"),
        ("POST", "cubbyhole/a/", {"a": 1}, 400, "cannot write to a path ending in '/'"),
        ("POST", "auth/token/lookup", {"token": "unknown"}, 403, "bad token"),
        ("POST", "auth/token/create", {"ttl": "soon"}, 400, "ttl"),
        ("POST", "auth/token/create", {"policies": {"a": 1}}, 400, "policies"),
    ],
)
def test_errors_have_vaults_codes_and_texts(vault, method, path, body, status, part):
    answer = vault.request(method, path, body)
    assert answer.status_code == status, answer.text
    errors = answer.json()["errors"]
    assert any(part in error for error in errors), errors
    assert answer.headers["cache-control"] == "no-store"


def test_what_is_missing_is_an_empty_list_of_errors(vault, kv1):
    for answer in [vault.request("GET", f"{kv1}/none"), vault.request("LIST", f"{kv1}/none")]:
        assert (answer.status_code, answer.json()) == (404, {"errors": []})
    outside = requests.get(f"{vault.address}/elsewhere", timeout=30)
    assert (outside.status_code, outside.json()) == (404, {"errors": []})


def test_who_may_not_is_told_so_and_nothing_else(vault, root, kv2):
    holder = root.auth.token.create(policies=["default"])["auth"]["client_token"]
    for path in [f"{kv2}/data/a", "nowhere/at/all", "sys/raw/core", "sys/host-info"]:
        denied = vault.request("GET", path, token=holder)
        assert (denied.status_code, denied.json()["errors"]) == (403, ["1 error occurred:\n\t* permission denied\n\n"])
        unknown = vault.request("GET", path, token="hvs.unknown")
        assert (unknown.status_code, unknown.json()["errors"]) == (403, ["permission denied"])


@pytest.mark.parametrize(
    "path", ["../sys/seal", "a/../b", "a/%2e%2e/b", "a%00b", "a%0ab", "a%c2%a0b", "a%e2%80%8bb", "%ff", "%zz"]
)
def test_paths_that_lead_elsewhere_or_cannot_be_printed(vault, kv1, path):
    address = urllib.parse.urlsplit(vault.address)
    with socket.create_connection((address.hostname, address.port), timeout=30) as raw:
        line = f"GET /v1/{kv1}/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-vault-token: {vault.root_token}\r\n\r\n"
        raw.sendall(line.encode())
        assert raw.recv(64).startswith(b"HTTP/1.1 400 ")


def test_bodies_are_bounded_before_they_are_read_into_memory(vault, kv1):
    def post(body, **headers):
        headers = {"X-Vault-Token": vault.root_token, **headers}
        return requests.post(f"{vault.address}/v1/{kv1}/a", data=body, headers=headers, timeout=60)

    deep = "[" * 5000 + "]" * 5000
    for body, part in [
        (f'{{"a":{deep}}}', "nested deeper"),
        ('{"a":[' + "0," * 300_000 + "0]}", "values allowed"),
        ('{"a":', "failed to parse JSON input"),
        ("[1]", "failed to parse JSON input"),
    ]:
        answer = post(body)
        assert answer.status_code == 400 and part in answer.json()["errors"][0], answer.text[:200]
    form = post("&".join(["a=1"] * 20_000), **{"Content-Type": "application/x-www-form-urlencoded"})
    assert form.status_code == 400, form.text
    try:
        large = post(b"x" * (33 << 20))
    except requests.exceptions.ConnectionError:
        pass  # It may close before the client has sent all of it.
    else:
        assert (large.status_code, large.json()["errors"]) == (413, ["http: request body too large"])
    assert vault.request("GET", f"{kv1}/a").status_code == 404


def test_media_types_and_methods(vault, kv1):
    token = {"X-Vault-Token": vault.root_token}
    url = f"{vault.address}/v1/{kv1}/a"
    for kind in ["text/plain", "nonsense", "application/x-www-form-urlencoded"]:
        written = requests.post(url, data='{"k":"v"}', headers={**token, "Content-Type": kind}, timeout=30)
        assert written.status_code == 204, kind
    patched = requests.patch(url, data='{"k":"v"}', headers=token, timeout=30)
    assert patched.status_code == 415
    assert "application/merge-patch+json" in patched.json()["errors"][0]
    for method in ["TRACE", "BREW", "OPTIONS"]:
        assert requests.request(method, url, headers=token, timeout=30).status_code == 405, method
    head = requests.head(url, headers=token, timeout=30)
    assert (head.status_code, head.content) == (200, b"")
    assert requests.get(url, headers={"X-Vault-Token": "t" * (1 << 20)}, timeout=30).status_code in (400, 403, 431)


def test_browsers_of_other_origins_wait_for_leave(vault):
    def asked(method, **headers):
        return requests.request(method, f"{vault.address}/v1/sys/health", headers=headers, timeout=30)

    assert asked("GET", Origin="https://a.example").status_code == 200
    vault.request("POST", "sys/config/cors", {"allowed_origins": ["https://a.example"]}).raise_for_status()
    allowed = asked("GET", Origin="https://a.example")
    assert allowed.headers["access-control-allow-origin"] == "https://a.example"
    refused = asked("GET", Origin="https://b.example")
    assert (refused.status_code, refused.json()["errors"]) == (403, ["origin not allowed"])
    preflight = asked("OPTIONS", Origin="https://a.example", **{"Access-Control-Request-Method": "PUT"})
    assert preflight.status_code == 200 and preflight.headers["access-control-max-age"] == "300"
    vault.request("DELETE", "sys/config/cors").raise_for_status()


def test_paths_explain_themselves(vault, kv2):
    for path, part in [("sys/remount", "^remount$"), (f"{kv2}/data/a", "^data/(?P<path>.+)$"), (kv2, "## PATHS")]:
        explained = vault.request("GET", f"{path}?help=1").json()
        assert part in explained["help"] and explained["openapi"]["openapi"].startswith("3.")
        assert vault.request("HELP", path).json() == explained
    document = vault.request("GET", "sys/internal/specs/openapi").json()
    assert f"/{kv2}/data/{{path}}" in document["paths"]


def test_a_mount_is_moved(vault, root, kv2):
    root.secrets.kv.v2.create_or_update_secret("a", {"k": "v"}, mount_point=kv2)
    to = vault.new_name("moved")
    answer = root.sys.move_backend(kv2, to)
    status = "in-progress"
    while status == "in-progress":
        path = f"sys/remount/status/{answer['data']['migration_id']}"
        status = vault.request("GET", path).json()["data"]["migration_info"]["status"]
    assert status == "success"
    found = root.secrets.kv.v2.read_secret_version("a", mount_point=to, raise_on_deleted_version=True)
    assert found["data"]["data"] == {"k": "v"}
    assert vault.request("GET", f"{kv2}/data/a").status_code == 404
    root.sys.disable_secrets_engine(to)


def test_secrets_are_not_repeated_in_errors(vault, kv2):
    secret = "hunter2-hunter2"
    for path, body in [
        (f"{kv2}/data/a", {"data": secret}),
        (f"{kv2}/data/a", {"data": {"k": secret}, "options": {"cas": "x"}}),
        ("auth/token/create", {"ttl": secret}),
        ("auth/token/lookup", {"token": secret}),
        ("sys/unseal", {"key": secret, "reset": "perhaps"}),
        ("sys/mounts/x", {"type": "kv", "config": {"default_lease_ttl": secret}}),
    ]:
        answer = vault.request("POST", path, body)
        assert answer.status_code in (400, 403) and secret not in answer.text, (path, answer.text)
    headers = {"X-Vault-Token": vault.root_token}
    broken = requests.post(f"{vault.address}/v1/{kv2}/data/a", data='{"data":{"k":"' + secret, headers=headers, timeout=30)
    assert broken.status_code == 400 and secret not in broken.text
    assert secret not in vault.log()


def test_bodies_that_come_slowly_or_not_whole_are_given_up(vault, kv1):
    address = urllib.parse.urlsplit(vault.address)
    head = (
        f"POST /v1/{kv1}/slow HTTP/1.1\r\nhost: x\r\nx-vault-token: {vault.root_token}\r\n"
        "content-type: application/json\r\ncontent-length: 16\r\n\r\n"
    )
    with contextlib.ExitStack() as stack:
        slow = []
        for _ in range(50):
            connection = stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=30))
            connection.sendall((head + '{"k":').encode())
            slow.append(connection)
        # They hold up nobody else.
        assert vault.request("PUT", f"{kv1}/other", {"k": "v"}).status_code == 204
        # The rest makes it whole.
        slow[0].sendall(b' "slow"}   ')
        assert slow[0].recv(64).startswith(b"HTTP/1.1 204 ")
        assert vault.request("GET", f"{kv1}/slow").json()["data"] == {"k": "slow"}
        vault.request("DELETE", f"{kv1}/slow").raise_for_status()
        for connection in slow[1:25]:
            connection.shutdown(socket.SHUT_WR)  # Half of a body is none.
            assert not connection.recv(64).startswith(b"HTTP/1.1 2")
    assert vault.request("GET", f"{kv1}/slow").status_code == 404
    with socket.create_connection((address.hostname, address.port), timeout=30) as chunked:
        sizes = head.replace("content-length: 16", "transfer-encoding: chunked")
        chunked.sendall((sizes + "zz\r\nwhat is no size\r\n").encode())
        assert not chunked.recv(64).startswith(b"HTTP/1.1 2")

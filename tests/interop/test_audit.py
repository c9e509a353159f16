"""Audit devices with hvac: enabled, listed, hashed with, rotated, disabled; and what stands in their logs."""

import json
import os
import pathlib
import signal
import socket
import socketserver
import threading

import hvac.exceptions
import pytest
import requests

SECRET = "Correct-Horse-Battery-Staple"


@pytest.fixture
def log(vault, root):
    """A file device that only this test uses: its name and its file."""
    name = vault.new_name("audit")
    path = vault.folder / f"{name}.log"
    root.sys.enable_audit_device("file", path=name, description="of a test", options={"file_path": str(path)})
    yield name, path
    root.sys.disable_audit_device(name)


def entries(log, /, **wanted):
    """The log's entries whose requests have these fields."""
    lines = [json.loads(line) for line in pathlib.Path(log).read_text().splitlines()]
    return [line for line in lines if all(line["request"].get(key) == value for key, value in wanted.items())]


def test_devices_are_enabled_listed_and_disabled(vault, root, log):
    name, path = log
    listed = root.sys.list_enabled_audit_devices()
    described = {
        "path": f"{name}/", "type": "file", "description": "of a test", "local": False, "options": {"file_path": str(path)},
    }
    assert listed["data"][f"{name}/"] == listed[f"{name}/"] == described
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(hvac.exceptions.InvalidRequest, match="path already in use"):
        root.sys.enable_audit_device("file", path=name, options={"file_path": str(path)})
    with pytest.raises(hvac.exceptions.InvalidRequest, match="unknown backend type"):
        root.sys.enable_audit_device("pigeon", path="pigeon")
    # One that is not there may be disabled.
    root.sys.disable_audit_device("nowhere")


def test_a_hash_is_what_the_log_shows(vault, root, kv2, log):
    name, path = log
    root.secrets.kv.v2.create_or_update_secret("app", {"password": SECRET, "port": 5432}, mount_point=kv2)
    assert SECRET not in path.read_text() and vault.root_token not in path.read_text()
    request, response = entries(path, path=f"{kv2}/data/app")
    hashed = root.sys.calculate_hash(name, SECRET)["data"]["hash"]
    assert request["request"]["data"]["data"] == {"password": hashed, "port": 5432}
    assert request["type"] == "request" and request["request"]["operation"] == "create"
    assert request["request"]["client_token"] == root.sys.calculate_hash(name, vault.root_token)["data"]["hash"]
    assert request["request"]["remote_address"] == "127.0.0.1" and request["request"]["remote_port"] > 0
    assert (request["request"]["mount_type"], request["request"]["mount_point"]) == ("kv", f"{kv2}/")
    assert response["type"] == "response" and response["request"]["id"] == request["request"]["id"]
    assert response["response"]["data"]["version"] == 1
    read = root.secrets.kv.v2.read_secret_version("app", mount_point=kv2, raise_on_deleted_version=True)
    answer = entries(path, path=f"{kv2}/data/app", operation="read")[-1]
    assert answer["request"]["id"] == read["request_id"]
    assert answer["response"]["data"]["data"] == {"password": hashed, "port": 5432}


def test_refused_requests_are_logged(vault, log):
    _, path = log
    answer = vault.request("GET", "sys/mounts/refused", token="hvs.stranger")
    assert answer.status_code == 403
    request, response = entries(path, path="sys/mounts/refused")
    assert request["error"] == "permission denied" and request["auth"] == {"token_type": "default"}
    assert response["error"] and "hvs.stranger" not in path.read_text()


def test_chosen_keys_and_headers_stay_readable(vault, root, log):
    name, path = log
    mount = vault.new_name("kv")
    root.sys.enable_secrets_engine("kv", path=mount, config={"audit_non_hmac_request_keys": ["user"]})
    vault.request("PUT", "sys/config/auditing/request-headers/X-Ci-Job", {"hmac": False}).raise_for_status()
    vault.request("PUT", f"{mount}/a", {"user": "ann", "password": SECRET}, headers={"X-Ci-Job": "77"})
    request = entries(path, path=f"{mount}/a")[0]["request"]
    assert request["data"]["user"] == "ann" and request["data"]["password"].startswith("hmac-sha256:")
    assert request["headers"] == {"x-ci-job": ["77"]}
    vault.request("DELETE", "sys/config/auditing/request-headers/x-ci-job").raise_for_status()
    assert vault.request("GET", "sys/config/auditing/request-headers").json()["data"] == {"headers": {}}
    root.sys.disable_secrets_engine(mount)


def test_a_renamed_log_is_made_anew_at_sighup(vault, root, log):
    name, path = log
    old = path.with_suffix(".old")
    os.rename(path, old)
    root.sys.list_auth_methods()
    assert not path.exists() and entries(old, path="sys/auth")
    vault.process.send_signal(signal.SIGHUP)
    # The server reloads by itself: what is asked until then goes to one of the two.
    asked = 1
    while not path.exists():
        root.sys.list_auth_methods()
        asked += 1
    root.sys.list_auth_methods()
    assert len(entries(old, path="sys/auth")) + len(entries(path, path="sys/auth")) == 2 * (asked + 1)


def test_a_device_that_cannot_be_written_is_not_enabled(vault, root):
    for options in (
        {"file_path": "/dev/full"},
        {"file_path": str(vault.folder)},
        {"file_path": str(vault.config)},
        {"file_path": str(vault.folder / "x.log"), "mode": "0755"},
        {"file_path": str(vault.folder / "x.log"), "format": "jsonx"},
        {},
    ):
        with pytest.raises(hvac.exceptions.InvalidRequest):
            root.sys.enable_audit_device("file", path="refused", options=options)
    assert "refused/" not in root.sys.list_enabled_audit_devices()["data"]


def test_entries_go_to_a_socket_and_its_loss_stops_the_vault(vault, root):
    lines = []
    arrived = threading.Semaphore(0)

    class Collector(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                lines.append(json.loads(line))
                arrived.release()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Collector) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        host, port = server.server_address
        root.sys.enable_audit_device(
            "socket", path="socket", options={"address": f"{host}:{port}", "socket_type": "tcp", "write_timeout": "1s"}
        )
        root.sys.list_auth_methods()
        for _ in range(4):  # the test entry, the answer to enabling, and both of the list
            assert arrived.acquire(timeout=30)
        assert [line["request"]["path"] for line in lines] == ["sys/audit/test", "sys/audit/socket", "sys/auth", "sys/auth"]
        # A second device: when the first one is lost, requests go on.
        second = vault.folder / "second.log"
        root.sys.enable_audit_device("file", path="second", options={"file_path": str(second)})
        root.sys.disable_audit_device("socket")
        server.shutdown()
        thread.join()
    root.sys.list_auth_methods()
    root.sys.disable_audit_device("second")
    assert entries(second, path="sys/auth")


def test_a_peer_that_never_reads_holds_up_nobody_but_its_own(vault, root):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 12)  # little lies between the two
        host, port = listener.getsockname()
        root.sys.enable_audit_device("file", path="good", options={"file_path": str(vault.folder / "good.log")})
        root.sys.enable_audit_device(
            "socket", path="hung", options={"address": f"{host}:{port}", "write_timeout": "1s", "log_raw": "true"}
        )
        body = {"data": "x" * (300 << 10)}
        for n in range(8):
            assert vault.request("PUT", "cubbyhole/large", body).status_code == 204
        # It did hang: another connection was tried.
        listener.settimeout(10)
        assert len([listener.accept() for _ in range(2)]) == 2
        root.sys.disable_audit_device("hung")
        root.sys.disable_audit_device("good")


def test_what_is_wrapped_stays_out_of_the_log(vault, root, kv2, log):
    _, path = log
    users = vault.new_name("userpass")
    root.sys.enable_auth_method("userpass", path=users)
    root.auth.userpass.create_or_update_user("me", SECRET, policies=["default"], mount_point=users)
    root.secrets.kv.v2.create_or_update_secret("app", {"password": SECRET, "deep": [{"again": SECRET}]}, mount_point=kv2)
    secrets = {SECRET}

    def wrapped(method, asked, body=None, **more):
        headers = {"X-Vault-Wrap-TTL": "60s", **more.pop("headers", {})}
        answer = vault.request(method, asked, body, headers=headers, **more)
        assert answer.status_code == 200, answer.text
        secrets.add(answer.json()["wrap_info"]["token"])
        return answer.json()["wrap_info"]["token"]

    def unwrapped(answer):
        assert answer.status_code == 200, answer.text
        if answer.json()["auth"]:
            secrets.add(answer.json()["auth"]["client_token"])
        else:
            assert SECRET in answer.text

    for how in range(6):
        for wrap in [
            lambda: wrapped("POST", "sys/wrapping/wrap", {"password": SECRET, "deep": {"list": [SECRET]}}),
            lambda: wrapped("GET", f"{kv2}/data/app"),
            lambda: wrapped("GET", f"{kv2}/data/app", headers={"X-Vault-Wrap-Format": "jwt"}),
            lambda: wrapped("POST", f"auth/{users}/login/me", {"password": SECRET}, token=None),
            lambda: wrapped("POST", "auth/token/create", {"policies": ["default"]}),
        ]:
            token = wrap()
            assert vault.request("POST", "sys/wrapping/lookup", {"token": token}, token=None).status_code == 200
            if how == 0:
                unwrapped(vault.request("POST", "sys/wrapping/unwrap", {"token": token}))
            elif how == 1:
                unwrapped(vault.request("POST", "sys/wrapping/unwrap", token=token))
            elif how == 2:
                # Unwrapping twice is refused, and that tells nothing either.
                unwrapped(vault.request("PUT", "sys/wrapping/unwrap", {"token": token}))
                assert vault.request("POST", "sys/wrapping/unwrap", {"token": token}).status_code >= 400
            elif how == 3:
                again = vault.request("POST", "sys/wrapping/rewrap", {"token": token}).json()["wrap_info"]["token"]
                secrets.add(again)
                unwrapped(vault.request("POST", "sys/wrapping/unwrap", token=again))
            elif how == 4 and token.startswith("hvs."):
                read = vault.request("GET", "cubbyhole/response", token=token)
                kept = json.loads(read.json()["data"]["response"])
                secrets.update([kept["auth"]["client_token"]] if kept.get("auth") else [])
            else:
                # What unwraps is wrapped in turn.
                second = wrapped("POST", "sys/wrapping/unwrap", {"token": token})
                unwrapped(vault.request("POST", "sys/wrapping/unwrap", {"token": second}))
    for body in ('{"token":"' + SECRET, f"token={SECRET}&x={SECRET}", f'{{"token":["{SECRET}"]}}', SECRET):
        headers = {"X-Vault-Token": vault.root_token}
        answer = requests.post(f"{vault.address}/v1/sys/wrapping/unwrap", data=body, headers=headers, timeout=30)
        assert answer.status_code in (400, 403) and SECRET not in answer.text
    asked = {entry["request"]["path"] for entry in entries(path)}
    assert {"sys/wrapping/wrap", "sys/wrapping/unwrap", "sys/wrapping/rewrap", "sys/wrapping/lookup", "cubbyhole/response"} <= asked
    text = path.read_text()
    for secret in secrets:
        assert secret not in text, [line for line in text.splitlines() if secret in line][0]
    for entry in entries(path, path="sys/wrapping/unwrap"):
        shown = entry.get("response", {}).get("data", {}).get("http_raw_body", "hmac-sha256:")
        assert shown.startswith("hmac-sha256:"), entry
    root.sys.disable_auth_method(users)


def test_policies_of_the_entity_are_logged_beside_the_tokens_own(vault, root, log):
    _, path = log
    users = vault.new_name("userpass")
    root.sys.enable_auth_method("userpass", path=users)
    root.auth.userpass.create_or_update_user("me", SECRET, policies=["of-user"], mount_point=users)
    for kind in ("service", "batch"):
        vault.request("POST", f"auth/{users}/users/me", {"token_type": kind}).raise_for_status()
        auth = vault.request("POST", f"auth/{users}/login/me", {"password": SECRET}, token=None).json()["auth"]
        root.secrets.identity.update_entity(auth["entity_id"], policies=["of-entity"])
        assert vault.request("GET", "auth/token/lookup-self", token=auth["client_token"]).status_code == 200
        for entry in entries(path, path="auth/token/lookup-self")[-2:]:
            shown = entry["auth"]
            assert shown["token_policies"] == ["default", "of-user"] and shown["identity_policies"] == ["of-entity"]
            assert shown["policies"] == ["default", "of-entity", "of-user"]
            assert (shown["token_type"], shown["entity_id"]) == (kind, auth["entity_id"])
    assert vault.request("GET", "sys/internal/counters/entities").json()["data"]["counters"]["entities"]["total"] >= 1
    root.sys.disable_auth_method(users)

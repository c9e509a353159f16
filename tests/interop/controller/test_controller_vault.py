"""The vault that users of a controller have: the part of it that their templates use, and nothing else."""

import json
import subprocess

import pytest
import requests


@pytest.fixture(scope="module")
def token(controller):
    return controller.user("yamada")


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("engine", ["cubbyhole", "secret"])
def test_the_calls_of_the_templates(controller, token, engine, method):
    folder = f"{engine}/{method}/aws"
    assert controller.secret("LIST", f"{folder}/", token).status_code == 404
    written = controller.secret(method, f"{folder}/access_key", token, {"value": "AKIA"})
    assert (written.status_code, written.content) == (204, b"")
    read = controller.secret("GET", f"{folder}/access_key", token)
    assert read.status_code == 200
    body = read.json()
    wanted = {"request_id", "lease_id", "renewable", "lease_duration", "data", "wrap_info", "warnings", "auth"}
    assert wanted <= set(body) and body["data"] == {"value": "AKIA"}
    assert (body["wrap_info"], body["warnings"], body["auth"], body["renewable"]) == (None, None, None, False)
    listed = controller.secret("LIST", f"{folder}/", token)
    assert (listed.status_code, listed.json()["data"]) == (200, {"keys": ["access_key"]})
    assert controller.secret("DELETE", f"{folder}/access_key", token).status_code == 204
    assert controller.secret("GET", f"{folder}/access_key", token).status_code == 404
    assert controller.secret("LIST", f"{folder}/", token).status_code == 404


def test_the_help_of_the_cubbyhole(controller, token):
    assert controller.secret("GET", "cubbyhole?help=1", token).status_code == 200


def test_hvac_keeps_secrets_there(controller, token):
    client = controller.hvac(token)
    assert client.is_authenticated()
    client.write("cubbyhole/OpenHPC/group/munge.key", **{"munge.key": "c2VjcmV0"})
    assert client.read("cubbyhole/OpenHPC/group/munge.key")["data"] == {"munge.key": "c2VjcmV0"}
    kv = client.secrets.kv.v1
    kv.create_or_update_secret("shared/db", {"password": "x"}, mount_point="secret", method="POST")
    assert kv.read_secret("shared/db", mount_point="secret")["data"] == {"password": "x"}


def test_a_cubbyhole_is_one_tokens_and_what_is_shared_is_everybodys(controller, token):
    other = controller.token("yamada")
    controller.secret("POST", "cubbyhole/mine", token, {"value": "x"})
    controller.secret("POST", "secret/ours", token, {"value": "y"})
    assert controller.secret("GET", "cubbyhole/mine", other).status_code == 404
    assert controller.secret("GET", "secret/ours", other).json()["data"] == {"value": "y"}
    controller.vcc("token", "revoke", "-t", other)
    assert controller.secret("GET", "secret/ours", other).status_code == 403


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "vcc-custody/units/x", {}),
        ("LIST", "vcc-custody/", {}),
        ("POST", "vcc-custody/units/x", {}),
        ("GET", "sys/mounts", {}),
        ("POST", "sys/mounts/other", {}),
        ("POST", "sys/policies/acl/vcc", {}),
        ("POST", "auth/token/create", {}),
        ("POST", "auth/token/create/vcc", {}),
        ("POST", "auth/token/renew-self", {}),
        ("POST", "auth/token/revoke-self", {}),
        ("POST", "sys/capabilities-self", {}),
        ("POST", "sys/leases/renew", {}),
        ("POST", "sys/wrapping/wrap", {"X-Vault-Wrap-TTL": "60"}),
        ("LIST", "auth/token/accessors", {}),
        ("PUT", "sys/seal", {}),
    ],
)
def test_nothing_else_is_a_users(controller, token, method, path, headers):
    answer = controller.secret(method, path, token, {} if method != "GET" else None, headers)
    assert answer.status_code == 403, answer.text
    assert controller.secret("GET", "auth/token/lookup-self", token).status_code == 200


def test_a_users_token_wraps_nothing(controller, token):
    wrapped = controller.secret("GET", "auth/token/lookup-self", token, headers={"X-Vault-Wrap-TTL": "60"})
    assert wrapped.status_code == 200 and wrapped.json()["wrap_info"]
    assert controller.secret("POST", "sys/wrapping/unwrap", token, {}).status_code == 400


def test_without_a_token_there_is_nothing(controller):
    for token in ("", "hvs.wrong"):
        assert controller.secret("GET", "cubbyhole/x", token).status_code == 403


def test_a_token_lives_ten_years_and_cannot_be_renewed(controller, token):
    data = controller.secret("GET", "auth/token/lookup-self", token).json()["data"]
    assert data["policies"] == ["vcc"] and data["renewable"] is False and data["orphan"] is True
    assert 3649 * 86400 < data["ttl"] <= 3650 * 86400


def test_certificates_are_made_once_and_all_is_kept_over_a_restart(controller, token):
    folder = controller.config / "cert"
    modes = {name: (folder / name).stat().st_mode & 0o777 for name in ("ca.pem", "occtr_cert.pem", "occtr_key.pem")}
    assert modes["occtr_key.pem"] == 0o600 and modes["ca.pem"] == 0o644
    command = ["openssl", "x509", "-noout", "-ext", "subjectAltName", "-in", folder / "occtr_cert.pem"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "DNS:localhost" in names and "IP Address:127.0.0.1" in names
    chain = ["openssl", "verify", "-purpose", "sslserver", "-CAfile", folder / "ca.pem", folder / "occtr_cert.pem"]
    assert subprocess.run(chain, capture_output=True, check=False).returncode == 0

    before = {name: (folder / name).read_bytes() for name in modes}
    controller.secret("POST", "cubbyhole/kept", token, {"value": "x"})
    key = controller.call("GET", "/publickey", token).json()
    assert controller.stop() == 0
    controller.start()
    assert {name: (folder / name).read_bytes() for name in modes} == before
    assert controller.secret("GET", "cubbyhole/kept", token).json()["data"] == {"value": "x"}
    assert controller.call("GET", "/accounts/authority", token).json()["user_name"] == "yamada"
    assert controller.call("GET", "/publickey", token).json() == key
    assert [user["user_name"] for user in json.loads(controller.vcc("user", "list", "--json"))] == ["nobody", "yamada"]


def test_who_does_not_trust_the_authority_does_not_connect(controller):
    for url in (controller.url, controller.vault_url):
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(url, timeout=10)


def test_the_init_of_old_waits_and_reloads(controller):
    assert controller.run("init.sh")[0] == 0
    catalogue = controller.config / "config" / "vpn_catalog.yml"
    good = catalogue.read_text()
    catalogue.write_text("onpremises: [\n")
    code, _, error = controller.run("vcc", "vpncatalog", "set")
    assert code == 1 and "vpn_catalog.yml" in error
    catalogue.write_text(good)
    controller.vcc("vpncatalog", "set")
    assert "onpremises" in controller.vcc("vpncatalog", "get")

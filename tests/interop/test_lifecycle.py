"""From nothing to an open vault and back: hvac on every store, one step a test, in order."""

import base64
import re

import hvac.exceptions
import pytest


def test_a_new_vault_waits_for_initialisation(sealed_vault):
    client = sealed_vault.client()
    assert sealed_vault.health() == 501
    assert client.sys.is_initialized() is False
    assert client.sys.is_sealed() is True
    status = client.sys.read_seal_status()
    assert (status["initialized"], status["sealed"], status["t"], status["n"]) == (False, True, 0, 0)
    with pytest.raises(hvac.exceptions.InvalidRequest):
        client.sys.submit_unseal_key("AA==")
    with pytest.raises(hvac.exceptions.VaultDown):
        client.secrets.kv.v1.read_secret("x", mount_point="secret")


@pytest.mark.parametrize("shares, threshold", [(0, 0), (1, 2), (5, 1), (256, 3), (-1, 1)])
def test_senseless_shares_are_refused(sealed_vault, shares, threshold):
    with pytest.raises(hvac.exceptions.InvalidRequest):
        sealed_vault.client().sys.initialize(shares, threshold)
    assert sealed_vault.health() == 501


def test_initialisation_gives_five_shares_and_a_root_token(sealed_vault):
    made = sealed_vault.initialize(5, 3)
    assert len(made["keys"]) == len(made["keys_base64"]) == len(set(made["keys"])) == 5
    for in_hex, in_base64 in zip(made["keys"], made["keys_base64"], strict=True):
        assert bytes.fromhex(in_hex) == base64.b64decode(in_base64)
        assert len(bytes.fromhex(in_hex)) == 33
    assert re.fullmatch(r"hvs\.[A-Za-z0-9]{24}", made["root_token"])
    assert sealed_vault.health() == 503
    with pytest.raises(hvac.exceptions.InvalidRequest, match="already initialized"):
        sealed_vault.client().sys.initialize(5, 3)


def test_a_wrong_share_does_not_open_it(sealed_vault):
    client, shares = sealed_vault.client(token=None), sealed_vault.shares
    wrong = base64.b64encode(bytes(32) + b"\xee").decode()
    assert client.sys.submit_unseal_key(shares[0])["progress"] == 1
    assert client.sys.submit_unseal_key(shares[1])["progress"] == 2
    with pytest.raises(hvac.exceptions.InvalidRequest):
        client.sys.submit_unseal_key(wrong)
    status = client.sys.read_seal_status()
    assert (status["sealed"], status["progress"]) == (True, 0)
    for malformed in ["no base64 !", "00", base64.b64encode(bytes(10)).decode()]:
        with pytest.raises(hvac.exceptions.InvalidRequest):
            client.sys.submit_unseal_key(malformed)
    assert sealed_vault.health() == 503


def test_shares_are_counted_and_forgotten_on_request(sealed_vault):
    client, shares = sealed_vault.client(token=None), sealed_vault.shares
    first = client.sys.submit_unseal_key(shares[4])
    again = client.sys.submit_unseal_key(shares[4])
    assert (first["progress"], again["progress"], first["t"], first["n"]) == (1, 1, 3, 5)
    assert first["nonce"] and first["nonce"] == again["nonce"]
    assert client.sys.submit_unseal_key(reset=True)["progress"] == 0


def test_any_three_shares_open_it(sealed_vault):
    client = sealed_vault.client(token=None)
    hex_share = base64.b64decode(sealed_vault.shares[1]).hex()
    client.sys.submit_unseal_key(sealed_vault.shares[4])
    client.sys.submit_unseal_key(hex_share)
    status = client.sys.submit_unseal_key(sealed_vault.shares[2])
    assert (status["sealed"], status["progress"]) == (False, 0)
    assert status["cluster_name"] == "interop" and status["cluster_id"]
    assert status["storage_type"] == sealed_vault.store.split("-")[0]
    assert status["version"].startswith("1.14.")


def test_an_open_vault_tells_its_health(sealed_vault):
    assert sealed_vault.health() == 200
    client = sealed_vault.client()
    body = client.sys.read_health_status(method="GET")
    assert (body["initialized"], body["sealed"], body["standby"]) == (True, False, False)
    assert client.sys.read_health_status(method="HEAD").status_code == 200
    for query, status in [("activecode=299", 299), ("standbyok=true", 200), ("sealedcode=599", 200)]:
        assert sealed_vault.request("GET", f"sys/health?{query}").status_code == status
    assert sealed_vault.request("GET", "sys/health?activecode=x").status_code == 400
    assert client.sys.read_leader_status()["ha_enabled"] is False
    assert client.is_authenticated()


def test_sealing_asks_for_a_token_that_may(sealed_vault):
    with pytest.raises(hvac.exceptions.Forbidden):
        sealed_vault.client(token="hvs.unknown").sys.seal()
    assert sealed_vault.health() == 200
    sealed_vault.client().sys.seal()
    assert sealed_vault.health() == 503
    assert sealed_vault.request("GET", "sys/health?sealedcode=299", token=None).status_code == 299
    with pytest.raises(hvac.exceptions.VaultDown, match="Vault is sealed"):
        sealed_vault.client().sys.list_mounted_secrets_engines()
    sealed_vault.unseal()
    assert "sys/" in sealed_vault.client().sys.list_mounted_secrets_engines()["data"]

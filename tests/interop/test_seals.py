"""Seals with hvac: auto-unseal by KMS, recovery keys, rekey, root tokens, rotation."""

import base64
import json
import re
import uuid

import hvac.exceptions
import pytest
import requests

import processes
from vault_server import VaultServer


def new_kms_key(endpoint):
    headers = {
        "X-Amz-Target": "TrentService.CreateKey",
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": "AWS4-HMAC-SHA256 Credential=AKIATRUSTKEEPTESTS/20260101/eu-central-1/kms/aws4_request, "
        "SignedHeaders=host, Signature=0",
    }
    answer = requests.post(endpoint, data="{}", headers=headers, timeout=30)
    return answer.json()["KeyMetadata"]["KeyId"]


@pytest.fixture
def auto(backends, tmp_path):
    """A vault that KMS unseals, initialised with three recovery keys of which two are needed."""
    endpoint = backends.get("moto").endpoint
    server = VaultServer("file", tmp_path, backends)
    with server.config.open("a") as config:
        config.write(
            'seal "awskms" {\n'
            '  region     = "eu-central-1"\n'
            '  access_key = "AKIATRUSTKEEPTESTS"\n'
            '  secret_key = "not-a-secret"\n'
            f'  endpoint   = "{endpoint}"\n'
            f'  kms_key_id = "{new_kms_key(endpoint)}"\n'
            "}\n"
        )
    server.start()
    made = server.client(token=None).sys.initialize(0, 0, recovery_shares=3, recovery_threshold=2)
    server.root_token, server.recovery = made["root_token"], made["recovery_keys_base64"]
    yield server
    assert server.stop() == 0


@pytest.fixture
def shamir(backends, tmp_path):
    """A vault with three key shares of which two are needed, open."""
    server = VaultServer("file", tmp_path, backends).start()
    server.initialize(3, 2)
    server.unseal()
    yield server
    assert server.stop() == 0


def unmask(encoded, otp):
    masked = base64.b64decode(encoded + "=" * (-len(encoded) % 4))
    return bytes(a ^ b for a, b in zip(masked, otp.encode(), strict=True)).decode()


def test_a_vault_that_kms_unseals_is_open_at_once_and_after_a_restart(auto):
    client = auto.client()
    status = client.sys.read_seal_status()
    assert (status["sealed"], status["type"], status["recovery_seal"]) == (False, "shamir", True)
    assert (status["t"], status["n"], status["migration"]) == (2, 3, False)
    client.write("cubbyhole/a", b="c")
    assert auto.stop() == 0
    auto.start()
    processes.eventually(lambda: auto.health() == 200, what="unsealing")
    assert auto.client().read("cubbyhole/a")["data"]["b"] == "c"


def test_parameters_of_the_other_seal_are_refused(backends, tmp_path):
    server = VaultServer("inmem", tmp_path, backends).start()
    with pytest.raises(hvac.exceptions.InvalidRequest, match="recovery_shares,recovery_threshold not applicable to seal type shamir"):
        server.client(token=None).sys.initialize(1, 1, recovery_shares=1, recovery_threshold=1)
    assert server.stop() == 0


@pytest.mark.parametrize("kind", ["shamir", "auto"])
def test_a_quorum_makes_a_root_token(kind, request):
    server = request.getfixturevalue(kind)
    keys = server.recovery if kind == "auto" else server.shares
    client = server.client(token=None)
    status = client.sys.read_root_generation_progress()
    assert (status["started"], status["required"], status["otp_length"]) == (False, 2, 28)
    with pytest.raises(hvac.exceptions.InvalidRequest, match="wrong length"):
        client.sys.start_root_token_generation(otp="short")
    begun = client.sys.start_root_token_generation()
    assert len(begun["otp"]) == 28
    with pytest.raises(hvac.exceptions.InvalidRequest, match="already in progress"):
        client.sys.start_root_token_generation()
    with pytest.raises(hvac.exceptions.InvalidRequest, match="incorrect nonce"):
        client.sys.generate_root(keys[0], str(uuid.uuid4()))
    first = client.sys.generate_root(keys[0], begun["nonce"])
    assert (first["progress"], first["complete"]) == (1, False)
    with pytest.raises(hvac.exceptions.InvalidRequest, match="already been provided"):
        client.sys.generate_root(keys[0], begun["nonce"])
    done = client.sys.generate_root(keys[2], begun["nonce"])
    assert done["complete"] and done["encoded_token"] == done["encoded_root_token"]
    token = unmask(done["encoded_token"], begun["otp"])
    assert re.fullmatch(r"hvs\.[A-Za-z0-9]{24}", token)
    decoded = server.request("POST", "sys/decode-token", {"encoded_token": done["encoded_token"], "otp": begun["otp"]}, token=None)
    assert decoded.json()["data"]["token"] == token
    assert server.client(token=token).lookup_token()["data"]["policies"] == ["root"]
    assert client.sys.read_root_generation_progress()["started"] is False
    # An operator's own password; given up by whoever may.
    client.sys.start_root_token_generation(otp="x" * 28)
    with pytest.raises(hvac.exceptions.Forbidden):
        client.sys.cancel_root_generation()
    server.client().sys.cancel_root_generation()
    assert client.sys.read_root_generation_progress()["started"] is False


def test_key_shares_are_replaced(shamir):
    client = shamir.client(token=None)
    shamir.client().write("cubbyhole/a", b="c")
    begun = client.sys.start_rekey(secret_shares=5, secret_threshold=3)
    assert (begun["t"], begun["n"], begun["required"], begun["progress"]) == (3, 5, 2, 0)
    assert client.sys.rekey(shamir.shares[0], nonce=begun["nonce"])["progress"] == 1
    assert client.sys.read_rekey_progress()["progress"] == 1
    done = client.sys.rekey(shamir.shares[1], nonce=begun["nonce"])
    assert done["complete"] and len(done["keys"]) == len(done["keys_base64"]) == 5
    old, shamir.shares, shamir.threshold = shamir.shares, done["keys"], 3
    shamir.client().sys.seal()
    with pytest.raises(hvac.exceptions.InvalidRequest):
        client.sys.submit_unseal_keys(old)
    shamir.unseal()
    assert shamir.client().read("cubbyhole/a")["data"]["b"] == "c"


def test_key_shares_can_be_replaced_at_one_go(shamir):
    begun = shamir.client(token=None).sys.start_rekey(secret_shares=1, secret_threshold=1)
    done = shamir.client(token=None).sys.rekey_multi(shamir.shares[:2], nonce=begun["nonce"])
    assert done["complete"] and len(done["keys"]) == 1
    body = {"secret_shares": 1, "secret_threshold": 1, "backup": True}
    refused = shamir.request("PUT", "sys/rekey/init", body)
    assert refused.status_code == 400 and "cannot request a backup" in refused.json()["errors"][0]
    with pytest.raises(hvac.exceptions.InvalidRequest, match="no backed-up keys found"):
        shamir.client().sys.read_backup_keys()


def test_new_shares_count_once_they_were_shown(shamir):
    client = shamir.client(token=None)
    begun = client.sys.start_rekey(secret_shares=2, secret_threshold=2, require_verification=True)
    assert begun["verification_required"] is True
    done = client.sys.rekey_multi(shamir.shares[:2], nonce=begun["nonce"])
    assert done["complete"] and done["verification_required"]
    shown = shamir.request("PUT", "sys/rekey/verify", {"key": done["keys"][0], "nonce": done["verification_nonce"]}, token=None)
    assert (shown.json()["progress"], shown.json()["started"]) == (1, True)
    shown = shamir.request("PUT", "sys/rekey/verify", {"key": done["keys"][1], "nonce": done["verification_nonce"]}, token=None)
    assert shown.json() == {"nonce": done["verification_nonce"], "complete": True}
    shamir.client().sys.seal()
    shamir.shares, shamir.threshold = done["keys"], 2
    shamir.unseal()


def test_recovery_keys_are_replaced_and_authorise_a_new_root_key(auto):
    client = auto.client(token=None)
    begun = client.sys.start_rekey(secret_shares=2, secret_threshold=2, recovery_key=True)
    done = client.sys.rekey_multi(auto.recovery[:2], nonce=begun["nonce"], recovery_key=True)
    assert done["complete"] and len(done["keys"]) == 2
    begun = client.sys.start_rekey(secret_shares=5, secret_threshold=3)
    assert begun["required"] == 2
    rekeyed = client.sys.rekey_multi(done["keys"], nonce=begun["nonce"])
    assert rekeyed["complete"] and rekeyed["keys"] == []
    assert auto.stop() == 0
    auto.start()
    processes.eventually(lambda: auto.health() == 200, what="unsealing")


def test_attempts_are_given_up_by_whoever_may(shamir):
    anybody, root = shamir.client(token=None), shamir.client()
    anybody.sys.start_rekey(secret_shares=1, secret_threshold=1)
    with pytest.raises(hvac.exceptions.Forbidden):
        anybody.sys.cancel_rekey()
    with pytest.raises(hvac.exceptions.InvalidRequest, match="already in progress"):
        anybody.sys.start_rekey(secret_shares=1, secret_threshold=1)
    root.sys.cancel_rekey()
    assert anybody.sys.read_rekey_progress()["started"] is False
    anybody.sys.cancel_rekey()


def test_the_encryption_key_is_rotated(shamir):
    client = shamir.client()
    before = client.sys.get_encryption_key_status()["data"]
    client.sys.rotate_encryption_key()
    after = client.sys.get_encryption_key_status()["data"]
    assert after["term"] == before["term"] + 1
    shamir.request("POST", "sys/rotate/config", {"max_operations": 2000000, "interval": "24h"})
    config = shamir.request("GET", "sys/rotate/config").json()["data"]
    assert config == {"enabled": True, "interval": "24h0m0s", "max_operations": 2000000}
    assert shamir.request("POST", "sys/rotate/config", {"max_operations": 1}).status_code == 400


def test_break_glass_shares_are_made_and_removed(auto):
    assert auto.request("GET", "sys/break-glass").json()["data"] == {"enabled": False}
    assert auto.request("GET", "sys/break-glass", token=None).status_code == 403
    made = auto.request("PUT", "sys/break-glass", {"secret_shares": 3, "secret_threshold": 2}).json()["data"]
    assert len(made["keys"]) == len(made["keys_base64"]) == 3
    auto.client().sys.seal()
    for key in made["keys"][:2]:
        status = auto.request("PUT", "sys/unseal", {"key": key, "break_glass": True}, token=None).json()
    assert status["sealed"] is False, json.dumps(status)
    assert auto.request("DELETE", "sys/break-glass").status_code == 204
    assert auto.request("GET", "sys/break-glass").json()["data"] == {"enabled": False}

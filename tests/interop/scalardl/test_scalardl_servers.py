"""What the servers do apart from any client: conflicts, replays, and requests that break the protocol."""

import json
import urllib.request

import pytest

import protocol
from steps import contend, refused, registered

PARALLEL, EACH = 6, 8


@pytest.fixture
def alice(deployment, new_identity, state_contracts):
    return registered(deployment, new_identity(), state_contracts)


def test_conflicts(deployment, alice):
    """Many clients at one asset: each change is made whole or refused with 504, and the ages count the changes that were made."""
    asset = f"asset-of-{alice.identity.name}"
    made = contend([deployment], alice, asset, PARALLEL, EACH)
    assert json.loads(alice.execute("StateReader", {"asset_id": asset}).result)["age"] == made


def test_replays(deployment, alice):
    """The same signed request again, as it was and with what is not signed changed."""
    asset = f"asset-of-{alice.identity.name}"
    request = alice.request("StateUpdater", {"asset_id": asset, "state": 1})
    ledger = deployment.ledger.service()
    if deployment.auditor:
        auditor = deployment.auditor.service()
        request["auditor_signature"] = auditor.call("OrderExecution", request)["signature"]
    response = ledger.call("ExecuteContract", request)
    if deployment.auditor:
        auditor.call("ValidateExecution", {"request": request, "proofs": response["proofs"]})
        assert refused(auditor.call, "OrderExecution", request)[0] == 304
    assert refused(ledger.call, "ExecuteContract", request)[0] == 504
    assert refused(ledger.call, "ExecuteContract", {**request, "nonce": "another"})[0] in (414, 502, 504)
    assert json.loads(alice.execute("StateReader", {"asset_id": asset}).result)["age"] == 0


def test_the_auditor_cannot_be_gone_around(deployment, alice):
    request = alice.request("StateUpdater", {"asset_id": f"asset-of-{alice.identity.name}", "state": 1})
    ledger = deployment.ledger.service()
    if deployment.auditor:
        code, message = refused(ledger.call, "ExecuteContract", request)
        assert (code, message[:17]) == (502, "DL-LEDGER-407003:")
        code, message = refused(ledger.call, "ExecuteContract", {**request, "auditor_signature": b"forged"})
        assert code in (400, 502)
    else:
        code, message = refused(ledger.call, "ExecuteContract", {**request, "auditor_signature": b"needless"})
        assert (code, message[:17]) == (502, "DL-LEDGER-407004:")


def test_the_auditor_sees_forged_proofs(deployment, alice):
    """Every proof that is not what the ledger signed is refused, and the asset stays locked: the lie is kept as evidence."""
    if not deployment.auditor:
        pytest.skip("about a ledger with an auditor")
    asset = f"asset-of-{alice.identity.name}"
    auditor, ledger = deployment.auditor.service(), deployment.ledger.service()
    request = alice.request("StateUpdater", {"asset_id": asset, "state": 1})
    request["auditor_signature"] = auditor.call("OrderExecution", request)["signature"]
    [proof] = ledger.call("ExecuteContract", request)["proofs"]
    for forged in ({**proof, "hash": bytes(32)}, {**proof, "age": 1}, {**proof, "signature": b"none"}):
        assert refused(auditor.call, "ValidateExecution", {"request": request, "proofs": [forged]})[0] in (305, 400)
    assert refused(auditor.call, "ValidateExecution", {"request": request, "proofs": []})[0] == 305
    assert refused(alice.execute, "StateUpdater", {"asset_id": asset, "state": 2})[0] == 504
    honest = auditor.call("ValidateExecution", {"request": request, "proofs": [proof]})
    assert honest["proofs"][0]["hash"] == proof["hash"]


def test_what_breaks_the_protocol(deployment, alice):
    ledger = deployment.ledger.service()
    first = deployment.auditor.service() if deployment.auditor else ledger
    method = "OrderExecution" if deployment.auditor else "ExecuteContract"
    signer = alice.identity.signer(deployment.authentication)

    def signed(**changes):
        request = {**alice.request("StateReader", {"asset_id": "x"}), **changes}
        request["signature"] = signer.sign(protocol.signed_bytes("ContractExecutionRequest", request))
        return request

    assert refused(first.call, method, signed(contract_argument="V3\x01n\x03default\x03")) [0] in (414, 502)
    assert refused(first.call, method, signed(contract_argument="not json"))[0] in (414, 502)
    assert refused(first.call, method, signed(contract_argument=""))[0] in (414, 502)
    assert refused(first.call, method, signed(contract_id=""))[0] in (404, 414, 502)
    assert refused(first.call, method, {**signed(), "signature": b"garbage"})[0] == 400
    assert refused(first.call, method, {**signed(), "signature": b""})[0] in (400, 502)
    assert refused(first.call, method, {**signed(), "key_version": 2})[0] in (400, 403, 415)
    assert refused(ledger.call, "ListContracts", {"entity_id": "nobody", "key_version": 1, "signature": b"x"})[0] in (403, 415)
    ordinary = {"nonce": "somebody's", "entity_id": alice.identity.name, "key_version": 1}
    ordinary["signature"] = signer.sign(protocol.signed_bytes("ExecutionAbortRequest", ordinary))
    assert refused(ledger.call, "AbortExecution", ordinary)[0] in (400, 403, 407, 415)


def test_metrics(deployment, alice):
    alice.execute("StateReader", {"asset_id": "x"})
    for server in deployment.servers():
        with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/stats/prometheus", timeout=30) as answer:
            told = answer.read().decode()
        assert f"scalardl_stats_{server.kind}_total_success" in told
        assert f"scalardl_stats_{server.kind}_contract_registration_request_count" in told

"""Every client against every deployment: identities, contracts, executions, listings, validations, and what is refused."""

import json

import pytest

import java_sdk
import protocol
from steps import refused

UPDATER, READER = "com.org1.contract.StateUpdater", "com.org1.contract.StateReader"


@pytest.fixture
def alice(deployment, make_client, new_identity, state_contracts):
    """A client whose entity has both sample contracts; the properties of the reader count for nothing."""
    identity = new_identity()
    client = make_client(deployment, identity)
    client.identity = identity
    client.register_identity()
    client.register_contract("StateUpdater", UPDATER, state_contracts["StateUpdater"])
    client.register_contract("StateReader", READER, state_contracts["StateReader"], {"note": "ä"})
    return client


def test_round_trip(deployment, alice):
    """Two changes and two readings, with every proof checked by another implementation of the protocol."""
    asset = f"asset-of-{alice.identity.name}"
    assert alice.execute("StateReader", {"asset_id": asset}).result is None
    outputs, hashes = [], []
    for age, state in enumerate([3, 7]):
        done = alice.execute("StateUpdater", {"asset_id": asset, "state": state}, f"nonce-{age}-{asset}")
        assert done.result is None and done.function_result is None
        outputs.append(json.dumps({"state": state}, separators=(",", ":")))
        proof = check_proofs(deployment, done, asset, age)
        assert proof["nonce"] == f"nonce-{age}-{asset}"
        assert json.loads(proof["input"]) == ({asset: {"age": age - 1}} if age else {})
        assert proof["prev_hash"] == (hashes[-1] if hashes else b"")
        hashes.append(proof["hash"])

    done = alice.execute("StateReader", {"asset_id": asset})
    assert json.loads(done.result) == {"id": asset, "age": 1, "output": {"state": 7}}
    proof = check_proofs(deployment, done, asset, 1)
    assert (proof["hash"], proof["nonce"]) == (hashes[1], f"nonce-1-{asset}")

    # The same state once more: the asset is read, and stays as it is.
    unchanged = alice.execute("StateUpdater", {"asset_id": asset, "state": 7})
    assert check_proofs(deployment, unchanged, asset, 1)["hash"] == hashes[1]


def check_proofs(deployment, done, asset, age):
    """The ledger's proof and, where there is one, the auditor's: about this asset alone, signed, and equal."""
    [proof] = done.ledger_proofs
    assert (proof["asset_id"], proof["age"]) == (asset, age)
    assert deployment.proof_signer("ledger").verifies(proof["signature"], protocol.proof_bytes(proof))
    assert len(done.auditor_proofs) == (1 if deployment.auditor else 0)
    for audited in done.auditor_proofs:
        assert deployment.proof_signer("auditor").verifies(audited["signature"], protocol.proof_bytes(audited))
        assert [audited[name] for name in ("asset_id", "age", "hash")] == [proof[name] for name in ("asset_id", "age", "hash")]
    return proof


def test_list(alice):
    listed = alice.list_contracts()
    assert sorted(listed) == ["StateReader", "StateUpdater"]
    reader = listed["StateReader"]
    assert reader["contract_name"] == READER
    assert reader["entity_id"] == alice.identity.name and reader["cert_version"] == 1
    assert json.loads(reader["contract_properties"]) == {"note": "ä"}
    assert isinstance(reader["registered_at"], int) and isinstance(reader["signature"], str)
    assert listed["StateUpdater"]["contract_properties"] == ""
    assert alice.list_contracts("StateReader") == {"StateReader": reader}
    assert alice.list_contracts("another") == {}


def test_validate(deployment, alice, make_client):
    asset = f"asset-of-{alice.identity.name}"
    for state in range(3):
        done = alice.execute("StateUpdater", {"asset_id": asset, "state": state})
    if deployment.auditor:
        if make_client.kind.startswith("bare"):
            # The ledger refuses to vouch for itself where an auditor is to vouch for it.
            code, message = refused(alice.validate, asset)
            assert (code, message[:17]) == (407, "DL-LEDGER-407002:")
        alice.register_contract("validate-ledger-v1_1_0", java_sdk.VALIDATE_LEDGER, java_sdk.validate_ledger_class())
        if make_client.kind in ("bare-v1", "bare-v2", "bare-v3"):
            states = json.loads(alice.execute("validate-ledger-v1_1_0", {"asset_id": asset, "start_age": 0, "end_age": 1}).result)
            assert states == {asset: [{"age": 0, "data": {"state": 0}}, {"age": 1, "data": {"state": 1}}]}
            return
    code, proof = alice.validate(asset)
    assert code == 200
    assert [proof[name] for name in ("asset_id", "age", "hash")] == [asset, 2, done.ledger_proofs[0]["hash"]]
    if not deployment.auditor:
        assert alice.validate(asset, 0, 1)[1]["age"] == 1
        assert alice.validate(f"no-{asset}") == (409, None)


def test_what_is_refused(deployment, alice, make_client, new_identity, state_contracts):
    assert refused(alice.register_identity)[0] == (413 if deployment.authentication == "hmac" else 405)
    code, message = refused(alice.register_contract, "StateUpdater", UPDATER, state_contracts["StateUpdater"])
    assert (code, message) == (406, "DL-COMMON-406001: The specified contract is already registered.")
    unknown = "com.example.NobodyKnowsThis"
    code, message = refused(alice.register_contract, "Unknown", unknown, java_sdk.empty_class(unknown))
    assert (code, message[:17]) == (402, "DL-COMMON-402001:")
    code, message = refused(alice.execute, "NotRegistered", {"asset_id": "x"})
    assert (code, message) == (404, "DL-COMMON-404001: The specified contract is not found.")
    code, message = refused(alice.execute, "StateReader", {})
    assert (code, message) == (408, "please set asset_id in the argument")

    stranger = make_client(deployment, new_identity("stranger"))
    code, message = refused(stranger.execute, "StateReader", {"asset_id": "x"})
    unknown = 415 if deployment.authentication == "hmac" else 403
    # The older client has no name for the younger code.
    assert code == (0 if unknown == 415 and make_client.kind == "java-3.9" else unknown)


def test_nonce_used_twice(deployment, alice):
    """A second execution with a nonce is a replay, whatever it asks: the auditor says 304, a ledger alone 504."""
    asset = f"asset-of-{alice.identity.name}"
    alice.execute("StateUpdater", {"asset_id": asset, "state": 1}, f"nonce-of-{asset}")
    code, _ = refused(alice.execute, "StateUpdater", {"asset_id": asset, "state": 2}, f"nonce-of-{asset}")
    assert code == (304 if deployment.auditor else 504)
    assert json.loads(alice.execute("StateReader", {"asset_id": asset}).result)["output"] == {"state": 1}


def test_another_key(deployment, alice, make_client, new_identity):
    """An entity that signs with another's key is refused."""
    mallory = new_identity("mallory")
    mallory.name = alice.identity.name
    mallory.secret = "another secret"
    code, message = refused(make_client(deployment, mallory).execute, "StateReader", {"asset_id": "x"})
    assert (code, message[:17]) == (400, "DL-COMMON-400003:")


def test_namespaces(deployment, make_client, new_identity, state_contracts):
    """Entities, contracts and assets of one namespace are unknown in another."""
    if make_client.kind not in ("bare-v3", "java-3.14", "java-given"):
        pytest.skip("clients of this age know no namespaces")
    identity, other = new_identity(), new_identity("other")
    name = identity.name.replace("-", "_")
    here, there = make_client(deployment, identity, name), make_client(deployment, other, f"{name}_two")
    assert refused(here.register_identity)[0] == 417
    for namespace in (name, f"{name}_two"):
        for server in deployment.servers():
            server.service(privileged=True).call("createNamespace", {"namespace": namespace})
    for client, state in ((here, 1), (there, 2)):
        client.register_identity()
        client.register_contract("StateUpdater", UPDATER, state_contracts["StateUpdater"])
        client.register_contract("StateReader", READER, state_contracts["StateReader"])
        done = client.execute("StateUpdater", {"asset_id": "same", "state": state})
        assert done.ledger_proofs[0]["age"] == 0
    [proof] = done.ledger_proofs
    if make_client.kind == "bare-v3":
        assert proof["namespace"] == f"{name}_two"
        assert deployment.proof_signer("ledger").verifies(proof["signature"], protocol.proof_bytes(proof))
    assert json.loads(here.execute("StateReader", {"asset_id": "same"}).result)["output"] == {"state": 1}
    assert json.loads(there.execute("StateReader", {"asset_id": "same"}).result)["output"] == {"state": 2}
    assert refused(make_client(deployment, identity).execute, "StateReader", {"asset_id": "same"})[0] in (403, 415)

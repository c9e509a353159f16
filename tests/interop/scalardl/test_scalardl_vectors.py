"""The protocol as this folder has it, against vectors that the Java classes of Scalar DL gave."""

import protocol

SECRET = protocol.Secret("secret-key")
ARGUMENT = 'V3\x01n-1\x03default\x03\x03{"asset_id":"a","state":1}'
ALICE = {"entity_id": "alice", "key_version": 1}
AUDITOR = {"entity_id": "_AUDITOR_", "key_version": 1}
EXECUTION = {"contract_id": "StateUpdater", "contract_argument": ARGUMENT, **ALICE}
SIGNATURE = bytes.fromhex("4ef0ebc0de38d1c49abe44e52f62457fd2fe25e167cfca89cbf9ff1556712008")
H0 = "c352f5d100fed17c954f5ba8f254fb767d51e275e0feb75bb9dc186c923b29bd"
H1 = "bb8d158cb8082b56ceb94ad151ce976d7f4ebbfd0217b240c57f93d5689ed1fb"


def tag(kind, message):
    return SECRET.sign(protocol.signed_bytes(kind, message)).hex()


def test_requests():
    assert tag("ContractExecutionRequest", EXECUTION) == SIGNATURE.hex()
    assert tag("ContractsListingRequest", ALICE) == "07f407694f2f96c67eb8bc2e526072cb610d04554fe6f04e268d3ab10f374fe8"
    validation = {"asset_id": "a", "end_age": protocol.NO_AGE_BOUND, **ALICE}
    assert tag("LedgerValidationRequest", validation) == "2ede651c5f9a189b705e3ae9ed2a422496fcf1456d7532fa656621be99505f39"
    retrieval = {"asset_id": "a", **AUDITOR}
    assert tag("AssetProofRetrievalRequest", retrieval) == "aeab843d460d9755924014f8edd1c6fea474733f5d1b0b65bdd1894ec8cb1f8b"
    assert tag("ExecutionAbortRequest", {"nonce": "n-1", **AUDITOR}) == "7269644f591e630238232576b6127b3d3a0b39825680164a791eb4ed08b0c94d"
    registration = {"contract_id": "c", "contract_binary_name": "b", "contract_byte_code": b"\1\2\3", "contract_properties": '{"x":1}', **ALICE}
    assert tag("ContractRegistrationRequest", registration) == "9e6c15b39261e09327188d5b3086c13b00374adfc357c7f9c833e615b5dc241f"
    assert SECRET.sign(b"n-1").hex() == "877fa377e6b0f8b485b33c16c8a0acb03620d9359a1da44810aae2b958f15123"


def test_hashes_and_proofs():
    first = protocol.asset_hash("a", 0, "{}", '{"state":1}', "alice/1/StateUpdater", ARGUMENT, SIGNATURE, None)
    assert first.hex() == H0
    second = protocol.asset_hash("a", 1, '{"a":{"age":0}}', '{"state":1}', "alice/1/StateUpdater", ARGUMENT, SIGNATURE, first)
    assert second.hex() == H1
    proof = {"namespace": "default", "asset_id": "a", "age": 0, "nonce": "n-1", "input": "{}", "hash": first, "prev_hash": b""}
    assert SECRET.sign(protocol.proof_bytes(proof)).hex() == "1dc4590a3ad5938094a4558ecd7b558e59568583c80ec05ccdebafdc9779f0d3"


def test_messages():
    request = {"request": {**EXECUTION, "function_ids": ["f", "g"], "signature": SIGNATURE}, "proofs": [{"asset_id": "ä", "age": 300}]}
    read = protocol.decode("ExecutionValidationRequest", protocol.encode("ExecutionValidationRequest", request))
    assert read["request"]["function_ids"] == ["f", "g"] and read["request"]["signature"] == SIGNATURE
    assert read["proofs"][0]["asset_id"] == "ä" and read["proofs"][0]["age"] == 300 and read["proofs"][0]["hash"] == b""

"""Scalar DL's protocol a second time, from its published facts alone: nothing here comes from the servers under test.

Messages on the wire, the bytes that are signed, the hash of an asset's row, and a bare client of one service.
"""

import hashlib
import hmac
import os
import struct

# Its handlers of forks would run in each program that tests start, between the fork and the program's own beginning.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"

import grpc
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_pem_x509_certificate

# Fields by message: number, name, kind. A kind that is a message's name is that message.
MESSAGES = {
    "Empty": {},
    "AssetProof": {1: ("asset_id", "text"), 2: ("age", "int"), 3: ("nonce", "text"), 4: ("input", "text"),
                   5: ("hash", "bytes"), 6: ("prev_hash", "bytes"), 7: ("signature", "bytes"), 8: ("namespace", "text")},
    "Status": {1: ("code", "int"), 2: ("message", "text")},
    "CertificateRegistrationRequest": {1: ("entity_id", "text"), 2: ("key_version", "int"), 3: ("cert_pem", "text"),
                                       4: ("context_namespace", "text")},
    "SecretRegistrationRequest": {1: ("entity_id", "text"), 2: ("key_version", "int"), 3: ("secret_key", "text"),
                                  4: ("context_namespace", "text")},
    "ContractRegistrationRequest": {1: ("contract_id", "text"), 2: ("contract_binary_name", "text"),
                                    3: ("contract_byte_code", "bytes"), 4: ("contract_properties", "text"),
                                    5: ("entity_id", "text"), 6: ("key_version", "int"), 7: ("signature", "bytes"),
                                    8: ("context_namespace", "text")},
    "ContractsListingRequest": {1: ("entity_id", "text"), 2: ("key_version", "int"), 3: ("contract_id", "text"),
                                4: ("signature", "bytes"), 5: ("context_namespace", "text")},
    "ContractsListingResponse": {1: ("json", "text")},
    "ContractExecutionRequest": {1: ("contract_id", "text"), 2: ("contract_argument", "text"), 3: ("entity_id", "text"),
                                 4: ("key_version", "int"), 5: ("function_argument", "text"), 6: ("signature", "bytes"),
                                 7: ("auditor_signature", "bytes"), 8: ("use_function_ids", "int"),
                                 9: ("function_ids", "texts"), 10: ("nonce", "text"), 11: ("context_namespace", "text")},
    "ContractExecutionResponse": {1: ("contract_result", "text"), 2: ("proofs", ["AssetProof"]), 3: ("function_result", "text")},
    "ExecutionOrderingResponse": {1: ("signature", "bytes")},
    "ExecutionValidationRequest": {1: ("request", "ContractExecutionRequest"), 2: ("proofs", ["AssetProof"])},
    "LedgerValidationRequest": {1: ("asset_id", "text"), 2: ("start_age", "int"), 3: ("end_age", "int"), 4: ("entity_id", "text"),
                                5: ("key_version", "int"), 6: ("signature", "bytes"), 7: ("namespace", "text"),
                                8: ("context_namespace", "text")},
    "LedgerValidationResponse": {1: ("status_code", "int"), 2: ("proof", "AssetProof")},
    "AssetProofRetrievalRequest": {1: ("asset_id", "text"), 2: ("age", "int"), 3: ("entity_id", "text"), 4: ("key_version", "int"),
                                   5: ("signature", "bytes"), 6: ("namespace", "text")},
    "AssetProofRetrievalResponse": {1: ("proof", "AssetProof"), 2: ("ledger_name", "text")},
    "ExecutionAbortRequest": {1: ("nonce", "text"), 2: ("entity_id", "text"), 3: ("key_version", "int"), 4: ("signature", "bytes")},
    "ExecutionAbortResponse": {1: ("state", "int")},
    "NamespaceCreationRequest": {1: ("namespace", "text")},
    "PauseRequest": {1: ("wait_outstanding", "int")},
    "TransactionStatePurgeResponse": {1: ("total_targets", "int"), 2: ("purged", "int"), 3: ("skipped", "int")},
    "HealthCheckRequest": {1: ("service", "text")},
    "HealthCheckResponse": {1: ("status", "int")},
}

# What each call takes and gives.
CALLS = {
    "RegisterCert": ("CertificateRegistrationRequest", "Empty"),
    "RegisterSecret": ("SecretRegistrationRequest", "Empty"),
    "RegisterContract": ("ContractRegistrationRequest", "Empty"),
    "ListContracts": ("ContractsListingRequest", "ContractsListingResponse"),
    "ExecuteContract": ("ContractExecutionRequest", "ContractExecutionResponse"),
    "ValidateLedger": ("LedgerValidationRequest", "LedgerValidationResponse"),
    "RetrieveAssetProof": ("AssetProofRetrievalRequest", "AssetProofRetrievalResponse"),
    "AbortExecution": ("ExecutionAbortRequest", "ExecutionAbortResponse"),
    "OrderExecution": ("ContractExecutionRequest", "ExecutionOrderingResponse"),
    "ValidateExecution": ("ExecutionValidationRequest", "ContractExecutionResponse"),
    "createNamespace": ("NamespaceCreationRequest", "Empty"),
    "PurgeTransactionStates": ("Empty", "TransactionStatePurgeResponse"),
    "Pause": ("PauseRequest", "Empty"),
    "Unpause": ("Empty", "Empty"),
    "Check": ("HealthCheckRequest", "HealthCheckResponse"),
}

# What each request has signed, in order.
SIGNED = {
    "ContractRegistrationRequest": ["contract_id", "contract_binary_name", "contract_byte_code", "contract_properties",
                                    "context_namespace", "entity_id", "key_version"],
    "ContractsListingRequest": ["contract_id", "context_namespace", "entity_id", "key_version"],
    "ContractExecutionRequest": ["contract_id", "contract_argument", "context_namespace", "entity_id", "key_version"],
    "LedgerValidationRequest": ["namespace", "asset_id", "start_age", "end_age", "context_namespace", "entity_id", "key_version"],
    "AssetProofRetrievalRequest": ["namespace", "asset_id", "age", "entity_id", "key_version"],
    "ExecutionAbortRequest": ["nonce", "entity_id", "key_version"],
}

NO_AGE_BOUND = 2**31 - 1


class Refused(Exception):
    """An error that a server told: its code and message, and gRPC's own status."""

    def __init__(self, code, message, grpc_status=None):
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.grpc_status = code, message, grpc_status


def encode(kind, message):
    """A message as protocol buffers have it; absent and empty fields take no bytes."""
    written = b""
    for number, (name, form) in sorted(MESSAGES[kind].items()):
        value = message.get(name)
        if form == "int":
            written += _varint(number << 3) + _varint(value) if value else b""
        elif form == "text":
            written += _block(number, value.encode()) if value else b""
        elif form == "bytes":
            written += _block(number, value) if value else b""
        elif form == "texts":
            written += b"".join(_block(number, each.encode()) for each in value or [])
        elif isinstance(form, list):
            written += b"".join(_block(number, encode(form[0], each)) for each in value or [])
        elif value is not None:
            written += _block(number, encode(form, value))
    return written


def decode(kind, data):
    """The message in these bytes; an unknown field is an error, since these servers send none."""
    fields = MESSAGES[kind]
    message = {name: _nothing(form) for name, form in fields.values()}
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        name, form = fields[key >> 3]
        if key & 7 == 0:
            message[name], at = _read_varint(data, at)
            continue
        assert key & 7 == 2, f"{kind}: wire type of {name}"
        size, at = _read_varint(data, at)
        block, at = data[at:at + size], at + size
        if form == "text":
            message[name] = block.decode()
        elif form == "bytes":
            message[name] = bytes(block)
        elif form == "texts":
            message[name].append(block.decode())
        elif isinstance(form, list):
            message[name].append(decode(form[0], block))
        else:
            message[name] = decode(form, block)
    return message


def signed_bytes(kind, message):
    """The bytes of a request that its signature covers: text as UTF-8, numbers as four bytes, the highest first."""
    covered = b""
    for name in SIGNED[kind]:
        value = message.get(name) or ("" if name not in ("age", "start_age", "end_age", "key_version") else 0)
        covered += struct.pack(">i", value) if isinstance(value, int) else value if isinstance(value, bytes) else value.encode()
    return covered


def proof_bytes(proof):
    """The bytes of a proof that a server's signature covers."""
    namespace = proof.get("namespace") or "default"
    return (
        (b"" if namespace == "default" else namespace.encode())
        + proof["asset_id"].encode()
        + struct.pack(">i", proof["age"])
        + proof["nonce"].encode()
        + proof["input"].encode()
        + proof["hash"]
        + proof["prev_hash"]
    )


def asset_hash(asset_id, age, input_text, output, contract_id, argument, signature, prev_hash):
    """The hash of an asset's row. Its age has the lowest byte first, as nowhere else in the protocol."""
    texts = [asset_id.encode(), struct.pack("<i", age), input_text.encode(), output.encode(), contract_id.encode(), argument.encode()]
    return hashlib.sha256(b"".join(texts) + signature + (prev_hash or b"")).digest()


def formatted_argument(version, nonce, argument, namespace="default", functions=()):
    """A contract's argument as each version of the clients sends it."""
    ids = "\x02".join(functions)
    return {2: f"V2\x01{nonce}\x03{ids}\x03{argument}", 3: f"V3\x01{nonce}\x03{namespace}\x03{ids}\x03{argument}"}[version]


class KeyPair:
    """A P-256 key with its certificate."""

    def __init__(self, private_key, certificate_pem):
        self._private, self._certificate = private_key, certificate_pem

    def sign(self, data):
        return self._private.sign(data, ec.ECDSA(hashes.SHA256()))

    def verifies(self, signature, data):
        try:
            load_pem_x509_certificate(self._certificate).public_key().verify(signature, data, ec.ECDSA(hashes.SHA256()))
            return True
        except InvalidSignature:
            return False


class Secret:
    """A secret that two sides share."""

    def __init__(self, text):
        self._key = text.encode()

    def sign(self, data):
        return hmac.digest(self._key, data, "sha256")

    def verifies(self, signature, data):
        return hmac.compare_digest(signature, self.sign(data))


class Service:
    """One service of one server, called without any client library of Scalar DL."""

    def __init__(self, name, port, tls=None):
        """`tls` is the authority that certified the server."""
        self._name = name
        address = f"localhost:{port}"
        if tls:
            options = [("grpc.ssl_target_name_override", tls.name)]
            self._channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(tls.certificate_pem), options)
        else:
            self._channel = grpc.insecure_channel(address)

    def call(self, method, message, patience=30):
        """Calls and gives the answer; an error must carry the status of Scalar DL in its trailer."""
        takes, gives = CALLS[method]
        rpc = self._channel.unary_unary(f"/{self._name}/{method}", lambda given: encode(takes, given), lambda data: decode(gives, data))
        try:
            return rpc(message, timeout=patience)
        except grpc.RpcError as error:
            trailer = dict(error.trailing_metadata() or ()).get("rpc.status-bin")
            if trailer is None:
                raise
            status = decode("Status", trailer)
            raise Refused(status["code"], status["message"], error.code()) from None

    def close(self):
        self._channel.close()


def _nothing(form):
    if form == "texts" or isinstance(form, list):
        return []
    return {"int": 0, "text": "", "bytes": b""}.get(form)


def _varint(value):
    value &= 2**64 - 1
    written = bytearray()
    while value > 127:
        written.append(value & 127 | 128)
        value >>= 7
    written.append(value)
    return bytes(written)


def _read_varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 128:
            return value, at


def _block(number, data):
    return _varint(number << 3 | 2) + _varint(len(data)) + data

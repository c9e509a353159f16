"""Clients of a deployment, each with the same few methods: those that others wrote, and a bare one of the protocol."""

import base64
import dataclasses
import itertools
import json
import pathlib
import select
import subprocess
import uuid

import processes
import protocol

HERE = pathlib.Path(__file__).resolve().parent
PROTO = HERE.parents[2] / "crates/scalar-rpc/proto"


@dataclasses.dataclass
class Executed:
    """What an execution gave: the texts as they came, and proofs as dictionaries."""

    result: str
    function_result: str
    ledger_proofs: list
    auditor_proofs: list


class BareClient:
    """The protocol without a library, with the arguments of one version of the clients."""

    def __init__(self, deployment, identity, version=3, namespace=None):
        self._deployment, self._version, self._namespace = deployment, version, namespace
        self._identity, self._signer = identity, identity.signer(deployment.authentication)

    def register_identity(self):
        hmac = self._deployment.authentication == "hmac"
        method = "RegisterSecret" if hmac else "RegisterCert"
        known = {"secret_key": self._identity.secret} if hmac else {"cert_pem": self._identity.certificate_pem.decode()}
        for server in reversed(self._deployment.servers()):
            server.service(privileged=True).call(method, {**self._own(), **known})

    def register_contract(self, contract_id, binary_name, byte_code, properties=None):
        request = {
            "contract_id": contract_id,
            "contract_binary_name": binary_name,
            "contract_byte_code": byte_code,
            "contract_properties": compact(properties) if properties is not None else "",
            **self._own(),
        }
        self._sign("ContractRegistrationRequest", request)
        for server in reversed(self._deployment.servers()):
            server.service().call("RegisterContract", request)

    def list_contracts(self, contract_id=None):
        request = self._sign("ContractsListingRequest", {"contract_id": contract_id, **self._own()})
        return json.loads(self._deployment.ledger.service().call("ListContracts", request)["json"])

    def request(self, contract_id, argument, nonce=None):
        """A signed request to execute a contract."""
        nonce = nonce or str(uuid.uuid4())
        if self._version == 1:
            argument = compact({**argument, "nonce": nonce})
        else:
            argument = argument if isinstance(argument, str) else compact(argument)
            argument = protocol.formatted_argument(self._version, nonce, argument, self._namespace or "default")
        request = {"contract_id": contract_id, "contract_argument": argument, **self._own()}
        if self._version == 3:
            request["nonce"] = nonce
        return self._sign("ContractExecutionRequest", request)

    def order(self, contract_id, argument, nonce=None):
        """A request that the auditor has ordered, where there is one."""
        request = self.request(contract_id, argument, nonce)
        if self._deployment.auditor:
            request["auditor_signature"] = self._deployment.auditor.service().call("OrderExecution", request)["signature"]
        return request

    def execute(self, contract_id, argument, nonce=None):
        request = self.order(contract_id, argument, nonce)
        response = self._deployment.ledger.service().call("ExecuteContract", request)
        audited = []
        if self._deployment.auditor:
            asked = {"request": request, "proofs": response["proofs"]}
            validated = self._deployment.auditor.service().call("ValidateExecution", asked)
            assert validated["contract_result"] == response["contract_result"]
            audited = validated["proofs"]
        return Executed(response["contract_result"] or None, response["function_result"] or None, response["proofs"], audited)

    def validate(self, asset_id, start_age=0, end_age=protocol.NO_AGE_BOUND):
        """The status code of a validation by the ledger alone, with its proof."""
        request = {"asset_id": asset_id, "start_age": start_age, "end_age": end_age, **self._own()}
        self._sign("LedgerValidationRequest", request)
        response = self._deployment.ledger.service().call("ValidateLedger", request)
        return response["status_code"], response["proof"]

    def _own(self):
        own = {"entity_id": self._identity.name, "key_version": self._identity.version}
        return {**own, "context_namespace": self._namespace} if self._namespace else own

    def _sign(self, kind, request):
        request["signature"] = self._signer.sign(protocol.signed_bytes(kind, request))
        return request


class Driver:
    """A program of ours around a client that others wrote: a line of JSON asks, a line of JSON answers."""

    def __init__(self, command, log, environment=None):
        self._log = pathlib.Path(log)
        self._process = processes.start(
            command, None, environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=open(self._log, "ab")
        )
        assert self._read() == b"ready\n", self._log.read_text()
        self._numbers = itertools.count()

    def ask(self, question):
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        answer = json.loads(self._read() or b'{"broken": "no answer"}')
        assert "broken" not in answer, f"{answer['broken']}\n{self._log.read_text()}"
        if "error" in answer:
            raise protocol.Refused(answer["error"]["code"], answer["error"]["message"])
        return answer

    def client(self, deployment, identity, namespace=None):
        """A client of the library that this program holds."""
        name = f"service-{next(self._numbers)}"
        self.ask({"do": "open", "service": name, "properties": deployment.client_properties(identity, namespace)})
        return DrivenClient(self, deployment, name)

    def stop(self):
        self._process.stdin.close()
        self._process.wait(processes.PATIENCE_SECONDS)
        self._process.stdout.close()

    def _read(self):
        ready, _, _ = select.select([self._process.stdout], [], [], processes.PATIENCE_SECONDS * 2)
        assert ready, f"no answer\n{self._log.read_text()}"
        return self._process.stdout.readline()


class DrivenClient:
    """A client in another program."""

    def __init__(self, driver, deployment, name):
        self._driver, self._deployment, self._name = driver, deployment, name

    def register_identity(self):
        self._ask("register_secret" if self._deployment.authentication == "hmac" else "register_certificate")

    def register_contract(self, contract_id, binary_name, byte_code, properties=None):
        code = base64.b64encode(byte_code).decode()
        self._ask("register_contract", id=contract_id, binary_name=binary_name, byte_code=code, properties=properties)

    def list_contracts(self, contract_id=None):
        return self._ask("list", id=contract_id)["contracts"]

    def execute(self, contract_id, argument, nonce=None):
        done = self._ask("execute", contract=contract_id, argument=argument, nonce=nonce)
        proofs = [[_proof(each) for each in done[side]] for side in ("ledger_proofs", "auditor_proofs")]
        return Executed(done["result"], done["function_result"], *proofs)

    def validate(self, asset_id, start_age=0, end_age=protocol.NO_AGE_BOUND):
        done = self._ask("validate", asset_id=asset_id, start_age=start_age, end_age=end_age)
        return done["code"], _proof(done["ledger_proof"]) if done.get("ledger_proof") else None

    def _ask(self, action, **arguments):
        given = {key: value for key, value in arguments.items() if value is not None}
        return self._driver.ask({"do": action, "service": self._name, **given})


def compact(value):
    """JSON as the clients write it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _proof(given):
    decoded = {name: base64.b64decode(given.get(name) or "") for name in ("hash", "prev_hash", "signature")}
    return {"namespace": given.get("namespace") or "default", **given, **decoded}

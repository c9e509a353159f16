"""TLS by a private authority, under a name that is not the host's: clients to both servers, and the auditor to the ledger."""

import json

import pytest

import java_sdk
import processes
import protocol
from command_line import OK
from domains import Authority, Deployment
from steps import registered

NOT_CONNECTED = ("UNAVAILABLE", "UNKNOWN_TRANSACTION_STATUS")


@pytest.fixture(scope="module")
def deployment(backends, tmp_path_factory):
    soon = {"auditor": {"lock_recovery.grace_period_millis": 200}}
    running = Deployment(tmp_path_factory.mktemp("tls"), "digital-signature", True, tls=True, more=soon).start()
    yield running
    running.stop()


def test_clients(deployment, commands, tool):
    scalardl = tool(commands, java_sdk.SCALARDL)
    assert scalardl.json("bootstrap") == OK
    contract = ["--contract-id", "StateUpdater", "--contract-binary-name", "com.org1.contract.StateUpdater"]
    assert scalardl.json("register-contract", *contract, "--contract-class-file", commands.class_file("StateUpdater")) == OK
    asset = f"asset-of-{scalardl.entity}"
    update = ["--contract-id", "StateUpdater", "--contract-argument", json.dumps({"asset_id": asset, "state": 3})]
    assert scalardl.output("execute-contract", *update) == ""
    told = scalardl.json("validate-ledger", "--asset-id", asset)
    assert told["status_code"] == "OK" and told["Ledger"]["hash"] == told["Auditor"]["hash"]


@pytest.mark.parametrize("side", ["", "auditor."])
def test_whom_clients_do_not_trust(deployment, commands, tool, tmp_path, side):
    """A server of another authority, one that has another name, one that is asked without TLS: none of them is told anything."""
    other = Authority(tmp_path, deployment.tls.name).certificate_path
    for changed in (
        {f"{side}tls.ca_root_cert_path": other},
        {f"{side}tls.override_authority": "localhost"},
        {f"{side}tls.enabled": "false"},
    ):
        # The original has no code for a connection that was not made.
        assert tool(commands, java_sdk.SCALARDL, changed=changed).error("bootstrap")[0] in NOT_CONNECTED


def test_the_authority_in_the_properties(deployment, commands, tool):
    """As text, on one line, beside a file that does not count then."""
    pem = deployment.tls.certificate_pem.decode().replace("\n", "\\n")
    changed = {f"{side}tls.{key}": value for side in ("", "auditor.")
               for key, value in (("ca_root_cert_pem", pem), ("ca_root_cert_path", "/nowhere"))}
    assert tool(commands, java_sdk.SCALARDL, changed=changed).json("bootstrap") == OK


def test_who_speaks_no_tls(deployment):
    plain = protocol.Service("rpc.Ledger", deployment.ledger.port)
    with pytest.raises(protocol.grpc.RpcError):
        plain.call("ListContracts", {"entity_id": "alice", "key_version": 1}, patience=5)
    plain.close()


def test_the_auditor_asks_the_ledger(deployment, own_commands, tool, new_identity):
    """Recovery: the auditor itself is a client of the ledger."""
    alice, scalardl = registered(deployment, new_identity()), tool(own_commands, java_sdk.SCALARDL)
    asset = f"asset-of-{alice.identity.name}"
    alice.order("StateUpdater", {"asset_id": asset, "state": 1})

    def recovered():
        code, out, _ = scalardl.run("recover-lock", "--asset-id", asset)
        return code == 0 and json.loads(out)

    told = processes.eventually(recovered, what="the recovery")
    assert told == {"status_code": "OK", "output": {"result": "SUCCEEDED"}}
    assert alice.execute("StateUpdater", {"asset_id": asset, "state": 2}).ledger_proofs[0]["age"] == 0

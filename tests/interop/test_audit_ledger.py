"""The vault's audit log in the ledger, across a failover of the vault."""

import json
import subprocess

import pytest

import processes
from vault_cluster import VaultCluster
from vault_server import BINARY

ASSET = "o_vault-audit"


@pytest.fixture
def dev(tmp_path):
    """Ledger, auditor and clients of both; what they printed of themselves."""
    nowhere = ["--listen", "127.0.0.1:0", "--ledger-port", "0", "--auditor-port", "0", "--agent-port", "0", "--controller-port", "0"]
    process = processes.start(
        [BINARY, "dev", "--json", *nowhere, "--data-dir", tmp_path / "dev"], stdout=subprocess.PIPE
    )
    yield json.loads(processes.line_with(process, process.stdout, "{"))
    assert processes.stop(process) == 0
    process.stdout.close()


def as_client(dev, *words):
    """What `trustkeep ledger-client …` prints."""
    command = [BINARY, "ledger-client", words[0], "--properties", dev["client"]["properties"], *words[1:]]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def read_back(dev):
    """The lines of the log, in the order of the ledger."""
    argument = json.dumps({"asset_id": ASSET})
    printed = as_client(
        dev, "execute-contract", "--contract-id", "validate-ledger-v1_1_0", "--contract-argument", argument
    )
    states = json.loads(printed.removeprefix("Contract result:"))[ASSET]
    assert [state["age"] for state in states] == list(range(len(states)))
    return "".join(text for state in states for text in state["data"]["metadata"]["entries"]).splitlines()


def test_a_vault_that_takes_over_goes_on_with_the_chain(dev, backends, tmp_path):
    cluster = VaultCluster("postgresql", tmp_path, backends).start()
    try:
        first = cluster.active()
        root = first.client()
        options = {"properties_file": dev["client"]["audit_properties"], "log_raw": "true"}
        root.sys.enable_audit_device("ledger", options=options)
        assert first.request("POST", "cubbyhole/before", {"colour": "green"}).status_code == 204
        others = [node for node in cluster.nodes if node is not first]
        cluster.failover(first.kill, others)
        second = cluster.active(others)
        assert second.request("POST", "cubbyhole/after", {"colour": "blue"}).status_code == 204
        requests = [json.loads(line) for line in read_back(dev)]
        paths = [line["request"]["path"] for line in requests if line["type"] == "response"]
        assert paths.index("cubbyhole/before") < paths.index("cubbyhole/after")
        validated = json.loads(as_client(dev, "validate-ledger", "--asset-id", ASSET))
        assert validated["status_code"] == "OK"
    finally:
        cluster.stop()

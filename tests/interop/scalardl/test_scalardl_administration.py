"""What administrators do by command lines: functions and the tables that they change, namespaces, and what clients left behind."""

import itertools
import json

import pytest

import java_sdk
import processes
from command_line import OK
from databases import Postgresql
from domains import Deployment
from mutable import PUT, TABLE, class_file, function, record
from steps import refused, registered

GRACE_MILLIS = 1_000
READ_AND_COUNT = """
function invoke(database, argument) {
  const key = {namespace: argument.namespace, table: "records",
    partition_key: [{column_name: "entity", value: argument.entity, data_type: "TEXT"}],
    clustering_key: [{column_name: "number", value: 1, data_type: "INT"}]};
  const before = database.get(key);
  database.put({...key, columns: [{column_name: "weight", value: before.weight + 1, data_type: "DOUBLE"}]});
  return before;
}
"""


@pytest.fixture(scope="module")
def deployment(backends, tmp_path_factory):
    """The ledger has tables of mutable records, made beforehand, and lets clients register functions."""
    database, folder = Postgresql(backends), tmp_path_factory.mktemp("administration")
    more = {
        "ledger": {"function.non_privileged_port_registration.enabled": "true"},
        "auditor": {"lock_recovery.grace_period_millis": GRACE_MILLIS},
    }
    running = Deployment(folder, "digital-signature", True, database.properties, more=more)
    running.database = database
    schema = folder / "schema.json"
    schema.write_text(json.dumps({"sample.records": TABLE, "tenant.records": TABLE}))
    assert {"sample.records", "tenant.records", "scalar.asset"} <= set(running.ledger.make_tables("--schema-file", schema))
    running.auditor.make_tables()
    running.start()
    for server in running.servers():
        server.service(privileged=True).call("createNamespace", {"namespace": "tenant"})
    yield running
    running.stop()


@pytest.mark.parametrize("namespace", [None, "tenant"])
def test_functions(deployment, commands, tool, tmp_path, namespace):
    """Registered by the privileged port or, in a namespace, signed; what they put is committed with the contract, or not at all."""
    scalardl = tool(commands, java_sdk.SCALARDL, namespace)
    if namespace:
        scalardl.json("register-cert")
    assert scalardl.json("bootstrap") == OK
    put_object = ["--contract-id", "put", "--contract-binary-name", "com.scalar.dl.genericcontracts.object.v1_0_0.Put"]
    file = class_file(tmp_path, "com.scalar.dl.genericcontracts.object.v1_0_0.Put")
    assert scalardl.json("register-contract", *put_object, "--contract-class-file", file) == OK
    put, count = f"put-{scalardl.entity}", f"count-{scalardl.entity}"
    binary_name = f"com.scalar.dl.genericcontracts.{PUT}"
    script = tmp_path / "count.js"
    script.write_text(READ_AND_COUNT)
    for words in (function(put, binary_name, class_file(tmp_path, binary_name)), function(count, "Count", script)):
        assert scalardl.json("register-function", *words) == OK
        if namespace:
            status, message = scalardl.error("register-function", *words)
            assert (status, message[:17]) == ("INVALID_REQUEST", "DL-LEDGER-407006:")
        else:
            assert scalardl.json("register-function", *words) == OK, "in place of the one that is there"
    unknown = function("other", "com.example.Other", class_file(tmp_path, "com.example.Other"))
    assert scalardl.error("register-function", *unknown)[0] == "UNLOADABLE_FUNCTION"

    where = namespace or "sample"
    rows = lambda: deployment.database.ask(
        "ledger", f"SELECT number, note, weight FROM {where}.records WHERE entity = '{scalardl.entity}'"
    )

    # What the ledger refuses stays locked for a while: each time it is another object.
    numbers = itertools.count()

    def execute(name, argument):
        put_object = {"object_id": f"object-{next(numbers)}-of-{scalardl.entity}", "hash_value": "h"}
        return ["--contract-id", "put", "--contract-argument", json.dumps(put_object),
                "--function-id", name, "--function-argument", json.dumps(argument)]

    assert scalardl.output("execute-contract", *execute(put, record(where, scalardl.entity))) == ""
    assert rows() == ["1|ä'|0.5"]
    told = scalardl.output("execute-contract", *execute(count, {"namespace": where, "entity": scalardl.entity}))
    heading, text = told.split("\n", 1)
    before = {"entity": scalardl.entity, "number": 1, "note": "ä'", "weight": 0.5, "day": "2026-02-28"}
    assert (heading, json.loads(text)) == ("Function result:", before)
    assert rows() == ["1|ä'|1.5"]

    for name, argument, status in (
        (put, {**record(where, scalardl.entity), "table": "none"}, "INVALID_FUNCTION"),
        (put, record("scalar", scalardl.entity), "INVALID_FUNCTION"),
        *([(put, record("sample", "x"), "INVALID_FUNCTION")] if namespace else []),
        (put, {**record(where, scalardl.entity), "columns": 1}, "CONTRACT_CONTEXTUAL_ERROR"),
        ("nobody", {}, "FUNCTION_NOT_FOUND"),
    ):
        assert scalardl.error("execute-contract", *execute(name, argument))[0] == status
    assert rows() == ["1|ä'|1.5"]


def test_functions_from_a_file(commands, tool, tmp_path):
    scalardl = tool(commands, java_sdk.SCALARDL)
    binary_name = f"com.scalar.dl.genericcontracts.{PUT}"
    toml = tmp_path / "functions.toml"
    entry = '[[functions]]\nfunction-id = "{}-{}"\nfunction-binary-name = "{}"\nfunction-class-file = "{}"\n'
    file = class_file(tmp_path, binary_name)
    toml.write_text("".join(entry.format(name, scalardl.entity, binary_name, file) for name in ("one", "two")))
    counted = scalardl.output("register-functions", "--functions-file", toml)
    assert counted.endswith("Registration succeeded: 2\nRegistration failed: 0\n"), counted


def test_an_object_with_a_record(deployment, store_commands, own_commands, tool, tmp_path):
    store = tool(store_commands, java_sdk.HASHSTORE)
    store.json("bootstrap")
    binary_name = f"com.scalar.dl.genericcontracts.{PUT}"
    words = function(PUT, binary_name, class_file(tmp_path, binary_name))
    assert tool(own_commands, java_sdk.SCALARDL).json("register-function", *words) == OK
    mutable = json.dumps(record("sample", store.entity))
    this = ["--object-id", f"object-of-{store.entity}", "--hash", "h"]
    assert store.output("put-object", *this, "--put-to-mutable", mutable) == ""
    [row] = deployment.database.ask("ledger", f"SELECT note FROM sample.records WHERE entity = '{store.entity}'")
    assert row == "ä'"


def test_namespaces(deployment, commands, own_commands, tool):
    """Where nobody can be asked, nothing is dropped; ours may be told not to ask."""
    scalardl = tool(commands, java_sdk.SCALARDL)
    name = scalardl.entity.replace("-", "_")
    assert scalardl.json("create-namespace", "--namespace", name) == OK
    code, out, err = scalardl.run("drop-namespace", "--namespace", name)
    assert (code, out) == (1, "") and err.startswith("No console available."), (out, err)
    assert scalardl.json("list-namespaces", "--pattern", name)["output"] == {"namespaces": [name]}
    ours = tool(own_commands, java_sdk.SCALARDL)
    assert ours.json("drop-namespace", "--namespace", name, "--force") == OK
    assert ours.error("drop-namespace", "--namespace", name, "--force") == (
        "NAMESPACE_NOT_FOUND", f"DL-COMMON-417001: The specified namespace is not found. Namespace: {name}",
    )
    assert ours.error("drop-namespace", "--namespace", "default", "--force")[0] == "INVALID_ARGUMENT"


@pytest.mark.parametrize("namespace", [None, "tenant"])
def test_what_was_left_behind(deployment, own_commands, tool, new_identity, namespace):
    """An order whose client is gone: too early, given up, not needed; and what the ledger knows of each transaction."""
    alice, scalardl = registered(deployment, new_identity(), namespace=namespace), tool(own_commands, java_sdk.SCALARDL)
    asset, nonce = f"asset-of-{alice.identity.name}", f"nonce-of-{alice.identity.name}"
    where = ["--asset-id", asset, *(["--namespace", namespace] if namespace else [])]

    def state(nonce):
        told = scalardl.json("retrieve-state", "--transaction-id", nonce)
        assert told["status_code"] == "OK" and told["output"]["transaction_id"] == nonce
        return told["output"]["state"]

    def recover():
        code, out, err = scalardl.run("recover-lock", *where)
        told = json.loads(out)
        assert told["status_code"] == "OK", (out, err)
        return code, told["output"]["result"]

    status, message = scalardl.error("recover-lock", *where)
    assert (status, message[:18]) == ("ASSET_NOT_FOUND", "DL-AUDITOR-409001:")
    alice.execute("StateUpdater", {"asset_id": asset, "state": 1}, nonce)
    assert (state(nonce), recover()) == ("COMMITTED", (0, "NOT_NEEDED"))
    late = alice.order("StateUpdater", {"asset_id": asset, "state": 2}, f"{nonce}-2")
    assert (state(f"{nonce}-2"), recover()) == ("UNKNOWN", (1, "NOT_RECOVERABLE"))
    assert processes.eventually(lambda: recover() == (0, "SUCCEEDED"), what="the recovery")
    assert (state(f"{nonce}-2"), recover()) == ("ABORTED", (0, "NOT_NEEDED"))
    assert refused(deployment.ledger.service().call, "ExecuteContract", late)[0] == 504

    # This one the ledger has executed: it is finished.
    executed = alice.order("StateUpdater", {"asset_id": asset, "state": 3}, f"{nonce}-3")
    deployment.ledger.service().call("ExecuteContract", executed)
    assert processes.eventually(lambda: recover() == (0, "SUCCEEDED"), what="the recovery")
    done = alice.execute("StateReader", {"asset_id": asset})
    assert (state(f"{nonce}-3"), done.auditor_proofs[0]["age"]) == ("COMMITTED", 1)


def test_the_same_words(deployment, java_3_14, own_commands, tool, tmp_path):
    """Commands that change nothing, by the original's command line and by ours: the same exit codes, and the same output to the letter."""
    ours, theirs = tool(own_commands, java_sdk.SCALARDL), tool(java_3_14, java_sdk.SCALARDL)
    ours.json("bootstrap")
    get, binary_name = "com.scalar.dl.genericcontracts.object.v1_0_0.Get", f"com.scalar.dl.genericcontracts.{PUT}"
    contract = ["--contract-id", "get", "--contract-binary-name", get, "--contract-properties", '{"p":[1.50,"ä"]}']
    ours.json("register-contract", *contract, "--contract-class-file", class_file(tmp_path, get))
    script = tmp_path / "words.js"
    script.write_text('function invoke(database, argument) { return {given: argument, text: "\\"ä\\n", none: [], number: 1.5e10}; }')
    ours.json("register-function", *function(f"words-{ours.entity}", "Words", script))
    execute = ["execute-contract", "--contract-id", "get", "--contract-argument", json.dumps({"object_id": "nothing"})]
    with_function = [*execute, "--function-id", f"words-{ours.entity}", "--function-argument", '{"a":{"b":[]}}']
    for words in (
        ["bootstrap"],
        ["list-contracts"],
        ["list-contracts", "--contract-id", "nobody"],
        ["list-namespaces"],
        ["create-namespace", "--namespace", "tenant"],
        ["create-namespace", "--namespace", "a-b"],
        ["drop-namespace", "--namespace", "tenant"],
        ["register-cert"],
        ["register-secret"],
        ["register-contract", *contract, "--contract-class-file", class_file(tmp_path, get)],
        ["register-function", *function("f", "com.example.F", class_file(tmp_path, "com.example.F"))],
        ["register-function", *function("f", get, class_file(tmp_path, get))],
        execute,
        with_function,
        [*with_function, "--deserialization-format", "STRING"],
        ["execute-contract", "--contract-id", "get", "--contract-argument", "{}"],
        [*execute, "--function-id", "nobody"],
        ["purge-state", "--force"],
        ["purge-state"],
        ["validate-ledger", "--asset-id", "o_nothing,1"],
    ):
        (code, out, _), (their_code, their_out, _) = ours.run(*words), theirs.run(*words)
        assert (code, out) == (their_code, their_out), f"{words}\n{out}\n{their_out}"

"""Ledger and auditor on databases: what clients do, restarts, conflicts, namespaces, what does not fit, and rows changed behind their backs."""

import copy
import json
import subprocess

import pytest

import java_sdk
import protocol
from clients import BareClient
from command_line import OK, Tool, validated
from databases import Dynamodb, Postgresql
from domains import Deployment
from mutable import PUT, TABLE, class_file, function, record
from steps import contend, refused, registered
from vault_server import BINARY

DATABASES = {"postgresql": (Postgresql, "digital-signature"), "dynamodb": (Dynamodb, "hmac")}
PARALLEL, EACH = 4, 4


@pytest.fixture(scope="module", params=DATABASES)
def deployment(request, backends, tmp_path_factory):
    kind, authentication = DATABASES[request.param]
    database = kind(backends)
    running = Deployment(tmp_path_factory.mktemp("deployment"), authentication, True, database.properties)
    running.database = database
    for server in running.servers():
        server.make_tables()
    running.start()
    yield running
    running.stop()


@pytest.fixture
def alice(deployment, new_identity):
    return registered(deployment, new_identity())


def test_round_trip(deployment, alice):
    asset = f"asset-of-{alice.identity.name}"
    hashes = [b""]
    for state in range(3):
        done = alice.execute("StateUpdater", {"asset_id": asset, "state": state})
        [ledgers], [auditors] = done.ledger_proofs, done.auditor_proofs
        assert (ledgers["age"], ledgers["prev_hash"], auditors["hash"]) == (state, hashes[-1], ledgers["hash"])
        assert deployment.proof_signer("ledger").verifies(ledgers["signature"], protocol.proof_bytes(ledgers))
        assert deployment.proof_signer("auditor").verifies(auditors["signature"], protocol.proof_bytes(auditors))
        hashes.append(ledgers["hash"])
    assert json.loads(alice.execute("StateReader", {"asset_id": asset}).result)["output"] == {"state": 2}
    assert sorted(alice.list_contracts()) == ["StateReader", "StateUpdater"]
    alice.register_contract("validate", java_sdk.VALIDATE_LEDGER, java_sdk.empty_class(java_sdk.VALIDATE_LEDGER))
    states = json.loads(alice.execute("validate", {"asset_id": asset}).result)
    assert states == {asset: [{"age": age, "data": {"state": age}} for age in range(3)]}


def test_java_client(deployment, java_3_14, new_identity):
    identity = new_identity()
    client, asset = java_3_14.driver.client(deployment, identity), f"asset-of-{identity.name}"
    client.register_identity()
    for name, binary_name in (
        ("StateUpdater", "com.org1.contract.StateUpdater"), ("validate-ledger-v1_1_0", java_sdk.VALIDATE_LEDGER),
    ):
        client.register_contract(name, binary_name, java_sdk.empty_class(binary_name))
    for state in range(2):
        done = client.execute("StateUpdater", {"asset_id": asset, "state": state}, f"{asset}-{state}")
    assert sorted(client.list_contracts()) == ["StateUpdater", "validate-ledger-v1_1_0"]
    code, proof = client.validate(asset)
    assert (code, proof["age"], proof["hash"]) == (200, 1, done.auditor_proofs[0]["hash"])
    assert refused(client.execute, "StateUpdater", {"asset_id": asset, "state": 2}, f"{asset}-0")[0] == 304


def test_conflicts(deployment, alice, tmp_path):
    """Clients of two ledgers and two auditors on the same databases, all at one asset."""
    second = copy.copy(deployment)
    second.ledger = deployment.ledger.another(tmp_path / "ledger").start()
    second.auditor = deployment.auditor.another(tmp_path / "auditor").start()
    asset = f"asset-of-{alice.identity.name}"
    made = contend([deployment, second], alice, asset, PARALLEL, EACH)
    for side in (deployment, second):
        reader = BareClient(side, alice.identity)
        [proof] = reader.execute("StateReader", {"asset_id": asset}).auditor_proofs
        assert proof["age"] == made
    second.stop()


def test_hashstore(deployment, own_commands, tool):
    store = tool(own_commands, java_sdk.HASHSTORE)
    assert store.json("bootstrap") == OK
    this, collection = ["--object-id", f"object-of-{store.entity}"], ["--collection-id", f"collection-of-{store.entity}"]
    for number in range(2):
        assert store.output("put-object", *this, "--hash", f"h{number}", "--metadata", '{"m":1}') == ""
    assert store.json("get-object", *this)["hash_value"] == "h1"
    versions = [{"version_id": f"v{number}", "hash_value": f"h{number}", "metadata": {"m": 1}} for number in (1, 0)]
    assert store.json("compare-object-versions", *this, "--versions", json.dumps(versions), "--all")["status"] == "correct"
    assert store.output("create-collection", *collection, "--object-ids", "o") == ""
    # Past the ages at which the whole is kept.
    for number in range(11):
        assert store.output("add-to-collection", *collection, "--object-ids", f"o{number}") == ""
    assert len(store.json("get-collection", *collection)["object_ids"]) == 12
    ages = [event["age"] for event in store.json("get-collection-history", *collection)["collection_events"]]
    assert ages == list(reversed(range(12)))
    validated(deployment, store, this, f"o_{this[1]}", 1)


def test_tablestore(deployment, own_commands, tool):
    store = tool(own_commands, java_sdk.TABLESTORE)
    assert store.json("bootstrap") == OK
    table = store.entity.replace("-", "_")
    run = lambda statement: store.json("execute-statement", "--statement", statement)
    assert run(f"CREATE TABLE {table} (id INT PRIMARY KEY, grp STRING, flag BOOLEAN)") is None
    rows = [{"id": number, "grp": "g", "flag": number == 1, "note": "ä"} for number in range(3)]
    for row in rows:
        assert run(f"INSERT INTO {table} VALUES `{json.dumps(row)}`") is None
    assert run(f"SELECT * FROM {table} WHERE id=1") == [rows[1]]
    assert run(f"SELECT * FROM {table} WHERE grp='g' AND id>=1") == rows[1:]
    assert run(f"UPDATE {table} SET grp='h' WHERE id=1") is None
    changed = {**rows[1], "grp": "h"}
    assert run(f"SELECT * FROM {table} WHERE grp='h'") == [changed]
    assert run(f"SELECT history() FROM {table} WHERE id=1") == [{"age": 1, "values": changed}, {"age": 0, "values": rows[1]}]
    assert run(f"SELECT * FROM information_schema.tables WHERE table_name='{table}'")[0]["name"] == table
    record = ["--table-name", table, "--primary-key-column-name", "id", "--column-value", "1"]
    validated(deployment, store, record, f"rec_{table}_id_1", 1)


def test_a_restart(deployment, alice):
    """What was acknowledged is there afterwards, and goes on from there; what was used stays used."""
    asset, nonce = f"asset-of-{alice.identity.name}", f"nonce-of-{alice.identity.name}"
    before = alice.execute("StateUpdater", {"asset_id": asset, "state": 1}, nonce)
    deployment.stop()
    deployment.start()
    assert refused(alice.execute, "StateUpdater", {"asset_id": asset, "state": 9}, nonce)[0] == 304
    [after] = alice.execute("StateUpdater", {"asset_id": asset, "state": 2}).ledger_proofs
    assert (after["age"], after["prev_hash"]) == (1, before.ledger_proofs[0]["hash"])


def test_namespaces(deployment, own_commands, tool, new_identity):
    """A namespace that is dropped takes everything with it, more rows than one commit takes."""
    scalardl = tool(own_commands, java_sdk.SCALARDL)
    name = scalardl.entity.replace("-", "_")
    for _ in range(2):
        assert scalardl.json("create-namespace", "--namespace", name) == OK
        tenant = registered(deployment, new_identity(), namespace=name)
        for state in range(13):
            [proof] = tenant.execute("StateUpdater", {"asset_id": "same", "state": state}).ledger_proofs
            assert (proof["namespace"], proof["age"]) == (name, state)
        assert scalardl.json("drop-namespace", "--namespace", name, "--force") == OK
        assert refused(tenant.execute, "StateReader", {"asset_id": "same"})[0] == 417
        assert scalardl.json("list-namespaces", "--pattern", name)["output"] == {"namespaces": []}
    assert scalardl.error("drop-namespace", "--namespace", name, "--force")[0] == "NAMESPACE_NOT_FOUND"


def test_what_does_not_fit(deployment, alice):
    """What is too much for a database is refused by a sentence of the protocol, changes nothing, and locks nothing."""
    on_dynamodb = isinstance(deployment.database, Dynamodb)
    for name in ("object.v1_0_0.Put", "table.v1_0_0.Create", "table.v1_0_0.Insert", "table.v1_0_0.GetAssetId"):
        binary_name = f"com.scalar.dl.genericcontracts.{name}"
        alice.register_contract(name, binary_name, java_sdk.empty_class(binary_name))
    own = alice.identity.name.replace("-", "_")

    def bounded(fits, says, contract, argument):
        if fits:
            return alice.execute(contract, argument)
        code, message = refused(alice.execute, contract, argument)
        assert code == 414 and message.startswith("The request does not fit the database. Details: ") and says in message, message

    put = {"object_id": f"{own}/{'i' * 900}", "hash_value": "h"}
    large = {**put, "metadata": {"text": "x" * 500_000}}
    bounded(not on_dynamodb, "bytes of a row of ", "object.v1_0_0.Put", large)
    [proof] = alice.execute("object.v1_0_0.Put", put).ledger_proofs
    assert proof["age"] == (0 if on_dynamodb else 1)

    # An emulator takes ten rows, of which each asset that is written is two.
    indexes = [{"key": f"k{number}", "type": "NUMBER"} for number in range(5)]
    alice.execute("table.v1_0_0.Create", {"name": own, "key": "id", "type": "NUMBER", "indexes": indexes})
    values = {"id": 1, **{index["key"]: 1 for index in indexes}}
    bounded(not on_dynamodb, "rows in one commit", "table.v1_0_0.Insert", {"table": own, "values": values})

    # Version and id of a contract are one key.
    reader = ("c" * 512, "com.org1.contract.StateReader", java_sdk.empty_class("com.org1.contract.StateReader"))
    if on_dynamodb:
        alice.register_contract(*reader)
        assert list(alice.list_contracts(reader[0])) == [reader[0]]
    else:
        code, message = refused(alice.register_contract, *reader)
        assert (code, "bytes of auditor.contract.version_and_id, at most 512" in message) == (414, True), message


@pytest.mark.parametrize("whose", ["ledger", "auditor"])
def test_rows_that_somebody_changed(deployment, alice, whose):
    """A state of the ledger with a hash that fits it, and one of the auditor: the next who reads it is told."""
    asset, database = f"asset-of-{alice.identity.name}", deployment.database
    for state in (1, 2):
        alice.execute("StateUpdater", {"asset_id": asset, "state": state})
    row = database.row(whose, asset, 1)
    assert json.loads(row["output"]) == {"state": 2}
    hashed = lambda row: protocol.asset_hash(
        asset, 1, row["input"], row["output"], row["contract_id"], row["argument"], row["signature"], row["prev_hash"],
    )
    assert hashed(row) == row["hash"]
    forged = {**row, "output": '{"state":1000000}'}
    database.change(whose, asset, 1, forged["output"], hashed(forged) if whose == "ledger" else row["hash"])
    code, message = refused(alice.execute, "StateUpdater", {"asset_id": asset, "state": 3})
    assert (code, message[:17]) == (305, "DL-AUDITOR-305008" if whose == "ledger" else "DL-AUDITOR-305004"), message
    assert refused(alice.execute, "StateReader", {"asset_id": asset})[0] in (305, 504)


def test_moving_to_another_database(backends, own_commands, tmp_path, new_identity):
    """What an embedded store holds goes on on PostgreSQL: ages, hashes, nonces, namespaces, mutable records; and only where it is meant."""
    here = tmp_path / "here"
    here.mkdir()
    running, database = Deployment(here, "digital-signature", True), Postgresql(backends)
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"sample.records": TABLE}))
    running.ledger.make_tables("--schema-file", schema)
    running.start()
    for server in running.servers():
        server.service(privileged=True).call("createNamespace", {"namespace": "tenant"})
    clients = [registered(running, new_identity(), namespace=namespace) for namespace in (None, "tenant")]
    before = [alice.execute("StateUpdater", {"asset_id": "a", "state": 1}, f"{alice.identity.name}-used") for alice in clients]
    store = Tool(own_commands, java_sdk.HASHSTORE, running.write_client_properties(tmp_path / "client.properties", new_identity()))
    store.json("bootstrap")
    binary_name = f"com.scalar.dl.genericcontracts.{PUT}"
    registering = Tool(own_commands, java_sdk.SCALARDL, store.properties)
    registering.json("register-function", *function(PUT, binary_name, class_file(tmp_path, binary_name)))
    put = lambda number: store.output("put-object", "--object-id", "o", "--hash", "h", "--put-to-mutable", json.dumps(record("sample", number)))
    put("first")
    running.stop()
    exports = {server.kind: tmp_path / f"{server.kind}.tkx" for server in running.servers()}
    for kind, file in exports.items():
        subprocess.run([BINARY, "store", "export", "--dir", here / f"{kind}-data", file], check=True, capture_output=True, timeout=60)
    for server in running.servers():
        server.move(database.properties(server.kind))
        [other] = [file for kind, file in exports.items() if kind != server.kind]
        refusal = server.trustkeep("store", "import", other)
        assert refusal.returncode == 1 and "it is of another service than" in refusal.stderr, refusal
        done = server.trustkeep("store", "import", exports[server.kind])
        assert done.returncode == 0, done
    running.start()
    for alice, earlier in zip(clients, before):
        assert refused(alice.execute, "StateUpdater", {"asset_id": "a", "state": 9}, f"{alice.identity.name}-used")[0] == 304
        [proof] = alice.execute("StateUpdater", {"asset_id": "a", "state": 2}).ledger_proofs
        assert (proof["age"], proof["prev_hash"]) == (1, earlier.ledger_proofs[0]["hash"])
    put("second")
    assert database.ask("ledger", "SELECT entity FROM sample.records ORDER BY entity") == ["first", "second"]
    running.stop()

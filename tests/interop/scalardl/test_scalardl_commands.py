"""The command lines of Scalar DL 3.14, as they come, and ours: what they ask of our servers, and what they show of the answers."""

import json
import os
import random

import java_sdk
from command_line import OK, validated


def test_scalardl(deployment, commands, tool, tmp_path):
    scalardl = tool(commands, java_sdk.SCALARDL)
    assert scalardl.json("bootstrap") == OK
    assert scalardl.json("bootstrap") == OK
    if deployment.authentication == "hmac":
        assert scalardl.error("register-secret")[0] == "SECRET_ALREADY_REGISTERED"
    else:
        assert scalardl.error("register-cert")[0] == "CERTIFICATE_ALREADY_REGISTERED"

    for name in java_sdk.CONTRACTS:
        arguments = ["--contract-id", name, "--contract-binary-name", f"com.org1.contract.{name}"]
        assert scalardl.json("register-contract", *arguments, "--contract-class-file", commands.class_file(name)) == OK
    listed = scalardl.json("list-contracts")["output"]
    assert set(listed) >= set(java_sdk.CONTRACTS)
    assert ("validate-ledger-v1_1_0" in listed) == deployment.audited
    assert list(scalardl.json("list-contracts", "--contract-id", "StateReader")["output"]) == ["StateReader"]

    asset = f"asset-of-{scalardl.entity}"
    update = ["--contract-id", "StateUpdater", "--contract-argument", json.dumps({"asset_id": asset, "state": 3})]
    assert scalardl.output("execute-contract", *update) == ""
    read = ["--contract-id", "StateReader", "--contract-argument", json.dumps({"asset_id": asset})]
    assert scalardl.json("execute-contract", *read) == {"id": asset, "age": 0, "output": {"state": 3}}
    as_text = scalardl.output("execute-contract", *read, "--deserialization-format", "STRING")
    assert as_text == f'Contract result: {{"id":"{asset}","age":0,"output":{{"state":3}}}}\n'
    assert scalardl.error("execute-contract", "--contract-id", "Other", "--contract-argument", "{}") == (
        "CONTRACT_NOT_FOUND", "DL-COMMON-404001: The specified contract is not found.",
    )

    validated = scalardl.json("validate-ledger", "--asset-id", asset)
    assert validated["status_code"] == "OK"
    assert (validated["Ledger"]["namespace"], validated["Ledger"]["id"], validated["Ledger"]["age"]) == ("default", asset, 0)
    if deployment.audited:
        assert validated["Auditor"]["hash"] == validated["Ledger"]["hash"]
    else:
        assert validated["Auditor"] is None
        assert scalardl.json("validate-ledger", "--asset-id", f"{asset},0,0")["status_code"] == "OK"
        assert scalardl.json("validate-ledger", "--asset-id", "nothing")["status_code"] == "ASSET_NOT_FOUND"

    toml = tmp_path / "contracts.toml"
    entry = '[[contracts]]\ncontract-id = "{}"\ncontract-binary-name = "com.org1.contract.StateReader"\ncontract-class-file = "{}"\n'
    file = commands.class_file("StateReader")
    toml.write_text(entry.format("StateReader", file) + entry.format("StateReader2", file))
    counted = scalardl.output("register-contracts", "--contracts-file", toml)
    assert counted.endswith("Registration succeeded: 1\nAlready registered: 1\nRegistration failed: 0\n")


def test_namespaces(deployment, commands, tool):
    scalardl = tool(commands, java_sdk.SCALARDL)
    name = scalardl.entity.replace("-", "_")
    assert scalardl.json("create-namespace", "--namespace", name) == OK
    exists = ("NAMESPACE_ALREADY_EXISTS", "DL-COMMON-416001: The specified namespace already exists.")
    assert scalardl.error("create-namespace", "--namespace", name) == exists
    status, message = scalardl.error("create-namespace", "--namespace", "default")
    assert (status, message[:17]) == ("INVALID_ARGUMENT", "DL-COMMON-414021:")
    status, message = scalardl.error("create-namespace", "--namespace", "1bad")
    assert (status, message[:17]) == ("INVALID_ARGUMENT", "DL-COMMON-414019:")
    assert scalardl.json("list-namespaces", "--pattern", name)["output"] == {"namespaces": [name]}
    everything = scalardl.json("list-namespaces")["output"]["namespaces"]
    assert {"default", name} <= set(everything) and everything == sorted(everything)


def test_purge_state(deployment, commands, tool):
    """Refused where it is not set up: by the client without an auditor, by the auditor otherwise."""
    status, message = tool(commands, java_sdk.SCALARDL).error("purge-state", "--force")
    refused_by = "DL-AUDITOR-407002:" if deployment.audited else "DL-CLIENT-407001:"
    assert status == "INVALID_REQUEST" and message.startswith(refused_by)


def test_hashstore(deployment, store_commands, tool):
    """Objects and collections: every command of scalardl-hashstore, with what the original's ledger answers."""
    store = tool(store_commands, java_sdk.HASHSTORE)
    assert store.json("bootstrap") == OK
    assert store.json("bootstrap") == OK
    item = f"object-of-{store.entity}"
    this = ["--object-id", item]
    assert store.output("get-object", *this) == "Object not found.\n"
    assert store.output("put-object", *this, "--hash", "h0") == ""
    assert store.output("put-object", *this, "--hash", "h1", "--metadata", '{"m":1}') == ""
    assert store.json("get-object", *this) == {"object_id": item, "hash_value": "h1", "metadata": {"m": 1}}

    newest = {"version_id": "v1", "hash_value": "h1", "metadata": {"m": 1}}
    oldest, wrong = {"version_id": "v0", "hash_value": "h0"}, {"version_id": "v0", "hash_value": "hX"}
    compare = lambda versions, *options: store.json("compare-object-versions", *this, "--versions", json.dumps(versions), *options)
    correct = {"status": "correct", "details": "The status is correct.", "faulty_versions": []}
    assert compare([newest, oldest]) == correct
    assert compare([newest, oldest], "--all") == correct
    assert compare([newest, wrong], "--verbose") == {
        "status": "faulty",
        "details": "A faulty version is found.",
        "faulty_versions": [oldest],
        "corresponding_given_versions": [wrong],
    }
    mismatch = {"status": "faulty", "details": "The number of versions is mismatched.", "faulty_versions": []}
    assert compare([newest], "--all") == mismatch
    assert compare([newest], "--all", "--verbose") == mismatch

    collection = ["--collection-id", f"collection-of-{store.entity}"]
    objects = lambda *ids: [word for each in ids for word in ("--object-ids", each)]
    assert store.output("get-collection", *collection) == "Collection not found.\n"
    assert store.output("create-collection", *collection, *objects("o1", "o2")) == ""
    assert store.error("create-collection", *collection) == ("CONTRACT_CONTEXTUAL_ERROR", "The specified collection already exists.")
    assert store.output("add-to-collection", *collection, *objects("o3")) == ""
    twice = "One of the specified objects already exists in the collection."
    assert store.error("add-to-collection", *collection, *objects("o3")) == ("CONTRACT_CONTEXTUAL_ERROR", twice)
    assert store.output("add-to-collection", *collection, *objects("o3", "o4"), "--force") == ""
    assert store.output("remove-from-collection", *collection, *objects("o1")) == ""
    missing = "One of the specified objects is not found in the collection."
    assert store.error("remove-from-collection", *collection, *objects("o1")) == ("CONTRACT_CONTEXTUAL_ERROR", missing)
    assert store.output("remove-from-collection", *collection, *objects("o1"), "--force") == ""
    assert sorted(store.json("get-collection", *collection)["object_ids"]) == ["o2", "o3", "o4"]
    history = store.json("get-collection-history", *collection)["collection_events"]
    assert [(event["operation_type"], event["age"], sorted(event["object_ids"])) for event in history] == [
        ("remove", 4, ["o1"]), ("remove", 3, ["o1"]), ("add", 2, ["o3", "o4"]), ("add", 1, ["o3"]), ("create", 0, ["o1", "o2"]),
    ]
    assert len(store.json("get-collection-history", *collection, "--limit", "2")["collection_events"]) == 2
    # Past the ages at which the whole is kept, so that reading starts from there.
    for number in range(12):
        store.output("add-to-collection", *collection, *objects(f"x{number}"))
    assert len(store.json("get-collection", *collection)["object_ids"]) == 15

    validated(deployment, store, this, f"o_{item}", 1)
    validated(deployment, store, [*this, "--start-age", "0", "--end-age", "0"], f"o_{item}", 1 if deployment.audited else 0)
    validated(deployment, store, collection, f"c_{collection[1]}", 16)


def test_tablestore(deployment, store_commands, tool):
    """Tables: statements of scalardl-tablestore, with what the original's ledger answers."""
    store = tool(store_commands, java_sdk.TABLESTORE)
    assert store.json("bootstrap") == OK
    table = store.entity.replace("-", "_")
    run = lambda statement: store.json("execute-statement", "--statement", statement.replace("TABLE_", table))
    fails = lambda statement: store.error("execute-statement", "--statement", statement.replace("TABLE_", table))
    assert run("CREATE TABLE TABLE_ (id STRING PRIMARY KEY, department STRING, salary INT)") is None
    assert fails("CREATE TABLE TABLE_ (id STRING PRIMARY KEY)") == ("CONTRACT_CONTEXTUAL_ERROR", "The specified table already exists.")
    first = {"id": "1001", "name": "Alice", "department": "sales", "salary": 654.5}
    second = {"id": "1002", "name": "Bob", "department": "sales", "salary": 700, "f": True, "n": None}
    assert run("INSERT INTO TABLE_ VALUES {'id':'1001','name':'Alice','department':'sales','salary':654.5}") is None
    assert run("INSERT INTO TABLE_ VALUES `%s`" % json.dumps(second)) is None
    assert fails("INSERT INTO TABLE_ VALUES {'id':'1002'}") == ("CONTRACT_CONTEXTUAL_ERROR", "The specified record already exists.")
    assert fails("INSERT INTO TABLE_ VALUES {'name':'x'}") == ("CONTRACT_CONTEXTUAL_ERROR", "The record values must have the key.")
    assert run("SELECT * FROM TABLE_ WHERE id='1001'") == [first]
    assert run("SELECT id, name FROM TABLE_ WHERE department='sales' AND salary > 680") == [{"id": "1002", "name": "Bob"}]
    both = run("SELECT e.id FROM TABLE_ AS e WHERE e.department='sales'")
    assert sorted(row["id"] for row in both) == ["1001", "1002"]
    assert run("SELECT * FROM TABLE_ WHERE id='9'") == []
    assert run("UPDATE TABLE_ SET salary=720, name='Bobby' WHERE id='1002'") is None
    changed = {**second, "salary": 720, "name": "Bobby"}
    assert run("SELECT * FROM TABLE_ WHERE salary=720") == [changed]
    assert run("SELECT * FROM TABLE_ WHERE salary=700") == []
    assert run("SELECT history() FROM TABLE_ WHERE id='1002'") == [{"age": 1, "values": changed}, {"age": 0, "values": second}]
    assert len(run("SELECT history() FROM TABLE_ WHERE id='1002' LIMIT 1")) == 1
    described = {
        "name": table, "key": "id", "type": "STRING",
        "indexes": [{"key": "department", "type": "STRING"}, {"key": "salary", "type": "NUMBER"}],
    }
    assert run("SELECT * FROM information_schema.tables WHERE table_name='TABLE_'") == [described]
    assert described in run("SELECT * FROM information_schema.tables")
    assert fails("SELECT * FROM none WHERE id='1'") == ("CONTRACT_CONTEXTUAL_ERROR", "The specified table does not exist. Table: none")
    assert fails("SELECT * FROM TABLE_")[1] == "At least a condition for the primary key or index key must be properly specified."
    assert fails("UPDATE TABLE_ SET id='2' WHERE id='1001'")[0] == "CONTRACT_CONTEXTUAL_ERROR"

    other = f"{table}_department"
    assert run(f"CREATE TABLE {other} (id STRING PRIMARY KEY)") is None
    assert run(f"INSERT INTO {other} VALUES {{'id':'sales','floor':3}}") is None
    joined = run(f"SELECT e.name, d.floor FROM TABLE_ AS e JOIN {other} AS d ON e.department = d.id WHERE e.id='1001'")
    assert joined == [{"e.name": "Alice", "d.floor": 3}]

    here = ["--table-name", table]
    validated(deployment, store, here, f"tbl_{table}", 0)
    record = [*here, "--primary-key-column-name", "id", "--column-value", '"1002"']
    validated(deployment, store, record, f"rec_{table}_id_1002", 1)
    index = [*here, "--index-key-column-name", "salary", "--column-value", "720"]
    validated(deployment, store, index, f"idx_{table}_salary_720", 0)


def test_random_statements(deployment, store_commands, tool):
    """Random statements against a table in memory; the seed is in the message of a failure."""
    seed = int(os.environ.get("TRUSTKEEP_SEED") or random.SystemRandom().randrange(2**32))
    chance = random.Random(seed)
    store = tool(store_commands, java_sdk.TABLESTORE)
    store.json("bootstrap")
    table = store.entity.replace("-", "_")
    run = lambda statement: store.json("execute-statement", "--statement", statement)
    run(f"CREATE TABLE {table} (id INT PRIMARY KEY, grp STRING, flag BOOLEAN)")
    rows = {}
    for step in range(40):
        where = f"seed {seed}, step {step}"
        key, group, flag = chance.randrange(6), chance.choice("abc"), chance.choice([True, False])
        action = chance.choice(["insert", "update", "by key", "by group", "by flag"])
        if action == "insert":
            row = {"id": key, "grp": group, "flag": flag, "step": step}
            statement = f"INSERT INTO {table} VALUES `{json.dumps(row)}`"
            if key in rows:
                message = store.error("execute-statement", "--statement", statement)[1]
                assert message == "The specified record already exists.", where
            else:
                assert run(statement) is None, where
                rows[key] = row
        elif action == "update":
            assert run(f"UPDATE {table} SET grp='{group}', step={step} WHERE id={key}") is None, where
            if key in rows:
                rows[key] = {**rows[key], "grp": group, "step": step}
        elif action == "by key":
            assert run(f"SELECT * FROM {table} WHERE id={key}") == [row for row in rows.values() if row["id"] == key], where
        else:
            column, value = ("grp", group) if action == "by group" else ("flag", flag)
            literal = f"'{value}'" if column == "grp" else str(value).lower()
            found = run(f"SELECT * FROM {table} WHERE {column}={literal} AND step >= 0")
            expected = [row for row in rows.values() if row[column] == value]
            assert sorted(found, key=lambda row: row["id"]) == sorted(expected, key=lambda row: row["id"]), where

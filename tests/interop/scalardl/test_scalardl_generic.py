"""The generic contracts, asked as the HashStore and TableStore clients ask: what each gives, and every refusal's own words.

The expected answers are those of the original's ledger.
"""

import json
import os
import pathlib

import pytest

import java_sdk
import protocol

CONTRACTS = {
    "object": ["Get", "Put", "Validate"],
    "collection": ["Add", "Create", "Get", "GetCheckpointInterval", "GetHistory", "Remove"],
    "table": ["Create", "GetAssetId", "GetHistory", "Insert", "Scan", "Select", "ShowTables", "Update"],
}


def byte_code(binary_name):
    """The class as somebody gives it, else one that has only its name."""
    path = binary_name.replace(".", "/") + ".class"
    for folder in os.environ.get("TRUSTKEEP_TEST_SCALARDL_CLASSPATH", "").split(":"):
        if folder and pathlib.Path(folder, path).is_file():
            return pathlib.Path(folder, path).read_bytes()
    return java_sdk.empty_class(binary_name)


class Contracts:
    """A client whose entity has the contracts of one kind."""

    def __init__(self, client, kind):
        self._client, self._kind = client, kind
        client.register_identity()
        for name in CONTRACTS[kind]:
            binary_name = f"com.scalar.dl.genericcontracts.{kind}.v1_0_0.{name}"
            client.register_contract(f"{kind}.v1_0_0.{name}", binary_name, byte_code(binary_name))

    def run(self, contract, /, **argument):
        result = self._client.execute(f"{self._kind}.v1_0_0.{contract}", argument).result
        return None if result is None else json.loads(result)

    def refusal(self, contract, /, **argument):
        with pytest.raises(protocol.Refused) as caught:
            self.run(contract, **argument)
        assert caught.value.code == 408, caught.value
        return caught.value.message


@pytest.fixture
def contracts(deployment, java_3_14, new_identity):
    return lambda kind: Contracts(java_3_14.driver.client(deployment, new_identity(kind)), kind)


@pytest.fixture
def own(request, deployment):
    """A name that no other test's assets have."""
    return f"{request.node.originalname}_{id(request.node)}"


def test_objects(contracts, own):
    objects = contracts("object")
    assert objects.run("Get", object_id=own) is None
    assert objects.run("Put", object_id=own, hash_value="h0") is None
    assert objects.run("Put", object_id=own, hash_value="h1", metadata={"m": 1, "a": [1.5, "x"]}) is None
    assert objects.run("Get", object_id=own) == {"object_id": own, "hash_value": "h1", "metadata": {"m": 1, "a": [1.5, "x"]}}
    newest = {"version_id": "v1", "hash_value": "h1", "metadata": {"m": 1, "a": [1.5, "x"]}}
    oldest = {"version_id": "v0", "hash_value": "h0"}
    status = lambda versions, **options: objects.run("Validate", object_id=own, versions=versions, options=options)["status"]
    assert status([newest, oldest]) == "correct"
    assert status([newest, oldest], all=True) == "correct"
    assert status([{**newest, "metadata": {"m": 2}}]) == "faulty"
    assert status([newest], all=True) == "faulty"
    assert status([newest, oldest, oldest]) == "faulty"
    faulty = objects.run("Validate", object_id=own, versions=[{**newest, "hash_value": "other"}, oldest])
    assert faulty == {"status": "faulty", "details": "A faulty version is found.", "faulty_versions": ["v1"]}

    assert objects.refusal("Put", hash_value="h") == "The object ID is not specified in the arguments or is invalid."
    assert objects.refusal("Put", object_id=own) == "The hash value is not specified in the arguments or is invalid."
    assert objects.refusal("Put", object_id=own, hash_value="h", metadata=1) == "The specified format of the metadata is invalid."
    assert objects.refusal("Get") == "The object ID is not specified in the arguments or is invalid."
    assert objects.refusal("Validate", object_id=own) == "The versions are not specified in the arguments."
    wrong = "The specified format of the version information is invalid."
    assert objects.refusal("Validate", object_id=own, versions=[{"hash_value": "h"}]) == wrong


def test_collections(contracts, own):
    collections = contracts("collection")
    this = {"collection_id": own}
    assert collections.run("Get", **this) is None
    assert collections.run("Create", **this, object_ids=["a", "b"]) is None
    assert collections.refusal("Create", **this, object_ids=[]) == "The specified collection already exists."
    assert collections.run("Add", **this, object_ids=["c"]) is None
    twice = "One of the specified objects already exists in the collection."
    assert collections.refusal("Add", **this, object_ids=["c", "d"]) == twice
    assert collections.run("Add", **this, object_ids=["c", "d"], options={"force": True}) is None
    assert collections.run("Remove", **this, object_ids=["a"]) is None
    missing = "One of the specified objects is not found in the collection."
    assert collections.refusal("Remove", **this, object_ids=["a"]) == missing
    assert collections.run("Remove", **this, object_ids=["a"], options={"force": True}) is None
    for number in range(9):
        collections.run("Add", **this, object_ids=[f"x{number}"])
    expected = sorted(["b", "c", "d", *(f"x{number}" for number in range(9))])
    assert sorted(collections.run("Get", **this)["object_ids"]) == expected
    history = collections.run("GetHistory", **this, options={"limit": 2})
    assert history == {"collection_id": own, "collection_events": [
        {"operation_type": "add", "age": 13, "object_ids": ["x8"]}, {"operation_type": "add", "age": 12, "object_ids": ["x7"]},
    ]}
    assert len(collections.run("GetHistory", **this)["collection_events"]) == 14

    assert collections.refusal("Create", object_ids=[]) == "The collection ID is not specified in the arguments or is invalid."
    assert collections.refusal("Create", collection_id=own + "2") == "The object IDs are not specified in the arguments."
    assert collections.refusal("Create", collection_id=own + "2", object_ids=[1]) == "The specified format of the object IDs is invalid."
    assert collections.refusal("Add", collection_id=own + "2", object_ids=["a"]) == "The specified collection is not found."
    assert collections.refusal("GetHistory", **this, options={"limit": -1}) == "The specified format of the options is invalid."


def test_tables(contracts, own):
    tables = contracts("table")
    described = {"name": own, "key": "id", "type": "string", "indexes": [{"key": "age", "type": "number"}, {"key": "on", "type": "boolean"}]}
    assert tables.run("Create", **described) is None
    assert tables.refusal("Create", **described) == "The specified table already exists."
    rows = [{"id": "1", "age": 30, "on": True, "x": None}, {"id": "2", "age": 30, "y": {"z": [1, 2.50]}}, {"id": "3", "age": 3.5}]
    for row in rows:
        assert tables.run("Insert", table=own, values=row) is None
    assert tables.refusal("Insert", table=own, values=rows[0]) == "The specified record already exists."
    assert tables.refusal("Insert", table=own, values={"age": 1}) == "The record values must have the key."
    assert tables.refusal("Insert", table=f"{own}_", values=rows[0]) == f"The specified table does not exist. Table: {own}_"

    where = lambda column, operator, *value: {"column": column, "operator": operator, **({"value": value[0]} if value else {})}
    find = lambda *conditions: sorted(tables.run("Select", table=own, conditions=list(conditions)), key=lambda row: row["id"])
    assert find(where("id", "EQ", "1")) == [rows[0]]
    assert find(where("age", "EQ", 30)) == rows[:2]
    assert find(where("age", "EQ", 3.5)) == rows[2:]
    assert find(where("age", "EQ", 30), where("id", "NE", "1")) == rows[1:2]
    assert find(where("age", "EQ", 30), where("age", "LT", 30)) == []
    assert find(where("on", "IS_NULL")) == rows[1:]
    assert find(where("age", "EQ", 30), where("on", "IS_NOT_NULL")) == rows[:1]
    no_key = "At least a condition for the primary key or index key must be properly specified."
    assert tables.refusal("Select", table=own, conditions=[where("age", "GT", 1)]) == no_key

    assert tables.run("Update", table=own, values={"age": 31, "new": "v"}, conditions=[where("id", "EQ", "1")]) is None
    changed = {**rows[0], "age": 31, "new": "v"}
    assert find(where("age", "EQ", 31)) == [changed] and find(where("age", "EQ", 30)) == rows[1:2]
    keep = "The primary key cannot be updated."
    assert tables.refusal("Update", table=own, values={"id": "9"}, conditions=[where("id", "EQ", "1")]) == keep
    history = tables.run("GetHistory", table=own, conditions=[where("id", "EQ", "1")])
    assert history == [{"age": 1, "values": changed}, {"age": 0, "values": rows[0]}]
    assert tables.run("GetHistory", table=own, conditions=[where("id", "EQ", "1")], limit=1) == history[:1]
    assert tables.run("ShowTables", name=own) == [described]
    record = {"prefix": "rec_", "values": [own, "id", 1.0]}
    assert tables.run("GetAssetId", **record) == f"rec_{own}_id_1"
    illegal = "The specified argument is illegal."
    assert tables.refusal("GetAssetId", prefix="x_") == tables.refusal("GetAssetId", prefix="", values=[]) == illegal

"""Databases that a ledger and an auditor may stand on, and what their administrator could do to the rows of assets."""

import json
import uuid

import boto3

TEXTS, BYTES = ["argument", "contract_id", "input", "output"], ["hash", "prev_hash", "signature"]
BASES = {"ledger": "scalar", "auditor": "auditor"}


class Postgresql:
    """A database for each of the two."""

    def __init__(self, backends):
        self._server, own = backends.get("postgresql"), uuid.uuid4().hex[:12]
        self._urls = {kind: self._server.new_database(f"{kind}_{own}") for kind in BASES}

    def properties(self, kind):
        return {
            "scalar.db.storage": "jdbc",
            "scalar.db.contact_points": f"jdbc:postgresql://{self._urls[kind].split('@')[1]}",
            "scalar.db.username": "postgres",
            "scalar.db.password": "",
        }

    def ask(self, kind, statement):
        """What it answers to a statement, line by line."""
        return self._server.ask(self._urls[kind], statement)

    def row(self, kind, asset_id, age):
        columns = [f"'{name}', {name}" for name in TEXTS] + [f"'{name}', encode({name}, 'hex')" for name in BYTES]
        statement = f"SELECT json_build_object({', '.join(columns)}) FROM {self._asset(kind, asset_id, age)}"
        [line] = self.ask(kind, statement)
        row = json.loads(line)
        return {**row, **{name: bytes.fromhex(row[name] or "") for name in BYTES}}

    def change(self, kind, asset_id, age, output, hashed):
        table, condition = self._asset(kind, asset_id, age).split(" ", 1)
        self.ask(kind, f"UPDATE {table} SET output = '{output}', hash = '\\x{hashed.hex()}' {condition}")

    def _asset(self, kind, asset_id, age):
        return f"{BASES[kind]}.asset WHERE id = '{asset_id}' AND age = {age}"


class Dynamodb:
    """Tables of both under one prefix."""

    def __init__(self, backends):
        self._endpoint, self._prefix = backends.get("dynamodb-local").endpoint, f"s{uuid.uuid4().hex[:8]}_"
        keys = {"aws_access_key_id": "AKIATRUSTKEEPTESTS", "aws_secret_access_key": "not-a-secret"}
        self._client = boto3.client("dynamodb", "eu-central-1", endpoint_url=self._endpoint, **keys)

    def properties(self, kind):
        return {
            "scalar.db.storage": "dynamo",
            "scalar.db.contact_points": "eu-central-1",
            "scalar.db.username": "AKIATRUSTKEEPTESTS",
            "scalar.db.password": "not-a-secret",
            "scalar.db.dynamo.endpoint_override": self._endpoint,
            "scalar.db.dynamo.namespace.prefix": self._prefix,
        }

    def row(self, kind, asset_id, age):
        item = self._client.get_item(**self._asset(kind, asset_id, age), ConsistentRead=True)["Item"]
        return {
            **{name: item[name]["S"] for name in TEXTS},
            **{name: item[name]["B"] if name in item else b"" for name in BYTES},
        }

    def change(self, kind, asset_id, age, output, hashed):
        self._client.update_item(
            **self._asset(kind, asset_id, age),
            UpdateExpression="SET #o = :o, #h = :h",
            ExpressionAttributeNames={"#o": "output", "#h": "hash"},
            ExpressionAttributeValues={":o": {"S": output}, ":h": {"B": hashed}},
        )

    def _asset(self, kind, asset_id, age):
        return {"TableName": f"{self._prefix}{BASES[kind]}.asset", "Key": {"id": {"S": asset_id}, "age": {"N": str(age)}}}

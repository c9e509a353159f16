"""`trustkeep schema` for a Ledger and an Auditor: the tables as the databases' own tools list them."""

import subprocess
import uuid

import boto3
import pytest

from vault_server import BINARY

# What deployment guides for Scalar DL Auditor check for.
CHECKLIST = {
    f"auditor.{name}" for name in ["asset", "asset_lock", "certificate", "contract", "contract_class", "request_proof"]
}


def schema(folder, properties, *options, **environment):
    config = folder / f"{uuid.uuid4().hex}.properties"
    config.write_text("".join(f"{name}={value}\n" for name, value in properties.items()))
    command = [BINARY, "schema", "--config", config, *options]
    made = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment or None)
    assert made.returncode == 0, made
    return {line.strip() for line in made.stdout.splitlines() if line.startswith("  ")}


def test_on_postgresql(backends, tmp_path):
    server = backends.get("postgresql")
    url = server.new_database(f"schema_{uuid.uuid4().hex[:12]}")
    store = {
        "scalar.db.storage": "jdbc",
        "scalar.db.contact_points": f"jdbc:postgresql://{url.split('@')[1]}",
        "scalar.db.username": "postgres",
    }
    printed = schema(tmp_path, store, SCHEMA_TYPE="auditor")
    printed |= schema(tmp_path, {**store, "scalar.dl.ledger.name": "mine"}, "--coordinator")
    there = server.ask(
        url, "SELECT schemaname || '.' || tablename FROM pg_tables WHERE schemaname IN ('auditor', 'scalar')"
    )
    assert printed == set(there)
    assert CHECKLIST < printed
    assert schema(tmp_path, store, "--schema-type", "auditor") < printed, "a second time it changes nothing"


@pytest.mark.parametrize("emulator", ["moto", "dynamodb-local"])
def test_on_dynamodb(emulator, backends, tmp_path):
    endpoint = backends.get(emulator).endpoint
    prefix = f"p{uuid.uuid4().hex[:8]}_"
    store = {
        "scalar.db.storage": "dynamo",
        "scalar.db.contact_points": "eu-central-1",
        "scalar.db.username": "AKIATRUSTKEEPTESTS",
        "scalar.db.password": "not-a-secret",
        "scalar.db.dynamo.endpoint_override": endpoint,
        "scalar.db.dynamo.namespace.prefix": prefix,
    }
    printed = schema(tmp_path, {**store, "scalar.dl.auditor.name": "mine"})
    assert {f"{prefix}{name}" for name in CHECKLIST} < printed
    client = boto3.client(
        "dynamodb", "eu-central-1", endpoint_url=endpoint,
        aws_access_key_id="AKIATRUSTKEEPTESTS", aws_secret_access_key="not-a-secret",
    )
    pages = client.get_paginator("list_tables").paginate()
    there = {name for page in pages for name in page["TableNames"] if name.startswith(f"{prefix}auditor")}
    assert printed == there

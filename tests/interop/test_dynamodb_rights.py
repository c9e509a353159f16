"""DynamoDB with a table made by hand and no more rights than the guide gives, where rights are enforced."""

import json
import os
import pathlib
import re
import shutil
import tempfile

import boto3
import pytest

import processes
from backends import free_port
from vault_cluster import VaultCluster

REGION = "eu-central-1"
ACCOUNT = "000000000000"
# What the guide grants on the table; there is neither CreateTable nor ConditionCheckItem among them.
GRANTED = [
    "BatchGetItem", "BatchWriteItem", "PutItem", "GetItem", "DeleteItem", "UpdateItem", "Query", "Scan",
    "DescribeTable", "DescribeTimeToLive", "GetRecords", "ListTagsOfResource", "ListTables", "DescribeLimits",
    "DescribeReservedCapacity", "DescribeReservedCapacityOfferings",
]
# What docs/vault-ha.md grants.
DOCUMENTED = [
    "DescribeTable", "GetItem", "BatchGetItem", "Query", "Scan", "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem",
]


class Account:
    """An account at an emulator that enforces who may do what on which resource."""

    def __init__(self, program):
        port = free_port()
        self._log = tempfile.NamedTemporaryFile(prefix="trustkeep-ministack-", suffix=".log")
        environment = {"AUTH": "true", "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "MINISTACK_REGION": REGION}
        self._process = processes.start([program], None, environment, stdout=self._log, stderr=self._log)
        self.endpoint = f"http://127.0.0.1:{port}"
        self.dynamodb, self.iam = self._client("dynamodb"), self._client("iam")

        def answers():
            assert self._process.poll() is None, pathlib.Path(self._log.name).read_text()
            try:
                return self.dynamodb.list_tables()
            except Exception:
                return None

        processes.eventually(answers, what="the start of the emulator")

    def _client(self, service):
        return boto3.client(
            service, endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test",
        )

    def table(self, name, keys=("Path", "Key")):
        """Makes a table as the guide does."""
        schema = [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ["HASH", "RANGE"])]
        attributes = [{"AttributeName": key, "AttributeType": "S"} for key in keys]
        self.dynamodb.create_table(
            TableName=name, KeySchema=schema, AttributeDefinitions=attributes, BillingMode="PAY_PER_REQUEST",
        )
        return f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}"

    def user(self, name, table_arn, actions=GRANTED):
        """A user with these rights on one table; gives the access key."""
        self.iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": [f"dynamodb:{action}" for action in actions], "Resource": table_arn}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.iam.put_user_policy(UserName=name, PolicyName="vault", PolicyDocument=policy)
        key = self.iam.create_access_key(UserName=name)["AccessKey"]
        return key["AccessKeyId"], key["SecretAccessKey"]

    def storage(self, table, key, secret):
        """The stanza that uses them."""
        return (
            'storage "dynamodb" {\n'
            f'  table = "{table}"\n  region = "{REGION}"\n  endpoint = "{self.endpoint}"\n'
            f'  access_key = "{key}"\n  secret_key = "{secret}"\n  ha_enabled = "true"\n'
            "}\n"
        )

    def stop(self):
        processes.stop(self._process)
        self._log.close()


@pytest.fixture(scope="module")
def account():
    program = os.environ.get("TRUSTKEEP_TEST_MINISTACK") or shutil.which("ministack")
    if not program:
        pytest.skip("MiniStack: TRUSTKEEP_TEST_MINISTACK is not set")
    account = Account(program)
    yield account
    account.stop()


@pytest.mark.parametrize("rights", [GRANTED, DOCUMENTED], ids=["guide", "documented"])
def test_the_rights_of_the_guide_on_one_table_suffice(account, tmp_path, rights):
    table, other = f"vault-{len(rights)}", f"other-{len(rights)}"
    key = account.user(table, account.table(table), rights)
    account.table(other)
    cluster = VaultCluster("dynamodb", tmp_path, None, storage=[account.storage(table, *key)] * 2)
    cluster.start()
    active, standby = cluster.active(), cluster.standby()
    root = standby.client()
    root.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
    for number in range(30):
        root.secrets.kv.v2.create_or_update_secret(f"deep/er/{number}", {"n": number}, mount_point="kv")
    assert len(root.secrets.kv.v2.list_secrets("deep/er", mount_point="kv")["data"]["keys"]) == 30
    root.secrets.kv.v2.delete_metadata_and_all_versions("deep/er/0", mount_point="kv")
    token = root.auth.token.create(ttl="1h")["auth"]["client_token"]
    assert cluster.failover(active.process.terminate, [standby]) < 5
    assert active.stop() == 0
    assert standby.client(token).auth.token.lookup_self()["data"]["ttl"] > 0
    read = standby.client().secrets.kv.v2.read_secret_version("deep/er/7", mount_point="kv", raise_on_deleted_version=True)
    assert read["data"]["data"] == {"n": 7}
    cluster.restart(active)
    assert cluster.failover(standby.kill, [active]) < 10
    assert set(cluster.stop()) == {0}
    rows = account.dynamodb.scan(TableName=table)["Items"]
    assert all(set(row) >= {"Path", "Key"} for row in rows)
    assert not account.dynamodb.scan(TableName=other)["Items"]


@pytest.mark.parametrize("missing", ["UpdateItem", "GetItem", "DescribeTable"])
def test_a_right_that_is_missing_is_named(account, tmp_path, missing):
    table = f"without-{missing}"
    arn = account.table(table)
    key = account.user(table, arn, [action for action in GRANTED if action != missing])
    cluster = VaultCluster("dynamodb", tmp_path, None, storage=[account.storage(table, *key)])
    node = cluster.nodes[0]
    try:
        node.start()
        said = node.request("PUT", "sys/init", {"secret_shares": 1, "secret_threshold": 1}, token=None).text
        node.stop()
    except RuntimeError as error:
        said = str(error)
    assert f"the right dynamodb:{missing} on the table {table}" in said, said


def test_a_table_that_is_missing_or_of_another_shape_is_named(account, tmp_path):
    arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/nowhere"
    nowhere = account.storage("nowhere", *account.user("nowhere", arn))
    with pytest.raises(RuntimeError, match="dynamodb:CreateTable on the table nowhere .*create the table by hand"):
        VaultCluster("dynamodb", tmp_path, None, storage=[nowhere]).nodes[0].start()
    arn = account.table("crooked", keys=("PK", "SK"))
    crooked = account.storage("crooked", *account.user("crooked", arn))
    other = tmp_path / "crooked"
    other.mkdir()
    with pytest.raises(RuntimeError, match=r"the table crooked stands in another shape: its HASH key is PK \(S\), .* needs Path \(S\)"):
        VaultCluster("dynamodb", other, None, storage=[crooked]).nodes[0].start()


def test_a_wrong_key_is_named(account, tmp_path):
    arn = account.table("wrong-key")
    key, _ = account.user("wrong-key", arn)
    with pytest.raises(RuntimeError) as error:
        VaultCluster("dynamodb", tmp_path, None, storage=[account.storage("wrong-key", key, "no-such-secret")]).nodes[0].start()
    assert re.search("access key is not valid in region eu-central-1: check the key, its secret and the region", str(error.value))

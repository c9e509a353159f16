"""Deployments and clients: each is started once in a run, by the first test that asks."""

import itertools
import os
import shlex
import types

import pytest

import java_sdk
from clients import BareClient, Driver
from command_line import Tool
from domains import Deployment, Identity
from node_sdk import NodeSdk
from own_commands import OwnCommands

CLIENTS = ["bare-v1", "bare-v2", "bare-v3", "java-3.9", "java-3.14", "javascript"]
# What only some have: a whole Java client of 3.14, and any program that answers the questions of `clients.Driver`.
CLIENTS += ["java-given"] if os.environ.get("TRUSTKEEP_TEST_SCALARDL_CLASSPATH") else []
CLIENTS += ["driver-given"] if os.environ.get("TRUSTKEEP_TEST_SCALARDL_DRIVER") else []
_numbers = itertools.count()


@pytest.fixture(scope="session", params=["ledger", "ledger+auditor"])
def audited(request):
    return request.param == "ledger+auditor"


@pytest.fixture(scope="session", params=["digital-signature", "hmac"])
def deployment(request, audited, backends, tmp_path_factory):
    """A ledger alone and a ledger with an auditor, each with signatures and with secrets."""
    running = Deployment(tmp_path_factory.mktemp("deployment"), request.param, audited).start()
    yield running
    running.stop()


@pytest.fixture
def new_identity(tmp_path):
    """Makes an entity whose name no other test has."""
    return lambda name="alice": Identity(f"{name}-{next(_numbers)}", tmp_path)


@pytest.fixture
def tool(deployment, new_identity, tmp_path):
    """Makes a command line: `tool(sdk, name)`; all of one test are the same entity's."""
    identity = new_identity("cli")
    numbers = itertools.count()

    def make(sdk, name, namespace=None, changed=None):
        path = tmp_path / f"client-{next(numbers)}.properties"
        made = Tool(sdk, name, deployment.write_client_properties(path, identity, namespace, changed))
        made.entity = identity.name
        return made

    return make


@pytest.fixture(scope="session")
def java_3_9(tmp_path_factory):
    yield from _java(tmp_path_factory, lambda _: java_sdk.version_3_9())


@pytest.fixture(scope="session")
def java_3_14(tmp_path_factory):
    yield from _java(tmp_path_factory, java_sdk.version_3_14)


@pytest.fixture(scope="session")
def java_given(tmp_path_factory):
    """All of version 3.14, where somebody has it."""
    yield from _java(tmp_path_factory, lambda _: java_sdk.given())


@pytest.fixture(scope="session")
def own_commands(tmp_path_factory):
    return OwnCommands(tmp_path_factory.mktemp("own"))


@pytest.fixture(scope="session", params=["java-3.14", "trustkeep"])
def commands(request):
    """The command line `scalardl`: the original's and ours."""
    return request.getfixturevalue("own_commands" if request.param == "trustkeep" else "java_3_14")


@pytest.fixture(scope="session", params=["java-given", "trustkeep"])
def store_commands(request):
    """The command lines of HashStore and TableStore: the original's, where somebody has them, and ours."""
    return request.getfixturevalue("own_commands" if request.param == "trustkeep" else "java_given")


def _java(tmp_path_factory, class_path):
    sdk = java_sdk.JavaSdk(class_path(tmp_path_factory.mktemp("class-path")), tmp_path_factory.mktemp("java"))
    yield sdk
    sdk.stop()


@pytest.fixture(scope="session")
def javascript(tmp_path_factory):
    sdk = NodeSdk(tmp_path_factory.mktemp("javascript"))
    yield sdk
    sdk.stop()


@pytest.fixture(scope="session")
def driver_given(tmp_path_factory):
    log = tmp_path_factory.mktemp("driver") / "driver.log"
    driver = Driver(shlex.split(os.environ["TRUSTKEEP_TEST_SCALARDL_DRIVER"]), log)
    yield types.SimpleNamespace(driver=driver)
    driver.stop()


@pytest.fixture(scope="session", params=CLIENTS)
def make_client(request):
    """Makes clients of one kind: `make_client(deployment, identity, namespace)`."""
    kind = request.param
    if kind.startswith("bare"):
        version = int(kind[-1])
        made = lambda deployment, identity, namespace=None: BareClient(deployment, identity, version, namespace)
    else:
        sdk = request.getfixturevalue(kind.replace("-", "_").replace(".", "_"))
        made = lambda deployment, identity, namespace=None: sdk.driver.client(deployment, identity, namespace)
    made.kind = kind
    return made


@pytest.fixture(scope="session")
def state_contracts(java_3_9):
    """The byte code of the sample contracts."""
    return {name: java_3_9.class_file(name).read_bytes() for name in java_sdk.CONTRACTS}

"""A controller, started once for each file of tests, one with servers for all files that need them, and what the SDK says."""

import logging

import pytest

from controller_server import ControllerServer
from sdk_place import configured
from simulated import placed
from vcpsdk.vcpsdk import VcpSDK


@pytest.fixture(scope="module")
def controller(tmp_path_factory):
    server = ControllerServer(tmp_path_factory.mktemp("controller")).start()
    yield server
    code = server.stop()
    assert code == 0, f"the controller ended with {code}:\n{server.log.read_text()}"


@pytest.fixture
def said():
    """What the SDK tells its user, line by line."""
    lines = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())
    logger = logging.getLogger("vcp.sdk")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)


@pytest.fixture(scope="package")
def place(tmp_path_factory):
    """A controller, three servers, and a key for the nodes."""
    with placed(tmp_path_factory.mktemp("sdk")) as place:
        yield place


@pytest.fixture
def sdk(place, tmp_path, monkeypatch):
    """Our SDK with a new token of `place`'s controller. Its unit groups go with it, and leave no container."""
    controller, servers, _ = place
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", controller.ca)
    monkeypatch.setenv("VCPSDK_POLL_SECONDS", "0.2")
    monkeypatch.setenv("VCPSDK_KNOWN_HOSTS", str(tmp_path / "known_hosts"))
    sdk = VcpSDK(controller.token(), config_dir=str(configured(tmp_path, controller, wait=120)))
    yield sdk
    for group in sdk.find_ugroups():
        group.cleanup()
    assert [servers.containers(address) for address in servers.addresses] == [[], [], []]

"""A controller, started once for each file of tests, and what the SDK says."""

import logging

import pytest

from controller_server import ControllerServer


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

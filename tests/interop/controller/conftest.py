"""A controller, started once for each file of tests."""

import pytest

from controller_server import ControllerServer


@pytest.fixture(scope="module")
def controller(tmp_path_factory):
    server = ControllerServer(tmp_path_factory.mktemp("controller")).start()
    yield server
    code = server.stop()
    assert code == 0, f"the controller ended with {code}:\n{server.log.read_text()}"

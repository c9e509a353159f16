"""Agents: each is started once in a run, by the first test that asks."""

import pytest

from bare import Envelopes
from parties import Webhooks, aca_py, ours

# Those that speak connections/1.0.
OLD_VERSIONS = ["0.7.3", "1.0.1"]
VERSIONS = [*OLD_VERSIONS, "1.7.0"]


@pytest.fixture(scope="session")
def webhooks():
    running = Webhooks()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def our_agent(backends, webhooks, tmp_path_factory):
    agent = ours(tmp_path_factory.mktemp("ours"), webhooks).start()
    yield agent
    code = agent.stop()
    assert code == 0, f"the agent ended with {code}:\n{agent.log.read_text()}"


@pytest.fixture(scope="session")
def aca_pys(webhooks, tmp_path_factory):
    """Gives the ACA-Py of a version."""
    running = {}

    def agent(version):
        if version not in running:
            running[version] = aca_py(version, tmp_path_factory.mktemp("aca-py"), webhooks).start()
        return running[version]

    yield agent
    for started in running.values():
        started.stop()


@pytest.fixture(scope="session", params=OLD_VERSIONS)
def old_aca_py(request, aca_pys):
    return aca_pys(request.param)


@pytest.fixture(scope="session", params=VERSIONS)
def any_aca_py(request, aca_pys):
    return aca_pys(request.param)


@pytest.fixture(scope="session")
def guides_aca_py(webhooks, tmp_path_factory):
    """The version of the guide, which answers messages by itself, as its holder does."""
    agent = aca_py("0.7.3", tmp_path_factory.mktemp("holder"), webhooks, ["--auto-respond-messages"]).start()
    yield agent
    agent.stop()


@pytest.fixture(scope="session")
def envelopes():
    running = Envelopes()
    yield running
    running.stop()

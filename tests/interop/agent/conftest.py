"""Agents: each is started once in a run, by the first test that asks."""

import pytest

from bare import Envelopes
from parties import Webhooks, aca_py, ours

# Those that speak connections/1.0.
OLD_VERSIONS = ["0.7.3", "1.0.1"]


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


@pytest.fixture(scope="session", params=OLD_VERSIONS)
def old_aca_py(request, webhooks, tmp_path_factory):
    agent = aca_py(request.param, tmp_path_factory.mktemp("aca-py"), webhooks).start()
    yield agent
    agent.stop()


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

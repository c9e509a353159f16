"""Servers for the tests: backends once a run, one vault for each store and file of tests."""

import glob

import pytest

from backends import Backends
from vault_server import BINARY, STORES, VaultServer


@pytest.fixture(scope="session")
def backends():
    if not BINARY.exists():
        pytest.exit(f"{BINARY} is missing: run `cargo build` first, or set TRUSTKEEP_BIN", returncode=2)
    running = Backends()
    yield running
    running.stop()


@pytest.fixture(scope="module", params=STORES)
def sealed_vault(request, backends, tmp_path_factory):
    """A server on each store that was never initialised; one for each file of tests."""
    server = VaultServer(request.param, tmp_path_factory.mktemp(request.param), backends).start()
    yield server
    code = server.stop()
    assert code == 0, f"the server ended with {code}:\n{server.log()}"


@pytest.fixture(scope="module")
def vault(sealed_vault):
    """A server on each store, open."""
    sealed_vault.initialize()
    sealed_vault.unseal()
    return sealed_vault


@pytest.fixture
def root(vault):
    """An hvac client with the root token."""
    return vault.client()


def _mount(vault, root, version):
    path = vault.new_name(f"kv{version}")
    root.sys.enable_secrets_engine("kv", path=path, options={"version": version})
    return path


@pytest.fixture
def kv1(vault, root):
    """The path of a KV engine of version 1 that only this test uses."""
    path = _mount(vault, root, "1")
    yield path
    root.sys.disable_secrets_engine(path)


@pytest.fixture
def kv2(vault, root):
    """The path of a KV engine of version 2 that only this test uses."""
    path = _mount(vault, root, "2")
    yield path
    root.sys.disable_secrets_engine(path)


@pytest.fixture(scope="session")
def library_faketime():
    """The library that gives a program another time of day."""
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    if not found:
        pytest.skip("libfaketime is missing")
    return found[0]


def pytest_terminal_summary(terminalreporter):
    """Names each runtime that was missing, with the number of tests that went without it."""
    reasons = [report.longrepr[2].removeprefix("Skipped: ") for report in terminalreporter.stats.get("skipped", [])]
    for reason in sorted(set(reasons)):
        terminalreporter.write_line(f"SKIPPED {reason} ({reasons.count(reason)} tests)")

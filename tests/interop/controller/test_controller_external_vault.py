"""A controller on a vault of the operator's, with the rights that its guide names and no others."""

import pathlib
import re

import hvac
import pytest

import processes
from backends import free_port
from controller_server import ControllerServer
from vault_server import BINARY, TOP


@pytest.fixture(scope="module")
def vault(tmp_path_factory):
    address = f"127.0.0.1:{free_port()}"
    command = [BINARY, "vault", "server", "-dev", "-dev-kv-v1", "-dev-no-store-token"]
    command += ["-dev-root-token-id=root", f"-dev-listen-address={address}"]
    with open(tmp_path_factory.mktemp("vault") / "log", "wb") as log:
        process = processes.start(command, None, stdout=log, stderr=log)
    client = hvac.Client(url=f"http://{address}", token="root", timeout=30)

    def is_open():
        try:
            return not client.sys.is_sealed()
        except OSError:
            return False

    processes.eventually(is_open, what="the vault")
    yield client
    processes.stop(process)


@pytest.fixture(scope="module")
def external(vault, tmp_path_factory):
    guide = pathlib.Path(TOP / "docs" / "controller.md").read_text()
    policy = "\n".join(re.findall(r"^    (path \".*)$", guide, re.MULTILINE))
    vault.sys.create_or_update_policy("controller", policy)
    token = vault.auth.token.create(policies=["controller"], no_parent=True)["auth"]["client_token"]
    environment = {"VAULT_API_URL": vault.url, "VAULT_TOKEN": token}
    server = ControllerServer(tmp_path_factory.mktemp("external"), environment=environment).start()
    yield server
    assert server.stop() == 0


def test_users_and_tokens_are_the_same_there(external, vault):
    token = external.user("yamada")
    code, old, _ = external.run("create_token.sh", "yamada")
    assert code == 0
    for one in (token, old.strip()):
        assert external.call("GET", "/accounts/authority", one).json()["user_name"] == "yamada"
    theirs = hvac.Client(url=vault.url, token=token, timeout=30)
    theirs.write("cubbyhole/aws/access_key", value="AKIA")
    assert theirs.read("cubbyhole/aws/access_key")["data"] == {"value": "AKIA"}
    with pytest.raises(hvac.exceptions.Forbidden):
        theirs.read("vcc-custody/units/x")
    assert len(external.vcc("token", "list", "yamada").splitlines()) == 3
    external.vcc("token", "revoke", "-t", token)
    assert external.call("GET", "/accounts/authority", token).status_code == 403
    assert external.stop() == 0
    external.start()
    assert external.call("GET", "/accounts/authority", old.strip()).json()["user_name"] == "yamada"


def test_a_token_without_the_rights_is_named(vault, tmp_path):
    token = vault.auth.token.create(policies=["default"], no_parent=True)["auth"]["client_token"]
    environment = {"VAULT_API_URL": vault.url, "VAULT_TOKEN": token}
    weak = ControllerServer(tmp_path, environment=environment)
    with pytest.raises(AssertionError, match="VAULT_TOKEN.*sys/mounts"):
        weak.start()

"""The Go client of the vault (its `api` package of the 1.14 line), on every store."""

import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
SCENARIOS = ["kv1", "kv2", "mounts", "policies", "system", "tokens", "leases", "watcher",
             "wrapping", "approle", "userpass", "audit", "root", "transit"]


@pytest.fixture(scope="session")
def program(tmp_path_factory):
    """The program, built once a run; its modules come from the Go module proxy."""
    go = shutil.which("go")
    if not go:
        pytest.skip("go: the program is missing")
    built = tmp_path_factory.mktemp("go") / "go-api"
    done = subprocess.run(
        [go, "build", "-mod=readonly", "-buildvcs=false", "-o", built, "."],
        cwd=HERE / "go-api", capture_output=True, text=True, timeout=600,
    )
    assert done.returncode == 0, done.stderr
    return built


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_go_api(vault, program, scenario):
    done = subprocess.run(
        [program, scenario, vault.new_name("go")],
        env={"PATH": os.environ["PATH"], "VAULT_ADDR": vault.address, "VAULT_TOKEN": vault.root_token},
        capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0, f"{done.stderr}\n{vault.log()}"

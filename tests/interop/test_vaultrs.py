"""vaultrs, the client for Rust, on every store."""

import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
TARGET = HERE.parents[1] / ".test-env/vaultrs"


@pytest.fixture(scope="session")
def program():
    """The program, built once a run; what was built before is built upon."""
    cargo = shutil.which("cargo")
    if not cargo:
        pytest.skip("cargo: the program is missing")
    done = subprocess.run(
        [cargo, "build", "--quiet", "--locked", "--target-dir", TARGET],
        cwd=HERE / "vaultrs", capture_output=True, text=True, timeout=1200,
    )
    assert done.returncode == 0, done.stderr
    return TARGET / "debug/trustkeep-interop-vaultrs"


def test_vaultrs(vault, program):
    done = subprocess.run(
        [program, vault.new_name("rust")],
        env={"PATH": os.environ["PATH"], "VAULT_ADDR": vault.address, "VAULT_TOKEN": vault.root_token},
        capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0, f"{done.stderr}\n{vault.log()}"

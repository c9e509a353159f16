"""node-vault, the client for Node.js, on every store."""

import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE.parents[1] / ".test-env/node/node_modules"


def test_node_vault(sealed_vault):
    node = shutil.which("node")
    modules = pathlib.Path(os.environ.get("NODE_PATH") or MODULES)
    if not node:
        pytest.skip("node: the program is missing")
    if not (modules / "node-vault").exists():
        pytest.skip(f"node-vault: not in {modules} (./test installs it)")
    done = subprocess.run(
        [node, HERE / "node-vault/client.js", sealed_vault.address],
        env={"PATH": os.environ["PATH"], "NODE_PATH": str(modules)},
        capture_output=True, text=True, timeout=120,
    )
    assert done.returncode == 0, f"{done.stderr}\n{sealed_vault.log()}"

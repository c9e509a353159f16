"""Scalar DL's JavaScript SDK: its base package, and our adapter to gRPC around it."""

import os
import pathlib
import shutil

import pytest

from clients import PROTO, Driver

HERE = pathlib.Path(__file__).resolve().parent
MODULES = HERE.parents[2] / ".test-env/scalardl-javascript/node_modules"


class NodeSdk:
    """The base package in one process."""

    def __init__(self, folder):
        node = shutil.which("node")
        modules = pathlib.Path(os.environ.get("TRUSTKEEP_TEST_SCALARDL_JAVASCRIPT") or MODULES)
        if not node:
            pytest.skip("node: the program is missing")
        if not (modules / "@scalar-labs").exists():
            pytest.skip(f"Scalar DL's JavaScript SDK: not in {modules} (./test installs it)")
        command = [node, HERE / "node/driver.js", PROTO / "scalar.proto"]
        self.driver = Driver(command, folder / "driver.log", {"NODE_PATH": str(modules)})

    def stop(self):
        self.driver.stop()

"""Our own command lines under the original's names, asked as the Java ones are."""

import subprocess

import java_sdk
from vault_server import BINARY

NAMES = {
    java_sdk.SCALARDL: "scalardl",
    java_sdk.HASHSTORE: "scalardl-hashstore",
    java_sdk.TABLESTORE: "scalardl-tablestore",
}
PATIENCE = 60


class OwnCommands:
    def __init__(self, folder):
        self._folder = folder
        for name in NAMES.values():
            (folder / name).symlink_to(BINARY)

    def class_file(self, name):
        """What stands for a class that the servers have built in: they know it by its name."""
        path = self._folder / f"{name}.class"
        path.write_bytes(java_sdk.empty_class(f"com.org1.contract.{name}"))
        return path

    def command(self, tool, *arguments):
        """Runs a command line: its exit code, what it printed, and what it printed as an error."""
        words = [self._folder / NAMES[tool], *(str(each) for each in arguments)]
        ended = subprocess.run(words, cwd=self._folder, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
        return ended.returncode, ended.stdout, ended.stderr

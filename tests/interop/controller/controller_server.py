"""A controller on a directory of configuration of its own, and the tools of its administrator under their old and new names."""

import pathlib
import signal
import subprocess
import time

import hvac
import requests

import processes
from backends import free_port
from vault_server import BINARY

TOOLS = ["vcc", "vcc_user_cli.py", "create_token.sh", "init.sh"]
BASE = "/vcp/v1/occtr"


class ControllerServer:
    """`trustkeep controller`: started, stopped, started again."""

    def __init__(self, folder, catalogue="cci_version: '1.0'\nonpremises:\n  default: {}\n", environment=None):
        self.folder = pathlib.Path(folder)
        self.config, self.data = self.folder / "vcc", self.folder / "vcc" / "volume"
        self.log, self.process, self.environment = self.folder / "controller.log", None, environment or {}
        (self.config / "config").mkdir(parents=True)
        (self.config / ".env").write_text("VCP_VCC_PRIVATE_IPMASK=127.0.0.1/8\n")
        (self.config / "config" / "vpn_catalog.yml").write_text(catalogue)
        self.tools = self.folder / "bin"
        self.tools.mkdir()
        for tool in TOOLS:
            (self.tools / tool).symlink_to(BINARY)
        self.port, self.vault_port = free_port(), free_port()
        self.url, self.vault_url = f"https://127.0.0.1:{self.port}", f"https://127.0.0.1:{self.vault_port}"
        self.ca = str(self.config / "cert" / "ca.pem")

    def start(self):
        """Starts it and waits until it answers."""
        command = [BINARY, "controller", "--config", self.config, "--listen", "127.0.0.1", "--log-level", "info"]
        command += ["--port", self.port, "--vault-port", self.vault_port]
        with open(self.log, "ab") as log:
            self.process = processes.start(command, None, self.environment, stdout=log, stderr=log)
        begun = time.monotonic()
        processes.eventually(self._answers, what=f"an answer of the controller ({self.log})")
        self.started_within = time.monotonic() - begun
        return self

    def _answers(self):
        assert self.process.poll() is None, self.log.read_text()
        try:
            return requests.get(f"{self.url}{BASE}/", verify=self.ca, timeout=5).status_code == 200
        except (requests.ConnectionError, OSError):
            return False

    def stop(self, how=signal.SIGTERM):
        """Stops it and gives its exit code."""
        return processes.stop(self.process, how)

    def run(self, tool, *words, stdin=None):
        """Runs a tool of the administrator; gives its exit code, what it printed, and what it complained of."""
        command = [str(word) for word in (self.tools / tool, *words)]
        environment = {"VCC_CONFIG_DIR": str(self.config), "PATH": "/usr/bin:/bin"}
        ended = subprocess.run(command, capture_output=True, text=True, input=stdin, timeout=120, env=environment)
        return ended.returncode, ended.stdout, ended.stderr

    def vcc(self, *words, stdin=None):
        """Runs `vcc` and gives what it printed."""
        code, out, error = self.run("vcc", *words, stdin=stdin)
        assert code == 0, f"vcc {words}: {error}"
        return out.strip()

    def token(self, user=None, *options):
        """A new token of a user."""
        return self.vcc("token", "create", *([user] if user else []), *options)

    def user(self, name, role="regular"):
        """A new token of a new user."""
        self.vcc("user", "add", name, role)
        return self.token(name)

    def call(self, method, path, token, body=None, privileged=False):
        """A call of the REST API, as the original client makes it."""
        headers = {"x-vcc-access-token": token, "Content-Type": "application/json"}
        if privileged:
            headers["x-vcc-privileged"] = "True"
        json = body if body is not None or method == "GET" else {}
        return requests.request(
            method, f"{self.url}{BASE}{path}", headers=headers, json=json, verify=self.ca, timeout=30
        )

    def secret(self, method, path, token, body=None, headers=None):
        """A call of the vault."""
        headers = {"X-Vault-Token": token, **(headers or {})}
        return requests.request(
            method, f"{self.vault_url}/v1/{path}", headers=headers, json=body, verify=self.ca, timeout=30
        )

    def hvac(self, token):
        """A client of the vault."""
        return hvac.Client(url=self.vault_url, token=token, verify=self.ca, timeout=30)

"""Existing servers, as `trustkeep simulate` makes them of namespaces of this machine, and a controller beside them."""

import contextlib
import json
import os
import shutil
import subprocess

import pytest

import processes
from controller_server import ControllerServer
from vault_server import BINARY

PROGRAMS = ["dockerd", "docker", "sshd", "ip", "nsenter", "busybox"]


class Servers:
    """Some servers that let the controller in, and what can happen to them."""

    def __init__(self, folder, key, count=3, *options):
        lacking = [name for name in PROGRAMS if not (shutil.which(name) or shutil.which(name, path="/usr/sbin"))]
        if os.geteuid() != 0 or lacking:
            pytest.skip(f"servers cannot be simulated: {'root and ' if os.geteuid() else ''}{lacking} needed")
        self._log, self._key = open(folder / "simulate.log", "wb"), key.with_suffix("")
        command = [BINARY, "simulate", "--count", count, "--dir", folder / "servers", "--authorized-key", key]
        command += ["--json", "--attached", *options]
        self._process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
        )
        told = self._process.stdout.readline()
        assert told, (folder / "simulate.log").read_text()
        told = json.loads(told)
        self.network, self.controller, self.image = told["network"], told["controller"], told["image"]
        self.image_file = told["image_file"]
        self.addresses = [server["address"] for server in told["servers"]]
        self._sockets = [server["docker_socket"] for server in told["servers"]]

    def tell(self, command, at):
        """Changes the server at an address: `cut`, `heal`, `kill-docker`, ..."""
        self._process.stdin.write(f"{command} {self.addresses.index(at) + 1}\n".encode())
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["ok"], answer

    def docker(self, at, *words):
        """What Docker on the server at an address says."""
        host = f"unix://{self._sockets[self.addresses.index(at)]}"
        command = ["docker", "--host", host, *map(str, words)]
        return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()

    def containers(self, at):
        """The containers there, running or not."""
        return self.docker(at, "ps", "--all", "--quiet", "--no-trunc").split()

    def traces(self, at):
        """What a node must leave as it was on a server: rules without counts and comments, links, mounts."""
        asked = "iptables-save; ip -o link; cut -d ' ' -f 2,3 /proc/mounts"
        log_in = ["ssh", "-q", "-i", self._key, "-p", "20022", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no"]
        log_in += ["-o", "UserKnownHostsFile=/dev/null", f"root@{at}", asked]
        lines = subprocess.run(log_in, check=True, capture_output=True, text=True, timeout=30).stdout.splitlines()
        # A table that is there but lets all through is none.
        rules = [line.split(" [")[0] for line in lines if line[:1] in (":", "-")]
        rest = [" ".join(line.split()[:2]) for line in lines if line[:1].isdigit() or line[:1] == "/"]
        return sorted(rule for rule in rules if not rule.endswith(" ACCEPT") or rule[0] == "-") + sorted(rest)

    def stop(self):
        self._process.stdin.close()
        assert self._process.wait(processes.PATIENCE_SECONDS) == 0
        self._log.close()


def new_key(path):
    """A new SSH key; gives its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@contextlib.contextmanager
def placed(folder, settings="", count=3, options=()):
    """A controller with these lines in its `.env`, whose catalogue names the network of some servers, and a user's key."""
    controller = ControllerServer(folder)
    with open(controller.config / ".env", "a") as file:
        file.write(settings)
    controller.start()
    servers = Servers(folder, controller.data / ".ssh" / "id_ed25519.pub", count, *options)
    catalogue = f"cci_version: '1.0'\nonpremises:\n  default:\n    private_network_ipmask: {servers.network}\n"
    (controller.config / "config" / "vpn_catalog.yml").write_text(catalogue)
    controller.run("init.sh")
    controller.vcc("image", "add", servers.image_file)
    yield controller, servers, new_key(folder / "key")
    assert controller.stop() == 0
    servers.stop()
    assert "panicked" not in controller.log.read_text()

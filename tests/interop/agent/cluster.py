"""Agents that share a wallet, behind a load balancer: haproxy, each request to the next of them."""

import shutil
import socket

import pytest

import processes
from backends import free_port

CONFIGURATION = """
global
    stats socket {folder}/haproxy.sock mode 600 level admin
defaults
    mode http
    option redispatch
    retries 3
    timeout connect 2s
    timeout client 60s
    timeout server 60s
frontend agents
    bind 127.0.0.1:{port}
    default_backend agents
backend agents
    balance roundrobin
    option httpchk GET /status/ready
    default-server check inter 250ms fall 1 rise 1
{agents}
"""
SHORT = {"--label": "-l", "--inbound-transport": "-it", "--outbound-transport": "-ot", "--endpoint": "-e"}
VARIABLES = {"--seed": "ACAPY_WALLET_SEED"}


class Balancer:
    """Stands before agents, once it is started."""

    def __init__(self, folder):
        self._program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
        if not self._program:
            pytest.skip("haproxy is missing")
        self._folder, self.port = folder, free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._process = None

    def start(self, agents):
        servers = [f"    server agent{n} 127.0.0.1:{one.port} check port {one.admin_port}" for n, one in enumerate(agents)]
        text = CONFIGURATION.format(folder=self._folder, port=self.port, agents="\n".join(servers))
        file = self._folder / "haproxy.cfg"
        file.write_text(text)
        log = open(self._folder / "haproxy.log", "wb")
        self._process = processes.start([self._program, "-db", "-f", file], stdout=log, stderr=log)
        processes.eventually(lambda: "no check" not in self._ask("show servers state agents"), what="the balancer")
        return self

    def shares(self):
        """How many requests each agent has had."""
        return [int(count) for count in self._column("stot")]

    def takes_out(self, number):
        """Whether its own checks have told it that this agent is to get nothing."""
        return self._column("status")[number].startswith("DOWN")

    def stop(self):
        processes.stop(self._process)

    def _column(self, name):
        rows = [row.split(",") for row in self._ask("show stat -1 4 -1").splitlines()]
        return [row[rows[0].index(name)] for row in rows if row[0] == "agents"]

    def _ask(self, what):
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self._folder / "haproxy.sock"))
            except OSError:
                return "no check"
            connection.sendall(f"{what}\n".encode())
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def in_short(words):
    """The same options, as people type them."""
    return [SHORT.get(word, word) for word in words], {}


def in_environment(words):
    """The same options, as container definitions have them."""
    given = {}
    for word in map(str, words):
        if word.startswith("--"):
            values = given.setdefault(word, [])
        else:
            values.append(word)
    name = lambda word: VARIABLES.get(word) or "ACAPY_" + word[2:].replace("-", "_").upper()
    return [], {name(word): " ".join(values) or "true" for word, values in given.items()}

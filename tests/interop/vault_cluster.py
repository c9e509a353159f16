"""Several vault servers on one store, as in production: each with ports of its own, one of them active."""

import pathlib
import re
import signal
import time

import requests

import processes
from backends import free_port
from vault_server import VaultServer, storage_stanza

HA_STORES = ["postgresql", "dynamodb-moto", "dynamodb-local"]


def own_storage(store, backends, size):
    """For each server a stanza of one storage, where that is reached, and the text in the stanza that says so."""
    stanza = storage_stanza(store, None, backends, ha=True)
    place = re.search(r"127\.0\.0\.1:(\d+)", stanza)
    return [(stanza, ("127.0.0.1", int(place.group(1))), place.group(0))] * size


class Node(VaultServer):
    """One server of several."""

    def __init__(self, name, storage, folder, options=""):
        self.name, self.store = name, "shared"
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir()
        self.port, self.cluster_port = free_port(), free_port()
        self.config = self.folder / "vault.hcl"
        self.config.write_text(
            'disable_mlock = "true"\n'
            'cluster_name  = "interop"\n'
            f'api_addr      = "http://127.0.0.1:{self.port}"\n'
            f'cluster_addr  = "http://127.0.0.1:{self.cluster_port}"\n'
            f"{options}\n"
            'listener "tcp" {\n'
            f'  address         = "127.0.0.1:{self.port}"\n'
            f'  cluster_address = "127.0.0.1:{self.cluster_port}"\n'
            '  tls_disable     = "true"\n'
            "}\n\n" + storage
        )
        self.process = None

    def health(self, timeout=30):
        """The status of sys/health; 0 if nobody answers."""
        try:
            return requests.get(f"{self.address}/v1/sys/health", timeout=timeout).status_code
        except requests.RequestException:
            return 0

    def kill(self):
        """Ends it as a power cut would."""
        self.process.kill()
        self.process.wait(processes.PATIENCE_SECONDS)
        self.process.stdout.close()

    def pause(self):
        """Takes the processor away from it."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        """Gives it back."""
        self.process.send_signal(signal.SIGCONT)


class VaultCluster:
    """Servers that share a store."""

    def __init__(self, store, folder, backends, size=2, storage=None):
        self.folder = pathlib.Path(folder)
        stanzas = storage or [storage_stanza(store, folder, backends, ha=True)] * size
        self.nodes = [Node(f"node{number}", stanza, folder) for number, stanza in enumerate(stanzas, 1)]
        self.shares, self.threshold, self.root_token = None, 1, None

    def start(self, shares=1, threshold=1):
        """Starts all, initialises one and unseals all."""
        for node in self.nodes:
            node.start()
        first = self.nodes[0]
        first.initialize(shares, threshold)
        self.shares, self.threshold, self.root_token = first.shares, threshold, first.root_token
        for node in self.nodes:
            self.adopt(node)
            self.unseal(node)
        self.active()
        return self

    def adopt(self, node):
        """Tells the test's node what the initialised one knows."""
        node.shares, node.threshold, node.root_token = self.shares, self.threshold, self.root_token

    def unseal(self, node):
        """Unseals one."""
        for share in self.shares[: self.threshold]:
            node.request("PUT", "sys/unseal", {"key": share})
        processes.eventually(lambda: node.health() in (200, 429), what=f"the unsealing of {node.name}")

    def restart(self, node):
        """Starts one that ended."""
        node.start()
        self.unseal(node)

    def active(self, among=None, patience=processes.PATIENCE_SECONDS):
        """The active one, as soon as there is one."""
        def find():
            return next((node for node in among or self.nodes if node.health(timeout=1) == 200), None)
        return processes.eventually(find, patience, what="an active node")

    def standby(self):
        """One that stands by."""
        def find():
            return next((node for node in self.nodes if node.health() == 429), None)
        return processes.eventually(find, what="a standby")

    def failover(self, fault, among):
        """Seconds from the fault to another node's answering as the active one."""
        began = time.monotonic()
        fault()
        self.active(among)
        return time.monotonic() - began

    def stop(self):
        """Ends all; gives the exit codes."""
        codes = []
        for node in self.nodes:
            if node.process.poll() is None:
                node.process.send_signal(signal.SIGCONT)
                codes.append(node.stop())
        return codes

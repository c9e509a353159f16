"""Concurrent check-and-set writes and reads of KV v2 secrets through several servers: recorded, judged afterwards.

A secret whose every write names the version that it replaces is a register with a total order of values, so a
history is linearizable if versions never go back in real time, no version has two writers, and every write that
was acknowledged is there.
"""

import itertools
import random
import threading
import time
from dataclasses import dataclass

import requests

import processes

MOUNT = "history"
SECRETS = 4
# Clients give up early, so that a server that sleeps does not hold all of them.
CLIENT_SECONDS = 3


@dataclass
class Operation:
    """One request; `outcome` is `ok`, `refused` (surely without effect) or `unknown`."""

    kind: str
    secret: str
    begin: float
    end: float
    outcome: str
    version: int
    value: int


class History:
    """Clients that read and write until they are stopped."""

    def __init__(self, cluster, clients=6):
        self._cluster, self._done, self._lock = cluster, [], threading.Lock()
        self._ids, self._stopping = itertools.count(1), threading.Event()
        root = cluster.active().client()
        root.sys.enable_secrets_engine("kv", path=MOUNT, options={"version": "2"})
        root.secrets.kv.v2.configure(max_versions=100_000, mount_point=MOUNT)
        self._clients = [threading.Thread(target=self._client, args=(seed,), daemon=True) for seed in range(clients)]
        for client in self._clients:
            client.start()
        self.more(20)

    def acknowledged(self):
        """How many writes were acknowledged up to now."""
        with self._lock:
            return sum(operation.kind == "write" and operation.outcome == "ok" for operation in self._done)

    def more(self, count, patience=processes.PATIENCE_SECONDS):
        """Waits until so many more writes were acknowledged."""
        wanted = self.acknowledged() + count
        processes.eventually(lambda: self.acknowledged() >= wanted, patience, f"{count} more acknowledged writes")

    def judge(self):
        """Stops the clients and judges what they saw; gives the numbers of acknowledged and unknown writes."""
        self._stopping.set()
        for client in self._clients:
            client.join(processes.PATIENCE_SECONDS)
            assert not client.is_alive(), "a client got no answer"
        node = self._cluster.active()
        for number in range(SECRETS):
            self._judge_secret(node, f"s{number}")
        writes = [operation for operation in self._done if operation.kind == "write"]
        count = lambda outcome: sum(operation.outcome == outcome for operation in writes)
        return count("ok"), count("unknown")

    def _client(self, seed):
        chance = random.Random(seed)
        session = requests.Session()
        session.headers["X-Vault-Token"] = self._cluster.root_token
        while not self._stopping.is_set():
            node, secret = chance.choice(self._cluster.nodes), f"s{chance.randrange(SECRETS)}"
            url = f"{node.address}/v1/{MOUNT}/data/{secret}"
            seen = self._attempt("read", secret, lambda: session.get(url, timeout=CLIENT_SECONDS))
            if seen.outcome == "ok" and chance.random() < 0.7:
                value = next(self._ids)
                body = {"data": {"id": value}, "options": {"cas": seen.version}}
                self._attempt("write", secret, lambda: session.post(url, json=body, timeout=CLIENT_SECONDS), seen.version + 1, value)

    def _attempt(self, kind, secret, send, version=0, value=0):
        begin = time.monotonic()
        outcome = "unknown"
        try:
            answer = send()
            if answer.status_code == 200 and kind == "read":
                data = answer.json()["data"]
                outcome, version, value = "ok", data["metadata"]["version"], data["data"]["id"]
            elif answer.status_code == 200:
                assert answer.json()["data"]["version"] == version, answer.text
                outcome = "ok"
            elif answer.status_code == 404 and kind == "read":
                outcome = "ok"
            elif answer.status_code == 400 and "check-and-set" in answer.text:
                outcome = "refused"
        except requests.RequestException:
            # It may have been carried out all the same. A moment's rest, for a server that is gone refuses at once.
            self._stopping.wait(0.05)
        operation = Operation(kind, secret, begin, time.monotonic(), outcome, version, value)
        with self._lock:
            self._done.append(operation)
        return operation

    def _judge_secret(self, node, secret):
        operations = [operation for operation in self._done if operation.secret == secret]
        writes = {operation.value: operation for operation in operations if operation.kind == "write"}
        latest = node.request("GET", f"{MOUNT}/metadata/{secret}").json()["data"]["current_version"]
        stored = {0: 0}
        for version in range(1, latest + 1):
            answer = node.request("GET", f"{MOUNT}/data/{secret}?version={version}").json()
            stored[version] = answer["data"]["data"]["id"]
        for version, value in stored.items():
            if version:
                write = writes[value]
                assert (write.version, write.outcome != "refused") == (version, True), (version, write)
        sure = [operation for operation in operations if operation.outcome == "ok"]
        for operation in sure:
            assert stored.get(operation.version) == operation.value, f"lost or changed: {operation}"
            if operation.kind == "read" and operation.version:
                assert writes[operation.value].begin <= operation.end, f"read before it was written: {operation}"
        newest, ended = 0, sorted(sure, key=lambda operation: operation.end)
        position = 0
        for operation in sorted(sure, key=lambda operation: operation.begin):
            while ended[position].end < operation.begin:
                newest = max(newest, ended[position].version)
                position += 1
            least = newest + 1 if operation.kind == "write" else newest
            assert operation.version >= least, f"version {newest} was known before {operation} began"

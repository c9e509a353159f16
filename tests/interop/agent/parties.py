"""Agents, ours and ACA-Py's: started with the same options, driven by the same calls, heard by the same webhooks."""

import http.server
import itertools
import json
import os
import pathlib
import signal
import threading

import pytest
import requests

import processes
from backends import free_port
from vault_server import BINARY, TOP

WALLET = ("--wallet-name", "ours", "--wallet-key", "secret", "--auto-provision")
VERSIONS = pathlib.Path(os.environ.get("TRUSTKEEP_TEST_ACA_PY", TOP / ".test-env/aca-py"))
_numbers = itertools.count()


class Webhooks:
    """Hears what agents tell their controllers; each by a path of its own."""

    def __init__(self):
        heard, changed = {}, threading.Condition()

        class Ear(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                _, name, _, topic, *_ = self.path.split("/")
                with changed:
                    heard.setdefault(name, []).append((topic, body, dict(self.headers)))
                    changed.notify_all()
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self._heard, self._changed = heard, changed
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Ear)
        self.place = self._server.server_address
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, name):
        return f"http://127.0.0.1:{self._server.server_port}/{name}"

    def of(self, name, topic):
        with self._changed:
            return [body for at, body, _ in self._heard.get(name, []) if at == topic]

    def headers(self, name):
        with self._changed:
            return [headers for _, _, headers in self._heard.get(name, [])]

    def wait_for(self, name, topic, condition, count=1):
        """Waits until so many bodies of a topic fit; gives them."""
        fitting = lambda: [body for at, body, _ in self._heard.get(name, []) if at == topic and condition(body)]
        with self._changed:
            if not self._changed.wait_for(lambda: len(fitting()) >= count, processes.PATIENCE_SECONDS):
                raise AssertionError(f"{name} was told of {topic} {len(fitting())} times, not {count}: {self._heard.get(name)[-12:]}")
            return fitting()

    def stop(self):
        self._server.shutdown()


class Party:
    """An agent in a process of its own."""

    def __init__(self, program, name, folder, webhooks, options=(), environment=None, endpoint=None, controller=None):
        self.name, self.webhooks = f"{name}-{next(_numbers)}", webhooks
        self.controller = controller or self.name
        self.port, self.admin_port = free_port(), free_port()
        self.endpoint = endpoint or f"http://127.0.0.1:{self.port}"
        self.log = folder / f"{self.name}.log"
        self.program = program
        self.arguments = [
            "--label", self.name,
            "--inbound-transport", "http", "127.0.0.1", self.port, "--outbound-transport", "http",
            "--endpoint", self.endpoint, "--admin", "127.0.0.1", self.admin_port, "--admin-insecure-mode",
            "--webhook-url", f"{webhooks.url(self.controller)}#key-of-{self.name}",
            "--auto-ping-connection", "--auto-accept-invites", "--auto-accept-requests",
            "--preserve-exchange-records", "--no-ledger", *options,
        ]  # fmt: skip
        home = folder / f"{self.name}-home"
        home.mkdir()
        self.environment = {"HOME": str(home), **(environment or {})}
        self._process = None

    def start(self):
        return self.begin().wait_until_ready()

    def begin(self):
        """Starts it, and does not wait for it."""
        log = self.log.open("ab")
        command = [*self.program, "start", *self.arguments]
        self._process = processes.start(command, environment=self.environment, stdout=log, stderr=log)
        return self

    def wait_until_ready(self):
        processes.eventually(self._is_ready, what=f"{self.name} is ready")
        return self

    def stop(self):
        return processes.stop(self._process)

    def kill(self):
        """Ends it as a power cut would."""
        processes.stop(self._process, signal.SIGKILL)

    @property
    def process_id(self):
        return self._process.pid

    def call(self, method, path, body=None, headers=None, **query):
        """The status, and the body as JSON or as a text."""
        url = f"http://127.0.0.1:{self.admin_port}{path}"
        patience = processes.PATIENCE_SECONDS
        answer = requests.request(method, url, json=body, params=query, headers=headers, timeout=patience)
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text

    def get(self, path, **query):
        return self._good(self.call("GET", path, **query))

    def post(self, path, body=None, **query):
        return self._good(self.call("POST", path, {} if body is None else body, **query))

    def told(self, topic, condition=lambda _: True, count=1):
        return self.webhooks.wait_for(self.controller, topic, condition, count)

    def wait_for_connection(self, connection_id, state="active"):
        self.told("connections", lambda body: body["connection_id"] == connection_id and body["state"] == state)
        return self.get(f"/connections/{connection_id}")

    def _good(self, answer):
        status, body = answer
        assert status == 200, f"{self.name}: {status} {body}\n{self.log.read_text(errors='replace')[-2000:]}"
        return body

    def _is_ready(self):
        if self._process.poll() is not None:
            raise RuntimeError(f"{self.name} ended:\n{self.log.read_text(errors='replace')}")
        try:
            return self.call("GET", "/status/ready")[0] == 200
        except requests.ConnectionError:
            return False


def ours(folder, webhooks, options=WALLET, name="ours", **more):
    """Our agent."""
    return Party(our_program(folder), name, folder, webhooks, options, **more)


def our_program(folder):
    """Our program, by ACA-Py's name."""
    link = folder / "aca-py"
    if not link.exists():
        link.symlink_to(BINARY.resolve())
    return [link]


def aca_py(version, folder, webhooks, options=()):
    """ACA-Py itself."""
    wallet = ["--wallet-type", "askar", "--wallet-name", "w", "--wallet-key", "secret", "--auto-provision"]
    return Party(aca_py_program(version), f"aca-py-{version}", folder, webhooks, [*wallet, *options])


def aca_py_program(version):
    python = VERSIONS / version / "bin/python"
    if not python.exists():
        pytest.skip(f"ACA-Py {version}: not in {VERSIONS} (./test installs it where there is a Python for it)")
    return [python, "-m", "acapy_agent" if version >= "1.1" else "aries_cloudagent"]


def postgres_wallet(server, name):
    """The options of a wallet in a database of its own."""
    creds = {"account": "postgres", "password": "foobarbaz", "admin_account": "postgres", "admin_password": "foobarbaz"}
    return [
        "--wallet-name", name, "--wallet-key", "thisissecret", "--wallet-storage-type", "postgres_storage",
        "--wallet-storage-config", json.dumps({"url": f"127.0.0.1:{server.port}", "wallet_scheme": "DatabasePerWallet"}),
        "--wallet-storage-creds", json.dumps(creds), "--auto-provision",
    ]  # fmt: skip


def connect(inviter, invitee):
    """A connection of connections/1.0: its id at the one and at the other."""
    made = inviter.post("/connections/create-invitation")
    taken = invitee.post("/connections/receive-invitation", made["invitation"])
    ids = made["connection_id"], taken["connection_id"]
    inviter.wait_for_connection(ids[0])
    invitee.wait_for_connection(ids[1])
    return ids

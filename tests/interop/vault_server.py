"""A vault server from a real configuration file, and the stores that it can stand on."""

import itertools
import os
import pathlib
import signal
import subprocess
import uuid

import hvac
import requests

import processes

STORES = ["file", "inmem", "postgresql", "dynamodb-moto", "dynamodb-local"]
TOP = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("TRUSTKEEP_BIN", TOP / "target/debug/trustkeep"))


def storage_stanza(store, folder, backends, ha=False):
    """A storage stanza whose data no other server has."""
    own = uuid.uuid4().hex[:12]
    if store == "file":
        return f'storage "file" {{\n  path = "{folder}/data"\n}}\n'
    if store == "inmem":
        return 'storage "inmem" {}\n'
    if store == "postgresql":
        url = backends.get("postgresql").new_database(f"vault_{own}")
        enabled = '  ha_enabled = "true"\n' if ha else ""
        return f'storage "postgresql" {{\n  connection_url = "{url}"\n{enabled}}}\n'
    endpoint = backends.get({"dynamodb-moto": "moto", "dynamodb-local": "dynamodb-local"}[store]).endpoint
    return (
        'storage "dynamodb" {\n'
        f'  table      = "vault-{own}"\n'
        '  region     = "eu-central-1"\n'
        f'  endpoint   = "{endpoint}"\n'
        '  access_key = "AKIATRUSTKEEPTESTS"\n'
        '  secret_key = "not-a-secret"\n'
        f'  ha_enabled = "{str(ha).lower()}"\n'
        "}\n"
    )


class VaultServer:
    """`trustkeep vault server` with a configuration of its own: started, stopped, started again."""

    environment = None

    def __init__(self, store, folder, backends):
        self.store = store
        self.folder = pathlib.Path(folder)
        self.config = self.folder / "vault.hcl"
        self.config.write_text(
            "ui            = true\n"
            'disable_mlock = "true"\n'
            'cluster_name  = "interop"\n'
            'log_level     = "Info"\n\n'
            'listener "tcp" {\n  address     = "127.0.0.1:0"\n  tls_disable = "true"\n}\n\n'
            + storage_stanza(store, folder, backends)
        )
        self.shares, self.root_token, self.process = [], None, None
        self._names = itertools.count()

    def start(self):
        """Starts it and waits until it answers."""
        log = open(self.folder / "server.log", "ab")
        command = [BINARY, "vault", "server", f"-config={self.config}"]
        self.process = processes.start(command, None, self.environment, stdout=subprocess.PIPE, stderr=log)
        try:
            line = processes.line_with(self.process, self.process.stdout, "Listener: tcp")
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{self.log()}") from None
        self.address = "http://" + line.split('addr: "')[1].split('"')[0]
        return self

    def stop(self, how=signal.SIGTERM):
        """Stops it and gives its exit code."""
        code = processes.stop(self.process, how)
        self.process.stdout.close()
        return code

    def initialize(self, shares=5, threshold=3):
        """Initialises it; it stays sealed."""
        made = self.client(token=None).sys.initialize(shares, threshold)
        self.shares, self.threshold, self.root_token = made["keys_base64"], threshold, made["root_token"]
        return made

    def unseal(self):
        """Unseals it with as many shares as that takes."""
        self.client(token=None).sys.submit_unseal_keys(self.shares[: self.threshold])
        assert self.health() == 200

    def client(self, token=""):
        """An hvac client: of the root token, unless another is named or `None`."""
        client = hvac.Client(url=self.address, timeout=30)
        client.token = self.root_token if token == "" else token
        return client

    def health(self):
        """The status of sys/health."""
        return requests.get(f"{self.address}/v1/sys/health", timeout=30).status_code

    def request(self, method, path, body=None, token="", headers=None):
        """A bare request, for what hvac does not show; gives the answer of `requests`."""
        token = self.root_token if token == "" else token
        headers = {**({"X-Vault-Token": token} if token else {}), **(headers or {})}
        return requests.request(method, f"{self.address}/v1/{path}", json=body, headers=headers, timeout=30)

    def new_name(self, kind):
        """A name that no other test of this server has."""
        return f"{kind}-{next(self._names)}"

    def log(self):
        """What it logged so far."""
        return (self.folder / "server.log").read_text(errors="replace")

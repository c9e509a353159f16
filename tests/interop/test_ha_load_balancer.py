"""A load balancer in front of two servers, asking sys/health as the guide says: only the active one gets requests."""

import pathlib
import shutil
import time

import pytest
import requests

import processes
from backends import free_port
from vault_cluster import VaultCluster

CONFIGURATION = """
defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
frontend vault
    bind 127.0.0.1:{port}
    default_backend servers
backend servers
    option httpchk GET /v1/sys/health
    http-check expect status 200
    http-response set-header X-Served-By %s
    default-server check inter 250ms fall 1 rise 1
{servers}
"""


@pytest.fixture
def balanced(backends, tmp_path):
    """Two servers and the address of the balancer before them."""
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if not program:
        pytest.skip("haproxy is missing")
    cluster = VaultCluster("postgresql", tmp_path, backends).start()
    port = free_port()
    servers = "\n".join(f"    server {node.name} 127.0.0.1:{node.port}" for node in cluster.nodes)
    configuration = tmp_path / "haproxy.cfg"
    configuration.write_text(CONFIGURATION.format(port=port, servers=servers))
    log = open(tmp_path / "haproxy.log", "wb")
    balancer = processes.start([program, "-db", "-f", configuration], stdout=log, stderr=log)
    yield cluster, f"http://127.0.0.1:{port}/v1"
    processes.stop(balancer)
    assert set(cluster.stop()) == {0}, pathlib.Path(log.name).read_text()


def test_the_balancer_follows_the_active_server(balanced):
    cluster, address = balanced
    headers = {"X-Vault-Token": cluster.root_token}

    def served_by(node):
        try:
            answer = requests.get(f"{address}/sys/health", timeout=30)
        except requests.ConnectionError:
            return False
        return answer.status_code == 200 and answer.headers.get("X-Served-By") == node.name

    def write(name):
        # A standby that was asked before its check and finds no active one names the last: nothing was written.
        body, options = {"data": {"n": name}}, {"headers": headers, "timeout": 30, "allow_redirects": False}
        return requests.post(f"{address}/kv/data/{name}", json=body, **options).status_code == 200

    active, standby = cluster.active(), cluster.standby()
    # The balancer takes turns, and counts on everyone until it has checked: four in a row are more than a turn.
    processes.eventually(lambda: all(served_by(active) for _ in range(4)), what="the balancer's choice")
    active.client().sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
    assert all(write(f"before{number}") for number in range(20))

    began = time.monotonic()
    active.kill()
    processes.eventually(lambda: write("after-crash"), what="a write after the crash")
    print(f"through the balancer after a crash: {time.monotonic() - began:.2f} s")
    assert time.monotonic() - began < 12
    assert served_by(standby)
    cluster.restart(active)

    began = time.monotonic()
    standby.process.terminate()
    processes.eventually(lambda: served_by(active) and write("after-end"), what="a write after the end")
    print(f"through the balancer after an orderly end: {time.monotonic() - began:.2f} s")
    assert time.monotonic() - began < 4
    assert standby.stop() == 0
    cluster.restart(standby)
    for name in ["before0", "after-crash", "after-end"]:
        answer = requests.get(f"{address}/kv/data/{name}", headers=headers, timeout=30)
        assert answer.json()["data"]["data"] == {"n": name}

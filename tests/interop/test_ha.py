"""Several servers on one store: who answers, where standbys send requests, and what happens when one goes away."""

import signal

import hvac
import pytest
import requests

import processes
from vault_cluster import HA_STORES, VaultCluster


@pytest.fixture(scope="module", params=HA_STORES)
def cluster(request, backends, tmp_path_factory):
    """Two servers on each store that several can share, open."""
    cluster = VaultCluster(request.param, tmp_path_factory.mktemp("ha"), backends).start()
    root = cluster.active().client()
    root.sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
    yield cluster
    codes = cluster.stop()
    logs = "\n".join(node.log() for node in cluster.nodes)
    assert set(codes) == {0}, logs
    assert "panicked" not in logs


def write(node, name, value, **more):
    answer = node.request("POST", f"kv/data/{name}", {"data": {"value": value}, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["version"]


def read(node, name):
    answer = node.request("GET", f"kv/data/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]["data"]["value"]


def test_a_standby_says_that_it_is_one_and_who_is_active(cluster):
    active, standby = cluster.active(), cluster.standby()
    assert (active.health(), standby.health()) == (200, 429)
    body = standby.request("GET", "sys/health", token=None)
    assert body.json()["standby"] is True and body.json()["sealed"] is False
    assert active.request("GET", "sys/health", token=None).json()["standby"] is False
    for query, status in [("standbyok=true", 200), ("standbycode=473", 473), ("standbyok=false", 429)]:
        assert standby.request("GET", f"sys/health?{query}", token=None).status_code == status
    leader = standby.request("GET", "sys/leader", token=None).json()
    assert leader["ha_enabled"] is True and leader["is_self"] is False
    assert leader["leader_address"] == active.address
    assert leader["leader_cluster_address"] == f"https://127.0.0.1:{active.cluster_port}"
    leader = active.request("GET", "sys/leader", token=None).json()
    assert leader["is_self"] is True and leader["leader_address"] == active.address
    assert leader["active_time"] > "2020"
    status = standby.client(token=None).sys.read_seal_status()
    assert status["sealed"] is False and status["initialized"] is True


def test_requests_to_a_standby_are_answered_by_the_active_node(cluster):
    active, standby = cluster.active(), cluster.standby()
    assert write(standby, "forwarded", "one") == 1
    assert read(active, "forwarded") == read(standby, "forwarded") == "one"
    client = standby.client()
    assert client.secrets.kv.v2.list_secrets("", mount_point="kv")["data"]["keys"] == ["forwarded"]
    client.secrets.kv.v2.patch("forwarded", {"more": 1}, mount_point="kv")
    with pytest.raises(hvac.exceptions.InvalidRequest, match="check-and-set"):
        client.secrets.kv.v2.create_or_update_secret("forwarded", {}, cas=1, mount_point="kv")
    assert standby.request("GET", "kv/data/nowhere").status_code == 404
    assert standby.request("GET", "kv/data/forwarded", token="hvs.wrong").status_code == 403
    assert standby.request("POST", "kv/data/forwarded", token=None).status_code == 403
    large = "x" * 300_000
    write(standby, "large", large)
    assert read(standby, "large") == large
    assert standby.request("PUT", "sys/step-down", token="hvs.wrong").status_code == 403
    policy = standby.request("GET", "sys/policies/acl/a%20b").json()
    assert policy == {"errors": []}
    head = requests.head(f"{standby.address}/v1/kv/data/forwarded", headers={"X-Vault-Token": standby.root_token}, timeout=30)
    assert head.status_code == 200 and head.content == b""


def test_a_client_that_wants_no_forwarding_is_sent_to_the_active_node(cluster):
    active, standby = cluster.active(), cluster.standby()
    headers = {"X-Vault-Token": standby.root_token, "X-Vault-No-Request-Forwarding": "true"}
    url = f"{standby.address}/v1/kv/metadata?list=true&x=a%20b"
    answer = requests.get(url, headers=headers, allow_redirects=False, timeout=30)
    assert answer.status_code == 307
    assert answer.headers["Location"] == f"{active.address}/v1/kv/metadata?list=true&x=a%20b"
    assert requests.get(url, headers=headers, timeout=30).status_code == 200
    about_a_node = standby.request("GET", "sys/metrics?format=prometheus")
    assert [step.status_code for step in about_a_node.history] == [307] and about_a_node.status_code == 200


def test_the_nodes_are_listed(cluster):
    active, standby = cluster.active(), cluster.standby()

    def both():
        nodes = standby.request("GET", "sys/ha-status").json()["data"]["nodes"]
        return nodes if len(nodes) == 2 else None

    nodes = processes.eventually(both, what="the echo of the standby")
    assert [(node["api_address"], node["active_node"]) for node in nodes] == [(active.address, True), (standby.address, False)]
    assert nodes[0]["last_echo"] is None and nodes[1]["last_echo"] > "2020"
    assert set(nodes[0]) == {"hostname", "api_address", "cluster_address", "active_node", "last_echo", "version"}


def test_a_standby_is_not_sealed(cluster):
    answer = cluster.standby().request("PUT", "sys/seal")
    assert answer.status_code == 500
    assert answer.json() == {"errors": ["vault cannot seal when in standby mode; please restart instead"]}


def test_the_port_between_nodes_takes_nobody_else(cluster):
    active = cluster.active()
    for scheme in ("http", "https"):
        with pytest.raises(requests.RequestException):
            requests.get(f"{scheme}://127.0.0.1:{active.cluster_port}/v1/sys/health", verify=False, timeout=10)


def test_step_down_hands_over_and_standing_by_the_node_is_used(cluster):
    active, standby = cluster.active(), cluster.standby()
    write(active, "before", "step-down")
    assert active.request("PUT", "sys/step-down").status_code == 204
    # Neither node fails a request meanwhile.
    assert read(active, "before") == read(standby, "before") == "step-down"
    processes.eventually(lambda: standby.health() == 200, 5, "the other node's turn")
    assert active.health() == 429
    write(active, "after", "step-down")
    assert read(standby, "after") == "step-down"


def test_keys_that_the_former_leader_rotated_are_known_to_the_next(cluster):
    active, standby = cluster.active(), cluster.standby()
    assert active.request("PUT", "sys/rotate").status_code in (200, 204)
    write(active, "rotated", "new term")
    active.request("PUT", "sys/step-down")
    processes.eventually(lambda: standby.health() == 200, 5, "the other node's turn")
    assert read(standby, "rotated") == read(active, "rotated") == "new term"


def test_a_sealed_leader_lets_go(cluster):
    active, standby = cluster.active(), cluster.standby()
    seconds = cluster.failover(lambda: active.request("PUT", "sys/seal"), [standby])
    assert seconds < 3
    assert active.health() == 503
    assert active.request("GET", "kv/data/before").status_code == 503
    cluster.unseal(active)
    assert active.health() == 429
    assert read(active, "before") == "step-down"


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_an_orderly_end_hands_over_within_two_seconds(cluster, how):
    active, standby = cluster.active(), cluster.standby()
    write(active, "orderly", how.name)
    seconds = cluster.failover(lambda: active.process.send_signal(how), [standby])
    assert read(standby, "orderly") == how.name
    assert active.stop() == 0
    cluster.restart(active)
    print(f"failover after {how.name}: {seconds:.2f} s")
    assert seconds < 2


def test_after_a_crash_another_node_is_active_within_ten_seconds(cluster):
    active, standby = cluster.active(), cluster.standby()
    write(active, "crash", "kept")
    seconds = cluster.failover(active.kill, [standby])
    assert read(standby, "crash") == "kept"
    cluster.restart(active)
    print(f"failover after a crash: {seconds:.2f} s")
    assert seconds < 10

"""Faults of servers that share a store: no acknowledged write is lost, no two of them answer as the active one."""

import random
import threading

import pytest
import requests

import processes
from history import History
from proxy import Proxy, throttled
from vault_cluster import HA_STORES, VaultCluster, own_storage

FAILOVER_SECONDS_MAX = 10
# Not moto: it answers a transaction that it refuses by putting every table back to what it was when that began, and so
# loses what others wrote meanwhile (`original_table_state` in its `transact_write_items`).
STORES = [store for store in HA_STORES if store != "dynamodb-moto"]


class Setting:
    """Two servers, each behind a proxy of its own to the store."""

    def __init__(self, store, folder, backends, environments=(None, None)):
        self.store = store
        self.proxies, stanzas = [], []
        for stanza, upstream, place in own_storage(store, backends, size=2):
            proxy = Proxy(upstream)
            self.proxies.append(proxy)
            stanzas.append(stanza.replace(place, f"127.0.0.1:{proxy.port}"))
        self.cluster = VaultCluster(store, folder, backends, storage=stanzas)
        for node, environment in zip(self.cluster.nodes, environments):
            node.environment = environment
        self.cluster.start()

    def proxy_of(self, node):
        return self.proxies[self.cluster.nodes.index(node)]

    def roles(self):
        """The active node and the other one."""
        active = self.cluster.active()
        return active, next(node for node in self.cluster.nodes if node is not active)

    def stop(self):
        for proxy in self.proxies:
            proxy.heal()
        codes = self.cluster.stop()
        for proxy in self.proxies:
            proxy.close()
        logs = "\n".join(node.log() for node in self.cluster.nodes)
        assert set(codes) == {0}, logs
        assert "panicked" not in logs


@pytest.fixture(params=STORES)
def setting(request, backends, tmp_path):
    setting = Setting(request.param, tmp_path, backends)
    yield setting
    setting.stop()


def is_standby(node):
    return processes.eventually(lambda: node.health() == 429, what=f"{node.name} standing by")


def test_nothing_is_lost_when_leaders_crash(setting):
    history = History(setting.cluster)
    for _ in range(2):
        active, other = setting.roles()
        assert setting.cluster.failover(active.kill, [other]) < FAILOVER_SECONDS_MAX
        history.more(10)
        setting.cluster.restart(active)
    history.more(10)
    assert history.judge()[0] >= 50


def test_nothing_fails_for_good_when_leaders_end_or_step_down(setting):
    active, other = setting.roles()
    # An answer that has to be logged first is longer under way: the end of a term finds more of them.
    log = setting.cluster.folder / "audit.log"
    device = {"type": "file", "options": {"file_path": str(log)}}
    assert active.request("PUT", "sys/audit/file", device).status_code == 204
    history = History(setting.cluster)
    active.request("PUT", "sys/step-down")
    processes.eventually(lambda: other.health() == 200, FAILOVER_SECONDS_MAX, "the handover")
    history.more(10)
    assert setting.cluster.failover(other.process.terminate, [active]) < 2
    other.stop()
    history.more(10)
    setting.cluster.restart(other)
    history.more(10)
    history.judge()


def test_a_paused_leader_cannot_write_when_it_wakes(setting):
    history = History(setting.cluster)
    paused, other = setting.roles()
    assert setting.cluster.failover(paused.pause, [other]) < FAILOVER_SECONDS_MAX
    history.more(10)
    # Sent to the one that sleeps: they are waiting when it wakes and takes itself for the active one.
    answers = []
    ask = lambda number: answers.append(paused.request("POST", f"history/data/woken{number}", {"data": {"id": number}}))
    waiting = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in waiting:
        thread.start()
    paused.resume()
    for thread in waiting:
        thread.join(60)
    is_standby(paused)
    assert other.health() == 200
    history.more(10)
    acknowledged, _ = history.judge()
    assert acknowledged >= 30
    # What it said was written is there for the other.
    for answer in answers:
        assert answer.status_code in (200, 500, 502, 503), answer.text
    written = sum(answer.status_code == 200 for answer in answers)
    found = [other.request("GET", f"history/data/woken{number}").status_code for number in range(4)]
    assert found.count(200) >= written


@pytest.mark.parametrize("how", ["cut", "fall_silent"])
def test_a_leader_without_its_store_gives_way(setting, how):
    history = History(setting.cluster)
    active, other = setting.roles()
    proxy = setting.proxy_of(active)
    assert setting.cluster.failover(getattr(proxy, how), [other]) < FAILOVER_SECONDS_MAX
    assert active.health() != 200
    history.more(10)
    proxy.heal()
    is_standby(active)
    history.more(10)
    history.judge()


def test_a_standby_without_its_store_still_forwards(setting):
    history = History(setting.cluster)
    active, standby = setting.roles()
    setting.proxy_of(standby).cut()
    history.more(30)
    assert standby.health() == 429
    answer = standby.request("GET", "history/metadata?list=true")
    assert answer.status_code == 200, answer.text
    assert active.health() == 200
    history.judge()


def test_a_store_that_was_away_finds_one_leader(setting):
    history = History(setting.cluster)
    for proxy in setting.proxies:
        proxy.cut()
    processes.eventually(lambda: all(node.health() != 200 for node in setting.cluster.nodes), what="the end of the term")
    for proxy in setting.proxies:
        proxy.heal()
    setting.cluster.active(patience=FAILOVER_SECONDS_MAX + 5)
    history.more(20)
    assert sorted(node.health() for node in setting.cluster.nodes) == [200, 429]
    history.judge()


@pytest.mark.parametrize("setting", ["dynamodb-local"], indirect=True)
def test_throttling_is_waited_out(setting):
    history = History(setting.cluster)
    chance = random.Random(7)
    for proxy in setting.proxies:
        proxy.answer(lambda request: throttled(request) if request.startswith(b"POST") and chance.random() < 0.3 else None)
    history.more(30)
    for proxy in setting.proxies:
        proxy.heal()
    setting.cluster.active(patience=FAILOVER_SECONDS_MAX)
    history.more(10)
    history.judge()


@pytest.mark.parametrize("store", STORES)
def test_a_clock_that_is_an_hour_off_makes_no_difference(store, backends, tmp_path, library_faketime):
    ahead = {"LD_PRELOAD": library_faketime, "FAKETIME": "+1h", "DONT_FAKE_MONOTONIC": "1"}
    setting = Setting(store, tmp_path, backends, environments=(None, ahead))
    try:
        dates = [node.request("GET", "sys/health", token=None).json()["server_time_utc"] for node in setting.cluster.nodes]
        assert 3500 < dates[1] - dates[0] < 3700
        history = History(setting.cluster)
        for _ in range(2):
            active, other = setting.roles()
            assert setting.cluster.failover(active.kill, [other]) < FAILOVER_SECONDS_MAX
            history.more(10)
            setting.cluster.restart(active)
            is_standby(active)
        history.judge()
    finally:
        setting.stop()


@pytest.mark.parametrize("store", HA_STORES)
def test_of_servers_that_initialise_at_once_one_wins(store, backends, tmp_path):
    cluster = VaultCluster(store, tmp_path, backends, size=3)
    answers = {}
    gate = threading.Barrier(3)

    def initialise(node):
        gate.wait()
        body = {"secret_shares": 1, "secret_threshold": 1}
        answers[node.name] = requests.put(f"{node.address}/v1/sys/init", json=body, timeout=60)

    for node in cluster.nodes:
        node.start()
    threads = [threading.Thread(target=initialise, args=(node,)) for node in cluster.nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(answer.status_code for answer in answers.values()) == [200, 400, 400]
    for answer in answers.values():
        if answer.status_code == 200:
            made = answer.json()
        else:
            assert answer.json() == {"errors": ["Vault is already initialized"]}
    cluster.shares, cluster.root_token = made["keys_base64"], made["root_token"]
    for node in cluster.nodes:
        cluster.adopt(node)
        cluster.unseal(node)
    assert cluster.active().client().is_authenticated()
    assert set(cluster.stop()) == {0}


def test_without_an_address_for_clients_a_server_does_not_start(backends, tmp_path):
    cluster = VaultCluster("postgresql", tmp_path, backends, size=1)
    node = cluster.nodes[0]
    config = node.config.read_text()
    node.config.write_text("\n".join(line for line in config.splitlines() if not line.startswith("api_addr")))
    with pytest.raises(RuntimeError, match="missing API address, please set in configuration or via environment"):
        node.start()


def test_leadership_in_another_store_is_refused(backends, tmp_path):
    cluster = VaultCluster("postgresql", tmp_path, backends, size=1)
    node = cluster.nodes[0]
    node.config.write_text(node.config.read_text() + '\nha_storage "inmem" {}\n')
    with pytest.raises(RuntimeError, match="ha_storage: leadership kept in another storage"):
        node.start()

"""Ceremonies of the keys with two servers on one store: what the one that stood by knows when it takes over."""

import pytest
from hvac.exceptions import InvalidRequest

import processes
from test_ha import read, write
from test_seals import new_kms_key, unmask
from vault_cluster import VaultCluster

# The watch on the lease and the time to load; a lease that runs out takes six seconds more.
TAKEOVER_SECONDS = 10


@pytest.fixture(scope="module")
def cluster(backends, tmp_path_factory):
    """Two servers with three key shares of which two are needed, open."""
    cluster = VaultCluster("postgresql", tmp_path_factory.mktemp("ha-keys"), backends).start(shares=3, threshold=2)
    cluster.active().client().sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
    yield cluster
    _end(cluster)


@pytest.fixture(scope="module")
def auto(backends, tmp_path_factory):
    """Two servers that KMS unseals, with three recovery keys of which two are needed."""
    endpoint = backends.get("moto").endpoint
    cluster = VaultCluster("postgresql", tmp_path_factory.mktemp("ha-auto"), backends)
    key = new_kms_key(endpoint)
    for node in cluster.nodes:
        with node.config.open("a") as config:
            config.write(
                'seal "awskms" {\n'
                '  region     = "eu-central-1"\n'
                '  access_key = "AKIATRUSTKEEPTESTS"\n'
                '  secret_key = "not-a-secret"\n'
                f'  endpoint   = "{endpoint}"\n'
                f'  kms_key_id = "{key}"\n'
                "}\n"
            )
        node.start()
    first = cluster.nodes[0]
    made = first.client(token=None).sys.initialize(0, 0, recovery_shares=3, recovery_threshold=2)
    cluster.shares, cluster.root_token = [], made["root_token"]
    cluster.recovery = made["recovery_keys_base64"]
    for node in cluster.nodes:
        cluster.adopt(node)
    cluster.active().client().sys.enable_secrets_engine("kv", path="kv", options={"version": "2"})
    yield cluster
    _end(cluster)


def _end(cluster):
    codes = cluster.stop()
    logs = "\n".join(node.log() for node in cluster.nodes)
    assert set(codes) == {0}, logs
    assert "panicked" not in logs


def _crash(cluster, active, standby):
    """Kills the active one; the other takes over, although nobody unseals it."""
    active.kill()
    cluster.active([standby], TAKEOVER_SECONDS)


def _rekey(cluster, through):
    """Replaces the shares; gives the old ones."""
    client = through.client(token=None)
    begun = client.sys.start_rekey(secret_shares=3, secret_threshold=2)
    assert begun["required"] == 2
    done = client.sys.rekey_multi(cluster.shares[:2], nonce=begun["nonce"])
    assert done["complete"] and len(done["keys_base64"]) == 3
    old, cluster.shares = cluster.shares, done["keys_base64"]
    for node in cluster.nodes:
        cluster.adopt(node)
    return old



def test_a_rotated_key_is_known_to_who_takes_over(cluster):
    active, standby = cluster.active(), cluster.standby()
    write(active, "old", "before the rotation")
    before = active.client().sys.get_encryption_key_status()["data"]["term"]
    active.client().sys.rotate_encryption_key()
    write(active, "new", "after the rotation")
    _crash(cluster, active, standby)
    assert standby.client().sys.get_encryption_key_status()["data"]["term"] == before + 1
    assert read(standby, "old") == "before the rotation"
    assert read(standby, "new") == "after the rotation"
    assert write(standby, "new", "by the other") == 2
    cluster.restart(active)
    assert read(active, "new") == "by the other"


@pytest.mark.parametrize("through", ["active", "standby"])
@pytest.mark.parametrize("rotated", [False, True], ids=["alone", "after-rotations"])
def test_after_a_rekey_the_other_takes_over_and_only_the_new_shares_open(cluster, through, rotated):
    active, standby = cluster.active(), cluster.standby()
    if rotated:
        # Two terms of which the standby has not heard when the root key changes.
        active.client().sys.rotate_encryption_key()
        active.client().sys.rotate_encryption_key()
    old = _rekey(cluster, {"active": active, "standby": standby}[through])
    write(active, "rekeyed", through)
    _crash(cluster, active, standby)
    assert read(standby, "rekeyed") == through
    write(standby, "rekeyed", "by the other")

    active.start()
    assert active.health() == 503
    with pytest.raises(InvalidRequest):
        active.client(token=None).sys.submit_unseal_keys(old[:2])
    assert active.health() == 503
    cluster.unseal(active)
    assert read(active, "rekeyed") == "by the other"
    # And it can lead.
    assert standby.request("PUT", "sys/step-down").status_code == 204
    cluster.active([active], TAKEOVER_SECONDS)
    assert read(standby, "rekeyed") == "by the other"


def test_a_root_token_is_made_through_the_standby(cluster):
    active, standby = cluster.active(), cluster.standby()
    client = standby.client(token=None)
    begun = client.sys.start_root_token_generation()
    progress = active.client(token=None).sys.read_root_generation_progress()
    assert (progress["started"], progress["nonce"]) == (True, begun["nonce"])
    assert client.sys.generate_root(cluster.shares[0], begun["nonce"])["progress"] == 1
    done = client.sys.generate_root(cluster.shares[2], begun["nonce"])
    token = unmask(done["encoded_token"], begun["otp"])
    for node in (active, standby):
        assert node.client(token=token).lookup_token()["data"]["policies"] == ["root"]
    assert standby.client(token=token).sys.list_mounted_secrets_engines()["data"]["kv/"]["type"] == "kv"


def test_an_attempt_goes_with_the_term_in_which_it_was_begun(cluster):
    active, standby = cluster.active(), cluster.standby()
    begun = active.client(token=None).sys.start_rekey(secret_shares=1, secret_threshold=1)
    active.client(token=None).sys.rekey(cluster.shares[0], nonce=begun["nonce"])
    active.client(token=None).sys.start_root_token_generation()
    assert active.request("PUT", "sys/step-down").status_code == 204
    cluster.active([standby], TAKEOVER_SECONDS)
    for node in cluster.nodes:
        assert node.client(token=None).sys.read_rekey_progress()["started"] is False
        assert node.client(token=None).sys.read_root_generation_progress()["started"] is False
        with pytest.raises(InvalidRequest, match="no barrier rekey in progress"):
            node.client(token=None).sys.rekey(cluster.shares[1], nonce=begun["nonce"])
    # Nor is it there again when the first leads again.
    assert standby.request("PUT", "sys/step-down").status_code == 204
    cluster.active([active], TAKEOVER_SECONDS)
    assert active.client(token=None).sys.read_rekey_progress()["started"] is False
    _rekey(cluster, active)
    assert active.request("PUT", "sys/step-down").status_code == 204
    cluster.active([standby], TAKEOVER_SECONDS)
    write(standby, "stepped-down", "and rekeyed")
    assert read(active, "stepped-down") == "and rekeyed"


def test_a_sealed_server_stays_sealed_while_the_other_leads(cluster):
    active, standby = cluster.active(), cluster.standby()
    assert active.request("PUT", "sys/seal").status_code == 204
    cluster.active([standby], TAKEOVER_SECONDS)
    # The lease is free for a while, and only the other takes it.
    assert standby.request("PUT", "sys/step-down").status_code == 204
    processes.eventually(lambda: standby.health() == 429, TAKEOVER_SECONDS, "the step-down")
    cluster.active([standby], TAKEOVER_SECONDS)
    assert active.health() == 503
    assert active.client(token=None).sys.read_seal_status()["sealed"] is True
    assert active.request("GET", "kv/data/old").status_code == 503
    write(standby, "sealed", "the other")
    cluster.unseal(active)
    assert active.health() == 429
    assert read(active, "sealed") == "the other"


def test_servers_that_kms_unseals_need_nobody(auto):
    active, standby = auto.active(), auto.standby()
    write(active, "crash", "kept")
    _crash(auto, active, standby)
    assert read(standby, "crash") == "kept"
    active.start()
    processes.eventually(lambda: active.health() == 429, what="the standing by of the restarted server")
    assert active.client(token=None).sys.read_seal_status()["sealed"] is False
    assert read(active, "crash") == "kept"


def test_recovery_keys_are_replaced_through_the_standby(auto):
    active, standby = auto.active(), auto.standby()
    client = standby.client(token=None)
    begun = client.sys.start_rekey(secret_shares=3, secret_threshold=2, recovery_key=True)
    done = client.sys.rekey_multi(auto.recovery[:2], nonce=begun["nonce"], recovery_key=True)
    assert done["complete"] and len(done["keys_base64"]) == 3
    old, new = auto.recovery, done["keys_base64"]
    _crash(auto, active, standby)
    # Who took over holds the new ones for right, and only those; with them the root key is replaced.
    begun = client.sys.start_rekey(secret_shares=1, secret_threshold=1)
    with pytest.raises(InvalidRequest):
        client.sys.rekey_multi(old[:2], nonce=begun["nonce"])
    status = client.sys.read_rekey_progress()
    assert (status["started"], status["progress"]) == (True, 0)
    assert client.sys.rekey_multi(new[:2], nonce=status["nonce"])["complete"]
    auto.recovery = new
    write(standby, "rekeyed", "root key")
    active.start()
    processes.eventually(lambda: active.health() == 429, what="the standing by of the restarted server")
    _crash(auto, standby, active)
    assert read(active, "rekeyed") == "root key"
    standby.start()
    processes.eventually(lambda: standby.health() == 429, what="the standing by of the restarted server")
